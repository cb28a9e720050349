//! What an authenticated request costs: `scripts/bench` runs this.
//!
//! One Envoy, one worker, listeners side by side that answer by themselves. Those that are compared get the same requests. Rounds
//! alternate between them, and medians are compared, because machines are noisy.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a measurement: whatever goes wrong ends it"
)]

mod load;
mod native;
mod report;
mod sessions;
mod steps;
mod tokens;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use envoy_ring::{Access, Envoy, EnvoyWorld, Filter, Listener, Options, Route, wire};
use serde_json::{Value, json};
use wasm_host_tests::browser::Browser;
use wasm_host_tests::jar::Initiator;
use wasm_host_tests::message::{AUTHORITY, Request};
use wasm_host_tests::provider::keys::TestKey;
use wasm_host_tests::setup::Setup;
use wasm_host_tests::world::World;

use self::load::{Amount, Load, Round};
use self::tokens::{AUDIENCE, HEADERS, jwt_authn};

/// How many different tokens there are.
const TOKENS: usize = 10_000;

/// A row of the report.
struct Subject {
    title: String,
    place: Place,
    requests: Vec<Vec<u8>>,
    amount: Amount,
    rounds: Vec<Round>,
}

#[derive(Clone, Copy)]
enum Place {
    At(SocketAddr),
    /// A filter of ours that remembers nothing, made anew for each round in a VM that is warm.
    Fresh,
}

/// What is measured in one run.
struct Bench {
    session: [Subject; 3],
    comparisons: Vec<Comparison>,
}

/// One kind of request, to Envoy's own filters and, last, to ours.
struct Comparison {
    subjects: Vec<Subject>,
    targets: Vec<Target>,
}

/// What ours is to reach.
#[derive(Clone, Copy)]
struct Target {
    /// The subject to compare with.
    of: usize,
    /// The least of its requests/s.
    rate: f64,
    /// The most of its p99.
    p99: Option<f64>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [empty, rounds, seconds, connections, sessions, what] = &arguments[..] else { panic!("run scripts/bench") };
    let number = |text: &String| text.parse::<u32>().expect("a number");
    let (rounds, connections, sessions) = (number(rounds), number(connections) as usize, number(sessions) as usize);
    let amount = Amount::For(Duration::from_secs(number(seconds).into()));

    let options = || Options { route: Route::Direct, access: Access::Silent, ..Options::default() };
    let mut portal = EnvoyWorld::with(Setup::default().header("x-auth-name", "claims.name"), options());
    let api = EnvoyWorld::with(bearer_setup(), options());
    let session = session(&mut portal, empty, amount);
    let mut people = sessions::world(Route::Direct);
    let mut comparisons = Vec::new();
    if matches!(what.as_str(), "all" | "sessions") {
        comparisons.extend(sessions::compare(&mut people, sessions, amount));
    }
    if matches!(what.as_str(), "all" | "tokens") {
        for key in [TestKey::Rsa1, TestKey::P256A] {
            eprintln!("Signing {TOKENS} tokens with {}", key.algorithm());
            let tokens = tokens::sign(key, TOKENS, api.now());
            let requests: Vec<_> = tokens.iter().map(|token| bearer_request(token)).collect();
            comparisons.push(repeated(&api, key, &requests, amount));
            comparisons.push(first_sight(&api, key, requests));
        }
        assert!(takes_tokens(api.address()), "the filter accepts no token");
    }
    let mut bench = Bench { session, comparisons };
    for round in 0..=rounds {
        eprintln!("{}", if round == 0 { "warming up".to_owned() } else { format!("round {round} of {rounds}") });
        for subject in bench.subjects() {
            let result = subject.measure(&api, connections);
            if round > 0 {
                subject.rounds.push(result);
            }
        }
    }
    if what != "sessions" {
        steps::print(&bearer_setup(), api.now());
    }
    report::print(&bench)
}

impl Bench {
    fn subjects(&mut self) -> impl Iterator<Item = &mut Subject> {
        self.session.iter_mut().chain(self.comparisons.iter_mut().flat_map(|comparison| &mut comparison.subjects))
    }
}

impl Subject {
    fn new(title: impl Into<String>, place: Place, requests: Vec<Vec<u8>>, amount: Amount) -> Self {
        Self { title: title.into(), place, requests, amount, rounds: Vec::new() }
    }

    fn measure(&self, api: &EnvoyWorld, connections: usize) -> Round {
        let load = Load { requests: &self.requests, amount: self.amount, connections };
        match self.place {
            Place::At(address) => load.put_on(address, api.envoy().process_id()),
            Place::Fresh => {
                let (name, address) = api.beside();
                assert!(takes_tokens(address), "the filter accepts no token");
                let round = load.put_on(address, api.envoy().process_id());
                api.envoy().remove(&[name]);
                round
            }
        }
    }
}

