//! The state machine around the flows: it schedules, parks and resumes, and knows no protocol.

mod errands;
mod figures;
mod loader;
mod parking;
mod store;
mod tasks;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use crate::admission::assertion;
use crate::admission::cache::LiveCache;
use crate::admission::{LiveSession, LiveToken};
use crate::config::Config;
use crate::entropy::Entropy;
use crate::flow::provider::ProviderSlot;
use crate::flow::{self, Answers, Reply, Scene, SharedKey, Step, Verdict, Wait};
use crate::forward::Forward;
use crate::http::{CalloutOutcome, CalloutRequest, RequestHead, Response};
use crate::jose::{HostSigner, SignatureVerifier};
use crate::log::LogLine;
use crate::metrics::{Metrics, Sample};
use crate::peer::Peer;
use crate::policy::managed_headers::ManagedHeaders;
use crate::session::revocation::Revocations;
use crate::shared::{OwnData, SharedData, SharedOrOwn};
use crate::store::Errand;
use crate::time::UnixTime;

use self::errands::Errands;
use self::loader::Loader;
use self::parking::{Parked, ParkingLot};
use self::store::{StoreCall, StoreLink};
use self::tasks::Tasks;

/// A request's stream, as the host numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamId(pub u32);

/// A call to a provider, as the gateway numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CalloutId(u64);

/// What happened.
pub enum Event {
    /// The configuration is in place; calls may be dispatched from now on.
    Start,
    /// A request's head has arrived.
    Request {
        /// Its stream.
        stream: StreamId,
        /// Its head.
        head: RequestHead,
    },
    /// The body that [`Effect::ReadBody`] asked for is complete; `None` when it is larger than the limit.
    RequestBody {
        /// Its stream.
        stream: StreamId,
        /// The body.
        body: Option<Vec<u8>>,
    },
    /// A call to a provider has ended, one way or another.
    CalloutCompleted {
        /// Which one.
        callout: CalloutId,
        /// How.
        outcome: CalloutOutcome,
    },
    /// A stream is gone; nothing may be done for it any more.
    StreamClosed {
        /// Which one.
        stream: StreamId,
    },
    /// Time has passed.
    Tick,
}

/// What the host is to do.
#[derive(Debug)]
pub enum Effect {
    /// Send a request to a provider; its end comes back as [`Event::CalloutCompleted`], whatever it is.
    Dispatch {
        /// The number to report it under.
        callout: CalloutId,
        /// The stream that waits for it alone; `None` for a call made on behalf of all.
        stream: Option<StreamId>,
        /// The request.
        request: CalloutRequest,
    },
    /// Let the request go on to the backend, changed so. The only way any request goes on.
    Forward {
        /// Its stream.
        stream: StreamId,
        /// The changes.
        forward: Forward,
    },
    /// Answer the request.
    Respond {
        /// Its stream.
        stream: StreamId,
        /// The answer.
        response: Response,
        /// The reason code of a refusal, or why a browser is sent to the provider.
        reason: Option<&'static str>,
        /// The name of the rule by which this is the answer.
        rule: Option<String>,
    },
    /// Collect the request's body and report it as [`Event::RequestBody`].
    ReadBody {
        /// Its stream.
        stream: StreamId,
        /// The largest body of interest, in bytes.
        limit: usize,
    },
    /// Report [`Event::Tick`] after this long.
    ArmTick(Duration),
    /// Write a line to the host's log.
    Log(LogLine),
    /// Add a value to the host's statistics; [`Gateway::metric_name`] is the name.
    Measure(Sample),
}

/// What the host lends for the time of one event.
pub struct Env<'a> {
    /// The host's clock.
    pub now: UnixTime,
    /// The host's randomness.
    pub entropy: &'a mut dyn Entropy,
    /// What checks signatures: the host, where it can.
    pub verifier: &'a dyn SignatureVerifier,
    /// The host's private-key operations.
    pub signer: &'a dyn HostSigner,
    /// What the VMs of this process share.
    pub shared: &'a mut dyn SharedData,
    /// The connection of the request, while the event is [`Event::Request`].
    pub peer: &'a dyn Peer,
}

