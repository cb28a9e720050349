//! The logout token is of another issuer.

use super::leaving;
use super::suite::ResponseMode;
use crate::world::World;

pub fn module<W: World, M: ResponseMode>() {
    leaving::is_not_told::<W, M>(leaving::setup::<M>(), "logout_token.issuer_mismatch", |token| {
        token.append("iss", "1")
    });
}
