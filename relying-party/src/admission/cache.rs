//! What was verified lately, by the credential that carries it: a live session or a known token costs one look-up, no
//! cryptography, no JSON, no CEL.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::mem::size_of;
use std::rc::Rc;

use serde_json::{Map, Value};

use super::keyed_hash::{Fingerprint, HashKey};
use crate::entropy::Entropy;
use crate::metrics::Lookups;

/// How many entries are looked at to find one that was not used lately, so that no request pays for all of them.
const LONGEST_SEARCH: usize = 64;
/// What an entry takes in the table of places, and as a share of what both tables hold in reserve (bytes).
const OF_ONE: usize = 48;
/// What an allocation takes besides what was asked for (bytes).
const ALLOCATION: usize = 2 * size_of::<usize>();

/// Entries used lately, as many as there is memory for: room is made by dropping one that was not used since the last search
/// came by («clock»). So 50,000 people in turn find their sessions as long as these fit.
///
/// Entries are found by a fingerprint of the whole credential under a secret key of this cache, which is as good as comparing
/// credentials and needs a tenth of the memory. Only what was verified is remembered.
pub struct LiveCache<T> {
    /// None as long as nothing was remembered.
    key: Option<HashKey>,
    places: HashMap<Fingerprint, usize, BuildHasherDefault<Folded>>,
    slots: Vec<Slot<T>>,
    hand: usize,
    bytes: usize,
    limit: usize,
    lookups: Lookups,
    for_each: usize,
}

struct Slot<T> {
    fingerprint: Fingerprint,
    entry: Rc<T>,
    bytes: usize,
    used: bool,
}

/// What an entry takes of the memory.
pub trait Weighed {
    /// About how many bytes, with all that belongs to it.
    fn weight(&self) -> usize;
}

impl<T: Weighed> LiveCache<T> {
    /// Remembers what takes about `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            key: None,
            places: HashMap::default(),
            slots: Vec::new(),
            hand: 0,
            bytes: 0,
            limit,
            lookups: Lookups::default(),
            for_each: OF_ONE,
        }
    }

    /// Counts so many `bytes` more for each entry, which come to it later.
    #[must_use]
    pub fn with_room_for(self, bytes: usize) -> Self {
        Self { for_each: OF_ONE.saturating_add(bytes), ..self }
    }

    /// What `credential` was verified to be, if that still `holds`.
    pub fn find(&mut self, credential: &[u8], holds: impl FnOnce(&T) -> bool) -> Option<Rc<T>> {
        let found = self.look_up(credential, holds);
        self.lookups.count(found.is_some());
        found
    }

    /// How often something was looked for since this was told last.
    pub const fn lookups(&mut self) -> &mut Lookups {
        &mut self.lookups
    }

    fn look_up(&mut self, credential: &[u8], holds: impl FnOnce(&T) -> bool) -> Option<Rc<T>> {
        let place = self.places.get(&self.key.as_ref()?.fingerprint(credential))?;
        let slot = self.slots.get_mut(*place)?;
        holds(&slot.entry).then(|| {
            slot.used = true;
            Rc::clone(&slot.entry)
        })
    }

    /// Remembers what `credential` was verified to be.
    pub fn insert(&mut self, credential: &[u8], entry: Rc<T>, entropy: &mut dyn Entropy) {
        let fingerprint = self.key.get_or_insert_with(|| HashKey::draw(entropy)).fingerprint(credential);
        if let Some(place) = self.places.get(&fingerprint).copied() {
            self.remove(place);
        }
        let bytes = entry.weight().saturating_add(size_of::<Slot<T>>()).saturating_add(self.for_each);
        if bytes > self.limit {
            return;
        }
        while self.bytes > self.limit.saturating_sub(bytes) {
            let place = self.dispensable();
            self.remove(place);
        }
        self.bytes = self.bytes.saturating_add(bytes);
        self.places.insert(fingerprint, self.slots.len());
        self.slots.push(Slot { fingerprint, entry, bytes, used: false });
    }

    /// The next place whose entry was not used since the hand passed it; after a long search whichever comes.
    fn dispensable(&mut self) -> usize {
        for _ in 0..LONGEST_SEARCH {
            if self.hand >= self.slots.len() {
                self.hand = 0;
            }
            match self.slots.get_mut(self.hand) {
                Some(slot) if slot.used => slot.used = false,
                Some(_) | None => break,
            }
            self.hand = self.hand.saturating_add(1);
        }
        if self.hand >= self.slots.len() {
            self.hand = 0;
        }
        self.hand
    }

    /// Forgets what is at `place`; the last entry takes it.
    fn remove(&mut self, place: usize) {
        if place >= self.slots.len() {
            // Nothing is left, whatever the sum says.
            self.bytes = 0;
            return;
        }
        let removed = self.slots.swap_remove(place);
        self.bytes = self.bytes.saturating_sub(removed.bytes);
        self.places.remove(&removed.fingerprint);
        if let Some(moved) = self.slots.get(place) {
            self.places.insert(moved.fingerprint, place);
        }
    }
}

/// What claims take, as they are kept: a tree's leaf has room for eleven.
pub(super) fn weight_of_claims(claims: &Map<String, Value>) -> usize {
    const LEAF: usize = 11 * (size_of::<String>() + size_of::<Value>());
    let members = claims.iter().map(|(name, value)| weight_of_text(name).saturating_add(weight_of_value(value)));
    members.fold(LEAF.saturating_mul(claims.len().div_ceil(6)), usize::saturating_add)
}

fn weight_of_value(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => weight_of_text(text),
        Value::Array(items) => {
            let items = items.iter().map(|item| size_of::<Value>().saturating_add(weight_of_value(item)));
            items.fold(ALLOCATION, usize::saturating_add)
        }
        Value::Object(members) => weight_of_claims(members),
    }
}

