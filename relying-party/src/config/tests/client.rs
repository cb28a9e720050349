//! How the client proves itself and what it asks for.

use super::*;
use crate::config::{Client, ClientAuthentication, PushedAuthorizationRequests};
use crate::jose::signing_key::tests::{ED25519_PEM, P256_JWK, P256_PEM, RSA_PEM};

/// The smallest document of a client that uses `method`, with these keys beside.
fn client(method: &str, keys: Value) -> Value {
    let mut document = with("/providers/0/token_endpoint_auth_method", json!(method));
    let provider = document["providers"][0].as_object_mut().unwrap();
    provider.remove("client_secret");
    provider.extend(keys.as_object().unwrap().clone());
    document
}

fn client_of(config: &Config) -> &Client {
    config.providers[0].client.as_ref().unwrap()
}

#[test]
fn a_private_key_is_a_pem_or_a_jwk() {
    for (key, algorithm) in
        [(P256_PEM, "ES256"), (P256_JWK, "ES256"), (ED25519_PEM, "EdDSA"), (&format!("\n{RSA_PEM}\n"), "RS256")]
    {
        let config = parse(&client("private_key_jwt", json!({"client_key": key}))).unwrap();
        let ClientAuthentication::PrivateKeyJwt(key) = &client_of(&config).authentication else { panic!() };
        assert_eq!(key.algorithm(), algorithm);
    }
}

#[test]
fn a_certificate_takes_no_secret() {
    let config = parse(&client("tls_client_auth", json!({}))).unwrap();
    assert!(matches!(client_of(&config).authentication, ClientAuthentication::TlsClientAuth));
}

#[test]
fn a_proof_that_is_missing_or_without_effect_is_refused() {
    let key = json!({"client_key": P256_PEM});
    let secret = json!({"client_secret": "s"});
    let both = json!({"client_key": P256_PEM, "client_secret": "s"});
    for (method, keys, expected) in [
        ("private_key_jwt", json!({}), "providers[0].client_key: found nothing, expected a private key as PEM"),
        (
            "private_key_jwt",
            both.clone(),
            "client_secret: found a secret without effect, expected none with `token_endpoint_auth_method: private_key_jwt`",
        ),
        ("private_key_jwt", secret.clone(), "providers[0].client_key: found nothing"),
        ("client_secret_basic", both, "providers[0].client_key: found a secret without effect"),
        ("client_secret_post", key.clone(), "providers[0].client_secret: found nothing"),
        ("none", key.clone(), "providers[0].client_key: found a secret without effect"),
        ("tls_client_auth", key, "providers[0].client_key: found a secret without effect"),
        ("tls_client_auth", secret, "providers[0].client_secret: found a secret without effect"),
        (
            "private_key_jwt",
            json!({"client_key": {"env": "MISSING"}}),
            "client_key.env: found no environment variable `MISSING`",
        ),
        ("private_key_jwt", json!({"client_key": 7}), "providers[0].client_key: found a number, expected a secret"),
        ("private-key-jwt", json!({}), "did you mean `private_key_jwt`?"),
    ] {
        let problems = problems(&client(method, keys.clone()));
        assert!(problems.contains(expected), "{method} {keys}: {problems}");
    }
}

