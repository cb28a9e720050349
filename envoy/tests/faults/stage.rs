//! What every test of faults stands on: a provider, an application, and an Envoy with several workers between them.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use envoy_ring::load::{NOBODY, SUBJECT};
use envoy_ring::provider::{SimulatedProvider, now};
use envoy_ring::{Access, Application, Caller, Envoy, Expected, Figures, Filter, Listener, Load, Route, Way, wire};
use serde_json::json;
use wasm_host_tests::browser::Browser;
use wasm_host_tests::jar::{Initiator, Jar};
use wasm_host_tests::message::{AUTHORITY, Request, Response};
use wasm_host_tests::provider::id_token::{Draft, Signing};
use wasm_host_tests::provider::keys::TestKey;
use wasm_host_tests::provider::{AUDIENCE, CLUSTER, ISSUER};
use wasm_host_tests::setup::Setup;

/// How long a thread of the load pauses after each answer.
pub const PAUSE: Duration = Duration::from_millis(4);
/// So long a fault may take to be over, every backoff included.
const RECOVERY: Duration = Duration::from_secs(40);
/// So long the filter does not ask again about an opaque token after it could not be told about it (2 s), with a little more.
const FAILURES_ARE_KNOWN: Duration = Duration::from_millis(2_200);
/// The requests of a round of the load: everybody has had several turns.
pub const ROUND: usize = 250;
pub const WORKERS: usize = 2;
/// How many access tokens there are that only the provider understands.
const OPAQUE: usize = 5_000;

/// Everything, ready, with somebody who is signed in and somebody who has signed out.
pub struct Stage {
    pub envoy: Envoy,
    pub provider: SimulatedProvider,
    pub application: Application,
    /// With and without `allow_on_headers_stop_iteration`.
    pub addresses: Vec<SocketAddr>,
    pub setup: Setup,
    session: String,
    ended: String,
}

/// People and programs, tokens and sessions; every endpoint of the provider has its use.
pub fn setup() -> Setup {
    let mut setup = Setup::api()
        .of_provider("access_token", "any")
        .of_provider("userinfo", true)
        .of_provider("pushed_authorization_requests", "always");
    // The other issuers have no part in this.
    setup.document["providers"].as_array_mut().unwrap().truncate(1);
    setup.document["rules"].as_array_mut().unwrap().retain(|rule| rule["name"] != "/partner");
    for number in 0..OPAQUE {
        let said = json!({
            "active": true, "iss": ISSUER, "sub": "ada", "aud": AUDIENCE, "client_id": "cli", "exp": now().as_secs() + 3600,
        });
        setup.provider.opaque_tokens.insert(format!("opaque-{number}"), said);
    }
    setup
}

/// What a test wants otherwise.
pub struct Options {
    pub setup: Setup,
    pub clusters: Vec<(String, SocketAddr)>,
    /// What else is to be said of the filter.
    pub filter: Box<dyn Fn(Filter) -> Filter>,
    /// How long Envoy lets a stream be idle.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        let (clusters, patience) = (Vec::new(), Duration::from_secs(300));
        Self { setup: setup(), clusters, filter: Box::new(|filter| filter), patience }
    }
}

impl Stage {
    pub fn set() -> Self {
        Self::with(Options::default())
    }

    pub fn with(options: Options) -> Self {
        let Options { mut setup, clusters, filter, patience } = options;
        let provider = SimulatedProvider::start(std::mem::take(&mut setup.provider));
        let application = Application::start();
        let listeners = [false, true].map(|stop| listener(&setup, "faults", stop, &filter).patience(patience));
        let addresses = listeners.iter().map(Listener::address).collect();
        let builder = Envoy::builder()
            .cluster("application", application.address())
            .cluster(CLUSTER, provider.address())
            .workers(WORKERS)
            .drain_time(Duration::from_secs(10));
        let builder = clusters.iter().fold(builder, |builder, (name, address)| builder.cluster(name, *address));
        let envoy = listeners.into_iter().fold(builder, |builder, listener| builder.listener(listener)).start();
        let mut stage =
            Self { envoy, provider, application, addresses, setup, session: String::new(), ended: String::new() };
        stage.people();
        stage
    }

    fn people(&mut self) {
        eventually("the filter is ready", || self.addresses.iter().all(|address| is_ready(*address)));
        self.session = cookie(&self.sign_in(self.addresses[0]).jar);
        let leaver = self.sign_in(self.addresses[0]);
        self.ended = cookie(&leaver.jar);
        let mut browser = leaver;
        browser.send(&mut self.way(self.addresses[0]), Request::navigation("/oauth2/logout"));
        let ended = self.ended.clone();
        let refused = |address: &SocketAddr| {
            wire::exchange(*address, &with_cookie(Request::fetch("/private"), &ended)).status == 401
        };
        eventually("the sign-out is known", || (0..8).all(|_| self.addresses.iter().all(refused)));
    }

