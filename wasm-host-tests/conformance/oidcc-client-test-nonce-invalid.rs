//! `nonce` is not the one of the request (OIDC Core 1.0 §3.1.3.7, 11).

use super::suite::{self, ResponseMode};
use crate::world::World;

pub fn module<W: World, M: ResponseMode>() {
    suite::stops_at_id_token::<W, M>("id_token.nonce_mismatch", |token| token.append("nonce", "1"));
}
