//! Ring one: the core itself in virtual time. What a shell does around it is done here in a few lines.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use relying_party::config::Config;
use relying_party::entropy::Entropy;
use relying_party::forward::Forward;
use relying_party::gateway::{CalloutId, Effect, Env, Event, Gateway, StreamId};
use relying_party::http::{CalloutOutcome, CalloutRequest, Headers, RequestHead};
use relying_party::jose::{HostSigner, NoHostSigner, Software};
use relying_party::metrics::{Kind, Sample};
use relying_party::peer::KnownPeer;
use relying_party::time::UnixTime;

use crate::message::{Request, Response};
use crate::shared::SharedMap;
use crate::signing::Signing;
use crate::simulation::{Boot, CallOutcome, Happening, Proxy, Randomness, VirtualWorld};
use crate::world::Need;

/// Ring one in virtual time.
pub type CoreWorld = VirtualWorld<CoreProxy>;

/// The largest answer of a provider that the shell hands over, in bytes.
const LARGEST_ANSWER: usize = 512 * 1024;

/// The core, with what a shell remembers for it.
pub struct CoreProxy {
    gateway: Gateway,
    randomness: Randomness,
    shared: SharedMap,
    cryptography: bool,
    clusters: Vec<String>,
    /// Who sent the request that is being handled.
    peer: KnownPeer,
    /// Requests that have no verdict yet.
    requests: BTreeMap<u32, Request>,
    response_cookies: BTreeMap<u32, Vec<String>>,
    calls: BTreeMap<u32, CalloutId>,
    next_call: u32,
    happenings: Vec<Happening>,
    log: Vec<String>,
    metrics: BTreeMap<String, u64>,
}

impl Entropy for Randomness {
    fn fill(&mut self, buffer: &mut [u8]) {
        buffer.copy_from_slice(&self.draw(buffer.len()));
    }
}

impl Proxy for CoreProxy {
    const RING: &'static str = "core";
    const LACKS: &'static [Need] = &[];

    fn boot(boot: &Boot, now: UnixTime) -> Self {
        let environment =
            |name: &str| boot.environment.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let config = Config::parse(&boot.configuration, &environment)
            .unwrap_or_else(|errors| panic!("the configuration is refused:\n{errors}"));
        let mut proxy = Self {
            gateway: Gateway::new(config),
            randomness: Randomness::new(boot.instance),
            shared: boot.shared.clone(),
            cryptography: boot.cryptography,
            clusters: boot.clusters.clone(),
            peer: KnownPeer::default(),
            requests: BTreeMap::new(),
            response_cookies: BTreeMap::new(),
            calls: BTreeMap::new(),
            next_call: 0,
            happenings: Vec::new(),
            log: Vec::new(),
            metrics: BTreeMap::new(),
        };
        proxy.handle(Event::Start, now);
        proxy
    }

    fn request(&mut self, stream: u32, request: &Request, now: UnixTime) {
        self.requests.insert(stream, request.clone());
        let head = RequestHead::new(Headers::new(request.fields.clone()));
        self.peer = request.certificate.map(KnownPeer::with_certificate).unwrap_or_default();
        self.handle(Event::Request { stream: StreamId(stream), head }, now);
        self.peer = KnownPeer::default();
    }

    fn response(&mut self, stream: u32, mut response: Response, _: UnixTime) -> Response {
        for cookie in self.response_cookies.remove(&stream).unwrap_or_default() {
            response = response.with("set-cookie", cookie);
        }
        response
    }

    fn close(&mut self, stream: u32, now: UnixTime) {
        self.requests.remove(&stream);
        self.handle(Event::StreamClosed { stream: StreamId(stream) }, now);
    }

    fn answer(&mut self, call: u32, outcome: CallOutcome, now: UnixTime) {
        let callout = self.calls.remove(&call).expect("a call ends once");
        let outcome = match outcome {
            CallOutcome::Answered(response) if response.body.len() > LARGEST_ANSWER => CalloutOutcome::TooLarge,
            CallOutcome::Answered(Response { status, fields, body }) => {
                CalloutOutcome::Answered { status, headers: Headers::new(fields), body }
            }
            CallOutcome::TimedOut | CallOutcome::Reset => CalloutOutcome::Failed,
        };
        self.handle(Event::CalloutCompleted { callout, outcome }, now);
    }

