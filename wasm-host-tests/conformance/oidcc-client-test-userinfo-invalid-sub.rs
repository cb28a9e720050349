//! UserInfo is about somebody else (OIDC Core 1.0 §5.3.2).

use super::suite::{self, ResponseMode};
use crate::provider::Endpoint;
use crate::world::World;

pub fn module<W: World, M: ResponseMode>() {
    let setup =
        suite::common::<M>().provider(|provider| provider.change_userinfo(|answer| answer.append("sub", "invalid")));
    let mut run = suite::refused::<W>(setup, 502, "userinfo.subject_mismatch");
    assert_eq!(run.world.provider().count(Endpoint::Userinfo), 1);
}
