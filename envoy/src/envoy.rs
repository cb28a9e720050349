//! A real Envoy for one test.

use std::cell::{Cell, RefCell};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use wasm_host_tests::message::{Request, Response};

use crate::bootstrap::{self, Cluster, Listener};
use crate::process::{self, Process};
use crate::{ClusterConnection, Connection, port, tools, wire};

/// Compiling the module takes a second or two; more on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(60);
const DRAIN_TIME: Duration = Duration::from_secs(1);
const BOOTSTRAP_FILE: &str = "bootstrap.yaml";
const LOG_LIMIT: Duration = Duration::from_secs(5);

/// What Envoy is to run from the start.
#[derive(Default)]
pub struct Builder {
    listeners: Vec<Listener>,
    clusters: Vec<Cluster>,
    workers: usize,
    drain_time: Option<Duration>,
    stats: &'static str,
}

/// A running Envoy. Dropping it ends it.
pub struct Envoy {
    process: RefCell<Process>,
    admin: SocketAddr,
    arguments: Arguments,
    addresses: Vec<SocketAddr>,
    watched: RefCell<(Vec<Listener>, Vec<Cluster>)>,
    generations: Cell<u32>,
}

impl Builder {
    /// Adds a listener.
    #[must_use]
    pub fn listener(mut self, listener: Listener) -> Self {
        self.listeners.push(listener);
        self
    }

    /// Adds a cluster with one address, which need not be there yet.
    #[must_use]
    pub fn cluster(mut self, name: &str, address: SocketAddr) -> Self {
        self.clusters.push(Cluster { name: name.to_owned(), address, connection: ClusterConnection::Plain });
        self
    }

    /// How many workers there are (default 1).
    #[must_use]
    pub const fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// How long connections of a listener that was changed may go on (default 1 s).
    #[must_use]
    pub const fn drain_time(mut self, time: Duration) -> Self {
        self.drain_time = Some(time);
        self
    }

    /// What the bootstrap configuration says about statistics, as YAML.
    #[must_use]
    pub const fn stats(mut self, stats: &'static str) -> Self {
        self.stats = stats;
        self
    }

    /// Starts Envoy and waits until every listener accepts.
    pub fn start(self) -> Envoy {
        let envoy = self.spawn();
        envoy.wait_until_it_accepts();
        envoy
    }

    /// Starts an Envoy that must refuse its configuration: how it ended, and what it said.
    pub fn refuse(self) -> (ExitStatus, String) {
        let envoy = self.spawn();
        let mut ended = None;
        let start = Instant::now();
        while ended.is_none() && start.elapsed() < START_LIMIT {
            assert!(!ready(envoy.admin), "Envoy accepted the configuration");
            std::thread::sleep(Duration::from_millis(50));
            ended = envoy.process.borrow_mut().exit_status();
        }
        (ended.expect("an Envoy that gives up"), envoy.log())
    }

    fn spawn(self) -> Envoy {
        let folder = process::folder("envoy");
        let admin_port = port::free();
        let file = folder.join(BOOTSTRAP_FILE);
        let bootstrap = bootstrap::render(admin_port, self.stats, &self.listeners, &self.clusters, &folder);
        std::fs::write(&file, bootstrap).expect("a file");
        bootstrap::write_watched(&[], &[], &folder);
        let arguments = Arguments { workers: self.workers.max(1), drain_time: self.drain_time.unwrap_or(DRAIN_TIME) };
        let process = Process::start("envoy", folder, &mut arguments.command(&file));
        Envoy {
            process: RefCell::new(process),
            admin: SocketAddr::from((Ipv4Addr::LOCALHOST, admin_port)),
            arguments,
            addresses: self.listeners.iter().map(Listener::address).collect(),
            watched: RefCell::default(),
            generations: Cell::new(0),
        }
    }
}

/// What Envoy is told beside its configuration.
struct Arguments {
    workers: usize,
    drain_time: Duration,
}

impl Arguments {
    fn command(&self, bootstrap: &Path) -> Command {
        let mut command = Command::new(tools::envoy());
        command.arg("--config-path").arg(bootstrap).args(["--concurrency", &self.workers.to_string()]);
        command.args(["--disable-hot-restart", "--file-flush-interval-msec", "50"]);
        command.args(["--drain-time-s", &self.drain_time.as_secs().to_string(), "--drain-strategy", "immediate"]);
        command.args(["--log-level", "warning", "--component-log-level", "wasm:debug"]);
        command
    }
}

