//! What scripts and operators ask.

use std::time::Duration;

use super::{has_session, signed_in};
use crate::message::Request;
use crate::provider::Behaviour;
use crate::provider::keys::TestKey;
use crate::setup::Setup;
use crate::world::World;

pub fn the_session_endpoint_tells_scripts_who_is_signed_in<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(Setup::default());
    let response = browser.fetch(&mut world, "/oauth2/session").response;
    let document = response.document();
    assert_eq!(response.status, 200);
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert!(response.header("content-type").is_some_and(|kind| kind.starts_with("application/json")));
    assert_eq!((&document["authenticated"], &document["provider"]), (&true.into(), &"corp".into()));
    assert_eq!(document["claims"]["sub"], "ada");
    assert!(document["expires_in"].as_u64().is_some_and(|seconds| (28_000..=28_800).contains(&seconds)), "{document}");
    assert!(
        document["idle_expires_in"].as_u64().is_some_and(|seconds| (1_700..=1_800).contains(&seconds)),
        "{document}"
    );
    assert!(!response.text().contains("access-token-of") && !response.text().contains("eyJ"), "{document}");
}

pub fn the_session_endpoint_says_when_nobody_is_signed_in<W: World>() {
    let mut world = W::open(Setup::default());
    for request in [Request::fetch("/oauth2/session"), Request::navigation("/oauth2/session")] {
        let exchange = world.send(request);
        exchange.refused_with(401);
        assert_eq!(exchange.response.document(), serde_json::json!({"authenticated": false}));
        assert!(exchange.response.set_cookies().is_empty());
    }
}

pub fn asking_for_the_session_does_not_prolong_it<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(Setup::default());
    for _ in 0..6 {
        world.advance(Duration::from_secs(299));
        assert!(has_session(&mut browser, &mut world));
    }
    world.advance(Duration::from_secs(60));
    assert!(!has_session(&mut browser, &mut world));
}

pub fn readiness_is_when_metadata_and_keys_are_loaded<W: World>() {
    let mut world = W::open(Setup::default().provider(|provider| provider.behave_everywhere(&Behaviour::Reset)));
    world.settle();
    let exchange = world.send(Request::get("/oauth2/ready"));
    exchange.refused_with(503);
    assert!(exchange.response.text().contains("corp"), "{}", exchange.response.text());
    world.provider().behave_everywhere(&Behaviour::Normal);
    world.advance(Duration::from_secs(30));
    let exchange = world.send(Request::get("/oauth2/ready"));
    exchange.refused_with(200);
    assert!(exchange.response.text().contains(TestKey::Rsa1.kid()), "{}", exchange.response.text());
}

pub fn endpoints_that_do_not_exist_are_not_found<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(Setup::default());
    for path in ["/oauth2/", "/oauth2/unknown", "/oauth2/callback/more", "/oauth2/backchannel-logout/more"] {
        browser.fetch(&mut world, path).refused_with(404);
    }
    browser.send(&mut world, Request::fetch("/oauth2/session").set(":method", "DELETE")).refused_with(405);
    browser.send(&mut world, Request::fetch("/oauth2/callback").set(":method", "PUT")).refused_with(405);
}

pub fn a_rule_that_opens_everything_does_not_open_the_endpoints<W: World>() {
    let rules = serde_json::json!([{"match": {"path_prefix": "/"}, "authentication": "none"}]);
    let mut world = W::open(Setup::default().top("rules", rules));
    world.send(Request::fetch("/oauth2/session")).refused_with(401);
    world.send(Request::navigation("/oauth2/login")).refused_with(302);
    world.send(Request::fetch("/anything")).forwarded();
}
