//! Loads providers: metadata, then keys; retries with backoff and jitter; fetches keys again when one is missing.

use std::rc::Rc;
use std::time::Duration;

use crate::flow::Need;
use crate::flow::provider::{LoadedProvider, ProviderSlot};
use crate::http::{CalloutOutcome, CalloutRequest};
use crate::log::LogLine;
use crate::protocol::ProviderFailure;
use crate::protocol::{
    CALLOUT_TIMEOUT, ProviderMetadata, discovery_request, jwks_request, process_discovery_response,
    process_jwks_response,
};
use crate::reason::Reason;
use crate::time::UnixTime;

use super::Env;

/// How long metadata and keys are used before they are fetched again.
const REFRESH_AFTER: Duration = Duration::from_secs(3600);
/// At most one fetch for unknown key ids in this time, however many arrive, unless it brings new keys.
const UNKNOWN_KEY_COOL_DOWN: Duration = Duration::from_secs(10);
const FIRST_RETRY: Duration = Duration::from_millis(200);
const LAST_RETRY: Duration = Duration::from_secs(10);
/// How much later than the call's own timeout an answer is given up for lost.
const LOST_AFTER: Duration = Duration::from_secs(2);

/// The fetches, one a provider, in the order of the slots.
pub(super) struct Loader(Vec<Fetch>);

struct Fetch {
    stage: Stage,
    failures: u32,
    /// When an idle fetch begins again.
    due: UnixTime,
    last_for_unknown_key: Option<UnixTime>,
}

enum Stage {
    Idle,
    Metadata {
        since: UnixTime,
    },
    /// Metadata is here, its keys are to be asked for.
    KeysDue(Rc<ProviderMetadata>),
    Keys {
        metadata: Rc<ProviderMetadata>,
        since: UnixTime,
    },
}

impl Loader {
    pub(super) fn new(providers: usize) -> Self {
        let fetch =
            || Fetch { stage: Stage::Idle, failures: 0, due: UnixTime::from_secs(0), last_for_unknown_key: None };
        Self((0..providers).map(|_| fetch()).collect())
    }

    /// Notes that a request needs something newer than what is loaded.
    pub(super) fn want(&mut self, need: Need, slots: &[ProviderSlot], now: UnixTime) {
        let (Some(_), Some(fetch), Some(slot)) =
            (need.newer_than, self.0.get_mut(need.provider), slots.get(need.provider))
        else {
            return;
        };
        let cool = fetch.last_for_unknown_key.is_none_or(|last| now.since(last) >= UNKNOWN_KEY_COOL_DOWN);
        if let (Stage::Idle, true, Some(loaded)) = (&fetch.stage, cool && !slot.satisfies(need), &slot.loaded) {
            fetch.last_for_unknown_key = Some(now);
            fetch.stage = Stage::KeysDue(Rc::clone(&loaded.metadata));
        }
    }

    /// Whether waiting longer cannot help: the need is met, or nothing will come before `deadline`.
    pub(super) fn is_settled(&self, need: Need, slots: &[ProviderSlot], deadline: UnixTime) -> bool {
        let (Some(fetch), Some(slot)) = (self.0.get(need.provider), slots.get(need.provider)) else {
            return true;
        };
        slot.satisfies(need)
            || (matches!(fetch.stage, Stage::Idle)
                && (need.newer_than.is_some()
                    || fetch.due >= deadline
                    || slot.failure.as_ref().is_some_and(|failure| !failure.is_temporary())))
    }

