//! What programs that are no browsers see of a refusal in a real Envoy: gRPC clients, WebSockets, and forms whose bodies are withheld.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::time::Duration;

use envoy_ring::{EnvoyWorld, Options, node};
use serde_json::{Value, json};
use wasm_host_tests::browser::Browser;
use wasm_host_tests::jar::Initiator;
use wasm_host_tests::message::{AUTHORITY, ORIGIN, Request};
use wasm_host_tests::provider::{Behaviour, Endpoint};
use wasm_host_tests::setup::Setup;
use wasm_host_tests::world::World;

fn grpc(world: &EnvoyWorld, calls: &Value) {
    let origin = format!("http://{}", world.address());
    node::run("tests/grpc.mjs", &json!({"origin": origin, "authority": AUTHORITY, "calls": calls}));
    assert_eq!(world.backend().bytes_received(), 0, "nothing reaches the application");
    world.envoy().assert_no_crash();
}

/// Envoy turns the answers of filters into gRPC's own: 401 into UNAUTHENTICATED (16), 403 into PERMISSION_DENIED (7), 503 into
/// UNAVAILABLE (14), 400 into INTERNAL (13).
#[test]
fn a_grpc_call_without_a_session_is_unauthenticated() {
    let world = EnvoyWorld::with(Setup::api(), Options::default());
    grpc(
        &world,
        &json!([
            {"path": "/shop.Basket/Add", "headers": {}, "status": 16, "reason": "session.required"},
            {"path": "/shop.Basket/Add", "headers": {}, "status": 16, "reason": "session.required", "kind": "application/grpc"},
            {"path": "/orders/shop.Orders/List", "headers": {}, "status": 16, "reason": "token"},
            {"path": "/orders/shop.Orders/List", "headers": {"authorization": "Bearer x.y.z"}, "status": 16, "reason": "token"},
            {"path": "/shop.Basket/..%2fAdd", "headers": {"sec-fetch-mode": "navigate"}, "status": 13, "reason": "{\"detail\""},
        ]),
    );
}

#[test]
fn a_grpc_call_that_is_not_allowed_is_denied_as_such() {
    let mut world = EnvoyWorld::with(Setup::default(), Options::default());
    let mut browser = Browser::default();
    browser.open(&mut world, "/").shows("/");
    let before = world.backend().bytes_received();
    let cookies = browser.jar.header(AUTHORITY, "/", Initiator::SameSite, world.now()).expect("a session");
    let origin = format!("http://{}", world.address());
    let call = json!({
        "path": "/board/shop.Minutes/Read", "headers": {"cookie": cookies}, "status": 7, "reason": "policy.require_not_met",
    });
    node::run("tests/grpc.mjs", &json!({"origin": origin, "authority": AUTHORITY, "calls": [call]}));
    assert_eq!(world.backend().bytes_received(), before);
}

#[test]
fn a_grpc_call_whose_issuer_is_down_is_unavailable() {
    let setup = Setup::api().provider(|provider| provider.behave(Endpoint::Discovery, Behaviour::html(500)));
    let mut world = EnvoyWorld::with(setup, Options::default());
    let now = world.now();
    let token = world.provider().access_token(now).sign();
    let headers = json!({"authorization": format!("Bearer {token}")});
    grpc(
        &world,
        &json!([{"path": "/orders/shop.Orders/List", "headers": headers, "status": 14, "reason": "unavailable"}]),
    );
}

/// With `allow_on_headers_stop_iteration: false` Envoy withholds the bodies of requests that the filter holds.
#[test]
fn a_form_whose_body_is_withheld_is_answered_with_the_page() {
    let mut setup = Setup::default();
    let rule = json!({"match": {"path_prefix": "/form"}, "preserve_form": true});
    setup.document["rules"].as_array_mut().expect("a list").push(rule);
    let mut world = EnvoyWorld::with(setup, Options { stop_iteration: false, ..Options::default() });
    let form = Request::form("/form", &[("a", "1")], "same-origin").with("origin", ORIGIN);
    let exchange = world.send(form);
    exchange.refused_with(401).because_of("session.required");
    assert!(exchange.took < Duration::from_secs(10), "{:?}", exchange.took);
    assert_eq!(exchange.response.set_cookies(), Vec::<&str>::new());
    world.envoy().assert_no_crash();
}
