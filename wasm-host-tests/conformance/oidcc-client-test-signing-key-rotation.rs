//! The whole set is replaced when the second authorization request comes (OIDC Core 1.0 §10.1.1).

use super::suite::{self, ResponseMode};
use crate::browser::{Browser, Tab};
use crate::message::Request;
use crate::provider::Endpoint;
use crate::world::World;

pub fn module<W: World, M: ResponseMode>() {
    let mut world = suite::completes::<W>(suite::common::<M>()).world;
    assert_eq!(world.provider().count(Endpoint::Keys), 1);
    let mut browser = Browser::default();
    let redirect = browser.send(&mut world, Request::navigation("/"));
    redirect.refused_with(302);
    {
        let mut provider = world.provider();
        provider.forge(suite::sign_with_new_key);
        suite::publish(&mut provider, |keys| suite::renew(keys));
    }
    let tab = Tab::at_provider(redirect.response.location());
    let mut run = suite::completes_by(world, browser, tab, "/");
    assert_eq!(run.world.provider().count(Endpoint::Keys), 2);
}
