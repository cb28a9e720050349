//! `aud` is another client (OIDC Core 1.0 §3.1.3.7, 3).

use super::suite::{self, ResponseMode};
use crate::world::World;

pub fn module<W: World, M: ResponseMode>() {
    suite::stops_at_id_token::<W, M>("id_token.audience_mismatch", |token| token.append("aud", "1"));
}
