//! People who are signed in: Envoy's own filters and ours, with the same three claims as headers for the backend.

use std::net::SocketAddr;
use std::sync::Arc;

use envoy_ring::{
    Access, Backend, Cluster, ClusterConnection, Connection, Envoy, EnvoyWorld, Listener, Options, Route, wire,
};
use serde_json::{Map, Value};
use wasm_host_tests::browser::Browser;
use wasm_host_tests::jar::Initiator;
use wasm_host_tests::message::{AUTHORITY, Request};
use wasm_host_tests::provider::keys::TestKey;
use wasm_host_tests::setup::Setup;
use wasm_host_tests::world::World;

use crate::load::Amount;
use crate::native::{self, Native};
use crate::{Comparison, Place, Subject, Target, request};

/// Headers for the backend, and the claims they are made of.
const HEADERS: [(&str, &str); 3] = [("x-auth-subject", "sub"), ("x-auth-email", "email"), ("x-auth-name", "name")];
/// Where people go.
const PATH: &str = "/reports";
/// The key of ID tokens: the algorithm that every provider has to offer (OIDC Core 1.0 §15.1).
const KEY: TestKey = TestKey::Rsa1;

/// A world whose filter hands the three claims on.
pub fn world(route: Route) -> EnvoyWorld {
    let headers: Map<_, _> =
        HEADERS.iter().map(|(header, claim)| ((*header).to_owned(), Value::from(format!("claims.{claim}")))).collect();
    let options = Options { route, access: Access::Silent, ..Options::default() };
    EnvoyWorld::with(setup().top("headers", headers), options)
}

fn setup() -> Setup {
    Setup::default().claim("name", native::name(0)).claim("sub", native::subject(0)).claim("email", native::email(0))
}

/// One session over and over, and `count` different ones in turn.
pub fn compare(world: &mut EnvoyWorld, count: usize, amount: Amount) -> [Comparison; 2] {
    eprintln!("Signing {count} ID tokens, and signing in with each");
    let now = world.now();
    let tokens = Arc::new(native::id_tokens(KEY, count, now.as_secs()));
    let native = Native::new(&HEADERS, KEY, tokens);
    let envoy = world.envoy();
    let cached = listen(envoy, native.listener("native-cached", true, Route::Direct), vec![native.cluster()]);
    let uncached = listen(envoy, native.listener("native-uncached", false, Route::Direct), Vec::new());
    let mut connection = Connection::open(cached);
    let of_native: Vec<_> = (0..count).map(|number| native::sign_in(&mut connection, number)).collect();
    let backend = Backend::start();
    let cluster =
        Cluster { name: "headers".to_owned(), address: backend.address(), connection: ClusterConnection::Plain };
    let listener = native.listener("native-shown", true, Route::Backend).leading_to("headers");
    assert_headers(listen(envoy, listener, vec![cluster]), &backend, &of_native);

    let mut browser = Browser::default();
    browser.open(world, PATH);
    let cookie = browser.jar.header(AUTHORITY, PATH, Initiator::SameSite, world.now()).expect("a session");
    let claims = |number| {
        vec![("sub", native::subject(number)), ("email", native::email(number)), ("name", native::name(number))]
    };
    let of_ours = envoy_ring::sessions::like(&cookie, &setup(), claims, count, now);
    let shown = self::world(Route::Backend);
    assert_headers(shown.address(), shown.backend(), &of_ours);
    let (first, last) = (of_native.first().map_or(0, String::len), of_ours.first().map_or(0, String::len));
    eprintln!("cookies: {first} bytes of Envoy's filters, {last} of latchkey");

    let places = [("oauth2, jwt_authn, its cache", cached), ("oauth2, jwt_authn, no cache", uncached)];
    let comparison = |which: &str, count: usize, amount| {
        let requests = |cookies: &[String]| -> Vec<_> {
            cookies.iter().take(count).map(|cookie| request(PATH, "cookie", cookie)).collect()
        };
        let native = |(title, address): &(&str, SocketAddr)| {
            Subject::new(format!("{which}: {title}"), Place::At(*address), requests(&of_native), amount)
        };
        let mut subjects: Vec<_> = places.iter().map(native).collect();
        let ours = format!("{which}: latchkey");
        subjects.push(Subject::new(ours, Place::At(world.address()), requests(&of_ours), amount));
        let targets = vec![Target { of: 0, rate: 1.4, p99: Some(1.0) }, Target { of: 1, rate: 2.5, p99: Some(1.0) }];
        Comparison { subjects, targets }
    };
    [comparison("one session", 1, amount), comparison(&format!("{count} sessions"), count, Amount::Once)]
}

fn listen(envoy: &Envoy, listener: Listener, clusters: Vec<Cluster>) -> SocketAddr {
    let address = listener.address();
    envoy.add(listener, clusters);
    address
}

/// The backend gets the three claims, of the first and of the last; without a session it gets nothing.
fn assert_headers(address: SocketAddr, backend: &Backend, cookies: &[String]) {
    assert_ne!(wire::exchange(address, &Request::fetch(PATH)).status, 200, "without a session");
    for number in [0, cookies.len() - 1] {
        let with_session = Request::fetch(PATH).with("cookie", &cookies[number]);
        assert_eq!(wire::exchange(address, &with_session).status, 200, "with the session {number}");
        let received = backend.received().pop().expect("a request at the backend");
        let seen = HEADERS.map(|(header, _)| received.header(header).unwrap_or_default().to_owned());
        assert_eq!(seen, [native::subject(number), native::email(number), native::name(number)]);
    }
}
