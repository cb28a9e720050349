//! The token endpoint does not say how long the access token lives (RFC 6749 §5.1).

use super::fapi;
use crate::world::World;

pub fn module<W: World>() {
    fapi::completes::<W>(fapi::setup().provider(|provider| {
        provider.change_token_answer(|answer| {
            answer.as_object_mut().map(|members| members.remove("expires_in"));
        });
    }));
}
