//! A signed identity, for backends that do not trust the network.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{access_token, call, exchange, signed_in};
use crate::browser::Browser;
use crate::message::{ORIGIN, Request};
use crate::provider::keys::TestKey;
use crate::provider::{ISSUER, SECOND_ISSUER};
use crate::setup::Setup;
use crate::world::{Exchange, World};

const HEADER: &str = "x-latchkey-assertion";
const LIFETIME: u64 = 300;
const KEY: TestKey = TestKey::P256B;

/// With a key that signs, and one that signs no more.
pub(crate) fn asserting(mut setup: Setup) -> Setup {
    setup.environment.push(("LATCHKEY_ASSERTION_KEY".to_owned(), KEY.private_pem().to_owned()));
    let key = json!({"env": "LATCHKEY_ASSERTION_KEY"});
    setup.top("assertion", json!({"key": key, "other_keys": [TestKey::P256A.private_pem()]}))
}

/// The claims of an assertion that a backend would accept, at the time when it gets it.
#[track_caller]
fn accepted<W: World>(world: &mut W, exchange: &Exchange) -> Value {
    let values = exchange.forwarded().all(HEADER);
    let [jwt] = values.as_slice() else { panic!("not one assertion: {values:?}") };
    let (header, claims) = verified(jwt);
    let keys = world.send(Request::get("/oauth2/jwks.json")).response.document();
    let published = keys["keys"].as_array().expect("a list").iter().find(|key| key["kid"] == header["kid"]);
    let published = published.expect("its key is published");
    assert_eq!((&published["x"], &published["y"]), (&KEY.jwk()["x"], &KEY.jwk()["y"]));
    let (now, second) = (world.now().as_secs(), 1);
    let [issued, expires] = ["iat", "exp"].map(|name| claims[name].as_u64().expect("a time"));
    assert!(issued <= now + second && now < expires + second && expires <= issued + LIFETIME, "{now}: {claims}");
    claims
}

#[track_caller]
fn verified(jwt: &[u8]) -> (Value, Value) {
    let jwt = std::str::from_utf8(jwt).expect("a JWT is ASCII");
    let (message, signature) = jwt.rsplit_once('.').expect("a JWT has three parts");
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).expect("base64url");
    assert!(KEY.verify(message.as_bytes(), &decode(signature)), "the signature");
    let parts: Vec<Value> =
        message.split('.').map(|part| serde_json::from_slice(&decode(part)).expect("JSON")).collect();
    let [header, claims] = parts.try_into().expect("a header and claims");
    assert_eq!((&header["alg"], &header["typ"]), (&json!("ES256"), &json!("latchkey-assertion+jwt")));
    (header, claims)
}

fn without_times(mut claims: Value) -> Value {
    for name in ["iat", "exp"] {
        claims.as_object_mut().expect("claims").remove(name).expect("a time");
    }
    claims
}

pub fn the_application_learns_who_it_is_in_a_way_that_it_can_verify<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(asserting(Setup::default()));
    let exchange = browser.fetch(&mut world, "/private");
    let expected = json!({
        "iss": ORIGIN, "aud": ORIGIN, "sub": "ada", "sub_id": {"format": "iss_sub", "iss": ISSUER, "sub": "ada"},
        "provider": "corp", "credential": "session", "scope": "openid profile email",
        "email": "ada@example.org", "groups": ["finance", "staff"],
    });
    assert_eq!(without_times(accepted(&mut world, &exchange)), expected);
    let exchange = browser.fetch(&mut world, "/welcome");
    assert_eq!(without_times(accepted(&mut world, &exchange)), expected, "where an identity is optional, too");
}

pub fn a_client_with_a_token_is_asserted_with_its_scopes<W: World>() {
    let mut world = W::open(asserting(Setup::api()));
    let token = access_token(&mut world, |_| ());
    let exchange = world.send(call("/orders", &token));
    let expected = json!({
        "iss": ORIGIN, "aud": ORIGIN, "sub": "corp:ada",
        "sub_id": {"format": "iss_sub", "iss": ISSUER, "sub": "ada"},
        "provider": "corp", "credential": "bearer", "scope": "orders.read",
    });
    assert_eq!(without_times(accepted(&mut world, &exchange)), expected);
}

