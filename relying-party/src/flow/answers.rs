//! What providers answered about tokens lately.

use std::collections::BTreeMap;
use std::time::Duration;

use super::refresh::Refreshes;
use super::task::SharedKey;
use crate::admission::ExchangedToken;
use crate::admission::cache::LiveCache;
use crate::metrics::Lookups;
use crate::protocol::introspection::IntrospectionError;
use crate::protocol::token_exchange::TokenExchangeError;
use crate::time::UnixTime;

/// When the young generation holds this many entries, it becomes the old one.
const ENTRIES_PER_GENERATION: usize = 2048;
/// How much memory exchanged tokens take at most (bytes).
const EXCHANGED_TOKENS: usize = 16 << 20;

/// What providers answered about tokens lately, except what admits somebody: that is where credentials are looked up.
pub struct Answers {
    /// Why a token was not admitted by what its issuer says.
    pub(super) not_introspected: BriefMemory<IntrospectionError>,
    /// Tokens that were issued for the backend, by the target and the token that was presented.
    pub(super) exchanged: LiveCache<ExchangedToken>,
    /// Why no token was issued for the backend.
    pub(super) not_exchanged: BriefMemory<TokenExchangeError>,
    /// This VM among those that refresh sessions.
    pub(super) refreshes: Refreshes,
}

impl Default for Answers {
    fn default() -> Self {
        Self {
            not_introspected: BriefMemory::default(),
            exchanged: LiveCache::new(EXCHANGED_TOKENS),
            not_exchanged: BriefMemory::default(),
            refreshes: Default::default(),
        }
    }
}

impl Answers {
    /// How often exchanged tokens were looked for since this was told last.
    pub const fn lookups(&mut self) -> &mut Lookups {
        self.exchanged.lookups()
    }
}

/// Remembers something for seconds. Who sends requests chooses how many there are, so the number of entries is bounded: of two
/// generations the older is dropped.
pub struct BriefMemory<T> {
    young: BTreeMap<SharedKey, (UnixTime, T)>,
    old: BTreeMap<SharedKey, (UnixTime, T)>,
}

impl<T> Default for BriefMemory<T> {
    fn default() -> Self {
        Self { young: BTreeMap::new(), old: BTreeMap::new() }
    }
}

impl<T: Clone> BriefMemory<T> {
    /// What is remembered of `key`.
    pub fn find(&self, key: &SharedKey, now: UnixTime) -> Option<T> {
        let (until, value) = self.young.get(key).or_else(|| self.old.get(key))?;
        (now < *until).then(|| value.clone())
    }

    /// Remembers `value` for a while.
    pub fn insert(&mut self, key: SharedKey, value: T, now: UnixTime, lifetime: Duration) {
        if self.young.len() >= ENTRIES_PER_GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, (now + lifetime, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_forgets_in_time_and_when_there_is_too_much() {
        let start = UnixTime::from_secs(1_700_000_000);
        let key = |number: usize| SharedKey::new("test", [number.to_be_bytes().as_slice()]);
        let mut memory = BriefMemory::default();
        memory.insert(key(0), 'a', start, Duration::from_secs(2));
        assert_eq!(memory.find(&key(0), start + Duration::from_secs(1)), Some('a'));
        assert_eq!(memory.find(&key(0), start + Duration::from_secs(2)), None);
        for number in 1..=10 * ENTRIES_PER_GENERATION {
            memory.insert(key(number), 'b', start, Duration::from_secs(2));
            assert!(memory.young.len() + memory.old.len() <= 2 * ENTRIES_PER_GENERATION);
        }
        assert_eq!(memory.find(&key(10 * ENTRIES_PER_GENERATION), start), Some('b'));
        assert_eq!(memory.find(&key(0), start), None);
    }
}
