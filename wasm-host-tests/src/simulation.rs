//! Virtual time: the world of the rings that need no network. Rings one and two differ in the [`Proxy`] alone.

use std::collections::BTreeMap;
use std::ops::DerefMut;
use std::time::Duration;

use relying_party::time::UnixTime;
use sha2::{Digest as _, Sha256};

use crate::message::{Request, Response};
use crate::provider::{Answer, Provider};
use crate::setup::Setup;
use crate::shared::SharedMap;
use crate::webdis::{self, Webdis};
use crate::world::{Exchange, Need, PATIENCE, Ticket, World};

pub use crate::boot::{Boot, Verification};

/// How long the simulated network takes for an exchange with a provider that answers at once.
const LATENCY: Duration = Duration::from_millis(1);

/// A relying party inside something that plays the proxy.
pub trait Proxy: Sized {
    /// The name of the ring.
    const RING: &'static str;
    /// What it cannot offer.
    const LACKS: &'static [Need];

    /// Starts with a configuration.
    fn boot(boot: &Boot, now: UnixTime) -> Self;

    /// A request arrives, body included.
    fn request(&mut self, stream: u32, request: &Request, now: UnixTime);

    /// The application has answered; the answer passes the filter.
    fn response(&mut self, stream: u32, response: Response, now: UnixTime) -> Response;

    /// The stream has ended: answered in full, or the client has gone.
    fn close(&mut self, stream: u32, now: UnixTime);

    /// A call has ended.
    fn answer(&mut self, call: u32, outcome: CallOutcome, now: UnixTime);

    /// The timer fires.
    fn tick(&mut self, now: UnixTime);

    /// What the relying party wants to happen since the last time somebody asked.
    fn happenings(&mut self) -> Vec<Happening>;

    /// Every line logged so far.
    fn log(&self) -> Vec<String>;

    /// The metrics by name: what counters and gauges say, and how many values a histogram has.
    fn metrics(&self) -> BTreeMap<String, u64>;
}

/// When every simulation begins.
pub const BEGINNING: UnixTime = UnixTime::from_secs(1_900_000_000);

/// What a relying party wants.
#[derive(Debug)]
pub enum Happening {
    /// A call to a provider.
    Called {
        /// The call's number.
        call: u32,
        /// The cluster that carries it.
        cluster: String,
        /// The request.
        request: Request,
        /// How long to wait.
        timeout: Duration,
    },
    /// The request is answered without the application.
    Answered {
        /// The stream's number.
        stream: u32,
        /// The answer.
        response: Response,
    },
    /// The request goes on to the application.
    Forwarded {
        /// The stream's number.
        stream: u32,
        /// The request as the application gets it.
        request: Request,
    },
    /// The timer fires with this period from now on; zero: never.
    Ticking(Duration),
}

/// How a call ended.
#[derive(Debug)]
pub enum CallOutcome {
    /// With an answer.
    Answered(Response),
    /// Without, in time.
    TimedOut,
    /// By the other side.
    Reset,
}

/// Bytes that look random and are the same in every run.
#[derive(Debug)]
pub struct Randomness {
    seed: u64,
    drawn: u64,
}

impl Randomness {
    /// The randomness of the instance `seed`.
    pub const fn new(seed: u64) -> Self {
        Self { seed, drawn: 0 }
    }

    /// The next bytes.
    pub fn draw(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length + 32);
        while bytes.len() < length {
            self.drawn += 1;
            bytes.extend(Sha256::digest([self.seed.to_le_bytes(), self.drawn.to_le_bytes()].concat()));
        }
        bytes.truncate(length);
        bytes
    }
}

/// A ring in virtual time.
pub struct VirtualWorld<P> {
    /// By number. Those that are gone are not here any more.
    vms: BTreeMap<usize, Vm<P>>,
    boot: Boot,
    provider: Provider,
    webdis: Webdis,
    application: Response,
    now: UnixTime,
    /// By the time of the answer, the VM and its own number for the call.
    calls: BTreeMap<(UnixTime, usize, u32), CallOutcome>,
    streams: BTreeMap<u32, Stream>,
    next_stream: u32,
    retired_log: Vec<String>,
    heard: usize,
    ticks: usize,
    carried: Vec<(String, String)>,
}

/// One VM of the process.
struct Vm<P> {
    proxy: P,
    ticking: Option<(Duration, UnixTime)>,
}

struct Stream {
    vm: usize,
    started: UnixTime,
    done: Option<Exchange>,
}

impl<P: Proxy> World for VirtualWorld<P> {
    const RING: &'static str = P::RING;
    const LACKS: &'static [Need] = P::LACKS;

