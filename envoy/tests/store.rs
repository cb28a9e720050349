//! Two real Envoys that share a real Redis behind a real Webdis, and a provider that never takes a refresh token twice.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use envoy_ring::store::{Program, Store};
use envoy_ring::{
    Access, Backend, Caller, Envoy, Expected, Filter, Listener, Load, OidcProvider, Route, Visitor, port, wire,
};
use relying_party::time::UnixTime;
use serde_json::{Value, json};
use wasm_host_tests::jar::{Initiator, Jar};
use wasm_host_tests::message::{Request, Response};

const DEADLINE: Duration = Duration::from_secs(10);

/// The facts that the filter relies on (relying-party/src/store/webdis.rs).
#[test]
fn webdis_does_what_the_filter_relies_on() {
    let mut store = Store::start();
    let body = |store: &Store, command: &str| {
        let answer = store.command(command);
        (answer.status, answer.text())
    };
    let ok = |text: &str| (200, text.to_owned());
    assert_eq!(body(&store, "SET/a%2Fb%2Eraw/c%2Fd%2Ee%20f%2B/PX/60000"), ok(r#"{"SET":[true,"OK"]}"#));
    assert_eq!(body(&store, "GET/a%2Fb%2Eraw"), ok(r#"{"GET":"c/d.e f+"}"#));
    assert_eq!(body(&store, "GET/nothing"), ok(r#"{"GET":null}"#));
    assert_eq!(body(&store, "DEL/nothing"), ok(r#"{"DEL":0}"#));
    assert_eq!(body(&store, "PEXPIRE/a%2Fb%2Eraw/5000"), ok(r#"{"PEXPIRE":1}"#));
    assert_eq!(body(&store, "EVAL/return%20{1,{2,3}}/0"), ok(r#"{"EVAL":[1,null]}"#));
    assert_eq!(body(&store, "EVAL/return%20%27%5C255%27/0"), ok("{}"), "not UTF-8");
    let (status, error) = body(&store, "EVAL/nonsense/0");
    assert!(status == 200 && error.starts_with(r#"{"EVAL":[false,"ERR "#), "{error}");
    assert_eq!(store.command("FLUSHALL").status, 403, "not in its list");
    let large = "x".repeat(350_000);
    assert_eq!(body(&store, &format!("SET/large/{large}")), ok(r#"{"SET":[true,"OK"]}"#));
    assert_eq!(body(&store, "GET/large").1.len(), large.len() + 10);

    store.kill(Program::Redis);
    assert_eq!(body(&store, "GET/nothing"), (503, String::new()));
    store.start_again(Program::Redis);
    eventually("Webdis connects again", || store.command("GET/nothing").status == 200);
}

#[test]
fn what_one_envoy_ends_is_ended_in_the_other() {
    let stage = Stage::set(json!({}), &json!({"client_id": "public", "token_endpoint_auth_method": "none"}));
    let mut alice = stage.signs_in("alice");
    let copy = alice.jar.clone();
    eventually("both admit", || [0, 1].iter().all(|instance| stage.fetch(*instance, &copy).status == 200));
    alice.open(&format!("{}/oauth2/logout", stage.origin));
    let ended = Instant::now();
    // Its other worker hears of it a moment later.
    eventually("the first knows it", || stage.fetch(0, &copy).status == 401);
    eventually("the other knows it", || stage.fetch(1, &copy).status == 401);
    println!("ended in the other Envoy after {} ms", ended.elapsed().as_millis());
    assert!(ended.elapsed() < Duration::from_millis(2500));
    stage.assert_no_crash();
}

#[test]
fn two_envoys_refresh_once() {
    let stage = Stage::set(json!({}), &brief());
    stage.refreshes_once_in_both();
}

#[test]
fn two_envoys_refresh_a_session_in_the_store_once() {
    let stage = Stage::set(json!({"sessions": true}), &brief());
    stage.refreshes_once_in_both();
}

#[test]
fn a_session_in_the_store_is_good_in_both_and_ended_in_both() {
    let stage =
        Stage::set(json!({"sessions": true}), &json!({"client_id": "public", "token_endpoint_auth_method": "none"}));
    let alice = stage.signs_in("alice");
    let copy = alice.jar.clone();
    let cookies = copy.header("localhost", "/", Initiator::SameSite, now()).expect("a cookie");
    assert!(cookies.len() < 400, "{}", cookies.len());
    for instance in [0, 1] {
        assert_eq!(stage.fetch(instance, &copy).status, 200);
        assert_eq!(stage.backend.received().last().unwrap().header("x-auth-subject"), Some("alice"));
    }
    let logout = with_cookies(Request::navigation("/oauth2/logout"), &copy);
    assert_eq!(stage.send(1, logout).status, 302);
    eventually("this one knows it", || stage.fetch(1, &copy).status == 401);
    eventually("the other knows it", || stage.fetch(0, &copy).status == 401);
    stage.assert_no_crash();
}

#[test]
fn who_denies_admits_nobody_wrongly_while_the_store_is_killed_and_restarted_under_load() {
    outage("deny");
}

#[test]
fn who_does_not_deny_refuses_nobody_while_the_store_is_killed_and_restarted_under_load() {
    outage("local");
}

/// Alice is signed in, Bob has signed out, and both keep asking both Envoys.
fn outage(on_failure: &str) {
    let mut stage = Stage::set(
        json!({"on_failure": on_failure}),
        &json!({"client_id": "public", "token_endpoint_auth_method": "none"}),
    );
    let (alice, mut bob) = (stage.signs_in("alice"), stage.signs_in("bob"));
    let (alice, ended) = (alice.jar, bob.jar.clone());
    bob.open(&format!("{}/oauth2/logout", stage.origin));
    eventually("both know it", || [0, 1].iter().all(|instance| stage.fetch(*instance, &ended).status == 401));

    let expected = if on_failure == "deny" { Expected::AdmittedOrUnavailable } else { Expected::Admitted };
    let caller = |name, expected, jar: &Jar| {
        let request = with_cookies(Request::fetch("/api"), jar).set(":authority", stage.authority());
        Caller::new(name, expected, move |_| request.clone())
    };
    let callers = vec![caller("alice", expected, &alice), caller("bob", Expected::Refused, &ended)];
    let load = Load::begin(&stage.addresses, callers, Duration::from_millis(5));
    for program in [Program::Redis, Program::Webdis] {
        stage.store.kill(program);
        if on_failure == "deny" {
            eventually("both deny", || [0, 1].iter().all(|instance| stage.fetch(*instance, &alice).status == 503));
        } else {
            eventually("both notice", || [0, 1].iter().all(|instance| stage.store_state(*instance) == "failing"));
        }
        stage.store.start_again(program);
        eventually("both are ready", || [0, 1].iter().all(|instance| stage.store_state(*instance) == "ready"));
        // One worker has said so; the others hear of it a moment later.
        eventually("both admit", || [0, 1].iter().all(|instance| stage.fetch(*instance, &alice).status == 200));
        eventually("both refuse", || [0, 1].iter().all(|instance| stage.fetch(*instance, &ended).status == 401));
    }
    let figures = load.end();
    figures.assert_faultless();
    assert!(figures.as_expected["alice"] > 100, "{figures:?}");
    assert_eq!(figures.unavailable > 0, on_failure == "deny");
    println!("figure: faults.store_killed_{on_failure} = {figures}");

    // It works again: what is ended now is ended in both.
    let copy = alice.clone();
    let logout = with_cookies(Request::navigation("/oauth2/logout"), &alice);
    assert_eq!(stage.send(0, logout).status, 302);
    eventually("the other knows it", || stage.fetch(1, &copy).status == 401);
    stage.assert_no_crash();
}

/// The provider gives access tokens for four seconds, another refresh token with each, and ends everything when one comes twice.
fn brief() -> Value {
    json!({
        "client_id": "brief", "client_secret": "a brief secret", "scope": "openid profile email offline_access",
        "authorization_parameters": {"prompt": "consent"},
    })
}

/// Provider, store, two Envoys and the application behind them.
struct Stage {
    provider: OidcProvider,
    store: Store,
    envoys: [Envoy; 2],
    addresses: [SocketAddr; 2],
    backend: Backend,
    origin: String,
}

impl Stage {
    fn set(store_settings: Value, client: &Value) -> Self {
        let ports = [port::free(), port::free()];
        let origin = format!("http://localhost:{}", ports[0]);
        let (provider, store, backend) = (OidcProvider::start(&origin), Store::start(), Backend::start());
        let mut corp = json!({
            "name": "corp", "issuer": provider.issuer(), "cluster": "provider", "scope": "openid profile email",
        });
        corp.as_object_mut().unwrap().extend(client.as_object().unwrap().clone());
        let example: Value = serde_json::from_str(include_str!("../../examples/two-replicas/latchkey.json")).unwrap();
        let mut shared = example["session"]["store"].clone();
        shared.as_object_mut().unwrap().extend(store_settings.as_object().unwrap().clone());
        let configuration = json!({
            "providers": [corp],
            "public_url": origin,
            "session": {
                "keys": [{"env": "LATCHKEY_SESSION_KEY"}], "secure": false, "cookie": "latchkey", "store": shared,
            },
            "headers": {"x-auth-subject": "claims.sub", "x-access-token": "access_token"},
        });
        let listeners = ports.map(|port| {
            let filter = Filter::latchkey(configuration.clone())
                .environment_variable("LATCHKEY_SESSION_KEY", "Mv6p2vCqVJ3oQ0k1mX0m8cR5j0cQn7yq1bq2h9d0f3s");
            Listener::new("main", filter, Route::Backend, Access::Silent).on_port(port)
        });
        let addresses = [&listeners[0], &listeners[1]].map(Listener::address);
        let envoys = listeners.map(|listener| {
            Envoy::builder()
                .listener(listener)
                .cluster("backend", backend.address())
                .cluster("provider", provider.address())
                .cluster("webdis", store.address())
                .workers(2)
                .start()
        });
        let stage = Self { provider, store, envoys, addresses, backend, origin };
        eventually("both are ready", || [0, 1].iter().all(|instance| stage.store_state(*instance) == "ready"));
        stage
    }

    /// Somebody signs in at the first Envoy.
    fn signs_in(&self, user: &str) -> Visitor {
        let mut visitor = Visitor::default();
        let login = visitor.open(&format!("{}/", self.origin));
        let consent = visitor.submit(&login, &[("login", user), ("password", "any")]);
        let page = visitor.submit(&consent, &[]);
        assert_eq!(page.response.status, 200, "{page:?}");
        assert!(self.provider.issuer().starts_with("http"));
        visitor
    }

    fn authority(&self) -> &str {
        self.origin.trim_start_matches("http://")
    }

    fn send(&self, instance: usize, request: Request) -> Response {
        wire::exchange(self.addresses[instance], &request.set(":authority", self.authority()))
    }

    fn fetch(&self, instance: usize, jar: &Jar) -> Response {
        self.send(instance, with_cookies(Request::fetch("/api"), jar))
    }

    fn store_state(&self, instance: usize) -> String {
        let answer = self.send(instance, Request::get("/oauth2/ready"));
        let document = answer.document();
        document["store"]["state"].as_str().unwrap_or_default().to_owned()
    }

    fn refreshes_once_in_both(&self) {
        let mut alice = self.signs_in("alice");
        let mut refused = 0;
        for round in 1..=3 {
            let before = self.backend.received().len();
            // Until the access token has ended.
            std::thread::sleep(Duration::from_millis(4200));
            let request = with_cookies(Request::fetch("/api"), &alice.jar).set(":authority", self.authority());
            let threads = (0..40).map(|number| {
                let (address, request) = (self.addresses[number % 2], request.clone());
                std::thread::spawn(move || wire::exchange(address, &request))
            });
            let answers: Vec<_> =
                threads.collect::<Vec<_>>().into_iter().map(|thread| thread.join().unwrap()).collect();
            refused += answers.iter().filter(|answer| answer.status != 200).count();
            answers.iter().flat_map(Response::set_cookies).for_each(|line| alice.jar.take(line, "localhost", now()));
            let received = self.backend.received().split_off(before);
            let mut tokens: Vec<_> =
                received.iter().map(|seen| seen.header("x-access-token").unwrap_or_default()).collect();
            tokens.sort_unstable();
            tokens.dedup();
            println!("round {round}: {} requests, {} tokens, {} refused", received.len(), tokens.len(), refused);
            assert_eq!((tokens.len(), refused), (1, 0));
        }
        self.assert_no_crash();
    }

    fn assert_no_crash(&self) {
        self.envoys.iter().for_each(Envoy::assert_no_crash);
    }
}

fn with_cookies(request: Request, jar: &Jar) -> Request {
    match jar.header("localhost", "/", Initiator::SameSite, now()) {
        Some(cookies) => request.with("cookie", cookies),
        None => request,
    }
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < DEADLINE, "not after {DEADLINE:?}: {what}");
        std::thread::sleep(Duration::from_millis(25));
    }
}

fn now() -> UnixTime {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    UnixTime::from_millis(u64::try_from(since_epoch.as_millis()).expect("a time"))
}
