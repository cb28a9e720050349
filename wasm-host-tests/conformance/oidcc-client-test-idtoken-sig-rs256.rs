//! Signed with RS256, the default (OIDC Core 1.0 §3.1.3.7, 7).

use super::suite::{self, ResponseMode};
use crate::world::World;

pub fn module<W: World, M: ResponseMode>() {
    let setup = suite::forging::<M>(|token| assert_eq!(token.header["alg"], "RS256"));
    suite::completes::<W>(setup.of_provider("algorithms", serde_json::json!(["RS256"])));
}
