//! `iss` of the response is missing, which the metadata promises (RFC 9207 §2.4).

use super::fapi;
use crate::world::World;

pub fn module<W: World>() {
    fapi::stops_at_response::<W>("authorization_response.issuer_missing", |name, value| {
        (name != "iss").then_some(value)
    });
}
