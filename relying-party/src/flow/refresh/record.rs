//! What the VMs of a process tell each other about refreshes: who is at one, what it brought, which tokens are spent.
//!
//! Refresh tokens are spread over a fixed number of slots by their digest. A session that was refreshed stands there sealed with the
//! deployment's keys, so that shared data never holds a token, for as long as cookies with the old one are still on
//! their way. That a token is spent is remembered much longer: who presents it again would have the provider revoke the rest.

use std::time::Duration;

use prost::Message;

use crate::flow::SharedKey;
use crate::protocol::CALLOUT_TIMEOUT;
use crate::protocol::refresh::Setback;
use crate::shared::{Expected, Namespace, SharedData, SharedDataError};
use crate::time::UnixTime;

/// How long a cookie with the old refresh token is as good as the new one.
pub(super) const GRACE: Duration = Duration::from_secs(60);
/// How long a refresh is its holder's: the call, waiting for the provider's metadata or keys, and some more.
pub(super) const LEASE: Duration = Duration::from_secs(CALLOUT_TIMEOUT.as_secs() + 5);
/// How long after a failure the next attempt begins: at first, and after several.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(30));

/// Some hundred refreshes a second find room: slots fill unevenly.
const SLOTS: u16 = 4096;
/// How many refreshes of one minute a slot holds, by number and by bytes; the newest stay.
const MOST_ENTRIES: usize = 16;
const MOST_BYTES: usize = 48 * 1024;
/// How many spent tokens a slot remembers.
const MOST_SPENT: usize = 64;
const DIGEST: usize = 16;
/// Writers who meet try again this often.
const ATTEMPTS: usize = 16;

/// What is known of a refresh token.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing speaks against using it.
    Unused,
    /// Somebody is using it.
    UnderWay,
    /// It could not be used, and is not to be tried before `until`.
    Failing { setback: Setback, until: UnixTime },
    /// It has been used, and this came of it.
    Refreshed { sealed: Vec<u8>, at: UnixTime },
    /// It must not be used any more.
    Spent,
}

#[derive(Clone, PartialEq, Message)]
struct Slot {
    #[prost(message, repeated, tag = "1")]
    entries: Vec<Entry>,
    /// Digests of spent tokens, the oldest first.
    #[prost(bytes = "vec", tag = "2")]
    spent: Vec<u8>,
}

/// A refresh. Times are milliseconds since the epoch, 0 for never.
#[derive(Clone, PartialEq, Message)]
struct Entry {
    /// The refresh token's digest.
    #[prost(bytes = "vec", tag = "1")]
    digest: Vec<u8>,
    /// When the session was refreshed, or when the attempt began.
    #[prost(uint64, tag = "2")]
    at: u64,
    /// Which VM is at it, as a random number; 0 when none is.
    #[prost(uint64, tag = "3")]
    holder: u64,
    #[prost(uint64, tag = "4")]
    held_until: u64,
    /// The refreshed session; empty when there is none.
    #[prost(bytes = "vec", tag = "5")]
    sealed: Vec<u8>,
    #[prost(enumeration = "Setback", tag = "6")]
    setback: i32,
    #[prost(uint64, tag = "7")]
    retry_at: u64,
    #[prost(uint32, tag = "8")]
    failures: u32,
}

/// A refresh token's place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    slot: u16,
    pub(super) digest: [u8; DIGEST],
}

impl Place {
    pub(super) fn of(token: &SharedKey) -> Self {
        let bytes = token.bytes();
        let mut digest = [0; DIGEST];
        digest.iter_mut().zip(bytes.iter().rev()).for_each(|(to, from)| *to = *from);
        let slot = bytes.first_chunk().map_or(0, |bytes| u16::from_be_bytes(*bytes));
        Self { slot: slot.checked_rem(SLOTS).unwrap_or_default(), digest }
    }

    fn key(self) -> String {
        Namespace::new("refresh", &[]).key(&self.slot.to_string())
    }

