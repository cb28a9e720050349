//! Whatever happens in whatever order: at most one verdict a stream, none for a stream that is gone, one for every stream that
//! stays, and no request goes on without a session, an access token or a rule that needs neither.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use proptest::prelude::*;
use relying_party::time::UnixTime;
use wasm_host_tests::CoreWorld;
use wasm_host_tests::browser::Browser;
use wasm_host_tests::core_world::CoreProxy;
#[cfg(feature = "wasm")]
use wasm_host_tests::host::Host;
use wasm_host_tests::jar::Initiator;
use wasm_host_tests::message::{AUTHORITY, Request, Response};
use wasm_host_tests::provider::{Answer, Provider, RefreshTokens};
use wasm_host_tests::setup::Setup;
use wasm_host_tests::simulation::{BEGINNING, Boot, CallOutcome, Happening, Proxy};
use wasm_host_tests::world::World;

/// A step of a story. Numbers choose among what is there.
#[derive(Clone, Debug)]
enum Happen {
    Arrives(Kind),
    Answered(usize, Fate),
    Leaves(usize),
    Ticks,
    TimePasses(u64),
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Navigation,
    Fetch,
    Post,
    Public,
    SignedIn,
    Refreshing,
    Token,
    OptionalToken,
    TokenOfUnknownKey,
    ExpiredToken,
    NoToken,
    Callback,
    FormCallback,
    Logout,
    Ambiguous,
    Ready,
}

#[derive(Clone, Copy, Debug)]
enum Fate {
    Honest,
    Rubbish,
    Reset,
    TimedOut,
    Error,
}

fn stories() -> impl Strategy<Value = Vec<Happen>> {
    use Kind::*;
    let kind = prop::sample::select(vec![
        Navigation,
        Fetch,
        Post,
        Public,
        SignedIn,
        Refreshing,
        Token,
        OptionalToken,
        TokenOfUnknownKey,
        ExpiredToken,
        NoToken,
        Callback,
        FormCallback,
        Logout,
        Ambiguous,
        Ready,
    ]);
    let fate =
        prop::sample::select(vec![Fate::Honest, Fate::Honest, Fate::Rubbish, Fate::Reset, Fate::TimedOut, Fate::Error]);
    let happen = prop_oneof![
        4 => kind.prop_map(Happen::Arrives),
        3 => (any::<usize>(), fate).prop_map(|(call, fate)| Happen::Answered(call, fate)),
        1 => any::<usize>().prop_map(Happen::Leaves),
        2 => Just(Happen::Ticks),
        1 => (0_u64..20_000).prop_map(Happen::TimePasses),
    ];
    prop::collection::vec(happen, 1..40)
}

/// What a story's requests bring along.
struct Keepsakes {
    /// Cookie headers of people who have signed in: one who stays, one who leaves, one whose tokens are to be refreshed.
    sessions: [String; 3],
    /// A callback of a login in progress with its cookie.
    callback: Request,
    /// Access tokens: a good one, one whose key nobody knows, one that has expired.
    tokens: [String; 3],
}

fn keepsakes() -> &'static Keepsakes {
    static KEEPSAKES: OnceLock<Keepsakes> = OnceLock::new();
    KEEPSAKES.get_or_init(|| {
        let mut world = CoreWorld::open(setup());
        let mut session = |refresh_tokens, lifetime| {
            world.provider().refresh_tokens = refresh_tokens;
            world.provider().access_token_lifetime = Duration::from_secs(lifetime);
            let mut browser = Browser::default();
            browser.open(&mut world, "/");
            browser.jar.header(AUTHORITY, "/", Initiator::SameSite, world.now()).expect("a session")
        };
        let sessions = [
            session(RefreshTokens::None, 86_400),
            session(RefreshTokens::None, 86_400),
            session(RefreshTokens::Rotating, 2),
        ];
        let mut other = Browser::default();
        let callback = other.open_until_callback(&mut world, "/").next;
        let callback = other.with_cookies(callback, Initiator::CrossSiteNavigation, &world);
        let token = |kid: &str, expires_at: UnixTime| {
            let mut draft = Provider::default().access_token(BEGINNING);
            draft.header["kid"] = kid.into();
            draft.claim("exp", expires_at.as_secs());
            draft.sign()
        };
        let (later, long_ago) = (BEGINNING + Duration::from_secs(3600), UnixTime::from_secs(1_800_000_000));
        let tokens = [token("rsa-1", later), token("unknown", later), token("rsa-1", long_ago)];
        Keepsakes { sessions, callback, tokens }
    })
}

fn setup() -> Setup {
    Setup::api().header("x-access-token", "access_token")
}

fn request(kind: Kind) -> Request {
    let Keepsakes { sessions: [session, leaving, due], callback, tokens: [good, unknown, expired] } = keepsakes();
    let call = |path: &str, token: &str| Request::get(path).with("authorization", format!("Bearer {token}"));
    match kind {
        Kind::Token => call("/orders", good),
        Kind::OptionalToken => call("/welcome", good).with_body("body"),
        Kind::TokenOfUnknownKey => call("/orders", unknown),
        Kind::ExpiredToken => call("/either", expired),
        Kind::NoToken => Request::get("/orders"),
        Kind::Navigation => Request::navigation("/private"),
        Kind::Fetch => Request::fetch("/private"),
        Kind::Post => Request::form("/private", &[("a", "b")], "same-origin"),
        Kind::Public => Request::fetch("/public").with_body("body"),
        Kind::SignedIn => Request::fetch("/private").with("cookie", session),
        Kind::Refreshing => Request::fetch("/private").with("cookie", due),
        Kind::Callback => callback.clone(),
        Kind::FormCallback => Request::form("/oauth2/callback", &[("code", "x"), ("state", "y")], "cross-site"),
        Kind::Logout => Request::navigation("/oauth2/logout").with("cookie", leaving),
        Kind::Ambiguous => Request::fetch("/public/../private"),
        Kind::Ready => Request::fetch("/oauth2/ready"),
    }
}

