//! HS256 with the client secret, and every byte of it is wrong. Here no HMAC proves anything, right or wrong.

use super::suite::{self, ResponseMode};
use crate::provider::CLIENT_SECRET;
use crate::provider::id_token::Signing;
use crate::world::World;

pub fn module<W: World, M: ResponseMode>() {
    for signing in [Signing::CorruptedHmac(CLIENT_SECRET), Signing::Hmac(CLIENT_SECRET)] {
        suite::stops_at_id_token::<W, M>("id_token.algorithm_unsupported", move |token| {
            token.header = serde_json::json!({"alg": "HS256", "typ": "JWT"});
            token.signing = signing;
        });
    }
}
