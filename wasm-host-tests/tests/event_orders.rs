//! Whatever happens in whatever order: at most one verdict a stream, none for a stream that is gone, one for every stream that
//! stays, and no request goes on without a session, an access token or a rule that needs neither; nor with a session that has
//! been ended, or that is not what its rule asks for.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use proptest::prelude::*;
use relying_party::time::UnixTime;
use serde_json::json;
use wasm_host_tests::CoreWorld;
use wasm_host_tests::browser::Browser;
use wasm_host_tests::core_world::CoreProxy;
#[cfg(feature = "wasm")]
use wasm_host_tests::host::Host;
use wasm_host_tests::jar::Initiator;
use wasm_host_tests::message::{AUTHORITY, Request, Response};
use wasm_host_tests::provider::{Answer, CLIENT_ID, CLUSTER, ISSUER, Provider, RefreshTokens, SECOND_ISSUER};
use wasm_host_tests::setup::Setup;
use wasm_host_tests::simulation::{BEGINNING, Boot, CallOutcome, Happening, Proxy};
use wasm_host_tests::webdis::{self, Webdis};
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

/// What the story takes place in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deployment {
    /// One provider people sign in at.
    Alone,
    /// Two of them.
    Several,
    /// One, and a store in which the sessions lie.
    Stored,
}

const DEPLOYMENTS: [Deployment; 3] = [Deployment::Alone, Deployment::Several, Deployment::Stored];

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
    BackChannelLogout,
    FrontChannelLogout,
    /// With the session that is ended by one of the three above.
    Leaving,
    /// With a session that is too weak for its rule.
    StepUp,
    /// With a session of another provider than its rule asks for.
    OtherProvider,
    KeptForm,
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

fn stories() -> impl Strategy<Value = (Deployment, Vec<Happen>)> {
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
        BackChannelLogout,
        FrontChannelLogout,
        Leaving,
        Leaving,
        StepUp,
        OtherProvider,
        KeptForm,
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
    (prop::sample::select(&DEPLOYMENTS), prop::collection::vec(happen, 1..40))
}

/// What a story's requests bring along.
struct Keepsakes {
    /// Cookie headers of people who have signed in: one who stays, one who leaves, one whose tokens are to be refreshed.
    sessions: [String; 3],
    /// A callback of a login in progress with its cookie.
    callback: Request,
    /// Access tokens: a good one, one whose key nobody knows, one that has expired.
    tokens: [String; 3],
    /// Of the provider, about the one who leaves.
    logout_token: String,
    /// The store, as the logins left it.
    webdis: Webdis,
}

fn keepsakes(deployment: Deployment) -> &'static Keepsakes {
    static KEEPSAKES: OnceLock<[Keepsakes; 3]> = OnceLock::new();
    let all = KEEPSAKES.get_or_init(|| DEPLOYMENTS.map(collect));
    DEPLOYMENTS.iter().zip(all).find(|(known, _)| **known == deployment).expect("one of each").1
}

fn collect(deployment: Deployment) -> Keepsakes {
    let mut world = CoreWorld::open(setup(deployment));
    let mut session = |refresh_tokens, lifetime, sid: &str| {
        world.provider().refresh_tokens = refresh_tokens;
        world.provider().access_token_lifetime = Duration::from_secs(lifetime);
        world.provider().user["sid"] = sid.into();
        let mut browser = Browser::default();
        browser.open(&mut world, "/oauth2/login?provider=corp&return_to=/");
        browser.jar.header(AUTHORITY, "/", Initiator::SameSite, world.now()).expect("a session")
    };
    let sessions = [
        session(RefreshTokens::None, 86_400, "staying"),
        session(RefreshTokens::None, 86_400, "leaving"),
        session(RefreshTokens::Rotating, 2, "due"),
    ];
    let mut other = Browser::default();
    let callback = other.open_until_callback(&mut world, "/oauth2/login?provider=corp&return_to=/").next;
    let callback = other.with_cookies(callback, Initiator::CrossSiteNavigation, &world);
    let token = |kid: &str, expires_at: UnixTime| {
        let mut draft = Provider::default().access_token(BEGINNING);
        draft.header["kid"] = kid.into();
        draft.claim("exp", expires_at.as_secs());
        draft.sign()
    };
    let (later, long_ago) = (BEGINNING + Duration::from_secs(3600), UnixTime::from_secs(1_800_000_000));
    let tokens = [token("rsa-1", later), token("unknown", later), token("rsa-1", long_ago)];
    let mut logout_token = Provider::default().logout_token(BEGINNING);
    logout_token.claim("sid", "leaving");
    Keepsakes { sessions, callback, tokens, logout_token: logout_token.sign(), webdis: world.webdis().clone() }
}

fn setup(deployment: Deployment) -> Setup {
    let mut setup = Setup::api()
        .header("x-access-token", "access_token")
        .rule(json!({"match": {"path_prefix": "/vault"}, "acr_values": ["urn:mfa"]}))
        .rule(json!({"match": {"path_prefix": "/kept"}, "preserve_form": true}));
    match deployment {
        Deployment::Alone => {}
        Deployment::Several => {
            let second = json!({
                "name": "second", "issuer": SECOND_ISSUER, "cluster": CLUSTER, "client_id": CLIENT_ID,
                "client_secret": {"env": "CORP_CLIENT_SECRET"},
            });
            setup.document["providers"].as_array_mut().expect("a list").push(second);
            setup = setup.rule(json!({"match": {"path_prefix": "/second"}, "providers": ["second"]}));
        }
        Deployment::Stored => {
            setup = setup.session("store", json!({"cluster": webdis::CLUSTER, "kind": "webdis", "sessions": true}));
        }
    }
    setup
}

