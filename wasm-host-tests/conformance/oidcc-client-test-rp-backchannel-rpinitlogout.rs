//! A logout token with `typ: JWT`, an unknown claim and an unknown parameter beside it is a logout token (OIDC Back-Channel Logout 1.0 §2.6).

use super::leaving;
use super::suite::ResponseMode;
use crate::world::World;

pub fn module<W: World, M: ResponseMode>() {
    leaving::is_told::<W, M>(|token| {
        token.header["typ"] = "JWT".into();
        token.claim("unknown_claim", "of the suite");
    });
}
