//! A million requests of all kinds, and the memory stays where its limits are: for whom nobody waits is forgotten, what is
//! remembered is bounded. In a process of its own, whose every allocation is counted.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use relying_party::config::Config;
use relying_party::gateway::{CalloutId, Effect, Env, Event, Gateway, StreamId};
use relying_party::http::{CalloutOutcome, CalloutRequest, Headers, RequestHead};
use relying_party::jose::{Jwk, JwsAlgorithm, NoHostSigner, SignatureVerifier};
use relying_party::peer::KnownPeer;
use relying_party::secret::Secret;
use relying_party::session::cookie::{PresentParts, Writing};
use relying_party::session::seal::{Binding, Purpose};
use relying_party::session::{RefreshToken, Session, SignIn, Tokens};
use relying_party::shared::OwnData;
use relying_party::time::UnixTime;
use serde_json::{Value, json};
use wasm_host_tests::simulation::{BEGINNING, Randomness};

const STREAMS: u32 = 1_000_000;
const SOME: u32 = STREAMS / 10;
/// How many people come again and again.
const KNOWN: usize = 1000;
/// What opened sessions (80 MiB) and verified tokens (48 MiB) take at most according to ARCHITECTURE.md; and for everything else, as
/// much as two per cent of the requests would take if nobody forgot them.
const BOUND: usize = (80 + 48 + 16) << 20;

struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Signatures are not what is measured.
struct CallsEverythingGood;

impl SignatureVerifier for CallsEverythingGood {
    fn verify(&self, _: JwsAlgorithm, _: &Jwk, _: &[u8], _: &[u8]) -> bool {
        true
    }
}

const ISSUER: &str = "https://login.example.org";
const HOST: &str = "portal.example.org";

fn config() -> Config {
    let document = json!({
        "providers": [{
            "name": "corp", "issuer": ISSUER, "cluster": "corp-idp", "client_id": "portal", "client_secret": "s", "audience": ["api"],
        }],
        "public_url": format!("https://{HOST}"),
        "session": {"keys": ["H3gX19lShk+re+O2RpGji2Fkx/+m8H5LnwdIvOtYSh0="], "silent": true},
        "headers": {"x-user": "claims.sub", "x-groups": "claims.groups.join(\",\")", "x-token": "access_token"},
        "rules": [
            {"match": {"path_prefix": "/public"}, "authentication": "none"},
            {"match": {"path_prefix": "/api"}, "authentication": "bearer"},
            {"match": {"path_prefix": "/form"}, "preserve_form": true},
            {"match": {"path_prefix": "/recent"}, "max_age": "1m"},
        ],
    });
    Config::parse(document.to_string().as_bytes(), &|_| None).unwrap_or_else(|errors| panic!("{errors}"))
}

/// The relying party, a provider that answers at once or never, and who comes by.
struct Crowd {
    gateway: Gateway,
    config: Config,
    shared: OwnData,
    randomness: Randomness,
    now: UnixTime,
    /// Calls that the provider leaves open until they time out.
    hanging: Vec<(UnixTime, CalloutId)>,
    /// Cookies of people who come again and again.
    known: Vec<String>,
    verdicts: usize,
    forwarded: usize,
}

impl Crowd {
    fn new() -> Self {
        let mut crowd = Self {
            gateway: Gateway::new(config()),
            config: config(),
            shared: OwnData::default(),
            randomness: Randomness::new(9),
            now: BEGINNING,
            hanging: Vec::new(),
            known: Vec::new(),
            verdicts: 0,
            forwarded: 0,
        };
        crowd.known = (0..KNOWN).map(|number| crowd.session(u32::try_from(number).expect("few"), 86_400)).collect();
        crowd.handle(Event::Start, b"", false);
        crowd.handle(Event::Tick, b"", false);
        crowd
    }

    /// The request of this number comes, and is decided or given up.
    fn receive(&mut self, number: u32) {
        self.now = self.now + Duration::from_millis(1);
        if number.is_multiple_of(1000) {
            let (over, open) = std::mem::take(&mut self.hanging).into_iter().partition(|(until, _)| *until <= self.now);
            self.hanging = open;
            let over: Vec<(UnixTime, CalloutId)> = over;
            for (_, callout) in over {
                self.handle(Event::CalloutCompleted { callout, outcome: CalloutOutcome::Failed }, b"", false);
            }
            self.handle(Event::Tick, b"", false);
        }
        let (fields, body, hangs) = self.request(number);
        let fields: Vec<(String, Vec<u8>)> = fields
            .into_iter()
            .chain([(":scheme", "https".to_owned()), (":authority", HOST.to_owned())])
            .map(|(name, value)| (name.to_owned(), value.into_bytes()))
            .collect();
        let (stream, head) = (StreamId(number), RequestHead::new(Headers::new(fields)));
        self.handle(Event::Request { stream, head }, body, hangs);
        self.handle(Event::StreamClosed { stream }, b"", hangs);
    }

