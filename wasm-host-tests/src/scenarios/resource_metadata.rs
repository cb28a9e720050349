//! What the deployment says of itself to clients that want to call it (RFC 9728).

use serde_json::{Value, json};

use super::{access_token, call};
use crate::message::{ORIGIN, Request};
use crate::provider::{ISSUER, OTHER_ISSUER};
use crate::setup::Setup;
use crate::world::World;

const DOCUMENT: &str = "/.well-known/oauth-protected-resource";

/// A server as tools for language models call it: one resource, for which tokens are made.
fn tools() -> Setup {
    let mut setup = Setup::api();
    let rule = json!({
        "match": {"path_prefix": "/mcp"}, "authentication": "bearer", "providers": ["corp"],
        "audience": [format!("{ORIGIN}/mcp")], "require": "\"tools.call\" in scopes || \"tools.list\" in scopes",
    });
    setup.document["rules"].as_array_mut().expect("a list").insert(0, rule);
    setup
}

/// The value of a parameter of a challenge.
fn parameter<'c>(challenge: &'c str, name: &str) -> Option<&'c str> {
    challenge.split_once(&format!("{name}=\""))?.1.split('"').next()
}

pub fn a_client_finds_its_way_from_the_challenge_to_the_token<W: World>() {
    let mut world = W::open(tools());
    let exchange = world.send(Request::new("POST", "/mcp").with("content-type", "application/json"));
    exchange.refused_with(401).because_of("access_token.missing");
    let challenge = exchange.response.header("www-authenticate").expect("a challenge");
    let address = parameter(challenge, "resource_metadata").expect("an address");
    assert_eq!(address, format!("{ORIGIN}{DOCUMENT}/mcp"));
    let path = address.strip_prefix(ORIGIN).expect("here");
    let document = world.send(Request::get(path)).response.document();
    // RFC 9728 §3.3: what the client called.
    assert_eq!(document["resource"], json!(format!("{ORIGIN}/mcp")));
    assert_eq!(document["authorization_servers"], json!([ISSUER]));
    assert_eq!(document["scopes_supported"], json!(["tools.call", "tools.list"]));
    // The authorization server makes a token for that resource (RFC 8707 §2).
    let resource = document["resource"].clone();
    let token = access_token(&mut world, |draft| {
        draft.claim("aud", resource);
        draft.claim("scope", "tools.call");
    });
    world.send(call("/mcp", &token).set(":method", "POST")).forwarded();
}

pub fn the_document_describes_the_origin_and_each_resource<W: World>() {
    let mut world = W::open(tools());
    let exchange = world.send(Request::get(DOCUMENT));
    exchange.refused_with(200);
    assert_eq!(exchange.response.header("content-type"), Some("application/json"));
    assert_eq!(exchange.response.header("access-control-allow-origin"), Some("*"));
    assert!(exchange.response.header("cache-control").is_some_and(|value| value.contains("max-age")));
    let algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"];
    let document = json!({
        "resource": ORIGIN,
        "authorization_servers": [ISSUER, OTHER_ISSUER],
        "bearer_methods_supported": ["header"],
        "scopes_supported": ["orders.write", "tools.call", "tools.list"],
        "dpop_signing_alg_values_supported": algorithms,
    });
    let mut expected = document.clone();
    expected["authorization_servers"].as_array_mut().expect("a list").sort_by_key(Value::to_string);
    assert_eq!(exchange.response.document(), expected);
    for (path, issuers, scopes) in [
        ("/orders/new", json!([ISSUER, OTHER_ISSUER]), json!(["orders.write"])),
        ("/partner/a%20b", json!([OTHER_ISSUER]), Value::Null),
        ("/welcome", json!([ISSUER, OTHER_ISSUER]), Value::Null),
    ] {
        let mut issuers = issuers;
        issuers.as_array_mut().expect("a list").sort_by_key(Value::to_string);
        let document = world.send(Request::get(&format!("{DOCUMENT}{path}"))).response.document();
        assert_eq!(document["resource"], json!(format!("{ORIGIN}{path}")));
        assert_eq!((&document["authorization_servers"], &document["scopes_supported"]), (&issuers, &scopes), "{path}");
    }
    for path in ["/finance", "/public", "/oauth2/login", "/nowhere", DOCUMENT] {
        world.send(Request::get(&format!("{DOCUMENT}{path}"))).refused_with(404).because_of("endpoint.unknown");
    }
}

pub fn the_document_is_read_and_nothing_else<W: World>() {
    let mut world = W::open(Setup::api());
    assert_eq!(world.send(Request::new("HEAD", DOCUMENT)).status(), 200);
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let exchange = world.send(Request::new(method, DOCUMENT));
        exchange.refused_with(405).because_of("endpoint.method_not_allowed");
        assert_eq!(exchange.response.header("allow"), Some("GET, HEAD"));
    }
    let preflight = Request::new("OPTIONS", DOCUMENT)
        .with("origin", "https://client.example")
        .with("access-control-request-method", "GET")
        .with("access-control-request-headers", "mcp-protocol-version");
    let exchange = world.send(preflight);
    exchange.refused_with(204);
    assert_eq!(exchange.response.header("access-control-allow-headers"), Some("*"));
    for path in ["/orders/../.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource//orders"] {
        world.send(Request::get(path)).refused_with(400);
    }
}

pub fn without_tokens_the_path_is_the_applications<W: World>() {
    // Nobody issues tokens here, or no rule takes them.
    let mut without_rules = Setup::api();
    without_rules.document["rules"] = json!([{"match": {"path_prefix": "/.well-known"}, "authentication": "none"}]);
    let mut without_issuers = Setup::default();
    let public = json!({"match": {"path_prefix": "/.well-known"}, "authentication": "none"});
    without_issuers.document["rules"].as_array_mut().expect("a list").insert(0, public);
    for setup in [without_rules, without_issuers] {
        W::open(setup).send(Request::get(DOCUMENT)).forwarded();
    }
}

pub fn a_preflight_to_an_api_is_never_redirected<W: World>() {
    let mut world = W::open(Setup::api());
    let preflight = |path| {
        Request::new("OPTIONS", path)
            .with("origin", "https://client.example")
            .with("access-control-request-method", "GET")
            .with("sec-fetch-mode", "cors")
    };
    for path in ["/orders", "/either"] {
        let exchange = world.send(preflight(path));
        exchange.refused_with(401);
        assert!(exchange.response.header("www-authenticate").is_some() && exchange.response.set_cookies().is_empty());
    }
}