/// What a text takes beyond its owner.
pub(super) fn weight_of_text(text: &str) -> usize {
    text.len().saturating_add(ALLOCATION)
}

impl Hash for Fingerprint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self([first, _]) = self;
        state.write_u64(*first);
    }
}

/// Takes a fingerprint as it is: it was made by a hash already, and nobody can choose it.
#[derive(Default)]
struct Folded(u64);

impl Hasher for Folded {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::session::testing::TestEntropy;

    impl Weighed for usize {
        fn weight(&self) -> usize {
            1000
        }
    }

    /// Room for about this many entries.
    const ROOM: usize = 500;

    fn credential(number: usize) -> Vec<u8> {
        format!("1.{number}").into_bytes()
    }

    fn cache() -> LiveCache<usize> {
        LiveCache::new([1000, size_of::<Slot<usize>>(), OF_ONE].iter().sum::<usize>().saturating_mul(ROOM))
    }

    fn filled(cache: &mut LiveCache<usize>, numbers: impl Iterator<Item = usize>) {
        numbers.for_each(|number| cache.insert(&credential(number), Rc::new(number), &mut TestEntropy::default()));
    }

    fn finds(cache: &mut LiveCache<usize>, number: usize) -> bool {
        let found = cache.find(&credential(number), |_| true);
        assert!(found.as_deref().is_none_or(|found| *found == number), "another's entry");
        found.is_some()
    }

    #[test]
    fn an_entry_is_found_as_long_as_it_holds() {
        let mut cache = cache();
        assert!(!finds(&mut cache, 0));
        filled(&mut cache, 0..1);
        assert!(finds(&mut cache, 0));
        assert!(cache.find(&credential(0), |_| false).is_none());
        assert!(!finds(&mut cache, 1));
        filled(&mut cache, 0..1);
        assert_eq!((cache.slots.len(), cache.places.len()), (1, 1), "once, however often it is remembered");
    }

    #[test]
    fn as_many_as_fit_are_found_in_turn_again_and_again() {
        let mut cache = cache();
        filled(&mut cache, 0..ROOM);
        for _ in 0..3 {
            assert!((0..ROOM).all(|number| finds(&mut cache, number)));
        }
    }

    #[test]
    fn what_is_in_use_stays_and_what_is_not_makes_room() {
        let mut cache = cache();
        filled(&mut cache, 0..ROOM);
        for number in ROOM..10 * ROOM {
            assert!(finds(&mut cache, 0), "{number}");
            filled(&mut cache, number..number + 1);
            assert!(cache.slots.len() <= ROOM && cache.bytes <= cache.limit);
            assert_eq!(cache.slots.len(), cache.places.len());
        }
        assert!(finds(&mut cache, 10 * ROOM - 1) && !finds(&mut cache, 1));
        assert!(
            cache.slots.iter().enumerate().all(|(place, slot)| cache.places.get(&slot.fingerprint) == Some(&place))
        );
    }

    #[test]
    fn what_is_larger_than_the_cache_is_not_remembered() {
        let mut cache = LiveCache::new(1000);
        filled(&mut cache, 0..1);
        assert!(!finds(&mut cache, 0));
        assert_eq!(cache.bytes, 0);
        let of_one = 1000 + size_of::<Slot<usize>>() + OF_ONE;
        for (limit, fits) in [(of_one, [true, false]), (of_one + 500, [true, true])] {
            for (more, fits) in [0, 500].into_iter().zip(fits) {
                let mut just_large_enough = LiveCache::new(limit).with_room_for(more);
                filled(&mut just_large_enough, 0..2);
                assert_eq!(finds(&mut just_large_enough, 1), fits, "{limit} {more}");
                assert!(!finds(&mut just_large_enough, 0));
            }
        }
    }

    #[test]
    fn what_was_looked_for_is_counted() {
        let mut cache = cache();
        filled(&mut cache, 0..2);
        for number in 0..5 {
            finds(&mut cache, number);
        }
        cache.find(&credential(0), |_| false);
        assert_eq!(*cache.lookups(), Lookups { hits: 2, misses: 4 });
    }

    #[test]
    fn fingerprints_spread_over_the_table_as_they_are() {
        let mut key = None;
        let mut hash = |number| {
            let key: &HashKey = key.get_or_insert_with(|| HashKey::draw(&mut TestEntropy::default()));
            let (fingerprint, mut folded) = (key.fingerprint(&credential(number)), Folded::default());
            fingerprint.hash(&mut folded);
            (fingerprint.0[0], folded.finish())
        };
        assert!((0..9).map(&mut hash).all(|(first, hash)| first == hash));
        assert_ne!(hash(1), hash(2));
    }

    #[test]
    fn an_entry_weighs_at_least_what_it_holds() {
        let weigh = |claims: Value| weight_of_claims(claims.as_object().unwrap());
        let text = "x".repeat(1000);
        assert_eq!(weight_of_text("abc"), 3 + 2 * 8, "with what the allocator keeps beside it");
        let small = weigh(json!({"a": 1}));
        assert!((500..1000).contains(&small), "{small}: a leaf of the tree");
        for claims in [json!({"a": text}), json!({"a": [text]}), json!({"a": {"b": text}}), json!({&text: null})] {
            let weight = weigh(claims.clone());
            assert!((small + 999..small + 2100).contains(&weight), "{claims}: {weight}");
        }
        let list = |length: usize| weigh(json!({"a": vec![1; length]}));
        assert_eq!(list(100) - list(50), 50 * size_of::<Value>());
        let members = |count: usize| weigh((0..count).map(|number| (number.to_string(), Value::Null)).collect());
        assert!(members(60) > 9 * members(6), "a leaf holds eleven at most, six when they come in order");
    }
}
