//! The token endpoint takes HTTP Basic and nothing else, both parts form-encoded (RFC 6749 §2.3.1).

use super::suite::{self, ResponseMode};
use crate::provider::{CLIENT_SECRET, Endpoint};
use crate::world::World;

pub fn module<W: World, M: ResponseMode>() {
    let form_encoded: String = form_urlencoded::byte_serialize(CLIENT_SECRET.as_bytes()).collect();
    assert_ne!(form_encoded, CLIENT_SECRET, "a secret that shows the difference");
    let mut run = suite::completes::<W>(suite::common::<M>());
    let request = run.world.provider().last(Endpoint::Token).cloned().expect("a token request");
    assert!(request.header("authorization").is_some_and(|value| value.starts_with("Basic ")));
    assert_eq!((request.posted("client_secret"), request.posted("client_assertion")), (None, None));
}
