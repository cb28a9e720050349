//! Sessions whose tokens are refreshed, as the suite's `AbstractOIDCCClientTestRefreshToken` has them.

use std::time::Duration;

use super::suite::{self, ResponseMode, Run};
use crate::provider::id_token::Draft;
use crate::provider::{Endpoint, RefreshTokens};
use crate::scenarios::has_session;
use crate::setup::Setup;
use crate::world::{Exchange, World};

/// How long access tokens live. They are refreshed when half of that is over.
const LIFETIME: Duration = Duration::from_secs(4);

/// The application gets the access token, and each refresh token is good for one refresh.
pub fn setup<M: ResponseMode>() -> Setup {
    suite::common::<M>().header("authorization", "\"Bearer \" + access_token").provider(|provider| {
        provider.refresh_tokens = RefreshTokens::Rotating;
        provider.access_token_lifetime = LIFETIME;
        suite::describe(provider, |metadata| {
            metadata["grant_types_supported"] = serde_json::json!(["authorization_code", "implicit", "refresh_token"]);
        });
    })
}

/// A request when the tokens are due for a refresh.
pub fn later<W: World>(run: &mut Run<W>) -> Exchange {
    run.world.advance(LIFETIME.mul_f64(0.75));
    run.browser.fetch(&mut run.world, "/api")
}

/// After a refresh that brings this ID token nobody asks for UserInfo, and the session is over.
pub fn ends<W: World, M: ResponseMode>(reason: &str, change: impl FnMut(&mut Draft) + Send + 'static) {
    let mut run = suite::completes::<W>(setup::<M>());
    run.world.provider().forge(change);
    later(&mut run).refused_with(401);
    run.world.settle();
    assert_eq!(run.world.provider().count(Endpoint::Token), 2);
    assert_eq!(run.world.provider().count(Endpoint::Userinfo), 1);
    assert!(!has_session(&mut run.browser, &mut run.world));
    let log = run.world.log();
    assert!(log.iter().any(|line| line.contains(reason)), "{reason} not in {log:?}");
}
