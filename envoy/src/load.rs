//! A constant mixed load: requests that must be admitted and requests that must be refused, in turn, and what became of them.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{ErrorKind, Result};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use wasm_host_tests::message::{Request, Response};

use crate::{Connection, Server};

/// The person for whom a request is. The application compares it with what the filter says.
pub const SUBJECT: &str = "x-load-subject";
/// The person of a request without one.
pub const NOBODY: &str = "nobody";
/// Marks requests that must not reach the application.
const UNWANTED: &str = "x-load-unwanted";
/// The status of the application's answer to somebody who is taken for somebody else.
const MISTAKEN: u16 = 299;

/// How many connections there are at once.
const CONNECTIONS: usize = 4;
/// How long a client pauses when there was nobody to answer.
const AFTER_FAILURE: Duration = Duration::from_millis(25);
/// How many requests go over one connection: the next one may lead to another worker.
const REQUESTS_PER_CONNECTION: usize = 12;
/// How many surprises are kept in words.
const SURPRISES: usize = 12;

/// What must become of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// It reaches the application, as the person it names.
    Admitted,
    /// It does, or is told that something is not available now: by the filter (502, 503), or by Envoy (408, 504).
    AdmittedOrUnavailable,
    /// It never does.
    Refused,
}

/// Somebody who asks again and again.
pub struct Caller {
    name: &'static str,
    expected: Expected,
    request: Box<dyn Fn(usize) -> Request + Send + Sync>,
}

impl Caller {
    /// `request` makes the request with this number; numbers differ.
    pub fn new(
        name: &'static str,
        expected: Expected,
        request: impl Fn(usize) -> Request + Send + Sync + 'static,
    ) -> Self {
        Self { name, expected, request: Box::new(request) }
    }

    /// The same, with something else expected.
    #[must_use]
    pub fn expecting(self, expected: Expected) -> Self {
        Self { expected, ..self }
    }

    /// What must become of its requests.
    pub const fn expected(&self) -> Expected {
        self.expected
    }

    /// What it is called in figures.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The request with this number, marked for the application.
    pub fn request(&self, number: usize) -> Request {
        let request = (self.request)(number);
        if self.expected == Expected::Refused { request.with(UNWANTED, "1") } else { request }
    }
}

/// An application that knows who must not come, and who is who. It answers with the body that it got.
pub struct Application {
    server: Server,
    wrongly_admitted: Arc<AtomicUsize>,
}

impl Application {
    /// Starts on a free port.
    pub fn start() -> Self {
        let wrongly_admitted = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&wrongly_admitted);
        let server = Server::start(move |request| {
            let seen = request.header("x-auth-subject").unwrap_or(NOBODY);
            let is_right =
                request.header(UNWANTED).is_none() && request.header(SUBJECT).is_none_or(|named| named == seen);
            count.fetch_add(usize::from(!is_right), Ordering::SeqCst);
            Some(Response::new(if is_right { 200 } else { MISTAKEN }, "application/octet-stream", &request.body))
        });
        Self { server, wrongly_admitted }
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// How many came who must not, or as somebody else; whatever they were told.
    pub fn wrongly_admitted(&self) -> usize {
        self.wrongly_admitted.load(Ordering::SeqCst)
    }
}

/// A load that goes on until it is ended.
pub struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<Figures>>,
}

impl Load {
    /// Callers ask in turn, on several connections to each of the addresses in turn, and pause after each answer.
    pub fn begin(addresses: &[SocketAddr], callers: Vec<Caller>, pause: Duration) -> Self {
        Self { stop: Arc::default(), answered: Arc::default(), threads: Vec::new() }.and(addresses, callers, pause)
    }

    /// Others do so beside them, on connections of their own, so that nobody waits for somebody else's answer.
    #[must_use]
    pub fn and(mut self, addresses: &[SocketAddr], callers: Vec<Caller>, pause: Duration) -> Self {
        if callers.is_empty() {
            return self;
        }
        let (numbers, callers) = (Arc::new(AtomicUsize::new(0)), Arc::new(callers));
        let threads = (0..CONNECTIONS).map(|turn| {
            let (stop, answered) = (Arc::clone(&self.stop), Arc::clone(&self.answered));
            let (numbers, callers) = (Arc::clone(&numbers), Arc::clone(&callers));
            let mut client = Client { addresses: addresses.to_vec(), turn, connection: None };
            std::thread::spawn(move || {
                let mut figures = Figures::default();
                let mut callers = callers.iter().cycle().skip(turn * callers.len() / CONNECTIONS);
                while !stop.load(Ordering::SeqCst) {
                    let caller = callers.next().expect("somebody who asks");
                    let request = caller.request(numbers.fetch_add(1, Ordering::Relaxed));
                    let answer = client.exchange(&request);
                    std::thread::sleep(if answer.is_ok() { pause } else { AFTER_FAILURE });
                    figures.add(caller.name, caller.expected, &request, answer);
                    answered.fetch_add(1, Ordering::SeqCst);
                }
                figures
            })
        });
        self.threads.extend(threads);
        self
    }

    /// Waits until so many more requests have been answered.
    pub fn goes_on_for(&self, requests: usize) {
        let answered = || self.answered.load(Ordering::SeqCst);
        let until = answered() + requests;
        let (mut last, mut moved) = (answered(), Instant::now());
        while last < until {
            std::thread::sleep(Duration::from_millis(5));
            if answered() > last {
                (last, moved) = (answered(), Instant::now());
            }
            assert!(moved.elapsed() < Duration::from_secs(60), "the load stands still");
        }
    }

