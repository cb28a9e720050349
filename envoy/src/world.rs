//! Ring three: the scenarios' world, with real Envoy and real sockets between browser, application and provider.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::ops::DerefMut;
use std::rc::Rc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use relying_party::time::UnixTime;
use serde_json::Value;
use wasm_host_tests::message::{Request, Response};
use wasm_host_tests::provider::Provider;
use wasm_host_tests::setup::Setup;
use wasm_host_tests::world::{Exchange, Need, Ticket, World};

use crate::provider::{SimulatedProvider, now};
use crate::{Access, Backend, Cluster, ClusterConnection, Connection, Envoy, Filter, Listener, Route};

/// Says which request of the application's log belongs to which ticket. Nobody but this module sees it.
const TICKET: &str = "x-ring-ticket";

/// Fields that Envoy gives every request on its way to the application.
const OF_ENVOY: [&str; 4] = ["x-forwarded-for", "x-forwarded-proto", "x-request-id", "x-envoy-expected-rq-timeout-ms"];

/// A scenario that waits longer needs virtual time, and says so.
const LONGEST_WAIT: Duration = Duration::from_secs(15);

thread_local! {
    /// Each test has a thread and at most one Envoy, whose worlds are listeners that come and go: compiling the module is what takes
    /// time, and a process does it once.
    static ENVOY: RefCell<Option<Rc<Envoy>>> = const { RefCell::new(None) };
    /// Listeners of worlds that ended. They go when the next has come, for the compiled module lives as long as somebody uses it.
    static RETIRED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Real Envoy between real sockets.
pub struct EnvoyWorld {
    envoy: Rc<Envoy>,
    setup: Configured,
    options: Options,
    generation: u32,
    /// The listener, its plugin, its VM: one name for all.
    name: String,
    address: SocketAddr,
    backend: Backend,
    provider: SimulatedProvider,
    pending: BTreeMap<Ticket, Pending>,
    tickets: u32,
    retired_log: Vec<String>,
}

/// What a setup says about the filter.
struct Configured {
    document: Value,
    environment: Vec<(String, String)>,
    /// The clusters that lead to the provider.
    clusters: BTreeSet<String>,
}

struct Pending {
    connection: TcpStream,
    answer: JoinHandle<(io::Result<Response>, Duration)>,
    /// Names that the client itself sent, though Envoy sends them too.
    own_names: Vec<String>,
}

/// What a test wants otherwise than the scenarios do.
pub struct Options {
    /// Envoy's `allow_on_headers_stop_iteration`.
    pub stop_iteration: bool,
    /// Whether the provider does not listen yet.
    pub provider_down: bool,
    /// What is behind the filter.
    pub route: Route,
    /// How many workers there are.
    pub workers: usize,
    /// Whether requests are logged.
    pub access: Access,
    /// How long Envoy lets a stream be idle.
    pub patience: Duration,
    /// What Envoy is told about statistics, as YAML, when this world is the first of its test.
    pub stats: &'static str,
    /// Filters behind ours.
    pub behind: Vec<Filter>,
    /// Whether the listener ends TLS itself and asks for certificates. Then only other clusters reach it.
    pub ends_tls: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            stop_iteration: false,
            provider_down: false,
            route: Route::Backend,
            workers: 1,
            access: Access::Logged,
            patience: Duration::from_secs(300),
            stats: "",
            behind: Vec::new(),
            ends_tls: false,
        }
    }
}

impl EnvoyWorld {
    /// Starts with options.
    pub fn with(setup: Setup, options: Options) -> Self {
        let clusters = setup.provider_clusters();
        let application = setup.application;
        let mut provider = SimulatedProvider::down(setup.provider);
        if !options.provider_down {
            provider.come_up();
        }
        let start = || Rc::new(Envoy::builder().workers(options.workers).stats(options.stats).start());
        let mut world = Self {
            envoy: ENVOY.with_borrow_mut(|envoy| Rc::clone(envoy.get_or_insert_with(start))),
            setup: Configured { document: setup.document, environment: setup.environment, clusters },
            options,
            generation: 0,
            name: String::new(),
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            backend: Backend::answering(move |_| application.clone()),
            provider,
            pending: BTreeMap::new(),
            tickets: 0,
            retired_log: Vec::new(),
        };
        world.boot();
        world
    }

    /// Lets a provider listen that was down.
    pub fn provider_comes_up(&mut self) {
        self.provider.come_up();
    }

    /// The Envoy that is running.
    pub fn envoy(&self) -> &Envoy {
        &self.envoy
    }

    /// Where the filter's listener accepts connections.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The access log, once it has `count` lines.
    pub fn access_log(&self, count: usize) -> Vec<String> {
        self.envoy.access_log(&self.name, count)
    }

    /// The protected application.
    pub const fn backend(&self) -> &Backend {
        &self.backend
    }

    /// A connection to Envoy.
    pub fn connect(&self) -> Connection {
        Connection::open(self.address)
    }

    fn boot(&mut self) {
        self.generation = self.envoy.next_generation();
        self.name = format!("world-{}", self.generation);
        let listener = self.listener(&self.name);
        self.address = listener.address();
        // Whatever host of the provider a cluster is for, the simulated one is behind it.
        let of_provider = self.setup.clusters.iter().map(|name| (self.own(name), self.provider.address()));
        let clusters = of_provider.chain([(self.application(), self.backend.address())]);
        self.envoy.add(
            listener,
            clusters.map(|(name, address)| Cluster { name, address, connection: ClusterConnection::Plain }).collect(),
        );
        self.envoy.remove(&RETIRED.take());
    }

