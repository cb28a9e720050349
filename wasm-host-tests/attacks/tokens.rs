//! Tokens that are not what they say, and keys that are not where they should be.

use std::time::Duration;

use serde_json::{Value, json};

use super::corpus::{Case, cases_of};
use crate::browser::Browser;
use crate::message::{Request, Response};
use crate::provider::id_token::{Draft, Signing};
use crate::provider::keys::TestKey;
use crate::provider::{Behaviour, Endpoint, OTHER_ISSUER, PROVIDER_ORIGIN, RefreshTokens};
use crate::scenarios::refresh::with_tokens;
use crate::scenarios::{access_token, call, has_session, signed_in};
use crate::setup::Setup;
use crate::world::World;

const CLAIMS: &str = include_str!("corpus/claims.txt");
const HEADERS: &str = include_str!("corpus/jose_headers.txt");

/// Members replace, null removes.
fn change(document: &mut Value, changes: &Value) {
    let (document, changes) = (document.as_object_mut().expect("an object"), changes.as_object().expect("an object"));
    document.extend(changes.clone());
    document.retain(|name, value| !(value.is_null() && changes.contains_key(name)));
}

/// The header and the signature of a case.
fn forge(draft: &mut Draft, case: &Case) {
    change(&mut draft.header, &case.value);
    if case.is("embedded") {
        draft.header["jwk"] = TestKey::Rsa2.jwk();
    }
    draft.signing = match () {
        () if case.is("unsigned") => Signing::Unsigned,
        () if case.is("hmac") => Signing::HmacOfPublicKey(TestKey::Rsa1),
        () if case.is("stranger") => Signing::With(TestKey::Rsa2),
        () => draft.signing,
    };
    // The provider writes `none` into what it does not sign, unless it is told what to write.
    draft.header_text = Some(draft.header.to_string());
}

/// In one world each, an honest token first: what is refused afterwards is refused for what was changed.
fn refused_at_a_login<W: World>(cases: Vec<Case>, change: fn(&mut Draft, &Case)) {
    let mut world = W::open(Setup::default());
    Browser::default().open(&mut world, "/target").shows("/target");
    for case in cases {
        let changed = case.clone();
        world.provider().forge(move |draft| change(draft, &changed));
        let mut browser = Browser::default();
        let page = browser.open(&mut world, "/target");
        assert!(page.exchange.upstream.is_none() && page.exchange.status() == 502, "{case:?}: {:?}", page.exchange);
        page.exchange.because_of("id_token.");
        assert!(!has_session(&mut browser, &mut world), "{case:?}");
    }
}

fn refused_as_access_tokens<W: World>(cases: Vec<Case>, change: fn(&mut Draft, &Case)) {
    let mut world = W::open(Setup::api());
    let honest = access_token(&mut world, |_| ());
    world.send(call("/orders", &honest)).forwarded();
    for case in cases {
        let token = access_token(&mut world, |draft| change(draft, &case));
        for path in ["/orders", "/either", "/welcome", "/private"] {
            let exchange = world.send(call(path, &token));
            assert!(exchange.upstream.is_none() && exchange.status() == 401, "{path} {case:?}: {exchange:?}");
        }
    }
    world.send(call("/orders", &honest)).forwarded();
}

pub fn ghsa_wcvh_g65p_v576_an_id_token_with_wrong_claims_signs_nobody_in<W: World>() {
    refused_at_a_login::<W>(cases_of(CLAIMS, "id"), |draft, case| change(&mut draft.claims, &case.value));
}

pub fn ghsa_wcvh_g65p_v576_an_access_token_with_wrong_claims_opens_nothing<W: World>() {
    refused_as_access_tokens::<W>(cases_of(CLAIMS, "access"), |draft, case| change(&mut draft.claims, &case.value));
}

/// What no JSON library would write: a number beyond all doubles, a claim that comes twice.
pub fn ghsa_wcvh_g65p_v576_claims_that_two_readers_read_differently_are_refused<W: World>() {
    let mut world = W::open(Setup::api());
    let spoils: [fn(String) -> String; 6] = [
        |claims| claims.replacen('{', "{\"exp\":1e999,", 1),
        |claims| claims.replacen('{', "{\"exp\":9999999999,", 1),
        |claims| claims.replacen('{', "{\"aud\":\"https://api.example.org\",", 1),
        |claims| claims.replacen("\"sub\"", "\"\\u0073ub\":\"mallory\",\"sub\"", 1),
        |claims| claims.replacen('{', "{\"iss\":\"https://evil.example\",", 1),
        |claims| format!("{claims}{{}}"),
    ];
    for spoil in spoils {
        let token = access_token(&mut world, |draft| draft.claims_text = Some(spoil(draft.claims.to_string())));
        world.send(call("/orders", &token)).refused_with(401);
    }
}

