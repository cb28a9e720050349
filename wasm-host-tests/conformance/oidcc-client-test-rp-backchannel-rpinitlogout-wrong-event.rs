//! The logout token is about another event.

use super::leaving;
use super::suite::ResponseMode;
use crate::world::World;

pub fn module<W: World, M: ResponseMode>() {
    leaving::is_not_told::<W, M>(leaving::setup::<M>(), "logout_token.no_logout_event", |token| {
        token.claim("events", serde_json::json!({"http://schemas.openid.net/event/wrong": {}}))
    });
}
