//! What a provider answers where a client asks for something: tokens, other tokens, a place for an authorization request.
//!
//! The first byte chooses the status.
#![no_main]

use libfuzzer_sys::fuzz_target;
use relying_party::protocol::refresh::process_refresh_response;
use relying_party::protocol::token_exchange::process_token_exchange_response;
use relying_party::protocol::{process_pushed_authorization_response, process_token_response};
use relying_party::reason::Reason;

fuzz_target!(|data: &[u8]| {
    let Some((choice, body)) = data.split_first() else { return };
    let status = [200, 200, 201, 302, 400, 401, 429, 503][usize::from(choice & 7)];
    let refreshed = process_refresh_response(status, body);
    match process_token_response(status, body) {
        Ok(tokens) => {
            assert_eq!(status, 200);
            assert!(!tokens.access_token.expose().is_empty() && !tokens.id_token.as_received().expose().is_empty());
            assert!(tokens.refresh_token.as_ref().is_none_or(|token| !token.expose().is_empty()));
            assert!(format!("{tokens:?}").len() < 400, "a token in Debug");
            assert!(refreshed.is_ok(), "what gives tokens gives them again");
        }
        Err(error) => assert!(error.code().starts_with("token.")),
    }
    if let Ok(token) = process_token_exchange_response(status, body) {
        assert_eq!(status, 200);
        let token = token.access_token.expose();
        assert!(!token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()), "no header value");
    }
    if let Ok(uri) = process_pushed_authorization_response(status, body) {
        assert!(matches!(status, 200 | 201));
        assert!(uri.contains(':') && uri.bytes().all(|byte| byte.is_ascii_graphic()), "no URI");
    }
});
