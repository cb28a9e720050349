//! Documents that are accepted, and what becomes of them.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::config::{Authentication, ClaimSelection, ClientAuthentication, CookiePolicy, KeptTokens, SameSite};
use crate::jose::JwsAlgorithm;

fn named(claims: &[&str]) -> ClaimSelection {
    ClaimSelection::Named(claims.iter().map(|claim| (*claim).to_owned()).collect::<BTreeSet<_>>())
}

#[test]
fn the_smallest_document_has_the_documented_defaults() {
    let config = parse(&minimal()).unwrap();
    let provider = &config.providers[0];
    assert_eq!((provider.name.as_str(), provider.display_name.as_str()), ("corp", "corp"));
    assert_eq!(provider.issuer.as_str(), "https://login.example.org/realms/corp");
    assert_eq!(
        provider.discovery_url.as_ref().unwrap().as_str(),
        "https://login.example.org/realms/corp/.well-known/openid-configuration"
    );
    assert_eq!(provider.cluster, "corp-idp");
    assert!(provider.clusters.is_empty() && provider.metadata.is_empty());
    assert_eq!(provider.algorithms, JwsAlgorithm::ALL);
    assert_eq!(provider.clock_skew, Duration::from_secs(60));
    assert_eq!(provider.client.as_ref().unwrap().client_id, "grants-portal");
    assert!(
        matches!(&provider.client.as_ref().unwrap().authentication, ClientAuthentication::SecretBasic(secret) if secret.expose() == CLIENT_SECRET)
    );
    assert_eq!(provider.client.as_ref().unwrap().scope, "openid profile email");
    assert!(provider.client.as_ref().unwrap().authorization_parameters.is_empty());
    assert!(config.public_urls.is_empty());
    assert_eq!(config.base_path, "/oauth2");
    let session = config.session.unwrap();
    let cookie = CookiePolicy {
        name: "__Host-latchkey".to_owned(),
        domain: None,
        same_site: SameSite::Lax,
        secure: true,
        partitioned: false,
    };
    assert_eq!(session.cookie, cookie);
    assert_eq!(session.idle_timeout, Duration::from_secs(30 * 60));
    assert_eq!(session.absolute_timeout, Duration::from_secs(8 * 60 * 60));
    assert_eq!(session.claims, named(&[]));
    assert_eq!(session.max_cookies, 4);
    assert_eq!(session.refresh_before(), Duration::from_secs(60));
    assert_eq!(session.store, None);
    assert!(config.rules.is_empty() && config.headers.is_empty());
}

#[test]
fn the_interface_example_is_accepted_as_far_as_this_version_goes() {
    let document = br#"{
        "providers": [{
            "name": "corp", "display_name": "Corporate login",
            "issuer": "https://login.example.org/realms/corp", "cluster": "corp-idp",
            "clusters": {"www.googleapis.com": "google-apis"}, "metadata": {},
            "algorithms": ["RS256", "PS256", "ES256"], "clock_skew": "60s",
            "client_id": "grants-portal", "client_secret": {"env": "CORP_CLIENT_SECRET"},
            "token_endpoint_auth_method": "client_secret_basic",
            "scope": "openid profile email", "resource": [], "authorization_parameters": {},
            "pushed_authorization_requests": "auto"
        }],
        "public_url": "https://portal.example.org",
        "base_path": "/oauth2",
        "session": {
            "keys": [{"env": "LATCHKEY_SESSION_KEY"}], "cookie": "__Host-latchkey", "domain": null,
            "same_site": "lax", "secure": true, "partitioned": false,
            "idle_timeout": "30m", "absolute_timeout": "8h", "claims": null, "max_cookies": 4.0,
            "refresh_before": "60s"
        },
        "rules": [
            {"name": "health", "match": {"path": "/healthz", "methods": ["GET"]}, "authentication": "none"},
            {"match": {"host": "api.example.org", "path_prefix": "/orders"}, "authentication": "optional"},
            {"name": "approvals", "match": {"path_prefix": "/approvals"}, "authentication": "session",
             "require": "\"finance-approver\" in claims.groups"}
        ],
        "headers": {
            "x-auth-subject": "claims.sub", "x-auth-issuer": "claims.iss", "x-auth-email": "claims.email",
            "X-Auth-Groups": "claims.groups.join(\",\")", "authorization": "\"Bearer \" + access_token"
        }
    }"#;
    let config = Config::parse(document, &environment).unwrap();
    assert_eq!(config.providers[0].display_name, "Corporate login");
    assert_eq!(config.providers[0].clusters, [("www.googleapis.com".to_owned(), "google-apis".to_owned())]);
    assert_eq!(config.public_urls[0].origin, "https://portal.example.org");
    assert_eq!(config.public_urls[0].authority, "portal.example.org");
    assert_eq!(config.session.as_ref().unwrap().claims, named(&["email", "groups", "iss", "sub"]));
    assert_eq!(config.session.as_ref().unwrap().max_cookies, 4);
    let names: Vec<_> = config.rules.iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(names, ["health", "rules[1]", "approvals"]);
    assert!(matches!(config.rules[0].authentication, Authentication::Public));
    assert!(matches!(config.rules[1].authentication, Authentication::Optional(_)));
    assert!(matches!(
        config.rules[2].authentication,
        Authentication::Session(crate::policy::demand::Demand { require: Some(_), .. })
    ));
    let headers: Vec<_> = config.headers.iter().map(|header| header.name.as_str()).collect();
    assert_eq!(headers, ["x-auth-subject", "x-auth-issuer", "x-auth-email", "x-auth-groups", "authorization"]);
}

