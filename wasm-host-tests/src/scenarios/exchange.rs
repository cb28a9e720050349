//! A backend that gets a token of its own, never the caller's (RFC 8693).

use std::time::Duration;

use serde_json::{Value, json};

use super::{access_token, call};
use crate::browser::Browser;
use crate::jar::Initiator;
use crate::message::{Request, Response};
use crate::provider::{AUDIENCE, Behaviour, Endpoint};
use crate::setup::Setup;
use crate::world::World;

const BACKEND: &str = "https://backend.example.org";

/// An API in front of a backend with an audience of its own: `/backend` for tokens, `/portal` for sessions, `/mixed` for whoever
/// comes.
pub(crate) fn exchanging() -> Setup {
    let mut setup = Setup::api();
    let exchange = json!({"provider": "corp", "audience": BACKEND, "scope": "orders.read"});
    let rule = |path: &str, authentication: &str, exchange: &Value| json!({"match": {"path_prefix": path}, "authentication": authentication, "exchange": exchange});
    let mut staff = rule("/backend/staff", "bearer", &exchange);
    staff["require"] = json!("\"nobody\" in claims.groups");
    let rules = [
        staff,
        rule("/backend", "bearer", &exchange),
        rule("/other", "bearer", &json!({"provider": "corp", "audience": "https://other.example.org"})),
        rule("/portal", "session", &exchange),
        rule("/mixed", "optional", &exchange),
    ];
    setup.document["rules"].as_array_mut().expect("a list").splice(0..0, rules);
    setup
}

fn exchanges<W: World>(world: &mut W) -> Vec<Request> {
    let provider = world.provider();
    let requests = provider.log.iter().filter(|(endpoint, _)| *endpoint == Endpoint::Token).map(|(_, request)| request);
    let is_exchange =
        |request: &&Request| request.posted("grant_type").is_some_and(|kind| kind.ends_with("token-exchange"));
    requests.filter(is_exchange).cloned().collect()
}

pub fn the_backend_gets_a_token_of_its_own<W: World>() {
    let mut world = W::open(exchanging());
    let token = access_token(&mut world, |_| ());
    let exchange = world.send(call("/backend/7", &token).with("dpop", "a.b.c"));
    let seen = exchange.forwarded();
    assert_eq!(seen.all("authorization"), [format!("Bearer exchanged-1-for-{BACKEND}").as_bytes()]);
    assert_eq!((seen.header("dpop"), seen.header("x-auth-subject")), (None, Some("ada")));
    assert!(!format!("{seen:?}").contains(&token));
    let asked = exchanges(&mut world);
    assert_eq!(asked.len(), 1);
    for (name, value) in [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("subject_token", token.as_str()),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ("audience", BACKEND),
        ("scope", "orders.read"),
    ] {
        assert_eq!(asked[0].posted(name).as_deref(), Some(value), "{name}");
    }
    assert_eq!(world.provider().complaints, Vec::<String>::new());
}

pub fn a_token_is_exchanged_once_for_each_target<W: World>() {
    let mut world = W::open(exchanging());
    let (one, two) = (access_token(&mut world, |_| ()), access_token(&mut world, |draft| draft.claim("sub", "bob")));
    for _ in 0..20 {
        for (path, token, expected) in [
            ("/backend", &one, format!("Bearer exchanged-1-for-{BACKEND}")),
            ("/other", &one, "Bearer exchanged-2-for-https://other.example.org".to_owned()),
            ("/backend", &two, format!("Bearer exchanged-3-for-{BACKEND}")),
        ] {
            assert_eq!(world.send(call(path, token)).forwarded().header("authorization"), Some(expected.as_str()));
        }
    }
    assert_eq!(exchanges(&mut world).len(), 3);
}

pub fn one_exchange_serves_all_who_bring_the_token<W: World>() {
    let mut world = W::open(exchanging());
    let token = access_token(&mut world, |_| ());
    world.settle();
    world.provider().behave(Endpoint::Token, Behaviour::Slow(Duration::from_secs(1)));
    let tickets: Vec<_> = (0..20).map(|_| world.start(call("/backend", &token))).collect();
    for ticket in tickets {
        let expected = format!("Bearer exchanged-1-for-{BACKEND}");
        assert_eq!(world.finish(ticket).forwarded().header("authorization"), Some(expected.as_str()));
    }
    assert_eq!(exchanges(&mut world).len(), 1);
}

