//! The metadata is fetched and used (OIDC Discovery 1.0 §4).

use super::suite::{self, ResponseMode};
use crate::provider::Endpoint;
use crate::world::World;

pub fn module<W: World, M: ResponseMode>() {
    let mut run = suite::completes::<W>(suite::common::<M>());
    let request = run.world.provider().last(Endpoint::Discovery).cloned().expect("the metadata was fetched");
    assert_eq!(request.method(), "GET");
    assert!(request.target().ends_with("/realms/corp/.well-known/openid-configuration"), "{}", request.target());
}
