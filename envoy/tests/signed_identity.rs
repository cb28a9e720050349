//! `examples/signed-identity` as it stands there: its Envoy, its backend in Python, and a provider that other people wrote.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use envoy_ring::process::{self, Process};
use envoy_ring::{OidcProvider, Visitor, port, provider, tools, wire};
use serde_json::{Value, json};
use wasm_host_tests::message::{Request, Response};
use wasm_host_tests::provider::keys::TestKey;

const START_LIMIT: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(20);
const HEADER: &str = "x-latchkey-assertion";

#[test]
fn the_backend_believes_what_was_signed_and_nobody_else() {
    let stage = Stage::set(TestKey::P256A);
    let mut alice = Visitor::default();
    let login = alice.open(&format!("{}/orders?state=open", stage.origin));
    let consent = alice.submit(&login, &[("login", "alice"), ("password", "any")]);
    let page = alice.submit(&consent, &[]).response;
    assert_eq!(page.status, 200, "{page:?}");
    let who = json!({"sub": "alice", "email": "alice@example.org", "provider": "corp", "credential": "session"});
    assert_eq!(page.document(), json!({"hello": who, "path": "/orders?state=open"}));
    let public = Request::get("/public").with(HEADER, stage.assertion(TestKey::P256A, &json!({})));
    assert_eq!(stage.through_envoy(public).status, 401, "the backend's own answer: nobody is known");

    assert_eq!(stage.past_envoy(Request::get("/orders")).status, 401);
    assert_eq!(
        stage.shows(&stage.assertion(TestKey::P256A, &json!({}))),
        200,
        "what Latchkey signs, the backend takes"
    );
    let now = provider::now().as_secs();
    for (key, change) in [
        (TestKey::P256B, json!({})),
        (TestKey::P256A, json!({"aud": "invoices"})),
        (TestKey::P256A, json!({"iss": "http://localhost:1"})),
        (TestKey::P256A, json!({"exp": now - 60})),
        (TestKey::P256A, json!({"exp": null})),
        (TestKey::P256A, json!({"sub": null})),
    ] {
        assert_eq!(stage.shows(&stage.assertion(key, &change)), 401, "{key:?} {change}");
    }
    let twice = stage.assertion(TestKey::P256A, &json!({}));
    let twice = Request::get("/orders").with(HEADER, &twice).with(HEADER, &twice);
    assert_eq!(stage.past_envoy(twice).status, 401);
}

