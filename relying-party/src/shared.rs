//! What the VMs of one process share: a small map of the host's, with compare-and-swap and without expiry.
//!
//! It belongs to a `vm_id`, so to every plugin configuration in it, and perhaps to older and newer versions of this code: keys
//! are named by a [`Namespace`], and what is read is judged like any input. Nothing can be deleted, so the number of keys must
//! not depend on what clients send: keep what grows in a fixed number of entries, with times of its own.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// The host's map.
pub trait SharedData {
    /// The value of `key` and its version; `None` when there is none.
    fn read(&mut self, key: &str) -> Result<Option<Entry>, SharedDataError>;

    /// Sets the value of `key`, if `expected` still holds.
    fn write(&mut self, key: &str, value: &[u8], expected: Expected) -> Result<(), SharedDataError>;
}

/// What stands under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The value.
    pub value: Vec<u8>,
    /// Which value of this key it is.
    pub version: Version,
}

/// Tells one value of a key from the next. Never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version(pub u32);

/// What a writer believes to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Whatever; it is replaced.
    Anything,
    /// Nothing yet.
    Nothing,
    /// This value.
    Version(Version),
}

impl Expected {
    /// What stands there according to an earlier read.
    pub fn of(entry: Option<&Entry>) -> Self {
        entry.map_or(Self::Nothing, |entry| Self::Version(entry.version))
    }
}

/// Why nothing could be read or written. Never a reason to refuse a request: each VM can do without the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SharedDataError {
    /// Somebody else has written meanwhile.
    #[error("the value has changed meanwhile")]
    Conflict,
    /// The host has no shared data, or not for this.
    #[error("the host does not share this")]
    NotOffered,
}

/// The keys of one purpose, for those who agree on the parts that it was made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace(String);

impl Namespace {
    /// Keys for `purpose`, shared exactly by those who name the same `parts`.
    pub fn new(purpose: &str, parts: &[&[u8]]) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            digest.update(part);
        }
        // The number is that of the values' format: versions of this code that differ in it do not meet.
        let mut prefix = format!("latchkey.1/{purpose}/");
        for byte in digest.finalize().iter().take(16) {
            let _ = write!(prefix, "{byte:02x}");
        }
        Self(prefix)
    }

    /// The key called `name`.
    pub fn key(&self, name: &str) -> String {
        format!("{}/{name}", self.0)
    }
}

/// A map of one's own: for hosts that share nothing, and for tests.
#[derive(Debug, Default)]
pub struct OwnData {
    entries: BTreeMap<String, Entry>,
    writes: u32,
}

impl SharedData for OwnData {
    fn read(&mut self, key: &str) -> Result<Option<Entry>, SharedDataError> {
        Ok(self.entries.get(key).cloned())
    }

    fn write(&mut self, key: &str, value: &[u8], expected: Expected) -> Result<(), SharedDataError> {
        let is_expected = match (expected, self.entries.get(key)) {
            (Expected::Anything, _) | (Expected::Nothing, None) => true,
            (Expected::Version(version), Some(entry)) => entry.version == version,
            (Expected::Nothing, Some(_)) | (Expected::Version(_), None) => false,
        };
        if !is_expected {
            return Err(SharedDataError::Conflict);
        }
        self.writes = self.writes.wrapping_add(1).max(1);
        self.entries.insert(key.to_owned(), Entry { value: value.to_vec(), version: Version(self.writes) });
        Ok(())
    }
}

/// The host's map, and a map of one's own for what the host does not share.
pub struct SharedOrOwn<'a> {
    /// The host's.
    pub shared: &'a mut dyn SharedData,
    /// One's own.
    pub own: &'a mut OwnData,
}

impl SharedData for SharedOrOwn<'_> {
    fn read(&mut self, key: &str) -> Result<Option<Entry>, SharedDataError> {
        match self.shared.read(key) {
            Ok(Some(entry)) => Ok(Some(entry)),
            Ok(None) | Err(_) => self.own.read(key),
        }
    }

    fn write(&mut self, key: &str, value: &[u8], expected: Expected) -> Result<(), SharedDataError> {
        match self.shared.write(key, value, expected) {
            Err(SharedDataError::NotOffered) => self.own.write(key, value, expected),
            result => result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_writers_who_saw_the_same_one_wins() {
        let mut data = OwnData::default();
        data.write("k", b"1", Expected::Nothing).unwrap();
        assert_eq!(data.write("k", b"2", Expected::Nothing), Err(SharedDataError::Conflict));
        let seen = Expected::of(data.read("k").unwrap().as_ref());
        data.write("k", b"3", seen).unwrap();
        assert_eq!(data.write("k", b"4", seen), Err(SharedDataError::Conflict));
        data.write("k", b"5", Expected::Anything).unwrap();
        assert_eq!(data.read("k").unwrap().map(|entry| entry.value), Some(b"5".to_vec()));
        assert_eq!(data.read("other").unwrap(), None);
    }

    #[test]
    fn namespaces_of_different_parts_do_not_meet() {
        let key = |parts: &[&[u8]]| Namespace::new("provider", parts).key("record");
        assert_eq!(key(&[b"a", b"b"]), key(&[b"a", b"b"]));
        for other in [&[&b"ab"[..], b""][..], &[b"a"], &[b"a", b"b", b""], &[b"b", b"a"]] {
            assert_ne!(key(&[b"a", b"b"]), key(other));
        }
        assert_ne!(key(&[]), Namespace::new("other", &[]).key("record"));
    }
}
