//! The logout token is not signed.

use super::leaving;
use super::suite::ResponseMode;
use crate::provider::id_token::Signing;
use crate::world::World;

pub fn module<W: World, M: ResponseMode>() {
    leaving::is_not_told::<W, M>(leaving::setup::<M>(), "logout_token.algorithm_unsupported", |token| {
        token.header["alg"] = "none".into();
        token.signing = Signing::Unsigned;
    });
}
