//! Access tokens that only their issuer understands (RFC 7662).

use std::time::Duration;

use serde_json::{Value, json};

use super::{access_token, call};
use crate::message::{Request, Response};
use crate::provider::id_token::Signing;
use crate::provider::keys::TestKey;
use crate::provider::{AUDIENCE, Behaviour, Endpoint, OTHER_ISSUER};
use crate::setup::Setup;
use crate::world::{Exchange, World};

const TOKEN: &str = "b24a7c5e-opaque_to+us/==";

/// An API whose issuer is asked about tokens, and knows one.
pub(crate) fn asking(format: &str) -> Setup {
    let setup = Setup::api().of_provider("access_token", format).provider(|provider| {
        let said = json!({
            "active": true, "sub": "ada", "username": "ada@example.org", "client_id": "app", "scope": "orders.read",
            "token_type": "Bearer", "aud": AUDIENCE,
        });
        provider.opaque_tokens.insert(TOKEN.to_owned(), said);
    });
    setup.header("x-auth-name", "claims.username")
}

/// The same, where the issuer says this besides.
fn saying(changes: Value) -> Setup {
    asking("opaque").provider(|provider| {
        let said = provider.opaque_tokens.get_mut(TOKEN).and_then(Value::as_object_mut).expect("an object");
        said.extend(changes.as_object().expect("an object").clone());
        said.retain(|_, value| !value.is_null());
    })
}

fn asked<W: World>(world: &mut W) -> usize {
    world.provider().count(Endpoint::Introspection)
}

pub fn an_opaque_token_is_admitted_with_what_its_issuer_says<W: World>() {
    let mut world = W::open(asking("opaque"));
    let exchange = world.send(call("/orders", TOKEN).with("x-auth-name", "eve"));
    let seen = exchange.forwarded();
    assert_eq!(seen.header("x-auth-subject"), Some("ada"));
    assert_eq!(seen.all("x-auth-name"), [b"ada@example.org"]);
    assert_eq!((seen.header("x-auth-scopes"), seen.header("x-auth-how")), (Some("orders.read"), Some("bearer corp")));
    let provider = world.provider();
    assert_eq!(provider.complaints, Vec::<String>::new());
    let request = provider.last(Endpoint::Introspection).expect("a request");
    assert_eq!((request.method(), request.header("accept")), ("POST", Some("application/json")));
    assert_eq!(request.posted("token").as_deref(), Some(TOKEN));
    assert_eq!(request.posted("token_type_hint").as_deref(), Some("access_token"));
}

pub fn an_issuer_is_asked_once_a_minute_about_a_token<W: World>() {
    let mut world = W::open(asking("opaque"));
    for _ in 0..50 {
        world.send(call("/orders", TOKEN)).forwarded();
    }
    assert_eq!(asked(&mut world), 1);
    world.send(call("/orders/new", TOKEN)).refused_with(403).because_of("policy.scope_insufficient");
    assert_eq!(asked(&mut world), 1, "what the rule demands is decided here");
}

pub fn a_revoked_token_stops_working_within_a_minute<W: World>() {
    let mut world = W::open(asking("opaque"));
    world.send(call("/orders", TOKEN)).forwarded();
    world.provider().opaque_tokens.clear();
    world.advance(Duration::from_secs(55));
    world.send(call("/orders", TOKEN)).forwarded();
    world.advance(Duration::from_secs(6));
    world.send(call("/orders", TOKEN)).refused_with(401).because_of("introspection.inactive");
}

pub fn a_token_is_remembered_no_longer_than_it_lives<W: World>() {
    let mut world = W::open(asking("opaque").of_provider("clock_skew", "0s"));
    let exp = (world.now() + Duration::from_secs(20)).as_secs();
    world.provider().opaque_tokens.get_mut(TOKEN).expect("known")["exp"] = exp.into();
    world.send(call("/orders", TOKEN)).forwarded();
    world.advance(Duration::from_secs(21));
    world.send(call("/orders", TOKEN)).refused_with(401).because_of("access_token.expired");
    assert_eq!(asked(&mut world), 2);
}

