//! UserInfo is a JWT with `iss` and `aud`, signed with RS256 (OIDC Core 1.0 §5.3.2).

use super::suite::{self, ResponseMode};
use crate::provider::id_token::Signing;
use crate::world::World;

pub fn module<W: World, M: ResponseMode>() {
    let signed = || suite::common::<M>().provider(|provider| provider.signs_userinfo = true);
    let run = suite::completes::<W>(signed());
    assert_eq!(run.page.exchange.forwarded().header("x-auth-email"), Some("user@example.com"));
    let corrupted =
        signed().provider(|provider| provider.change_userinfo(|answer| answer.signing = Signing::Corrupted(M::SIGNS)));
    suite::refused::<W>(corrupted, 502, "userinfo.signature_invalid");
}
