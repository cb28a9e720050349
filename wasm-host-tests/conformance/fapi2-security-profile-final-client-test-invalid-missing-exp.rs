//! `exp` is missing.

use super::fapi;
use crate::world::World;

pub fn module<W: World>() {
    fapi::stops_at_id_token::<W>("id_token.exp_missing", |token| token.remove("exp"));
}