    /// Changes the configuration, as an update from Envoy's control plane does: at the same address, in the same VM. Envoy does it a
    /// moment later.
    pub fn reconfigure(&mut self, change: impl FnOnce(&mut Value)) {
        change(&mut self.setup.document);
        self.envoy.replace(self.listener(&self.name).on_port(self.address.port()));
    }

    /// Another listener with the same configuration, in the same VM: a filter that remembers nothing. Its name and address.
    pub fn beside(&self) -> (String, SocketAddr) {
        let name = format!("{}-{}", self.name, self.envoy.next_generation());
        let listener = self.listener(&name);
        let address = listener.address();
        self.envoy.add(listener, Vec::new());
        (name, address)
    }

    fn listener(&self, name: &str) -> Listener {
        let mut document = self.setup.document.clone();
        for name in &self.setup.clusters {
            rename_cluster(&mut document["providers"], name, &self.own(name));
        }
        let filter = Filter::latchkey(document).in_vm(&self.name).stop_iteration(self.options.stop_iteration);
        let environment = self.setup.environment.iter();
        let filter = environment.fold(filter, |filter, (name, value)| filter.environment_variable(name, value));
        let filters = std::iter::once(filter).chain(self.options.behind.iter().cloned());
        let filter = Filter::Chain(filters.collect());
        let listener = Listener::new(name, filter, self.options.route, self.options.access);
        let listener = listener.leading_to(&self.application()).behind_tls().ends_tls(self.options.ends_tls);
        listener.patience(self.options.patience)
    }

    fn application(&self) -> String {
        format!("application-{}", self.generation)
    }

    /// This world's cluster in the place of one that its document names.
    fn own(&self, cluster: &str) -> String {
        format!("{cluster}-{}", self.generation)
    }

    fn take_pending(&mut self, ticket: Ticket) -> Pending {
        self.pending.remove(&ticket).expect("a ticket is used once")
    }

    /// What the application got for a ticket, without what Envoy adds.
    fn upstream(&self, ticket: Ticket, own_names: &[String]) -> Option<Request> {
        let number = ticket.0.to_string();
        let mut of_ticket =
            self.backend.received().into_iter().filter(|request| request.header(TICKET) == Some(&number));
        let mut request = of_ticket.next()?.without(TICKET).with(":scheme", "https");
        assert!(of_ticket.next().is_none(), "the application got one request twice");
        let added = |name: &str| OF_ENVOY.contains(&name) && !own_names.iter().any(|own| own == name);
        request.fields.retain(|(name, _)| !added(name));
        Some(request)
    }
}

impl World for EnvoyWorld {
    const RING: &'static str = "Envoy";
    const LACKS: &'static [Need] =
        &[Need::VirtualTime, Need::RawHead, Need::BareHost, Need::ClientCertificate, Need::PlainHttp];

    fn open(setup: Setup) -> Self {
        Self::with(setup, Options { stop_iteration: true, ..Options::default() })
    }

    fn start(&mut self, request: Request) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let mut connection = self.connect();
        let handle = connection.handle();
        let own_names = request.names();
        let request = request.with(TICKET, ticket.0.to_string());
        let started = Instant::now();
        let answer = std::thread::spawn(move || (connection.try_exchange(&request), started.elapsed()));
        self.pending.insert(ticket, Pending { connection: handle, answer, own_names });
        ticket
    }

    fn finish(&mut self, ticket: Ticket) -> Exchange {
        let pending = self.take_pending(ticket);
        let (response, took) = pending.answer.join().expect("a client that does not panic");
        let response = response.expect("an answer");
        Exchange { response, upstream: self.upstream(ticket, &pending.own_names), took }
    }

    fn abandon(&mut self, ticket: Ticket) {
        // Fails only when the other side has closed already.
        let _ = self.take_pending(ticket).connection.shutdown(Shutdown::Both);
    }

    fn advance(&mut self, duration: Duration) {
        assert!(duration <= LONGEST_WAIT, "a scenario that waits {duration:?} needs virtual time");
        std::thread::sleep(duration);
    }

    fn now(&self) -> UnixTime {
        now()
    }

    fn provider(&mut self) -> impl DerefMut<Target = Provider> + '_ {
        self.provider.knobs()
    }

    fn restart(&mut self) {
        assert!(self.pending.is_empty(), "requests under way would be lost");
        self.retired_log = self.log();
        RETIRED.with_borrow_mut(|retired| retired.push(self.name.clone()));
        self.boot();
    }

    fn application_heard(&self) -> usize {
        self.backend.bytes_received()
    }

    fn log(&self) -> Vec<String> {
        let mark = format!("wasm log {} ", self.name);
        let log = self.envoy.log();
        let lines = log.lines().filter(|line| line.contains(&mark)).map(str::to_owned);
        self.retired_log.iter().cloned().chain(lines).collect()
    }
}

impl Drop for EnvoyWorld {
    fn drop(&mut self) {
        RETIRED.with_borrow_mut(|retired| retired.push(self.name.clone()));
        if std::thread::panicking() {
            eprintln!("--- what the filter of {} logged:\n{}\n---", self.name, self.log().join("\n"));
        }
    }
}

/// Worlds share an Envoy, and must not share the cluster that their documents name.
fn rename_cluster(value: &mut Value, from: &str, to: &str) {
    match value {
        Value::String(text) if text == from => to.clone_into(text),
        Value::Array(items) => items.iter_mut().for_each(|item| rename_cluster(item, from, to)),
        Value::Object(members) => members.values_mut().for_each(|member| rename_cluster(member, from, to)),
        _ => (),
    }
}
