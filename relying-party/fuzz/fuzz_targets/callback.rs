//! The callback's query and form: whatever comes back, nothing goes on to the application, and the answer is one of ours.
//!
//! `{state}` stands for the state of a login that this browser has begun. The first byte chooses query or form, and what the token
//! endpoint answers.
#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use relying_party::http::CalloutOutcome;
use relying_party::shared::OwnData;
use relying_party_fuzz::{Stage, answered, config, document};

thread_local! {
    static STAGE: RefCell<Stage> = RefCell::new(Stage::new(config(r#", "silent": true"#, ""), OwnData::default()));
}

const PERSON: [(&str, &[u8]); 3] =
    [(":scheme", b"https"), (":authority", b"portal.example.org"), ("sec-fetch-mode", b"navigate")];

fuzz_target!(|data: &[u8]| STAGE.with_borrow_mut(|stage| {
    let Some((choice, parameters)) = data.split_first() else { return };
    let begun = stage.send([&PERSON[..], &[(":method", b"GET"), (":path", b"/x?y")]].concat(), b"").answer();
    let header = |name: &str| begun.headers.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str());
    let state = header("location").and_then(|location| location.split("&state=").nth(1)).expect("a login");
    let state = state.split('&').next().expect("a state");
    let cookie = header("set-cookie").and_then(|line| line.split(';').next()).expect("a cookie").as_bytes();
    let filled = match std::str::from_utf8(parameters) {
        Ok(text) => text.replace("{state}", state).into_bytes(),
        Err(_) => parameters.to_vec(),
    };
    let tokens = match choice >> 1 & 3 {
        0 => CalloutOutcome::Failed,
        1 => answered(400, parameters),
        _ => answered(200, parameters),
    };
    stage.provider = Box::new(move |request| if request.path == "/t" { tokens.clone() } else { document(request) });
    let answer = if choice & 1 == 0 {
        let path = [b"/oauth2/callback?", filled.as_slice()].concat();
        stage.send([&PERSON[..], &[(":method", b"GET"), (":path", &path), ("cookie", cookie)]].concat(), b"")
    } else {
        let head: [(&str, &[u8]); 3] = [(":method", b"POST"), (":path", b"/oauth2/callback"), ("cookie", cookie)];
        stage.send([&PERSON[..], &head].concat(), &filled)
    }
    .answer();
    assert!(matches!(answer.status, 302 | 303 | 400 | 502 | 503), "{}", answer.status);
    for (name, value) in &answer.headers {
        assert!(value.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{name} has odd bytes");
        assert!(name != "set-cookie" || !value.starts_with("__Host-latchkey="), "a session of nobody");
    }
    if let Some((_, location)) = answer.headers.iter().find(|(name, _)| name == "location") {
        assert!(
            location.starts_with("https://a.example/a?"),
            "only the silent login goes on, to the provider: {location}"
        );
    }
}));
