//! `sub` is missing (OIDC Core 1.0 §2).

use super::suite::{self, ResponseMode};
use crate::world::World;

pub fn module<W: World, M: ResponseMode>() {
    suite::stops_at_id_token::<W, M>("id_token.sub_missing", |token| token.remove("sub"));
}
