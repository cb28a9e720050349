//! Every byte of an ES256 signature is wrong (OIDC Core 1.0 §3.1.3.7, 6).

use super::suite::{self, ResponseMode};
use crate::provider::id_token::Signing;
use crate::provider::keys::TestKey;
use crate::world::World;

pub fn module<W: World, M: ResponseMode>() {
    suite::stops_at_id_token::<W, M>("id_token.signature_invalid", |token| {
        token.sign_with(TestKey::P256A);
        token.signing = Signing::Corrupted(TestKey::P256A);
    });
}