#[test]
fn the_backend_follows_a_change_of_the_key() {
    let mut stage = Stage::set(TestKey::P256A);
    let mut alice = Visitor::default();
    let login = alice.open(&format!("{}/orders", stage.origin));
    let consent = alice.submit(&login, &[("login", "alice"), ("password", "any")]);
    assert_eq!(alice.submit(&consent, &[]).response.status, 200);
    stage.restart_envoy(TestKey::P256B);
    let address = format!("{}/orders", stage.origin);
    let start = Instant::now();
    while alice.fetch(&address).status != 200 {
        assert!(start.elapsed() < PATIENCE, "the backend did not take the new key");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_backend_trusts_no_key_for_longer_than_its_answer_says() {
    let script = tools::repository().join("envoy/tests/signed_identity.py");
    let output = Command::new(tools::python()).arg("-B").arg(script).output().expect("Python");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Everything that the example consists of, each part at a free port.
struct Stage {
    envoy: Process,
    _backend: Process,
    _provider: OidcProvider,
    envoy_address: SocketAddr,
    backend_address: SocketAddr,
    origin: String,
}

impl Stage {
    fn set(key: TestKey) -> Self {
        let [envoy_address, backend_address] = [(); 2].map(|()| SocketAddr::from((Ipv4Addr::LOCALHOST, port::free())));
        let origin = format!("http://localhost:{}", envoy_address.port());
        let provider = OidcProvider::start(&origin);
        let folder = process::folder("signed-identity");
        let configuration = include_str!("../../examples/signed-identity/envoy.yaml")
            .replace("http://localhost:10000", &origin)
            .replace("http://127.0.0.1:10001", &provider.issuer())
            .replace("client_id: orders", "client_id: basic")
            .replace("port_value: 10000", &format!("port_value: {}", envoy_address.port()))
            .replace("port_value: 10001", &format!("port_value: {}", provider.address().port()))
            .replace("port_value: 10002", &format!("port_value: {}", backend_address.port()))
            .replace("dist/latchkey.wasm", &tools::latchkey_module().display().to_string());
        std::fs::write(folder.join("envoy.yaml"), configuration).unwrap();
        let file = folder.join("envoy.yaml");
        let envoy = Process::start(
            "envoy",
            folder,
            Command::new(tools::envoy()).arg("--config-path").arg(file).envs(environment(key)).args(ARGUMENTS),
        );

        let mut command = Command::new(tools::python());
        command.arg("-B").arg(tools::repository().join("examples/signed-identity/backend.py"));
        command.args(["--port", &backend_address.port().to_string(), "--issuer", &origin, "--audience", "orders"]);
        command.args(["--keys", &format!("http://{envoy_address}/oauth2/jwks.json")]);
        let mut backend = Process::start("backend", process::folder("signed-identity-backend"), &mut command);
        backend.wait_until(START_LIMIT, || TcpStream::connect(backend_address).is_ok());
        let mut stage = Self { envoy, _backend: backend, _provider: provider, envoy_address, backend_address, origin };
        stage.wait_for_envoy();
        stage
    }

    fn restart_envoy(&mut self, key: TestKey) {
        let file = self.envoy.folder().join("envoy.yaml");
        self.envoy.kill();
        let mut command = Command::new(tools::envoy());
        self.envoy.start_again(command.arg("--config-path").arg(file).envs(environment(key)).args(ARGUMENTS));
        self.wait_for_envoy();
    }

    fn wait_for_envoy(&mut self) {
        let address = self.envoy_address;
        self.envoy.wait_until(START_LIMIT, || {
            TcpStream::connect(address).is_ok() && wire::exchange(address, &Request::get("/oauth2/ready")).status == 200
        });
    }

    fn through_envoy(&self, request: Request) -> Response {
        wire::exchange(self.envoy_address, &request)
    }

    fn past_envoy(&self, request: Request) -> Response {
        wire::exchange(self.backend_address, &request)
    }

    /// The status that somebody gets who reached the backend's port and shows this.
    fn shows(&self, assertion: &str) -> u16 {
        self.past_envoy(Request::get("/orders").with(HEADER, assertion)).status
    }

    /// An assertion as Latchkey makes them, changed before it is signed.
    fn assertion(&self, key: TestKey, change: &Value) -> String {
        let published = self.through_envoy(Request::get("/oauth2/jwks.json")).document();
        let header = json!({"alg": "ES256", "typ": "latchkey-assertion+jwt", "kid": published["keys"][0]["kid"]});
        let now = provider::now().as_secs();
        let mut claims = json!({"iss": self.origin, "aud": "orders", "sub": "alice", "iat": now, "exp": now + 60});
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let input = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(key.sign(input.as_bytes())))
    }
}

const ARGUMENTS: [&str; 7] =
    ["--concurrency", "2", "--disable-hot-restart", "--log-level", "warning", "--component-log-level", "wasm:info"];

fn environment(key: TestKey) -> [(&'static str, &'static str); 3] {
    [
        ("LATCHKEY_SESSION_KEY", "Mv6p2vCqVJ3oQ0k1mX0m8cR5j0cQn7yq1bq2h9d0f3s"),
        ("LATCHKEY_ASSERTION_KEY", key.private_pem()),
        ("ORDERS_CLIENT_SECRET", "a secret:with/reserved+characters%"),
    ]
}
