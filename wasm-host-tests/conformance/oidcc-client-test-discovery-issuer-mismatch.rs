//! The metadata is of another issuer (OIDC Discovery 1.0 §4.3): nobody is sent to its endpoints.

use super::suite::{self, ResponseMode};
use crate::provider::{Endpoint, ISSUER};
use crate::world::World;

pub fn module<W: World, M: ResponseMode>() {
    let setup = suite::common::<M>().provider(|provider| {
        suite::describe(provider, |metadata| metadata["issuer"] = format!("{ISSUER}INVALID").into());
    });
    let mut run = suite::refused::<W>(setup, 502, "discovery.issuer_mismatch");
    let provider = run.world.provider();
    assert!(provider.log.iter().all(|(endpoint, _)| *endpoint == Endpoint::Discovery), "{:?}", provider.log);
}
