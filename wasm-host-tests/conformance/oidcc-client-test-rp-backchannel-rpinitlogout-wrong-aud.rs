//! The logout token is for another client.

use super::leaving;
use super::suite::ResponseMode;
use crate::world::World;

pub fn module<W: World, M: ResponseMode>() {
    leaving::is_not_told::<W, M>(leaving::setup::<M>(), "logout_token.audience_mismatch", |token| {
        token.append("aud", "1")
    });
}
