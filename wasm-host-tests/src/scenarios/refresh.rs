//! Sessions whose tokens are refreshed (RFC 6749 §6, OIDC Core 1.0 §12): people do not notice it.

use std::time::Duration;

use serde_json::Value;

use super::{SESSION_COOKIE, signed_in};
use crate::browser::Browser;
use crate::jar::Initiator;
use crate::message::Request;
use crate::provider::keys::TestKey;
use crate::provider::{Behaviour, Endpoint, RefreshTokens};
use crate::setup::Setup;
use crate::world::{Exchange, World};

const SECOND: Duration = Duration::from_secs(1);

/// The application gets the access token, which lives so long.
pub fn with_tokens(refresh_tokens: RefreshTokens, lifetime: Duration) -> Setup {
    Setup::default().header("authorization", "\"Bearer \" + access_token").provider(|provider| {
        provider.refresh_tokens = refresh_tokens;
        provider.access_token_lifetime = lifetime;
    })
}

/// A request of a script with the cookies that the browser has now.
fn later<W: World>(browser: &Browser, world: &W) -> Request {
    browser.with_cookies(Request::fetch("/api"), Initiator::SameSite, world)
}

fn token(exchange: &Exchange) -> String {
    exchange.forwarded().header("authorization").unwrap_or_default().to_owned()
}

fn sets_session(exchange: &Exchange) -> bool {
    exchange.response.set_cookies().iter().any(|line| line.starts_with(&format!("{SESSION_COOKIE}=1.")))
}

fn clears_session(exchange: &Exchange) -> bool {
    exchange.response.set_cookies().iter().any(|line| line.starts_with(&format!("{SESSION_COOKIE}=; ")))
}

/// What a careful provider has to say, and the refresh tokens it has seen.
fn presented<W: World>(world: &mut W) -> Vec<String> {
    let provider = world.provider();
    assert_eq!(provider.complaints, Vec::<String>::new());
    provider.presented_refresh_tokens()
}

pub fn claims_headers_and_rules_follow_a_refresh<W: World>() {
    let setup = with_tokens(RefreshTokens::Rotating, 4 * SECOND);
    let (mut world, mut browser) = signed_in::<W>(setup);
    browser.fetch(&mut world, "/finance").forwarded();
    world.provider().user["groups"] = serde_json::json!(["staff"]);
    world.provider().user["email"] = Value::Null;
    world.advance(3 * SECOND);
    let exchange = browser.fetch(&mut world, "/api");
    assert!(token(&exchange).starts_with("Bearer access-token-of-refresh-token-1-1"), "{}", token(&exchange));
    assert_eq!(exchange.forwarded().header("x-auth-groups"), Some("staff"));
    assert_eq!(exchange.forwarded().header("x-auth-email"), None);
    assert!(sets_session(&exchange));
    browser.fetch(&mut world, "/finance").refused_with(403);
    assert_eq!(presented(&mut world), ["refresh-token-1-1"]);
}

pub fn a_refused_request_brings_the_refreshed_session_as_well<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(with_tokens(RefreshTokens::Rotating, 4 * SECOND));
    world.advance(3 * SECOND);
    let refused = browser.fetch(&mut world, "/board");
    assert!(sets_session(&refused), "{:?}", refused.response.set_cookies());
    refused.refused_with(403);
}

pub fn a_session_goes_on_through_many_refreshes<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(with_tokens(RefreshTokens::Rotating, 4 * SECOND));
    for _ in 0..3 {
        world.advance(5 * SECOND / 2);
        browser.fetch(&mut world, "/api").forwarded();
    }
    assert_eq!(presented(&mut world), ["refresh-token-1-1", "refresh-token-1-2", "refresh-token-1-3"]);
}

