//! The logout token has a `nonce` (OIDC Back-Channel Logout 1.0 §2.4).

use super::leaving;
use super::suite::ResponseMode;
use crate::world::World;

pub fn module<W: World, M: ResponseMode>() {
    leaving::is_not_told::<W, M>(leaving::setup::<M>(), "logout_token.nonce_present", |token| {
        token.claim("nonce", "of-no-login")
    });
}
