//! The one interface through which a scenario acts, whatever stands between the browser and the application.

use std::ops::DerefMut;
use std::time::Duration;

use relying_party::time::UnixTime;

use crate::message::{Request, Response};
use crate::provider::Provider;
use crate::setup::Setup;

/// A relying party between a browser, an application and a provider.
pub trait World: Sized {
    /// The name of this ring, for messages.
    const RING: &'static str;
    /// What this ring cannot offer. A scenario that needs it is declared, not run.
    const LACKS: &'static [Need];

    /// Starts the relying party.
    fn open(setup: Setup) -> Self;

    /// Sends a request and does not wait for the answer.
    fn start(&mut self, request: Request) -> Ticket;

    /// Waits for the answer. Panics when there is none within [`PATIENCE`].
    fn finish(&mut self, ticket: Ticket) -> Exchange;

    /// The client goes away before it has an answer.
    fn abandon(&mut self, ticket: Ticket);

    /// Lets time pass.
    fn advance(&mut self, duration: Duration);

    /// The time.
    fn now(&self) -> UnixTime;

    /// The simulated provider.
    fn provider(&mut self) -> impl DerefMut<Target = Provider> + '_;

    /// Replaces the relying party by a new one with the same configuration: another replica, or the same after a restart.
    fn restart(&mut self);

    /// How much the application has received so far, complete requests or not: requests, or bytes where there is a network.
    fn application_heard(&self) -> usize;

    /// Every line that the relying party has logged.
    fn log(&self) -> Vec<String>;

    /// Sends a request and waits for the answer.
    fn send(&mut self, request: Request) -> Exchange {
        let ticket = self.start(request);
        self.finish(ticket)
    }

    /// Lets everything that is already under way come to its end.
    fn settle(&mut self) {
        self.advance(Duration::from_millis(50));
    }
}

/// The longest that a request may stay without an answer: more than any limit of ours, less than a hang.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What a scenario needs beyond requests and answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Hours that pass in no time.
    VirtualTime,
    /// Requests that an HTTP server would refuse before any filter sees them.
    RawHead,
    /// A host without cryptography of its own.
    BareHost,
    /// Bodies of requests that the filter holds (Envoy's `allow_on_headers_stop_iteration: true`).
    HeldBody,
    /// Clients that show certificates of their choice.
    ClientCertificate,
    /// Clients that come over plain http.
    PlainHttp,
}

/// A request under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u32);

/// What became of a request.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// What the client got.
    pub response: Response,
    /// What the application got, if anything.
    pub upstream: Option<Request>,
    /// How long the client waited.
    pub took: Duration,
}

impl Exchange {
    /// The status that the client got.
    pub const fn status(&self) -> u16 {
        self.response.status
    }

    /// What the application got. Panics when the request did not reach it.
    #[track_caller]
    pub fn forwarded(&self) -> &Request {
        self.upstream.as_ref().unwrap_or_else(|| panic!("not forwarded: {}", self.summary()))
    }

    /// Asserts that the application got nothing and that the client got `status`.
    #[track_caller]
    pub fn refused_with(&self, status: u16) -> &Self {
        assert!(self.upstream.is_none(), "forwarded: {:?}", self.upstream);
        assert_eq!(self.status(), status, "{}", self.summary());
        self
    }

    /// Asserts that page or problem document carry this reason code.
    #[track_caller]
    pub fn because_of(&self, reason: &str) -> &Self {
        assert!(self.response.text().contains(reason), "no {reason} in: {}", self.summary());
        self
    }

    /// Asserts that the provider gave no answer: `area` is whose answer was waited for. Some hosts answer in its place, with 503 or
    /// 504, which looks like a provider that is not available.
    #[track_caller]
    pub fn because_nobody_answered(&self, area: &str) -> &Self {
        let text = self.response.text();
        let reasons = ["provider.unreachable".to_owned(), format!("{area}.unavailable")];
        assert!(reasons.iter().any(|reason| text.contains(reason)), "none of {reasons:?} in: {}", self.summary());
        self
    }

    fn summary(&self) -> String {
        let fields: Vec<String> = self
            .response
            .fields
            .iter()
            .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value)))
            .collect();
        format!("{} {}\n{}", self.response.status, fields.join("\n"), self.response.text())
    }
}
