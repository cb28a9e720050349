//! One plugin configuration's gateway and the streams it decides for.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use foldhash::fast::RandomState;
use host_cryptography::{HostSigning, HostVerifier};
use relying_party::gateway::{CalloutId, Effect, Env, Event, Gateway, StreamId};
use relying_party::http::{CalloutOutcome, CalloutRequest, RequestHead};

use crate::host::{self, HostEntropy};
use crate::metrics::HostMetrics;
use crate::peer::HostPeer;
use crate::shared::HostSharedData;

/// The gateway, and what the host must remember for it.
pub(crate) struct Shell {
    gateway: Gateway,
    root: u32,
    streams: HashMap<u32, Stream, RandomState>,
    /// Calls under way, by the host's number.
    callouts: BTreeMap<u32, Callout>,
    /// Calls made on behalf of all. The SDK hands an answer to the context that dispatched the call, and drops it when that
    /// is a stream which is gone. So these wait for the root's next tick.
    shared_calls: Vec<(CalloutId, CalloutRequest)>,
    metrics: HostMetrics,
}

/// A call under way: the gateway's number, and the stream that waits for it alone.
struct Callout {
    id: CalloutId,
    stream: Option<StreamId>,
}

/// How far a stream has come. There is no way from `Deciding` to the backend but `Forwarded`.
pub(crate) enum Stream {
    /// No verdict yet. `paused` once the host has been told to hold the request.
    Deciding { paused: bool, body: Body },
    /// On its way to the backend; these cookies go into the response.
    Forwarded { response_cookies: Vec<String> },
    /// Answered here.
    Answered,
}

/// What is known of the body of a request that is being decided.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Body {
    /// There is one; nobody has asked for it.
    Unread,
    /// There is one, to be reported up to this many bytes.
    Wanted { limit: usize },
    /// There is none.
    Absent,
}

/// Whose callback is being served.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Caller {
    Root,
    Stream(u32),
}

impl Shell {
    pub(crate) fn new(gateway: Gateway, root: u32) -> Self {
        Self {
            gateway,
            root,
            streams: HashMap::default(),
            callouts: BTreeMap::new(),
            shared_calls: Vec::new(),
            metrics: HostMetrics::default(),
        }
    }

    pub(crate) fn start(&mut self) {
        self.handle(Event::Start, Caller::Root);
    }

    pub(crate) fn tick(&mut self) {
        let mut lost = Vec::new();
        for (callout, request) in std::mem::take(&mut self.shared_calls) {
            self.dispatch(Callout { id: callout, stream: None }, &request, &mut lost);
        }
        for callout in lost {
            self.handle(Event::CalloutCompleted { callout, outcome: CalloutOutcome::Refused }, Caller::Root);
        }
        self.handle(Event::Tick, Caller::Root);
    }

    /// Takes a request's head; whether it may go on at once.
    pub(crate) fn request(&mut self, context: u32, head: RequestHead, ends: bool) -> bool {
        let body = if ends { Body::Absent } else { Body::Unread };
        self.streams.insert(context, Stream::Deciding { paused: false, body });
        self.handle(Event::Request { stream: StreamId(context), head }, Caller::Stream(context));
        self.may_go_on(context)
    }

    /// Takes a part of a request's body; whether it may go on.
    pub(crate) fn body(&mut self, context: u32, size: usize, ends: bool) -> bool {
        let Some(Stream::Deciding { body, .. }) = self.streams.get_mut(&context) else {
            return self.may_go_on(context);
        };
        if let Body::Wanted { limit } = *body
            && (ends || size > limit)
        {
            *body = Body::Absent;
            let body = (size <= limit).then(|| host::request_body(size));
            self.handle(Event::RequestBody { stream: StreamId(context), body }, Caller::Stream(context));
        }
        self.may_go_on(context)
    }

    /// Takes the end of a request that ends with trailers; whether it may go on.
    pub(crate) fn trailers(&mut self, context: u32) -> bool {
        if let Some(Stream::Deciding { body: Body::Wanted { .. }, .. }) = self.streams.get(&context) {
            // No browser sends a form with trailers.
            self.handle(Event::RequestBody { stream: StreamId(context), body: None }, Caller::Stream(context));
        }
        self.may_go_on(context)
    }

    /// A response begins; the cookies that it gets when it is the backend's. To a request without a verdict only the host
    /// itself can respond (a timeout of its own): that request is decided.
    pub(crate) fn response(&mut self, context: u32) -> Vec<String> {
        match self.streams.get_mut(&context) {
            Some(Stream::Forwarded { response_cookies }) => std::mem::take(response_cookies),
            Some(Stream::Deciding { .. }) => {
                self.abandon(context);
                self.streams.insert(context, Stream::Answered);
                Vec::new()
            }
            Some(Stream::Answered) | None => Vec::new(),
        }
    }

    pub(crate) fn closed(&mut self, context: u32) {
        if let Some(Stream::Deciding { .. }) = self.streams.remove(&context) {
            self.abandon(context);
        }
    }

