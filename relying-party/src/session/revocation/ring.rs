//! The entries that all VMs of a process share: a ring of segments to which entries are appended by compare-and-swap, and a head
//! that says how many there are, so that who has read them all need read no more than the head.
//!
//! A segment that the ring comes back to is overwritten. If it holds entries that are still needed, the `floor` rises first: all
//! sessions that were begun before it count as ended. So nothing is ever lost; too many log-outs end too much.

use std::cmp::Ordering;

use crate::shared::{Entry, Expected, Namespace, SharedData, SharedDataError};
use crate::time::UnixTime;

use super::Revocation;

/// How often somebody else may have written meanwhile.
const MAX_ATTEMPTS: usize = 64;

pub(super) struct Ring {
    namespace: Namespace,
    segments: u64,
    /// Entries in a segment.
    segment_size: u64,
}

/// How far the ring has come. The number of all entries that were ever appended, and the floor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) count: u64,
    pub(super) floor: UnixTime,
}

impl Head {
    pub(super) const START: Self = Self { count: 0, floor: UnixTime::from_millis(0) };

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (count, floor) = bytes.split_first_chunk()?;
        let floor = u64::from_be_bytes(floor.try_into().ok()?);
        Some(Self { count: u64::from_be_bytes(*count), floor: UnixTime::from_millis(floor) })
    }

    fn to_bytes(self) -> Vec<u8> {
        [self.count.to_be_bytes(), self.floor.as_millis().to_be_bytes()].concat()
    }

    fn merge(self, other: Self) -> Self {
        Self { count: self.count.max(other.count), floor: self.floor.max(other.floor) }
    }
}

/// A part of the ring: its number, counted without end, and its entries.
struct Segment {
    number: u64,
    entries: Vec<u8>,
}

impl Segment {
    fn parse(entry: Option<&Entry>) -> Option<Self> {
        let (number, entries) = entry?.value.split_first_chunk()?;
        Some(Self { number: u64::from_be_bytes(*number), entries: entries.to_vec() })
    }

    fn to_bytes(&self) -> Vec<u8> {
        [&self.number.to_be_bytes()[..], &self.entries].concat()
    }

    fn len(&self) -> usize {
        self.entries.len() / Revocation::SIZE
    }

    fn revocations(&self) -> impl Iterator<Item = Revocation> {
        self.entries.chunks_exact(Revocation::SIZE).filter_map(Revocation::from_bytes)
    }
}

impl Default for Ring {
    /// Room for 262,144 entries in 8 MiB: for nine a second with sessions of eight hours. Somebody who signs out makes up to three.
    fn default() -> Self {
        Self::new(1024, 256)
    }
}

impl Ring {
    pub(super) fn new(segments: u64, segment_size: u64) -> Self {
        // The whole process shares it: the keys in it say whose sessions are meant.
        Self { namespace: Namespace::new("revocations", &[]), segments, segment_size }
    }

    /// How many entries there is room for.
    pub(super) fn capacity(&self) -> usize {
        usize::try_from(self.segments.saturating_mul(self.segment_size)).unwrap_or(usize::MAX)
    }

