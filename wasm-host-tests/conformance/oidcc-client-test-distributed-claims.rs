//! UserInfo says where else claims can be had (OIDC Core 1.0 §5.6.2). The suite would like them to be fetched; here nothing is
//! fetched from an address that somebody names in a token.

use serde_json::json;

use super::suite::{self, ResponseMode};
use crate::provider::ISSUER;
use crate::world::World;

pub fn module<W: World, M: ResponseMode>() {
    let setup = suite::common::<M>().header("x-auth-credit", "claims.credit_score").provider(|provider| {
        provider.change_userinfo(|answer| {
            let source = json!({"endpoint": format!("{ISSUER}/claims_endpoint"), "access_token": "of-the-source"});
            answer.claim("_claim_names", json!({"credit_score": "src1"}));
            answer.claim("_claim_sources", json!({"src1": source}));
        });
    });
    let run = suite::completes::<W>(setup);
    assert_eq!(run.page.exchange.forwarded().header("x-auth-credit"), None);
}
