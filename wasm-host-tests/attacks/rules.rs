//! Rules that somebody has relaxed by what is not theirs to say: a query, an escape, a header, a claim that was true once.

use std::time::Duration;

use serde_json::{Value, json};

use super::corpus::{cases, cases_of};
use crate::jar::Initiator;
use crate::message::Request;
use crate::provider::{Endpoint, ISSUER, RefreshTokens, SECOND_ISSUER};
use crate::scenarios::refresh::with_tokens;
use crate::scenarios::{access_token, call, signed_in};
use crate::setup::Setup;
use crate::world::World;

const PATHS: &str = include_str!("corpus/paths.txt");
const FORWARDED: &str = include_str!("corpus/forwarded_headers.txt");
const CREDENTIALS: &str = include_str!("corpus/credentials.txt");
const EMAILS: &str = include_str!("corpus/emails.txt");

fn with_a_pattern(setup: Setup) -> Setup {
    setup.rule(json!({"match": {"path_regex": "/files/.*/readme"}, "authentication": "none"}))
}

/// Whoever has no session gets to none of these.
fn opens_nothing<W: World>(advisory: &str) {
    let mut world = W::open(with_a_pattern(Setup::api()));
    world.send(Request::fetch("/files/a/readme")).forwarded();
    for case in cases_of(PATHS, advisory) {
        for request in [Request::fetch(case.text()), Request::navigation(case.text()), call(case.text(), "a.b.c")] {
            for method in ["GET", "POST", "OPTIONS"] {
                let exchange = world.send(request.clone().set(":method", method));
                assert!(exchange.upstream.is_none(), "{method} {case:?} reached {:?}", exchange.upstream);
                assert!([302, 400, 401].contains(&exchange.status()), "{method} {case:?}: {}", exchange.status());
            }
        }
    }
}

pub fn cve_2025_54576_the_query_opens_nothing<W: World>() {
    opens_nothing::<W>("CVE-2025-54576");
}

pub fn ghsa_pxq7_h93f_9jrg_a_fragment_opens_nothing<W: World>() {
    opens_nothing::<W>("GHSA-pxq7-h93f-9jrg");
}

pub fn ghsa_fvhj_4qfh_q2hm_no_spelling_of_a_path_opens_another<W: World>() {
    opens_nothing::<W>("GHSA-fvhj-4qfh-q2hm");
}

/// With a session, whatever arrives is what was sent; and what is decided on is what arrives: `/board` is for nobody here.
pub fn go_2023_1800_what_is_decided_on_is_what_is_routed<W: World>() {
    let (mut world, browser) = signed_in::<W>(with_a_pattern(Setup::default()));
    for case in cases(PATHS) {
        let request = browser.with_cookies(Request::fetch(case.text()), Initiator::SameSite, &world);
        let exchange = world.send(request);
        match &exchange.upstream {
            Some(upstream) => assert_eq!(upstream.target(), case.text(), "another path arrived"),
            None => assert_eq!(exchange.status(), 400, "{case:?}"),
        }
        assert!(exchange.upstream.is_some() || !case.is("GO-2023-1800"), "{case:?} is harmless");
        let to_the_board = case.text().replace("/private", "/board").replace("%70rivate", "%62oard");
        if to_the_board != case.text() {
            let request = browser.with_cookies(Request::fetch(&to_the_board), Initiator::SameSite, &world);
            let exchange = world.send(request);
            assert!(exchange.upstream.is_none(), "{to_the_board} reached {:?}", exchange.upstream);
        }
    }
}

/// None of the fields changes any answer.
fn decides_nothing<W: World>(advisory: &str) {
    let (mut world, browser) = signed_in::<W>(Setup::api());
    let token = access_token(&mut world, |_| ());
    let session = |request| browser.with_cookies(request, Initiator::SameSite, &world);
    let board = session(Request::fetch("/board"));
    let private = session(Request::fetch("/private"));
    for case in cases_of(FORWARDED, advisory) {
        let said = |request: &Request| {
            let [name, value] = [&case.value[0], &case.value[1]].map(|part| part.as_str().expect("text"));
            request.clone().with(name, value)
        };
        for path in ["/private", "/board", "/oauth2/session", "/files/secret"] {
            world.send(said(&Request::fetch(path))).refused_with(401);
        }
        world.send(said(&Request::get("/orders"))).refused_with(401);
        world.send(said(&call("/orders", "a.b.c"))).refused_with(401);
        world.send(said(&call("/orders/new", &token))).refused_with(403);
        world.send(said(&board)).refused_with(403);
        assert_eq!(world.send(said(&private)).forwarded().header("x-auth-subject"), Some("ada"), "{case:?}");
        assert_eq!(world.send(said(&Request::fetch("/public"))).forwarded().header("x-auth-subject"), None);
        let begun = world.send(said(&Request::navigation("/private")));
        begun.refused_with(302);
        let redirect = begun.response.location();
        assert!(redirect.contains("redirect_uri=https%3A%2F%2Fportal.example.org%2Foauth2%2Fcallback"), "{redirect}");
        assert!(!redirect.contains("status.example.org"), "{redirect}");
    }
}