impl Envoy {
    /// An Envoy with nothing in it yet.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Adds a listener and the clusters it needs, while Envoy runs, and waits until it accepts.
    pub fn add(&self, listener: Listener, clusters: Vec<Cluster>) {
        let address = listener.address();
        self.watched.borrow_mut().1.extend(clusters.iter().cloned());
        self.write_watched();
        // The module asks for its cluster at once: it must be there before.
        self.wait_until(|| {
            let known = wire::exchange(self.admin, &Request::new("GET", "/clusters")).text();
            clusters.iter().all(|cluster| known.contains(&format!("{}::", cluster.name)))
        });
        self.watched.borrow_mut().0.push(listener);
        self.write_watched();
        self.wait_until(|| TcpStream::connect(address).is_ok());
    }

    /// Replaces a listener that was added by another of the same name and address. Envoy does it a moment later.
    pub fn replace(&self, listener: Listener) {
        self.watched.borrow_mut().0.retain(|old| old.name != listener.name);
        self.watched.borrow_mut().0.push(listener);
        self.write_watched();
    }

    /// Kills it, as a machine that fails does.
    pub fn kill(&self) {
        self.process.borrow_mut().kill();
    }

    /// Starts it again after it was killed, as it was.
    pub fn start_again(&self) {
        let file = self.process.borrow().folder().join(BOOTSTRAP_FILE);
        self.process.borrow_mut().start_again(&mut self.arguments.command(&file));
        self.wait_until_it_accepts();
    }

    /// What the administration interface says of a path, as text.
    pub fn administration(&self, path: &str) -> String {
        wire::exchange(self.admin, &Request::get(path)).text()
    }

    /// Removes listeners that were added.
    pub fn remove(&self, names: &[String]) {
        self.watched.borrow_mut().0.retain(|listener| !names.contains(&listener.name));
        self.write_watched();
    }

    /// A number that this Envoy has not given away before.
    pub fn next_generation(&self) -> u32 {
        self.generations.set(self.generations.get() + 1);
        self.generations.get()
    }

    /// Sends one request to the listener that stood first.
    pub fn send(&self, request: &Request) -> Response {
        wire::exchange(*self.addresses.first().expect("a listener from the start"), request)
    }

    /// The operating system's number for it.
    pub fn process_id(&self) -> u32 {
        self.process.borrow().id()
    }

    /// What Envoy and the filters logged so far.
    pub fn log(&self) -> String {
        self.process.borrow().log()
    }

    /// The access log of a listener, once it has `count` lines: Envoy writes them a moment after the answer.
    pub fn access_log(&self, listener: &str, count: usize) -> Vec<String> {
        let start = Instant::now();
        loop {
            let lines: Vec<_> = self.process.borrow().file(listener).lines().map(str::to_owned).collect();
            if lines.len() >= count {
                return lines;
            }
            assert!(start.elapsed() < LOG_LIMIT, "{count} lines in the access log: {lines:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Fails the test when a VM has died.
    pub fn assert_no_crash(&self) {
        let log = self.log();
        for sign in ["panicked at", "Function: proxy_", "Wasm VM failed", "RuntimeError"] {
            assert!(!log.contains(sign), "the module crashed: the log has {sign:?}");
        }
    }

    fn write_watched(&self) {
        let (listeners, clusters) = &*self.watched.borrow();
        bootstrap::write_watched(listeners, clusters, self.process.borrow().folder());
    }

    fn wait_until_it_accepts(&self) {
        let accepts = |address| TcpStream::connect(address).is_ok();
        self.wait_until(|| ready(self.admin) && self.addresses.iter().all(accepts));
    }

    fn wait_until(&self, condition: impl FnMut() -> bool) {
        self.process.borrow_mut().wait_until(START_LIMIT, condition);
    }
}

fn ready(admin: SocketAddr) -> bool {
    // While it starts and when it gives up, Envoy closes connections without an answer.
    let connection = TcpStream::connect(admin).map(Connection::over);
    let answer = connection.and_then(|mut connection| connection.try_exchange(&Request::new("GET", "/ready")));
    answer.is_ok_and(|answer| answer.status == 200)
}
