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

/// What a browser knows and does by itself: fragments, forms over a login, a login that nobody notices, frames inside other sites.
#[test]
fn a_person_in_chromium_loses_neither_place_nor_words() {
    let [careful, embedded] = [port::free(), port::free()];
    let [careful_origin, embedded_origin] = [careful, embedded].map(|port| format!("http://localhost:{port}"));
    let [first, second] = [&careful_origin, &embedded_origin].map(|origin| OidcProvider::start(origin));
    let application = Server::start(|request| {
        let user = request.header("x-auth-name").unwrap_or("nobody");
        let body = String::from_utf8_lossy(&request.body).replace('&', "&amp;");
        let posted = if request.method() == "POST" { format!("<pre id=posted>{body}</pre>") } else { String::new() };
        let form = "<form id=form method=post action='/form?to=7'><textarea id=note name=note></textarea>\
                    <input type=hidden name=submit value='a field of this name'><button id=send>Send</button></form>";
        let page = format!("<!doctype html><title>A</title><h1>Hello <span id=user>{user}</span></h1>{posted}{form}");
        Some(Response::new(200, "text/html; charset=utf-8", page))
    });
    let elsewhere = Server::start(|request| {
        let frame = request.query("frame").unwrap_or_default();
        Some(Response::new(
            200,
            "text/html",
            format!("<!doctype html><title>Elsewhere</title><iframe src='{frame}'></iframe>"),
        ))
    });
    let key = "Mv6p2vCqVJ3oQ0k1mX0m8cR5j0cQn7yq1bq2h9d0f3s";
    let filter = |issuer: String, cluster: &str, origin: &str, session: serde_json::Value| {
        Filter::latchkey(json!({
            "providers": [{
                "name": "corp", "issuer": issuer, "cluster": cluster, "scope": "openid profile",
                "client_id": "basic", "client_secret": "a secret:with/reserved+characters%",
            }],
            "public_url": origin,
            "session": session,
            "rules": [{"match": {"path_prefix": "/form"}, "preserve_form": true}],
            "headers": {"x-auth-name": "claims.name"},
        }))
        .stop_iteration(true)
    };
    let careful_session = json!({
        "keys": [key], "secure": false, "cookie": "latchkey", "silent": true, "preserve_fragment": true,
    });
    let embedded_session = json!({"keys": [key], "same_site": "none", "partitioned": true});
    let for_careful = filter(first.issuer(), "first", &careful_origin, careful_session);
    let for_embedded = filter(second.issuer(), "second", &embedded_origin, embedded_session);
    let envoy = Envoy::builder()
        .listener(Listener::new("careful", for_careful, Route::Backend, Access::Logged).on_port(careful))
        .listener(Listener::new("embedded", for_embedded, Route::Backend, Access::Logged).on_port(embedded))
        .cluster("backend", application.address())
        .cluster("first", first.address())
        .cluster("second", second.address())
        .start();

    node::run(
        "tests/browser.mjs",
        &json!({
            "chromium": tools::chromium(), "careful": careful_origin, "embedded": embedded_origin,
            "elsewhere": format!("http://{}", elsewhere.address()), "user": "alice", "name": "Alice Example",
        }),
    );

    envoy.assert_no_crash();
}
