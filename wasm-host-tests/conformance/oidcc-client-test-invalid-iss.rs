//! `iss` is another issuer (OIDC Core 1.0 §3.1.3.7, 2).

use super::suite::{self, ResponseMode};
use crate::world::World;

pub fn module<W: World, M: ResponseMode>() {
    suite::stops_at_id_token::<W, M>("id_token.issuer_mismatch", |token| token.append("iss", "1"));
}