    /// Fields and body of a request, and whether the provider keeps silent about it.
    fn request(&mut self, number: u32) -> (Vec<(&'static str, String)>, &'static [u8], bool) {
        let get = |path: &str| vec![(":method", "GET".to_owned()), (":path", path.to_owned())];
        let with = |mut fields: Vec<(&'static str, String)>, name, value: String| {
            fields.push((name, value));
            fields
        };
        let person = |path: &str| with(get(path), "sec-fetch-mode", "navigate".to_owned());
        let post = |path: &str| vec![(":method", "POST".to_owned()), (":path", path.to_owned())];
        let form = || {
            let fields = with(post("/form"), "content-type", "application/x-www-form-urlencoded".to_owned());
            with(with(fields, "sec-fetch-mode", "navigate".to_owned()), "sec-fetch-site", "same-origin".to_owned())
        };
        let again = usize::try_from(number).expect("a number") % KNOWN;
        match number % 80 {
            0 => (with(get("/"), "cookie", self.session(number, 3600)), b"", false),
            1 | 2 => (with(get("/api"), "authorization", format!("Bearer {}", token("k", number))), b"", false),
            3..=8 => (with(get("/"), "cookie", self.known[again].clone()), b"", false),
            9 => (with(person("/recent"), "cookie", self.known[again].clone()), b"", false),
            10 => (person(&format!("/page/{number}?a=b")), b"", false),
            11 => (form(), b"a=b&c=d", false),
            12 => (person(&format!("/oauth2/login?return_to=/{number}")), b"", false),
            13 | 14 => (person(&format!("/oauth2/callback?code=c&state={number}")), b"", true),
            15 | 16 => {
                (with(get("/api"), "authorization", format!("Bearer {}", token(&number.to_string(), 1))), b"", true)
            }
            17 | 18 => (with(get("/api"), "authorization", format!("Bearer opaque-{number}")), b"", false),
            19 | 20 => (post("/oauth2/backchannel-logout"), b"logout_token=x", false),
            21 | 22 => (get(&format!("/public/../{number}")), b"", false),
            // To be refreshed; half of the time the provider keeps silent.
            23 if number % 800 == 23 => (with(get("/"), "cookie", self.session(number, 1)), b"", number % 1600 == 23),
            24 if number % 1600 == 24 => {
                (with(person("/oauth2/logout"), "cookie", self.session(number, 3600)), b"", false)
            }
            23..=26 => (with(get("/"), "cookie", format!("__Host-latchkey=1.{number}")), b"", false),
            27..=52 => (get("/oauth2/session"), b"", false),
            _ => (get(&format!("/public/{number}")), b"", false),
        }
    }

    /// The cookie of somebody whose tokens end in so many seconds.
    fn session(&mut self, number: u32, lifetime: u64) -> String {
        let policy = self.config.session.as_ref().expect("sessions");
        let claims = json!({"iss": ISSUER, "sub": format!("person-{number}"), "groups": groups(24)});
        let value = Secret::new(format!("refresh-{number}"));
        let sign_in = SignIn {
            provider: "corp".to_owned(),
            claims: claims.as_object().expect("claims").clone(),
            scopes: vec!["openid".to_owned()],
            tokens: Tokens {
                access_token: Some(Secret::new(format!("access-{number}"))),
                expires_at: Some(self.now + Duration::from_secs(lifetime)),
                refresh: Some(RefreshToken {
                    value,
                    nonce: "n".to_owned(),
                    obtained_at: self.now - Duration::from_secs(60),
                }),
                id_token: None,
            },
            authentication: Default::default(),
            sid: None,
        };
        let began = self.now - Duration::from_secs(60);
        let session = Session::begin(sign_in, policy, began, &mut Repeating(number));
        let (purpose, client_id) = (Purpose::Session, "portal");
        let binding = Binding { purpose, issuer: ISSUER, client_id, cookie_name: &policy.cookie.name, host: HOST };
        let writing = Writing { keys: &policy.keys, binding, policy: &policy.cookie, max_cookies: 4 };
        let lines = writing.write(&session, PresentParts::default(), began, &mut Repeating(number)).expect("small");
        lines[0].split(';').next().expect("a cookie").to_owned()
    }

    fn handle(&mut self, event: Event, body: &[u8], hangs: bool) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            let mut env = Env {
                now: self.now,
                entropy: &mut self.randomness,
                verifier: &CallsEverythingGood,
                signer: &NoHostSigner,
                shared: &mut self.shared,
                peer: &KnownPeer::default(),
            };
            for effect in self.gateway.handle(event, &mut env) {
                match effect {
                    Effect::Dispatch { callout, .. } if hangs => {
                        self.hanging.push((self.now + Duration::from_secs(5), callout));
                    }
                    Effect::Dispatch { callout, request, .. } => {
                        events.push(Event::CalloutCompleted { callout, outcome: answer(&request) });
                    }
                    Effect::ReadBody { stream, .. } => {
                        events.push(Event::RequestBody { stream, body: Some(body.to_vec()) });
                    }
                    Effect::Forward { .. } => {
                        self.verdicts += 1;
                        self.forwarded += 1;
                    }
                    Effect::Respond { .. } => self.verdicts += 1,
                    Effect::ArmTick(_) | Effect::Log(_) | Effect::Measure(_) => {}
                }
            }
        }
    }
}

