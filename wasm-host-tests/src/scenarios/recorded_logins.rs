//! People at providers that cannot be run here: what these are known to do differently. `providers/README.md` has the sources.

use std::time::Duration;

use serde_json::{Value, json};

use super::has_session;
use crate::browser::Browser;
use crate::message::{ORIGIN, Request};
use crate::provider::recorded::Recorded;
use crate::provider::{Endpoint, RefreshTokens};
use crate::setup::Setup;
use crate::world::{Exchange, World};

const SECOND: Duration = Duration::from_secs(1);

/// A person signs in, and nothing about it is strange to the provider.
#[track_caller]
fn signed_in_with<W: World>(setup: Setup) -> (W, Browser) {
    let mut world = W::open(setup);
    let mut browser = Browser::default();
    browser.open(&mut world, "/").shows("/");
    assert_eq!(world.provider().complaints, Vec::<String>::new());
    (world, browser)
}

/// Two refreshes, which nobody notices.
#[track_caller]
fn is_refreshed_twice<W: World>(recorded: &Recorded, tokens: RefreshTokens) {
    let setup = recorded.setup().header("authorization", "\"Bearer \" + access_token").provider(|provider| {
        provider.refresh_tokens = tokens;
        provider.access_token_lifetime = 4 * SECOND;
    });
    let (mut world, mut browser) = signed_in_with::<W>(setup);
    for _ in 0..2 {
        world.advance(3 * SECOND);
        let exchange = browser.fetch(&mut world, "/");
        let token = exchange.forwarded().header("authorization").unwrap_or_default();
        assert!(token.contains("refresh-token"), "not refreshed: {token}");
        assert!(exchange.forwarded().header("x-auth-subject").is_some());
    }
    assert_eq!(world.provider().complaints, Vec::<String>::new());
}

/// Posts a recorded logout token, changed before it is signed.
fn logged_out_by<W: World>(world: &mut W, recorded: &Recorded, change: impl FnOnce(&mut Value)) -> Exchange {
    let now = world.now();
    let mut draft = recorded.draft("logout_token", now);
    change(&mut draft.claims);
    let body = format!("logout_token={}", draft.sign());
    let request = Request::new("POST", "/oauth2/backchannel-logout")
        .with("content-type", "application/x-www-form-urlencoded")
        .with("content-length", body.len().to_string());
    world.send(request.with_body(body))
}

fn require(path: &str, condition: &str) -> Value {
    json!({"name": path, "match": {"path_prefix": path}, "require": condition})
}

pub fn roles_of_keycloak_are_read_where_they_are<W: World>() {
    let setup = Recorded::keycloak()
        .setup()
        .rule(require("/ledger", "\"finance\" in claims.realm_access.roles"))
        .rule(require("/vault", "\"keeper\" in claims.realm_access.roles"))
        .header("x-auth-roles", "claims.resource_access.portal.roles.join(\",\")");
    let (mut world, mut browser) = signed_in_with::<W>(setup);
    let exchange = browser.fetch(&mut world, "/ledger");
    assert_eq!(exchange.forwarded().header("x-auth-roles"), Some("approver"));
    assert_eq!(exchange.forwarded().header("x-auth-email"), Some("ada@example.org"));
    browser.fetch(&mut world, "/vault").refused_with(403);
}

pub fn hundreds_of_roles_of_keycloak_make_a_large_session_and_no_loop<W: World>() {
    let roles = |count: u64| -> Vec<String> {
        (0..count)
            .map(|number| format!("role-{:x}", u64::pow(number + 3, 5).wrapping_mul(0x9e37_79b9_7f4a_7c15)))
            .collect()
    };
    let recorded = Recorded::keycloak().changed("id_token", |token| {
        token["claims"]["realm_access"]["roles"] = json!(roles(400));
    });
    let setup = recorded.setup().header("x-auth-roles", "claims.realm_access.roles.join(\",\")");
    let (mut world, mut browser) = signed_in_with::<W>(setup);
    let exchange = browser.fetch(&mut world, "/");
    assert_eq!(exchange.forwarded().header("x-auth-roles"), Some(roles(400).join(",").as_str()));
}

