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

use super::{Verdict, provider, token};

const STREAM: StreamId = StreamId(1);

/// Nobody has the providers' keys here.
struct Supposes;

impl SignatureVerifier for Supposes {
    fn verify(&self, _: JwsAlgorithm, _: &Jwk, _: &[u8], _: &[u8]) -> bool {
        true
    }
}

/// What becomes of a request, and what the log would say.
pub fn run(config: Config, head: RequestHead, now: UnixTime, entropy: &mut dyn Entropy) -> (Verdict, Vec<String>) {
    let presented = head.headers().first_str("authorization").and_then(|field| field.split_once(' '));
    let key_id = presented.and_then(|(_, token)| token::key_id(token));
    let providers = config.providers.clone();
    let mut gateway = Gateway::new(config);
    let (mut shared, peer) = (OwnData::default(), KnownPeer::default());
    let mut events = VecDeque::from([Event::Start, Event::Request { stream: STREAM, head }]);
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
                Effect::Forward { forward, .. } => return (forwarded(&forward), log),
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

fn forwarded(forward: &Forward) -> Verdict {
    let added = forward.added().filter(|(name, _)| *name != "cookie");
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    Verdict::Forwarded {
        added: added.map(|(name, value)| (name.to_owned(), text(value))).collect(),
        removed: forward.removed().filter(|name| *name != "cookie").map(str::to_owned).collect(),
    }
}

fn answered(response: &Response, reason: Option<&'static str>) -> Verdict {
    let field = |name: &str| response.headers.iter().find(|(field, _)| field == name).map(|(_, value)| value.clone());
    let location = field("location").map(|location| provider::in_words(location.split('?').next().unwrap_or_default()));
    // The way to the provider has a reason as well, for access logs; here the answer itself says it.
    let reason = reason.filter(|_| response.status >= 400);
    Verdict::Answered { status: response.status, reason, location, challenge: field("www-authenticate") }
}
