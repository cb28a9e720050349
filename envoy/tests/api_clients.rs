//! API clients with the tokens of a provider that somebody else wrote: as JWTs, and opaque.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "tests")]

use envoy_ring::{Access, Backend, Envoy, Filter, Listener, OidcProvider, Route, port, wire};
use serde_json::json;
use wasm_host_tests::message::{Request, Response};

const API: &str = "https://api.example.org/orders";
const OPAQUE_API: &str = "https://api.example.org/opaque";

#[test]
fn an_api_client_is_admitted_by_a_jwt_of_its_provider() {
    let stage = Stage::set();
    let token = stage.token(API, "orders.read");
    assert_eq!(token.split('.').count(), 3, "a JWT");

    assert_eq!(stage.call("GET", "/orders/1", Some(&token)).status, 200);
    let seen = &stage.backend.received()[0];
    assert_eq!((seen.header("x-client"), seen.header("x-scopes")), (Some("machine"), Some("orders.read")));

    let refused = stage.call("POST", "/orders", Some(&token));
    let challenge = refused.header("www-authenticate").expect("a challenge");
    assert_eq!(refused.status, 403);
    assert!(challenge.contains("insufficient_scope") && challenge.contains("scope=\"orders.write\""), "{challenge}");
    assert_eq!(stage.call("POST", "/orders", Some(&stage.token(API, "orders.write"))).status, 200);

    assert_eq!(stage.call("GET", "/orders/1", Some(&stage.token(OPAQUE_API, "orders.read"))).status, 401);
    assert_eq!(stage.call("GET", "/orders/1", Some(&stage.token("https://other.example/", "orders.read"))).status, 401);
    assert_eq!(stage.call("GET", "/orders/1", None).status, 401);
    assert_eq!(stage.backend.received().len(), 2);
    stage.envoy.assert_no_crash();
}

#[test]
fn an_opaque_token_is_asked_about_at_its_provider() {
    let stage = Stage::set();
    let token = stage.token(OPAQUE_API, "orders.read");
    assert_ne!(token.split('.').count(), 3, "no JWT");

    for _ in 0..3 {
        assert_eq!(stage.call("GET", "/opaque/1", Some(&token)).status, 200);
    }
    let seen = &stage.backend.received()[0];
    assert_eq!((seen.header("x-client"), seen.header("x-scopes")), (Some("machine"), Some("orders.read")));

    let refused = stage.call("GET", "/opaque/1", Some(&format!("{token}x")));
    assert_eq!(refused.status, 401);
    assert!(refused.header("www-authenticate").is_some_and(|challenge| challenge.contains("invalid_token")));
    assert_eq!(stage.backend.received().len(), 3);
    stage.envoy.assert_no_crash();
}

/// Provider, Envoy and API.
struct Stage {
    provider: OidcProvider,
    envoy: Envoy,
    backend: Backend,
    address: std::net::SocketAddr,
}

impl Stage {
    fn set() -> Self {
        let provider = OidcProvider::start(&format!("http://localhost:{}", port::free()));
        let verifier = json!({
            "name": "jwt", "issuer": provider.issuer(), "cluster": "provider", "audience": [API], "token_type": "at+jwt",
        });
        let asker = json!({
            "name": "opaque", "issuer": provider.issuer(), "cluster": "provider", "audience": [OPAQUE_API],
            "access_token": "opaque", "client_id": "basic", "client_secret": "a secret:with/reserved+characters%",
        });
        let configuration = json!({
            "providers": [verifier, asker],
            "session": {"keys": [{"env": "LATCHKEY_SESSION_KEY"}], "secure": false, "cookie": "latchkey"},
            "rules": [
                {
                    "match": {"path_prefix": "/orders"}, "authentication": "bearer", "providers": ["jwt"],
                    "require": "request.method == \"GET\" || \"orders.write\" in scopes",
                },
                {"match": {"path_prefix": "/opaque"}, "authentication": "bearer", "providers": ["opaque"]},
            ],
            "headers": {"x-client": "claims.client_id", "x-scopes": "scopes.join(\" \")"},
        });
        let backend = Backend::start();
        let filter = Filter::latchkey(configuration)
            .environment_variable("LATCHKEY_SESSION_KEY", "Mv6p2vCqVJ3oQ0k1mX0m8cR5j0cQn7yq1bq2h9d0f3s");
        let listener = Listener::new("main", filter, Route::Backend, Access::Logged);
        let address = listener.address();
        let envoy = Envoy::builder()
            .listener(listener)
            .cluster("backend", backend.address())
            .cluster("provider", provider.address())
            .workers(2)
            .start();
        Self { provider, envoy, backend, address }
    }

    /// A token of the provider for `machine` (RFC 6749 §4.4).
    fn token(&self, resource: &str, scope: &str) -> String {
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", "machine"),
            ("client_secret", "a machine's secret"),
            ("resource", resource),
            ("scope", scope),
        ];
        let request = Request::form("/token", &fields, "none").set(":authority", self.provider.address().to_string());
        let answer = wire::exchange(self.provider.address(), &request);
        let document = answer.document();
        document["access_token"].as_str().unwrap_or_else(|| panic!("{document}")).to_owned()
    }

    fn call(&self, method: &str, path: &str, token: Option<&str>) -> Response {
        let mut request = Request::new(method, path).with("accept", "application/json");
        if let Some(token) = token {
            request = request.with("authorization", format!("Bearer {token}"));
        }
        wire::exchange(self.address, &request)
    }
}
