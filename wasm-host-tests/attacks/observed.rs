//! A ring that is looked over the shoulder: every exchange is remembered, and when the world ends nothing secret may have come up
//! where it does not belong. Any scenario can be told in it.

use std::collections::BTreeMap;
use std::ops::DerefMut;
use std::time::Duration;

use relying_party::time::UnixTime;
use serde_json::Value;

use super::leaks::{Kind, Place, Secrets, leaks, places};
use crate::message::Request;
use crate::provider::Provider;
use crate::setup::Setup;
use crate::world::{Exchange, Need, Ticket, World};

/// A world of the ring `W` and everything that was said in it.
pub struct Observed<W: World> {
    world: W,
    document: Value,
    secrets: Secrets,
    seen: Vec<(Request, Exchange)>,
    pending: BTreeMap<Ticket, Request>,
}

impl<W: World> Observed<W> {
    /// Every secret that has come up, wherever it belongs.
    pub fn secrets(&mut self) -> Secrets {
        let mut secrets = self.secrets.clone();
        secrets.of_provider(&self.world.provider());
        for (request, exchange) in &self.seen {
            secrets.of_exchange(request, exchange);
        }
        secrets
    }

    /// Fails unless secrets of all these kinds have come up: what did not happen cannot leak.
    #[track_caller]
    pub fn has_seen(&mut self, kinds: &[Kind]) {
        let secrets = self.secrets();
        for kind in kinds {
            assert!(secrets.has(*kind), "no {kind:?} came up");
        }
    }

    fn leaks(&mut self) -> Vec<String> {
        let secrets = self.secrets();
        let Self { world, document, seen, .. } = self;
        let plain = document["audit"]["subject"] == "plain";
        let log = world.log().into_iter().map(|line| (Place::Log, places::of_log(line, plain)));
        let provider = world.provider();
        let answers =
            seen.iter().flat_map(|(request, exchange)| places::of_exchange(request, exchange, document, &provider));
        leaks(&secrets, log.chain(answers).chain(places::of_calls(&provider.log)))
    }
}

impl<W: World> World for Observed<W> {
    const RING: &'static str = W::RING;
    const LACKS: &'static [Need] = W::LACKS;

    fn open(setup: Setup) -> Self {
        let mut secrets = Secrets::default();
        secrets.of_setup(&setup);
        let document = setup.document.clone();
        Self { world: W::open(setup), document, secrets, seen: Vec::new(), pending: BTreeMap::new() }
    }

    fn start(&mut self, request: Request) -> Ticket {
        let ticket = self.world.start(request.clone());
        self.pending.insert(ticket, request);
        ticket
    }

    fn finish(&mut self, ticket: Ticket) -> Exchange {
        let exchange = self.world.finish(ticket);
        let request = self.pending.remove(&ticket).expect("a ticket is finished once");
        self.secrets.of_person(&self.world.provider().user);
        self.seen.push((request, exchange.clone()));
        exchange
    }

    fn abandon(&mut self, ticket: Ticket) {
        self.pending.remove(&ticket);
        self.world.abandon(ticket);
    }

    fn advance(&mut self, duration: Duration) {
        self.world.advance(duration);
    }

    fn now(&self) -> UnixTime {
        self.world.now()
    }

    fn provider(&mut self) -> impl DerefMut<Target = Provider> + '_ {
        self.world.provider()
    }

    fn restart(&mut self) {
        self.world.restart();
    }

    fn application_heard(&self) -> usize {
        self.world.application_heard()
    }

    fn log(&self) -> Vec<String> {
        self.world.log()
    }
}

impl<W: World> Drop for Observed<W> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let found = self.leaks();
            assert!(found.is_empty(), "secrets where they do not belong:\n{}", found.join("\n"));
        }
    }
}
