//! No key has a `kid`, and only one is of the type that the token needs (OIDC Core 1.0 §10.1).

use super::suite::{self, ResponseMode};
use crate::provider::keys::TestKey;
use crate::world::World;

pub fn module<W: World, M: ResponseMode>() {
    let setup = suite::forging::<M>(|token| {
        token.header.as_object_mut().map(|members| members.remove("kid"));
    });
    suite::completes::<W>(setup.provider(|provider| {
        suite::publish(provider, |keys| {
            *keys = vec![M::SIGNS.jwk(), TestKey::P256A.jwk()];
            keys.extend(suite::public_keys(&["secp256k1", "ed25519"]));
            suite::without_kids(keys);
        });
    }));
}
