//! `jwks_uri` is another one every time: the metadata comes before everything else, the keys before UserInfo.

use std::time::{SystemTime, UNIX_EPOCH};

use super::suite::{self, ResponseMode};
use crate::provider::{Endpoint, ISSUER};
use crate::world::World;

pub fn module<W: World, M: ResponseMode>() {
    let chance = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_nanos();
    let path = format!("/keys/jwks-{chance}");
    let jwks_uri = format!("{ISSUER}{path}");
    let setup = suite::common::<M>().provider(|provider| {
        suite::describe(provider, move |metadata| metadata["jwks_uri"] = jwks_uri.clone().into());
    });
    let mut run = suite::completes::<W>(setup);
    let provider = run.world.provider();
    let order: Vec<Endpoint> = provider.log.iter().map(|(endpoint, _)| *endpoint).collect();
    let first = |endpoint| order.iter().position(|other| *other == endpoint);
    assert_eq!(first(Endpoint::Discovery), Some(0), "{order:?}");
    assert!(first(Endpoint::Keys) < first(Endpoint::Userinfo), "{order:?}");
    assert!(provider.last(Endpoint::Keys).is_some_and(|request| request.target().ends_with(&path)));
}
