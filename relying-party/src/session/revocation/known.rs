//! What a VM knows of the sessions that were ended.

use std::collections::HashMap;
use std::time::Duration;

use foldhash::fast::RandomState;

use crate::log::LogLine;
use crate::shared::{SharedData, SharedDataError};
use crate::time::UnixTime;

use super::ring::{Head, Ring};
use super::{Revocation, RevocationKey};

/// How long a VM may not have heard of what another has ended.
const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// How often what has expired is forgotten.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

const RAISED: &str =
    "more sessions were ended than can be remembered one by one: everybody who signed in before is signed out";

/// The sessions that were ended, as far as they would still live.
pub struct Revocations {
    ring: Ring,
    known: HashMap<RevocationKey, Revocation, RandomState>,
    /// What was begun until then counts as ended.
    floor: UnixTime,
    /// Changes whenever more may be ended than before.
    version: u64,
    seen: Head,
    polled_at: Option<UnixTime>,
    swept_at: UnixTime,
    /// What others could not be told yet.
    untold: Vec<Revocation>,
    made_here: Vec<Revocation>,
    /// The floor that the log knows of.
    reported: UnixTime,
}

impl Default for Revocations {
    fn default() -> Self {
        Self::new(Ring::default())
    }
}

impl Revocations {
    pub(super) fn new(ring: Ring) -> Self {
        Self {
            ring,
            known: HashMap::default(),
            floor: Head::START.floor,
            version: 0,
            seen: Head::START,
            polled_at: None,
            swept_at: UnixTime::from_millis(0),
            untold: Vec::new(),
            made_here: Vec::new(),
            reported: Head::START.floor,
        }
    }

    /// Changes whenever more may be ended than before.
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// What was begun until then counts as ended, because there were too many entries; the epoch when there were not.
    pub const fn floor(&self) -> UnixTime {
        self.floor
    }

    /// Whether a session with these keys, begun at `authenticated_at`, was ended.
    pub(super) fn covers(&self, keys: &[RevocationKey], authenticated_at: UnixTime) -> bool {
        authenticated_at <= self.floor
            || keys.iter().filter_map(|key| self.known.get(key)).any(|entry| authenticated_at <= entry.revoked_at)
    }

    /// There may be news of this time: the next [poll](Self::poll) does not wait.
    pub fn expect_news(&mut self, at: UnixTime) {
        self.polled_at = self.polled_at.filter(|polled_at| *polled_at > at);
    }

    /// Learns what other VMs have ended, if it may have been a while. To be called before sessions are looked at.
    pub fn poll(&mut self, shared: &mut dyn SharedData, now: UnixTime, log: &mut Vec<LogLine>) {
        let is_early = |polled_at: UnixTime| polled_at <= now && now.since(polled_at) < POLL_INTERVAL;
        if self.polled_at.is_some_and(is_early) {
            return;
        }
        self.polled_at = Some(now);
        let untold = std::mem::take(&mut self.untold);
        self.tell(shared, &untold, now);
        let mut seen = self.seen;
        let mut news = Vec::new();
        // A host without shared data has no news.
        if self.ring.read_since(shared, &mut seen, |revocation| news.push(revocation)).is_ok() {
            self.seen = seen;
        }
        for revocation in news {
            self.learn(revocation, now);
        }
        self.rise_to(seen.floor);
        if now.since(self.swept_at) >= SWEEP_INTERVAL {
            self.sweep(now);
        }
        if self.floor > self.reported {
            self.reported = self.floor;
            log.push(LogLine::warn(RAISED.to_owned()));
        }
    }

    /// Ends what `revocations` name: here at once, in the other VMs as soon as they [poll](Self::poll).
    pub fn revoke(&mut self, revocations: &[Revocation], shared: &mut dyn SharedData, now: UnixTime) {
        self.made_here.extend_from_slice(revocations);
        self.import(revocations, shared, now);
    }

    /// Takes what was ended elsewhere, and tells the other VMs of what is new.
    pub fn import(&mut self, revocations: &[Revocation], shared: &mut dyn SharedData, now: UnixTime) {
        let new: Vec<_> = revocations.iter().copied().filter(|revocation| self.learn(*revocation, now)).collect();
        self.tell(shared, &new, now);
    }

    /// Takes the floor of another instance.
    pub fn import_floor(&mut self, floor: UnixTime, shared: &mut dyn SharedData) {
        if self.rise_to(floor) {
            // A host without shared data has nobody to tell.
            let _ = self.ring.raise_floor(shared, floor);
        }
    }

    /// What was [ended here](Self::revoke) since this was asked last, for those who tell other instances.
    pub fn take_made_here(&mut self) -> Vec<Revocation> {
        std::mem::take(&mut self.made_here)
    }

    /// All that is known, for an instance that knows nothing yet.
    pub fn iter(&self) -> impl Iterator<Item = &Revocation> {
        self.known.values()
    }

    fn tell(&mut self, shared: &mut dyn SharedData, revocations: &[Revocation], now: UnixTime) {
        // What was told in part is told again, which is no harm. Where nothing is shared, there is nobody to tell.
        if self.ring.append(shared, revocations, now) == Err(SharedDataError::Conflict) {
            self.untold.extend_from_slice(revocations);
        }
    }

    /// Whether others may not know it.
    fn learn(&mut self, revocation: Revocation, now: UnixTime) -> bool {
        if revocation.until <= now || revocation.revoked_at <= self.seen.floor {
            return false;
        }
        if revocation.revoked_at <= self.floor {
            return true;
        }
        let known = self.known.get(&revocation.key).copied();
        let next = known.map_or(revocation, |known| Revocation {
            revoked_at: known.revoked_at.max(revocation.revoked_at),
            until: known.until.max(revocation.until),
            ..known
        });
        if known == Some(next) {
            return false;
        }
        self.known.insert(next.key, next);
        self.version = self.version.wrapping_add(1);
        self.bound(now);
        true
    }

    /// What is known has as much room as the ring and half of that again: only where nothing is shared, the ring does not bound it.
    fn bound(&mut self, now: UnixTime) {
        let most = self.ring.capacity().saturating_add(self.ring.capacity() / 2);
        if self.known.len() > most {
            self.sweep(now);
        }
        if self.known.len() > most {
            let mut times: Vec<_> = self.known.values().map(|entry| entry.revoked_at).collect();
            let middle = times.len() / 2;
            let (_, median, _) = times.select_nth_unstable(middle);
            let floor = *median;
            self.rise_to(floor);
        }
    }

    /// Whether it was lower before.
    fn rise_to(&mut self, floor: UnixTime) -> bool {
        let rises = floor > self.floor;
        if rises {
            self.floor = floor;
            self.known.retain(|_, entry| entry.revoked_at > floor);
            self.version = self.version.wrapping_add(1);
        }
        rises
    }

    fn sweep(&mut self, now: UnixTime) {
        self.swept_at = now;
        self.known.retain(|_, entry| now < entry.until);
    }
}
