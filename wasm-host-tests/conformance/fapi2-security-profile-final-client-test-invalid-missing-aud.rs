//! `aud` is missing.

use super::fapi;
use crate::world::World;

pub fn module<W: World>() {
    fapi::stops_at_id_token::<W>("id_token.audience_missing", |token| token.remove("aud"));
}
