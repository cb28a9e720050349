//! Loads providers: metadata, then keys; ahead of their expiry; again when a key is missing; with backoff when that fails.
//!
//! One VM of a process fetches, and the others take what it brought: they share a [`Record`] for each provider. A host that
//! shares nothing, or not this, leaves each VM alone with a record of its own; everything else is the same.

mod changes;
mod fetch;
mod freshness;
mod record;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::flow::Need;
use crate::flow::provider::ProviderSlot;
use crate::http::{CalloutOutcome, CalloutRequest};
use crate::log::LogLine;
use crate::time::UnixTime;

use self::fetch::Fetch;
use super::Env;

/// How often requests make a VM look for what others have fetched: so soon a withdrawn key stops working everywhere.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The fetches, one a provider, in the order of the slots.
pub(super) struct Loader {
    fetches: Vec<Fetch>,
    looked_at: UnixTime,
}

impl Loader {
    pub(super) fn new(slots: &[ProviderSlot]) -> Self {
        let fetches = slots.iter().map(|slot| Fetch::new(&slot.config)).collect();
        Self { fetches, looked_at: UnixTime::from_secs(0) }
    }

    /// Takes what other VMs have fetched already, and fetches nothing: at the start this may be a VM that lives for the time of
    /// a configuration check, and would take the lease with it.
    pub(super) fn start(&mut self, slots: &mut [ProviderSlot], env: &mut Env<'_>) {
        for (fetch, slot) in self.fetches.iter_mut().zip(slots) {
            fetch.look(slot, env);
        }
    }

    /// A request comes: it shall find what the other VMs have fetched.
    pub(super) fn look(&mut self, slots: &mut [ProviderSlot], env: &mut Env<'_>) {
        if env.now.since(self.looked_at) >= LOOK_EVERY || self.looked_at > env.now {
            self.looked_at = env.now;
            self.start(slots, env);
        }
    }

    /// Notes that a request needs something newer than what is loaded.
    pub(super) fn want(&mut self, need: Need, slots: &[ProviderSlot]) {
        if let (Some(_), Some(fetch), Some(slot)) =
            (need.newer_than, self.fetches.get_mut(need.provider), slots.get(need.provider))
            && !slot.satisfies(need)
        {
            fetch.want_newer();
        }
    }

    /// Whether waiting longer cannot help: the need is met, or nothing will come before `deadline`.
    pub(super) fn is_settled(&self, need: Need, slots: &[ProviderSlot], deadline: UnixTime) -> bool {
        let (Some(fetch), Some(slot)) = (self.fetches.get(need.provider), slots.get(need.provider)) else {
            return true;
        };
        slot.satisfies(need)
            || fetch.idle_until().is_some_and(|due| {
                need.newer_than.is_some()
                    || due >= deadline
                    || slot.failure.as_ref().is_some_and(|failure| !failure.is_temporary())
            })
    }

    /// The requests of all fetches that are due: the provider's index and the request.
    pub(super) fn begin(&mut self, slots: &mut [ProviderSlot], env: &mut Env<'_>) -> Vec<(usize, CalloutRequest)> {
        let fetches = self.fetches.iter_mut().zip(slots).enumerate();
        fetches.filter_map(|(index, (fetch, slot))| fetch.begin(slot, env).map(|request| (index, request))).collect()
    }

    /// Takes the answer to a fetch.
    pub(super) fn answered(
        &mut self,
        index: usize,
        slots: &mut [ProviderSlot],
        outcome: CalloutOutcome,
        env: &mut Env<'_>,
        log: &mut Vec<LogLine>,
    ) {
        if let (Some(fetch), Some(slot)) = (self.fetches.get_mut(index), slots.get_mut(index)) {
            fetch.answered(slot, outcome, env, log);
        }
    }

    /// Whether a fetch from this provider is under way, here or elsewhere.
    pub(super) fn is_fetching(&self, provider: usize) -> bool {
        self.fetches.get(provider).is_some_and(|fetch| fetch.idle_until().is_none())
    }

    /// Fetches whose answer should have come long ago.
    pub(super) fn lost(&self, now: UnixTime) -> Vec<usize> {
        let is_lost = |fetch: &Fetch| fetch.lost_at().is_some_and(|lost| now >= lost);
        self.fetches.iter().enumerate().filter(|(_, fetch)| is_lost(fetch)).map(|(index, _)| index).collect()
    }

    /// When something is to be begun, looked for, or given up; `someone_waits` for a provider.
    pub(super) fn next_due(&self, slots: &[ProviderSlot], someone_waits: bool) -> Option<UnixTime> {
        let fetches = self.fetches.iter().zip(slots);
        fetches.map(|(fetch, slot)| fetch.next_due(slot, someone_waits)).min()
    }
}
