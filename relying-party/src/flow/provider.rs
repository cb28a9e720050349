//! What flows know of a provider: its configuration, and what has been loaded from it.

use std::rc::Rc;

use crate::config::Provider;
use crate::jose::JwkSet;
use crate::protocol::{ProviderFailure, ProviderMetadata};
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
