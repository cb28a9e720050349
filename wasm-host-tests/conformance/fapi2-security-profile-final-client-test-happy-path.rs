//! The happy path: with both kinds of client authentication, and with both algorithms.

use super::fapi;
use crate::provider::id_token::Signing;
use crate::provider::keys::TestKey;
use crate::world::World;

pub fn module<W: World>() {
    fapi::completes::<W>(fapi::setup());
    fapi::completes::<W>(fapi::with_certificate());
    fapi::completes::<W>(fapi::forging(|token| {
        token.header = serde_json::json!({"alg": "PS256", "kid": TestKey::Rsa1.kid()});
        token.signing = Signing::Pss(TestKey::Rsa1);
    }));
}
