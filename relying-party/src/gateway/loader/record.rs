//! What the VMs of a process tell each other about a provider: who is fetching, and what the last fetches brought. Documents
//! are passed on as they came, and everybody judges them by the same code as an answer of one's own.

use std::time::Duration;

use prost::Message;

use super::freshness;
use crate::config::{ClientAuthentication, Provider};
use crate::http::CalloutOutcome;
use crate::jose::JwkSet;
use crate::protocol::{
    JwksError, ProviderFailure, ProviderMetadata, process_discovery_response, process_jwks_response,
};
use crate::shared::Namespace;
use crate::time::UnixTime;

/// How long a fetch is its holder's without a sign of life. Shorter than the patience of a request that waits.
pub(super) const LEASE: Duration = Duration::from_millis(1500);
/// At most one fetch for unknown key ids in this time, however many arrive and wherever, unless it brings new keys.
const UNKNOWN_KEY_COOL_DOWN: Duration = Duration::from_secs(10);
/// No fetch is put off longer than this: a record that says so was written under another clock.
const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 3600);

/// The entry of a provider. Times are milliseconds since the epoch, 0 for never.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Record {
    /// Who fetches, as a random number; 0 when nobody does.
    #[prost(uint64, tag = "1")]
    pub(super) holder: u64,
    #[prost(uint64, tag = "2")]
    held_until: u64,
    #[prost(uint64, tag = "3")]
    forced_at: u64,
    #[prost(uint64, tag = "4")]
    due: u64,
    #[prost(uint32, tag = "5")]
    pub(super) failures: u32,
    /// The last fetch that brought metadata and keys.
    #[prost(message, optional, tag = "6")]
    pub(super) good: Option<Round>,
    /// The last fetch, when it failed.
    #[prost(message, optional, tag = "7")]
    pub(super) failed: Option<Round>,
}

/// What a fetch brought.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Round {
    /// Rounds are counted.
    #[prost(uint64, tag = "1")]
    pub(super) number: u64,
    #[prost(uint64, tag = "2")]
    at: u64,
    #[prost(uint64, tag = "3")]
    fresh_for: u64,
    /// The answer to discovery; none when the configuration says it all.
    #[prost(message, optional, tag = "4")]
    pub(super) discovery: Option<Answer>,
    /// The answer to the request for the keys; none when it did not come to that.
    #[prost(message, optional, tag = "5")]
    pub(super) keys: Option<Answer>,
}

/// How a call ended.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Answer {
    /// HTTP status code, or one of the numbers below.
    #[prost(uint32, tag = "1")]
    status: u32,
    #[prost(bytes = "vec", tag = "2")]
    body: Vec<u8>,
}

/// Beside HTTP status codes.
const FAILED: u32 = 0;
const REFUSED: u32 = 1;
const TOO_LARGE: u32 = 2;

/// Where the VMs that fetch the same documents in the same way meet, whatever else their configurations say.
pub(super) fn key(provider: &Provider) -> String {
    let clusters: Vec<u8> =
        provider.clusters.iter().flat_map(|(host, cluster)| format!("{host}\n{cluster}\n").into_bytes()).collect();
    let metadata = serde_json::to_vec(&provider.metadata).unwrap_or_default();
    // With its tenants. What metadata must offer depends on these and on how we are a client: who judges otherwise would undo
    // what the others publish.
    let issuer = format!("{:?}", provider.issuer);
    let client = provider
        .client
        .as_ref()
        .map_or([0, 0], |client| [1, matches!(client.authentication, ClientAuthentication::TlsClientAuth).into()]);
    let parts = [
        issuer.as_bytes(),
        &client,
        provider.discovery_url.as_ref().map_or("", |url| url.as_str()).as_bytes(),
        provider.cluster.as_bytes(),
        &clusters,
        &metadata,
    ];
    Namespace::new("provider", &parts).key("documents")
}

impl Record {
    /// Whether somebody else than `id` is fetching. Nobody is believed who claims more time than there is to claim.
    pub(super) fn is_held(&self, id: u64, now: UnixTime) -> bool {
        let until = UnixTime::from_millis(self.held_until);
        self.holder != 0 && self.holder != id && now < until && until <= now + LEASE
    }

