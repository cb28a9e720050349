//! An introspection answer: only `active: true` of the right issuer makes a token of it.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use relying_party::config::Issuer;
use relying_party::jose::JwsAlgorithm;
use relying_party::protocol::access_token::ExpectedAccessToken;
use relying_party::protocol::process_introspection_response;
use relying_party::time::UnixTime;

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
const SKEW: Duration = Duration::from_secs(60);

fuzz_target!(|data: &[u8]| {
    let issuer = Issuer::exact("https://a.example".to_owned());
    let expected = ExpectedAccessToken {
        issuer: &issuer,
        client_ids: &["portal"],
        must_be_typed: false,
        algorithms: &JwsAlgorithm::ALL,
        clock_skew: SKEW,
    };
    let Ok(token) = process_introspection_response(200, data, &expected, NOW) else { return };
    assert!(NOW < token.expires_at + SKEW, "expired");
    assert_eq!(token.claims.get("active").and_then(|active| active.as_bool()), Some(true));
    assert!(token.claims.get("iss").is_none_or(|iss| iss.is_null() || iss == "https://a.example"), "of another issuer");
    assert!(process_introspection_response(201, data, &expected, NOW).is_err());
});