    fn open(setup: Setup) -> Self {
        let now = BEGINNING;
        let boot = Boot::new(&setup, 1);
        let mut world = Self {
            vms: BTreeMap::new(),
            boot,
            provider: setup.provider,
            webdis: Webdis::default(),
            application: setup.application,
            now,
            calls: BTreeMap::new(),
            streams: BTreeMap::new(),
            next_stream: 0,
            retired_log: Vec::new(),
            heard: 0,
            ticks: 0,
            carried: Vec::new(),
        };
        for _ in 0..setup.vms {
            world.start_vm();
        }
        world
    }

    fn start(&mut self, request: Request) -> Ticket {
        let stream = self.next_stream;
        let turn = usize::try_from(stream).expect("few streams") % self.vms.len();
        let vm = *self.vms.keys().nth(turn).expect("a VM");
        self.start_at(vm, request)
    }

    fn finish(&mut self, ticket: Ticket) -> Exchange {
        let stream = self.streams.get(&ticket.0).expect("a ticket is finished once");
        let deadline = stream.started + PATIENCE;
        while self.streams.get(&ticket.0).is_some_and(|stream| stream.done.is_none()) {
            if !self.step(deadline) {
                let log = self.log().join("\n");
                panic!("no answer within {PATIENCE:?}; log:\n{log}");
            }
        }
        self.streams.remove(&ticket.0).and_then(|stream| stream.done).expect("the loop ended with an answer")
    }

    fn abandon(&mut self, ticket: Ticket) {
        let stream = self.streams.remove(&ticket.0).expect("a ticket is abandoned once");
        if stream.done.is_none() {
            let now = self.now;
            self.vm(stream.vm).close(ticket.0, now);
            self.carry_out();
        }
    }

    fn advance(&mut self, duration: Duration) {
        let until = self.now + duration;
        while self.step(until) {}
        self.now = until;
    }

    fn now(&self) -> UnixTime {
        self.now
    }

    fn provider(&mut self) -> impl DerefMut<Target = Provider> + '_ {
        &mut self.provider
    }

    fn restart(&mut self) {
        assert!(self.streams.is_empty(), "requests under way would be lost");
        let vms: Vec<usize> = self.vms.keys().copied().collect();
        vms.iter().for_each(|vm| self.kill_vm(*vm));
        self.boot.shared = SharedMap::default();
        vms.iter().for_each(|_| {
            self.start_vm();
        });
    }

    fn application_heard(&self) -> usize {
        self.heard
    }

    fn log(&self) -> Vec<String> {
        self.retired_log.iter().cloned().chain(self.vms.values().flat_map(|vm| vm.proxy.log())).collect()
    }
}

impl<P: Proxy> VirtualWorld<P> {
    /// The proxy, for what only its ring can tell; of several, the first.
    pub fn proxy(&mut self) -> &mut P {
        self.vms.values_mut().next().map(|vm| &mut vm.proxy).expect("a VM")
    }

    /// The metrics by name; what counters say of all VMs together.
    pub fn metrics(&self) -> BTreeMap<String, u64> {
        let mut all = BTreeMap::new();
        for (name, value) in self.vms.values().flat_map(|vm| vm.proxy.metrics()) {
            let is_counter = name.contains("_total");
            let known: &mut u64 = all.entry(name).or_default();
            *known = if is_counter { *known + value } else { value };
        }
        all
    }

    /// Starts another VM of the same process; its number.
    pub fn start_vm(&mut self) -> usize {
        let proxy = P::boot(&self.boot, self.now);
        let vm = usize::try_from(self.boot.instance).expect("few VMs");
        self.boot.instance += 1;
        self.vms.insert(vm, Vm { proxy, ticking: None });
        self.carry_out();
        vm
    }

    /// Starts a VM of another process, which shares nothing with the others but the store; its number.
    pub fn start_instance(&mut self) -> usize {
        let others = std::mem::take(&mut self.boot.shared);
        let vm = self.start_vm();
        self.boot.shared = others;
        vm
    }

    /// The store.
    pub const fn webdis(&mut self) -> &mut Webdis {
        &mut self.webdis
    }

    /// Ends a VM in the middle of whatever it does. The answers to its calls find nobody.
    pub fn kill_vm(&mut self, vm: usize) {
        let gone = self.vms.remove(&vm).expect("a VM that lives");
        self.retired_log.extend(gone.proxy.log());
        self.calls.retain(|(_, of, _), _| *of != vm);
        self.streams.retain(|_, stream| stream.vm != vm);
    }

    /// The numbers of the VMs that live.
    pub fn vms(&self) -> Vec<usize> {
        self.vms.keys().copied().collect()
    }