/// No filter, one that does nothing, ours with a live session.
fn session(world: &mut EnvoyWorld, empty: &str, amount: Amount) -> [Subject; 3] {
    let none = add(world.envoy(), "none", Filter::None);
    let empty = add(world.envoy(), "empty", Filter::wasm(PathBuf::from(empty), json!({})));
    let mut browser = Browser::default();
    browser.open(world, "/reports");
    let cookie = browser.jar.header(AUTHORITY, "/reports", Initiator::SameSite, world.now()).expect("a session");
    let address = world.address();
    assert_eq!(wire::exchange(address, &Request::fetch("/reports")).status, 401, "without a session");
    assert_eq!(wire::exchange(address, &Request::fetch("/reports").with("cookie", &cookie)).status, 200, "with one");
    let requests = vec![request("/reports", "cookie", &cookie)];
    [("no filter", none), ("empty Wasm filter", empty), ("latchkey, a session", address)]
        .map(|(title, address)| Subject::new(title, Place::At(address), requests.clone(), amount))
}

/// One token again and again.
fn repeated(api: &EnvoyWorld, key: TestKey, requests: &[Vec<u8>], amount: Amount) -> Comparison {
    let one = &requests[..1];
    let (algorithm, envoy) = (key.algorithm(), api.envoy());
    let native = |headers| Place::At(add_native(envoy, key, true, headers));
    Comparison {
        targets: vec![Target { of: 0, rate: 0.9, p99: None }],
        subjects: vec![
            Subject::new(format!("{algorithm} again: jwt_authn, its cache"), native(true), one.to_vec(), amount),
            Subject::new("  … without headers".to_owned(), native(false), one.to_vec(), amount),
            Subject::new(format!("{algorithm} again: latchkey"), Place::At(api.address()), one.to_vec(), amount),
        ],
    }
}

/// Each token once, to filters that never saw it.
fn first_sight(api: &EnvoyWorld, key: TestKey, requests: Vec<Vec<u8>>) -> Comparison {
    let (algorithm, envoy) = (key.algorithm(), api.envoy());
    let native = |headers| Place::At(add_native(envoy, key, false, headers));
    let of = |title: String, place| Subject::new(title, place, requests.clone(), Amount::Once);
    Comparison {
        targets: vec![Target { of: 0, rate: 1.0, p99: None }],
        subjects: vec![
            of(format!("{algorithm} first sight: jwt_authn"), native(true)),
            of("  … without headers".to_owned(), native(false)),
            of(format!("{algorithm} first sight: latchkey"), Place::Fresh),
        ],
    }
}

fn bearer_setup() -> Setup {
    let rules = json!([{"name": "orders", "match": {"path_prefix": "/orders"}, "authentication": "bearer"}]);
    let headers: serde_json::Map<_, _> =
        HEADERS.iter().map(|(header, claim)| ((*header).to_owned(), Value::from(format!("claims.{claim}")))).collect();
    Setup::default()
        .of_provider("audience", json!([AUDIENCE]))
        .top("rules", rules)
        .top("headers", headers)
        .provider(|provider| provider.published_keys = vec![TestKey::Rsa1, TestKey::P256A, TestKey::P256B])
}

fn add_native(envoy: &Envoy, key: TestKey, cached: bool, headers: bool) -> SocketAddr {
    let name = format!("native-{}", envoy.next_generation());
    let address = add(envoy, &name, Filter::Native("envoy.filters.http.jwt_authn", jwt_authn(key, cached, headers)));
    assert_eq!(wire::exchange(address, &Request::fetch("/orders")).status, 401, "without a token");
    address
}

fn add(envoy: &Envoy, name: &str, filter: Filter) -> SocketAddr {
    let listener = Listener::new(name, filter, Route::Direct, Access::Silent).behind_tls();
    let address = listener.address();
    envoy.add(listener, Vec::new());
    address
}

/// Waits until a filter that has just begun knows its provider's keys: it takes a token that is in no measurement.
fn takes_tokens(address: SocketAddr) -> bool {
    let token = &tokens::sign(TestKey::P256B, 1, envoy_ring::provider::now())[0];
    let request = Request::fetch("/orders").with("authorization", format!("Bearer {token}"));
    let start = Instant::now();
    while wire::exchange(address, &request).status != 200 {
        if start.elapsed() > Duration::from_secs(10) {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    true
}

fn bearer_request(token: &str) -> Vec<u8> {
    request("/orders/4711", "authorization", &format!("Bearer {token}"))
}

fn request(path: &str, name: &str, value: &str) -> Vec<u8> {
    let fields = format!("host: {AUTHORITY}\r\naccept: application/json\r\nsec-fetch-mode: cors\r\n{name}: {value}");
    format!("GET {path} HTTP/1.1\r\n{fields}\r\n\r\n").into_bytes()
}
