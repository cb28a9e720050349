//! No key has a `kid`, and three are of the type that the token needs. One may reject such a token or try them all; we reject it.

use super::suite::{self, ResponseMode};
use crate::provider::keys::TestKey;
use crate::world::World;

pub fn module<W: World, M: ResponseMode>() {
    let setup = suite::forging::<M>(|token| {
        token.header.as_object_mut().map(|members| members.remove("kid"));
    });
    let setup = setup.provider(|provider| {
        suite::publish(provider, |keys| {
            *keys = TestKey::ALL.map(TestKey::jwk).to_vec();
            keys.extend(suite::public_keys(&["rsa-3", "p256-c", "secp256k1", "secp256k1-b", "secp256k1-c"]));
            keys.extend(suite::public_keys(&["ed25519", "ed25519-b", "ed25519-c"]));
            suite::without_kids(keys);
        });
    });
    suite::stops::<W>(setup, "id_token.key_ambiguous");
}
