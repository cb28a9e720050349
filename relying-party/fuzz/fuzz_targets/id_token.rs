//! The claims of an ID token whose signature is taken for good: what is accepted is for this client, of this issuer, and now.
//!
//! The first byte chooses which nonce is expected, the rest is the payload.
#![no_main]

use libfuzzer_sys::fuzz_target;
use relying_party::config::Issuer;
use relying_party::jose::JwsAlgorithm;
use relying_party::protocol::{Expected, ExpectedNonce, UnverifiedIdToken};
use relying_party::secret::Secret;
use relying_party_fuzz::{CallsEverythingGood, ISSUER, NOW, SKEW, keys, signed};
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    let Some((choice, payload)) = data.split_first() else { return };
    let issuer = Issuer::exact(ISSUER.to_owned());
    let may_be_absent = choice & 1 == 1;
    let expected = Expected {
        issuer: &issuer,
        client_id: "p",
        nonce: if may_be_absent { ExpectedNonce::SameOrNone("n") } else { ExpectedNonce::Same("n") },
        algorithms: &JwsAlgorithm::ALL,
        clock_skew: SKEW,
        access_token: &Secret::new("token".to_owned()),
    };
    let token = UnverifiedIdToken::new(signed(r#"{"alg":"ES256"}"#, payload));
    let Ok(token) = token.verify(&expected, &keys(), &CallsEverythingGood, NOW) else { return };
    let claims = token.claims();
    assert_eq!(claims.get("iss").and_then(Value::as_str), Some(ISSUER));
    let audience = claims.get("aud").expect("an audience");
    assert!(audience == "p" || audience.as_array().is_some_and(|all| all.iter().any(|one| one == "p")));
    assert!(claims.get("azp").is_none_or(|azp| azp == "p"));
    assert!(claims.get("nonce").map_or(may_be_absent, |nonce| nonce == "n"));
    assert!(NOW < token.expires_at() + SKEW && token.issued_at() <= NOW + SKEW);
    assert!((1..=255).contains(&token.subject().len()));
    assert!(token.authentication(NOW, SKEW).auth_time.is_none_or(|at| at <= NOW), "authenticated in the future");
});
