//! The ID token is not signed.

use super::fapi;
use crate::provider::id_token::Signing;
use crate::world::World;

pub fn module<W: World>() {
    fapi::stops_at_id_token::<W>("id_token.algorithm_unsupported", |token| {
        token.header = serde_json::json!({"alg": "none"});
        token.signing = Signing::Unsigned;
    });
}
