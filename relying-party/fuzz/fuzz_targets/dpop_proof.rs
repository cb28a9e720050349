//! A DPoP proof: what is accepted is about this request, this token and now, and is accepted once.
//!
//! The first byte chooses between a whole header and the claims of a proof whose signature is taken for good.
#![no_main]

use std::cell::OnceCell;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use libfuzzer_sys::fuzz_target;
use relying_party::http::Headers;
use relying_party::jose::{Jwk, JwkSet, JwsAlgorithm, SignatureVerifier};
use relying_party::protocol::dpop::{self, ExpectedProof};
use relying_party::shared::OwnData;
use relying_party::time::UnixTime;

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
/// The key of RFC 7515, Appendix A.3.
const KEY: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;

struct CallsEverythingGood;

impl SignatureVerifier for CallsEverythingGood {
    fn verify(&self, _: JwsAlgorithm, _: &Jwk, _: &[u8], _: &[u8]) -> bool {
        true
    }
}

thread_local! {
    static THUMBPRINT: OnceCell<String> = const { OnceCell::new() };
}

fn thumbprint() -> String {
    JwkSet::parse(format!(r#"{{"keys":[{KEY}]}}"#).as_bytes()).expect("valid").keys()[0].thumbprint()
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, rest)) = data.split_first() else { return };
    let proof = if choice & 1 == 0 {
        rest.to_vec()
    } else {
        let header = format!(r#"{{"alg":"ES256","typ":"dpop+jwt","jwk":{KEY}}}"#);
        let (header, claims, signature) =
            (URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(rest), URL_SAFE_NO_PAD.encode([1; 64]));
        format!("{header}.{claims}.{signature}").into_bytes()
    };
    let headers = Headers::new(vec![("dpop".to_owned(), proof)]);
    THUMBPRINT.with(|cell| {
        let expected = ExpectedProof {
            thumbprint: cell.get_or_init(thumbprint),
            access_token: b"token",
            method: "GET",
            origin: "https://api.example.org",
            path: "/orders",
            clock_skew: Duration::from_secs(60),
        };
        let mut memory = OwnData::default();
        let mut accept = || dpop::accept(&headers, &expected, &CallsEverythingGood, &mut memory, NOW);
        if accept().is_ok() {
            let claims = String::from_utf8_lossy(rest);
            assert!(claims.contains("GET"), "of another method");
            assert!(accept().is_err(), "accepted twice");
        }
    });
});