#[test]
fn a_key_that_cannot_sign_is_refused_and_not_shown() {
    for (key, found) in [
        (include_str!("../../jose/testdata/keys/p256-public.pem"), "a public key"),
        (include_str!("../../jose/testdata/keys/p256-encrypted.pem"), "an encrypted key"),
        (include_str!("../../jose/testdata/keys/p256-sec1.pem"), "openssl pkcs8 -topk8 -nocrypt"),
        (include_str!("../../jose/testdata/keys/p384.pem"), "a key on another curve"),
        (include_str!("../../jose/testdata/keys/rsa-1024.pem"), "an RSA key of less than 2048 bits"),
        (r#"{"kty":"EC","crv":"P-256","x":"hunter2"}"#, "a public key"),
        (r#"{"kty":"EC","crv":"P-256","d":"hunter2"}"#, "that is no key"),
        ("hunter2", "a text that is no key"),
    ] {
        let problems = problems(&client("private_key_jwt", json!({"client_key": key})));
        assert!(problems.starts_with("providers[0].client_key: found "), "{problems}");
        assert!(problems.contains(found) && problems.contains("P-256, Ed25519, or RSA"), "{problems}");
        let shown = |part: &str| part.len() > 20 && !part.starts_with("-----") && problems.contains(part);
        assert!(!problems.contains("hunter2") && !key.lines().any(shown), "{problems}");
    }
}

#[test]
fn resources_are_absolute_uris() {
    let resources = json!(["https://api.example.org/orders?v=1", "urn:example:grants"]);
    let config = parse(&with("/providers/0/resource", resources.clone())).unwrap();
    assert_eq!(json!(client_of(&config).resource), resources);
    assert!(client_of(&parse(&minimal()).unwrap()).resource.is_empty());
    for (resources, expected) in [
        (json!("https://api.example.org"), "providers[0].resource: found a string, expected a list of resources"),
        (
            json!(["https://a.example", "/orders"]),
            "providers[0].resource[1]: found \"/orders\", expected an absolute URI",
        ),
        (json!(["https://a.example#x"]), "resource[0]: found \"https://a.example\" with a query or fragment"),
        (json!(["https://a.example/a b"]), "resource[0]: found"),
        (json!(["urn:a", "urn:a"]), "resource[1]: found \"urn:a\" again"),
        (json!([1]), "resource[0]: found a number"),
    ] {
        let problems = problems(&with("/providers/0/resource", resources.clone()));
        assert!(problems.contains(expected), "{resources}: {problems}");
    }
}

#[test]
fn requests_are_pushed_when_the_provider_requires_it_unless_told_otherwise() {
    let read = |value: Option<&str>| {
        let document =
            value.map_or_else(minimal, |value| with("/providers/0/pushed_authorization_requests", json!(value)));
        parse(&document).map(|config| client_of(&config).pushed_authorization_requests)
    };
    assert_eq!(read(None), Ok(PushedAuthorizationRequests::Auto));
    assert_eq!(read(Some("auto")), Ok(PushedAuthorizationRequests::Auto));
    assert_eq!(read(Some("always")), Ok(PushedAuthorizationRequests::Always));
    assert_eq!(read(Some("never")), Ok(PushedAuthorizationRequests::Never));
    assert!(read(Some("maybe")).unwrap_err().to_string().contains("expected `auto`, `always` or `never`"));
}

#[test]
fn an_email_domain_belongs_to_one_provider_and_that_is_one_to_sign_in_at() {
    let domains = |of_corp: Value, of_other: Value| {
        let other = json!({"name": "other", "issuer": "https://other.example", "cluster": "o", "client_id": "c",
            "client_secret": "s", "login_hint_domains": of_other});
        changed(with("/providers/0/login_hint_domains", of_corp), "/providers/1", other)
    };
    let config = parse(&domains(json!(["example.org", "xn--bcher-kva.example"]), json!(["mail.example.org"]))).unwrap();
    assert_eq!(client_of(&config).login_hint_domains, ["example.org", "xn--bcher-kva.example"]);
    let problems = problems(&domains(json!(["example.org"]), json!(["x.example", "example.org"])));
    assert!(
        problems.contains("providers[1].login_hint_domains: found the domain \"example.org\" of `corp` again"),
        "{problems}"
    );
    for (name, value) in [("userinfo", json!(true)), ("login_hint_domains", json!(["example.org"]))] {
        let mut document = minimal();
        document["providers"][0] =
            json!({"name": "ci", "issuer": "https://ci.example", "cluster": "c", "audience": ["a"], name: value});
        let problems = super::problems(&document);
        assert!(problems.contains(&format!("providers[0].{name}: found a setting without effect")), "{problems}");
    }
}
