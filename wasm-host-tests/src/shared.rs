//! The shared data of a simulated process: what Envoy's `SharedData` does, for every VM of one `vm_id`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use relying_party::shared::{Entry, Expected, SharedData, SharedDataError, Version};

/// A map that all VMs of a process see.
#[derive(Clone, Debug, Default)]
pub struct SharedMap(Rc<RefCell<Map>>);

#[derive(Debug, Default)]
struct Map {
    entries: BTreeMap<Vec<u8>, (Vec<u8>, u32)>,
    writes: u32,
    is_closed: bool,
}

/// Why the map refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Somebody else has written meanwhile.
    CasMismatch,
    /// This process shares nothing.
    Closed,
}

impl SharedMap {
    /// A host that shares nothing: every call is an error.
    pub fn closed() -> Self {
        let map = Self::default();
        map.0.borrow_mut().is_closed = true;
        map
    }

    /// The value of `key` and its number.
    pub fn get(&self, key: &[u8]) -> Result<Option<(Vec<u8>, u32)>, Refusal> {
        let map = self.0.borrow();
        if map.is_closed { Err(Refusal::Closed) } else { Ok(map.entries.get(key).cloned()) }
    }

    /// Like Envoy's: 0 replaces whatever is there, and a new key takes any number.
    pub fn set(&self, key: Vec<u8>, value: Vec<u8>, expected: u32) -> Result<(), Refusal> {
        let mut map = self.0.borrow_mut();
        if map.is_closed {
            return Err(Refusal::Closed);
        }
        if map.entries.get(&key).is_some_and(|(_, number)| expected != 0 && expected != *number) {
            return Err(Refusal::CasMismatch);
        }
        map.writes += 1;
        let number = map.writes;
        map.entries.insert(key, (value, number));
        Ok(())
    }

    /// Whether a value has these bytes in it.
    pub fn contains(&self, text: &str) -> bool {
        let holds = |value: &[u8]| value.windows(text.len()).any(|window| window == text.as_bytes());
        self.0.borrow().entries.values().any(|(value, _)| holds(value))
    }

    /// The keys, in order.
    pub fn keys(&self) -> Vec<String> {
        self.0.borrow().entries.keys().map(|key| String::from_utf8_lossy(key).into_owned()).collect()
    }
}

impl From<Refusal> for SharedDataError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::CasMismatch => Self::Conflict,
            Refusal::Closed => Self::NotOffered,
        }
    }
}

impl SharedData for SharedMap {
    fn read(&mut self, key: &str) -> Result<Option<Entry>, SharedDataError> {
        let entry = self.get(key.as_bytes())?;
        Ok(entry.map(|(value, number)| Entry { value, version: Version(number) }))
    }

    fn write(&mut self, key: &str, value: &[u8], expected: Expected) -> Result<(), SharedDataError> {
        let expected = match expected {
            Expected::Anything => 0,
            Expected::Nothing => u32::MAX,
            Expected::Version(Version(number)) => number,
        };
        Ok(self.set(key.as_bytes().to_vec(), value.to_vec(), expected)?)
    }
}
