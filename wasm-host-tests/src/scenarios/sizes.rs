//! Tokens as large as real providers make them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::own_cookies;
use crate::browser::{Browser, Page};
use crate::message::Request;
use crate::setup::Setup;
use crate::world::World;

fn guid(number: usize) -> String {
    let digits: String = Sha256::digest(number.to_string()).iter().map(|byte| format!("{byte:02x}")).collect();
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..32]].join("-")
}

fn guids(count: usize) -> Vec<String> {
    (0..count).map(guid).collect()
}

/// A JWT as an API gets it; nobody here reads it.
fn jwt(claims: &Value) -> String {
    let signature: Vec<u8> = (0..8).flat_map(|block: usize| Sha256::digest(block.to_string()).to_vec()).collect();
    let parts =
        [br#"{"typ":"at+jwt","alg":"RS256","kid":"2026"}"#.to_vec(), claims.to_string().into_bytes(), signature];
    parts.map(|part| URL_SAFE_NO_PAD.encode(part)).join(".")
}

/// The application gets this token, which is issued at the login.
fn forwarding(token: &str) -> Setup {
    let (setup, token) = (Setup::default().header("authorization", "\"Bearer \" + access_token"), token.to_owned());
    setup.provider(|provider| {
        provider.forge(|draft| draft.remove("at_hash"));
        provider.change_token_answer(move |answer| answer["access_token"] = token.clone().into());
    })
}

fn session_cookies<W: World>(browser: &Browser, world: &W) -> usize {
    own_cookies(browser, world).iter().filter(|name| !name.contains("-login")).count()
}

fn forwards<W: World>(setup: Setup, token: &str) {
    let mut world = W::open(setup);
    let mut browser = Browser::default();
    let page = browser.open(&mut world, "/");
    let expected = format!("Bearer {token}");
    assert_eq!(page.shows("/").header("authorization"), Some(expected.as_str()));
    // At another replica too, which knows nothing but the cookies.
    world.restart();
    let upstream = browser.fetch(&mut world, "/again");
    assert_eq!(upstream.forwarded().header("authorization"), Some(expected.as_str()));
    assert!(session_cookies(&browser, &world) <= 4);
    assert_eq!(browser.jar.rejected, Vec::<String>::new());
}

pub fn an_access_token_of_12_kb_and_400_groups_work<W: World>() {
    let groups: Vec<_> = (0..400).map(|number| format!("/departments/{number}/members")).collect();
    let roles: Vec<_> = (0..220).map(|number| format!("urn:example:application-{number}:role:reader")).collect();
    let token = jwt(&json!({"iss": "https://keycloak.example.org/realms/corporate", "realm_access": {"roles": roles}}));
    assert!(token.len() > 12 * 1024, "{}", token.len());
    forwards::<W>(forwarding(&token).claim("groups", json!(groups)), &token);
}

pub fn groups_by_guid_in_both_tokens_work<W: World>() {
    let token = jwt(&json!({"iss": "https://sts.windows.net/tenant/", "groups": guids(230), "scp": "access_as_user"}));
    assert!(token.len() > 12 * 1024, "{}", token.len());
    forwards::<W>(forwarding(&token).claim("groups", json!(guids(230))), &token);
}

pub fn an_opaque_access_token_of_12_kb_works<W: World>() {
    let bytes: Vec<u8> = (0..288).flat_map(|block: usize| Sha256::digest(block.to_string()).to_vec()).collect();
    let token = URL_SAFE_NO_PAD.encode(bytes);
    assert_eq!(token.len(), 12 * 1024);
    forwards::<W>(forwarding(&token), &token);
}

pub fn what_nobody_uses_is_not_kept<W: World>() {
    let with_photo = Setup::default().claim("photo", "x".repeat(20_000)).claim("wids", json!(guids(400)));
    let mut world = W::open(with_photo);
    let mut browser = Browser::default();
    browser.open(&mut world, "/").shows("/");
    assert_eq!(session_cookies(&browser, &world), 1);
}

/// Somebody who is in more groups than Entra ID sends.
fn overage() -> Setup {
    let setup = Setup::default()
        .rule(json!({"match": {"path_prefix": "/by-role"}, "require": "\"approver\" in claims.roles"}))
        .rule(json!({"match": {"path_prefix": "/either"}, "require": "\"approver\" in claims.roles || \"x\" in claims.groups"}));
    setup.claim("roles", json!(["approver"])).provider(|provider| {
        provider.forge(|draft| {
            draft.remove("groups");
            draft.claim("_claim_names", json!({"groups": "src1"}));
            draft.claim(
                "_claim_sources",
                json!({"src1": {"endpoint": "https://graph.microsoft.com/v1.0/users/1/getMemberObjects"}}),
            );
        });
    })
}

pub fn groups_that_the_provider_left_elsewhere_are_reported_and_deny<W: World>() {
    let mut world = W::open(overage());
    let mut browser = Browser::default();
    let page = browser.open(&mut world, "/");
    assert_eq!(page.shows("/").header("x-auth-groups"), None);
    let warned = |line: &String| line.contains("claims.groups_overage; provider: corp") && line.contains("app roles");
    assert_eq!(world.log().iter().filter(|line| warned(line)).count(), 1, "{:?}", world.log());
    let page: Page = browser.open(&mut world, "/finance");
    page.exchange.refused_with(403).because_of("claims.groups_overage");
    let refused = browser.fetch(&mut world, "/finance");
    refused.refused_with(403).because_of("claims.groups_overage");
    assert_eq!(refused.response.document()["reason"], "claims.groups_overage");
    // What does not need the groups goes on.
    browser.open(&mut world, "/by-role").shows("/by-role");
    browser.open(&mut world, "/either").shows("/either");
    // At another replica too.
    world.restart();
    browser.send(&mut world, Request::navigation("/finance")).refused_with(403).because_of("claims.groups_overage");
}

pub fn groups_that_userinfo_adds_are_no_overage<W: World>() {
    let setup =
        overage().of_provider("userinfo", true).provider(|provider| provider.userinfo = json!({"groups": ["finance"]}));
    let mut world = W::open(setup);
    let mut browser = Browser::default();
    browser.open(&mut world, "/finance").shows("/finance");
    assert!(!world.log().iter().any(|line| line.contains("overage")), "{:?}", world.log());
}

pub fn claims_of_other_sources_are_not_taken_for_the_providers<W: World>() {
    // OIDC Core 1.0 §5.6.2.1: aggregated claims are a JWT of somebody else.
    let aggregated = jwt(&json!({"groups": ["finance"], "email": "evil@example.org"}));
    let setup = Setup::default().provider(|provider| {
        provider.forge(move |draft| {
            draft.remove("groups");
            draft.claim("_claim_names", json!({"groups": "src1", "email": "src1"}));
            draft.claim("_claim_sources", json!({"src1": {"JWT": aggregated.clone()}}));
        });
    });
    let mut world = W::open(setup);
    let mut browser = Browser::default();
    let page = browser.open(&mut world, "/");
    assert_eq!(page.shows("/").header("x-auth-email"), Some("ada@example.org"));
    browser.fetch(&mut world, "/finance").refused_with(403).because_of("claims.groups_overage");
}
