//! Access tokens bound to a client's certificate, over TLS that a real Envoy ends (RFC 8705 §3).

#![allow(clippy::expect_used, reason = "tests")]

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use envoy_ring::{
    Access, Cluster, ClusterConnection, Connection, EnvoyWorld, Filter, Listener, Options, Route, key_file,
};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use wasm_host_tests::message::Request;
use wasm_host_tests::setup::Setup;
use wasm_host_tests::world::World as _;

#[test]
fn a_token_bound_to_a_certificate_is_admitted_over_a_connection_with_that_certificate() {
    let mut world = EnvoyWorld::with(Setup::api(), Options { ends_tls: true, ..Options::default() });
    let now = world.now();
    let mut draft = world.provider().access_token(now);
    let unbound = draft.sign();
    draft.claim("cnf", json!({"x5t#S256": thumbprint("client.pem")}));
    let bound = draft.sign();
    // What the certificate says does not matter, and nobody vouches for it: the key does.
    for (connection, expected) in [
        (ClusterConnection::WithCertificate("client"), Ok(())),
        (ClusterConnection::WithCertificate("other"), Err("access_token.certificate_mismatch")),
        (ClusterConnection::Tls, Err("access_token.certificate_missing")),
    ] {
        let name = format!("client-{}", world.envoy().next_generation());
        let client = Listener::new(&name, Filter::None, Route::Backend, Access::Silent).leading_to(&name);
        let address = client.address();
        world.envoy().add(client, vec![Cluster { name, address: world.address(), connection }]);
        for _ in 0..2 {
            let call = |token: &str| Request::get("/orders").with("authorization", format!("Bearer {token}"));
            let answer = Connection::open(address).exchange(&call(&bound));
            match expected {
                Ok(()) => assert_eq!(answer.status, 200, "{}", answer.text()),
                Err(reason) => assert!(answer.status == 401 && answer.text().contains(reason), "{}", answer.text()),
            }
            let answer = Connection::open(address).exchange(&call(&unbound));
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
    }
}

/// SHA-256 of the DER, as tokens have it.
fn thumbprint(file: &str) -> String {
    let pem = std::fs::read_to_string(key_file(file)).expect("a certificate");
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    URL_SAFE_NO_PAD.encode(Sha256::digest(STANDARD.decode(body).expect("Base64")))
}
