//! Access tokens that are bound to a certificate (RFC 8705) or a key (RFC 9449): having one is not enough.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use relying_party::jose::Jwk;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{access_token, call};
use crate::message::{ORIGIN, Request};
use crate::provider::id_token::{Draft, Signing};
use crate::provider::keys::TestKey;
use crate::provider::{Behaviour, Endpoint};
use crate::setup::Setup;
use crate::world::{Exchange, World};

/// What is wrong with a proof.
type Change = fn(&mut Draft);

/// SHA-256 of a client's certificate.
const CERTIFICATE: [u8; 32] = [0xa7; 32];

fn challenges(exchange: &Exchange) -> Vec<&str> {
    let fields = exchange.response.fields.iter().filter(|(name, _)| name == "www-authenticate");
    fields.filter_map(|(_, value)| std::str::from_utf8(value).ok()).collect()
}

pub(crate) fn bound<W: World>(world: &mut W, confirmation: &Value) -> String {
    access_token(world, |draft| draft.claim("cnf", confirmation.clone()))
}

fn to_certificate() -> Value {
    json!({"x5t#S256": URL_SAFE_NO_PAD.encode(CERTIFICATE)})
}

pub(crate) fn to_key(key: TestKey) -> Value {
    json!({"jkt": Jwk::from_value(&key.jwk()).expect("a key").thumbprint()})
}

