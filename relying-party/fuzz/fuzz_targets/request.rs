//! A whole request: it goes on only where everybody may, or with the session that was sealed; and every answer is well-formed.
//!
//! The first line is method and path, then header fields, a line each, an empty line and the body. `{session}` stands for a good
//! session cookie.
#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use relying_party::policy::path::RequestPath;
use relying_party::shared::OwnData;
use relying_party_fuzz::{Stage, Verdict, config, session_cookie};

const MORE: &str = r#", "headers": {"x-user": "claims.sub", "x-token": "access_token"}, "rules": [
    {"match": {"path_prefix": "/public"}, "authentication": "none"},
    {"match": {"path_prefix": "/api"}, "authentication": "bearer", "require": "'a' in scopes"},
    {"match": {"path_prefix": "/either"}, "authentication": "any"},
    {"match": {"path_prefix": "/forms"}, "preserve_form": true},
    {"match": {"path_regex": "/staff/[0-9]+", "methods": ["GET"]}, "require": "request.path.startsWith('/staff')", "max_age": "1h"}
]"#;
const SESSION: &str = r#", "silent": true"#;

thread_local! {
    static STAGE: RefCell<(Stage, String)> = RefCell::new({
        let config = config(SESSION, MORE);
        let cookie = session_cookie(&config);
        (Stage::new(config, OwnData::default()), cookie)
    });
}

fn is_public(path: &[u8]) -> bool {
    let Ok(path) = RequestPath::parse(std::str::from_utf8(path).expect("UTF-8")) else { return false };
    let below = |reading: &str| reading == "/public" || reading.starts_with("/public/");
    below(path.literal()) && path.other_readings().all(below)
}

fuzz_target!(|data: &[u8]| STAGE.with_borrow_mut(|(stage, cookie)| {
    let text = String::from_utf8_lossy(data).replace("{session}", cookie);
    let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
    let (first, lines) = head.split_once('\n').unwrap_or((head, ""));
    let (method, path) = first.split_once(' ').unwrap_or(("GET", first));
    let mut fields: Vec<(&str, &[u8])> = vec![
        (":method", method.as_bytes()),
        (":scheme", b"https"),
        (":authority", b"portal.example.org"),
        (":path", path.as_bytes()),
    ];
    let given = lines.lines().filter_map(|line| line.split_once(": "));
    fields.extend(given.filter(|(name, _)| !name.starts_with(':')).map(|(name, value)| (name, value.as_bytes())));
    let signed_in = text.contains(cookie.as_str());
    match stage.send(fields, body.as_bytes()) {
        Verdict::Forwarded => assert!(signed_in || is_public(path.as_bytes()), "let through: {first}"),
        Verdict::Answered(response) => {
            assert!((200..=599).contains(&response.status));
            for (name, value) in &response.headers {
                assert!(
                    !name.is_empty()
                        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-' || byte.is_ascii_digit())
                );
                assert!(value.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{name} has odd bytes");
                if name == "location" {
                    let places = ["/", "https://portal.example.org/", "https://a.example/"];
                    assert!(places.iter().any(|place| value.starts_with(place)) && !value.starts_with("//"), "{value}");
                }
            }
        }
    }
}));