pub fn fifty_requests_with_an_ended_token_cause_one_refresh<W: World>() {
    let setup = with_tokens(RefreshTokens::Rotating, 4 * SECOND).in_vms(4);
    let (mut world, browser) = signed_in::<W>(setup);
    world.provider().behave(Endpoint::Token, Behaviour::Slow(SECOND / 5));
    world.advance(5 * SECOND);
    let waiting: Vec<_> = (0..50).map(|_| world.start(later(&browser, &world))).collect();
    let mut tokens: Vec<String> = waiting
        .into_iter()
        .map(|ticket| {
            let exchange = world.finish(ticket);
            assert!(sets_session(&exchange), "whoever waited gets the new cookie");
            token(&exchange)
        })
        .collect();
    tokens.dedup();
    assert_eq!(tokens.len(), 1, "{tokens:?}");
    assert!(tokens[0].contains("refresh-token-1-1"), "{tokens:?}");
    assert_eq!(presented(&mut world), ["refresh-token-1-1"]);
}

pub fn while_the_token_is_good_only_the_first_request_waits<W: World>() {
    let setup = with_tokens(RefreshTokens::Rotating, 8 * SECOND).in_vms(4);
    let (mut world, browser) = signed_in::<W>(setup);
    world.provider().behave(Endpoint::Token, Behaviour::Slow(SECOND));
    world.advance(5 * SECOND);
    let first = world.start(later(&browser, &world));
    world.settle();
    for _ in 0..8 {
        let other = world.send(later(&browser, &world));
        assert!(token(&other).contains("code-"), "the old token: {}", token(&other));
        assert!(other.took < SECOND / 2, "{:?}", other.took);
    }
    let first = world.finish(first);
    assert!(token(&first).contains("refresh-token-1-1"));
    assert!(sets_session(&first));
    for _ in 0..4 {
        let next = world.send(later(&browser, &world));
        assert!(token(&next).contains("refresh-token-1-1") && sets_session(&next));
    }
    assert_eq!(presented(&mut world), ["refresh-token-1-1"]);
}

pub fn nothing_old_is_written_while_something_new_is_on_its_way<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(with_tokens(RefreshTokens::Rotating, 600 * SECOND).in_vms(2));
    // The idle timeout is to be moved, and the refresh is a minute off.
    world.advance(200 * SECOND);
    assert!(sets_session(&browser.fetch(&mut world, "/api")));
    world.advance(300 * SECOND);
    let slow = world.send(later(&browser, &world));
    assert!(!sets_session(&slow), "an answer that takes long would undo the refresh");
    world.advance(41 * SECOND);
    world.provider().behave(Endpoint::Token, Behaviour::Slow(SECOND));
    let first = world.start(later(&browser, &world));
    world.settle();
    for _ in 0..4 {
        let other = world.send(later(&browser, &world));
        assert!(token(&other).contains("code-") && !sets_session(&other));
    }
    assert!(sets_session(&world.finish(first)));
}

pub fn a_session_that_cannot_be_refreshed_yet_is_kept_alive_by_use<W: World>() {
    let setup = with_tokens(RefreshTokens::Rotating, 7 * 3600 * SECOND).session("refresh_before", "2h");
    let (mut world, mut browser) = signed_in::<W>(setup);
    world.provider().behave(Endpoint::Token, Behaviour::Reset);
    for _ in 0..17 {
        world.advance(24 * 60 * SECOND);
        browser.fetch(&mut world, "/api").forwarded();
    }
}

pub fn a_request_that_goes_away_leaves_its_refresh_to_the_others<W: World>() {
    let setup = with_tokens(RefreshTokens::Rotating, 4 * SECOND).in_vms(2);
    let (mut world, mut browser) = signed_in::<W>(setup);
    world.provider().behave(Endpoint::Token, Behaviour::Slow(SECOND / 5));
    world.advance(5 * SECOND);
    let gone = world.start(later(&browser, &world));
    world.settle();
    world.abandon(gone);
    world.advance(SECOND);
    for _ in 0..3 {
        let exchange = world.send(later(&browser, &world));
        assert!(token(&exchange).contains("refresh-token-1-1"), "{}", token(&exchange));
    }
    browser.fetch(&mut world, "/api").forwarded();
    assert_eq!(presented(&mut world), ["refresh-token-1-1"]);
}