/// How long a request waits for a provider's metadata or keys.
const PROVIDER_PATIENCE: Duration = Duration::from_secs(3);
/// How long a request waits for its own body. A host that withholds bodies while headers are paused never delivers one.
const FORM_PATIENCE: Duration = Duration::from_secs(5);

/// How much memory opened sessions take at most (bytes): enough for 50,000 ordinary ones.
const SESSIONS: usize = 80 << 20;
/// How much memory verified access tokens take at most (bytes).
const TOKENS: usize = 48 << 20;

/// One deployment's relying party.
pub struct Gateway {
    config: Config,
    managed_headers: ManagedHeaders,
    slots: Vec<ProviderSlot>,
    loader: Loader,
    sessions: LiveCache<LiveSession>,
    tokens: LiveCache<LiveToken>,
    answers: Answers,
    revocations: Revocations,
    store: Option<StoreLink>,
    own_data: OwnData,
    parked: ParkingLot,
    tasks: Tasks,
    callouts: BTreeMap<CalloutId, Outstanding>,
    next_callout: u64,
    armed_for: Option<UnixTime>,
    errands: Errands,
    new_errands: Vec<Errand>,
    log: Vec<LogLine>,
    metrics: Metrics,
}

/// A call under way.
struct Outstanding {
    purpose: Purpose,
    /// What it asks for.
    call: &'static str,
    since: UnixTime,
}

/// What an outstanding call is for.
#[derive(Clone, Copy, Debug)]
enum Purpose {
    /// One stream's flow.
    Stream(StreamId),
    /// A task.
    Task(SharedKey),
    /// A provider's metadata or keys: the provider's index.
    Provider(usize),
    /// What other instances are told, or tell.
    Store(StoreCall),
    /// Something whose end nobody waits for.
    Errand,
}

impl Gateway {
    /// A relying party for `config`, with nothing loaded yet.
    pub fn new(config: Config) -> Self {
        let slots: Vec<_> = config.providers.iter().map(|provider| ProviderSlot::new(Rc::clone(provider))).collect();
        let loader = Loader::new(&slots);
        let store = config.session.as_ref().and_then(StoreLink::new);
        let managed_headers = ManagedHeaders::new(config.managed_headers());
        let of_assertion = if config.assertion.is_some() { assertion::WEIGHT } else { 0 };
        Self {
            config,
            managed_headers,
            slots,
            loader,
            sessions: LiveCache::new(SESSIONS).with_room_for(of_assertion),
            tokens: LiveCache::new(TOKENS).with_room_for(of_assertion),
            answers: Answers::default(),
            revocations: Revocations::default(),
            store,
            own_data: OwnData::default(),
            parked: ParkingLot::default(),
            tasks: Tasks::default(),
            callouts: BTreeMap::new(),
            next_callout: 0,
            armed_for: None,
            errands: Errands::default(),
            new_errands: Vec::new(),
            log: Vec::new(),
            metrics: Metrics::default(),
        }
    }