pub fn people_of_two_providers_with_one_name_are_two_people<W: World>() {
    let mut world = W::open(asserting(Setup::default().with_partner()));
    for (name, issuer) in [("corp", ISSUER), ("partner", SECOND_ISSUER)] {
        let mut browser = Browser::default();
        browser.open(&mut world, &format!("/oauth2/login?provider={name}")).shows("/");
        let exchange = browser.fetch(&mut world, "/private");
        let claims = accepted(&mut world, &exchange);
        assert_eq!((&claims["sub"], &claims["sub_id"]["iss"]), (&json!(format!("{name}:ada")), &json!(issuer)));
    }
}

pub fn nobody_is_asserted_where_nobody_is_known<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(asserting(Setup::default()));
    let nobody: Vec<&[u8]> = Vec::new();
    assert_eq!(browser.fetch(&mut world, "/public").forwarded().all(HEADER), nobody);
    for path in ["/public", "/welcome"] {
        assert_eq!(world.send(Request::fetch(path)).forwarded().all(HEADER), nobody, "{path}");
    }
}

pub fn one_assertion_serves_until_a_fifth_of_its_time_is_left<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(asserting(Setup::default()));
    let mut assertions = Vec::new();
    for pause in [0, 1, LIFETIME * 4 / 5 - 2, 2, LIFETIME / 2] {
        world.advance(Duration::from_secs(pause));
        let exchange = browser.fetch(&mut world, "/private");
        accepted(&mut world, &exchange);
        assertions.push(exchange.forwarded().header(HEADER).map(str::to_owned));
    }
    assertions.dedup();
    assert_eq!(assertions.len(), 2);
}

pub fn an_assertion_ends_with_the_session<W: World>() {
    let setup = asserting(Setup::default().session("absolute_timeout", "10m"));
    let (mut world, mut browser) = signed_in::<W>(setup);
    let ends_at = world.now().as_secs() + 600;
    let mut last = Vec::new();
    for pause in [0, 250, 250, 60, 30] {
        world.advance(Duration::from_secs(pause));
        let exchange = browser.fetch(&mut world, "/private");
        assert!(accepted(&mut world, &exchange)["exp"].as_u64().is_some_and(|expires| expires <= ends_at));
        last.push(exchange.forwarded().header(HEADER).map(str::to_owned));
    }
    assert_eq!(last[2], last[4], "what cannot be good for longer is not signed again");
    world.advance(Duration::from_secs(11));
    browser.fetch(&mut world, "/private").refused_with(401);
}

pub fn an_exchanged_token_and_an_assertion_come_together<W: World>() {
    let mut world = W::open(asserting(exchange::exchanging()));
    let token = access_token(&mut world, |_| ());
    let forwarded = world.send(call("/backend", &token));
    assert_eq!(accepted(&mut world, &forwarded)["sub"], "corp:ada");
    assert!(forwarded.forwarded().header("authorization").is_some_and(|value| value.contains("exchanged-1")));
}

pub fn keys_are_published_for_whoever_verifies<W: World>() {
    let mut world = W::open(asserting(Setup::default()));
    let published = world.send(Request::get("/oauth2/jwks.json"));
    published.refused_with(200);
    let response = &published.response;
    assert_eq!(response.header("content-type"), Some("application/jwk-set+json"));
    assert_eq!(response.header("cache-control"), Some("public, max-age=300"));
    let document = response.document();
    let keys = document["keys"].as_array().expect("a list");
    for (key, of) in keys.iter().zip([KEY, TestKey::P256A]) {
        let mut expected = of.jwk();
        expected["kid"] = key["kid"].clone();
        expected["alg"] = "ES256".into();
        assert_eq!(*key, expected, "the public half, and no more");
        assert_eq!(key["kid"].as_str().map(str::len), Some(43), "a thumbprint");
    }
    assert_eq!(keys.len(), 2);
    world.send(Request::new("HEAD", "/oauth2/jwks.json")).refused_with(200);
    let post = world.send(Request::new("POST", "/oauth2/jwks.json"));
    assert_eq!(post.refused_with(405).response.header("allow"), Some("GET, HEAD"));
}

pub fn without_assertions_there_are_no_keys<W: World>() {
    let mut world = W::open(Setup::default());
    for method in ["GET", "POST"] {
        world.send(Request::new(method, "/oauth2/jwks.json")).refused_with(404).because_of("endpoint.unknown");
    }
}
