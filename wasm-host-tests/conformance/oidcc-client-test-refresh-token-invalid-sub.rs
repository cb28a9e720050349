//! The ID token of a refresh has another `sub` (OIDC Core 1.0 §12.2).

use super::refreshing;
use super::suite::ResponseMode;
use crate::world::World;

pub fn module<W: World, M: ResponseMode>() {
    refreshing::ends::<W, M>("refresh.subject_mismatch", |token| token.append("sub", "1"));
}
