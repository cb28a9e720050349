//! `iss` is missing.

use super::fapi;
use crate::world::World;

pub fn module<W: World>() {
    fapi::stops_at_id_token::<W>("id_token.issuer_mismatch", |token| token.remove("iss"));
}
