//! One provider's fetch: this VM's, or another's that is waited for.

use std::rc::Rc;
use std::time::Duration;

use prost::Message as _;

use super::record::{self, Answer, Record, Round};
use super::{Env, changes, freshness};
use crate::config::Provider;
use crate::flow::provider::ProviderSlot;
use crate::http::{CalloutOutcome, CalloutRequest};
use crate::jose::JwkSet;
use crate::log::LogLine;
use crate::protocol::{CALLOUT_TIMEOUT, ProviderFailure, ProviderMetadata, discovery_request, jwks_request};
use crate::reason::Reason;
use crate::shared::{Expected, OwnData, SharedData, SharedDataError};
use crate::time::UnixTime;

const FIRST_RETRY: Duration = Duration::from_millis(200);
const LAST_RETRY: Duration = Duration::from_secs(10);
/// How much later than the call's own timeout an answer is given up for lost.
const LOST_AFTER: Duration = Duration::from_secs(2);
/// How often the holder of a lease says that it lives.
const RENEW_EVERY: Duration = Duration::from_millis(500);
/// How often another VM's fetch is looked for while a request waits for it.
const POLL: Duration = Duration::from_millis(15);
/// The same while no request waits, without and with something loaded.
const POLL_AT_LEISURE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));
/// Writers who meet try again this often.
const ATTEMPTS: usize = 4;

pub(super) struct Fetch {
    /// Of the record.
    key: String,
    /// Where the record is when the host does not share it.
    own: Option<OwnData>,
    /// This VM as the holder of a lease; 0 until it is drawn.
    id: u64,
    stage: Stage,
    /// Whether somebody needs newer keys than there are.
    newer_wanted: bool,
    /// The numbers of the last successful and the last failed round that were taken.
    good: u64,
    failed: u64,
    /// When an idle fetch begins again.
    due: UnixTime,
}

enum Stage {
    Idle,
    /// Another VM fetches.
    Elsewhere {
        polled: UnixTime,
    },
    Metadata {
        since: UnixTime,
        renewed: UnixTime,
    },
    /// Metadata is here, its keys are to be asked for.
    KeysDue {
        discovery: Option<Answer>,
        metadata: Rc<ProviderMetadata>,
    },
    Keys {
        discovery: Option<Answer>,
        since: UnixTime,
        renewed: UnixTime,
    },
}

impl Fetch {
    pub(super) fn new(provider: &Provider) -> Self {
        Self {
            key: record::key(provider),
            own: None,
            id: 0,
            stage: Stage::Idle,
            newer_wanted: false,
            good: 0,
            failed: 0,
            due: UnixTime::from_secs(0),
        }
    }

    pub(super) fn want_newer(&mut self) {
        self.newer_wanted = matches!(self.stage, Stage::Idle);
    }

    /// When an idle fetch begins; `None` while something is under way.
    pub(super) const fn idle_until(&self) -> Option<UnixTime> {
        match self.stage {
            Stage::Idle => Some(self.due),
            _ => None,
        }
    }

    /// Takes what others have fetched.
    pub(super) fn look(&mut self, slot: &mut ProviderSlot, env: &mut Env<'_>) {
        if matches!(self.stage, Stage::Idle) {
            let (record, _) = self.read(env);
            self.take(&record, slot, env.now);
        }
        slot.expire(env.now);
    }

    /// Begins, continues, or waits for another VM; the request to be sent, if any.
    pub(super) fn begin(&mut self, slot: &mut ProviderSlot, env: &mut Env<'_>) -> Option<CalloutRequest> {
        slot.expire(env.now);
        match &self.stage {
            Stage::Idle if env.now >= self.due || self.newer_wanted => self.take_turn(slot, env),
            Stage::Elsewhere { polled } if env.now.since(*polled) >= POLL => self.take_turn(slot, env),
            Stage::Metadata { renewed, .. } | Stage::Keys { renewed, .. } if env.now.since(*renewed) >= RENEW_EVERY => {
                self.renew(env);
                None
            }
            Stage::KeysDue { .. } => self.ask_for_keys(slot, env.now),
            Stage::Idle | Stage::Elsewhere { .. } | Stage::Metadata { .. } | Stage::Keys { .. } => None,
        }
    }

