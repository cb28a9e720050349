//! The callback's query and form: whatever comes back, nothing goes on to the application, and the answer is one of ours.
//!
//! `{state}` stands for the state of a login that this browser has begun. The first byte chooses query or form, and what the token
//! endpoint answers.
#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use relying_party::config::Config;
use relying_party::entropy::Entropy;
use relying_party::gateway::{Effect, Env, Event, Gateway, StreamId};
use relying_party::http::{CalloutOutcome, CalloutRequest, Headers, RequestHead, Response};
use relying_party::jose::{NoHostSigner, Software};
use relying_party::peer::KnownPeer;
use relying_party::shared::OwnData;
use relying_party::time::UnixTime;

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
const CONFIGURATION: &str = r#"{
    "providers": [{"name": "a", "issuer": "https://a.example", "cluster": "c", "client_id": "p", "client_secret": "s"}],
    "public_url": "https://portal.example.org",
    "session": {"keys": ["H3gX19lShk+re+O2RpGji2Fkx/+m8H5LnwdIvOtYSh0="], "silent": true}
}"#;
const METADATA: &str = r#"{
    "issuer": "https://a.example", "authorization_endpoint": "https://a.example/a", "token_endpoint": "https://a.example/t",
    "jwks_uri": "https://a.example/k", "response_types_supported": ["code"], "subject_types_supported": ["public"],
    "id_token_signing_alg_values_supported": ["ES256"]
}"#;
/// The key of RFC 7515, Appendix A.3.
const KEYS: &str = r#"{"keys": [{"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;

struct Counting(u8);

impl Entropy for Counting {
    fn fill(&mut self, buffer: &mut [u8]) {
        for byte in buffer {
            self.0 = self.0.wrapping_mul(5).wrapping_add(13);
            *byte = self.0;
        }
    }
}

/// A relying party whose provider answers at once.
struct Stage {
    gateway: Gateway,
    entropy: Counting,
    shared: OwnData,
    streams: u32,
    /// The token endpoint's answer.
    tokens: CalloutOutcome,
}

impl Stage {
    fn new() -> Self {
        let config = Config::parse(CONFIGURATION.as_bytes(), &|_| None).expect("valid");
        let (gateway, shared) = (Gateway::new(config), OwnData::default());
        let mut stage = Self { gateway, entropy: Counting(1), shared, streams: 0, tokens: CalloutOutcome::Failed };
        assert!(stage.handle(Event::Start, None).is_none());
        assert!(stage.handle(Event::Tick, None).is_none());
        stage
    }

    /// Sends a request, and answers every call until there is an answer.
    fn send(&mut self, fields: &[(&str, &[u8])], body: &[u8]) -> Response {
        self.streams += 1;
        let stream = StreamId(self.streams);
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec()));
        let head = RequestHead::new(Headers::new(fields.collect()));
        let response = self.handle(Event::Request { stream, head }, Some(body)).expect("an answer");
        let _ = self.handle(Event::StreamClosed { stream }, None);
        response
    }

    fn handle(&mut self, event: Event, body: Option<&[u8]>) -> Option<Response> {
        let (mut events, mut answer) = (vec![event], None);
        while let Some(event) = events.pop() {
            let mut env = Env {
                now: NOW,
                entropy: &mut self.entropy,
                verifier: &Software,
                signer: &NoHostSigner,
                shared: &mut self.shared,
                peer: &KnownPeer::default(),
            };
            for effect in self.gateway.handle(event, &mut env) {
                match effect {
                    Effect::Forward { .. } => panic!("a callback reached the application"),
                    Effect::Respond { response, .. } => assert!(answer.replace(response).is_none(), "two answers"),
                    Effect::Dispatch { callout, request, .. } => {
                        let outcome = self.outcome(&request);
                        events.push(Event::CalloutCompleted { callout, outcome });
                    }
                    Effect::ReadBody { stream, limit } => {
                        let body = body.filter(|body| body.len() <= limit).map(<[u8]>::to_vec);
                        events.push(Event::RequestBody { stream, body });
                    }
                    _ => {}
                }
            }
        }
        answer
    }

    fn outcome(&self, request: &CalloutRequest) -> CalloutOutcome {
        let document = |text: &str| CalloutOutcome::Answered {
            status: 200,
            headers: Headers::default(),
            body: text.as_bytes().to_vec(),
        };
        match request.path.as_str() {
            "/k" => document(KEYS),
            "/t" => self.tokens.clone(),
            _ => document(METADATA),
        }
    }
}

thread_local! {
    static STAGE: RefCell<Stage> = RefCell::new(Stage::new());
}

const PERSON: [(&str, &[u8]); 3] =
    [(":scheme", b"https"), (":authority", b"portal.example.org"), ("sec-fetch-mode", b"navigate")];

fuzz_target!(|data: &[u8]| STAGE.with_borrow_mut(|stage| {
    let Some((choice, parameters)) = data.split_first() else { return };
    let begun = stage.send(&[&PERSON[..], &[(":method", b"GET"), (":path", b"/x?y")]].concat(), b"");
    let header = |name: &str| begun.headers.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str());
    let state = header("location").and_then(|location| location.split("&state=").nth(1)).expect("a login");
    let state = state.split('&').next().expect("a state");
    let cookie = header("set-cookie").and_then(|line| line.split(';').next()).expect("a cookie").as_bytes();
    let filled = match std::str::from_utf8(parameters) {
        Ok(text) => text.replace("{state}", state).into_bytes(),
        Err(_) => parameters.to_vec(),
    };
    stage.tokens = match choice >> 1 & 3 {
        0 => CalloutOutcome::Failed,
        1 => CalloutOutcome::Answered { status: 400, headers: Headers::default(), body: parameters.to_vec() },
        _ => CalloutOutcome::Answered { status: 200, headers: Headers::default(), body: parameters.to_vec() },
    };
    let answer = if choice & 1 == 0 {
        let path = [b"/oauth2/callback?", filled.as_slice()].concat();
        stage.send(&[&PERSON[..], &[(":method", b"GET"), (":path", &path), ("cookie", cookie)]].concat(), b"")
    } else {
        let head: [(&str, &[u8]); 3] = [(":method", b"POST"), (":path", b"/oauth2/callback"), ("cookie", cookie)];
        stage.send(&[&PERSON[..], &head].concat(), &filled)
    };
    assert!(matches!(answer.status, 302 | 303 | 400 | 502 | 503), "{}", answer.status);
    for (name, value) in &answer.headers {
        assert!(value.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{name} has odd bytes");
        assert!(name != "set-cookie" || !value.starts_with("__Host-latchkey="), "a session of nobody");
    }
    if let Some((_, location)) = answer.headers.iter().find(|(name, _)| name == "location") {
        assert!(
            location.starts_with("https://a.example/a?"),
            "only the silent login goes on, to the provider: {location}"
        );
    }
}));
