//! The configuration document: read as a whole, or refused with every problem on a line of its own, none of which shows a secret.
#![no_main]

use libfuzzer_sys::fuzz_target;
use relying_party::config::Config;

const KEY: &str = "H3gX19lShk+re+O2RpGji2Fkx/+m8H5LnwdIvOtYSh0=";

fn environment(name: &str) -> Option<String> {
    match name {
        "KEY" => Some(KEY.to_owned()),
        "SECRET" => Some("ju5t-b3tween-us".to_owned()),
        _ => None,
    }
}

fuzz_target!(|data: &[u8]| match Config::parse(data, &environment) {
    Ok(config) => {
        assert!(!config.providers.is_empty());
        assert!(config.base_path.starts_with('/') && !config.base_path.ends_with('/'));
        let shown = format!("{config:?}");
        assert!(!shown.contains("ju5t-b3tween-us") && !shown.contains(KEY), "a secret in Debug");
    }
    Err(errors) => {
        let text = errors.to_string();
        assert!(!errors.problems().is_empty());
        assert_eq!(text.lines().count(), errors.problems().len());
        let written = |secret: &str| String::from_utf8_lossy(data).contains(secret);
        assert!(written("ju5t-b3tween-us") || !text.contains("ju5t-b3tween-us"), "a secret in a message");
    }
});
