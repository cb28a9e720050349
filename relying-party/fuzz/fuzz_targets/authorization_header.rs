//! `authorization` fields, one a line: whatever they are, at most one token comes of them, and it looks like one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use relying_party::http::Headers;
use relying_party::http::credentials::PresentedToken;

fuzz_target!(|data: &[u8]| {
    let values: Vec<&[u8]> = data.split(|byte| *byte == b'\n').collect();
    let fields = values.iter().map(|value| ("authorization".to_owned(), value.to_vec())).collect();
    let headers = Headers::new(fields);
    let Ok(Some(presented)) = PresentedToken::of(&headers) else { return };
    assert_eq!(values.len(), 1, "a token from several fields");
    if let Ok(text) = presented.text() {
        assert!(!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b','));
        assert_eq!(text.as_bytes(), presented.bytes());
    }
});