pub fn a_logout_token_of_keycloak_ends_the_session_that_it_names<W: World>() {
    let recorded = Recorded::keycloak();
    let (mut world, mut browser) = signed_in_with::<W>(recorded.setup());
    let other = logged_out_by(&mut world, &recorded, |claims| claims["sid"] = "another-session".into());
    assert_eq!(other.status(), 200);
    world.settle();
    assert!(has_session(&mut browser, &mut world), "of another session of the same person");
    let exchange = logged_out_by(&mut world, &recorded, |claims| claims["jti"] = "another-token".into());
    assert_eq!(exchange.status(), 200);
    world.settle();
    assert!(!has_session(&mut browser, &mut world));
}

/// Keycloak before 22.0.8 and 23.0.4, and Authentik before 2025.8.2.
pub fn a_logout_token_without_exp_is_refused_and_the_log_says_so<W: World>() {
    for recorded in [Recorded::keycloak(), Recorded::authentik()] {
        let (mut world, mut browser) = signed_in_with::<W>(recorded.setup());
        let exchange =
            logged_out_by(&mut world, &recorded, |claims| drop(claims.as_object_mut().map(|all| all.remove("exp"))));
        exchange.refused_with(400).because_of("logout_token.exp_missing");
        assert!(has_session(&mut browser, &mut world));
    }
}

pub fn an_issuer_of_authentik_ends_in_a_slash<W: World>() {
    let recorded = Recorded::authentik();
    let (mut world, mut browser) = signed_in_with::<W>(recorded.setup());
    browser.fetch(&mut world, "/finance").forwarded();
    let discovery = world.provider().last(Endpoint::Discovery).cloned().expect("discovery");
    assert_eq!(discovery.path(), "/application/o/portal/.well-known/openid-configuration");
    assert_eq!(logged_out_by(&mut world, &recorded, |_| ()).status(), 200);
    world.settle();
    assert!(!has_session(&mut browser, &mut world));
    let without = recorded.changed("id_token", |token| {
        token["claims"]["iss"] = "https://auth.example.org/application/o/portal".into();
    });
    let page = Browser::default().open(&mut W::open(without.setup()), "/");
    page.exchange.refused_with(502).because_of("id_token.issuer_mismatch");
}

pub fn people_of_a_known_tenant_of_entra_id_sign_in_and_of_others_do_not<W: World>() {
    let recorded = Recorded::entra_id();
    let (mut world, _) = signed_in_with::<W>(recorded.setup());
    let discovery = world.provider().last(Endpoint::Discovery).cloned().expect("discovery");
    assert_eq!(discovery.path(), "/common/v2.0/.well-known/openid-configuration");
    const OTHER: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";
    let other = format!("https://login.microsoftonline.com/{OTHER}/v2.0");
    for (iss, tid, code) in [
        (json!(other), json!(OTHER), "id_token.issuer_mismatch"),
        (recorded.file("latchkey")["issuer"].clone(), json!(OTHER), "id_token.issuer_mismatch"),
        (recorded.file("id_token")["claims"]["iss"].clone(), json!(OTHER), "id_token.tenant_mismatch"),
    ] {
        let foreign = recorded.clone().changed("id_token", |token| {
            token["claims"]["iss"] = iss;
            token["claims"]["tid"] = tid;
        });
        let page = Browser::default().open(&mut W::open(foreign.setup()), "/");
        page.exchange.refused_with(502).because_of(code);
    }
}

/// Its key set has the keys of all tenants, and says of some for which one they are.
pub fn a_key_of_another_tenant_of_entra_id_signs_for_nobody_else<W: World>() {
    let recorded = Recorded::entra_id().changed("id_token", |token| {
        token["header"]["kid"] = "JDNa_4i4r7FgigL3sHIlI3xV-IU".into();
    });
    let page = Browser::default().open(&mut W::open(recorded.setup()), "/");
    page.exchange.refused_with(502).because_of("id_token.tenant_mismatch");
}

pub fn a_refresh_at_entra_id_brings_no_id_token<W: World>() {
    is_refreshed_twice::<W>(&Recorded::entra_id(), RefreshTokens::Rotating);
}

pub fn groups_that_entra_id_keeps_to_itself_admit_nobody_and_the_log_says_why<W: World>() {
    let overage = Recorded::entra_id().file("overage");
    let recorded = Recorded::entra_id().changed("id_token", |token| {
        token["claims"].as_object_mut().expect("claims").remove("groups");
        token["claims"].as_object_mut().expect("claims").extend(overage.as_object().expect("claims").clone());
    });
    let (mut world, mut browser) = signed_in_with::<W>(recorded.setup());
    browser.fetch(&mut world, "/finance").refused_with(403);
    assert!(world.log().iter().any(|line| line.contains("claims.groups_overage")), "{:#?}", world.log());
    // Where the groups could be had is none of our addresses.
    assert_eq!(world.provider().count(Endpoint::Unknown), 0);
}

