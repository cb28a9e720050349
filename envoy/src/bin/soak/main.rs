//! `scripts/soak` runs this: a mixed load on a real Envoy for a long time, with people who come and go and keys that are replaced. It
//! prints what it came to, and fails when somebody was wronged, something was not done at all, or the memory grew.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a program for tests: it panics when it fails"
)]

mod people;

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use envoy_ring::load::{NOBODY, SUBJECT};
use envoy_ring::provider::{SimulatedProvider, now};
use envoy_ring::{
    Access, Application, Caller, Envoy, Expected, Figures, Filter, Listener, Load, Route, Way, rotation, sessions,
};
use serde_json::{Value, json};
use wasm_host_tests::browser::Browser;
use wasm_host_tests::jar::Initiator;
use wasm_host_tests::message::{AUTHORITY, Request};
use wasm_host_tests::provider::{AUDIENCE, CLUSTER, ISSUER, RefreshTokens};
use wasm_host_tests::setup::Setup;

use people::Town;

const PAUSE: Duration = Duration::from_millis(3);
/// Longer than the filter lets a key that is published in vain be unknown, though key ids are forged all the time.
const ROTATION: Duration = Duration::from_secs(14);
/// How long access tokens of people live; half of it later they are refreshed.
const PEOPLES_TOKENS: Duration = Duration::from_secs(6);
/// How long access tokens of programs are valid (seconds).
const TOKEN_LIFETIME: u64 = 30;
/// How many passes over all sessions it takes until both workers have seen nearly all of them.
const PASSES: usize = 8;
/// How often a token comes that is new, among sessions: after all passes over 50,000 sessions there is no room for more of them.
const SESSIONS_PER_TOKEN: usize = 7;
/// Requests that the simulated provider remembers.
const LOG: usize = 20_000;
/// What memory may grow by from the end of the warm-up to the end: this, and a twentieth.
const MAY_GROW: f64 = 8.0;

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let [seconds, count] = arguments[..] else { panic!("run scripts/soak") };
    let (duration, count) = (Duration::from_secs(seconds), usize::try_from(count).expect("a number of sessions"));

    // The application gets access tokens: so sessions have some, and they are refreshed.
    let mut setup = Setup::api().header("authorization", "\"Bearer \" + access_token");
    setup.document["providers"].as_array_mut().expect("a list").truncate(1);
    setup.document["rules"].as_array_mut().expect("a list").retain(|rule| rule["name"] != "/partner");
    setup.provider.access_token_lifetime = Duration::from_secs(8 * 3600);
    let provider = SimulatedProvider::start(std::mem::take(&mut setup.provider));
    let application = Application::start();
    let listener = listener(&setup);
    let address = listener.address();
    let builder = Envoy::builder().cluster("application", application.address()).cluster(CLUSTER, provider.address());
    let envoy = builder.listener(listener).workers(2).start();

    let mut first = Browser::default();
    let page = first.open(&mut Way::new(address, provider.shared()), "/private");
    assert_eq!(page.exchange.status(), 200, "{:?}", page.exchange.response);
    let cookie = first.jar.header(AUTHORITY, "/private", Initiator::SameSite, now()).expect("a session");
    println!("Sealing {count} sessions");
    let claims = |number| vec![("sub", subject(number)), ("email", format!("{}@example.org", subject(number)))];
    let sessions = Arc::new(sessions::like(&cookie, &setup, claims, count, now()));

    let town = Arc::new(Town::default());
    {
        let mut provider = provider.knobs();
        provider.refresh_tokens = RefreshTokens::Rotating;
        provider.issue_tokens_for(PEOPLES_TOKENS);
        rotation::publish(&mut provider, 1);
        town.settle(&mut provider);
    }
    println!("Both workers see every session, and more tokens than they remember");
    let mut callers: Vec<_> = (0..SESSIONS_PER_TOKEN).map(|_| people_with_sessions("session", &sessions)).collect();
    callers.push(new_tokens(&town));
    let warming = Load::begin(&[address], callers, Duration::ZERO);
    warming.goes_on_for(PASSES * count);
    let warmed = warming.end();
    warmed.assert_faultless();

    println!("Load for {seconds} s; memory is compared from the end of the first fifth");
    let load = Load::begin(&[address], mix(&town, &sessions), PAUSE);
    let lives: Vec<_> = (0..2)
        .map(|thread| {
            let (town, shared) = (Arc::clone(&town), provider.shared());
            std::thread::spawn(move || town.live(&shared, address, thread))
        })
        .collect();
    let (mut rotations, mut memory) = (0, Vec::new());
    let start = Instant::now();
    while start.elapsed() < duration {
        std::thread::sleep(Duration::from_millis(500));
        memory.push((start.elapsed(), resident(envoy.process_id())));
        let due = usize::try_from(start.elapsed().as_secs() / ROTATION.as_secs()).expect("a small number");
        let mut knobs = provider.knobs();
        if due > rotations {
            rotations = due;
            // The key that was published a while ago signs from now on, and the next one is published.
            town.generation.store(rotations, Ordering::SeqCst);
            rotation::publish(&mut knobs, rotations + 1);
        }
        let forgotten = knobs.log.len().saturating_sub(LOG);
        if forgotten > LOG {
            knobs.log.drain(..forgotten);
        }
    }
    town.stop.store(true, Ordering::SeqCst);
    let lived = lives.into_iter().map(|thread| thread.join().expect("people who do not panic"));
    let figures = lived.fold(load.end(), Figures::and).and(warmed);
    let count_of = |counter: &AtomicUsize| counter.load(Ordering::SeqCst);
    let (sign_ins, sign_outs) = (count_of(&town.sign_ins), count_of(&town.sign_outs));
    let refreshes = count_of(&town.token_answers) - sign_ins;

    // A short run is a test, and measures nothing.
    let label = if seconds >= 60 { "figure: " } else { "" };
    println!("{label}soak.requests = {count} sessions, {seconds} s: {figures}");
    println!("{label}soak.people = {sign_ins} sign-ins, {refreshes} refreshes, {sign_outs} sign-outs");
    println!("{label}soak.keys = {rotations} rotations, key ids forged all the time");
    let (warm, end) = (median(&memory, duration, 0.2), median(&memory, duration, 0.9));
    let growth = end - warm;
    println!(
        "{label}soak.memory = {warm:.0} MB resident after the warm-up, {end:.0} MB at the end ({growth:+.1} MB, at most {:.0} allowed)",
        allowed(warm)
    );
    println!("{:#?}", figures.as_expected);
    for statistic in envoy.administration("/stats?filter=wasm").lines() {
        println!("{statistic}");
    }

    figures.assert_faultless();
    assert_eq!(application.wrongly_admitted(), 0);
    assert_eq!(provider.knobs().complaints, Vec::<String>::new(), "what the provider complains about");
    assert!(sign_ins > 0 && sign_outs > 0 && refreshes > 0 && rotations > 0, "something was not done at all");
    assert!(growth <= allowed(warm), "memory grew: {memory:?}");
    envoy.assert_no_crash();
}

