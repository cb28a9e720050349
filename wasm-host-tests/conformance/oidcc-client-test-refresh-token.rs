//! A refresh brings an access token, a refresh token and an ID token; UserInfo is asked again with the new one (OIDC Core 1.0 §12).

use super::refreshing;
use super::suite::{self, ResponseMode};
use crate::provider::Endpoint;
use crate::world::World;

pub fn module<W: World, M: ResponseMode>() {
    let mut run = suite::completes::<W>(refreshing::setup::<M>());
    let exchange = refreshing::later(&mut run);
    let token = exchange.forwarded().header("authorization").expect("a token").to_owned();
    let provider = run.world.provider();
    let asked = provider.last(Endpoint::Userinfo).expect("a call to UserInfo");
    assert!(token.contains("refresh-token-1-1") && asked.header("authorization") == Some(&token), "{token}");
    assert_eq!(provider.count(Endpoint::Userinfo), 2);
    let refresh = provider.last(Endpoint::Token).expect("a refresh");
    assert_eq!((refresh.posted("grant_type").as_deref(), refresh.posted("scope")), (Some("refresh_token"), None));
    super::watch::nothing_was_wrong(&provider);
}
