//! Clients of an API, which present access tokens (RFC 6750): who is admitted, and what the others are told.

use serde_json::{Value, json};

use super::{access_token, call};
use crate::message::Request;
use crate::provider::id_token::{Draft, Signing};
use crate::provider::keys::TestKey;
use crate::provider::{AUDIENCE, CLIENT_ID, ISSUER, OTHER_ISSUER};
use crate::setup::Setup;
use crate::world::{Exchange, World};

const METADATA: &str = "resource_metadata=\"https://portal.example.org/.well-known/oauth-protected-resource";

fn challenge(exchange: &Exchange) -> String {
    exchange.response.header("www-authenticate").unwrap_or_default().to_owned()
}

/// A world with an API, and what it says to tokens that were changed.
#[track_caller]
fn refused<W: World>(world: &mut W, path: &str, status: u16, reason: &str, change: impl FnOnce(&mut Draft)) -> String {
    let token = access_token(world, change);
    let exchange = world.send(call(path, &token));
    exchange.refused_with(status).because_of(reason);
    let challenge = challenge(&exchange);
    assert!(!challenge.contains(&token) && !exchange.response.text().contains(&token), "the token is repeated");
    challenge
}

pub fn a_request_without_a_token_is_told_what_is_wanted<W: World>() {
    let mut world = W::open(Setup::api());
    let exchange = world.send(Request::get("/orders"));
    exchange.refused_with(401).because_of("access_token.missing");
    assert_eq!(exchange.response.header("content-type"), Some("application/problem+json"));
    assert!(challenge(&exchange).starts_with(&format!("Bearer {METADATA}")), "{}", challenge(&exchange));
    assert!(!challenge(&exchange).contains("error"), "nothing was wrong with what was not there");
    assert!(exchange.response.set_cookies().is_empty() && exchange.response.document()["login_url"] == Value::Null);
    for credentials in ["Basic YWRhOmFkYQ==", "Negotiate x", "Token x"] {
        let exchange = world.send(Request::get("/orders").with("authorization", credentials));
        exchange.refused_with(401).because_of("access_token.missing");
    }
    assert_eq!(world.provider().complaints, Vec::<String>::new());
}

pub fn a_person_who_opens_an_api_sees_a_page_and_no_login<W: World>() {
    let mut world = W::open(Setup::api());
    let exchange = world.send(Request::navigation("/orders"));
    exchange.refused_with(401).because_of("access_token.missing");
    assert!(exchange.response.header("content-type").is_some_and(|kind| kind.starts_with("text/html")));
    assert!(challenge(&exchange).starts_with("Bearer "));
    assert!(exchange.response.set_cookies().is_empty(), "no login begins");
}

pub fn a_good_token_reaches_the_application_with_its_identity<W: World>() {
    let mut world = W::open(Setup::api());
    let token = access_token(&mut world, |_| ());
    for _ in 0..3 {
        let forged = ["x-auth-subject", "X_Auth_Subject", "x.auth.issuer", "x-auth-email", "x-auth-groups"];
        let request = forged.into_iter().fold(call("/orders/7?x=1", &token), |request, name| request.with(name, "eve"));
        let exchange = world.send(request);
        let upstream = exchange.forwarded();
        assert_eq!(upstream.target(), "/orders/7?x=1");
        for (name, value) in [
            ("x-auth-subject", "ada"),
            ("x-auth-issuer", ISSUER),
            ("x-auth-scopes", "orders.read"),
            ("x-auth-how", "bearer corp"),
        ] {
            let of_name = |field: &&String| field.replace(['_', '.'], "-") == name;
            assert_eq!(upstream.names().iter().filter(of_name).count(), 1, "{name}");
            assert_eq!(upstream.header(name), Some(value));
        }
        assert!(upstream.header("x-auth-email").is_none() && upstream.header("x-auth-groups").is_none());
        assert_eq!(upstream.header("authorization"), Some(format!("Bearer {token}").as_str()), "not a managed header");
        assert!(exchange.response.header("www-authenticate").is_none());
    }
}

pub fn the_token_stays_here_or_goes_on_as_configured<W: World>() {
    let setup = Setup::api().header("authorization", "\"Basic \" + base64url(claims.sub)");
    let mut world = W::open(setup);
    let token = access_token(&mut world, |_| ());
    let exchange = world.send(call("/orders", &token));
    assert_eq!(exchange.forwarded().all("authorization"), [b"Basic YWRh"]);
    let mut world = W::open(Setup::api().header("x-token", "access_token"));
    let token = access_token(&mut world, |_| ());
    assert_eq!(world.send(call("/orders", &token)).forwarded().header("x-token"), Some(token.as_str()));
}