#[test]
fn variants_are_accepted() {
    for (pointer, value) in [
        ("/providers/0/issuer", json!("http://localhost:8080")),
        ("/providers/0/issuer", json!("http://127.0.0.1:8080/realm")),
        ("/providers/0/issuer", json!("http://[::1]")),
        ("/providers/0/metadata", json!({"issuer": "https://login.example.org/realms/corp"})),
        ("/providers/0/metadata", json!({"token_endpoint": "https://a.example/t?x=1", "scopes_supported": ["openid"]})),
        ("/providers/0/clock_skew", json!("10m")),
        ("/providers/0/clock_skew", json!("0s")),
        ("/providers/0/token_endpoint_auth_method", json!("client_secret_post")),
        ("/providers/0/client_secret", json!("literal")),
        ("/providers/0/scope", json!("openid")),
        ("/providers/0/authorization_parameters", json!({"prompt": "login", "response_mode": "form_post"})),
        ("/public_url", json!(["https://a.example.org", "http://localhost:8080"])),
        ("/base_path", json!("/.well-known/sso_1~a")),
        ("/session/keys", json!([SESSION_KEY, RETIRED_KEY])),
        ("/session/absolute_timeout", json!("400d")),
        ("/session/absolute_timeout", json!("10m")),
        ("/session/max_cookies", json!(16)),
        ("/session/claims", json!([])),
        ("/session/silent", json!(true)),
        ("/session/preserve_fragment", json!(true)),
        ("/rules", json!([{"preserve_form": true}])),
        ("/rules", json!([{"preserve_form": true, "match": {"methods": ["GET", "POST"]}}])),
        ("/rules", json!([{"preserve_form": false, "authentication": "optional"}])),
        ("/rules", json!([{"match": {}, "authentication": "none"}])),
        ("/rules", json!([{}])),
        ("/rules", json!([{"match": {"path_regex": "/a|/b"}}, {"match": {"host": "*.example.org"}}, {}])),
        ("/headers", json!({"x_auth_user": "claims.sub"})),
    ] {
        assert_eq!(problems(&with(pointer, value)), "", "{pointer}");
    }
}

#[test]
fn the_discovery_address_of_an_issuer_with_a_slash_at_its_end_has_no_double_slash() {
    for (issuer, address) in [
        ("https://a.example", "https://a.example/.well-known/openid-configuration"),
        ("https://a.example/", "https://a.example/.well-known/openid-configuration"),
        ("https://a.example/b/", "https://a.example/b/.well-known/openid-configuration"),
    ] {
        let provider = parse(&with("/providers/0/issuer", json!(issuer))).unwrap().providers.remove(0);
        assert_eq!((provider.issuer.as_str(), provider.discovery_url.as_ref().unwrap().as_str()), (issuer, address));
    }
}