fn listener(setup: &Setup) -> Listener {
    let filter = Filter::latchkey(setup.document.clone()).stop_iteration(true);
    let environment = setup.environment.iter();
    let filter = environment.fold(filter, |filter, (name, value)| filter.environment_variable(name, value));
    Listener::new("soak", filter, Route::Backend, Access::Silent).leading_to("application").behind_tls()
}

fn subject(number: usize) -> String {
    format!("5f0c1d2e-7a8b-4c9d-8e1f-{number:012x}")
}

/// Each session in turn, as its own person.
fn people_with_sessions(name: &'static str, sessions: &Arc<Vec<String>>) -> Caller {
    static TURN: AtomicUsize = AtomicUsize::new(0);
    let sessions = Arc::clone(sessions);
    Caller::new(name, Expected::Admitted, move |_| {
        let number = TURN.fetch_add(1, Ordering::Relaxed) % sessions.len();
        Request::fetch("/private").with("cookie", &sessions[number]).with(SUBJECT, subject(number))
    })
}

fn new_tokens(town: &Arc<Town>) -> Caller {
    let town = Arc::clone(town);
    Caller::new("new token", Expected::Admitted, move |number| {
        let generation = town.generation.load(Ordering::SeqCst);
        bearer(&token(generation, number, TOKEN_LIFETIME)).with(SUBJECT, "ada")
    })
}