pub fn an_exchanged_token_is_replaced_before_it_ends<W: World>() {
    let mut world = W::open(exchanging());
    world.provider().change_token_answer(|answer| answer["expires_in"] = 100.into());
    let token = access_token(&mut world, |_| ());
    for (pause, exchanged) in [(0, 1), (69, 1), (2, 2)] {
        world.advance(Duration::from_secs(pause));
        world.send(call("/backend", &token)).forwarded();
        assert_eq!(exchanges(&mut world).len(), exchanged);
    }
}

pub fn an_exchanged_token_does_not_outlive_the_one_it_stands_for<W: World>() {
    let mut world = W::open(exchanging());
    let now = world.now();
    let token = access_token(&mut world, |draft| draft.claim("exp", now.as_secs() + 20));
    world.send(call("/backend", &token)).forwarded();
    world.advance(Duration::from_secs(19));
    world.send(call("/backend", &token)).forwarded();
    assert_eq!(exchanges(&mut world).len(), 1);
    // Within the tolerated difference of the clocks the token is good, and its issuer decides.
    world.advance(Duration::from_secs(2));
    world.send(call("/backend", &token)).forwarded();
    assert_eq!(exchanges(&mut world).len(), 2);
    world.advance(Duration::from_secs(60));
    world.send(call("/backend", &token)).refused_with(401).because_of("access_token.expired");
}

pub fn without_an_exchanged_token_nothing_goes_on<W: World>() {
    let error = |status: u16, error: &str| Behaviour::Answer(Response::json(status, &json!({"error": error})));
    let answer = |answer: Value| Behaviour::Answer(Response::json(200, &answer));
    let issued = "urn:ietf:params:oauth:token-type:access_token";
    for (behaviour, status, reason) in [
        (error(400, "invalid_grant"), 403, "exchange.invalid_grant"),
        (error(400, "invalid_request"), 403, "exchange.invalid_request"),
        (error(400, "invalid_target"), 403, "exchange.invalid_target"),
        (error(401, "invalid_client"), 502, "exchange.invalid_client"),
        (error(400, "unauthorized_client"), 502, "exchange.unauthorized_client"),
        (error(503, "x"), 503, "exchange.unavailable"),
        (answer(json!({"access_token": "new", "token_type": "Bearer"})), 502, "exchange.issued_token_type"),
        (
            answer(json!({"access_token": "new", "token_type": "N_A", "issued_token_type": issued})),
            502,
            "exchange.token_type_not_bearer",
        ),
        (
            answer(json!({"access_token": "a\r\nx: y", "token_type": "Bearer", "issued_token_type": issued})),
            502,
            "exchange.token_malformed",
        ),
        (Behaviour::html(200), 502, "exchange.malformed"),
        (Behaviour::large(), 502, "provider.answer_too_large"),
    ] {
        let mut world = W::open(exchanging());
        let token = access_token(&mut world, |_| ());
        world.provider().behave(Endpoint::Token, behaviour);
        for _ in 0..3 {
            world.send(call("/backend", &token)).refused_with(status).because_of(reason);
        }
        assert_eq!(exchanges(&mut world).len(), 1, "{reason}: not hammered");
        world.provider().behave(Endpoint::Token, Behaviour::Normal);
        world.advance(Duration::from_secs(2));
        world.send(call("/backend", &token)).forwarded();
    }
    for behaviour in [Behaviour::Reset, Behaviour::Hang] {
        let mut world = W::open(exchanging());
        let token = access_token(&mut world, |_| ());
        world.provider().behave(Endpoint::Token, behaviour);
        world.send(call("/backend", &token)).refused_with(503).because_nobody_answered("exchange");
    }
}

