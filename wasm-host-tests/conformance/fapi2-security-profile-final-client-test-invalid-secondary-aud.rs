//! `aud` is this client and another one, without `azp` (OIDC Core 1.0 §3.1.3.7, 3).

use super::fapi;
use crate::world::World;

pub fn module<W: World>() {
    fapi::stops_at_id_token::<W>("id_token.azp_missing", |token| {
        let ours = token.claims["aud"].as_str().expect("a client").to_owned();
        token.claim("aud", serde_json::json!([ours, format!("{ours}1")]));
    });
}
