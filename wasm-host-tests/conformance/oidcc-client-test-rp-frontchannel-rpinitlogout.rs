//! The end-session endpoint shows a page with our front-channel logout in a frame, then sends the browser back.

use super::leaving;
use super::suite::ResponseMode;
use crate::world::World;

pub fn module<W: World, M: ResponseMode>() {
    let mut run = leaving::sign_in::<W>(leaving::setup::<M>().session("same_site", "none"));
    let tab = leaving::leave::<W, M>(&mut run);
    leaving::frame(&run.browser, &mut run.world);
    leaving::comes_back(run, tab, "?state=latchkey-signed-out");
}
