//! What the VMs of a process tell each other about the store: who reads from it, how far, and since when it cannot be reached.

use std::time::Duration;

use prost::Message;

use crate::config::{SessionPolicy, StorePolicy};
use crate::shared::Namespace;
use crate::store::{Cursor, StoreError};
use crate::time::UnixTime;

/// How long reading is its holder's without a sign of life. Each reading is one.
const LEASE: Duration = Duration::from_millis(2500);
/// No clock is trusted that says more than this lies ahead.
const CLOCK_STEP: Duration = Duration::from_secs(2);

/// Times are milliseconds since the epoch, 0 for never.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Record {
    /// Who reads, as a random number; 0 when nobody does.
    #[prost(uint64, tag = "1")]
    holder: u64,
    #[prost(uint64, tag = "2")]
    held_until: u64,
    #[prost(string, tag = "3")]
    cursor: String,
    /// Of the stream that `cursor` is about.
    #[prost(string, tag = "4")]
    generation: String,
    #[prost(uint64, tag = "5")]
    reached_at: u64,
    /// When the store could not be reached for the first time since it was.
    #[prost(uint64, tag = "6")]
    failing_since: u64,
    /// Why, as its place in [`StoreError::ALL`], from 1.
    #[prost(uint32, tag = "7")]
    failure: u32,
    /// Whether the log knows of it.
    #[prost(bool, tag = "8")]
    reported: bool,
    /// What was ended from then on is not told yet; 0: everything is.
    #[prost(uint64, tag = "9")]
    untold_since: u64,
    /// The floor that was told.
    #[prost(uint64, tag = "10")]
    floor_told: u64,
}

/// Where the VMs meet that use the same store for the same sessions.
pub(super) fn key(store: &StorePolicy, session: &SessionPolicy) -> String {
    let parts = [
        store.cluster.as_bytes(),
        session.cookie.name.as_bytes(),
        session.cookie.domain.as_deref().unwrap_or_default().as_bytes(),
    ];
    Namespace::new("store", &parts).key("state")
}

impl Record {
    pub(super) fn is_held_by_another(&self, id: u64, now: UnixTime) -> bool {
        let until = UnixTime::from_millis(self.held_until);
        self.holder != 0 && self.holder != id && now < until && until <= now + LEASE
    }

    pub(super) const fn is_held_by(&self, id: u64) -> bool {
        self.holder == id
    }

    pub(super) fn hold(&mut self, id: u64, now: UnixTime) {
        self.holder = id;
        self.held_until = (now + LEASE).as_millis();
    }

    pub(super) fn cursor(&self) -> Cursor {
        Cursor::parse(&self.cursor).unwrap_or_default()
    }

    pub(super) fn set_cursor(&mut self, cursor: &Cursor) {
        cursor.as_str().clone_into(&mut self.cursor);
    }

    /// Whether `generation` is that of the stream so far, if there was one.
    pub(super) fn is_of(&mut self, generation: &str) -> bool {
        if self.generation.is_empty() {
            generation.clone_into(&mut self.generation);
        }
        self.generation == generation
    }

    /// The store has lost what it knew: everything is to be read and told again.
    pub(super) fn begin_again(&mut self, generation: &str) {
        generation.clone_into(&mut self.generation);
        self.cursor.clear();
        self.not_told(UnixTime::from_millis(0));
    }

    /// When all that others had told was known here; `None`: never.
    pub(super) fn reached_at(&self, now: UnixTime) -> Option<UnixTime> {
        let at = UnixTime::from_millis(self.reached_at);
        (self.reached_at != 0 && at <= now + CLOCK_STEP).then_some(at)
    }

    pub(super) fn failure(&self) -> Option<StoreError> {
        let place = usize::try_from(self.failure).ok()?.checked_sub(1)?;
        StoreError::ALL.get(place).copied()
    }

    pub(super) fn failing_since(&self) -> Option<UnixTime> {
        (self.failing_since != 0).then(|| UnixTime::from_millis(self.failing_since))
    }

    pub(super) const fn is_reported(&self) -> bool {
        self.reported
    }

    pub(super) const fn reported(&mut self) {
        self.reported = true;
    }

    /// The store was read to its end.
    pub(super) const fn succeeded(&mut self, now: UnixTime) {
        self.reached_at = now.as_millis();
        self.failing_since = 0;
        self.failure = 0;
        self.reported = false;
    }

    pub(super) fn failed(&mut self, error: StoreError, now: UnixTime) {
        if self.failing_since == 0 || self.failing_since > now.as_millis() {
            self.failing_since = now.as_millis();
        }
        let place = StoreError::ALL.iter().position(|other| *other == error);
        self.failure = place.and_then(|place| u32::try_from(place).ok()).map_or(0, |place| place.saturating_add(1));
    }

    pub(super) fn untold_since(&self) -> Option<UnixTime> {
        (self.untold_since != 0).then(|| UnixTime::from_millis(self.untold_since))
    }

    /// What was ended at `since` or later has not been told.
    pub(super) const fn not_told(&mut self, since: UnixTime) {
        let since = since.as_millis();
        if self.untold_since == 0 || since < self.untold_since {
            // Zero means nothing.
            self.untold_since = if since == 0 { 1 } else { since };
        }
    }

    /// The floor has been told, and everything that was to be told when the record said `untold_since`.
    pub(super) fn told(&mut self, untold_since: Option<UnixTime>, floor: UnixTime) {
        if self.untold_since() == untold_since {
            self.untold_since = 0;
        }
        self.floor_told = floor.as_millis();
    }

    pub(super) const fn floor_told(&self) -> UnixTime {
        UnixTime::from_millis(self.floor_told)
    }
}
