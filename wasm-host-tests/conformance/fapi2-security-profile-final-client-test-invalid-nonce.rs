//! `nonce` is another one.

use super::fapi;
use crate::world::World;

pub fn module<W: World>() {
    fapi::stops_at_id_token::<W>("id_token.nonce_mismatch", |token| token.append("nonce", "1"));
}