pub fn mod_auth_openidc_2_4_20_a_refreshed_id_token_is_validated_like_the_first<W: World>() {
    for case in cases_of(CLAIMS, "refreshed") {
        let (mut world, mut browser) = signed_in::<W>(with_tokens(RefreshTokens::Rotating, Duration::from_secs(2)));
        let changes = case.value.clone();
        world.provider().forge(move |draft| change(&mut draft.claims, &changes));
        world.advance(Duration::from_secs(2));
        browser.fetch(&mut world, "/api").refused_with(401);
        assert!(!has_session(&mut browser, &mut world), "{case:?}");
        let log = world.log().join("\n");
        assert!(log.contains("session ended by its refresh"), "{case:?}: {log}");
    }
    for case in cases_of(HEADERS, "lua-resty-openidc") {
        let (mut world, mut browser) = signed_in::<W>(with_tokens(RefreshTokens::Rotating, Duration::from_secs(2)));
        world.provider().forge(move |draft| forge(draft, &case));
        world.advance(Duration::from_secs(2));
        browser.fetch(&mut world, "/api").refused_with(401);
        assert!(!has_session(&mut browser, &mut world));
    }
}

pub fn lua_resty_openidc_accept_unsupported_alg_no_such_id_token_signs_anybody_in<W: World>() {
    refused_at_a_login::<W>(cases_of(HEADERS, "lua-resty-openidc"), forge);
}

pub fn lua_resty_openidc_accept_unsupported_alg_no_such_access_token_opens_anything<W: World>() {
    refused_as_access_tokens::<W>(cases_of(HEADERS, "lua-resty-openidc"), forge);
}

/// Two issuers with one signing key: whose token it is decides its issuer, not its key; and a rule takes those of its issuers.
pub fn cve_2025_46647_a_token_of_another_issuer_with_the_same_key_is_refused<W: World>() {
    let setup = Setup::api().provider(|provider| provider.other_keys = vec![TestKey::Rsa1]);
    let of_corp = json!({"match": {"path_prefix": "/corp"}, "authentication": "bearer", "providers": ["corp"]});
    let mut world = W::open(setup.rule(of_corp));
    let corp = access_token(&mut world, |_| ());
    let partner = access_token(&mut world, |draft| draft.claim("iss", OTHER_ISSUER));
    let nobody = access_token(&mut world, |draft| draft.claim("iss", "https://evil.example"));
    for _ in 0..2 {
        world.send(call("/corp", &corp)).forwarded();
        world.send(call("/partner", &corp)).refused_with(401).because_of("access_token.issuer_mismatch");
        assert_eq!(world.send(call("/partner", &partner)).forwarded().header("x-auth-issuer"), Some(OTHER_ISSUER));
        world.send(call("/corp", &partner)).refused_with(401).because_of("access_token.issuer_mismatch");
        world.send(call("/orders", &nobody)).refused_with(401);
    }
    // The key of one issuer, under its own key id, says nothing about the other.
    let mut world = W::open(Setup::api());
    for key in [TestKey::Rsa1, TestKey::P256A] {
        let foreign = access_token(&mut world, |draft| {
            draft.sign_with(key);
            draft.claim("iss", OTHER_ISSUER);
        });
        world.send(call("/partner", &foreign)).refused_with(401).because_of("jws.key_unknown");
        world.send(call("/orders", &foreign)).refused_with(401).because_of("jws.key_unknown");
    }
}

pub fn cve_2026_31837_a_strangers_key_is_never_the_default<W: World>() {
    refused_as_access_tokens::<W>(cases_of(HEADERS, "CVE-2026-31837"), forge);
}

pub fn cve_2026_31837_a_strangers_key_signs_nobody_in<W: World>() {
    refused_at_a_login::<W>(cases_of(HEADERS, "CVE-2026-31837"), forge);
}

/// There, a default key took the place of keys that could not be fetched.
pub fn cve_2026_31837_without_keys_there_is_no_default_key<W: World>() {
    for behaviour in
        [Behaviour::Reset, Behaviour::html(500), Behaviour::Answer(Response::json(200, &json!({"keys": []})))]
    {
        let mut world = W::open(Setup::api().provider(|provider| provider.behave(Endpoint::Keys, behaviour)));
        for case in cases_of(HEADERS, "CVE-2026-31837").into_iter().take(4) {
            let token = access_token(&mut world, |draft| forge(draft, &case));
            let exchange = world.send(call("/orders", &token));
            assert!(
                exchange.upstream.is_none() && [401, 502, 503].contains(&exchange.status()),
                "{case:?}: {exchange:?}"
            );
        }
        let honest = access_token(&mut world, |_| ());
        let exchange = world.send(call("/orders", &honest));
        assert!(exchange.upstream.is_none() && [502, 503].contains(&exchange.status()), "{exchange:?}");
    }
}