    /// Takes an event and says what is to be done about it.
    pub fn handle(&mut self, event: Event, env: &mut Env<'_>) -> Vec<Effect> {
        let mut effects = Vec::new();
        let is_start = matches!(event, Event::Start);
        if let Some(store) = &mut self.store {
            if let Event::Request { .. } = event {
                store.look(env);
            }
            self.revocations.expect_news(store.back_at());
        }
        // Also before what has waited goes on. A VM that lives only for its configuration has nobody to ask about.
        if self.config.session.is_some() && !is_start {
            self.revocations.poll(env.shared, env.now, &mut self.log);
        }
        match event {
            Event::Start => {
                self.loader.start(&mut self.slots, env);
                self.begin_figures();
            }
            Event::Request { stream, head } => {
                self.loader.look(&mut self.slots, env);
                let step = flow::begin(head, env.peer, &mut self.scene(env));
                self.take(stream, step, env, &mut effects);
            }
            Event::RequestBody { stream, body } => {
                if let Some(flow) = self.parked.take_awaiting_body(stream) {
                    let step = flow.resume(body, &mut self.scene(env));
                    self.take(stream, step, env, &mut effects);
                }
            }
            Event::CalloutCompleted { callout, outcome } => self.callout_completed(callout, outcome, env, &mut effects),
            Event::StreamClosed { stream } => self.forget(stream),
            Event::Tick => {
                self.armed_for = None;
                self.take_figures(env.now);
                self.give_up_lost_fetches(env, &mut effects);
                self.give_up_lost_store_calls(env);
                self.resume_due_tasks(env, &mut effects);
                self.load_providers(env, &mut effects);
                self.resume_waiting(env, &mut effects);
                for (stream, flow) in self.parked.take_overdue_forms(env.now) {
                    let step = flow.resume(None, &mut self.scene(env));
                    self.take(stream, step, env, &mut effects);
                }
            }
        }
        // At the start this may be a VM that lives for the time of a configuration check.
        self.run_errands(env, &mut effects);
        self.link_to_others(!is_start, env, &mut effects);
        self.arm(env.now, &mut effects);
        effects.extend(self.log.drain(..).map(Effect::Log));
        effects.extend(self.metrics.drain().map(Effect::Measure));
        effects
    }

    fn callout_completed(
        &mut self,
        callout: CalloutId,
        outcome: CalloutOutcome,
        env: &mut Env<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(Outstanding { purpose, call, since }) = self.callouts.remove(&callout) else { return };
        self.measure_callout(call, &outcome, env.now.since(since));
        match purpose {
            Purpose::Stream(stream) => {
                if let Some(flow) = self.parked.take_awaiting_callout(stream) {
                    let step = flow.resume(outcome, &mut self.scene(env));
                    self.take(stream, step, env, effects);
                }
            }
            Purpose::Task(key) => self.task_answered(key, outcome, env, effects),
            Purpose::Provider(index) => {
                self.provider_answered(index, outcome, env, effects);
                self.resume_waiting(env, effects);
            }
            Purpose::Store(call) => self.store_answered(call, outcome, env),
            Purpose::Errand => self.errand_ended(callout, outcome, env.now),
        }
    }

    /// Carries out a flow's step for its stream.
    fn take(&mut self, stream: StreamId, step: Step, env: &mut Env<'_>, effects: &mut Vec<Effect>) {
        match step {
            Step::Done(Verdict::Forward(forward)) => effects.push(Effect::Forward { stream, forward }),
            Step::Done(Verdict::Respond(Reply { response, reason, rule })) => {
                effects.push(Effect::Respond { stream, response, reason, rule });
            }
            Step::Wait(Wait::Callout { request, flow }) => {
                let callout = self.number(Purpose::Stream(stream), &request, env.now);
                self.parked.park(stream, Parked::Callout { callout, flow });
                effects.push(Effect::Dispatch { callout, stream: Some(stream), request: *request });
            }
            Step::Wait(Wait::Task { key, flow }) => self.share(stream, key, flow, env, effects),
            Step::Wait(Wait::Body { limit, flow }) => {
                self.parked.park(stream, Parked::Body { flow, deadline: env.now + FORM_PATIENCE });
                effects.push(Effect::ReadBody { stream, limit });
            }
            Step::Wait(Wait::Provider { need, flow }) => {
                self.loader.want(need, &self.slots);
                self.load_providers(env, effects);
                let deadline = env.now + PROVIDER_PATIENCE;
                if self.loader.is_settled(need, &self.slots, deadline) {
                    let step = flow.resume(&mut self.scene(env));
                    self.take(stream, step, env, effects);
                } else {
                    self.parked.park(stream, Parked::Provider { need, flow, deadline });
                }
            }
        }
    }