/// The same session has the same cookie.
struct Repeating(u32);

impl relying_party::entropy::Entropy for Repeating {
    fn fill(&mut self, buffer: &mut [u8]) {
        let bytes = self.0.to_le_bytes();
        buffer.iter_mut().zip(bytes.iter().cycle()).for_each(|(to, from)| *to = *from);
    }
}

/// Enough of them that the caches fill.
fn groups(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("department-{number}-of-the-company")).collect()
}

fn token(kid: &str, number: u32) -> String {
    let header = json!({"alg": "ES256", "kid": kid, "typ": "at+jwt"});
    let claims = json!({
        "iss": ISSUER, "aud": "api", "sub": format!("service-{number}"), "client_id": "c", "jti": number.to_string(),
        "iat": BEGINNING.as_secs() - 60, "exp": BEGINNING.as_secs() + 86_400, "scope": "a b c",
        "groups": groups(12),
    });
    let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    format!("{header}.{claims}.{}", URL_SAFE_NO_PAD.encode([1; 64]))
}

fn answer(request: &CalloutRequest) -> CalloutOutcome {
    let document = |value: Value| CalloutOutcome::Answered {
        status: 200,
        headers: Headers::default(),
        body: value.to_string().into_bytes(),
    };
    match request.path.as_str() {
        "/keys" => document(json!({"keys": [{
            "kty": "EC", "kid": "k", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        }]})),
        "/token" => document(json!({
            "access_token": "new", "token_type": "Bearer", "refresh_token": "another", "expires_in": 86_400,
        })),
        _ => document(json!({
            "issuer": ISSUER, "authorization_endpoint": "https://login.example.org/authorize",
            "token_endpoint": "https://login.example.org/token", "jwks_uri": "https://login.example.org/keys",
            "response_types_supported": ["code"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
        })),
    }
}

#[test]
fn a_million_requests_leave_no_more_than_the_caches_may_hold() {
    let before = LIVE.load(Ordering::Relaxed);
    let mut crowd = Crowd::new();
    let live = || LIVE.load(Ordering::Relaxed).saturating_sub(before);
    let at_rest = live();
    let mut seen = Vec::new();
    for number in 1..=STREAMS {
        crowd.receive(number);
        if number.is_multiple_of(SOME) {
            seen.push(live());
        }
    }
    let mebibytes = |bytes: usize| bytes.div_ceil(1 << 20);
    println!(
        "figure: memory.streams = {STREAMS} requests of all kinds, {} of them admitted: {} MiB live after the first tenth, {} MiB \
         after all, never above {} MiB at a tenth",
        crowd.forwarded,
        mebibytes(seen[0]),
        mebibytes(seen[seen.len() - 1]),
        mebibytes(seen.iter().copied().max().unwrap_or_default()),
    );
    assert!(at_rest < 4 << 20, "{at_rest} bytes at rest");
    assert!(seen.iter().all(|bytes| *bytes < BOUND), "{seen:?}");
    assert!(crowd.forwarded > SOME as usize && crowd.verdicts > crowd.forwarded, "the crowd is mixed");
    // Everybody leaves, the caches stay; who waited, or asked while the provider was silent, is forgotten.
    drop(crowd);
    assert!(live() < 1 << 20, "{} bytes outlive the relying party", live());
}
