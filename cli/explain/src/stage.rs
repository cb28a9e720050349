//! The core, and around it what a host would do.

use std::collections::VecDeque;

use relying_party::config::Config;
use relying_party::entropy::Entropy;
use relying_party::forward::Forward;
use relying_party::gateway::{Effect, Env, Event, Gateway, StreamId};
use relying_party::http::{RequestHead, Response};
use relying_party::jose::{Jwk, JwsAlgorithm, NoHostSigner, SignatureVerifier};
use relying_party::peer::KnownPeer;
use relying_party::shared::OwnData;
use relying_party::time::UnixTime;

use super::{Verdict, provider, session, token};

const STREAM: StreamId = StreamId(1);

/// Nobody has the providers' keys here.
struct Supposes;

impl SignatureVerifier for Supposes {
    fn verify(&self, _: JwsAlgorithm, _: &Jwk, _: &[u8], _: &[u8]) -> bool {
        true
    }
}

/// What becomes of a request, and what the log would say.
///
/// `is_known`: the application is to be told who sends the request, so that the configuration's headers have values.
pub fn run(
    config: Config,
    head: RequestHead,
    is_known: bool,
    now: UnixTime,
    entropy: &mut dyn Entropy,
) -> (Verdict, Vec<String>) {
    let presented = head.headers().first_str("authorization").and_then(|field| field.split_once(' '));
    let presented = presented.map(|(_, token)| token.to_owned());
    let key_id = presented.as_deref().and_then(token::key_id);
    let expected = Expected {
        headers: config.headers.iter().filter(|_| is_known).map(|header| header.name.clone()).collect(),
        assertion: config.assertion.as_ref().map(|assertion| assertion.header.to_string()),
        token: presented,
    };
    let providers = config.providers.clone();
    let mut gateway = Gateway::new(config);
    let (mut shared, peer) = (OwnData::default(), KnownPeer::default());
    let mut events = VecDeque::from([Event::Start, Event::Tick, Event::Request { stream: STREAM, head }]);
    let mut log = Vec::new();
    while let Some(event) = events.pop_front() {
        let mut env =
            Env { now, entropy, verifier: &Supposes, signer: &NoHostSigner, shared: &mut shared, peer: &peer };
        for effect in gateway.handle(event, &mut env) {
            match effect {
                Effect::Dispatch { callout, request, .. } => {
                    let outcome = provider::answer(&providers, &request, key_id.as_deref());
                    // Before anything else: a provider is loaded before the request comes.
                    events.push_front(Event::CalloutCompleted { callout, outcome });
                }
                Effect::Forward { forward, .. } => return (expected.forwarded(&forward), log),
                Effect::Respond { response, reason, .. } => return (answered(&response, reason), log),
                Effect::ReadBody { stream, .. } => {
                    events.push_back(Event::RequestBody { stream, body: Some(Vec::new()) })
                }
                Effect::Log(line) => log.push(line.message),
                Effect::ArmTick(_) | Effect::Measure(_) => {}
            }
        }
    }
    (Verdict::Undecided, log)
}

/// What a request that goes on is compared with.
struct Expected {
    /// The headers of the configuration.
    headers: Vec<String>,
    /// The header of the signed identity.
    assertion: Option<String>,
    /// The access token that was presented.
    token: Option<String>,
}

impl Expected {
    fn forwarded(&self, forward: &Forward) -> Verdict {
        let added = forward.added().filter(|(name, _)| *name != "cookie");
        let added: Vec<_> = added.map(|(name, value)| (name.to_owned(), self.shown(name, value))).collect();
        let is_left_out = |name: &&String| !added.iter().any(|(added, _)| added == *name);
        let left_out = self.headers.iter().filter(is_left_out).cloned().collect();
        let removed = forward.removed().filter(|name| *name != "cookie").map(str::to_owned).collect();
        Verdict::Forwarded { added, removed, left_out }
    }

    /// The value of a header; credentials are named, not shown.
    fn shown(&self, name: &str, value: &[u8]) -> String {
        if self.assertion.as_deref() == Some(name) {
            return "(the signed identity)".to_owned();
        }
        let text = String::from_utf8_lossy(value).into_owned();
        match self.token.as_deref().filter(|token| !token.is_empty()) {
            Some(token) => text.replace(token, session::ACCESS_TOKEN),
            None => text,
        }
    }
}

fn answered(response: &Response, reason: Option<&'static str>) -> Verdict {
    let field = |name: &str| response.headers.iter().find(|(field, _)| field == name).map(|(_, value)| value.clone());
    let location = field("location").map(|location| provider::in_words(&location));
    Verdict::Answered { status: response.status, reason, location, challenge: field("www-authenticate") }
}