    /// A browser's way to this listener and the provider.
    pub fn way(&self, address: SocketAddr) -> Way {
        Way::new(address, self.provider.shared())
    }

    /// Somebody who has just signed in.
    pub fn sign_in(&self, address: SocketAddr) -> Browser {
        let mut browser = Browser::default();
        let page = browser.open(&mut self.way(address), "/private");
        assert_eq!(page.exchange.status(), 200, "{:?}", page.exchange.response);
        browser
    }

    /// Everybody: those with valid sessions and tokens, and those without.
    pub fn mix(&self) -> Vec<Caller> {
        let (session, ended) = (self.session.clone(), self.ended.clone());
        let signed_in = move |request: Request| with_cookie(request, &session).with(SUBJECT, "ada");
        let signed_out = move |request: Request| with_cookie(request, &ended);
        let posted = signed_in.clone();
        let board = signed_in.clone();
        let posted_late = signed_out.clone();
        let token = Token::default().sign();
        let posted_token = token.clone();
        let forged = [
            Token { signing: Some(Signing::Corrupted(TestKey::Rsa1)), ..Token::default() }.sign(),
            Token { signing: Some(Signing::With(TestKey::Rsa2)), ..Token::default() }.sign(),
            Token { signing: Some(Signing::HmacOfPublicKey(TestKey::Rsa1)), ..Token::default() }.sign(),
            Token { signing: Some(Signing::Unsigned), ..Token::default() }.sign(),
        ];
        let expired = Token { from_now: -120, ..Token::default() }.sign();
        use Expected::{Admitted, AdmittedOrUnavailable, Refused};
        vec![
            Caller::new("session", Admitted, move |_| signed_in(Request::fetch("/private"))),
            Caller::new("no credential", Refused, |_| Request::fetch("/private")),
            Caller::new("token", Admitted, move |_| bearer(Request::get("/orders"), &token).with(SUBJECT, "ada")),
            Caller::new("session that was ended", Refused, move |_| signed_out(Request::fetch("/private"))),
            Caller::new("public", Admitted, |_| Request::get("/public/page").with(SUBJECT, NOBODY)),
            Caller::new("forged token", Refused, move |number| {
                bearer(Request::get("/orders"), &forged[number % forged.len()])
            }),
            Caller::new("session, posting", Admitted, move |number| {
                body(posted(Request::fetch("/private")), if number.is_multiple_of(5) { 60_000 } else { 700 })
            }),
            Caller::new("no credential, a person", Refused, |_| Request::navigation("/private")),
            Caller::new("new token", Admitted, |number| {
                let token = Token { number, key: TestKey::P256A, ..Token::default() };
                bearer(Request::get("/orders"), &token.sign()).with(SUBJECT, "ada")
            }),
            Caller::new("expired token", Refused, move |_| bearer(Request::get("/orders"), &expired)),
            Caller::new("public, posting", Admitted, |_| {
                body(Request::get("/public/form").with(SUBJECT, NOBODY), 3_000)
            }),
            Caller::new("no credential, posting", Refused, |_| body(Request::fetch("/private"), 3_000)),
            Caller::new("token, posting", Admitted, move |_| {
                body(bearer(Request::get("/orders"), &posted_token).with(SUBJECT, "ada"), 9_000)
            }),
            Caller::new("session that was ended, posting", Refused, move |_| {
                body(posted_late(Request::fetch("/private")), 3_000)
            }),
            Caller::new("opaque token", AdmittedOrUnavailable, |number| {
                bearer(Request::get("/orders"), &format!("opaque-{}", number % OPAQUE)).with(SUBJECT, "ada")
            }),
            Caller::new("opaque token, posting", AdmittedOrUnavailable, |number| {
                let token = format!("opaque-{}", number % OPAQUE);
                body(bearer(Request::get("/orders"), &token).with(SUBJECT, "ada"), 9_000)
            }),
            Caller::new("opaque token that is unknown", Refused, |number| {
                bearer(Request::get("/orders"), &format!("unknown-{number}"))
            }),
            Caller::new("session without the group", Refused, move |_| board(Request::fetch("/board"))),
        ]
    }

