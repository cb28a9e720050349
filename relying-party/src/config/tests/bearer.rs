//! Issuers of access tokens, and rules that take them.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::config::{Authentication, TokenFormat};
use crate::policy::demand::{AuthenticationDemand, Demand};

/// The smallest document of an API: a provider that only verifies, no session, a rule for tokens.
fn api() -> Value {
    json!({
        "providers": [{
            "name": "ci", "issuer": "https://token.actions.githubusercontent.com", "cluster": "ci",
            "audience": ["https://api.example.org"],
        }],
        "rules": [{"authentication": "bearer"}],
    })
}

fn found(pointer: &str, value: Value) -> String {
    problems(&changed(api(), pointer, value))
}

fn demand(config: &Config, rule: usize) -> &Demand {
    config.rules[rule].authentication.demand().unwrap()
}

#[test]
fn a_provider_may_only_verify_and_needs_no_session() {
    let config = parse(&api()).unwrap();
    assert!(config.session.is_none());
    let provider = &config.providers[0];
    assert!(provider.client.is_none());
    let policy = provider.access_tokens.as_ref().unwrap();
    assert_eq!(policy.audience, ["https://api.example.org"]);
    assert_eq!((policy.format, policy.must_be_typed), (TokenFormat::Jwt, false));
    assert!(matches!(config.rules[0].authentication, Authentication::Bearer(_)));
    // The one does not open the other: without `audience` nobody's tokens are accepted.
    assert!(parse(&minimal()).unwrap().providers[0].access_tokens.is_none());
}

#[test]
fn what_is_written_is_what_is_demanded() {
    let rules = json!([
        {"match": {"path": "/a"}, "authentication": "bearer", "providers": ["ci"], "audience": ["b", "c"], "max_age": "15m",
         "acr_values": ["urn:a", "urn:b"], "require": "scopes.exists(s, s == \"x\")"},
        {"match": {"path": "/b"}, "authentication": "optional"},
    ]);
    let document = changed(changed(api(), "/rules", rules), "/providers/0/token_type", json!("at+jwt"));
    let config = parse(&document).unwrap();
    assert!(config.providers[0].access_tokens.as_ref().unwrap().must_be_typed);
    let first = demand(&config, 0);
    assert!(first.require.is_some() && first.admits_provider("ci") && !first.admits_provider("corp"));
    assert_eq!(first.audience.as_deref(), Some(["b".to_owned(), "c".to_owned()].as_slice()));
    let authentication = AuthenticationDemand {
        max_age: Some(Duration::from_secs(900)),
        acr_values: vec!["urn:a".to_owned(), "urn:b".to_owned()],
    };
    assert_eq!(first.authentication, authentication);
    let second = demand(&config, 1);
    assert!(second.audience.is_none() && second.providers.is_none() && second.admits_provider("anybody"));
    assert_eq!(second.authentication, AuthenticationDemand::default());
}

#[test]
fn variants_are_accepted() {
    let spiffe = json!([{
        "name": "mesh", "issuer": "spiffe://example.org", "cluster": "spire", "audience": ["spiffe://example.org/api"],
        "metadata": {"jwks_uri": "https://spire.example.org/keys"},
    }]);
    let entra = json!([{
        "name": "entra", "issuer": "https://login.microsoftonline.com/{tenantid}/v2.0", "cluster": "entra",
        "tenants": ["contoso-id", "fabrikam.onmicrosoft.com"], "audience": ["6e74172b-be56-4843-9ff4-e66a39bb12e3"],
    }]);
    for (pointer, value) in [
        ("/providers", spiffe),
        ("/providers", entra),
        ("/providers/0/access_token", json!("jwt")),
        ("/providers/0/token_type", json!("any")),
        ("/providers/0/metadata", json!({"jwks_uri": "https://a.example/keys"})),
        ("/rules", json!([{"authentication": "optional"}])),
        ("/rules", json!([])),
        ("/rules", json!([{"authentication": "bearer", "max_age": "0s"}])),
        ("/rules", json!([{"authentication": "bearer", "require": "claims.anything == 'x'"}])),
    ] {
        assert_eq!(found(pointer, value.clone()), "", "{pointer} {value}");
    }
}

