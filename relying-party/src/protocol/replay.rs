//! What may be accepted only once (DPoP proofs, logout tokens), remembered by all VMs of a process until it is too old.
//!
//! A ring of slots of time, each of many buckets, each with room for a number of fingerprints. Nothing is ever deleted: a slot
//! whose time comes round again begins anew. So memory is bounded (10 MiB a kind), which is enough for about 3,500 DPoP proofs a
//! second; when a bucket is full, what comes is refused rather than forgotten.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::shared::{Expected, Namespace, SharedData, SharedDataError};
use crate::time::UnixTime;

/// How many slots the time in which something can be accepted is divided into.
const SLOTS_IN_USE: u64 = 8;
/// That time begins and ends within slots, and one slot is kept between its end and its beginning.
const SLOTS: u64 = SLOTS_IN_USE + 2;
const FINGERPRINT: usize = 8;
const MAX_FINGERPRINTS: usize = 512;
/// How often somebody else may have written meanwhile.
const MAX_ATTEMPTS: usize = 8;

/// What tells one from another: who could find two with one fingerprint would only be refused the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint {
    bucket: u8,
    bytes: [u8; FINGERPRINT],
}

impl Fingerprint {
    /// Of the `jti` that `issuer` gave: a key's thumbprint, an issuer.
    pub(super) fn of(issuer: &str, jti: &str) -> Self {
        let digest = Sha256::new().chain_update(issuer).chain_update([0]).chain_update(jti).finalize();
        let mut bytes = [0; FINGERPRINT];
        bytes.iter_mut().zip(&digest).for_each(|(to, from)| *to = *from);
        Self { bucket: digest.last().copied().unwrap_or_default(), bytes }
    }
}

/// Remembers, among those of this `kind`, what was made at `issued_at` and can be accepted for `window` before and after that.
pub(super) fn remember(
    memory: &mut dyn SharedData,
    kind: &str,
    fingerprint: Fingerprint,
    issued_at: UnixTime,
    window: Duration,
) -> Result<(), NotRemembered> {
    let slot_length = window.as_secs().saturating_mul(2).div_ceil(SLOTS_IN_USE).max(1);
    let slot = issued_at.as_secs().checked_div(slot_length).unwrap_or_default();
    let bucket = format!("{}.{}", slot % SLOTS, fingerprint.bucket);
    let key = Namespace::new(kind, &[&slot_length.to_be_bytes()]).key(&bucket);
    for _ in 0..MAX_ATTEMPTS {
        // Whoever needs it brings a memory that can at least be read and written.
        let entry = memory.read(&key).map_err(|_| NotRemembered::Contended)?;
        let expected = Expected::of(entry.as_ref());
        let bucket = with(entry.map(|entry| entry.value).unwrap_or_default(), slot, fingerprint)?;
        match memory.write(&key, &bucket, expected) {
            Ok(()) => return Ok(()),
            Err(SharedDataError::Conflict | SharedDataError::NotOffered) => {}
        }
    }
    Err(NotRemembered::Contended)
}

/// Why something cannot be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotRemembered {
    /// It was accepted before.
    Known,
    /// There is no room to remember it.
    Full,
    /// Others are always faster, or there is nowhere to remember it.
    Contended,
}

/// A bucket is the number of its slot and the fingerprints. Of an older slot nothing matters any more.
fn with(mut bucket: Vec<u8>, slot: u64, fingerprint: Fingerprint) -> Result<Vec<u8>, NotRemembered> {
    let (own_slot, fingerprints) = bucket
        .split_first_chunk()
        .map_or((0, [].as_slice()), |(slot, fingerprints)| (u64::from_be_bytes(*slot), fingerprints));
    if own_slot > slot {
        // The clock went back by the length of the ring.
        return Err(NotRemembered::Full);
    }
    if own_slot < slot {
        bucket = slot.to_be_bytes().to_vec();
    } else if fingerprints.chunks_exact(FINGERPRINT).any(|known| known == fingerprint.bytes) {
        return Err(NotRemembered::Known);
    } else if fingerprints.len() / FINGERPRINT >= MAX_FINGERPRINTS {
        return Err(NotRemembered::Full);
    }
    bucket.extend(fingerprint.bytes);
    Ok(bucket)
}

#[cfg(test)]
mod tests {
    use super::*;

    use NotRemembered::{Contended as TooContended, Full, Known};

    use crate::shared::{OwnData, SharedOrOwn};

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

    fn add(
        shared: &mut dyn SharedData,
        own: &mut OwnData,
        jti: &str,
        issued_at: UnixTime,
    ) -> Result<(), NotRemembered> {
        let memory = &mut SharedOrOwn { shared, own };
        remember(memory, "test", Fingerprint::of("key", jti), issued_at, WINDOW)
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
                assert_eq!(again, Err(Known), "{earlier} at {second}");
            }
        }
    }

    #[test]
    fn memory_is_bounded_and_what_does_not_fit_is_refused() {
        let (mut shared, mut own) = (OwnData::default(), OwnData::default());
        let refused = (0..MAX_FINGERPRINTS * 300)
            .filter(|number| add(&mut shared, &mut own, &number.to_string(), NOW) == Err(Full))
            .count();
        assert!((MAX_FINGERPRINTS * 44..MAX_FINGERPRINTS * 50).contains(&refused), "{refused}");
        assert_eq!(add(&mut shared, &mut own, "0", NOW), Err(Known));
        // In another slot there is room, and when the ring has gone round, here too.
        assert_eq!(add(&mut shared, &mut own, "later", NOW + WINDOW), Ok(()));
        assert_eq!(add(&mut shared, &mut own, "0", NOW + WINDOW * 10), Ok(()));
    }

    #[test]
    fn without_shared_data_a_vm_remembers_by_itself() {
        let mut own = OwnData::default();
        assert_eq!(add(&mut Nothing, &mut own, "a", NOW), Ok(()));
        assert_eq!(add(&mut Nothing, &mut own, "a", NOW), Err(Known));
        assert_eq!(add(&mut Nothing, &mut own, "b", NOW), Ok(()));
    }

    #[test]
    fn what_cannot_be_remembered_is_refused() {
        let (mut shared, mut own) = (Contended(OwnData::default()), OwnData::default());
        assert_eq!(add(&mut shared, &mut own, "a", NOW), Err(TooContended));
        // A clock that went back by more than the ring.
        let mut shared = OwnData::default();
        assert_eq!(add(&mut shared, &mut own, "a", NOW + Duration::from_secs(300)), Ok(()));
        assert_eq!(add(&mut shared, &mut own, "a", NOW), Err(Full));
    }

    #[test]
    fn what_others_left_there_is_no_obstacle() {
        let fingerprint = Fingerprint::of("key", "a");
        for value in [b"".as_slice(), b"short", b"\0\0\0\0\0\0\0\x01odd"] {
            assert!(with(value.to_vec(), 7, fingerprint).is_ok_and(|bucket| bucket.len() == 16), "{value:?}");
        }
    }
}
