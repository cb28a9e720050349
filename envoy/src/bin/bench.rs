//! What an authenticated request costs: `scripts/bench` runs this.
//!
//! One Envoy, one worker, three listeners that answer by themselves: without a filter, with one that does nothing, with ours. Each gets
//! the same requests, session cookie included. Rounds alternate between them, and medians are compared, because machines are noisy.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a measurement: whatever goes wrong ends it"
)]

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use envoy_ring::{Access, EnvoyWorld, Filter, Listener, Options, Route, tools, wire};
use serde_json::json;
use wasm_host_tests::browser::Browser;
use wasm_host_tests::jar::Initiator;
use wasm_host_tests::message::{AUTHORITY, Request};
use wasm_host_tests::setup::Setup;
use wasm_host_tests::world::World;

/// The most that a request may cost beyond the empty filter (µs).
const MOST_ADDED: f64 = 12.0;
/// The largest module (bytes).
const LARGEST_MODULE: u64 = 2_500_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [empty, rounds, seconds, connections] = &arguments[..] else { panic!("run scripts/bench") };
    let load = Load { seconds: seconds.clone(), connections: connections.clone() };

    let options = Options { route: Route::Direct, access: Access::Silent, ..Options::default() };
    let mut world = EnvoyWorld::with(Setup::default().header("x-auth-name", "claims.name"), options);
    let beside = |name, filter| {
        let listener = Listener::new(name, filter, Route::Direct, Access::Silent).behind_tls();
        let address = listener.address();
        world.envoy().add(listener, Vec::new());
        address
    };
    let none = beside("none", Filter::None);
    let empty = beside("empty", Filter::wasm(PathBuf::from(empty), json!({})));
    let mut browser = Browser::default();
    browser.open(&mut world, "/reports");
    let cookie = browser.jar.header(AUTHORITY, "/reports", Initiator::SameSite, world.now()).expect("a session");

    let address = world.address();
    let envoy = world.envoy();
    assert_eq!(wire::exchange(address, &Request::fetch("/reports")).status, 401, "without a session");
    assert_eq!(wire::exchange(address, &Request::fetch("/reports").with("cookie", &cookie)).status, 200, "with one");

    let mut subjects = [("no filter", none), ("empty filter", empty), ("latchkey", address)]
        .map(|(title, address)| Subject { title, address, rounds: Vec::new() });
    for subject in &subjects {
        load.put_on(subject.address, &cookie, envoy.process_id());
    }
    for round in 1..=rounds.parse().expect("a number of rounds") {
        eprintln!("round {round} of {rounds}");
        for subject in &mut subjects {
            subject.rounds.push(load.put_on(subject.address, &cookie, envoy.process_id()));
        }
    }
    report(&subjects)
}

/// What `wrk` is to do in one round.
struct Load {
    seconds: String,
    connections: String,
}

struct Subject {
    title: &'static str,
    address: SocketAddr,
    rounds: Vec<Round>,
}

/// Times in µs.
struct Round {
    requests_per_second: f64,
    p50: f64,
    p99: f64,
    /// Processor time of the whole Envoy for one request. Unlike the rate it does not suffer from what else the machine does.
    cpu: f64,
}

impl Load {
    fn put_on(&self, address: SocketAddr, cookie: &str, process: u32) -> Round {
        let before = processor_time(process);
        let output = Command::new("wrk")
            .args(["--threads", "1", "--connections", &self.connections, "--duration", &format!("{}s", self.seconds)])
            .args(["--latency", "--header", &format!("host: {AUTHORITY}"), "--header", &format!("cookie: {cookie}")])
            .args(["--header", "accept: application/json", "--header", "sec-fetch-mode: cors"])
            .arg(format!("http://{address}/reports"))
            .output()
            .expect("wrk runs");
        let used = processor_time(process) - before;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && !text.contains("Non-2xx") && !text.contains("Socket errors"), "{text}");
        let word = |after: &str| {
            let (_, rest) = text.split_once(after).unwrap_or_else(|| panic!("no {after:?} in {text}"));
            rest.split_whitespace().next().expect("a word").to_owned()
        };
        let (requests, _) = text.split_once(" requests in ").expect("a total");
        let requests: f64 = requests.split_whitespace().last().and_then(|word| word.parse().ok()).expect("a number");
        Round {
            requests_per_second: word("Requests/sec:").parse().expect("a number"),
            p50: microseconds(&word("  50%")),
            p99: microseconds(&word("  99%")),
            cpu: used / requests,
        }
    }
}

impl Subject {
    fn median(&self, value: impl Fn(&Round) -> f64) -> f64 {
        median(self.rounds.iter().map(value).collect())
    }

    /// The median of what a round costs more than the same round of `other`.
    fn beyond(&self, other: &Self, cost: impl Fn(&Round) -> f64) -> f64 {
        median(self.rounds.iter().zip(&other.rounds).map(|(own, other)| cost(own) - cost(other)).collect())
    }
}

fn report(subjects: &[Subject; 3]) -> ExitCode {
    let [none, empty, latchkey] = subjects;
    println!("{:14}{:>12}{:>10}{:>10}{:>16}{:>8}", "", "requests/s", "p50 µs", "p99 µs", "CPU µs/request", "ratio");
    for subject in subjects {
        let cpu = subject.median(|round| round.cpu);
        println!(
            "{:14}{:>12.0}{:>10.0}{:>10.0}{:>16.1}{:>8.2}",
            subject.title,
            subject.median(|round| round.requests_per_second),
            subject.median(|round| round.p50),
            subject.median(|round| round.p99),
            cpu,
            cpu / none.median(|round| round.cpu),
        );
    }
    let added = latchkey.beyond(empty, |round| round.cpu);
    let by_rate = latchkey.beyond(empty, |round| 1e6 / round.requests_per_second);
    let size = fs::metadata(tools::latchkey_module()).expect("the module").len();
    println!("an authenticated request over the empty filter: {added:+.1} µs of CPU ({by_rate:+.1} µs by rate)");
    println!("the empty filter over none: {:+.1} µs of CPU", empty.beyond(none, |round| round.cpu));
    let (fast, small) = (added <= MOST_ADDED, size <= LARGEST_MODULE);
    println!("target: at most {MOST_ADDED} µs over the empty filter: {}", verdict(fast));
    println!("target: module at most {LARGEST_MODULE} bytes, is {size}: {}", verdict(small));
    if fast && small { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

const fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "MISSED" }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// `123.00us`, `1.20ms` or `1.00s`, in µs.
fn microseconds(text: &str) -> f64 {
    let units = [("us", 1.0), ("ms", 1e3), ("s", 1e6)];
    let number = units.iter().find_map(|(unit, factor)| Some(text.strip_suffix(unit)?.parse::<f64>().ok()? * factor));
    number.expect("a duration")
}

/// Processor time that all threads of a process have used (µs): the first number of Linux' `schedstat` counts ns.
fn processor_time(process: u32) -> f64 {
    let threads = fs::read_dir(format!("/proc/{process}/task")).expect("the benchmark needs Linux");
    let used = threads.flatten().filter_map(|thread| {
        let statistics = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        statistics.split_whitespace().next()?.parse::<f64>().ok()
    });
    used.sum::<f64>() / 1e3
}
