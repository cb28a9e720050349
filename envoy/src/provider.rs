//! The simulated provider of the other rings, behind a socket.

use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use relying_party::time::UnixTime;
use wasm_host_tests::message::{Request, Response};
use wasm_host_tests::provider::{Answer, Provider};

use crate::{Server, port};

/// A provider that listens, or that is down and will listen at an address that is known before.
pub struct SimulatedProvider {
    provider: Arc<Mutex<Provider>>,
    port: u16,
    server: Option<Server>,
}

impl SimulatedProvider {
    /// Serves on a free port.
    pub fn start(provider: Provider) -> Self {
        let mut down = Self::down(provider);
        down.come_up();
        down
    }

    /// Has an address, and does not listen yet.
    pub fn down(provider: Provider) -> Self {
        Self { provider: Arc::new(Mutex::new(provider)), port: port::free(), server: None }
    }

    /// Begins to listen.
    pub fn come_up(&mut self) {
        let provider = Arc::clone(&self.provider);
        self.server = Some(Server::start_on(self.port, move |request| answer(&provider, &request)));
    }

    /// Stops listening, and closes every connection. What it knows stays.
    pub fn go_down(&mut self) {
        self.server = None;
        while TcpStream::connect(self.address()).is_ok() {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Itself, for several threads.
    pub fn shared(&self) -> Arc<Mutex<Provider>> {
        Arc::clone(&self.provider)
    }

    /// Where it listens, now or later.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// Its knobs and its log.
    pub fn knobs(&self) -> MutexGuard<'_, Provider> {
        self.provider.lock().expect("no panic while held")
    }
}

fn answer(provider: &Mutex<Provider>, request: &Request) -> Option<Response> {
    let answer = provider.lock().expect("no panic while held").answer(request, now());
    match answer {
        Answer::Respond(response) => Some(response),
        Answer::Delay(pause, response) => {
            std::thread::sleep(pause);
            Some(response)
        }
        Answer::Hang => loop {
            std::thread::park();
        },
        Answer::Reset => None,
    }
}

/// This machine's time.
pub fn now() -> UnixTime {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock after 1970");
    UnixTime::from_millis(u64::try_from(since_epoch.as_millis()).expect("a clock of this age"))
}