    pub(super) fn hold(&mut self, id: u64, now: UnixTime) {
        self.holder = id;
        self.held_until = (now + LEASE).as_millis();
    }

    pub(super) const fn release(&mut self) {
        self.holder = 0;
        self.held_until = 0;
    }

    /// Whether an unknown key id may cause a fetch.
    pub(super) fn may_be_forced(&self, now: UnixTime) -> bool {
        let last = UnixTime::from_millis(self.forced_at);
        last > now || now.since(last) >= UNKNOWN_KEY_COOL_DOWN
    }

    pub(super) const fn forced(&mut self, now: UnixTime) {
        self.forced_at = now.as_millis();
    }

    /// Who asked for an unknown key was right: the next one may be right as well.
    pub(super) const fn cool_down(&mut self) {
        self.forced_at = 0;
    }

    /// When the next fetch begins.
    pub(super) fn due(&self, now: UnixTime) -> UnixTime {
        let due = UnixTime::from_millis(self.due);
        if due > now + LONGEST_PAUSE { now } else { due }
    }

    pub(super) const fn set_due(&mut self, due: UnixTime) {
        self.due = due.as_millis();
    }

    pub(super) fn next_number(&self) -> u64 {
        let number = |round: &Option<Round>| round.as_ref().map_or(0, |round| round.number);
        number(&self.good).max(number(&self.failed)).saturating_add(1)
    }
}

impl Round {
    pub(super) fn new(discovery: Option<Answer>, keys: Option<Answer>, fresh_for: Duration, now: UnixTime) -> Self {
        let fresh_for = u64::try_from(fresh_for.as_millis()).unwrap_or(u64::MAX);
        Self { number: 0, at: now.as_millis(), fresh_for, discovery, keys }
    }

    /// When the documents came; never later than `now`.
    pub(super) fn at(&self, now: UnixTime) -> UnixTime {
        UnixTime::from_millis(self.at).min(now)
    }

    pub(super) fn fresh_for(&self) -> Duration {
        freshness::bounded(Duration::from_millis(self.fresh_for))
    }

    /// Metadata and keys, or why there are none.
    pub(super) fn read(&self, provider: &Provider) -> Result<(ProviderMetadata, JwkSet), ProviderFailure> {
        let metadata = match (&self.discovery, ProviderMetadata::from_overrides(provider)) {
            (None, Some(Ok(metadata))) => metadata,
            (Some(answer), _) => answer.metadata(provider)?,
            (None, _) => return Err(ProviderFailure::NoAnswer),
        };
        let keys = self.keys.as_ref().ok_or(ProviderFailure::NoAnswer)?.keys()?;
        Ok((metadata, keys))
    }
}

impl Answer {
    pub(super) fn new(outcome: CalloutOutcome) -> Self {
        match outcome {
            // Of other answers the status says it all.
            CalloutOutcome::Answered { status, body, .. } => {
                Self { status: status.into(), body: if status == 200 { body } else { Vec::new() } }
            }
            CalloutOutcome::TooLarge => Self { status: TOO_LARGE, body: Vec::new() },
            CalloutOutcome::Refused => Self { status: REFUSED, body: Vec::new() },
            CalloutOutcome::Failed => Self { status: FAILED, body: Vec::new() },
        }
    }

    pub(super) fn metadata(&self, provider: &Provider) -> Result<ProviderMetadata, ProviderFailure> {
        Ok(process_discovery_response(provider, self.status()?, &self.body)?)
    }

    fn keys(&self) -> Result<JwkSet, ProviderFailure> {
        process_jwks_response(self.status()?, &self.body).map_err(|error: JwksError| error.into())
    }

    fn status(&self) -> Result<u16, ProviderFailure> {
        match self.status {
            REFUSED => Err(ProviderFailure::NotSent),
            TOO_LARGE => Err(ProviderFailure::AnswerTooLarge),
            FAILED => Err(ProviderFailure::NoAnswer),
            status => u16::try_from(status).map_err(|_| ProviderFailure::NoAnswer),
        }
    }
}