    /// What is known of the token, for a session that got it at `obtained_at`: providers that do not rotate tokens give the same
    /// again, and what was refreshed by then is that session itself.
    pub(super) fn look(self, obtained_at: UnixTime, now: UnixTime, shared: &mut dyn SharedData) -> Found {
        Slot::read(&self.key(), shared).0.find(self, obtained_at, now)
    }

    /// Takes the lease, or says what hinders it.
    pub(super) fn claim(
        self,
        obtained_at: UnixTime,
        vm: u64,
        now: UnixTime,
        shared: &mut dyn SharedData,
    ) -> Result<(), Found> {
        let claimed = self.update(now, shared, |slot| {
            let is_own = slot.entry(self).is_some_and(|entry| entry.holder == vm);
            match slot.find(self, obtained_at, now) {
                Found::Unused => {}
                Found::UnderWay if is_own => {}
                found => return Err(found),
            }
            let entry = slot.entry_or_new(self);
            // What an earlier refresh with the same token brought is over now.
            entry.sealed.clear();
            entry.hold(vm, now);
            Ok(())
        });
        // Where everybody writes at once, somebody has succeeded: that is waited for.
        claimed.unwrap_or(Err(Found::UnderWay))
    }

    /// Holds the lease longer.
    pub(super) fn prolong(self, vm: u64, now: UnixTime, shared: &mut dyn SharedData) {
        self.update(now, shared, |slot| {
            let entry = slot.entry(self).filter(|entry| entry.holder == vm).ok_or(())?;
            entry.hold(vm, now);
            Ok::<_, ()>(())
        });
    }

    /// The session was refreshed; with `is_spent`, the provider gave another token in exchange for this one.
    pub(super) fn refreshed(self, sealed: &[u8], is_spent: bool, now: UnixTime, shared: &mut dyn SharedData) {
        self.update(now, shared, |slot| {
            if is_spent {
                slot.spend(self);
            }
            let digest = self.digest.to_vec();
            *slot.entry_or_new(self) =
                Entry { digest, at: now.as_millis(), sealed: sealed.to_vec(), ..Entry::default() };
            Ok::<_, ()>(())
        });
    }

    /// The token is of no use any more. A session that somebody else got for it stays.
    pub(super) fn ended(self, now: UnixTime, shared: &mut dyn SharedData) {
        self.update(now, shared, |slot| {
            slot.spend(self);
            slot.entries.retain(|entry| !entry.is_of(self) || !entry.sealed.is_empty());
            Ok::<_, ()>(())
        });
    }

    /// The attempt failed, and may be repeated later.
    pub(super) fn failed(self, vm: u64, setback: Setback, now: UnixTime, shared: &mut dyn SharedData) {
        self.update(now, shared, |slot| {
            let entry = slot.entry(self).filter(|entry| entry.holder == vm).ok_or(())?;
            let (first, longest) = BACKOFF;
            let doubled = first.saturating_mul(1_u32.checked_shl(entry.failures.min(16)).unwrap_or(u32::MAX));
            (entry.holder, entry.held_until) = (0, 0);
            entry.failures = entry.failures.saturating_add(1);
            entry.retry_at = (now + doubled.min(longest)).as_millis();
            entry.set_setback(setback);
            Ok::<_, ()>(())
        });
    }

    /// Changes the slot, unless `change` refuses; `None` when others were always faster.
    fn update<T, E>(
        self,
        now: UnixTime,
        shared: &mut dyn SharedData,
        mut change: impl FnMut(&mut Slot) -> Result<T, E>,
    ) -> Option<Result<T, E>> {
        let key = self.key();
        for _ in 0..ATTEMPTS {
            let (mut slot, expected) = Slot::read(&key, shared);
            let result = change(&mut slot);
            if result.is_err() {
                return Some(result);
            }
            slot.make_room(now);
            match shared.write(&key, &slot.encode_to_vec(), expected) {
                Ok(()) => return Some(result),
                Err(SharedDataError::Conflict) => {}
                Err(SharedDataError::NotOffered) => return None,
            }
        }
        None
    }
}

