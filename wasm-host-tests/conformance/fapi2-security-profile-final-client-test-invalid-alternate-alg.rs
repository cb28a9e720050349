//! Validly signed with RS256, where PS256 or ES256 was agreed on (FAPI 2.0 Security Profile §5.4.1).

use super::fapi;
use crate::provider::keys::TestKey;
use crate::world::World;

pub fn module<W: World>() {
    fapi::stops_at_id_token::<W>("id_token.algorithm_not_allowed", |token| token.sign_with(TestKey::Rsa1));
}