    /// Sends a request to a VM of one's choice and does not wait for the answer.
    pub fn start_at(&mut self, vm: usize, request: Request) -> Ticket {
        let stream = self.next_stream;
        self.next_stream += 1;
        self.streams.insert(stream, Stream { vm, started: self.now, done: None });
        let now = self.now;
        self.vm(vm).request(stream, &as_delivered(request), now);
        self.carry_out();
        Ticket(stream)
    }

    /// Sends a request to a VM of one's choice and waits for the answer.
    pub fn send_to(&mut self, vm: usize, request: Request) -> Exchange {
        let ticket = self.start_at(vm, request);
        self.finish(ticket)
    }

    fn vm(&mut self, vm: usize) -> &mut P {
        self.vms.get_mut(&vm).map(|vm| &mut vm.proxy).expect("a VM that lives")
    }

    /// What the VMs share.
    pub const fn shared(&self) -> &SharedMap {
        &self.boot.shared
    }

    /// How often the timer has fired.
    pub const fn ticks(&self) -> usize {
        self.ticks
    }

    /// Which cluster carried a call to which host, in order.
    pub fn carried(&self) -> &[(String, String)] {
        &self.carried
    }

    /// Lets the next thing happen that is due until then; false when there is none.
    fn step(&mut self, until: UnixTime) -> bool {
        let call = self.calls.keys().next().copied();
        let ticks = self.vms.iter().filter_map(|(number, vm)| vm.ticking.map(|(period, next)| (next, *number, period)));
        match (call, ticks.min()) {
            (Some((due, vm, call)), tick) if due <= until && tick.is_none_or(|(tick, ..)| due <= tick) => {
                let outcome = self.calls.remove(&(due, vm, call)).expect("just found");
                self.now = self.now.max(due);
                let now = self.now;
                self.vm(vm).answer(call, outcome, now);
            }
            (_, Some((next, number, period))) if next <= until => {
                self.now = self.now.max(next);
                self.ticks += 1;
                let now = self.now;
                let vm = self.vms.get_mut(&number).expect("just found");
                vm.ticking = Some((period, now + period));
                vm.proxy.tick(now);
            }
            _ => return false,
        }
        self.carry_out();
        true
    }

    fn carry_out(&mut self) {
        loop {
            let happenings: Vec<(usize, Happening)> = self
                .vms
                .iter_mut()
                .flat_map(|(number, vm)| vm.proxy.happenings().into_iter().map(|happening| (*number, happening)))
                .collect();
            if happenings.is_empty() {
                return;
            }
            for (vm, happening) in happenings {
                self.carry_out_one(vm, happening);
            }
        }
    }

    fn carry_out_one(&mut self, vm: usize, happening: Happening) {
        match happening {
            Happening::Called { call, cluster, request, timeout } => {
                let authority = request.header(":authority").unwrap_or_default().to_owned();
                let answer = match cluster.as_str() {
                    webdis::CLUSTER => self.webdis.answer(&request, self.now),
                    _ => self.provider.answer(&request, self.now),
                };
                self.carried.push((cluster, authority));
                let (after, outcome) = match answer {
                    Answer::Respond(response) => (LATENCY, CallOutcome::Answered(response)),
                    Answer::Delay(pause, response) => (pause, CallOutcome::Answered(response)),
                    Answer::Hang => (timeout, CallOutcome::TimedOut),
                    Answer::Reset => (LATENCY, CallOutcome::Reset),
                };
                let late = after > timeout;
                let (after, outcome) = if late { (timeout, CallOutcome::TimedOut) } else { (after, outcome) };
                self.calls.insert((self.now + after, vm, call), outcome);
            }
            Happening::Answered { stream, response } => self.decide(stream, response, None),
            Happening::Forwarded { stream, request } => {
                self.heard += 1;
                let (application, now) = (self.application.clone(), self.now);
                let response = self.vm(vm).response(stream, application, now);
                self.decide(stream, response, Some(request));
            }
            Happening::Ticking(period) => {
                let ticking = (!period.is_zero()).then(|| (period, self.now + period));
                self.vms.get_mut(&vm).expect("a VM that lives").ticking = ticking;
            }
        }
    }

    fn decide(&mut self, number: u32, response: Response, upstream: Option<Request>) {
        let stream = self.streams.get_mut(&number).unwrap_or_else(|| panic!("a verdict for the dead stream {number}"));
        assert!(stream.done.is_none(), "two verdicts for one stream");
        let took = self.now.since(stream.started);
        stream.done = Some(Exchange { response, upstream, took });
        let (vm, now) = (stream.vm, self.now);
        self.vm(vm).close(number, now);
    }
}

/// Envoy delivers names in lower case.
fn as_delivered(mut request: Request) -> Request {
    for (name, _) in &mut request.fields {
        name.make_ascii_lowercase();
    }
    request
}
