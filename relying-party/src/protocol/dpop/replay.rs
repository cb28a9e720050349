//! Proofs that were accepted, remembered until they are too old, by all VMs of a process (RFC 9449 §11.1).
//!
//! A ring of slots of time, each of many buckets, each with room for a number of fingerprints. Nothing is ever deleted: a slot
//! whose time comes round again begins anew. So memory is bounded (10 MiB), which is enough for about 3,500 proofs a second;
//! when a bucket is full, a proof is refused rather than forgotten.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::DpopError;
use crate::shared::{Expected, Namespace, OwnData, SharedData, SharedDataError};
use crate::time::UnixTime;

/// How many slots the time in which a proof can be accepted is divided into.
const SLOTS_IN_USE: u64 = 8;
/// That time begins and ends within slots, and one slot is kept between its end and its beginning.
const SLOTS: u64 = SLOTS_IN_USE + 2;
const FINGERPRINT: usize = 8;
const MAX_FINGERPRINTS: usize = 512;
/// How often somebody else may have written meanwhile.
const MAX_ATTEMPTS: usize = 8;

/// What tells one proof from another: who could find two proofs with one fingerprint would only be refused the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint {
    bucket: u8,
    bytes: [u8; FINGERPRINT],
}

impl Fingerprint {
    /// Of the proof `jti` by the key with this thumbprint.
    pub(super) fn of(thumbprint: &str, jti: &str) -> Self {
        let digest = Sha256::new().chain_update(thumbprint).chain_update([0]).chain_update(jti).finalize();
        let mut bytes = [0; FINGERPRINT];
        bytes.iter_mut().zip(&digest).for_each(|(to, from)| *to = *from);
        Self { bucket: digest.last().copied().unwrap_or_default(), bytes }
    }
}

/// The proofs that were accepted before.
pub struct SeenProofs<'a> {
    /// By all VMs of this process.
    pub shared: &'a mut dyn SharedData,
    /// By this VM, where the host shares nothing.
    pub own: &'a mut OwnData,
}

impl SeenProofs<'_> {
    /// Adds a proof that was made at `issued_at` and can be accepted for `window` before and after that.
    pub(super) fn add(
        &mut self,
        fingerprint: Fingerprint,
        issued_at: UnixTime,
        window: Duration,
    ) -> Result<(), DpopError> {
        let slot_length = window.as_secs().saturating_mul(2).div_ceil(SLOTS_IN_USE).max(1);
        let slot = issued_at.as_secs().checked_div(slot_length).unwrap_or_default();
        let bucket = format!("{}.{}", slot % SLOTS, fingerprint.bucket);
        let key = Namespace::new("dpop", &[&slot_length.to_be_bytes()]).key(&bucket);
        match add_to(self.shared, &key, slot, fingerprint) {
            Err(NotAdded::NotOffered) => add_to(self.own, &key, slot, fingerprint),
            result => result,
        }
        .map_err(|error| match error {
            NotAdded::Known => DpopError::Replayed,
            NotAdded::Full => DpopError::MemoryFull,
            NotAdded::Contended | NotAdded::NotOffered => DpopError::MemoryContended,
        })
    }
}

enum NotAdded {
    Known,
    Full,
    Contended,
    NotOffered,
}

fn add_to(data: &mut dyn SharedData, key: &str, slot: u64, fingerprint: Fingerprint) -> Result<(), NotAdded> {
    for _ in 0..MAX_ATTEMPTS {
        let entry = data.read(key).map_err(|_| NotAdded::NotOffered)?;
        let expected = Expected::of(entry.as_ref());
        let bucket = with(entry.map(|entry| entry.value).unwrap_or_default(), slot, fingerprint)?;
        match data.write(key, &bucket, expected) {
            Ok(()) => return Ok(()),
            Err(SharedDataError::Conflict) => {}
            Err(SharedDataError::NotOffered) => return Err(NotAdded::NotOffered),
        }
    }
    Err(NotAdded::Contended)
}