/// What one rule found out of a token is not what another rule asks.
pub fn a_verdict_holds_for_its_issuer_audience_and_policy_only<W: World>() {
    let strict = json!({
        "match": {"path_prefix": "/strict"}, "authentication": "bearer", "require": "claims.sub == \"grace\"",
    });
    let mut world = W::open(Setup::api().rule(strict));
    let token = access_token(&mut world, |_| ());
    let other = access_token(&mut world, |draft| draft.claim("aud", "https://invoices.example.org"));
    let asks = [
        ("/orders", &token, 200),
        ("/invoices", &token, 401),
        ("/orders/new", &token, 403),
        ("/partner", &token, 401),
        ("/strict", &token, 403),
        ("/either", &token, 200),
        ("/staff", &token, 403),
        ("/invoices", &other, 200),
        ("/orders", &other, 401),
        ("/either", &other, 401),
    ];
    // Each after each: whatever is remembered of the one before must not be believed for the next.
    for (first, first_token, first_status) in &asks {
        for (second, second_token, second_status) in &asks {
            let (one, two) = (world.send(call(first, first_token)), world.send(call(second, second_token)));
            assert_eq!((one.status(), two.status()), (*first_status, *second_status), "{first}, then {second}");
            assert_eq!(two.upstream.is_some(), *second_status == 200, "{first}, then {second}");
        }
    }
}

pub fn a_logout_token_is_taken_once_without_a_nonce_and_alone<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(Setup::default().claim("sid", "s1"));
    let notify = |world: &mut W, form: &str| {
        let request = Request::new("POST", "/oauth2/backchannel-logout");
        let request = request.with("content-type", "application/x-www-form-urlencoded");
        world.send(request.with("content-length", form.len().to_string()).with_body(form))
    };
    let now = world.now();
    let draft = world.provider().logout_token(now);
    let mut with_nonce = draft.clone();
    with_nonce.claim("nonce", "n-0S6_WzA2Mj");
    let token = draft.sign();
    for (form, reason) in [
        (format!("logout_token={}", with_nonce.sign()), "logout_token.nonce_present"),
        (format!("logout_token={token}&logout_token={token}"), "logout_token.repeated"),
        (format!("logout_token={token}&logout%5Ftoken=x"), "logout_token.repeated"),
    ] {
        notify(&mut world, &form).refused_with(400).because_of(reason);
    }
    for case in cases_of(HEADERS, "lua-resty-openidc") {
        let mut forged = draft.clone();
        forge(&mut forged, &case);
        notify(&mut world, &format!("logout_token={}", forged.sign())).refused_with(400).because_of("logout_token.");
    }
    assert!(has_session(&mut browser, &mut world), "nothing of this ended anything");
    world.advance(Duration::from_secs(1));
    notify(&mut world, &format!("logout_token={token}")).refused_with(200);
    world.advance(Duration::from_millis(100));
    assert!(!has_session(&mut browser, &mut world));
    notify(&mut world, &format!("logout_token={token}")).refused_with(400).because_of("logout_token.replayed");
}

/// Nobody is led anywhere by an answer to a request of ours; what is not at the provider's own host is not asked at all.
pub fn cve_2026_41413_no_redirect_is_followed_when_something_is_fetched<W: World>() {
    for endpoint in [Endpoint::Discovery, Endpoint::Keys, Endpoint::Token] {
        for status in [301, 303, 307, 308] {
            let answer = Response { status, ..Response::redirect(&format!("{PROVIDER_ORIGIN}/elsewhere/keys")) };
            let body = json!({"keys": [TestKey::Rsa2.jwk()]}).to_string();
            let answer = Response { body: body.into_bytes(), ..answer }.with("content-type", "application/json");
            let setup = Setup::api().provider(|provider| provider.behave(endpoint, Behaviour::Answer(answer)));
            let mut world = W::open(setup);
            if endpoint == Endpoint::Token {
                let page = Browser::default().open(&mut world, "/private");
                assert!(page.exchange.upstream.is_none() && page.exchange.status() >= 500, "{:?}", page.exchange);
            } else {
                let token = access_token(&mut world, |draft| draft.sign_with(TestKey::Rsa2));
                let exchange = world.send(call("/orders", &token));
                assert!(exchange.upstream.is_none() && [502, 503].contains(&exchange.status()), "{exchange:?}");
            }
            let followed = world.provider().count(Endpoint::Unknown);
            assert_eq!(followed, 0, "{endpoint:?} {status}: {:?}", world.provider().last(Endpoint::Unknown));
        }
    }
}
