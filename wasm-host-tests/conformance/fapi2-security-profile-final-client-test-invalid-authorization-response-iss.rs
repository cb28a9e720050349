//! `iss` of the response is another issuer (RFC 9207 §2.4).

use super::fapi;
use crate::world::World;

pub fn module<W: World>() {
    fapi::stops_at_response::<W>("authorization_response.issuer_mismatch", |name, value| {
        Some(if name == "iss" { format!("{value}1") } else { value })
    });
}