pub fn an_old_cookie_is_good_for_a_while_and_then_leads_to_a_login<W: World>() {
    let setup = with_tokens(RefreshTokens::Rotating, 300 * SECOND).in_vms(3);
    let (mut world, mut browser) = signed_in::<W>(setup);
    world.advance(250 * SECOND);
    let old = browser.clone();
    assert!(token(&browser.fetch(&mut world, "/api")).contains("refresh-token-1-1"));
    for pause in [SECOND / 20, 50 * SECOND] {
        world.advance(pause);
        for _ in 0..3 {
            let exchange = world.send(later(&old, &world));
            assert!(token(&exchange).contains("refresh-token-1-1"), "{}", token(&exchange));
            assert!(sets_session(&exchange));
        }
    }
    world.advance(600 * SECOND);
    for _ in 0..3 {
        world.send(later(&old, &world)).refused_with(401).because_of("session.required");
    }
    browser.fetch(&mut world, "/api").forwarded();
    let page = old.clone().open(&mut world, "/api");
    page.shows("/api");
    assert!(page.passed_provider());
    assert_eq!(presented(&mut world), ["refresh-token-1-1", "refresh-token-1-2"], "none came twice");
}

pub fn an_old_cookie_finds_the_session_after_several_refreshes<W: World>() {
    let setup = with_tokens(RefreshTokens::Rotating, 10 * SECOND).in_vms(2);
    let (mut world, mut browser) = signed_in::<W>(setup);
    let old = browser.clone();
    for _ in 0..5 {
        world.advance(8 * SECOND);
        browser.fetch(&mut world, "/api").forwarded();
    }
    let exchange = world.send(later(&old, &world));
    assert!(token(&exchange).contains("refresh-token-1-5"), "{}", token(&exchange));
    assert_eq!(presented(&mut world).len(), 5);
}

pub fn a_refresh_never_extends_the_absolute_timeout<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(with_tokens(RefreshTokens::Rotating, 600 * SECOND));
    for _ in 0..47 {
        world.advance(600 * SECOND);
        browser.fetch(&mut world, "/api").forwarded();
    }
    world.advance(601 * SECOND);
    browser.fetch(&mut world, "/api").refused_with(401);
    assert_eq!(presented(&mut world).len(), 47);
}

pub fn a_refresh_token_that_does_not_rotate_is_used_again<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(with_tokens(RefreshTokens::Lasting, 4 * SECOND));
    let mut tokens = Vec::new();
    for _ in 0..3 {
        world.advance(3 * SECOND);
        tokens.push(token(&browser.fetch(&mut world, "/api")));
    }
    tokens.dedup();
    assert_eq!(tokens.len(), 3, "{tokens:?}");
    assert_eq!(presented(&mut world), ["refresh-token-1-1"; 3]);
}

pub fn an_answer_without_id_token_and_scope_changes_the_access_token_alone<W: World>() {
    let setup = with_tokens(RefreshTokens::Rotating, 4 * SECOND).header("x-auth-scopes", "scopes.join(\" \")");
    let (mut world, mut browser) = signed_in::<W>(setup);
    let before = browser.fetch(&mut world, "/api");
    world.provider().user = serde_json::json!({"sub": "ada"});
    world.provider().change_token_answer(|answer| {
        answer["id_token"] = Value::Null;
    });
    world.advance(3 * SECOND);
    let after = browser.fetch(&mut world, "/api");
    assert_ne!(token(&before), token(&after));
    for name in ["x-auth-subject", "x-auth-groups", "x-auth-email", "x-auth-scopes"] {
        assert_eq!(before.forwarded().header(name), after.forwarded().header(name), "{name}");
    }
}

