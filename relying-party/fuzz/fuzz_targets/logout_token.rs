//! A logout request: what is accepted is about a logout, for this client, of this issuer, now, and is accepted once.
//!
//! The first byte chooses between a whole form and the claims of a token whose signature is taken for good.
#![no_main]

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use libfuzzer_sys::fuzz_target;
use relying_party::config::Issuer;
use relying_party::jose::{Jwk, JwkSet, JwsAlgorithm, SignatureVerifier};
use relying_party::protocol::logout_token::{ExpectedLogoutToken, UnverifiedLogoutToken, VerifiedLogoutToken};
use relying_party::shared::OwnData;
use relying_party::time::UnixTime;

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
const ISSUER: &str = "https://login.example.org";
/// The key of RFC 7515, Appendix A.3.
const KEYS: &str = r#"{"keys":[{"kid":"ec","kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;

struct CallsEverythingGood;

impl SignatureVerifier for CallsEverythingGood {
    fn verify(&self, _: JwsAlgorithm, _: &Jwk, _: &[u8], _: &[u8]) -> bool {
        true
    }
}

fn accept(form: &[u8], memory: &mut OwnData) -> Option<VerifiedLogoutToken> {
    let expected = ExpectedLogoutToken {
        issuer: &Issuer::exact(ISSUER.to_owned()),
        client_id: "portal",
        algorithms: &JwsAlgorithm::ALL,
        clock_skew: Duration::from_secs(60),
    };
    let keys = JwkSet::parse(KEYS.as_bytes()).expect("valid");
    UnverifiedLogoutToken::in_form(form).ok()?.verify(&expected, &keys, &CallsEverythingGood, memory, NOW).ok()
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, rest)) = data.split_first() else { return };
    let form = if choice & 1 == 0 {
        rest.to_vec()
    } else {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256","kid":"ec","typ":"logout+jwt"}"#);
        let (claims, signature) = (URL_SAFE_NO_PAD.encode(rest), URL_SAFE_NO_PAD.encode([1; 64]));
        format!("logout_token={header}.{claims}.{signature}").into_bytes()
    };
    let mut memory = OwnData::default();
    if let Some(token) = accept(&form, &mut memory) {
        assert_eq!(token.issuer(), ISSUER);
        assert!(accept(&form, &mut memory).is_none(), "accepted twice");
    }
});