    /// Nothing waits for this stream's verdict any more.
    fn abandon(&mut self, context: u32) {
        // The SDK drops the answers to calls of a stream that is gone.
        self.callouts.retain(|_, callout| callout.stream != Some(StreamId(context)));
        self.handle(Event::StreamClosed { stream: StreamId(context) }, Caller::Stream(context));
    }

    pub(crate) fn callout_completed(&mut self, token: u32, outcome: CalloutOutcome, context: u32) {
        if let Some(Callout { id: callout, .. }) = self.callouts.remove(&token) {
            let caller = if context == self.root { Caller::Root } else { Caller::Stream(context) };
            self.handle(Event::CalloutCompleted { callout, outcome }, caller);
        }
    }

    /// Only a forwarded stream goes on. Every other answer holds the request, and remembers that it is held.
    fn may_go_on(&mut self, context: u32) -> bool {
        match self.streams.get_mut(&context) {
            Some(Stream::Forwarded { .. }) => true,
            Some(Stream::Deciding { paused, .. }) => {
                *paused = true;
                false
            }
            Some(Stream::Answered) | None => false,
        }
    }

    fn handle(&mut self, event: Event, caller: Caller) {
        let now = host::now();
        let (mut next, mut later) = (Some(event), VecDeque::new());
        while let Some(event) = next {
            let mut lost = Vec::new();
            let mut env = Env {
                now,
                entropy: &mut HostEntropy,
                verifier: &HostVerifier { log: host::log },
                signer: &HostSigning,
                shared: &mut HostSharedData,
                peer: &HostPeer,
            };
            let effects = self.gateway.handle(event, &mut env);
            for effect in effects {
                self.carry_out(effect, caller, &mut lost);
            }
            let refused = |callout| Event::CalloutCompleted { callout, outcome: CalloutOutcome::Refused };
            later.extend(lost.into_iter().map(refused));
            next = later.pop_front();
        }
    }

    fn carry_out(&mut self, effect: Effect, caller: Caller, lost: &mut Vec<CalloutId>) {
        match effect {
            Effect::Dispatch { callout, stream: None, request } if caller != Caller::Root => {
                self.shared_calls.push((callout, request));
                host::tick_in(Duration::from_millis(1));
            }
            Effect::Dispatch { callout, stream, request } => {
                self.dispatch(Callout { id: callout, stream }, &request, lost)
            }
            Effect::Forward { stream: StreamId(context), forward } => {
                if let Some(Stream::Deciding { paused, .. }) = self.streams.get(&context) {
                    let paused = *paused;
                    self.as_stream(context, caller, || {
                        host::change_request(&forward);
                        if paused {
                            host::resume_request();
                        }
                    });
                    self.streams
                        .insert(context, Stream::Forwarded { response_cookies: forward.into_response_cookies() });
                }
            }
            Effect::Respond { stream: StreamId(context), response, reason, rule } => {
                if let Some(Stream::Deciding { .. }) = self.streams.get(&context) {
                    self.as_stream(context, caller, || {
                        for (name, value) in [("reason", reason), ("rule", rule.as_deref())] {
                            if let Some(value) = value {
                                host::publish(name, value);
                            }
                        }
                        host::respond(&response);
                    });
                    self.streams.insert(context, Stream::Answered);
                }
            }
            Effect::ReadBody { stream: StreamId(context), limit } => self.want_body(context, limit, caller),
            Effect::ArmTick(delay) if self.shared_calls.is_empty() => host::tick_in(delay),
            // Already due in a millisecond; the gateway asks again after that tick.
            Effect::ArmTick(_) => {}
            Effect::Log(line) => host::log(&line),
            Effect::Measure(sample) => self.metrics.add(sample, || self.gateway.metric_name(&sample.series)),
        }
    }

    fn want_body(&mut self, context: u32, limit: usize, caller: Caller) {
        let Some(Stream::Deciding { body, .. }) = self.streams.get_mut(&context) else { return };
        match body {
            Body::Unread => *body = Body::Wanted { limit },
            Body::Absent | Body::Wanted { .. } => {
                let event = Event::RequestBody { stream: StreamId(context), body: Some(Vec::new()) };
                self.handle(event, caller);
            }
        }
    }

    fn dispatch(&mut self, callout: Callout, request: &CalloutRequest, lost: &mut Vec<CalloutId>) {
        match host::dispatch(request) {
            Some(token) => {
                self.callouts.insert(token, callout);
            }
            None => lost.push(callout.id),
        }
    }

    /// Runs host calls for a stream, whoever's callback this is.
    fn as_stream(&self, context: u32, caller: Caller, act: impl FnOnce()) {
        if caller == Caller::Stream(context) {
            act();
            return;
        }
        if host::act_for(context) {
            act();
        }
        let _ = host::act_for(match caller {
            Caller::Root => self.root,
            Caller::Stream(context) => context,
        });
    }
}