pub fn an_id_token_of_an_okta_refresh_has_no_nonce<W: World>() {
    is_refreshed_twice::<W>(&Recorded::okta(), RefreshTokens::Rotating);
    let (mut world, mut browser) = signed_in_with::<W>(Recorded::okta().setup());
    browser.fetch(&mut world, "/finance").forwarded();
}

pub fn google_has_its_endpoints_at_four_hosts_and_no_way_to_sign_out<W: World>() {
    let setup = Recorded::google()
        .setup()
        .rule(require("/ours", "has(claims.hd) && claims.hd == \"example.org\""))
        .rule(require("/theirs", "has(claims.hd) && claims.hd == \"example.com\""))
        .of_provider("userinfo", true);
    let (mut world, mut browser) = signed_in_with::<W>(setup);
    browser.fetch(&mut world, "/ours").forwarded();
    browser.fetch(&mut world, "/theirs").refused_with(403);
    let authority = |world: &mut W, endpoint| {
        let request = world.provider().last(endpoint).cloned().expect("a request");
        request.header(":authority").unwrap_or_default().to_owned()
    };
    assert_eq!(authority(&mut world, Endpoint::Authorize), "accounts.google.com");
    assert_eq!(authority(&mut world, Endpoint::Token), "oauth2.googleapis.com");
    assert_eq!(authority(&mut world, Endpoint::Keys), "www.googleapis.com");
    assert_eq!(authority(&mut world, Endpoint::Userinfo), "openidconnect.googleapis.com");
    let asked = world.provider().last(Endpoint::Authorize).cloned().expect("a request");
    assert_eq!(asked.query("access_type").as_deref(), Some("offline"), "or there is no refresh token");

    let page = browser.open(&mut world, "/oauth2/logout");
    assert!(page.address.starts_with(ORIGIN) && page.exchange.status() < 500, "{page:?}");
    assert!(!has_session(&mut browser, &mut world));
    assert_eq!(world.provider().count(Endpoint::EndSession), 0);
}

/// Its refresh token lasts, and no answer repeats it.
pub fn a_refresh_token_of_google_is_used_again_and_again<W: World>() {
    is_refreshed_twice::<W>(&Recorded::google(), RefreshTokens::Lasting);
}

pub fn each_client_of_kanidm_has_an_issuer_of_its_own<W: World>() {
    let recorded = Recorded::kanidm();
    let setup = recorded.setup().rule(require("/ledger", "\"finance@idm.example.org\" in claims.groups"));
    let (mut world, mut browser) = signed_in_with::<W>(setup);
    browser.fetch(&mut world, "/ledger").forwarded();
    let other = recorded.clone().changed("id_token", |token| {
        token["claims"]["iss"] = "https://idm.example.org/oauth2/openid/wiki".into();
    });
    let page = Browser::default().open(&mut W::open(other.setup()), "/");
    page.exchange.refused_with(502).because_of("id_token.issuer_mismatch");
    is_refreshed_twice::<W>(&recorded, RefreshTokens::Rotating);
}

/// It echoes the ID token's own claims in UserInfo, and calls its tokens `bearer`.
pub fn userinfo_of_dex_repeats_nonce_and_hash<W: World>() {
    let recorded = Recorded::dex();
    let mut userinfo = recorded.file("userinfo");
    userinfo["groups"] = json!(["board"]);
    userinfo["iat"] = 1.into();
    userinfo["exp"] = 2.into();
    let setup = recorded.setup().of_provider("userinfo", true).provider(|provider| provider.userinfo = userinfo);
    let (mut world, mut browser) = signed_in_with::<W>(setup);
    browser.fetch(&mut world, "/board").forwarded();
    let page = browser.open(&mut world, "/oauth2/logout");
    assert!(page.address.starts_with(ORIGIN), "it has no logout of its own: {page:?}");
    assert!(!has_session(&mut browser, &mut world));
    is_refreshed_twice::<W>(&recorded, RefreshTokens::Rotating);
}
