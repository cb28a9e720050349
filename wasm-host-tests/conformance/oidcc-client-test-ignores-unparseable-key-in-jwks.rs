//! Two keys of the set are of kinds that nobody knows (RFC 7517 §5).

use serde_json::json;

use super::suite::{self, ResponseMode};
use crate::world::World;

pub fn module<W: World, M: ResponseMode>() {
    let setup = suite::common::<M>().provider(|provider| {
        suite::publish(provider, |keys| {
            let of_the_future = json!({
                "kty": "AKP", "alg": "ML-DSA-9999", "kid": "unusable-pq-sig-key", "use": "sig", "pub": "cGxhY2Vob2xkZXI",
            });
            let unknown = json!({"kty": "UNSUPPORTED", "alg": "UNSUPPORTED", "kid": "unusable-unknown-sig-key", "use": "sig"});
            keys.splice(0..0, [of_the_future, unknown]);
        });
    });
    suite::completes::<W>(setup);
}
