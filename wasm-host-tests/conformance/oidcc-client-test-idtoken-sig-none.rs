//! An ID token without a signature, which nobody registered for (OIDC Core 1.0 §3.1.3.7, 7).

use super::suite::{self, ResponseMode};
use crate::provider::id_token::Signing;
use crate::world::World;

pub fn module<W: World, M: ResponseMode>() {
    suite::stops_at_id_token::<W, M>("id_token.algorithm_unsupported", |token| {
        token.header = serde_json::json!({"alg": "none"});
        token.signing = Signing::Unsigned;
    });
}
