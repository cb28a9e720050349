//! The metadata is of another issuer: nothing is pushed there.

use super::{fapi, suite};
use crate::provider::{Endpoint, ISSUER};
use crate::world::World;

pub fn module<W: World>() {
    let setup = fapi::setup().provider(|provider| {
        provider.change_metadata(|metadata| metadata["issuer"] = format!("{ISSUER}INVALID").into());
    });
    let mut run = suite::refused::<W>(setup, 502, "discovery.issuer_mismatch");
    let provider = run.world.provider();
    assert!(provider.log.iter().all(|(endpoint, _)| *endpoint == Endpoint::Discovery), "{:?}", provider.log);
}