fn mix(town: &Arc<Town>, sessions: &Arc<Vec<String>>) -> Vec<Caller> {
    use Expected::{Admitted, Refused};
    let posting = |caller: Caller, length: usize| {
        let (name, expected) = ("session, posting", caller.expected());
        Caller::new(name, expected, move |number| body(caller.request(number), length))
    };
    let ended = Arc::clone(town);
    let same = rotation::lasting_token(claims(0, 24 * 3600));
    vec![
        people_with_sessions("session", sessions),
        new_tokens(town),
        people_with_sessions("another session", sessions),
        Caller::new("no credential", Refused, |_| Request::fetch("/private")),
        Caller::new("public", Admitted, |_| Request::get("/public/page").with(SUBJECT, NOBODY)),
        posting(people_with_sessions("", sessions), 3_000),
        Caller::new("session that was ended", Refused, move |number| {
            let ended = ended.ended.lock().expect("no panic while held");
            let cookie = ended.get(number % ended.len().max(1)).cloned().unwrap_or_default();
            Request::fetch("/private").with("cookie", cookie)
        }),
        Caller::new("forged key id", Refused, |number| bearer(&token(1_000_000 + number, number, TOKEN_LIFETIME))),
        Caller::new("forged signature", Refused, |number| {
            let token = |number| rotation::lasting_token(claims(number, TOKEN_LIFETIME));
            let (token, other) = (token(number), token(number + 1));
            let (claims, signature) = (token.rsplit_once('.').unwrap().0, other.rsplit_once('.').unwrap().1);
            bearer(&format!("{claims}.{signature}"))
        }),
        Caller::new("no credential, a person", Refused, |_| Request::navigation("/private")),
        Caller::new("no credential, posting", Refused, |_| body(Request::fetch("/private"), 20_000)),
        Caller::new("token", Admitted, move |_| body(bearer(&same).with(SUBJECT, "ada"), 9_000)),
    ]
}

fn token(generation: usize, number: usize, lifetime: u64) -> String {
    rotation::token(generation, claims(number, lifetime))
}

fn claims(number: usize, lifetime: u64) -> Value {
    let now = now().as_secs();
    json!({
        "iss": ISSUER, "sub": "ada", "aud": AUDIENCE, "client_id": "cli", "scope": "orders.read",
        "iat": now, "exp": now + lifetime, "jti": number.to_string(),
    })
}

fn bearer(token: &str) -> Request {
    Request::get("/orders").with("authorization", format!("Bearer {token}"))
}

fn body(request: Request, length: usize) -> Request {
    request.set(":method", "POST").with_body(vec![b'x'; length])
}

/// The resident memory of a process in MB.
fn resident(process: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("the soak needs Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
    line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") / 1000.0
}

/// The median of the tenth of all samples that begins at this part of the duration.
fn median(samples: &[(Duration, f64)], duration: Duration, from: f64) -> f64 {
    let is_in = |at: &Duration| (from..from + 0.1).contains(&(at.as_secs_f64() / duration.as_secs_f64()));
    let mut sizes: Vec<_> = samples.iter().filter(|(at, _)| is_in(at)).map(|(_, size)| *size).collect();
    sizes.sort_by(f64::total_cmp);
    *sizes.get(sizes.len() / 2).expect("a sample")
}

fn allowed(warm: f64) -> f64 {
    MAY_GROW + warm / 20.0
}
