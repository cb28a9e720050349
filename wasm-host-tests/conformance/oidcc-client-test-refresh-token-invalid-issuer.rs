//! The ID token of a refresh has another `iss` (OIDC Core 1.0 §12.2).

use super::refreshing;
use super::suite::ResponseMode;
use crate::world::World;

pub fn module<W: World, M: ResponseMode>() {
    refreshing::ends::<W, M>("id_token.issuer_mismatch", |token| token.append("iss", "1"));
}