    fn tick(&mut self, now: UnixTime) {
        // The core asks for one tick at a time.
        self.happenings.push(Happening::Ticking(Duration::ZERO));
        self.handle(Event::Tick, now);
    }

    fn happenings(&mut self) -> Vec<Happening> {
        std::mem::take(&mut self.happenings)
    }

    fn log(&self) -> Vec<String> {
        self.log.clone()
    }

    fn metrics(&self) -> BTreeMap<String, u64> {
        self.metrics.clone()
    }
}

impl CoreProxy {
    fn handle(&mut self, event: Event, now: UnixTime) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let signer: &dyn HostSigner = if self.cryptography { &Signing } else { &NoHostSigner };
            let mut env = Env {
                now,
                entropy: &mut self.randomness,
                verifier: &Software,
                signer,
                shared: &mut self.shared,
                peer: &self.peer,
            };
            for effect in self.gateway.handle(event, &mut env) {
                events.extend(self.carry_out(effect));
            }
        }
    }

    /// Carries out an effect; some have an event as their immediate consequence.
    fn carry_out(&mut self, effect: Effect) -> Option<Event> {
        match effect {
            Effect::Dispatch { callout, request, .. } => {
                if !self.clusters.contains(&request.cluster) {
                    return Some(Event::CalloutCompleted { callout, outcome: CalloutOutcome::Refused });
                }
                self.next_call += 1;
                self.calls.insert(self.next_call, callout);
                let (cluster, timeout) = (request.cluster.clone(), request.timeout);
                self.happenings.push(Happening::Called {
                    call: self.next_call,
                    cluster,
                    request: call_request(request),
                    timeout,
                });
            }
            Effect::Forward { stream, forward } => {
                let request = self.requests.remove(&stream.0).expect("a verdict for a request that has none yet");
                let request = changed(request, &forward);
                self.response_cookies.insert(stream.0, forward.response_cookies().to_vec());
                self.happenings.push(Happening::Forwarded { stream: stream.0, request });
            }
            Effect::Respond { stream, response, .. } => {
                self.requests.remove(&stream.0).expect("a verdict for a request that has none yet");
                let fields = response.headers.into_iter().map(|(name, value)| (name, value.into_bytes())).collect();
                let response = Response { status: response.status, fields, body: response.body };
                self.happenings.push(Happening::Answered { stream: stream.0, response });
            }
            Effect::ReadBody { stream, limit } => {
                let body = &self.requests.get(&stream.0).expect("a request without a verdict").body;
                let body = (body.len() <= limit).then(|| body.clone());
                return Some(Event::RequestBody { stream, body });
            }
            Effect::ArmTick(delay) => self.happenings.push(Happening::Ticking(delay)),
            Effect::Log(line) => self.log.push(format!("[{:?}] {}", line.level, line.message)),
            Effect::Measure(Sample { series, value }) => {
                let known = self.metrics.entry(self.gateway.metric_name(&series)).or_default();
                *known = match series.metric.kind() {
                    Kind::Counter => *known + value,
                    Kind::Gauge => value,
                    Kind::Histogram => *known + 1,
                };
            }
        }
        None
    }
}

fn changed(mut request: Request, forward: &Forward) -> Request {
    for name in forward.removed() {
        request = request.without(name);
    }
    for (name, value) in forward.added() {
        request = request.with(name, value);
    }
    request
}

fn call_request(request: CalloutRequest) -> Request {
    let head = Request::default()
        .with(":method", request.method)
        .with(":scheme", request.scheme)
        .with(":authority", request.authority)
        .with(":path", request.path);
    request.headers.into_iter().fold(head, |head, (name, value)| head.with(&name, value)).with_body(request.body)
}