#[test]
fn issuers_of_tokens_that_make_no_sense_are_refused() {
    let spiffe = |changes: &[(&str, Value)]| {
        let provider = json!({
            "name": "mesh", "issuer": "spiffe://example.org", "cluster": "spire", "audience": ["a"],
            "metadata": {"jwks_uri": "https://spire.example.org/keys"},
        });
        let provider = changes.iter().fold(provider, |mut provider, (name, value)| {
            provider[name] = value.clone();
            provider
        });
        json!([provider])
    };
    let template = |tenants: Value| json!([{"name": "entra", "issuer": "https://login.example/{tenantid}/v2.0", "cluster": "c", "audience": ["a"], "tenants": tenants}]);
    for (pointer, value, expected) in [
        ("/providers/0/audience", json!([]), "providers[0].audience: found an empty list"),
        (
            "/providers/0/audience",
            json!("https://api.example.org"),
            "providers[0].audience: found a string, expected a list",
        ),
        ("/providers/0/audience", json!(["a\nb"]), "providers[0].audience: found"),
        ("/providers/0/audience", json!(["a".repeat(1025)]), "at most 1024 bytes"),
        ("/providers/0/audience", json!(["a", "a"]), "providers[0].audience[1]: found \"a\" again"),
        ("/providers/0/audience", json!([1]), "providers[0].audience[0]: found a number"),
        ("/providers/0/audiense", json!(["a"]), "did you mean `audience`?"),
        ("/providers/0/access_token", json!("jwts"), "did you mean `jwt`?"),
        (
            "/providers/0/access_token",
            json!("opaque"),
            "providers[0].client_id: found nothing, expected the client that asks",
        ),
        (
            "/providers/0/access_token",
            json!("any"),
            "providers[0].client_id: found nothing, expected the client that asks",
        ),
        ("/providers/0/token_type", json!("jwt"), "providers[0].token_type: found \"jwt\", expected `any` or `at+jwt`"),
        ("/providers/0/token_type", json!("at-jwt"), "did you mean `at+jwt`?"),
        ("/providers/0/tenants", json!(["a"]), "providers[0].tenants: found tenants without effect"),
        ("/providers/0/client_secret", json!("x"), "providers[0].client_secret: found"),
        ("/providers/0/scope", json!("openid"), "providers[0].scope: found"),
        ("/providers", template(json!([])), "providers[0].tenants: found 0 tenants"),
        ("/providers", template(json!(["common"])), "providers[0].tenants: found \"common\""),
        ("/providers", template(json!(["a/b"])), "providers[0].tenants: found \"a/b\""),
        ("/providers", template(json!([".."])), "providers[0].tenants: found \"..\""),
        ("/providers", template(json!(["{tenantid}"])), "providers[0].tenants: found"),
        ("/providers", template(json!(null)), "providers[0].tenants: found null"),
        ("/providers/0/issuer", json!("https://login.example/{tenantid}/v2.0"), "providers[0].tenants: found nothing"),
        ("/providers/0/issuer", json!("https://login.example/{tenant}/v2.0"), "providers[0].issuer: found"),
        ("/providers/0/issuer", json!("spiffe://example.org"), "providers[0].metadata: found no `jwks_uri`"),
        ("/providers", spiffe(&[("issuer", json!("spiffe://"))]), "expected a SPIFFE trust domain"),
        ("/providers", spiffe(&[("issuer", json!("spiffe://example.org/a"))]), "expected a SPIFFE trust domain"),
        ("/providers", spiffe(&[("issuer", json!("spiffe://Example.org"))]), "expected a SPIFFE trust domain"),
        ("/providers", spiffe(&[("issuer", json!("spiffe://example.org:443"))]), "expected a SPIFFE trust domain"),
        (
            "/providers",
            spiffe(&[("client_id", json!("x"))]),
            "providers[0].client_id: found a client of a trust domain",
        ),
    ] {
        let problems = found(pointer, value.clone());
        assert!(problems.contains(expected), "{pointer} {value}: {problems}");
    }
    let mut useless = api();
    useless["providers"][0].as_object_mut().unwrap().remove("audience");
    assert!(problems(&useless).contains("providers[0].client_id: found neither `client_id` nor `audience`"));
    for (key, value) in [("access_token", "jwt"), ("token_type", "any")] {
        let problems = problems(&with(&format!("/providers/0/{key}"), json!(value)));
        assert!(problems.contains(&format!("providers[0].{key}: found a setting without effect")), "{problems}");
    }
    let opaque = changed(with("/providers/0/audience", json!(["a"])), "/providers/0/access_token", json!("opaque"));
    let typed = changed(opaque, "/providers/0/token_type", json!("at+jwt"));
    assert!(problems(&typed).contains("providers[0].token_type: found a setting without effect"));
}