/// A proof of `key` for GET `path` with `token`, before it is signed.
pub(crate) fn proof<W: World>(world: &W, key: TestKey, path: &str, token: &str) -> Draft {
    let claims = json!({
        "jti": format!("proof-{}", URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{path}{token}")))),
        "htm": "GET", "htu": format!("{ORIGIN}{path}"), "iat": world.now().as_secs(),
        "ath": URL_SAFE_NO_PAD.encode(Sha256::digest(token)),
    });
    let mut draft = Draft::access_token(key, claims);
    draft.header = json!({"typ": "dpop+jwt", "alg": key.algorithm(), "jwk": key.jwk()});
    draft
}

pub(crate) fn call_with_proof(path: &str, token: &str, proof: &str) -> Request {
    Request::get(path).with("authorization", format!("DPoP {token}")).with("dpop", proof)
}

pub fn a_token_bound_to_a_certificate_needs_that_certificate<W: World>() {
    let mut world = W::open(Setup::api());
    let token = bound(&mut world, &to_certificate());
    // The first time it is verified, then it is remembered: what it is bound to must be shown every time.
    for _ in 0..2 {
        world.send(call("/orders", &token)).refused_with(401).because_of("access_token.certificate_missing");
        let other = world.send(call("/orders", &token).with_certificate([0xa8; 32]));
        other.refused_with(401).because_of("access_token.certificate_mismatch");
        let [challenge] = challenges(&other)[..] else { panic!("one challenge") };
        assert!(challenge.starts_with("Bearer error=\"invalid_token\""), "{challenge}");
        world.send(call("/orders", &token).with_certificate(CERTIFICATE)).forwarded();
    }
    let unbound = access_token(&mut world, |_| ());
    world.send(call("/orders", &unbound).with_certificate(CERTIFICATE)).forwarded();
}

pub fn a_client_that_waits_for_keys_is_known_by_its_own_certificate<W: World>() {
    let mut world = W::open(Setup::api());
    let token = bound(&mut world, &to_certificate());
    world.restart();
    world.provider().behave(Endpoint::Keys, Behaviour::Slow(Duration::from_secs(1)));
    let without = world.start(call("/orders", &token));
    let with = world.start(call("/orders", &token).with_certificate(CERTIFICATE));
    let after = world.start(call("/orders", &token));
    world.finish(without).refused_with(401).because_of("access_token.certificate_missing");
    world.finish(with).forwarded();
    world.finish(after).refused_with(401).because_of("access_token.certificate_missing");
}

pub fn a_token_bound_to_a_key_comes_with_a_proof_of_it<W: World>() {
    for key in [TestKey::P256B, TestKey::Rsa2] {
        let mut world = W::open(Setup::api());
        let token = bound(&mut world, &to_key(key));
        let first = proof(&world, key, "/orders/7", &token).sign();
        let exchange = world.send(call_with_proof("/orders/7?page=2", &token, &first));
        let upstream = exchange.forwarded();
        assert_eq!(upstream.header("x-auth-subject"), Some("ada"));
        assert_eq!(upstream.header("authorization"), Some(format!("DPoP {token}").as_str()));
        // The token is remembered; each request needs a proof of its own.
        world.send(call_with_proof("/orders/7?page=3", &token, &first)).refused_with(401).because_of("dpop.replayed");
        let second = proof(&world, key, "/orders/8", &token).sign();
        world.send(call_with_proof("/orders/8", &token, &second)).forwarded();
        assert!(world.log().iter().all(|line| !line.contains(&token) && !line.contains(&second)));
    }
}

pub fn a_bad_proof_is_refused_with_its_reason<W: World>() {
    let mut world = W::open(Setup::api());
    let key = TestKey::P256B;
    let token = bound(&mut world, &to_key(key));
    let changes: [(&str, Change); 14] = [
        ("dpop.wrong_type", |draft| draft.header["typ"] = json!("at+jwt")),
        ("dpop.algorithm_unsupported", |draft| draft.header["alg"] = json!("none")),
        ("dpop.key_missing", |draft| draft.header["jwk"] = Value::Null),
        ("dpop.key_mismatch", |draft| draft.header["jwk"] = TestKey::P256A.jwk()),
        ("dpop.key_secret", |draft| draft.header["jwk"]["d"] = json!("AA")),
        ("dpop.signature_invalid", |draft| draft.signing = Signing::With(TestKey::P256A)),
        ("dpop.signature_invalid", |draft| draft.signing = Signing::Unsigned),
        ("dpop.jti_malformed", |draft| draft.remove("jti")),
        ("dpop.method_mismatch", |draft| draft.claim("htm", "POST")),
        ("dpop.url_mismatch", |draft| draft.claim("htu", "https://portal.example.org/others")),
        ("dpop.url_mismatch", |draft| draft.claim("htu", "https://elsewhere.example/orders")),
        ("dpop.too_old", |draft| draft.claim("iat", draft.claims["iat"].as_u64().unwrap_or_default() - 200)),
        ("dpop.issued_in_the_future", |draft| {
            draft.claim("iat", draft.claims["iat"].as_u64().unwrap_or_default() + 200)
        }),
        ("dpop.token_mismatch", |draft| draft.remove("ath")),
    ];
    for (reason, change) in changes {
        let mut draft = proof(&world, key, "/orders", &token);
        change(&mut draft);
        if draft.header["jwk"].is_null() {
            draft.header.as_object_mut().map(|header| header.remove("jwk"));
        }
        let exchange = world.send(call_with_proof("/orders", &token, &draft.sign()));
        exchange.refused_with(401).because_of(reason);
        let [challenge] = challenges(&exchange)[..] else { panic!("one challenge") };
        let error = if reason == "dpop.key_mismatch" { "invalid_token" } else { "invalid_dpop_proof" };
        assert!(challenge.starts_with("DPoP algs=\"RS256 "), "{challenge}");
        assert!(challenge.contains(&format!("error=\"{error}\"")), "{challenge}");
    }
    let without = world.send(call_with_proof("/orders", &token, "").without("dpop"));
    without.refused_with(401).because_of("dpop.missing");
    let good = proof(&world, key, "/orders", &token).sign();
    world
        .send(call_with_proof("/orders", &token, &good).with("dpop", &good))
        .refused_with(401)
        .because_of("dpop.repeated");
    // None of these attempts has used the proof up.
    world.send(call_with_proof("/orders", &token, &good)).forwarded();
}

pub fn a_bound_token_is_no_bearer_token_and_no_other_has_a_proof<W: World>() {
    let mut world = W::open(Setup::api());
    let key = TestKey::P256B;
    let token = bound(&mut world, &to_key(key));
    let good = proof(&world, key, "/orders", &token).sign();
    let exchange = world.send(call("/orders", &token).with("dpop", &good));
    exchange.refused_with(401).because_of("access_token.bound");
    let [bearer, dpop] = challenges(&exchange)[..] else { panic!("two challenges") };
    assert!(bearer.starts_with("Bearer error=\"invalid_token\"") && dpop.starts_with("DPoP algs="), "{bearer} {dpop}");
    let unbound = access_token(&mut world, |_| ());
    let its_proof = proof(&world, key, "/orders", &unbound).sign();
    let exchange = world.send(call_with_proof("/orders", &unbound, &its_proof));
    exchange.refused_with(401).because_of("access_token.not_bound");
}

pub fn a_token_bound_to_both_needs_both<W: World>() {
    let mut world = W::open(Setup::api());
    let key = TestKey::P256B;
    let mut confirmation = to_key(key);
    confirmation["x5t#S256"] = to_certificate()["x5t#S256"].clone();
    let token = bound(&mut world, &confirmation);
    let good = proof(&world, key, "/orders", &token).sign();
    let request = call_with_proof("/orders", &token, &good);
    world.send(request.clone()).refused_with(401).because_of("access_token.certificate_missing");
    world
        .send(call("/orders", &token).with_certificate(CERTIFICATE))
        .refused_with(401)
        .because_of("access_token.bound");
    world.send(request.with_certificate(CERTIFICATE)).forwarded();
}

pub fn a_proof_is_used_once_in_all_vms<W: World>() {
    for shares_data in [true, false] {
        let mut world = W::open(Setup { shares_data, ..Setup::api().in_vms(2) });
        let key = TestKey::P256B;
        let token = bound(&mut world, &to_key(key));
        let good = proof(&world, key, "/orders", &token).sign();
        let times = (0..6).filter(|_| world.send(call_with_proof("/orders", &token, &good)).upstream.is_some()).count();
        // A process that shares nothing can only do this much.
        assert_eq!(times, if shares_data { 1 } else { 2 });
    }
}

pub fn a_proof_is_remembered_until_it_is_too_old<W: World>() {
    let mut world = W::open(Setup::api());
    let key = TestKey::P256B;
    let token = bound(&mut world, &to_key(key));
    let good = proof(&world, key, "/orders", &token).sign();
    world.send(call_with_proof("/orders", &token, &good)).forwarded();
    for seconds in 0..130 {
        let expected = if seconds < 120 { "dpop.replayed" } else { "dpop.too_old" };
        world.send(call_with_proof("/orders", &token, &good)).refused_with(401).because_of(expected);
        world.advance(Duration::from_secs(1));
    }
}
