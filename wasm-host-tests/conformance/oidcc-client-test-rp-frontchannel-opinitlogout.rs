//! The person signs out at the provider, which shows our front-channel logout in a frame (OIDC Front-Channel Logout 1.0 §3).

use super::leaving;
use super::suite::ResponseMode;
use crate::message::Request;
use crate::provider::Endpoint;
use crate::scenarios::has_session;
use crate::world::World;

pub fn module<W: World, M: ResponseMode>() {
    let mut run = leaving::sign_in::<W>(leaving::setup::<M>().session("same_site", "none"));
    leaving::frame(&run.browser, &mut run.world);
    assert!(!has_session(&mut run.browser, &mut run.world));
    run.browser.send(&mut run.world, Request::navigation("/private")).refused_with(302);
    assert_eq!(run.world.provider().count(Endpoint::EndSession), 0);
}
