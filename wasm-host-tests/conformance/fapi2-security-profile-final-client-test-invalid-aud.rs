//! `aud` is another client.

use super::fapi;
use crate::world::World;

pub fn module<W: World>() {
    fapi::stops_at_id_token::<W>("id_token.audience_mismatch", |token| token.append("aud", "1"));
}
