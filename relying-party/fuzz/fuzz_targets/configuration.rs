//! The configuration document: read as a whole, or refused with every problem on a line of its own, none of which shows a secret.
#![no_main]

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use libfuzzer_sys::fuzz_target;
use relying_party::config::Config;

/// A secret that the document cannot hold, since it comes of all of it: also a session key, 32 bytes in base64url.
fn secret_for(data: &[u8]) -> String {
    let digits: String = (0_u8..3)
        .map(|turn| {
            let mut hasher = DefaultHasher::new();
            (turn, data).hash(&mut hasher);
            format!("{:016x}", hasher.finish())
        })
        .collect();
    format!("{}A", &digits[..42])
}

fuzz_target!(|data: &[u8]| {
    let secret = secret_for(data);
    let environment = |name: &str| matches!(name, "KEY" | "SECRET").then(|| secret.clone());
    match Config::parse(data, &environment) {
        Ok(config) => {
            assert!(!config.providers.is_empty());
            assert!(config.base_path.starts_with('/') && !config.base_path.ends_with('/'));
            let shown = format!("{config:?}");
            assert!(!shown.contains(&secret), "a secret in Debug");
        }
        Err(errors) => {
            let text = errors.to_string();
            assert!(!errors.problems().is_empty());
            assert_eq!(text.lines().count(), errors.problems().len());
            assert!(!text.contains(&secret), "a secret in a message");
        }
    }
});