    /// The requests of all fetches that are due: the provider's index and the request.
    pub(super) fn begin(&mut self, slots: &mut [ProviderSlot], now: UnixTime) -> Vec<(usize, CalloutRequest)> {
        self.0
            .iter_mut()
            .zip(slots)
            .enumerate()
            .filter_map(|(index, (fetch, slot))| fetch.begin(slot, now).map(|request| (index, request)))
            .collect()
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
        if let (Some(fetch), Some(slot)) = (self.0.get_mut(index), slots.get_mut(index))
            && let Err(failure) = fetch.answered(slot, outcome, env.now)
        {
            fetch.failed(env);
            log.push(LogLine::warn(format!(
                "provider {}: {}: {failure} (cluster {}, {}); next attempt in {} ms",
                slot.config.name,
                failure.code(),
                slot.config.cluster,
                slot.config.discovery_url,
                fetch.due.since(env.now).as_millis(),
            )));
            slot.failure = Some(failure);
        }
    }

    /// Fetches whose answer should have come long ago.
    pub(super) fn lost(&self, now: UnixTime) -> Vec<usize> {
        let is_lost = |fetch: &Fetch| fetch.lost_at().is_some_and(|lost| now >= lost);
        self.0.iter().enumerate().filter(|(_, fetch)| is_lost(fetch)).map(|(index, _)| index).collect()
    }

    /// When something is to be begun, or to be given up.
    pub(super) fn next_due(&self) -> Option<UnixTime> {
        self.0.iter().map(|fetch| fetch.lost_at().unwrap_or(fetch.due)).min()
    }
}

impl Fetch {
    fn begin(&mut self, slot: &ProviderSlot, now: UnixTime) -> Option<CalloutRequest> {
        if matches!(self.stage, Stage::Idle) && now >= self.due {
            match ProviderMetadata::from_overrides(&slot.config) {
                // The configuration says it all. It was checked when it was read; if not, discovery says what is missing.
                Some(Ok(metadata)) => self.stage = Stage::KeysDue(Rc::new(metadata)),
                Some(Err(_)) | None => {
                    self.stage = Stage::Metadata { since: now };
                    return Some(discovery_request(&slot.config));
                }
            }
        }
        if let Stage::KeysDue(metadata) = &self.stage {
            let request = jwks_request(&slot.config, metadata);
            self.stage = Stage::Keys { metadata: Rc::clone(metadata), since: now };
            return Some(request);
        }
        None
    }

    fn answered(
        &mut self,
        slot: &mut ProviderSlot,
        outcome: CalloutOutcome,
        now: UnixTime,
    ) -> Result<(), ProviderFailure> {
        match std::mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Metadata { .. } => {
                let (status, body) = ProviderFailure::answer(outcome)?;
                let metadata = process_discovery_response(&slot.config, status, &body)?;
                self.stage = Stage::KeysDue(Rc::new(metadata));
            }
            Stage::Keys { metadata, .. } => {
                let (status, body) = ProviderFailure::answer(outcome)?;
                let keys = process_jwks_response(status, &body)?;
                // Who asked for an unknown key was right: the next one may be right as well. Forged key ids bring no new key.
                if slot.loaded.as_ref().is_some_and(|loaded| keys.adds_to(&loaded.keys)) {
                    self.last_for_unknown_key = None;
                }
                slot.loaded = Some(Rc::new(LoadedProvider::new(slot, metadata, keys, now)));
                slot.failure = None;
                self.failures = 0;
                self.due = now + REFRESH_AFTER;
            }
            stage @ (Stage::Idle | Stage::KeysDue(_)) => self.stage = stage,
        }
        Ok(())
    }

    /// Doubles the pause with every failure, up to a limit, with jitter so that many instances do not knock together.
    fn failed(&mut self, env: &mut Env<'_>) {
        let pause = FIRST_RETRY.saturating_mul(2_u32.saturating_pow(self.failures)).min(LAST_RETRY);
        let [random] = env.entropy.bytes::<1>();
        self.failures = self.failures.saturating_add(1);
        self.due = env.now + pause.mul_f64(0.75 + f64::from(random) / 1024.0);
    }

    fn lost_at(&self) -> Option<UnixTime> {
        match self.stage {
            Stage::Metadata { since } | Stage::Keys { since, .. } => Some(since + CALLOUT_TIMEOUT + LOST_AFTER),
            Stage::Idle | Stage::KeysDue(_) => None,
        }
    }
}
