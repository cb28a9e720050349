//! UserInfo takes the access token in the header and nowhere else (RFC 6750 §2.1).

use super::suite::{self, ResponseMode};
use crate::provider::Endpoint;
use crate::world::World;

pub fn module<W: World, M: ResponseMode>() {
    let mut run = suite::completes::<W>(suite::common::<M>());
    let request = run.world.provider().last(Endpoint::Userinfo).cloned().expect("a call to UserInfo");
    assert_eq!(request.header("authorization"), Some("Bearer access-token-of-code-1"));
    assert_eq!((request.target().contains('?'), request.body.is_empty()), (false, true));
}
