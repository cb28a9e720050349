//! Claims are asked for by their scopes, and come from UserInfo (OIDC Core 1.0 §5.4).

use super::suite::{self, ResponseMode};
use crate::world::World;

pub fn module<W: World, M: ResponseMode>() {
    let run = suite::completes::<W>(suite::common::<M>().header("x-auth-name", "claims.name"));
    let authorization = run.page.authorizations().remove(0);
    let scope = authorization.query_pairs().find(|(name, _)| name == "scope").expect("a scope").1.into_owned();
    let asked: Vec<&str> = scope.split(' ').collect();
    assert!(asked.contains(&"openid") && asked.contains(&"profile") && asked.contains(&"email"), "{scope}");
    let upstream = run.page.exchange.forwarded();
    assert_eq!(upstream.header("x-auth-name"), Some("Demo T. User"));
    assert_eq!(upstream.header("x-auth-email"), Some("user@example.com"));
}
