//! A relying party on its own, driven event by event.

use relying_party::config::Config;
use relying_party::gateway::{Effect, Env, Event, Gateway, StreamId};
use relying_party::http::{CalloutOutcome, CalloutRequest, Headers, RequestHead, Response};
use relying_party::jose::{NoHostSigner, Software};
use relying_party::peer::KnownPeer;
use relying_party::shared::SharedData;
use relying_party::time::UnixTime;

use crate::{Counting, KEYS, METADATA, NOW, answered};

/// A relying party whose provider answers at once.
pub struct Stage {
    gateway: Gateway,
    entropy: Counting,
    shared: Box<dyn SharedData>,
    streams: u32,
    /// The time.
    pub now: UnixTime,
    /// What the provider answers.
    pub provider: Box<dyn Fn(&CalloutRequest) -> CalloutOutcome>,
}

/// What became of a request.
pub enum Verdict {
    /// It went on to the application.
    Forwarded,
    /// It was answered.
    Answered(Response),
}

impl Verdict {
    /// The answer of a request that must not go on.
    pub fn answer(self) -> Response {
        match self {
            Self::Answered(response) => response,
            Self::Forwarded => panic!("the request reached the application"),
        }
    }
}

/// The provider's metadata and keys.
pub fn document(request: &CalloutRequest) -> CalloutOutcome {
    answered(200, if request.path == "/k" { KEYS } else { METADATA }.as_bytes())
}

impl Stage {
    /// A relying party that has loaded what it needs.
    pub fn new(config: Config, shared: impl SharedData + 'static) -> Self {
        let mut stage = Self {
            gateway: Gateway::new(config),
            entropy: Counting(1),
            shared: Box::new(shared),
            streams: 0,
            now: NOW,
            provider: Box::new(document),
        };
        assert!(stage.handle(Event::Start, b"").is_none());
        stage.tick();
        stage
    }

    /// Lets the timer fire.
    pub fn tick(&mut self) {
        assert!(self.handle(Event::Tick, b"").is_none(), "a verdict for nobody");
    }

    /// Sends a request, and answers every call until there is a verdict.
    pub fn send<'a>(&mut self, fields: impl IntoIterator<Item = (&'a str, &'a [u8])>, body: &[u8]) -> Verdict {
        self.streams += 1;
        let stream = StreamId(self.streams);
        let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value.to_vec()));
        let head = RequestHead::new(Headers::new(fields.collect()));
        let verdict = self.handle(Event::Request { stream, head }, body).expect("a verdict");
        let _ = self.handle(Event::StreamClosed { stream }, b"");
        verdict
    }

    fn handle(&mut self, event: Event, body: &[u8]) -> Option<Verdict> {
        let (mut events, mut verdict) = (vec![event], None);
        while let Some(event) = events.pop() {
            let mut env = Env {
                now: self.now,
                entropy: &mut self.entropy,
                verifier: &Software,
                signer: &NoHostSigner,
                shared: &mut *self.shared,
                peer: &KnownPeer::default(),
            };
            for effect in self.gateway.handle(event, &mut env) {
                let reached = match effect {
                    Effect::Forward { .. } => Verdict::Forwarded,
                    Effect::Respond { response, .. } => Verdict::Answered(response),
                    Effect::Dispatch { callout, request, .. } => {
                        let outcome = (self.provider)(&request);
                        events.push(Event::CalloutCompleted { callout, outcome });
                        continue;
                    }
                    Effect::ReadBody { stream, limit } => {
                        let body = Some(body).filter(|body| body.len() <= limit).map(<[u8]>::to_vec);
                        events.push(Event::RequestBody { stream, body });
                        continue;
                    }
                    _ => continue,
                };
                assert!(verdict.replace(reached).is_none(), "two verdicts");
            }
        }
        verdict
    }
}