    /// Ends it.
    pub fn end(self) -> Figures {
        self.stop.store(true, Ordering::SeqCst);
        let figures = self.threads.into_iter().map(|thread| thread.join().expect("a client that does not panic"));
        figures.fold(Figures::default(), Figures::and)
    }
}

struct Client {
    addresses: Vec<SocketAddr>,
    turn: usize,
    connection: Option<(Connection, usize)>,
}

impl Client {
    /// A connection that was idle may have been closed meanwhile: then the request is sent once more (RFC 9110 §9.2.2).
    fn exchange(&mut self, request: &Request) -> Result<Response> {
        let was_used = self.connection.is_some();
        match self.try_exchange(request) {
            Err(error) if was_used && !is_timeout(error.kind()) => self.try_exchange(request),
            answer => answer,
        }
    }

    fn try_exchange(&mut self, request: &Request) -> Result<Response> {
        let (mut connection, used) = match self.connection.take() {
            Some(connection) => connection,
            None => {
                self.turn += 1;
                (Connection::over(TcpStream::connect(self.addresses[self.turn % self.addresses.len()])?), 0)
            }
        };
        let answer = connection.try_exchange(request)?;
        if used < REQUESTS_PER_CONNECTION && answer.header("connection") != Some("close") {
            self.connection = Some((connection, used + 1));
        }
        Ok(answer)
    }
}

/// What became of requests.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// All that were sent and did not find their connection ended.
    pub sent: usize,
    /// Those that were told that something is not available, and were prepared for that.
    pub unavailable: usize,
    /// Those that reached the application and should not have, or as somebody else.
    pub wrongly_admitted: usize,
    /// Those that were refused and should not have been, or did not reach the application as they were sent.
    pub wrongly_refused: usize,
    /// Those that had no answer in a time that is longer than all timeouts together.
    pub hung: usize,
    /// Those whose connection ended without an answer, or did not come about.
    pub lost: usize,
    /// How many of each caller became what was expected.
    pub as_expected: BTreeMap<&'static str, usize>,
    /// The first of those that did not, in words.
    pub surprises: Vec<String>,
}

impl Figures {
    /// Counts what became of one request.
    pub fn add(&mut self, name: &'static str, expected: Expected, request: &Request, answer: Result<Response>) {
        self.as_expected.entry(name).or_default();
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) if is_timeout(error.kind()) => {
                (self.sent, self.hung) = (self.sent + 1, self.hung + 1);
                return self.note(format!("{}: no answer", name));
            }
            Err(error) => {
                self.lost += 1;
                return self.note(format!("{}: {error}", name));
            }
        };
        self.sent += 1;
        let is_same = request.body.is_empty() || answer.body == request.body;
        match (expected, answer.status) {
            (Expected::Admitted | Expected::AdmittedOrUnavailable, 200) if is_same => (),
            (Expected::AdmittedOrUnavailable, 408 | 502..=504) => {
                self.unavailable += 1;
                return;
            }
            (Expected::Refused, status) if status != 200 && status != MISTAKEN => (),
            (Expected::Refused, _) | (_, MISTAKEN) => {
                self.wrongly_admitted += 1;
                return self.note(format!("{}: admitted with {}", name, answer.status));
            }
            _ => {
                self.wrongly_refused += 1;
                let text = String::from_utf8_lossy(&answer.body[..answer.body.len().min(200)]).into_owned();
                return self.note(format!("{}: {} {text}", name, answer.status));
            }
        }
        *self.as_expected.entry(name).or_default() += 1;
    }

    fn note(&mut self, surprise: String) {
        if self.surprises.len() < SURPRISES {
            self.surprises.push(surprise);
        }
    }

    /// Both together.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.sent += other.sent;
        self.unavailable += other.unavailable;
        self.wrongly_admitted += other.wrongly_admitted;
        self.wrongly_refused += other.wrongly_refused;
        self.hung += other.hung;
        self.lost += other.lost;
        for (name, count) in other.as_expected {
            *self.as_expected.entry(name).or_default() += count;
        }
        other.surprises.into_iter().for_each(|surprise| self.note(surprise));
        self
    }

    /// Nobody was wrongly admitted or refused, nobody hangs, no request was lost, and everybody had their turn.
    #[track_caller]
    pub fn assert_faultless(&self) {
        self.assert_nobody_wronged();
        assert_eq!(self.lost, 0, "{self:#?}");
    }

    /// The same where connections may end: when Envoy itself does.
    #[track_caller]
    pub fn assert_nobody_wronged(&self) {
        assert_eq!((self.wrongly_admitted, self.wrongly_refused, self.hung), (0, 0, 0), "{self:#?}");
        assert!(!self.as_expected.is_empty() && self.as_expected.values().all(|count| *count > 0), "{self:#?}");
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sent, wrongly_admitted, wrongly_refused, hung, lost, .. } = self;
        write!(
            formatter,
            "{sent} requests, {wrongly_admitted} wrongly admitted, {wrongly_refused} wrongly refused, {hung} hung"
        )?;
        if *lost > 0 { write!(formatter, ", {lost} more found nobody to answer them") } else { Ok(()) }
    }
}

fn is_timeout(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