    /// Takes the lease if nobody has it and a fetch is still due.
    fn take_turn(&mut self, slot: &mut ProviderSlot, env: &mut Env<'_>) -> Option<CalloutRequest> {
        let is_forced = std::mem::take(&mut self.newer_wanted);
        let (mut record, expected) = self.read(env);
        let has_news = self.take(&record, slot, env.now);
        self.stage = Stage::Idle;
        if record.is_held(self.id, env.now) {
            self.stage = Stage::Elsewhere { polled: env.now };
            return None;
        }
        let is_due = env.now >= self.due;
        let may_be_forced = is_forced && !has_news && record.may_be_forced(env.now);
        if !is_due && !may_be_forced {
            return None;
        }
        if self.id == 0 {
            self.id = u64::from_le_bytes(env.entropy.bytes()).max(1);
        }
        record.hold(self.id, env.now);
        if may_be_forced {
            record.forced(env.now);
        }
        if !self.write(&record, expected, env) {
            self.stage = Stage::Elsewhere { polled: env.now };
            return None;
        }
        let known = slot.loaded.as_ref().filter(|_| !is_due).map(|loaded| Rc::clone(&loaded.metadata));
        let discovery = record.good.and_then(|round| round.discovery);
        // The configuration may say it all. It was checked when it was read; if not, discovery says what is missing.
        match (known, ProviderMetadata::from_overrides(&slot.config)) {
            (Some(metadata), _) => self.stage = Stage::KeysDue { discovery, metadata },
            (None, Some(Ok(metadata))) => {
                self.stage = Stage::KeysDue { discovery: None, metadata: Rc::new(metadata) };
            }
            (None, Some(Err(_)) | None) => {
                self.stage = Stage::Metadata { since: env.now, renewed: env.now };
                return discovery_request(&slot.config);
            }
        }
        self.ask_for_keys(slot, env.now)
    }

    fn ask_for_keys(&mut self, slot: &ProviderSlot, now: UnixTime) -> Option<CalloutRequest> {
        match std::mem::replace(&mut self.stage, Stage::Idle) {
            Stage::KeysDue { discovery, metadata } => {
                self.stage = Stage::Keys { discovery, since: now, renewed: now };
                Some(jwks_request(&slot.config, &metadata))
            }
            other => {
                self.stage = other;
                None
            }
        }
    }

