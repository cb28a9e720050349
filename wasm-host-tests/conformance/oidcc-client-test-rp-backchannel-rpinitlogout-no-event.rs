//! The logout token has no `events` (OIDC Back-Channel Logout 1.0 §2.4).

use super::leaving;
use super::suite::ResponseMode;
use crate::world::World;

pub fn module<W: World, M: ResponseMode>() {
    leaving::is_not_told::<W, M>(leaving::setup::<M>(), "logout_token.no_logout_event", |token| token.remove("events"));
}