    /// Adds a filter that remembers nothing and shares nothing. Its listeners, as there are from the start.
    pub fn another_filter(&self, vm: &str) -> Vec<SocketAddr> {
        let add = |stop| {
            let listener = listener(&self.setup, vm, stop, |filter| filter);
            let address = listener.address();
            self.envoy.add(listener, Vec::new());
            address
        };
        [false, true].map(add).to_vec()
    }

    /// Puts the load on both listeners.
    pub fn load(&self) -> Load {
        let load = put_load_on(&self.addresses, self.mix());
        load.goes_on_for(ROUND);
        load
    }

    /// Asserts that nobody is or was wronged and that everything is well again, and prints the figures.
    #[track_caller]
    pub fn conclude(&self, name: &str, figures: Figures) {
        std::thread::sleep(FAILURES_ARE_KNOWN);
        let load = put_load_on(&self.addresses, must_be_admitted(self.mix()));
        load.goes_on_for(ROUND);
        let calm = load.end();
        calm.assert_faultless();
        let figures = figures.and(calm);
        println!("figure: faults.{name} = {figures}");
        figures.assert_nobody_wronged();
        assert_eq!(self.application.wrongly_admitted(), 0, "{name}: {figures:#?}");
    }
}

/// A listener with a filter in this VM.
pub fn listener(setup: &Setup, vm: &str, stop_iteration: bool, change: impl Fn(Filter) -> Filter) -> Listener {
    let name = format!("{vm}-{stop_iteration}");
    let filter = change(Filter::latchkey(setup.document.clone()).in_vm(vm)).stop_iteration(stop_iteration);
    let environment = setup.environment.iter();
    let filter = environment.fold(filter, |filter, (name, value)| filter.environment_variable(name, value));
    Listener::new(&name, filter, Route::Backend, Access::Silent).leading_to("application").behind_tls()
}

/// A load in which nobody waits for those who wait for the provider.
pub fn put_load_on(addresses: &[SocketAddr], callers: Vec<Caller>) -> Load {
    let waits = |caller: &Caller| ["opaque", "person"].iter().any(|part| caller.name().contains(part));
    let (patient, others) = callers.into_iter().partition(waits);
    Load::begin(addresses, others, PAUSE).and(addresses, patient, 5 * PAUSE)
}

/// The same callers; nothing is an excuse.
pub fn must_be_admitted(callers: Vec<Caller>) -> Vec<Caller> {
    expecting(callers, Expected::AdmittedOrUnavailable, Expected::Admitted)
}

/// The same callers; all for whom `from` was expected may now expect `to`.
pub fn expecting(callers: Vec<Caller>, from: Expected, to: Expected) -> Vec<Caller> {
    let change = |caller: Caller| if caller.expected() == from { caller.expecting(to) } else { caller };
    callers.into_iter().map(change).collect()
}

/// An access token, right unless it says otherwise.
pub struct Token {
    pub number: usize,
    pub key: TestKey,
    /// Otherwise than with the key that it names.
    pub signing: Option<Signing>,
    /// When it expires.
    pub from_now: i64,
    /// When it begins to be valid.
    pub valid_from_now: i64,
}

impl Default for Token {
    fn default() -> Self {
        Self { number: 0, key: TestKey::Rsa1, signing: None, from_now: 3600, valid_from_now: -60 }
    }
}

impl Token {
    pub fn sign(&self) -> String {
        let now = i64::try_from(now().as_secs()).unwrap();
        let expires = now + self.from_now;
        let claims = json!({
            "iss": ISSUER, "sub": "ada", "aud": AUDIENCE, "client_id": "cli", "scope": "orders.read",
            "iat": expires - 3600, "nbf": now + self.valid_from_now, "exp": expires, "jti": self.number.to_string(),
        });
        let mut draft = Draft::access_token(self.key, claims);
        draft.signing = self.signing.unwrap_or(draft.signing);
        draft.sign()
    }
}

pub fn bearer(request: Request, token: &str) -> Request {
    request.with("authorization", format!("Bearer {token}"))
}

pub fn body(request: Request, length: usize) -> Request {
    request.set(":method", "POST").with_body(vec![b'x'; length])
}

pub fn with_cookie(request: Request, cookie: &str) -> Request {
    request.with("cookie", cookie)
}

pub fn cookie(jar: &Jar) -> String {
    jar.header(AUTHORITY, "/private", Initiator::SameSite, now()).expect("a session")
}

pub fn is_ready(address: SocketAddr) -> bool {
    ask(address, "/oauth2/ready").status == 200
}

pub fn ask(address: SocketAddr, path: &str) -> Response {
    wire::exchange(address, &Request::get(path))
}

#[track_caller]
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < RECOVERY, "not after {RECOVERY:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
