//! The whole set is new at the moment when the ID token is signed (OIDC Core 1.0 §10.1.1).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::suite::{self, ResponseMode};
use crate::provider::Endpoint;
use crate::world::World;

pub fn module<W: World, M: ResponseMode>() {
    let published = Arc::new(AtomicBool::new(false));
    let signs = Arc::clone(&published);
    let setup = suite::forging::<M>(move |token| {
        signs.store(true, Ordering::SeqCst);
        suite::sign_with_new_key(token);
    });
    let setup = setup.provider(|provider| {
        suite::publish(provider, move |keys| {
            if published.load(Ordering::SeqCst) {
                suite::renew(keys);
            }
        });
    });
    let mut run = suite::completes::<W>(setup);
    assert_eq!(run.world.provider().count(Endpoint::Keys), 2);
}
