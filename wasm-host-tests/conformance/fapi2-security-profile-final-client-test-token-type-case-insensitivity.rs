//! The token endpoint turns the case of `token_type` round (RFC 6749 §5.1).

use super::fapi;
use crate::world::World;

pub fn module<W: World>() {
    fapi::completes::<W>(fapi::setup().provider(|provider| {
        provider.change_token_answer(|answer| answer["token_type"] = "bEARER".into());
    }));
}