pub fn a_bad_token_is_refused_with_its_reason<W: World>() {
    let mut world = W::open(Setup::api());
    let now = world.now().as_secs();
    let claims = |name: &'static str, value: Value| move |draft: &mut Draft| draft.claim(name, value);
    for (name, value, reason) in [
        ("exp", json!(now - 61), "access_token.expired"),
        ("exp", json!("soon"), "access_token.expiry_malformed"),
        ("nbf", json!(now + 120), "access_token.not_yet_valid"),
        ("iat", json!(now + 120), "access_token.issued_in_the_future"),
        ("iss", json!(format!("{ISSUER}/")), "access_token.issuer_mismatch"),
        ("iss", json!([ISSUER]), "access_token.issuer_missing"),
        ("aud", json!([]), "access_token.audience_mismatch"),
        ("aud", json!(format!("{AUDIENCE}/")), "access_token.audience_mismatch"),
        ("aud", json!([CLIENT_ID]), "access_token.audience_mismatch"),
        ("aud", json!(7), "access_token.audience_malformed"),
        ("scope", json!(7), "access_token.scope_malformed"),
        ("cnf", json!({"x-new": "y"}), "access_token.confirmation_unsupported"),
    ] {
        let challenge = refused(&mut world, "/orders", 401, reason, claims(name, value));
        assert!(challenge.contains("error=\"invalid_token\"") && challenge.contains(METADATA), "{challenge}");
    }
    refused(&mut world, "/orders", 401, "access_token.expiry_missing", |draft| draft.remove("exp"));
    refused(&mut world, "/orders", 401, "access_token.audience_mismatch", |draft| draft.remove("aud"));
    refused(&mut world, "/orders", 401, "access_token.wrong_type", |draft| draft.header["typ"] = "logout+jwt".into());
}

pub fn a_token_that_nobody_signed_is_refused<W: World>() {
    let mut world = W::open(Setup::api());
    let signings = [
        (Signing::Corrupted(TestKey::Rsa1), "jws.signature_invalid"),
        (Signing::With(TestKey::Rsa2), "jws.signature_invalid"),
        (Signing::Unsigned, "jws."),
        (Signing::HmacOfPublicKey(TestKey::Rsa1), "jws.signature_invalid"),
    ];
    for (signing, reason) in signings {
        refused(&mut world, "/orders", 401, reason, |draft| draft.signing = signing);
    }
    for alg in ["none", "nOnE", "HS256", "RS1", "ES256"] {
        refused(&mut world, "/orders", 401, "jws.", |draft| draft.header["alg"] = alg.into());
    }
    refused(&mut world, "/orders", 401, "jws.", |draft| {
        draft.sign_with(TestKey::P256B);
        draft.header["jwk"] = TestKey::P256B.jwk();
        draft.header["jku"] = "https://evil.example/keys".into();
    });
    let hosts: Vec<String> = world
        .provider()
        .log
        .iter()
        .map(|(_, request)| request.header(":authority").unwrap_or_default().to_owned())
        .collect();
    assert!(hosts.iter().all(|host| host == "login.provider.test"), "{hosts:?}");
}

pub fn an_id_token_is_no_access_token<W: World>() {
    let setup = Setup::api().of_provider("audience", json!([AUDIENCE, CLIENT_ID]));
    let mut world = W::open(setup);
    let changes: [fn(&mut Draft); 4] = [
        |draft| draft.claim("aud", CLIENT_ID),
        |draft| draft.claim("nonce", "n"),
        |draft| draft.claim("at_hash", "x"),
        |draft| draft.claim("typ", "ID"),
    ];
    for change in changes {
        refused(&mut world, "/orders", 401, "access_token.id_token", |draft| {
            draft.header["typ"] = "JWT".into();
            ["scope", "client_id"].iter().for_each(|name| draft.remove(name));
            change(draft);
        });
    }
}