/// A bucket is the number of its slot and the fingerprints. Of an older slot nothing matters any more.
fn with(mut bucket: Vec<u8>, slot: u64, fingerprint: Fingerprint) -> Result<Vec<u8>, NotAdded> {
    let (own_slot, fingerprints) = bucket
        .split_first_chunk()
        .map_or((0, [].as_slice()), |(slot, fingerprints)| (u64::from_be_bytes(*slot), fingerprints));
    if own_slot > slot {
        // The clock went back by the length of the ring.
        return Err(NotAdded::Full);
    }
    if own_slot < slot {
        bucket = slot.to_be_bytes().to_vec();
    } else if fingerprints.chunks_exact(FINGERPRINT).any(|known| known == fingerprint.bytes) {
        return Err(NotAdded::Known);
    } else if fingerprints.len() / FINGERPRINT >= MAX_FINGERPRINTS {
        return Err(NotAdded::Full);
    }
    bucket.extend(fingerprint.bytes);
    Ok(bucket)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(120);
    const NOW: UnixTime = UnixTime::from_secs(1_900_000_000);

    /// Shared data in which others are always faster.
    struct Contended(OwnData);

    impl SharedData for Contended {
        fn read(&mut self, key: &str) -> Result<Option<crate::shared::Entry>, SharedDataError> {
            self.0.read(key)
        }

        fn write(&mut self, _: &str, _: &[u8], _: Expected) -> Result<(), SharedDataError> {
            Err(SharedDataError::Conflict)
        }
    }

    struct Nothing;

    impl SharedData for Nothing {
        fn read(&mut self, _: &str) -> Result<Option<crate::shared::Entry>, SharedDataError> {
            Err(SharedDataError::NotOffered)
        }

        fn write(&mut self, _: &str, _: &[u8], _: Expected) -> Result<(), SharedDataError> {
            Err(SharedDataError::NotOffered)
        }
    }

    fn add(shared: &mut dyn SharedData, own: &mut OwnData, jti: &str, issued_at: UnixTime) -> Result<(), DpopError> {
        SeenProofs { shared, own }.add(Fingerprint::of("key", jti), issued_at, WINDOW)
    }

    #[test]
    fn a_proof_is_known_for_as_long_as_it_could_be_accepted() {
        // Whatever slots begin when: proofs of every second of the window, in order, each known until its time is over.
        let (mut shared, mut own) = (OwnData::default(), OwnData::default());
        let span = WINDOW.as_secs() * 2;
        for second in 0..1200 {
            let issued_at = NOW + Duration::from_secs(second);
            assert_eq!(add(&mut shared, &mut own, &second.to_string(), issued_at), Ok(()), "{second}");
            for earlier in second.saturating_sub(span)..second {
                let issued_at = NOW + Duration::from_secs(earlier);
                let again = add(&mut shared, &mut own, &earlier.to_string(), issued_at);
                assert_eq!(again, Err(DpopError::Replayed), "{earlier} at {second}");
            }
        }
    }

    #[test]
    fn memory_is_bounded_and_what_does_not_fit_is_refused() {
        let (mut shared, mut own) = (OwnData::default(), OwnData::default());
        let refused = (0..MAX_FINGERPRINTS * 300)
            .filter(|number| add(&mut shared, &mut own, &number.to_string(), NOW) == Err(DpopError::MemoryFull))
            .count();
        assert!((MAX_FINGERPRINTS * 44..MAX_FINGERPRINTS * 50).contains(&refused), "{refused}");
        assert_eq!(add(&mut shared, &mut own, "0", NOW), Err(DpopError::Replayed));
        // In another slot there is room, and when the ring has gone round, here too.
        assert_eq!(add(&mut shared, &mut own, "later", NOW + WINDOW), Ok(()));
        assert_eq!(add(&mut shared, &mut own, "0", NOW + WINDOW * 10), Ok(()));
    }

    #[test]
    fn without_shared_data_a_vm_remembers_by_itself() {
        let mut own = OwnData::default();
        assert_eq!(add(&mut Nothing, &mut own, "a", NOW), Ok(()));
        assert_eq!(add(&mut Nothing, &mut own, "a", NOW), Err(DpopError::Replayed));
        assert_eq!(add(&mut Nothing, &mut own, "b", NOW), Ok(()));
    }

    #[test]
    fn what_cannot_be_remembered_is_refused() {
        let (mut shared, mut own) = (Contended(OwnData::default()), OwnData::default());
        assert_eq!(add(&mut shared, &mut own, "a", NOW), Err(DpopError::MemoryContended));
        // A clock that went back by more than the ring.
        let mut shared = OwnData::default();
        assert_eq!(add(&mut shared, &mut own, "a", NOW + Duration::from_secs(300)), Ok(()));
        assert_eq!(add(&mut shared, &mut own, "a", NOW), Err(DpopError::MemoryFull));
    }

    #[test]
    fn what_others_left_there_is_no_obstacle() {
        let fingerprint = Fingerprint::of("key", "a");
        for value in [b"".as_slice(), b"short", b"\0\0\0\0\0\0\0\x01odd"] {
            assert!(with(value.to_vec(), 7, fingerprint).is_ok_and(|bucket| bucket.len() == 16), "{value:?}");
        }
    }
}
