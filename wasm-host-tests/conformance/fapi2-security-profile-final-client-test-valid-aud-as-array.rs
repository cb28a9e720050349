//! `aud` is a list of this client alone.

use super::fapi;
use crate::world::World;

pub fn module<W: World>() {
    fapi::completes::<W>(fapi::forging(|token| {
        let ours = token.claims["aud"].take();
        token.claim("aud", serde_json::json!([ours]));
    }));
}