pub fn cve_2026_40575_forwarded_headers_decide_nothing<W: World>() {
    decides_nothing::<W>("CVE-2026-40575");
}

pub fn cve_2026_76835_headers_about_an_original_request_decide_nothing<W: World>() {
    decides_nothing::<W>("CVE-2026-76835");
}

pub fn cve_2026_34457_no_user_agent_is_a_health_check<W: World>() {
    decides_nothing::<W>("CVE-2026-34457");
}

pub fn cve_2022_29226_garbage_is_no_session_and_no_token<W: World>() {
    for setup in [Setup::default(), Setup::api()] {
        let takes_tokens = setup.document["providers"][0].get("audience").is_some();
        let mut world = W::open(setup);
        for case in cases_of(CREDENTIALS, "CVE-2022-29226") {
            let with = |request: Request| request.with("authorization", case.bytes());
            for path in ["/private", "/finance", "/orders", "/either", "/oauth2/session"] {
                let exchange = world.send(with(Request::fetch(path)));
                assert!(exchange.upstream.is_none(), "{path} {case:?}: {:?}", exchange.upstream);
                assert!([400, 401].contains(&exchange.status()), "{path} {case:?}: {}", exchange.status());
            }
            let optional = world.send(with(Request::fetch("/welcome")));
            let named = optional.upstream.as_ref().and_then(|upstream| upstream.header("x-auth-subject"));
            assert_eq!(named, None, "{case:?}");
            assert!(takes_tokens || optional.upstream.is_some(), "{case:?}: nobody here issues tokens");
        }
    }
}

fn sent_to<W: World>(world: &mut W, hint: &str) -> Option<&'static str> {
    let query: String = form_urlencoded::Serializer::new(String::new()).append_pair("login_hint", hint).finish();
    let location = world.send(Request::navigation(&format!("/oauth2/login?{query}"))).response.location().to_owned();
    [ISSUER, SECOND_ISSUER].into_iter().find(|issuer| location.starts_with(*issuer))
}

pub fn cve_2026_40574_an_address_with_two_at_signs_is_in_no_domain<W: World>() {
    let mut setup = Setup::default().with_partner();
    setup.document["providers"][0]["login_hint_domains"] = json!(["example.org"]);
    setup.document["providers"][1]["login_hint_domains"] = json!(["corp.com"]);
    let mut world = W::open(setup);
    assert_eq!(sent_to(&mut world, "a@corp.com"), Some(SECOND_ISSUER));
    let require = "claims.email.split(\"@\").size() == 2 && claims.email.split(\"@\")[0] != \"\" && claims.email.split(\"@\")[1] == \"corp.com\"";
    let setup = || Setup::default().rule(json!({"match": {"path_prefix": "/corp"}, "require": require}));
    let (mut corp, mut browser) = signed_in::<W>(setup().claim("email", "a@corp.com"));
    browser.fetch(&mut corp, "/corp").forwarded();
    for case in cases_of(EMAILS, "CVE-2026-40574") {
        assert_eq!(sent_to(&mut world, case.text()), None, "{case:?}");
        corp.provider().user["email"] = case.value.clone();
        browser.open(&mut corp, "/oauth2/login?return_to=%2Fx").shows("/x");
        browser.fetch(&mut corp, "/corp").refused_with(403);
    }
}

/// A claim that a refresh changed or took away counts no longer, for rules and headers alike.
pub fn cve_2021_41230_claims_that_changed_change_the_decision<W: World>() {
    for (groups, seen) in [(json!(["staff"]), Some("staff")), (json!([]), None), (Value::Null, None)] {
        let (mut world, mut browser) = signed_in::<W>(with_tokens(RefreshTokens::Rotating, Duration::from_secs(2)));
        browser.fetch(&mut world, "/finance").forwarded();
        world.provider().user["groups"] = groups.clone();
        world.advance(Duration::from_secs(2));
        let asked = world.provider().count(Endpoint::Token);
        browser.fetch(&mut world, "/finance").refused_with(403).because_of("policy.require_not_met");
        assert_eq!(world.provider().count(Endpoint::Token), asked + 1, "{groups}: refreshed");
        let exchange = browser.fetch(&mut world, "/private");
        let told = exchange.forwarded().header("x-auth-groups").filter(|value| !value.is_empty());
        assert_eq!(told, seen, "{groups}");
    }
}