    /// Appends all of `revocations`.
    pub(super) fn append(
        &self,
        data: &mut dyn SharedData,
        revocations: &[Revocation],
        now: UnixTime,
    ) -> Result<(), SharedDataError> {
        let mut rest = revocations;
        // The head lags behind for a moment when somebody else has appended; for good if that one died.
        let mut at_least = 0;
        let mut attempts = 0..MAX_ATTEMPTS;
        while !rest.is_empty() {
            attempts.next().ok_or(SharedDataError::Conflict)?;
            let (head, _) = self.head(data)?;
            let number = head.count.checked_div(self.segment_size).unwrap_or_default().max(at_least);
            let key = self.key(number);
            let entry = data.read(&key)?;
            let found = Segment::parse(entry.as_ref()).map(|found| (found.number.cmp(&number), found));
            let mut segment = match found {
                Some((Ordering::Equal, segment)) => segment,
                Some((Ordering::Greater, _)) => continue,
                Some((Ordering::Less, older)) => {
                    self.give_up(data, &older, now)?;
                    Segment { number, entries: Vec::new() }
                }
                None => Segment { number, entries: Vec::new() },
            };
            let room = usize::try_from(self.segment_size).unwrap_or_default().saturating_sub(segment.len());
            let Some((fits, later)) = rest.split_at_checked(room.min(rest.len())).filter(|(fits, _)| !fits.is_empty())
            else {
                at_least = number.saturating_add(1);
                continue;
            };
            segment.entries.truncate(segment.len().saturating_mul(Revocation::SIZE));
            fits.iter().for_each(|revocation| segment.entries.extend(revocation.to_bytes()));
            match data.write(&key, &segment.to_bytes(), Expected::of(entry.as_ref())) {
                Ok(()) => {}
                Err(SharedDataError::Conflict) => continue,
                Err(error) => return Err(error),
            }
            let length = u64::try_from(segment.len()).unwrap_or_default();
            let count = number.saturating_mul(self.segment_size).saturating_add(length);
            self.advance(data, Head { count, floor: head.floor })?;
            rest = later;
            attempts = 0..MAX_ATTEMPTS;
        }
        Ok(())
    }

    /// Reads what was appended after `seen`, and sees to it that whoever has read everything knows the floor that covers the rest.
    pub(super) fn read_since(
        &self,
        data: &mut dyn SharedData,
        seen: &mut Head,
        mut take: impl FnMut(Revocation),
    ) -> Result<(), SharedDataError> {
        let (head, _) = self.head(data)?;
        if head.count > seen.count {
            let number = |position: u64| position.checked_div(self.segment_size).unwrap_or_default();
            let last = number(head.count.saturating_sub(1));
            let oldest = last.saturating_sub(self.segments.saturating_sub(1));
            for wanted in number(seen.count).max(oldest)..=last {
                let segment = Segment::parse(data.read(&self.key(wanted))?.as_ref());
                // One that was overwritten meanwhile is covered by the floor, as far as it is still needed.
                if let Some(segment) = segment.filter(|segment| segment.number == wanted) {
                    let read = seen.count.saturating_sub(wanted.saturating_mul(self.segment_size));
                    segment.revocations().skip(usize::try_from(read).unwrap_or_default()).for_each(&mut take);
                }
            }
            let (later, _) = self.head(data)?;
            seen.floor = seen.floor.max(later.floor);
        }
        *seen = seen.merge(head);
        Ok(())
    }

    /// Raises the floor to `floor` at least.
    pub(super) fn raise_floor(&self, data: &mut dyn SharedData, floor: UnixTime) -> Result<(), SharedDataError> {
        self.advance(data, Head { count: 0, floor })
    }

    /// Raises the floor over what is about to be overwritten, if it is still needed.
    fn give_up(&self, data: &mut dyn SharedData, segment: &Segment, now: UnixTime) -> Result<(), SharedDataError> {
        let needed = segment.revocations().filter(|entry| now < entry.until);
        let Some(floor) = needed.map(|entry| entry.revoked_at).max() else { return Ok(()) };
        self.raise_floor(data, floor)
    }

    fn advance(&self, data: &mut dyn SharedData, to: Head) -> Result<(), SharedDataError> {
        for _ in 0..MAX_ATTEMPTS {
            let (head, expected) = self.head(data)?;
            let next = head.merge(to);
            if next == head {
                return Ok(());
            }
            match data.write(&self.namespace.key("head"), &next.to_bytes(), expected) {
                Err(SharedDataError::Conflict) => {}
                result => return result,
            }
        }
        Err(SharedDataError::Conflict)
    }

    fn head(&self, data: &mut dyn SharedData) -> Result<(Head, Expected), SharedDataError> {
        let entry = data.read(&self.namespace.key("head"))?;
        let head = entry.as_ref().and_then(|entry| Head::parse(&entry.value)).unwrap_or(Head::START);
        Ok((head, Expected::of(entry.as_ref())))
    }

    fn key(&self, number: u64) -> String {
        self.namespace.key(&number.checked_rem(self.segments).unwrap_or_default().to_string())
    }
}