#[test]
fn rules_that_nobody_can_meet_are_refused() {
    for (rule, expected) in [
        (json!({}), "rules[0].authentication: found a rule that takes sessions"),
        (json!({"authentication": "any"}), "rules[0].authentication: found a rule that takes sessions"),
        (json!({"authentication": "bearer", "providers": []}), "rules[0].providers: found an empty list"),
        (
            json!({"authentication": "bearer", "providers": ["cii"]}),
            "expected the name of a provider; did you mean `ci`?",
        ),
        (json!({"authentication": "bearer", "providers": ["ci", "ci"]}), "rules[0].providers[1]: found \"ci\" again"),
        (json!({"authentication": "bearer", "providers": "ci"}), "rules[0].providers: found a string"),
        (json!({"authentication": "bearer", "audience": []}), "rules[0].audience: found an empty list"),
        (json!({"authentication": "none", "audience": ["a"]}), "rules[0].audience: found a setting without effect"),
        (json!({"authentication": "none", "providers": ["ci"]}), "rules[0].providers: found a setting without effect"),
        (json!({"authentication": "none", "max_age": "1m"}), "rules[0].max_age: found a setting without effect"),
        (json!({"authentication": "bearer", "max_age": 900}), "rules[0].max_age: found a number"),
        (json!({"authentication": "bearer", "acr_values": []}), "rules[0].acr_values: found an empty list"),
        (json!({"authentication": "bearer", "acr_values": ["a b"]}), "rules[0].acr_values: found"),
        (json!({"authentication": "bearer", "acr_values": ["\""]}), "rules[0].acr_values: found"),
        (json!({"authentication": "bearer", "audiences": ["a"]}), "did you mean `audience`?"),
        (json!({"authentication": "optional", "max_age": "0s"}), "rules[0].max_age: found"),
    ] {
        let problems = found("/rules", json!([rule]));
        assert!(problems.contains(expected), "{rule}: {problems}");
    }
    for rule in [json!({"authentication": "bearer"}), json!({"authentication": "any"})] {
        let problems = problems(&with("/rules", json!([rule])));
        assert!(problems.contains("rules[0].authentication: found a rule that takes bearer tokens"), "{problems}");
    }
    let problems = problems(&with("/rules", json!([{"audience": ["a"]}])));
    assert!(problems.contains("rules[0].audience: found a setting without effect"), "{problems}");
}

#[test]
fn an_opaque_token_is_shown_to_one_provider_only() {
    let opaque = |name: &str| {
        json!({
            "name": name, "issuer": format!("https://{name}.example.org"), "cluster": name, "client_id": "api",
            "client_secret": "x", "audience": ["a"], "access_token": "opaque",
        })
    };
    let document = |rules: Value| changed(with("/providers", json!([opaque("a"), opaque("b")])), "/rules", rules);
    let both = problems(&document(json!([{"authentication": "bearer"}])));
    assert!(both.contains("rules[0].providers: found several providers with `access_token: opaque`"), "{both}");
    assert_eq!(problems(&document(json!([{"authentication": "bearer", "providers": ["a"]}]))), "");
}
