//! What flows know of a provider: its configuration, and what has been loaded from it.

use std::rc::Rc;
use std::time::Duration;

use crate::config::Provider;
use crate::denial::Denial;
use crate::jose::JwkSet;
use crate::protocol::{ProviderFailure, ProviderMetadata, Registration};
use crate::time::UnixTime;

use super::Need;

/// How long keys live on through an outage after they went stale. What the issuer withdraws meanwhile is not noticed.
const LONGEST_STALENESS: Duration = Duration::from_secs(24 * 3600);

/// A configured provider and the state of its metadata and keys.
pub struct ProviderSlot {
    /// Its configuration.
    pub config: Rc<Provider>,
    /// What was loaded last; stays while later fetches fail, until it is too old.
    pub loaded: Option<Rc<LoadedProvider>>,
    /// Why the last fetch failed; `None` after a success.
    pub failure: Option<ProviderFailure>,
    /// The last load, when it has become too old to be used.
    outdated: Option<Rc<LoadedProvider>>,
}

impl ProviderSlot {
    /// A provider of which nothing is known yet.
    pub const fn new(config: Rc<Provider>) -> Self {
        Self { config, loaded: None, failure: None, outdated: None }
    }

    /// Whether what is loaded meets `need`.
    pub fn satisfies(&self, need: Need) -> bool {
        self.loaded.as_ref().is_some_and(|loaded| need.newer_than.is_none_or(|old| loaded.generation > old))
    }

    /// What is loaded, or why there is nothing to be used.
    pub fn usable(&self) -> Result<Rc<LoadedProvider>, Denial> {
        self.loaded.clone().ok_or_else(|| match (&self.outdated, &self.failure) {
            (Some(_), _) => Denial::ProviderOutdated,
            (None, Some(failure)) => Denial::Provider(failure.clone()),
            (None, None) => Denial::ProviderNotReady,
        })
    }

    /// Whether there is nothing because it became too old.
    pub const fn is_outdated(&self) -> bool {
        self.outdated.is_some()
    }

    /// What is in use, or was until it became too old.
    fn latest(&self) -> Option<&Rc<LoadedProvider>> {
        self.loaded.as_ref().or(self.outdated.as_ref())
    }

    /// Takes documents that came at `at` and are fresh for a while.
    pub(crate) fn load(&mut self, metadata: ProviderMetadata, keys: JwkSet, at: UnixTime, fresh_for: Duration) {
        let (generation, trust) = self.latest().map_or((0, 0), |old| {
            let withdrawn = old.keys.keys().iter().any(|key| !keys.keys().contains(key));
            (old.generation.0, old.trust.0.saturating_add(withdrawn.into()))
        });
        self.loaded = Some(Rc::new(LoadedProvider {
            config: Rc::clone(&self.config),
            metadata: Rc::new(metadata),
            keys,
            generation: Generation(generation.saturating_add(1)),
            trust: TrustEpoch(trust),
            loaded_at: at,
            fresh_until: at + fresh_for,
        }));
        self.outdated = None;
    }

    /// Gives up what is too old to be trusted.
    pub(crate) fn expire(&mut self, now: UnixTime) {
        if self.loaded.as_ref().is_some_and(|loaded| now >= loaded.usable_until()) {
            self.outdated = self.loaded.take();
        }
    }
}

/// Counts the successful loads of a provider, so that «newer keys than these» can be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Generation(u64);

/// Rises whenever a key was withdrawn or replaced: what was verified under an earlier epoch must be verified again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct TrustEpoch(u64);

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
    /// Which set of keys was trusted; the same as long as none was taken away.
    pub trust: TrustEpoch,
    /// When the keys were fetched.
    pub loaded_at: UnixTime,
    /// Until when they are fresh. A fetch should have replaced them by then.
    pub fresh_until: UnixTime,
}

impl LoadedProvider {
    /// This deployment as its client; `None` when it only verifies access tokens.
    pub fn registration(&self) -> Option<Registration<'_>> {
        Registration::of(&self.config, &self.metadata)
    }

    /// Whether fresh keys should be here, and are not.
    pub fn is_stale(&self, now: UnixTime) -> bool {
        now >= self.fresh_until
    }

    /// When they are too old to be used at all.
    pub fn usable_until(&self) -> UnixTime {
        self.fresh_until + LONGEST_STALENESS
    }
}
