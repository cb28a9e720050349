//! What flows know of a provider: its configuration, and what has been loaded from it.

use std::fmt;
use std::rc::Rc;

use crate::config::Provider;
use crate::http::CalloutOutcome;
use crate::jose::jwk::JwkSet;
use crate::protocol::jwks::JwksError;
use crate::protocol::metadata::{DiscoveryError, ProviderMetadata};
use crate::reason::Reason;
use crate::time::UnixTime;

use super::Need;

/// A configured provider and the state of its metadata and keys.
pub struct ProviderSlot {
    /// Its configuration.
    pub config: Rc<Provider>,
    /// What was loaded last; stays while a later fetch fails.
    pub loaded: Option<Rc<LoadedProvider>>,
    /// Why the last fetch failed; `None` after a success.
    pub failure: Option<ProviderFailure>,
}

impl ProviderSlot {
    /// A provider of which nothing is known yet.
    pub const fn new(config: Rc<Provider>) -> Self {
        Self { config, loaded: None, failure: None }
    }

    /// Whether what is loaded meets `need`.
    pub fn satisfies(&self, need: Need) -> bool {
        self.loaded.as_ref().is_some_and(|loaded| need.newer_than.is_none_or(|old| loaded.generation > old))
    }
}

/// Counts the successful loads of a provider, so that «newer keys than these» can be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Generation(u64);

/// A provider whose metadata and keys are here.
pub struct LoadedProvider {
    /// Its configuration.
    pub config: Rc<Provider>,
    /// Its metadata (OIDC Discovery 1.0 §3).
    pub metadata: Rc<ProviderMetadata>,
    /// Its keys (RFC 7517 §5).
    pub keys: JwkSet,
    /// Which load this is.
    pub generation: Generation,
    /// When the keys were fetched.
    pub loaded_at: UnixTime,
}

impl LoadedProvider {
    /// The next generation of what `slot` holds.
    pub fn new(slot: &ProviderSlot, metadata: Rc<ProviderMetadata>, keys: JwkSet, now: UnixTime) -> Self {
        let previous = slot.loaded.as_ref().map_or(0, |loaded| loaded.generation.0);
        let generation = Generation(previous.saturating_add(1));
        Self { config: Rc::clone(&slot.config), metadata, keys, generation, loaded_at: now }
    }
}

/// Why a provider could not be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProviderFailure {
    /// No answer, or none but a server error: trying again helps.
    Unreachable(Unreachable),
    /// It answered with something that cannot be used: somebody has to mend it.
    Misbehaved(&'static str),
}

/// Why there was no usable answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// The host would not send the request.
    Refused,
    /// Nothing came back.
    NoAnswer,
    /// The provider answered with this server error.
    ServerError(u16),
}

impl ProviderFailure {
    /// Status and body of an answer that is worth reading.
    pub fn answer(outcome: CalloutOutcome) -> Result<(u16, Vec<u8>), Self> {
        match outcome {
            CalloutOutcome::Answered { status: status @ (429 | 500..), .. } => {
                Err(Self::Unreachable(Unreachable::ServerError(status)))
            }
            CalloutOutcome::Answered { status, body, .. } => Ok((status, body)),
            CalloutOutcome::TooLarge => Err(Self::Misbehaved("provider.answer_too_large")),
            CalloutOutcome::Refused => Err(Self::Unreachable(Unreachable::Refused)),
            CalloutOutcome::Failed => Err(Self::Unreachable(Unreachable::NoAnswer)),
        }
    }
}

impl From<DiscoveryError> for ProviderFailure {
    fn from(error: DiscoveryError) -> Self {
        Self::Misbehaved(error.code())
    }
}

impl From<JwksError> for ProviderFailure {
    fn from(error: JwksError) -> Self {
        Self::Misbehaved(error.code())
    }
}

impl Reason for ProviderFailure {
    fn code(&self) -> &'static str {
        match self {
            Self::Unreachable(Unreachable::Refused) => "provider.no_cluster",
            Self::Unreachable(Unreachable::NoAnswer) => "provider.unreachable",
            Self::Unreachable(Unreachable::ServerError(_)) => "provider.server_error",
            Self::Misbehaved(code) => code,
        }
    }
}

impl fmt::Display for ProviderFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(Unreachable::Refused) => {
                formatter.write_str("the request could not be sent; is `cluster` the name of a cluster that exists?")
            }
            Self::Unreachable(Unreachable::NoAnswer) => formatter.write_str("no answer"),
            Self::Unreachable(Unreachable::ServerError(status)) => write!(formatter, "answered with status {status}"),
            Self::Misbehaved(code) => write!(formatter, "its answer cannot be used: {code}"),
        }
    }
}
