//! What a request with a live session costs in the core: run it under `valgrind --tool=callgrind` with two numbers of requests; the
//! difference is theirs. `live_session REQUESTS SESSIONS`
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a measurement: whatever goes wrong ends it"
)]

use std::hint::black_box;
use std::time::Duration;

use relying_party::config::Config;
use relying_party::entropy::Entropy;
use relying_party::gateway::{Effect, Env, Event, Gateway, StreamId};
use relying_party::http::{Headers, RequestHead};
use relying_party::jose::{NoHostSigner, Software};
use relying_party::peer::KnownPeer;
use relying_party::policy::demand::AuthenticationEvent;
use relying_party::session::cookie::{PresentParts, Writing};
use relying_party::session::seal::{Binding, Purpose};
use relying_party::session::{Session, SignIn, Tokens};
use relying_party::shared::OwnData;
use relying_party::time::UnixTime;
use serde_json::{Map, Value, json};

const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);

struct Numbers(u64);

impl Entropy for Numbers {
    fn fill(&mut self, buffer: &mut [u8]) {
        for byte in buffer {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = self.0.to_be_bytes()[0];
        }
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>().expect("a number"));
    let (requests, sessions) = (arguments.next().expect("requests"), arguments.next().expect("sessions"));
    let document = json!({
        "providers": [{
            "name": "corp", "issuer": "https://login.example.org", "cluster": "idp",
            "client_id": "portal", "client_secret": "s3cret",
        }],
        "public_url": "https://portal.example.org",
        "session": {"keys": ["q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQDx4tPEtaaXg="]},
        "rules": [
            {"name": "public", "match": {"path_prefix": "/public"}, "authentication": "none"},
            {"name": "welcome", "match": {"path_prefix": "/welcome"}, "authentication": "optional"},
            {"name": "finance", "match": {"path_prefix": "/finance"}, "require": "\"finance\" in claims.groups"},
        ],
        "headers": {"x-auth-subject": "claims.sub", "x-auth-email": "claims.email", "x-auth-name": "claims.name"},
    });
    let config = Config::parse(document.to_string().as_bytes(), &|_| None).expect("a configuration");
    let heads: Vec<_> = (0..sessions).map(|number| head(&config, number)).collect();
    let mut gateway = Gateway::new(config);
    let (mut shared, mut entropy) = (OwnData::default(), Numbers(1));
    for (number, head) in heads.iter().cycle().take(requests).enumerate() {
        let mut env = Env {
            now: NOW + Duration::from_secs(1),
            entropy: &mut entropy,
            verifier: &Software,
            signer: &NoHostSigner,
            shared: &mut shared,
            peer: &KnownPeer::default(),
        };
        let head = head.clone();
        let stream = StreamId(u32::try_from(number).expect("a number"));
        let effects = gateway.handle(Event::Request { stream, head }, &mut env);
        let forwarded = black_box(effects).iter().any(|effect| matches!(effect, Effect::Forward { .. }));
        assert!(forwarded, "a request that goes on");
    }
}

fn head(config: &Config, number: usize) -> RequestHead {
    let policy = config.session.as_ref().expect("sessions");
    let provider = &config.providers[0];
    let claims = json!({
        "iss": "https://login.example.org", "sub": format!("5f0c1d2e-7a8b-4c9d-8e1f-{number:012x}"),
        "email": format!("person.{number}@example.org"), "name": format!("Person Number {number}"),
    });
    let claims: Map<String, Value> = claims.as_object().expect("claims").clone();
    let sign_in = SignIn {
        provider: "corp".to_owned(),
        claims,
        scopes: ["openid", "profile", "email"].map(str::to_owned).to_vec(),
        tokens: Tokens::default(),
        authentication: AuthenticationEvent::default(),
        sid: Some(format!("5f0c1d2e-9a8b-4c9d-8e1f-{number:012x}")),
    };
    let mut entropy = Numbers(u64::try_from(number).expect("a number"));
    let session = Session::begin(sign_in, policy, NOW, &mut entropy);
    let binding = Binding {
        purpose: Purpose::Session,
        issuer: provider.issuer.as_str(),
        client_id: &provider.client.as_ref().expect("a client").client_id,
        cookie_name: &policy.cookie.name,
        host: "portal.example.org",
    };
    let writing = Writing { keys: &policy.keys, binding, policy: &policy.cookie, max_cookies: policy.max_cookies };
    let lines = writing.write(&session, PresentParts::default(), NOW, &mut entropy).expect("a cookie");
    let cookie = lines[0].split(';').next().expect("a cookie");
    let fields = [
        (":authority", "portal.example.org"),
        (":path", "/reports"),
        (":method", "GET"),
        (":scheme", "https"),
        ("accept", "application/json"),
        ("sec-fetch-mode", "cors"),
        ("cookie", cookie),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-proto", "https"),
        ("x-request-id", "8a3f0c5e-6d7b-4a92-9f0e-2f1f0f0c7a11"),
    ];
    RequestHead::new(Headers::new(fields.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).to_vec()))
}
