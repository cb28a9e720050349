//! One thread that keeps a number of connections busy, and what it sees of them.
//!
//! A request goes out on each connection; then, in turn, an answer is awaited and the next request sent. Every answer must be 200.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// How many requests there are.
#[derive(Clone, Copy)]
pub enum Amount {
    /// Those given, over and over, until this has passed.
    For(Duration),
    /// Each of those given, once.
    Once,
}

/// Requests, and how they are sent.
pub struct Load<'a> {
    pub requests: &'a [Vec<u8>],
    pub amount: Amount,
    pub connections: usize,
}

/// What a round came to. Times in µs.
#[derive(Clone, Copy)]
pub struct Round {
    pub requests_per_second: f64,
    pub p50: f64,
    pub p99: f64,
    /// Processor time of the whole Envoy for one request. Unlike the rate it does not suffer from what else the machine does.
    pub cpu: f64,
}

struct Client {
    stream: TcpStream,
    sent: Instant,
}

impl Load<'_> {
    pub fn put_on(&self, address: SocketAddr, process: u32) -> Round {
        let connect = || {
            let stream = TcpStream::connect(address).expect("a connection");
            stream.set_nodelay(true).expect("an option");
            Client { stream, sent: Instant::now() }
        };
        let mut clients: Vec<_> = (0..self.connections).map(|_| connect()).collect();
        let mut requests = self.requests.iter().cycle();
        let (before, start) = (processor_time(process), Instant::now());
        let mut to_send = match self.amount {
            Amount::For(_) => usize::MAX,
            Amount::Once => self.requests.len(),
        };
        let mut times = Vec::with_capacity(1 << 18);
        clients.iter_mut().take(to_send).for_each(|client| client.send(requests.next().expect("a request")));
        let mut outstanding = clients.len().min(to_send);
        to_send -= outstanding;
        let mut turn = 0;
        while outstanding > 0 {
            let client = &mut clients[turn % self.connections];
            turn += 1;
            times.push(client.receive());
            if to_send > 0 && !matches!(self.amount, Amount::For(duration) if start.elapsed() >= duration) {
                client.send(requests.next().expect("a request"));
                to_send -= 1;
            } else {
                outstanding -= 1;
                to_send = 0;
            }
        }
        let (elapsed, used) = (start.elapsed(), processor_time(process) - before);
        let count = f64::from(u32::try_from(times.len()).expect("a number of requests"));
        times.sort_by(f64::total_cmp);
        Round {
            requests_per_second: count / elapsed.as_secs_f64(),
            p50: times[times.len() / 2],
            p99: times[times.len() * 99 / 100],
            cpu: used / count,
        }
    }
}

impl Client {
    fn send(&mut self, request: &[u8]) {
        self.sent = Instant::now();
        self.stream.write_all(request).expect("a request that is taken");
    }

    /// Reads an answer, and says how long it took (µs).
    fn receive(&mut self) -> f64 {
        let mut buffer = [0; 4096];
        let mut length = 0;
        loop {
            let read = self.stream.read(&mut buffer[length..]).expect("an answer");
            assert!(read > 0, "Envoy closed the connection");
            length += read;
            let mut fields = [httparse::EMPTY_HEADER; 32];
            let mut answer = httparse::Response::new(&mut fields);
            let Ok(httparse::Status::Complete(body)) = answer.parse(&buffer[..length]) else { continue };
            assert_eq!(answer.code, Some(200), "{}", String::from_utf8_lossy(&buffer[..length]));
            let field = answer.headers.iter().find(|field| field.name.eq_ignore_ascii_case("content-length"));
            let size = field.and_then(|field| std::str::from_utf8(field.value).ok()?.parse::<usize>().ok());
            if length >= body + size.expect("a length") {
                return self.sent.elapsed().as_secs_f64() * 1e6;
            }
        }
    }
}

/// Processor time that all threads of a process have used (µs): the first number of Linux' `schedstat` counts ns.
fn processor_time(process: u32) -> f64 {
    let threads = fs::read_dir(format!("/proc/{process}/task")).expect("the benchmark needs Linux");
    let used = threads.flatten().filter_map(|thread| {
        let statistics = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        statistics.split_whitespace().next()?.parse::<f64>().ok()
    });
    used.sum::<f64>() / 1e3
}