    /// Resumes every stream whose wait for a provider is over, by success or by patience.
    fn resume_waiting(&mut self, env: &mut Env<'_>, effects: &mut Vec<Effect>) {
        let slots = &self.slots;
        let loader = &self.loader;
        for (stream, flow) in
            self.parked.take_ready(|need, deadline| env.now >= deadline || loader.is_settled(need, slots, deadline))
        {
            let step = flow.resume(&mut self.scene(env));
            self.take(stream, step, env, effects);
        }
        self.resume_tasks_awaiting_provider(env, effects);
    }

    /// Begins every fetch that is due.
    fn load_providers(&mut self, env: &mut Env<'_>, effects: &mut Vec<Effect>) {
        for (index, request) in self.loader.begin(&mut self.slots, env) {
            let callout = self.number(Purpose::Provider(index), &request, env.now);
            effects.push(Effect::Dispatch { callout, stream: None, request });
        }
    }

    fn provider_answered(
        &mut self,
        index: usize,
        outcome: CalloutOutcome,
        env: &mut Env<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let generation = self.generation(index);
        self.loader.answered(index, &mut self.slots, outcome, env, &mut self.log);
        self.count_fetch(index, generation);
        self.load_providers(env, effects);
    }

    /// Ends fetches whose answer the host has lost, so that nothing waits for ever.
    fn give_up_lost_fetches(&mut self, env: &mut Env<'_>, effects: &mut Vec<Effect>) {
        for index in self.loader.lost(env.now) {
            self.callouts.retain(|_, call| !matches!(call.purpose, Purpose::Provider(of) if of == index));
            self.provider_answered(index, CalloutOutcome::Failed, env, effects);
        }
    }

    fn forget(&mut self, stream: StreamId) {
        match self.parked.remove(stream) {
            Some(Parked::Callout { callout, .. }) => drop(self.callouts.remove(&callout)),
            Some(Parked::Task { key, .. }) => self.tasks.leave(key, stream),
            Some(Parked::Body { .. } | Parked::Provider { .. }) | None => {}
        }
    }

    fn number(&mut self, purpose: Purpose, request: &CalloutRequest, now: UnixTime) -> CalloutId {
        self.next_callout = self.next_callout.wrapping_add(1);
        let callout = CalloutId(self.next_callout);
        self.callouts.insert(callout, Outstanding { purpose, call: request.call, since: now });
        callout
    }

    /// Asks for a tick when something falls due earlier than the tick already asked for.
    fn arm(&mut self, now: UnixTime, effects: &mut Vec<Effect>) {
        let loader = self.loader.next_due(&self.slots, self.parked.awaits_provider() || self.tasks.awaits_provider());
        let store = self.store.as_ref().map(StoreLink::next_due);
        let (parked, errands) = (self.parked.next_deadline(), self.errands.next_due());
        let due = [parked, self.tasks.next_due(), loader, store, errands, self.figures_due(now)];
        let due = due.into_iter().flatten().min();
        if let Some(due) = due
            && self.armed_for.is_none_or(|armed| due < armed)
        {
            self.armed_for = Some(due);
            effects.push(Effect::ArmTick(due.since(now).max(Duration::from_millis(1))));
        }
    }

    fn scene<'a>(&'a mut self, env: &'a mut Env<'_>) -> Scene<'a> {
        Scene {
            config: &self.config,
            providers: &self.slots,
            managed_headers: &self.managed_headers,
            sessions: &mut self.sessions,
            tokens: &mut self.tokens,
            answers: &mut self.answers,
            now: env.now,
            entropy: env.entropy,
            verifier: env.verifier,
            signer: env.signer,
            shared: SharedOrOwn { shared: env.shared, own: &mut self.own_data },
            revocations: &mut self.revocations,
            store: self.store.as_ref().map(StoreLink::status),
            errands: &mut self.new_errands,
            log: &mut self.log,
            metrics: &mut self.metrics,
        }
    }
}
