//! `state` is another one (RFC 6749 §10.12).

use super::fapi;
use crate::world::World;

pub fn module<W: World>() {
    fapi::stops_at_response::<W>("login.state_invalid", |name, value| {
        Some(if name == "state" { format!("{value}1") } else { value })
    });
}