pub fn who_is_not_admitted_causes_no_exchange<W: World>() {
    let mut world = W::open(exchanging());
    let token = access_token(&mut world, |_| ());
    world.send(call("/backend/staff", &token)).refused_with(403).because_of("policy.require_not_met");
    world.send(call("/backend", "x.y.z")).refused_with(401);
    assert_eq!(exchanges(&mut world).len(), 0);
}

pub fn without_an_identity_the_backend_sees_no_credentials<W: World>() {
    let mut world = W::open(exchanging());
    let exchange = world.send(Request::get("/mixed").with("authorization", "Basic YWRhOmFkYQ==").with("dpop", "x"));
    assert_eq!((exchange.forwarded().header("authorization"), exchange.forwarded().header("dpop")), (None, None));
    let token = access_token(&mut world, |_| ());
    let expected = format!("Bearer exchanged-1-for-{BACKEND}");
    let exchange = world.send(call("/mixed", &token));
    assert_eq!(exchange.forwarded().header("authorization"), Some(expected.as_str()));
    // A rule without `exchange` leaves the request's own as it is.
    let exchange = world.send(call("/orders", &token));
    assert_eq!(exchange.forwarded().header("authorization"), Some(format!("Bearer {token}").as_str()));
}

pub fn headers_carry_the_exchanged_token_where_they_name_one<W: World>() {
    let setup = exchanging().header("authorization", "\"Token \" + access_token").header("x-token", "access_token");
    let mut world = W::open(setup);
    let token = access_token(&mut world, |_| ());
    for (path, seen) in [("/backend", format!("exchanged-1-for-{BACKEND}")), ("/orders", token.clone())] {
        for _ in 0..2 {
            let exchange = world.send(call(path, &token));
            assert_eq!(exchange.forwarded().all("authorization"), [format!("Token {seen}").as_bytes()]);
            assert_eq!(exchange.forwarded().header("x-token"), Some(seen.as_str()));
        }
    }
}

pub fn the_token_of_a_session_is_exchanged_until_it_ends<W: World>() {
    let mut world = W::open(exchanging());
    let mut browser = Browser::default();
    let page = browser.open(&mut world, "/portal");
    let expected = format!("Bearer exchanged-1-for-{BACKEND}");
    assert_eq!(page.shows("/portal").header("authorization"), Some(expected.as_str()));
    browser.fetch(&mut world, "/portal").forwarded();
    assert_eq!(exchanges(&mut world).len(), 1);
    assert!(
        exchanges(&mut world)[0].posted("subject_token").is_some_and(|token| token.starts_with("access-token-of-"))
    );
    // The provider's tokens live for ten minutes.
    world.advance(Duration::from_secs(601));
    browser.fetch(&mut world, "/portal").refused_with(401).because_of("exchange.subject_token_missing");
    let mixed = browser.fetch(&mut world, "/mixed");
    assert_eq!((mixed.forwarded().header("authorization"), mixed.forwarded().header("x-auth-subject")), (None, None));
    let page = browser.open(&mut world, "/portal");
    assert!(page.passed_provider());
    assert!(page.shows("/portal").header("authorization").is_some_and(|token| token.starts_with("Bearer exchanged-2")));
}

pub fn a_session_whose_token_ends_at_once_is_no_endless_login<W: World>() {
    let mut world = W::open(exchanging());
    world.provider().change_token_answer(|answer| answer["expires_in"] = 0.into());
    let mut browser = Browser::default();
    let page = browser.open(&mut world, "/portal");
    page.exchange.refused_with(401).because_of("exchange.subject_token_missing");
    let request = browser.with_cookies(Request::fetch("/orders"), Initiator::SameSite, &world);
    world.send(request).refused_with(401);
}

pub fn an_opaque_token_is_exchanged_as_well<W: World>() {
    let setup = exchanging().of_provider("access_token", "opaque").provider(|provider| {
        provider.opaque_tokens.insert("opaque".to_owned(), json!({"active": true, "sub": "ada", "aud": AUDIENCE}));
    });
    let mut world = W::open(setup);
    for _ in 0..3 {
        world.send(call("/backend", "opaque")).forwarded();
    }
    assert_eq!((exchanges(&mut world).len(), world.provider().count(Endpoint::Introspection)), (1, 1));
}
