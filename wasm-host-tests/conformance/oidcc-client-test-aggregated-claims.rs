//! UserInfo passes claims of others on, in a JWT that nobody signed (OIDC Core 1.0 §5.6.2). They are nobody’s claims here.

use serde_json::json;

use super::suite::{self, ResponseMode};
use crate::provider::id_token::{Draft, Signing};
use crate::world::World;

pub fn module<W: World, M: ResponseMode>() {
    let setup = suite::common::<M>().header("x-auth-phone", "claims.phone_number").provider(|provider| {
        provider.change_userinfo(|answer| {
            let claims = json!({"address": {"locality": "Los Angeles"}, "phone_number": "+1 (310) 123-4567"});
            let mut aggregated = Draft::new(M::SIGNS, claims);
            aggregated.header = json!({"alg": "none"});
            aggregated.signing = Signing::Unsigned;
            answer.claim("_claim_names", json!({"address": "src1", "phone_number": "src1"}));
            answer.claim("_claim_sources", json!({"src1": {"JWT": aggregated.sign()}}));
        });
    });
    let run = suite::completes::<W>(setup);
    assert_eq!(run.page.exchange.forwarded().header("x-auth-phone"), None);
}