#[test]
fn a_public_client_has_no_secret() {
    let mut document = with("/providers/0/token_endpoint_auth_method", json!("none"));
    document["providers"][0].as_object_mut().unwrap().remove("client_secret");
    let config = parse(&document).unwrap();
    assert!(matches!(config.providers[0].client.as_ref().unwrap().authentication, ClientAuthentication::None));
}

#[test]
fn several_providers_may_share_an_issuer_but_not_a_registration() {
    let mut second = minimal()["providers"][0].clone();
    second["name"] = json!("second");
    assert!(problems(&with("/providers/1", second.clone())).contains("providers[1].client_id: found the issuer"));
    second["client_id"] = json!("another");
    assert_eq!(parse(&with("/providers/1", second)).unwrap().providers.len(), 2);
}

#[test]
fn the_cookies_prefix_follows_from_its_attributes() {
    for (cookie, domain, secure, expected) in [
        ("latchkey", json!(null), true, "__Host-latchkey"),
        ("__Secure-sso", json!(null), true, "__Host-sso"),
        ("__Host-sso", json!("example.org"), true, "__Secure-sso"),
        ("__host-__SECURE-sso", json!(null), false, "sso"),
        ("__Host-sso", json!("example.org"), false, "sso"),
    ] {
        let document = changed(with("/session/cookie", json!(cookie)), "/session/domain", domain);
        let session = parse(&changed(document, "/session/secure", json!(secure))).unwrap().session.unwrap();
        assert_eq!(session.cookie.name, expected);
    }
}

#[test]
fn origins_are_normalised() {
    let urls = json!(["https://PORTAL.example.org:443/", "https://portal.example.org:8443", "http://[::1]:80"]);
    let config = parse(&with("/public_url", urls)).unwrap();
    let origins: Vec<_> = config.public_urls.iter().map(|url| (url.origin.as_str(), url.authority.as_str())).collect();
    let expected = [
        ("https://portal.example.org", "portal.example.org"),
        ("https://portal.example.org:8443", "portal.example.org:8443"),
        ("http://[::1]", "[::1]"),
    ];
    assert_eq!(origins, expected);
}

#[test]
fn idleness_never_outlasts_a_short_absolute_timeout() {
    let session = parse(&with("/session/absolute_timeout", json!("10m"))).unwrap().session.unwrap();
    assert_eq!(session.idle_timeout, Duration::from_secs(600));
}

#[test]
fn sessions_keep_the_listed_claims_or_those_in_use_or_all() {
    let headers = json!({"x-a": "claims.email", "x-b": "json(claims)"});
    assert_eq!(parse(&with("/headers", headers)).unwrap().session.unwrap().claims, ClaimSelection::All);
    let listed = with("/session/claims", json!(["email", "locale"]));
    let listed = parse(&changed(listed, "/headers", json!({"x-a": "claims.email + claims.sub"}))).unwrap();
    assert_eq!(listed.session.unwrap().claims, named(&["email", "locale"]));
}

#[test]
fn sessions_keep_the_tokens_that_something_uses() {
    let kept = |document: Value| {
        let config = parse(&document).unwrap();
        let client = config.providers[0].client.as_ref().unwrap();
        let KeptTokens { access_token, refresh_token, id_token } = KeptTokens::of(&config, client);
        assert!(!id_token);
        (access_token, refresh_token)
    };
    let header = json!({"authorization": r#""Bearer " + access_token"#});
    let exchange = json!([{"exchange": {"provider": "corp", "audience": "https://backend.example.org"}}]);
    assert_eq!(kept(minimal()), (false, false));
    assert_eq!(
        kept(with("/session/refresh_before", json!("60s"))),
        (false, true),
        "the provider's session is followed"
    );
    assert_eq!(kept(with("/session/refresh_before", json!("0s"))), (false, true));
    assert_eq!(kept(with("/headers", header)), (true, true));
    assert_eq!(kept(with("/rules", exchange)), (true, true));
    let config = parse(&with("/providers/0/id_token_hint", json!(true))).unwrap();
    assert!(KeptTokens::of(&config, config.providers[0].client.as_ref().unwrap()).id_token);
}
