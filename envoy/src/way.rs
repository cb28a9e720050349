//! A browser's way to a listener and to a simulated provider, from any thread.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::DerefMut;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use relying_party::time::UnixTime;
use wasm_host_tests::message::Request;
use wasm_host_tests::provider::Provider;
use wasm_host_tests::setup::Setup;
use wasm_host_tests::world::{Exchange, Ticket, World};

use crate::provider::now;
use crate::wire;

/// A world whose parts somebody else has put up. It sees answers, and nothing of the application.
pub struct Way {
    address: SocketAddr,
    provider: Arc<Mutex<Provider>>,
    answers: BTreeMap<Ticket, Exchange>,
    sent: u32,
}

impl Way {
    /// To this listener, and to this provider.
    pub const fn new(address: SocketAddr, provider: Arc<Mutex<Provider>>) -> Self {
        Self { address, provider, answers: BTreeMap::new(), sent: 0 }
    }

    /// How many requests went to the listener.
    pub const fn sent(&self) -> usize {
        self.sent as usize
    }
}

impl World for Way {
    const RING: &'static str = "Envoy";
    const LACKS: &'static [wasm_host_tests::world::Need] = &[];

    fn open(_: Setup) -> Self {
        panic!("it leads to what stands already")
    }

    fn start(&mut self, request: Request) -> Ticket {
        self.sent += 1;
        let ticket = Ticket(self.sent);
        let started = Instant::now();
        let response = wire::exchange(self.address, &request);
        self.answers.insert(ticket, Exchange { response, upstream: None, took: started.elapsed() });
        ticket
    }

    fn finish(&mut self, ticket: Ticket) -> Exchange {
        self.answers.remove(&ticket).expect("a ticket is used once")
    }

    fn abandon(&mut self, ticket: Ticket) {
        self.answers.remove(&ticket);
    }

    fn advance(&mut self, duration: Duration) {
        std::thread::sleep(duration);
    }

    fn now(&self) -> UnixTime {
        now()
    }

    fn provider(&mut self) -> impl DerefMut<Target = Provider> + '_ {
        self.provider.lock().expect("no panic while held")
    }

    fn restart(&mut self) {
        panic!("it leads to what stands already")
    }

    fn application_heard(&self) -> usize {
        panic!("it sees nothing of the application")
    }

    fn log(&self) -> Vec<String> {
        Vec::new()
    }
}
