//! The happy path.

use super::suite::{self, ResponseMode};
use crate::world::World;

pub fn module<W: World, M: ResponseMode>() {
    let run = suite::completes::<W>(suite::common::<M>());
    assert_eq!(run.page.exchange.forwarded().header("x-auth-subject"), Some(suite::SUBJECT));
}
