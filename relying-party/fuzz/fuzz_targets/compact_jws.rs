//! A token as it comes in, before anything is known of it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use relying_party::jose::{CompactJws, UnverifiedJwt};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let jws = CompactJws::parse(text);
    let jwt = UnverifiedJwt::parse(text);
    assert!(jwt.is_err() || jws.is_ok(), "a JWT that is no JWS");
    if let Ok(jws) = jws {
        assert_eq!(text.matches('.').count(), 2);
        assert!(jws.kid().is_none_or(|kid| kid.len() <= 1024));
    }
    if let Ok(jwt) = jwt {
        // Nothing of it prints.
        assert!(format!("{jwt:?}").len() < 100);
        let _ = (jwt.issuer(), jwt.subject(), jwt.typ(), jwt.claims_audience(&["a".to_owned()]));
    }
});