impl Slot {
    /// What cannot be read is nothing: another version of this code, or nobody, has written there.
    fn read(key: &str, shared: &mut dyn SharedData) -> (Self, Expected) {
        let entry = shared.read(key).ok().flatten();
        let slot = entry.as_ref().and_then(|entry| Self::decode(entry.value.as_slice()).ok());
        (slot.unwrap_or_default(), Expected::of(entry.as_ref()))
    }

    fn find(&self, place: Place, obtained_at: UnixTime, now: UnixTime) -> Found {
        let entry = self.entries.iter().find(|entry| entry.is_of(place));
        if let Some(entry) = entry.filter(|entry| entry.is_served(now) && UnixTime::from_millis(entry.at) > obtained_at)
        {
            return Found::Refreshed { sealed: entry.sealed.clone(), at: UnixTime::from_millis(entry.at) };
        }
        let is_spent = self.spent.chunks_exact(DIGEST).any(|spent| spent == place.digest);
        match entry {
            _ if is_spent => Found::Spent,
            Some(entry) if entry.is_held(now) => Found::UnderWay,
            Some(entry) if entry.is_failing(now) => {
                Found::Failing { setback: entry.setback(), until: UnixTime::from_millis(entry.retry_at) }
            }
            Some(_) | None => Found::Unused,
        }
    }

    fn entry(&mut self, place: Place) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.is_of(place))
    }

    fn entry_or_new(&mut self, place: Place) -> &mut Entry {
        let entries = &mut self.entries;
        let index = entries.iter().position(|entry| entry.is_of(place));
        let entry = index
            .map_or_else(|| Entry { digest: place.digest.to_vec(), ..Entry::default() }, |index| entries.remove(index));
        // The newest first: of several at the same time, too.
        entries.insert_mut(0, entry)
    }

    fn spend(&mut self, place: Place) {
        let known = std::mem::take(&mut self.spent);
        let others: Vec<_> = known.chunks_exact(DIGEST).filter(|spent| *spent != place.digest).collect();
        let dropped = others.len().saturating_add(1).saturating_sub(MOST_SPENT);
        self.spent = others.into_iter().skip(dropped).flatten().chain(&place.digest).copied().collect();
    }

    /// Drops what is over, and the oldest of what is too much.
    fn make_room(&mut self, now: UnixTime) {
        self.entries.retain(|entry| entry.is_held(now) || entry.is_served(now) || entry.is_remembered(now));
        self.entries.sort_by_key(|entry| std::cmp::Reverse(entry.at));
        self.entries.truncate(MOST_ENTRIES);
        let mut bytes = 0_usize;
        self.entries.retain(|entry| {
            let is_first = bytes == 0;
            bytes = bytes.saturating_add(entry.sealed.len());
            is_first || bytes <= MOST_BYTES
        });
    }
}

impl Entry {
    fn is_of(&self, place: Place) -> bool {
        self.digest == place.digest
    }

    fn hold(&mut self, vm: u64, now: UnixTime) {
        self.at = now.as_millis();
        self.holder = vm;
        self.held_until = (now + LEASE).as_millis();
    }

    /// Nobody is believed who claims more time than there is to claim: the clock went back.
    fn is_held(&self, now: UnixTime) -> bool {
        let until = UnixTime::from_millis(self.held_until);
        self.holder != 0 && now < until && until <= now + LEASE
    }

    fn is_served(&self, now: UnixTime) -> bool {
        let at = UnixTime::from_millis(self.at);
        !self.sealed.is_empty() && now < at + GRACE && at <= now + GRACE
    }

    fn is_failing(&self, now: UnixTime) -> bool {
        let until = UnixTime::from_millis(self.retry_at);
        now < until && until <= now + BACKOFF.1
    }

    /// How often an attempt has failed is remembered a while longer.
    fn is_remembered(&self, now: UnixTime) -> bool {
        let until = UnixTime::from_millis(self.retry_at) + BACKOFF.1;
        self.failures > 0 && now < until && until <= now + BACKOFF.1.saturating_mul(2)
    }
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