pub fn one_question_serves_all_who_present_the_token<W: World>() {
    let mut world = W::open(asking("opaque"));
    world.settle();
    world.provider().behave(Endpoint::Introspection, Behaviour::Slow(Duration::from_secs(1)));
    let mut tickets: Vec<_> = (0..20).map(|_| world.start(call("/orders", TOKEN))).collect();
    world.advance(Duration::from_millis(300));
    // The one that caused the question is among those who go.
    for ticket in tickets.drain(..5) {
        world.abandon(ticket);
    }
    for ticket in tickets {
        world.finish(ticket).forwarded();
    }
    assert_eq!(asked(&mut world), 1);
}

pub fn an_inactive_token_is_refused_and_not_asked_about_again<W: World>() {
    let mut world = W::open(asking("opaque"));
    for _ in 0..5 {
        let exchange = world.send(call("/orders", "unknown"));
        exchange.refused_with(401).because_of("introspection.inactive");
        let challenge = exchange.response.header("www-authenticate").unwrap_or_default().to_owned();
        assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
    }
    assert_eq!(asked(&mut world), 1);
    world.send(call("/orders", TOKEN)).forwarded();
    assert_eq!(asked(&mut world), 2);
}

pub fn a_token_that_becomes_known_is_admitted_soon<W: World>() {
    let mut world = W::open(asking("opaque"));
    world.send(call("/orders", "later")).refused_with(401);
    world.provider().opaque_tokens.insert("later".to_owned(), json!({"active": true, "sub": "ada"}));
    world.send(call("/orders", "later")).refused_with(401);
    world.advance(Duration::from_secs(10));
    world.send(call("/orders", "later")).forwarded();
}