pub fn a_refreshed_id_token_may_be_signed_with_a_new_key<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(with_tokens(RefreshTokens::Rotating, 4 * SECOND));
    world.provider().rotate(TestKey::P256B);
    world.advance(3 * SECOND);
    assert!(token(&browser.fetch(&mut world, "/api")).contains("refresh-token-1-1"));
    assert_eq!(presented(&mut world), ["refresh-token-1-1"]);
}

pub fn asking_who_is_signed_in_refreshes_nothing<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(with_tokens(RefreshTokens::Rotating, 2 * SECOND));
    world.advance(3 * SECOND);
    for _ in 0..3 {
        let exchange = browser.fetch(&mut world, "/oauth2/session");
        exchange.refused_with(200);
        assert!(exchange.response.set_cookies().is_empty());
    }
    assert_eq!(presented(&mut world), Vec::<String>::new());
    browser.fetch(&mut world, "/api").forwarded();
    assert_eq!(presented(&mut world).len(), 1);
}

pub fn what_nothing_uses_is_not_refreshed_unless_sessions_follow_the_provider<W: World>() {
    let rotating = |setup: Setup| {
        setup.provider(|provider| {
            provider.refresh_tokens = RefreshTokens::Rotating;
            provider.access_token_lifetime = 2 * SECOND;
        })
    };
    let (mut world, mut browser) = signed_in::<W>(rotating(Setup::default()));
    world.advance(3 * SECOND);
    browser.fetch(&mut world, "/api").forwarded();
    assert_eq!(presented(&mut world), Vec::<String>::new());

    let (mut world, mut browser) = signed_in::<W>(rotating(Setup::default().session("refresh_before", "60s")));
    world.advance(3 * SECOND);
    browser.fetch(&mut world, "/api").forwarded();
    assert_eq!(presented(&mut world), ["refresh-token-1-1"]);
    world.provider().revoke_refresh_tokens();
    world.advance(3 * SECOND);
    let exchange = browser.fetch(&mut world, "/api");
    exchange.refused_with(401);
    assert!(clears_session(&exchange), "{:?}", exchange.response.set_cookies());
}

pub fn userinfo_is_asked_again_at_a_refresh<W: World>() {
    let setup = with_tokens(RefreshTokens::Rotating, 4 * SECOND)
        .of_provider("userinfo", true)
        .header("x-auth-department", "claims.department")
        .provider(|provider| provider.userinfo = serde_json::json!({"department": "finance"}));
    let (mut world, mut browser) = signed_in::<W>(setup);
    let mut department = |world: &mut W| {
        world.advance(3 * SECOND);
        let exchange = browser.fetch(world, "/api");
        let department = exchange.forwarded().header("x-auth-department").unwrap_or_default().to_owned();
        (department, world.provider().count(Endpoint::Userinfo))
    };
    world.provider().userinfo = serde_json::json!({"department": "sales"});
    assert_eq!(department(&mut world), ("sales".to_owned(), 2));
    world.provider().change_token_answer(|answer| answer["id_token"] = Value::Null);
    world.provider().userinfo = serde_json::json!({"department": "board"});
    assert_eq!(department(&mut world), ("board".to_owned(), 3), "without another ID token as well");
    world.provider().behave(Endpoint::Userinfo, Behaviour::html(503));
    assert_eq!(department(&mut world), ("board".to_owned(), 4), "what was known goes for another while");
    world.provider().behave(Endpoint::Userinfo, Behaviour::Normal);
    world.provider().change_userinfo(|draft| draft.append("sub", "-not"));
    world.advance(3 * SECOND);
    browser.fetch(&mut world, "/api").refused_with(401);
    assert!(world.log().iter().any(|line| line.contains("userinfo.subject_mismatch")), "{:?}", world.log());
    assert_eq!(presented(&mut world).len(), 4);
}
