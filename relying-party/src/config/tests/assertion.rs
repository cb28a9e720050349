//! `assertion`: a signed identity for backends.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::config::ClaimSelection;
use crate::jose::signing_key::tests::{ED25519_JWK, P256_JWK, P256_PEM};

/// Another P-256 key: that of RFC 7517, Appendix A.2.
const OTHER_JWK: &str = r#"{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE","use":"enc"}"#;

fn with_assertion(assertion: Value) -> Value {
    changed(with("/public_url", json!(["https://b.example.org", "https://a.example.org"])), "/assertion", assertion)
}

fn other_key() -> String {
    OTHER_JWK.replace(r#","use":"enc""#, "")
}

#[test]
fn a_key_is_all_that_must_be_said() {
    let config = parse(&with_assertion(json!({"key": P256_PEM}))).unwrap();
    let policy = config.assertion.as_ref().unwrap();
    assert_eq!(&*policy.header, "x-latchkey-assertion");
    assert_eq!((policy.issuer.as_str(), policy.audience.as_str()), ("https://b.example.org", "https://b.example.org"));
    assert_eq!(policy.lifetime, Duration::from_secs(300));
    assert!(policy.sole_provider && policy.other_keys.is_empty());
    assert_eq!(config.managed_headers().collect::<Vec<_>>(), ["x-latchkey-assertion"]);
    assert!(parse(&minimal()).unwrap().assertion.is_none());
}

#[test]
fn everything_can_be_said() {
    let assertion = json!({
        "header": "X-Identity", "key": P256_JWK, "other_keys": [other_key()], "issuer": "https://c.example.org",
        "audience": "orders", "lifetime": "90s", "claims": ["email", "groups"],
    });
    let policy = parse(&with_assertion(assertion)).unwrap().assertion.unwrap();
    assert_eq!((&*policy.header, policy.issuer.as_str()), ("x-identity", "https://c.example.org"));
    assert_eq!((policy.audience.as_str(), policy.lifetime), ("orders", Duration::from_secs(90)));
    let published = policy.key_set();
    let kids: Vec<_> = published["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap()).collect();
    assert_eq!(kids, [policy.key.kid(), policy.other_keys[0].kid()], "the one that signs comes first");
    assert!(!published.to_string().contains("\"d\""), "{published}");
}

#[test]
fn without_public_url_the_audience_must_be_said_and_the_issuer_has_a_name() {
    let found = problems(&with("/assertion", json!({"key": P256_PEM})));
    assert!(found.starts_with("assertion.audience: found nothing, expected whom assertions are for"), "{found}");
    let config = parse(&with("/assertion", json!({"key": P256_PEM, "audience": "orders"}))).unwrap();
    assert_eq!(config.assertion.unwrap().issuer, "latchkey");
    let broken = problems(&changed(with("/assertion", json!({"key": P256_PEM})), "/public_url", json!("x")));
    assert!(broken.starts_with("public_url") && broken.lines().count() == 1, "{broken}");
}

#[test]
fn an_assertion_has_the_claims_of_the_headers_or_those_that_are_listed_and_sessions_keep_them() {
    let named = |names: &[&str]| ClaimSelection::Named(names.iter().map(|name| (*name).to_owned()).collect());
    let document = |assertion: Value| {
        let headers = json!({"x-email": "claims.email", "x-roles": "claims.roles[0]"});
        let rules = json!([{"require": "'staff' in claims.groups"}]);
        changed(changed(with_assertion(assertion), "/headers", headers), "/rules", rules)
    };
    let config = parse(&document(json!({"key": P256_PEM}))).unwrap();
    assert_eq!(config.assertion.unwrap().claims, named(&["email", "roles"]));
    assert_eq!(config.session.unwrap().claims, named(&["email", "groups", "roles"]));

    let listing = document(json!({"key": P256_PEM, "claims": ["name"]}));
    let config = parse(&listing).unwrap();
    assert_eq!(config.assertion.unwrap().claims, named(&["name"]));
    assert_eq!(config.session.unwrap().claims, named(&["email", "groups", "name", "roles"]));

    let forgotten = changed(listing, "/session/claims", json!(["email", "groups", "roles"]));
    assert_eq!(
        problems(&forgotten),
        "assertion.claims: found the claim \"name\", expected those of `session.claims` only"
    );
}

#[test]
fn an_assertion_is_no_longer_good_than_a_session_that_nobody_uses() {
    let document = changed(with_assertion(json!({"key": P256_PEM})), "/session/idle_timeout", json!("1m"));
    assert_eq!(parse(&document).unwrap().assertion.unwrap().lifetime, Duration::from_secs(60));
    let assertion = json!({"key": P256_PEM, "lifetime": "10m"});
    let document = changed(with_assertion(assertion), "/session/idle_timeout", json!("1m"));
    assert_eq!(parse(&document).unwrap().assertion.unwrap().lifetime, Duration::from_secs(60));
}

#[test]
fn a_header_that_has_another_meaning_carries_no_assertion() {
    for header in [
        "X-Request-Id",
        "x_request.id",
        "x-forwarded-for",
        "X-Forwarded-Proto",
        "traceparent",
        "x-b3-traceid",
        "x-envoy-original-path",
        "content-type",
        "Accept",
        "sec-fetch-mode",
        "dpop",
        "user-agent",
    ] {
        let found = problems(&with_assertion(json!({"key": P256_PEM, "header": header})));
        let expected =
            format!("assertion.header: found {header:?}, which has another meaning, expected a header of its own");
        assert_eq!(found, expected);
    }
    for header in ["x-forwarded-user", "x-forwarded-access-token", "x-identity", "assertion", "x-accept"] {
        assert!(parse(&with_assertion(json!({"key": P256_PEM, "header": header}))).is_ok(), "{header}");
    }
}

#[test]
fn several_providers_have_subjects_of_their_own() {
    let verifier = json!({"name": "verifier", "issuer": "https://v.example.org", "cluster": "v", "audience": ["a"]});
    let document = changed(with_assertion(json!({"key": P256_PEM})), "/providers/1", verifier);
    assert!(!parse(&document).unwrap().assertion.unwrap().sole_provider);
}

#[test]
fn an_assertion_that_nobody_could_verify_is_refused() {
    let key = json!(P256_PEM);
    for (assertion, problem) in [
        (json!({}), "assertion.key: found nothing, expected a private P-256 key"),
        (json!({"key": ED25519_JWK}), "assertion.key: found a key of another type, expected a private P-256 key"),
        (json!({"key": OTHER_JWK}), "assertion.key: found a JWK that is not for signing"),
        (json!({"key": {"env": "NOT_THERE"}}), "assertion.key.env: found no environment variable `NOT_THERE`"),
        (json!({"key": "-----BEGIN PUBLIC KEY-----\n"}), "assertion.key: found a public key"),
        (json!({"key": key, "other_keys": [P256_JWK]}), "assertion.other_keys[0]: found a key again"),
        (json!({"key": key, "other_keys": [other_key(), other_key()]}), "assertion.other_keys[1]: found a key again"),
        (json!({"key": key, "other_keys": "x"}), "assertion.other_keys"),
        (
            json!({"key": key, "lifetime": "0s"}),
            r#"assertion.lifetime: found "0s", expected a duration from `1s` to `1h`"#,
        ),
        (json!({"key": key, "lifetime": "61m"}), "assertion.lifetime"),
        (json!({"key": key, "audience": ""}), "assertion.audience"),
        (json!({"key": key, "audience": "a\nb"}), "assertion.audience"),
        (json!({"key": key, "issuer": " "}), "assertion.issuer"),
        (
            json!({"key": key, "header": "Authorization"}),
            "assertion.header: found \"Authorization\", which has another meaning",
        ),
        (json!({"key": key, "header": "cookie"}), "assertion.header: found a header that belongs to the connection"),
        (json!({"key": key, "header": "a b"}), "assertion.header: found a key that is no header name"),
        (json!({"key": key, "header": "X_Auth.Email"}), "assertion.header: found the same header as `x-auth-email`"),
        (json!({"key": key, "claims": ["aud"]}), r#"assertion.claims: found "aud", expected claims that"#),
        (json!({"key": key, "claims": "email"}), "assertion.claims"),
        (json!({"key": key, "lifetme": "5m"}), "assertion.lifetme: found an unknown key; did you mean `lifetime`?"),
        (json!("x"), "assertion: found a string"),
    ] {
        let document = changed(with_assertion(assertion.clone()), "/headers", json!({"x-auth-email": "claims.email"}));
        let found = problems(&document);
        assert!(found.starts_with(problem), "{assertion}: {found}");
    }
}