pub fn an_answer_that_is_no_answer_admits_nobody<W: World>() {
    let answer = |body: &str| Behaviour::Answer(Response::new(200, "application/json", body));
    let status = |status: u16| Behaviour::Answer(Response::new(status, "application/json", r#"{"active":true}"#));
    for (behaviour, expected, reason) in [
        (answer("{}"), 502, "introspection.active_malformed"),
        (answer(r#"{"active":"true"}"#), 502, "introspection.active_malformed"),
        (answer(r#"{"active":false,"active":true}"#), 502, "introspection.duplicate_member"),
        (
            answer(&format!(r#"{{"active":true,"a":{}{}}}"#, "[".repeat(50), "]".repeat(50))),
            502,
            "introspection.too_deep",
        ),
        (answer("[]"), 502, "introspection.not_an_object"),
        (Behaviour::html(200), 502, "introspection.malformed"),
        (Behaviour::rubbish(), 502, "introspection.malformed"),
        (Behaviour::large(), 502, "provider.answer_too_large"),
        (status(401), 502, "introspection.client_refused"),
        (status(403), 502, "introspection.client_refused"),
        (status(400), 502, "introspection.refused"),
        (status(302), 502, "introspection.refused"),
        (status(500), 503, "introspection.unavailable"),
        (status(429), 503, "introspection.unavailable"),
    ] {
        let mut world = W::open(asking("opaque"));
        world.provider().behave(Endpoint::Introspection, behaviour);
        for _ in 0..3 {
            world.send(call("/orders", TOKEN)).refused_with(expected).because_of(reason);
        }
        assert_eq!(asked(&mut world), 1, "{reason}: not hammered");
        assert!(!world.log().join("\n").contains(TOKEN));
        world.provider().behave(Endpoint::Introspection, Behaviour::Normal);
        world.advance(Duration::from_secs(2));
        world.send(call("/orders", TOKEN)).forwarded();
    }
}

pub fn an_issuer_that_hangs_makes_nobody_wait_for_ever<W: World>() {
    let mut world = W::open(asking("opaque"));
    world.provider().behave(Endpoint::Introspection, Behaviour::Reset);
    world.send(call("/orders", "another-token")).refused_with(503).because_nobody_answered("introspection");
    world.provider().behave(Endpoint::Introspection, Behaviour::Hang);
    let tickets: Vec<_> = (0..3).map(|_| world.start(call("/orders", TOKEN))).collect();
    for ticket in tickets {
        let exchange = world.finish(ticket);
        exchange.refused_with(503).because_nobody_answered("introspection");
        assert!(exchange.took <= Duration::from_secs(9), "{:?}", exchange.took);
    }
}

pub fn what_the_issuer_says_of_a_token_must_fit<W: World>() {
    for (said, reason) in [
        (json!({"iss": "https://evil.example"}), Some("access_token.issuer_mismatch")),
        (json!({"aud": "https://other.example.org"}), Some("access_token.audience_mismatch")),
        (json!({"aud": []}), Some("access_token.audience_mismatch")),
        (json!({"aud": null}), None),
        (json!({"exp": 1_000_000_000}), Some("access_token.expired")),
        (json!({"nbf": 9_000_000_000_u64}), Some("access_token.not_yet_valid")),
        (json!({"token_type": "mac"}), Some("access_token.wrong_type")),
        (json!({"token_use": "refresh_token"}), Some("access_token.wrong_type")),
        (json!({"cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}), Some("access_token.bound")),
    ] {
        let mut world = W::open(saying(said.clone()));
        let exchange: Exchange = world.send(call("/orders", TOKEN));
        match reason {
            Some(reason) => drop(exchange.refused_with(401).because_of(reason)),
            None => drop(exchange.forwarded()),
        }
    }
}

pub fn a_rule_with_an_audience_needs_a_token_that_names_it<W: World>() {
    let mut world = W::open(saying(json!({"aud": null})));
    world.send(call("/orders", TOKEN)).forwarded();
    world.send(call("/invoices", TOKEN)).refused_with(401).because_of("access_token.audience_mismatch");
    let mut world = W::open(saying(json!({"aud": [AUDIENCE, "https://invoices.example.org"]})));
    world.send(call("/invoices", TOKEN)).forwarded();
}

pub fn an_issuer_of_both_kinds_is_asked_about_what_is_no_jwt_of_its_own<W: World>() {
    let mut world = W::open(asking("any"));
    let token = access_token(&mut world, |_| ());
    world.send(call("/orders", &token)).forwarded();
    let forged = access_token(&mut world, |draft| draft.signing = Signing::Corrupted(TestKey::Rsa1));
    world.send(call("/orders", &forged)).refused_with(401).because_of("jws.signature_invalid");
    assert_eq!(asked(&mut world), 0, "verified here");
    world.send(call("/orders", TOKEN)).forwarded();
    assert_eq!(asked(&mut world), 1);
}

pub fn the_token_of_one_issuer_is_not_shown_to_another<W: World>() {
    let mut world = W::open(asking("opaque"));
    let token = access_token(&mut world, |draft| draft.claim("iss", OTHER_ISSUER));
    assert_eq!(world.send(call("/orders", &token)).status(), 401, "judged as the other issuer's, by its keys");
    assert_eq!(world.send(call("/partner", TOKEN)).status(), 401, "an issuer that is not asked");
    assert_eq!(asked(&mut world), 0);
}

pub fn an_issuer_that_does_not_say_where_to_ask_is_a_reason_of_its_own<W: World>() {
    let setup = asking("opaque").provider(|provider| {
        provider.change_metadata(|document| document["introspection_endpoint"] = Value::Null);
    });
    let mut world = W::open(setup);
    world.send(call("/orders", TOKEN)).refused_with(502).because_of("introspection.endpoint_missing");
    assert!(world.log().join("\n").contains("metadata.introspection_endpoint"), "{:?}", world.log());
}

pub fn wrong_client_credentials_are_named_in_the_log<W: World>() {
    let setup = asking("opaque").of_provider("client_secret", "another");
    let mut world = W::open(setup);
    world.send(call("/orders", TOKEN)).refused_with(502).because_of("introspection.client_refused");
    assert!(world.log().join("\n").contains("compare `client_id`"), "{:?}", world.log());
}

pub fn no_session_comes_from_an_opaque_token<W: World>() {
    let mut world = W::open(asking("opaque"));
    world.send(Request::fetch("/private").with("authorization", format!("Bearer {TOKEN}"))).refused_with(401);
    assert_eq!(asked(&mut world), 0);
}