pub fn untyped_tokens_are_accepted_unless_the_type_is_required<W: World>() {
    for (token_type, accepted) in [("any", true), ("at+jwt", false)] {
        let mut world = W::open(Setup::api().of_provider("token_type", token_type));
        for header in [json!({"alg": "RS256", "kid": "rsa-1"}), json!({"alg": "RS256", "kid": "rsa-1", "typ": "JWT"})] {
            let token = access_token(&mut world, |draft| draft.header = header);
            let exchange = world.send(call("/orders", &token));
            if accepted {
                exchange.forwarded();
            } else {
                exchange.refused_with(401).because_of("access_token.not_typed");
            }
        }
        let token = access_token(&mut world, |draft| draft.header["typ"] = "application/at+JWT".into());
        world.send(call("/orders", &token)).forwarded();
    }
}

pub fn credentials_that_no_token_looks_like_are_refused<W: World>() {
    let mut world = W::open(Setup::api());
    let good = access_token(&mut world, |_| ());
    let oversized = format!("Bearer {}", "a".repeat(40_000));
    let garbage: [&[u8]; 9] = [
        b"Bearer",
        b"Bearer \xff\xfe.\x80",
        b"Bearer a b",
        b"Bearer {}",
        b"Bearer ..",
        b"Bearer =",
        b"Bearer eyJhbGciOiJub25lIn0.e30.",
        oversized.as_bytes(),
        b"bearer a,b",
    ];
    for value in garbage {
        let exchange = world.send(Request::get("/orders").with("authorization", value));
        exchange.refused_with(401);
        assert!(challenge(&exchange).contains("error=\"invalid_token\""), "{}", String::from_utf8_lossy(value));
    }
    // Twice, which Envoy may join to one: never accepted, neither the first nor the second.
    for second in [format!("Bearer {good}"), "Bearer x".to_owned(), "Basic YTpi".to_owned()] {
        let twice = call("/orders", &good).with("authorization", &second);
        let exchange = world.send(twice);
        assert!(exchange.upstream.is_none() && [400, 401].contains(&exchange.status()), "{exchange:?}");
    }
    // Elsewhere than in the header it does not count (RFC 6750 §2.2, §2.3).
    let in_query = Request::get(&format!("/orders?access_token={good}"));
    world.send(in_query).refused_with(401).because_of("access_token.missing");
    let form = Request::form("/orders", &[("access_token", &good)], "same-origin");
    world.send(form).refused_with(401).because_of("access_token.missing");
    world.send(Request::get("/orders").with("cookie", format!("access_token={good}"))).refused_with(401);
}

pub fn two_issuers_are_told_apart_before_any_cryptography<W: World>() {
    let mut world = W::open(Setup::api());
    let of_partner = |draft: &mut Draft| {
        draft.claim("iss", OTHER_ISSUER);
        draft.sign_with(TestKey::P256B);
    };
    let token = access_token(&mut world, of_partner);
    for path in ["/partner", "/orders"] {
        let exchange = world.send(call(path, &token));
        assert_eq!(exchange.forwarded().header("x-auth-issuer"), Some(OTHER_ISSUER));
        assert_eq!(exchange.forwarded().header("x-auth-how"), Some("bearer partner"));
    }
    refused(&mut world, "/partner", 401, "access_token.issuer_mismatch", |_| ());
    refused(&mut world, "/orders", 401, "access_token.issuer_mismatch", |draft| {
        draft.claim("iss", "https://evil.example");
    });
    // The keys of one never speak for the other.
    refused(&mut world, "/orders", 401, "jws.key_unknown", |draft| draft.claim("iss", OTHER_ISSUER));
    refused(&mut world, "/orders", 401, "jws.key_unknown", |draft| draft.sign_with(TestKey::P256B));
    refused(&mut world, "/orders", 401, "jws.", |draft| {
        of_partner(draft);
        draft.header["kid"] = "rsa-1".into();
    });
}

pub fn no_token_reaches_the_log<W: World>() {
    let mut world = W::open(Setup::api());
    let good = access_token(&mut world, |_| ());
    let bad = access_token(&mut world, |draft| draft.claim("exp", 1));
    world.send(call("/orders", &good)).forwarded();
    world.send(call("/orders", &bad)).refused_with(401);
    let log = world.log().join("\n");
    for token in [good, bad] {
        let signature = token.rsplit('.').next().expect("a signature").to_owned();
        assert!(!log.contains(&token) && !log.contains(&signature), "{log}");
    }
    assert!(log.contains("access_token.expired"), "{log}");
}
