//! A real Envoy for one test.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use crate::bootstrap::{self, Listener};
use crate::message::{Request, Response};
use crate::process::{self, Process};
use crate::{port, tools, wire};

/// Compiling the module takes a second or two; more on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(60);
const LOG_LIMIT: Duration = Duration::from_secs(5);

/// What Envoy is to run.
#[derive(Default)]
pub struct Builder {
    listeners: Vec<Listener>,
    clusters: Vec<(String, SocketAddr)>,
    concurrency: usize,
}

/// A running Envoy. Dropping it ends it.
pub struct Envoy {
    process: Process,
    admin: SocketAddr,
    listeners: Vec<(String, SocketAddr)>,
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
        self.clusters.push((name.to_owned(), address));
        self
    }

    /// How many workers there are (default 1).
    #[must_use]
    pub const fn concurrency(mut self, workers: usize) -> Self {
        self.concurrency = workers;
        self
    }

    /// Starts Envoy and waits until every listener accepts.
    pub fn start(self) -> Envoy {
        let mut envoy = self.spawn();
        let (admin, listeners) = (envoy.admin, envoy.listeners.clone());
        envoy.process.wait_until(START_LIMIT, || {
            ready(admin) && listeners.iter().all(|(_, address)| TcpStream::connect(address).is_ok())
        });
        envoy
    }

    /// Starts an Envoy that must refuse its configuration: how it ended, and what it said.
    pub fn refuse(self) -> (ExitStatus, String) {
        let mut envoy = self.spawn();
        let mut ended = None;
        let start = Instant::now();
        while ended.is_none() && start.elapsed() < START_LIMIT {
            assert!(!ready(envoy.admin), "Envoy accepted the configuration");
            std::thread::sleep(Duration::from_millis(50));
            ended = envoy.process.exit_status();
        }
        (ended.expect("an Envoy that gives up"), envoy.log())
    }

    fn spawn(self) -> Envoy {
        let folder = process::folder("envoy");
        let admin_port = port::free();
        let bootstrap = folder.join("bootstrap.yaml");
        std::fs::write(&bootstrap, bootstrap::render(admin_port, &self.listeners, &self.clusters, &folder))
            .expect("a file");
        let mut command = Command::new(tools::envoy());
        command.arg("--config-path").arg(&bootstrap).args([
            "--concurrency",
            &self.concurrency.max(1).to_string(),
            "--disable-hot-restart",
            "--file-flush-interval-msec",
            "50",
            "--log-level",
            "warning",
            "--component-log-level",
            "wasm:debug",
        ]);
        Envoy {
            process: Process::start("envoy", folder, &mut command),
            admin: SocketAddr::from((Ipv4Addr::LOCALHOST, admin_port)),
            listeners: self
                .listeners
                .iter()
                .map(|listener| (listener.name.clone(), SocketAddr::from((Ipv4Addr::LOCALHOST, listener.port))))
                .collect(),
        }
    }
}

impl Envoy {
    /// An Envoy with nothing in it yet.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Where the listener `name` accepts connections.
    pub fn listener(&self, name: &str) -> SocketAddr {
        self.listeners.iter().find(|(known, _)| known == name).expect("a listener of that name").1
    }

    /// Sends one request to the first listener.
    pub fn send(&self, request: &Request) -> Response {
        wire::exchange(self.listeners[0].1, request)
    }

    /// What Envoy and the filter logged so far.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// The access log, once it has `count` lines: Envoy writes them a moment after the answer.
    pub fn access_log(&self, count: usize) -> Vec<String> {
        let start = Instant::now();
        loop {
            let lines: Vec<_> = self.process.file("access").lines().map(str::to_owned).collect();
            if lines.len() >= count {
                return lines;
            }
            assert!(start.elapsed() < LOG_LIMIT, "{count} lines in the access log: {lines:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The value of a counter or gauge; `None` when there is none of that name.
    pub fn stat(&self, name: &str) -> Option<u64> {
        let stats = wire::exchange(self.admin, &Request::new("GET", "/stats")).text();
        let line = stats.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))?;
        line.trim().parse().ok()
    }

    /// Fails the test when a VM has died.
    pub fn assert_no_crash(&self) {
        let log = self.log();
        for sign in ["panicked at", "Function: proxy_", "Wasm VM failed", "RuntimeError"] {
            assert!(!log.contains(sign), "the module crashed: the log has {sign:?}");
        }
    }
}

fn ready(admin: SocketAddr) -> bool {
    TcpStream::connect(admin).is_ok() && wire::exchange(admin, &Request::new("GET", "/ready")).status == 200
}
