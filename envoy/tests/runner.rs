//! The runner itself, without a module.

use envoy_ring::{Access, Backend, Envoy, Filter, Listener, Route};
use serde_json::json;
use wasm_host_tests::message::Request;

#[test]
fn a_request_reaches_the_backend_byte_for_byte_and_is_logged() {
    let backend = Backend::start();
    let envoy = Envoy::builder()
        .listener(Listener::new("main", Filter::None, Route::Backend, Access::Logged))
        .cluster("backend", backend.address())
        .start();

    let answer = envoy.send(&Request::new("POST", "/some/where?a=b").with("x-raw", b"caf\xe9").with_body("hello"));

    assert_eq!(answer.status, 200, "{}", answer.text());
    let echoed = answer.document();
    assert_eq!(echoed["method"], "POST");
    assert_eq!(echoed["body"], "hello");
    assert!(echoed["headers"].as_array().unwrap().contains(&json!(["x-raw", "caf\\xe9"])), "{echoed}");
    assert_eq!(envoy.access_log("main", 1), ["POST /some/where 200 -"]);
}
