//! A provider's key set: refused as a whole, or read key by key within limits.
#![no_main]

use libfuzzer_sys::fuzz_target;
use relying_party::jose::JwkSet;

fuzz_target!(|data: &[u8]| {
    let Ok(set) = JwkSet::parse(data) else { return };
    assert!((1..=200).contains(&set.keys().len()));
    assert!(set.skipped().len() <= 201);
    for key in set.keys() {
        assert!(key.kid.as_ref().is_none_or(|kid| kid.len() <= 1024));
    }
});