    pub(super) fn answered(
        &mut self,
        slot: &mut ProviderSlot,
        outcome: CalloutOutcome,
        env: &mut Env<'_>,
        log: &mut Vec<LogLine>,
    ) {
        let fresh_for = match &outcome {
            CalloutOutcome::Answered { headers, .. } => freshness::lifetime(headers),
            _ => Duration::ZERO,
        };
        let round = match std::mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Metadata { .. } => {
                let discovery = Answer::new(outcome);
                match discovery.metadata(&slot.config) {
                    Ok(metadata) => {
                        self.stage = Stage::KeysDue { discovery: Some(discovery), metadata: Rc::new(metadata) };
                        return self.renew(env);
                    }
                    Err(_) => Round::new(Some(discovery), None, fresh_for, env.now),
                }
            }
            Stage::Keys { discovery, .. } => Round::new(discovery, Some(Answer::new(outcome)), fresh_for, env.now),
            other @ (Stage::Idle | Stage::Elsewhere { .. } | Stage::KeysDue { .. }) => {
                self.stage = other;
                return;
            }
        };
        self.publish(round, slot, env, log);
    }

    /// Tells all VMs, this one included, what this one's fetch brought. If another has taken over meanwhile, that one does.
    fn publish(&mut self, mut round: Round, slot: &mut ProviderSlot, env: &mut Env<'_>, log: &mut Vec<LogLine>) {
        let result = round.read(&slot.config);
        if let (None, Ok((metadata, _))) = (&slot.loaded, &result) {
            log.extend(changes::unlisted(&slot.config, metadata));
        }
        let result = result.map(|(_, keys)| keys);
        for _ in 0..ATTEMPTS {
            let (mut record, expected) = self.read(env);
            if record.holder != self.id {
                self.take(&record, slot, env.now);
                return;
            }
            record.release();
            round.number = record.next_number();
            let old = slot.loaded.as_ref().map(|loaded| &loaded.keys);
            match &result {
                Ok(keys) => {
                    // Forged key ids bring no new key.
                    if old.is_some_and(|old| keys.adds_to(old)) {
                        record.cool_down();
                    }
                    record.failures = 0;
                    record.set_due(refresh_at(&round, env));
                    record.good = Some(round.clone());
                    record.failed = None;
                }
                Err(_) => {
                    record.set_due(retry_at(record.failures, env));
                    record.failures = record.failures.saturating_add(1);
                    record.failed = Some(round.clone());
                }
            }
            if self.write(&record, expected, env) {
                report(slot, &result, record.due(env.now).since(env.now), log);
                self.take(&record, slot, env.now);
                return;
            }
        }
        self.due = env.now + FIRST_RETRY;
    }

    /// Says that the holder of the lease lives.
    fn renew(&mut self, env: &mut Env<'_>) {
        let (mut record, expected) = self.read(env);
        if record.holder == self.id {
            record.hold(self.id, env.now);
            self.write(&record, expected, env);
        }
        if let Stage::Metadata { renewed, .. } | Stage::Keys { renewed, .. } = &mut self.stage {
            *renewed = env.now;
        }
    }

    /// Takes what is new in the record; whether there were new keys or metadata.
    fn take(&mut self, record: &Record, slot: &mut ProviderSlot, now: UnixTime) -> bool {
        self.due = record.due(now);
        match &record.failed {
            None => slot.failure = None,
            Some(round) if round.number != self.failed => {
                self.failed = round.number;
                slot.failure = round.read(&slot.config).err();
            }
            Some(_) => {}
        }
        let Some(round) = record.good.as_ref().filter(|round| round.number != self.good) else { return false };
        self.good = round.number;
        match round.read(&slot.config) {
            Ok((metadata, keys)) => {
                slot.load(metadata, keys, round.at(now), round.fresh_for());
                slot.expire(now);
                true
            }
            // Nobody who runs this code with this configuration has published it.
            Err(failure) => {
                slot.failure = Some(failure);
                self.due = self.due.min(now + LAST_RETRY);
                false
            }
        }
    }

    pub(super) fn lost_at(&self) -> Option<UnixTime> {
        match self.stage {
            Stage::Metadata { since, .. } | Stage::Keys { since, .. } => Some(since + CALLOUT_TIMEOUT + LOST_AFTER),
            Stage::Idle | Stage::Elsewhere { .. } | Stage::KeysDue { .. } => None,
        }
    }

    pub(super) fn next_due(&self, slot: &ProviderSlot, someone_waits: bool) -> UnixTime {
        let expiry = slot.loaded.as_ref().map(|loaded| loaded.usable_until());
        let next = match &self.stage {
            Stage::Idle | Stage::KeysDue { .. } => self.due,
            Stage::Elsewhere { polled } => {
                let pause = match (someone_waits, &slot.loaded) {
                    (true, _) => POLL,
                    (false, None) => POLL_AT_LEISURE.0,
                    (false, Some(_)) => POLL_AT_LEISURE.1,
                };
                *polled + pause
            }
            Stage::Metadata { since, renewed } | Stage::Keys { since, renewed, .. } => {
                (*renewed + RENEW_EVERY).min(*since + CALLOUT_TIMEOUT + LOST_AFTER)
            }
        };
        expiry.map_or(next, |expiry| next.min(expiry))
    }

    fn read(&mut self, env: &mut Env<'_>) -> (Record, Expected) {
        let entry = match &mut self.own {
            Some(own) => own.read(&self.key),
            None => env.shared.read(&self.key),
        };
        match entry {
            Ok(entry) => {
                // What cannot be read is replaced.
                let record = entry.as_ref().and_then(|entry| Record::decode(entry.value.as_slice()).ok());
                (record.unwrap_or_default(), Expected::of(entry.as_ref()))
            }
            Err(_) => {
                self.own = Some(OwnData::default());
                (Record::default(), Expected::Nothing)
            }
        }
    }

    /// Whether the record was written; not when another has written since it was read.
    fn write(&mut self, record: &Record, expected: Expected, env: &mut Env<'_>) -> bool {
        let value = record.encode_to_vec();
        let written = match &mut self.own {
            Some(own) => own.write(&self.key, &value, expected),
            None => env.shared.write(&self.key, &value, expected),
        };
        match written {
            Ok(()) => true,
            Err(SharedDataError::Conflict) => false,
            Err(SharedDataError::NotOffered) => {
                let mut own = OwnData::default();
                let written = own.write(&self.key, &value, Expected::Nothing).is_ok();
                self.own = Some(own);
                written
            }
        }
    }
}

/// After four fifths of the time, give or take, so that many instances do not knock together.
fn refresh_at(round: &Round, env: &mut Env<'_>) -> UnixTime {
    let [random] = env.entropy.bytes::<1>();
    env.now + round.fresh_for().mul_f64(0.75 + f64::from(random) / 2560.0)
}

/// The pause doubles with every failure, up to a limit, and has jitter as well.
fn retry_at(failures: u32, env: &mut Env<'_>) -> UnixTime {
    let pause = FIRST_RETRY.saturating_mul(2_u32.saturating_pow(failures)).min(LAST_RETRY);
    let [random] = env.entropy.bytes::<1>();
    env.now + pause.mul_f64(0.75 + f64::from(random) / 1024.0)
}

fn report(slot: &ProviderSlot, result: &Result<JwkSet, ProviderFailure>, pause: Duration, log: &mut Vec<LogLine>) {
    match result {
        Ok(keys) => {
            let old = slot.loaded.as_ref().map(|loaded| &loaded.keys);
            log.extend(changes::describe(&slot.config.name, old, keys));
        }
        Err(failure) => log.push(LogLine::warn(format!(
            "provider {}: {}: {failure} (cluster {}, {}); next attempt in {} ms",
            slot.config.name,
            failure.code(),
            slot.config.cluster,
            slot.config.issuer.as_str(),
            pause.as_millis(),
        ))),
    }
}