struct Stage<P> {
    proxy: P,
    provider: Provider,
    now: UnixTime,
    calls: BTreeMap<u32, Request>,
    open: BTreeMap<u32, Kind>,
    streams: u32,
}

impl<P: Proxy> Stage<P> {
    fn new() -> Self {
        let setup = setup();
        let proxy = P::boot(&Boot::new(&setup, 2), BEGINNING);
        let mut stage = Self {
            proxy,
            provider: setup.provider,
            now: BEGINNING + Duration::from_secs(1),
            calls: BTreeMap::new(),
            open: BTreeMap::new(),
            streams: 0,
        };
        stage.note();
        stage
    }

    fn play(&mut self, happen: &Happen) {
        match happen {
            Happen::Arrives(kind) => {
                self.streams += 1;
                self.open.insert(self.streams, *kind);
                self.proxy.request(self.streams, &request(*kind), self.now);
            }
            Happen::Answered(number, fate) => {
                if let Some(call) = self.calls.keys().nth(number % self.calls.len().max(1)).copied() {
                    self.answer(call, *fate);
                }
            }
            Happen::Leaves(number) => {
                if let Some(stream) = self.open.keys().nth(number % self.open.len().max(1)).copied() {
                    self.open.remove(&stream);
                    self.proxy.close(stream, self.now);
                }
            }
            Happen::Ticks => self.proxy.tick(self.now),
            Happen::TimePasses(milliseconds) => self.now = self.now + Duration::from_millis(*milliseconds),
        }
        self.note();
    }

    fn answer(&mut self, call: u32, fate: Fate) {
        let request = self.calls.remove(&call).expect("chosen from those under way");
        let refreshes = request.posted("grant_type").as_deref() == Some("refresh_token");
        let outcome = match (fate, self.provider.answer(&request, self.now)) {
            (Fate::Honest, _) if refreshes => CallOutcome::Answered(Response::json(200, &new_tokens())),
            (Fate::Honest, Answer::Respond(response)) => CallOutcome::Answered(response),
            (Fate::Rubbish, _) => CallOutcome::Answered(Response::new(200, "application/json", b"\xff{]")),
            (Fate::Error, _) => CallOutcome::Answered(Response::new(500, "text/html", "<h1>oops")),
            (Fate::TimedOut, _) => CallOutcome::TimedOut,
            (Fate::Reset | Fate::Honest, _) => CallOutcome::Reset,
        };
        self.proxy.answer(call, outcome, self.now);
    }

    /// Notes what is wanted, and judges verdicts. A verdict for a stream that has one already, or is gone, panics in the proxy.
    fn note(&mut self) {
        for happening in self.proxy.happenings() {
            match happening {
                Happening::Called { call, request, .. } => {
                    self.calls.insert(call, request);
                }
                Happening::Forwarded { stream, request } => {
                    let kind = self.open.remove(&stream).expect("a verdict for an open stream");
                    let with_token = matches!(kind, Kind::Token | Kind::OptionalToken);
                    assert!(with_token || matches!(kind, Kind::Public | Kind::SignedIn | Kind::Refreshing), "{kind:?}");
                    let named = request.header("x-auth-subject") == Some("ada");
                    assert_eq!(named, !matches!(kind, Kind::Public), "{kind:?}");
                    self.proxy.close(stream, self.now);
                }
                Happening::Answered { stream, response } => {
                    let kind = self.open.remove(&stream).expect("a verdict for an open stream");
                    assert!(
                        !matches!(kind, Kind::Public | Kind::SignedIn),
                        "{kind:?} was refused: {}",
                        response.status
                    );
                    if matches!(kind, Kind::Token | Kind::OptionalToken) {
                        assert!([502, 503].contains(&response.status), "a good token is only refused for want of keys");
                    }
                    if matches!(kind, Kind::Refreshing) {
                        assert_eq!(response.status, 503, "an outage ends no session");
                    }
                    assert!(response.status != 200 || matches!(kind, Kind::Ready | Kind::Logout), "{kind:?}: 200");
                    self.proxy.close(stream, self.now);
                }
                Happening::Ticking(_) => (),
            }
        }
    }

    /// Every call ends at last and time goes on: then nobody waits any more.
    fn end(mut self) {
        for _ in 0..40 {
            for call in self.calls.keys().copied().collect::<Vec<_>>() {
                self.answer(call, Fate::TimedOut);
                self.note();
            }
            self.now = self.now + Duration::from_secs(1);
            self.proxy.tick(self.now);
            self.note();
        }
        assert!(self.open.is_empty(), "still waiting: {:?}", self.open);
    }
}

/// What the provider answers to a refresh.
fn new_tokens() -> serde_json::Value {
    serde_json::json!({
        "access_token": "new", "token_type": "Bearer", "refresh_token": "another", "expires_in": 86_400,
    })
}

/// Plays a story to its end.
fn tell<P: Proxy>(story: &[Happen]) {
    let mut stage = Stage::<P>::new();
    for happen in story {
        stage.play(happen);
    }
    stage.end();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_order_of_events_leads_to_a_second_verdict_or_an_unearned_one(story in stories()) {
        tell::<CoreProxy>(&story);
    }
}

#[cfg(feature = "wasm")]
proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_order_of_events_confuses_the_module(story in stories()) {
        tell::<Host<true>>(&story);
    }

    #[test]
    fn no_order_of_events_confuses_the_module_when_everything_stops(story in stories()) {
        tell::<Host<false>>(&story);
    }
}
