//! The logout token is validly signed, with an algorithm that nobody registered.

use super::leaving;
use super::suite::ResponseMode;
use crate::provider::keys::TestKey;
use crate::world::World;

pub fn module<W: World, M: ResponseMode>() {
    leaving::is_not_told::<W, M>(
        leaving::setup::<M>().of_provider("algorithms", serde_json::json!(["RS256"])),
        "logout_token.algorithm_not_allowed",
        |token| token.sign_with(TestKey::P256A),
    );
}
