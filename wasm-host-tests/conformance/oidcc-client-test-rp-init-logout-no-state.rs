//! RP-initiated logout: `state` does not come back (OIDC RP-Initiated Logout 1.0 §3).

use super::leaving;
use super::suite::ResponseMode;
use crate::world::World;

pub fn module<W: World, M: ResponseMode>() {
    leaving::by_redirect::<W, M>("");
}
