//! Our readings of a path beside Envoy's own normalization: what Envoy sends on is what we have read, or we refuse it.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

use envoy_ring::{Access, Backend, Connection, Envoy, Filter, Listener, Route};
use relying_party::policy::path::RequestPath;
use wasm_host_tests::message::{AUTHORITY, Request};
use wasm_host_tests::simulation::Randomness;

const RANDOM_PATHS: usize = 6_000;

/// Paths that proxies and backends were once at odds about.
const KNOWN: &[&str] = &[
    "/",
    "/a",
    "/a/",
    "/a/b.c",
    "/a//b",
    "//a",
    "///",
    "/./a",
    "/a/.",
    "/a/./b",
    "/a/..",
    "/a/../b",
    "/../a",
    "/a/../../b",
    "/a/...",
    "/a/.b",
    "/a/b.",
    "/%2e/a",
    "/a/%2e%2e/b",
    "/a/.%2e/b",
    "/a/%2E./b",
    "/%2e%2e",
    "/%2e%2e%2fa",
    "/a%2fb",
    "/a%2Fb",
    "/a%5cb",
    "/a%5C..%5cb",
    "/a\\b",
    "/a\\..\\b",
    "/\\a",
    "/a/;/b",
    "/a;x=1/b",
    "/a/..;/b",
    "/a/..;x/b",
    "/;/../a",
    "/%61",
    "/%61dmin",
    "/a%2Bb",
    "/a+b",
    "/a%20b",
    "/a%3Fb",
    "/a%23b",
    "/a%3bx",
    "/a%00",
    "/a%00/b",
    "/a%0a",
    "/a%0d%0ab",
    "/%25",
    "/%2525",
    "/%252e%252e/a",
    "/%252fa",
    "/%25%32%65",
    "/%",
    "/%4",
    "/%zz",
    "/a%",
    "/%c3%a9",
    "/%C3%A9",
    "/%ff",
    "/%c0%ae%c0%ae/",
    "/%e0%80%af",
    "/%u002e",
    "/a?b=//../%2f",
    "/a/../b?c=/../d",
    "/?",
    "/a?",
    "/a??b",
    "/a/?b",
    "/a#b",
    "/a%7eb",
    "/a~b",
    "/%7Ea",
    "/a%2db",
    "/a%5fb",
    "/a!$&'()*,=:@b",
    "/a%21",
    "/a%27",
    "/[a]",
    "/{a}",
    "/a|b",
    "/a^b",
    "/a`b",
    "/a\"b",
    "/a<b>",
    "/public/../admin",
    "/public/%2e%2e/admin",
    "/public//../admin",
    "/public/./../admin",
    "/public/..%2fadmin",
    "/public/x/%2e%2e/../admin",
    "/public/.%00./admin",
    "/public/%2e%2e;/admin",
    "/public;/../admin",
    "/ADMIN",
    "/admin%2f",
];

/// What random paths are made of.
const PIECES: &[&str] = &[
    "/", "/", "//", "\\", ".", "..", "/..", "/../", "/./", "%2e", "%2E", "%2f", "%5c", "%00", "%25", "%61", "%C3%A9",
    "%ff", "%20", "%3F", "%23", "%3b", "%7e", "%2d", "a", "b", "admin", "public", ";", ";x=1", "?", "%252e", "2e", "~",
    "+", "!", ":", "@", "|", "\"",
];

fn random_paths() -> impl Iterator<Item = String> {
    let mut randomness = Randomness::new(5);
    (0..RANDOM_PATHS).map(move |_| {
        let bytes = randomness.draw(12);
        let pieces = bytes[1..].iter().take(usize::from(bytes[0] % 11));
        let path: String = pieces.map(|byte| PIECES[usize::from(*byte) % PIECES.len()]).collect();
        format!("/{path}")
    })
}

/// What became of a path.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    RefusedByEnvoy,
    NoPathHere,
    AmbiguousHere,
    Agreed,
}

/// What Envoy sends on, if it does. It ends connections whose requests it cannot read.
fn sent_on(envoy: &Listener, connection: &mut Option<Connection>, path: &str) -> Option<String> {
    let request = Request::new("GET", path).with(":authority", AUTHORITY);
    let open = connection.get_or_insert_with(|| Connection::open(envoy.address()));
    let answer = match open.try_exchange(&request) {
        Ok(answer) => answer,
        Err(_) => connection.insert(Connection::open(envoy.address())).exchange(&request),
    };
    if answer.header("connection").is_some_and(|value| value == "close") {
        *connection = None;
    }
    assert!([200, 400].contains(&answer.status), "{path}: {}", answer.status);
    let echoed = || serde_json::from_slice::<serde_json::Value>(&answer.body).expect("an echo");
    (answer.status == 200).then(|| echoed()["path"].as_str().expect("a path").to_owned())
}

fn compare(path: &str, sent: &str) -> Outcome {
    let Ok(read) = RequestPath::parse(path) else { return Outcome::NoPathHere };
    let after =
        RequestPath::parse(sent).unwrap_or_else(|error| panic!("{path} became {sent}, which is no path here: {error}"));
    let query = |path: &str| path.split_once('?').map(|(_, query)| query.to_owned());
    assert_eq!(query(path), query(sent), "the query of {path}");
    if read.is_ambiguous() {
        // Read with more care than others, whatever it became: but not with less.
        let known = [read.literal(), read.decoded(), read.resolved(), read.stripped()];
        let is_known = known.contains(&after.resolved()) && known.contains(&after.stripped());
        assert!(is_known || read.is_contradictory(), "{path} became {sent}, and was read as {known:?}");
        return Outcome::AmbiguousHere;
    }
    assert!(!after.is_ambiguous(), "{path} became {sent}");
    assert_eq!(
        [after.decoded(), after.resolved(), after.stripped()],
        [read.decoded(), read.resolved(), read.stripped()],
        "{path} became {sent}"
    );
    Outcome::Agreed
}

#[test]
fn what_envoy_sends_on_is_what_we_have_read_or_it_is_ambiguous() {
    let backend = Backend::start();
    let listener = Listener::new("paths", Filter::None, Route::Backend, Access::Silent).normalizing_paths();
    let _envoy = Envoy::builder().listener(listener.clone()).cluster("backend", backend.address()).start();
    let mut connection = None;
    let mut outcomes = Vec::new();
    for path in KNOWN.iter().map(|path| (*path).to_owned()).chain(random_paths()) {
        let sent = sent_on(&listener, &mut connection, &path);
        outcomes.push(sent.map_or(Outcome::RefusedByEnvoy, |sent| compare(&path, &sent)));
    }
    let count = |wanted| outcomes.iter().filter(|outcome| **outcome == wanted).count();
    let [refused, unread, ambiguous, agreed] =
        [Outcome::RefusedByEnvoy, Outcome::NoPathHere, Outcome::AmbiguousHere, Outcome::Agreed].map(count);
    println!(
        "figure: paths.beside_envoy = {} paths: {refused} refused by Envoy; {agreed} read as Envoy sends them on, {ambiguous} \
         ambiguous and {unread} no paths here, 0 read differently",
        outcomes.len()
    );
    assert!([refused, unread, ambiguous, agreed].iter().all(|count| *count > 20), "every kind is among them");
}