fn request(kind: Kind, deployment: Deployment) -> Request {
    let Keepsakes {
        sessions: [session, leaving, due], callback, tokens: [good, unknown, expired], logout_token, ..
    } = keepsakes(deployment);
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
        Kind::BackChannelLogout => {
            Request::form("/oauth2/backchannel-logout", &[("logout_token", logout_token)], "cross-site")
        }
        Kind::FrontChannelLogout => {
            let query = format!("iss={ISSUER}&sid=leaving");
            Request::get(&format!("/oauth2/frontchannel-logout?{query}")).with("cookie", leaving)
        }
        Kind::Leaving => Request::fetch("/private").with("cookie", leaving),
        Kind::OtherProvider if deployment == Deployment::Several => {
            Request::navigation("/second").with("cookie", session)
        }
        Kind::StepUp | Kind::OtherProvider => Request::navigation("/vault").with("cookie", session),
        Kind::KeptForm => Request::form("/kept", &[("a", "b")], "same-origin"),
        Kind::Ambiguous => Request::fetch("/public/../private"),
        Kind::Ready => Request::fetch("/oauth2/ready"),
    }
}

struct Stage<P> {
    proxy: P,
    provider: Provider,
    webdis: Webdis,
    deployment: Deployment,
    now: UnixTime,
    /// By number: the cluster and the request.
    calls: BTreeMap<u32, (String, Request)>,
    /// Who waits for a verdict, and whether the session of the one who leaves had been ended when they came.
    open: BTreeMap<u32, (Kind, bool)>,
    /// Whether somebody has asked for the end of that session, and whether it was confirmed.
    asked_to_leave: bool,
    has_left: bool,
    streams: u32,
}

impl<P: Proxy> Stage<P> {
    fn new(deployment: Deployment) -> Self {
        let setup = setup(deployment);
        let proxy = P::boot(&Boot::new(&setup, 2), BEGINNING);
        let mut stage = Self {
            proxy,
            provider: setup.provider,
            webdis: keepsakes(deployment).webdis.clone(),
            deployment,
            asked_to_leave: false,
            has_left: false,
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
                self.open.insert(self.streams, (*kind, self.has_left));
                self.asked_to_leave |=
                    matches!(kind, Kind::Logout | Kind::BackChannelLogout | Kind::FrontChannelLogout);
                self.proxy.request(self.streams, &request(*kind, self.deployment), self.now);
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
        let (cluster, request) = self.calls.remove(&call).expect("chosen from those under way");
        let answer = match cluster.as_str() {
            webdis::CLUSTER => self.webdis.answer(&request, self.now),
            _ => self.provider.answer(&request, self.now),
        };
        let refreshes = request.posted("grant_type").as_deref() == Some("refresh_token");
        let outcome = match (fate, answer) {
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
                Happening::Called { call, cluster, request, .. } => {
                    self.calls.insert(call, (cluster, request));
                }
                Happening::Forwarded { stream, request } => {
                    let (kind, had_left) = self.open.remove(&stream).expect("a verdict for an open stream");
                    let with_token = matches!(kind, Kind::Token | Kind::OptionalToken);
                    let with_session = matches!(kind, Kind::SignedIn | Kind::Refreshing | Kind::Leaving);
                    assert!(with_token || with_session || matches!(kind, Kind::Public), "{kind:?}");
                    assert!(!matches!(kind, Kind::Leaving) || !had_left, "with a session that was ended");
                    let named = request.header("x-auth-subject") == Some("ada");
                    assert_eq!(named, !matches!(kind, Kind::Public), "{kind:?}");
                    self.proxy.close(stream, self.now);
                }
                Happening::Answered { stream, response } => {
                    let (kind, _) = self.open.remove(&stream).expect("a verdict for an open stream");
                    self.judge(kind, response.status, !response.set_cookies().is_empty());
                    self.proxy.close(stream, self.now);
                }
                Happening::Ticking(_) => (),
            }
        }
    }

    /// Which refusals there may be.
    fn judge(&mut self, kind: Kind, status: u16, clears_cookies: bool) {
        // Without the store nobody knows who has left.
        let is_doubtful = self.deployment == Deployment::Stored && status == 503;
        assert!(!matches!(kind, Kind::Public), "what is public was refused: {status}");
        match kind {
            Kind::SignedIn => assert!(is_doubtful, "{kind:?} was refused: {status}"),
            Kind::Leaving => assert!(is_doubtful || self.asked_to_leave, "{kind:?} was refused: {status}"),
            Kind::Token | Kind::OptionalToken => {
                assert!([502, 503].contains(&status), "a good token is only refused for want of keys");
            }
            Kind::Refreshing => assert_eq!(status, 503, "an outage ends no session"),
            Kind::Logout => self.has_left |= [200, 302].contains(&status),
            Kind::BackChannelLogout => self.has_left |= status == 200,
            // Its answer looks the same in any case.
            Kind::FrontChannelLogout => self.has_left |= clears_cookies,
            // Two providers: a page to choose from.
            Kind::Navigation | Kind::KeptForm if self.deployment == Deployment::Several => {}
            Kind::Ready => {}
            _ => assert_ne!(status, 200, "{kind:?}"),
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
fn tell<P: Proxy>((deployment, story): &(Deployment, Vec<Happen>)) {
    let mut stage = Stage::<P>::new(*deployment);
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
