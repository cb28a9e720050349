//! What stands in the host's shared data: whatever somebody wrote there, nobody gets in who would not, and nothing stops.
//!
//! The first byte chooses which entries it stands for.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use relying_party::shared::{Entry, Expected, OwnData, SharedData, SharedDataError, Version};
use relying_party_fuzz::{NOW, Stage, Verdict, config, session_cookie};

const KINDS: [&str; 5] = ["/refresh/", "/provider/", "/revocations/", "/store/", "/"];

/// Shared data in which entries of one kind are the fuzzer's until they are written.
struct Odd {
    kind: &'static str,
    value: Vec<u8>,
    written: OwnData,
}

impl SharedData for Odd {
    fn read(&mut self, key: &str) -> Result<Option<Entry>, SharedDataError> {
        match self.written.read(key) {
            Ok(None) if key.contains(self.kind) => {
                Ok(Some(Entry { value: self.value.clone(), version: Version(u32::MAX) }))
            }
            entry => entry,
        }
    }

    fn write(&mut self, key: &str, value: &[u8], expected: Expected) -> Result<(), SharedDataError> {
        let expected = if expected == Expected::Version(Version(u32::MAX)) { Expected::Nothing } else { expected };
        self.written.write(key, value, expected)
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, value)) = data.split_first() else { return };
    let kind = KINDS[usize::from(*choice) % KINDS.len()];
    let store = r#", "store": {"kind": "webdis", "cluster": "webdis"}"#;
    let config = config(store, r#", "headers": {"x-token": "access_token"}"#);
    let cookie = session_cookie(&config);
    let mut stage = Stage::new(config, Odd { kind, value: value.to_vec(), written: OwnData::default() });
    let request = |cookie: &str| -> Vec<(&'static str, Vec<u8>)> {
        [
            (":method", "GET"),
            (":scheme", "https"),
            (":authority", "portal.example.org"),
            (":path", "/x"),
            ("cookie", cookie),
        ]
        .map(|(name, value)| (name, value.as_bytes().to_vec()))
        .into()
    };
    let mut send = |cookie: &str, after: u64| {
        stage.now = NOW + Duration::from_secs(after);
        stage.tick();
        stage.send(request(cookie).iter().map(|(name, value)| (*name, value.as_slice())), b"")
    };
    for after in [1, 3000, 3601] {
        // Ended, outdated or not to be refreshed: there are many reasons to refuse, and none to let a stranger in.
        let _ = send(&cookie, after);
        let altered = cookie.replace("=1.", "=1.A");
        for other in ["", altered.as_str()] {
            assert!(matches!(send(other, after), Verdict::Answered(_)), "let through");
        }
    }
});
