//! Refreshes that fail: what ends a session, and what does not.

use std::time::Duration;

use super::refresh::with_tokens;
use super::{SESSION_COOKIE, has_session, own_cookies, signed_in};
use crate::browser::Browser;
use crate::message::{Request, Response};
use crate::provider::{Behaviour, Endpoint, RefreshTokens};
use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);

fn logged<W: World>(world: &W, text: &str) -> bool {
    world.log().iter().any(|line| line.contains(text))
}

fn keeps_session<W: World>(browser: &Browser, world: &W) -> bool {
    own_cookies(browser, world).iter().any(|name| name == SESSION_COOKIE)
}

pub fn a_session_that_the_provider_has_ended_is_over_here_as_well<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(with_tokens(RefreshTokens::Rotating, 4 * SECOND).in_vms(2));
    world.provider().revoke_refresh_tokens();
    world.advance(3 * SECOND);
    let requests = world.provider().count(Endpoint::Token);
    browser.fetch(&mut world, "/api").refused_with(401).because_of("session.required");
    assert!(!keeps_session(&browser, &world));
    assert!(logged(&world, "session ended by its refresh: refresh.invalid_grant; provider: corp"), "{:?}", world.log());
    assert_eq!(world.provider().count(Endpoint::Token), requests + 1);
    let page = browser.open(&mut world, "/again?x=1");
    page.shows("/again?x=1");
    assert!(page.passed_provider());
}

pub fn a_navigation_with_a_session_that_ended_leads_to_a_login<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(with_tokens(RefreshTokens::Rotating, 4 * SECOND));
    world.provider().revoke_refresh_tokens();
    world.advance(3 * SECOND);
    let exchange = browser.send(&mut world, Request::navigation("/page"));
    exchange.refused_with(302);
    let lines = exchange.response.set_cookies();
    assert!(lines.iter().any(|line| line.starts_with(&format!("{SESSION_COOKIE}=; "))), "{lines:?}");
    assert!(!has_session(&mut browser, &mut world));
    // Where a session is a matter of choice, there is none.
    let optional = browser.fetch(&mut world, "/welcome");
    assert_eq!(optional.forwarded().header("x-auth-subject"), None);
}

pub fn a_refreshed_id_token_about_something_else_ends_the_session<W: World>() {
    let reasons = [
        ("sub", serde_json::json!("mallory"), "refresh.subject_mismatch"),
        ("iss", serde_json::json!("https://evil.example.org"), "id_token.issuer_mismatch"),
        ("aud", serde_json::json!("another-client"), "id_token.audience_mismatch"),
        ("nonce", serde_json::json!("of-another-login"), "id_token.nonce_mismatch"),
        ("at_hash", serde_json::json!("AAAAAAAAAAAAAAAAAAAAAA"), "id_token.at_hash_mismatch"),
    ];
    for (claim, value, reason) in reasons {
        let (mut world, mut browser) = signed_in::<W>(with_tokens(RefreshTokens::Rotating, 2 * SECOND));
        world.provider().forge(move |draft| draft.claim(claim, value.clone()));
        world.advance(3 * SECOND / 2);
        browser.fetch(&mut world, "/api").refused_with(401);
        assert!(!keeps_session(&browser, &world), "{claim}");
        assert!(logged(&world, reason), "{reason} not in {:?}", world.log());
    }
}

pub fn an_outage_does_not_end_a_session_whose_token_is_good<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(with_tokens(RefreshTokens::Rotating, 300 * SECOND).in_vms(3));
    world.provider().behave(Endpoint::Token, Behaviour::Reset);
    world.advance(241 * SECOND);
    let before = world.provider().count(Endpoint::Token);
    for _ in 0..50 {
        world.advance(SECOND);
        let exchange = browser.fetch(&mut world, "/api");
        assert!(exchange.forwarded().header("authorization").is_some_and(|token| token.contains("code-")));
    }
    let attempts = world.provider().count(Endpoint::Token) - before;
    assert!((3..=6).contains(&attempts), "{attempts} attempts within 50 seconds");
    world.provider().behave(Endpoint::Token, Behaviour::Normal);
    world.advance(30 * SECOND);
    let exchange = browser.fetch(&mut world, "/api");
    assert!(exchange.forwarded().header("authorization").is_some_and(|token| token.contains("refresh-token-1-1")));
    assert_eq!(world.provider().complaints, Vec::<String>::new());
}

pub fn an_outage_beyond_the_tokens_end_is_said_and_keeps_the_cookies<W: World>() {
    let setup = with_tokens(RefreshTokens::Rotating, 4 * SECOND).in_vms(2);
    let (mut world, mut browser) = signed_in::<W>(setup);
    world.provider().behave(Endpoint::Token, Behaviour::Reset);
    world.advance(5 * SECOND);
    for _ in 0..3 {
        let exchange = browser.fetch(&mut world, "/api");
        exchange.refused_with(503).because_nobody_answered("token");
        assert!(exchange.response.header("retry-after").is_some());
        assert!(exchange.response.set_cookies().is_empty());
        assert!(exchange.took < SECOND, "{:?}", exchange.took);
    }
    world.provider().behave(Endpoint::Token, Behaviour::Normal);
    world.advance(3 * SECOND);
    browser.fetch(&mut world, "/api").forwarded();
}

pub fn a_provider_that_does_not_know_us_at_the_moment_ends_no_session<W: World>() {
    let setup = with_tokens(RefreshTokens::Rotating, 4 * SECOND);
    let (mut world, mut browser) = signed_in::<W>(setup);
    let refused = Response::json(401, &serde_json::json!({"error": "invalid_client"}));
    world.provider().behave(Endpoint::Token, Behaviour::Answer(refused));
    world.advance(3 * SECOND);
    browser.fetch(&mut world, "/api").forwarded();
    world.advance(2 * SECOND);
    browser.fetch(&mut world, "/api").refused_with(503).because_of("token.invalid_client");
    world.provider().behave(Endpoint::Token, Behaviour::Normal);
    world.advance(5 * SECOND);
    browser.fetch(&mut world, "/api").forwarded();
}

pub fn a_provider_that_hangs_delays_one_request_and_not_all<W: World>() {
    let (mut world, browser) = signed_in::<W>(with_tokens(RefreshTokens::Rotating, 300 * SECOND).in_vms(2));
    world.provider().behave(Endpoint::Token, Behaviour::Hang);
    world.advance(250 * SECOND);
    let request = |world: &W| browser.with_cookies(Request::fetch("/api"), crate::jar::Initiator::SameSite, world);
    let first = world.start(request(&world));
    for _ in 0..10 {
        let other = world.send(request(&world));
        other.forwarded();
        assert!(other.took < SECOND / 10, "{:?}", other.took);
    }
    let first = world.finish(first);
    first.forwarded();
    assert!(first.took <= 6 * SECOND, "{:?}", first.took);
    let next = world.send(request(&world));
    next.forwarded();
    assert!(next.took < SECOND / 10, "{:?}", next.took);
}
