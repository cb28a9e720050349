//! A real browser in front, a real provider behind: `browser.mjs` is the person.

use envoy_ring::{Access, Envoy, Filter, Listener, OidcProvider, Route, Server, node, port, tools};
use serde_json::json;
use wasm_host_tests::message::Response;

#[test]
fn a_person_in_chromium_signs_in_opens_three_tabs_at_once_and_signs_out() {
    let port = port::free();
    let origin = format!("http://localhost:{port}");
    let provider = OidcProvider::start(&origin);
    let application = Server::start(|request| {
        let user = request.header("x-auth-name").unwrap_or("nobody");
        let page = format!(
            "<!doctype html><title>A legacy application</title><h1>Hello <span id=user>{user}</span></h1>\
             <p id=target>{}</p><a id=logout href=/oauth2/logout>Sign out</a>",
            request.target()
        );
        Some(Response::new(200, "text/html", page))
    });
    let filter = Filter::latchkey(json!({
        "providers": [{
            "name": "corp", "issuer": provider.issuer(), "cluster": "provider", "scope": "openid profile",
            "client_id": "basic", "client_secret": "a secret:with/reserved+characters%",
        }],
        "public_url": origin,
        "session": {"keys": [{"env": "LATCHKEY_SESSION_KEY"}], "secure": false, "cookie": "latchkey"},
        "headers": {"x-auth-name": "claims.name"},
    }))
    .environment_variable("LATCHKEY_SESSION_KEY", "Mv6p2vCqVJ3oQ0k1mX0m8cR5j0cQn7yq1bq2h9d0f3s");
    let envoy = Envoy::builder()
        .listener(Listener::new("main", filter, Route::Backend, Access::Logged).on_port(port))
        .cluster("backend", application.address())
        .cluster("provider", provider.address())
        .workers(2)
        .start();

    node::run(
        "tests/browser.mjs",
        &json!({"chromium": tools::chromium(), "application": origin, "user": "alice", "name": "Alice Example"}),
    );

    envoy.assert_no_crash();
}
