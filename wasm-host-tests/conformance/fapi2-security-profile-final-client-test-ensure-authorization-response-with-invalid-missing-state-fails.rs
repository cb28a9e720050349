//! `state` is missing (RFC 6749 §10.12).

use super::fapi;
use crate::world::World;

pub fn module<W: World>() {
    fapi::stops_at_response::<W>("authorization_response.state_missing", |name, value| {
        (name != "state").then_some(value)
    });
}
