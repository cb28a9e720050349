//! What was verified lately, by the credential that carries it: a live session or a known token costs one look-up, no
//! cryptography, no JSON, no CEL.

use std::collections::HashMap;
use std::rc::Rc;

use foldhash::fast::RandomState;

/// When the young generation holds this many entries, it becomes the old one.
const ENTRIES_PER_GENERATION: usize = 8192;
/// When the young generation's credentials add up to this many bytes, likewise.
const BYTES_PER_GENERATION: usize = 8 * 1024 * 1024;

/// Entries used lately. Two generations: what is found in the old one moves to the young one, and when that is full the
/// old one is dropped. So memory is bounded, and what is in use stays.
///
/// Only credentials that were verified are remembered, so nobody can choose the keys, and the whole credential is compared.
pub struct LiveCache<T> {
    young: Generation<T>,
    old: Generation<T>,
}

struct Generation<T> {
    entries: HashMap<Box<[u8]>, Rc<T>, RandomState>,
    bytes: usize,
}

impl<T> Default for Generation<T> {
    fn default() -> Self {
        Self { entries: HashMap::default(), bytes: 0 }
    }
}

impl<T> Default for LiveCache<T> {
    fn default() -> Self {
        Self { young: Generation::default(), old: Generation::default() }
    }
}

impl<T> LiveCache<T> {
    /// What `credential` was verified to be, if that still `holds`.
    pub fn find(&mut self, credential: &[u8], holds: impl FnOnce(&T) -> bool) -> Option<Rc<T>> {
        if let Some(entry) = self.young.entries.get(credential) {
            return holds(entry).then(|| Rc::clone(entry));
        }
        let (credential, entry) = self.old.entries.remove_entry(credential)?;
        holds(&entry).then(|| {
            self.insert(credential, Rc::clone(&entry));
            entry
        })
    }

    /// Remembers what `credential` was verified to be.
    pub fn insert(&mut self, credential: Box<[u8]>, entry: Rc<T>) {
        if self.young.entries.len() >= ENTRIES_PER_GENERATION || self.young.bytes >= BYTES_PER_GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.bytes = self.young.bytes.saturating_add(credential.len());
        self.young.entries.insert(credential, entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credential(number: usize) -> Box<[u8]> {
        format!("1.{number}").into_bytes().into()
    }

    fn filled(cache: &mut LiveCache<usize>, numbers: impl Iterator<Item = usize>) {
        numbers.for_each(|number| cache.insert(credential(number), Rc::new(number)));
    }

    #[test]
    fn an_entry_is_found_as_long_as_it_holds() {
        let mut cache = LiveCache::default();
        filled(&mut cache, 0..1);
        assert_eq!(cache.find(&credential(0), |_| true).as_deref(), Some(&0));
        assert!(cache.find(&credential(0), |_| false).is_none());
        assert!(cache.find(&credential(1), |_| true).is_none());
    }

    #[test]
    fn what_is_in_use_outlives_its_generation_and_what_is_not_makes_room() {
        let mut cache = LiveCache::default();
        filled(&mut cache, 0..ENTRIES_PER_GENERATION + 1);
        assert!(cache.find(&credential(0), |_| true).is_some());
        filled(&mut cache, ENTRIES_PER_GENERATION + 1..2 * ENTRIES_PER_GENERATION + 1);
        assert!(cache.find(&credential(0), |_| true).is_some());
        assert!(cache.find(&credential(1), |_| true).is_none());
        assert!(cache.young.entries.len() + cache.old.entries.len() <= 2 * ENTRIES_PER_GENERATION + 1);
    }
}
