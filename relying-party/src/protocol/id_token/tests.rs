//! Every step, refused.

use serde_json::json;

use super::*;
use crate::jose::test_key::{TestKey, jwk_set, with};
use crate::jose::{JsonError, JwsError, Software, VerifyError};
use crate::protocol::test_provider::ISSUER;
use crate::reason::Reason as _;

const NOW: u64 = 1_800_000_000;
/// OIDC Core 1.0, Appendix A.3
const ACCESS_TOKEN: &str = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
/// The same: its `at_hash`.
const AT_HASH: &str = "77QmUPtjPfzWtF2AnpK9RQ";

fn claims() -> Value {
    json!({"iss": ISSUER, "sub": "alice", "aud": "portal", "nonce": "n1", "iat": NOW, "exp": NOW + 300, "at_hash": AT_HASH})
}

fn verify(token: String, now: u64) -> Result<VerifiedIdToken, IdTokenError> {
    let keys = jwk_set(&[TestKey::rsa().jwk(), TestKey::p256().jwk()]);
    let expected = Expected {
        issuer: &Issuer::exact(ISSUER.to_owned()),
        client_id: "portal",
        nonce: ExpectedNonce::Same("n1"),
        algorithms: &[JwsAlgorithm::Rs256, JwsAlgorithm::Es256, JwsAlgorithm::Rs512],
        clock_skew: Duration::from_secs(60),
        access_token: &Secret::new(ACCESS_TOKEN.to_owned()),
    };
    UnverifiedIdToken::new(token).verify(&expected, &keys, &Software, UnixTime::from_secs(now))
}

/// What becomes of a signed token whose claims differ from the usual ones; null removes a claim.
fn changed(changes: Value) -> Result<VerifiedIdToken, IdTokenError> {
    verify(TestKey::p256().sign(JwsAlgorithm::Es256, &with(claims(), &changes)), NOW)
}

fn refusal(changes: Value) -> IdTokenError {
    changed(changes.clone()).map(|_| changes).unwrap_err()
}

#[test]
fn a_good_token_gives_its_claims() {
    for (key, algorithm) in [(TestKey::rsa(), JwsAlgorithm::Rs256), (TestKey::p256(), JwsAlgorithm::Es256)] {
        let extra =
            json!({"email": "alice@example.org", "auth_time": 1_799_999_000.25, "acr": "mfa", "sid": "s1", "nbf": NOW});
        let token = verify(key.sign(algorithm, &with(claims(), &extra)), NOW).unwrap();
        assert_eq!((token.subject(), token.algorithm()), ("alice", algorithm));
        assert_eq!((token.acr(), token.sid()), (Some("mfa"), Some("s1")));
        assert_eq!(token.expires_at(), UnixTime::from_secs(NOW + 300));
        assert_eq!(token.issued_at(), UnixTime::from_secs(NOW));
        assert_eq!(token.auth_time(), Some(UnixTime::from_millis(1_799_999_000_250)));
        assert!(!format!("{token:?}").contains("alice"));
        assert_eq!(token.claims()["email"], "alice@example.org");
    }
    assert_eq!(UnverifiedIdToken::new("a.b.c".to_owned()).as_received().expose(), "a.b.c");
}

#[test]
fn how_long_ago_a_person_authenticated_is_known_whatever_the_clocks_say() {
    let skew = Duration::from_secs(60);
    let at = |iat: u64, auth_time: u64| {
        let token = changed(json!({"iat": iat, "auth_time": auth_time, "acr": "mfa"})).unwrap();
        token.authentication(UnixTime::from_secs(NOW), skew).auth_time.map(UnixTime::as_secs)
    };
    for (iat, auth_time, expected) in [
        (NOW, NOW, Some(NOW)),
        (NOW, NOW - 100, Some(NOW - 100)),
        // The provider's clock is behind, and ahead.
        (NOW - 50, NOW - 50, Some(NOW)),
        (NOW - 50, NOW - 150, Some(NOW - 100)),
        (NOW + 50, NOW - 50, Some(NOW - 100)),
        (NOW + 50, NOW + 50, Some(NOW)),
        // By just as much as they may differ.
        (NOW - 60, NOW - 160, Some(NOW - 100)),
        (NOW + 60, NOW - 40, Some(NOW - 100)),
        // A token of an earlier login.
        (NOW - 3600, NOW - 3600, Some(NOW - 3600)),
        // Nonsense.
        (NOW, NOW + 60, Some(NOW)),
        (NOW, NOW + 61, None),
    ] {
        assert_eq!(at(iat, auth_time), expected, "{iat} {auth_time}");
    }
    assert_eq!(
        changed(json!({})).unwrap().authentication(UnixTime::from_secs(NOW), skew),
        AuthenticationEvent::default()
    );
}

#[test]
fn the_issuer_is_compared_exactly() {
    for iss in [
        json!(null),
        json!("https://login.example.org1"),
        json!("https://login.example.org/"),
        json!("HTTPS://login.example.org"),
        json!([ISSUER]),
    ] {
        assert_eq!(refusal(json!({"iss": iss})), IdTokenError::IssuerMismatch);
    }
    assert_eq!(IdTokenError::IssuerMismatch.code(), "id_token.issuer_mismatch");
}

#[test]
fn the_audience_is_this_client_alone_or_with_azp() {
    assert!(changed(json!({"aud": ["portal"]})).is_ok());
    assert!(changed(json!({"aud": ["portal"], "azp": "portal"})).is_ok());
    assert!(changed(json!({"aud": ["other", "portal"], "azp": "portal"})).is_ok());
    for (changes, refused) in [
        (json!({"aud": null}), IdTokenError::AudienceMissing),
        (json!({"aud": "portal1"}), IdTokenError::AudienceMismatch),
        (json!({"aud": []}), IdTokenError::AudienceMismatch),
        (json!({"aud": ["other"], "azp": "portal"}), IdTokenError::AudienceMismatch),
        (json!({"aud": {"portal": 1}}), IdTokenError::AudienceMalformed),
        (json!({"aud": 1}), IdTokenError::AudienceMalformed),
        (json!({"aud": ["portal", 1], "azp": "portal"}), IdTokenError::AudienceMalformed),
        (json!({"aud": ["portal", "portal1"]}), IdTokenError::AuthorizedPartyMissing),
        (json!({"aud": ["portal", "other"], "azp": "other"}), IdTokenError::AuthorizedPartyMismatch),
        (json!({"azp": "other"}), IdTokenError::AuthorizedPartyMismatch),
        (json!({"azp": ["portal"]}), IdTokenError::AuthorizedPartyMismatch),
    ] {
        assert_eq!(refusal(changes.clone()), refused, "{changes}");
    }
}

#[test]
fn times_are_checked_with_the_clock_skew() {
    for (changes, refused) in [
        (json!({"exp": null}), IdTokenError::ExpiryMissing),
        (json!({"exp": NOW - 60}), IdTokenError::Expired),
        (json!({"exp": 0}), IdTokenError::Expired),
        (json!({"exp": "1900000000"}), IdTokenError::ExpiryMalformed),
        (json!({"exp": 1e300}), IdTokenError::ExpiryMalformed),
        (json!({"exp": u64::MAX}), IdTokenError::ExpiryMalformed),
        (json!({"exp": -1}), IdTokenError::ExpiryMalformed),
        (json!({"iat": null}), IdTokenError::IssuedAtMissing),
        (json!({"iat": {}}), IdTokenError::IssuedAtMalformed),
        (json!({"iat": NOW + 61}), IdTokenError::IssuedInTheFuture),
        (json!({"iat": NOW - 86_461}), IdTokenError::IssuedTooLongAgo),
        (json!({"nbf": NOW + 61}), IdTokenError::NotYetValid),
        (json!({"nbf": "now"}), IdTokenError::NotBeforeMalformed),
        (json!({"auth_time": "yesterday"}), IdTokenError::AuthTimeMalformed),
        (json!({"auth_time": -1e300}), IdTokenError::AuthTimeMalformed),
    ] {
        assert_eq!(refusal(changes.clone()), refused, "{changes}");
    }
    let token = changed(json!({"exp": NOW - 59, "iat": NOW + 60, "nbf": NOW + 60, "auth_time": 0, "acr": 1, "sid": 1}))
        .unwrap();
    assert_eq!((token.auth_time(), token.acr(), token.sid()), (Some(UnixTime::from_secs(0)), None, None));
    assert!(changed(json!({"exp": 1_800_000_000.5, "iat": 1_799_913_540.5})).is_ok());
}

#[test]
fn the_nonce_is_that_of_this_login() {
    assert_eq!(refusal(json!({"nonce": null})), IdTokenError::NonceMissing);
    for nonce in [json!("n11"), json!(""), json!(["n1"]), json!(1)] {
        assert_eq!(refusal(json!({"nonce": nonce})), IdTokenError::NonceMismatch);
    }
}

#[test]
fn the_subject_is_a_string_of_1_to_255() {
    assert_eq!(refusal(json!({"sub": null})), IdTokenError::SubjectMissing);
    for sub in [json!(""), json!({}), json!(1), json!("s".repeat(256))] {
        assert_eq!(refusal(json!({"sub": sub})), IdTokenError::SubjectMalformed);
    }
    assert!(changed(json!({"sub": "s".repeat(255)})).is_ok());
}

#[test]
fn at_hash_binds_the_access_token_by_the_hash_of_the_algorithm() {
    assert!(changed(json!({"at_hash": null})).is_ok());
    for at_hash in [json!("77QmUPtjPfzWtF2AnpK9RA"), json!("77QmUPtjPfzWtF2AnpK9RQ=="), json!(""), json!(1)] {
        assert_eq!(refusal(json!({"at_hash": at_hash})), IdTokenError::AccessTokenHashMismatch);
    }
    let with_sha512 = TestKey::rsa().sign(JwsAlgorithm::Rs512, &claims());
    assert_eq!(verify(with_sha512, NOW).map(|_| ()), Err(IdTokenError::AccessTokenHashMismatch));
    let at_hash = "q7nS86GgvvFaZkzALLWqJYaJIKw2wCDAVfCAsm5CrBM";
    let with_sha512 = TestKey::rsa().sign(JwsAlgorithm::Rs512, &with(claims(), &json!({"at_hash": at_hash})));
    assert!(verify(with_sha512, NOW).is_ok());
}

#[test]
fn only_an_id_token_is_an_id_token() {
    let typed = |typ: Value| {
        let header = with(json!({"alg": "ES256", "kid": "ec"}), &json!({"typ": typ}));
        verify(TestKey::p256().sign_bytes(JwsAlgorithm::Es256, &header, claims().to_string().as_bytes()), NOW)
    };
    for typ in [json!(null), json!("JWT"), json!("jwt"), json!("application/JWT")] {
        assert!(typed(typ).is_ok());
    }
    for typ in ["at+jwt", "application/at+jwt", "logout+jwt", "dpop+jwt", "JOSE", ""] {
        assert_eq!(typed(json!(typ)).map(|_| ()), Err(IdTokenError::WrongType), "{typ}");
    }
}

#[test]
fn a_token_without_a_good_signature_is_refused_before_its_claims_are_read() {
    let token = TestKey::p256().sign(JwsAlgorithm::Es256, &with(claims(), &json!({"iss": "https://evil.example"})));
    let (input, _) = token.rsplit_once('.').unwrap();
    let refusal = |token: String| verify(token, NOW).map(|_| ()).unwrap_err();
    let refused = refusal(format!("{input}.{}", "AAAA".repeat(21) + "AA"));
    assert_eq!(
        (refused, refused.code()),
        (IdTokenError::Signature(VerifyError::SignatureInvalid), "id_token.signature_invalid")
    );
    assert!(!refused.newer_keys_may_help());

    let signed =
        |header: Value, payload: &[u8]| refusal(TestKey::p256().sign_bytes(JwsAlgorithm::Es256, &header, payload));
    let good = claims().to_string();
    assert_eq!(signed(json!({"alg": "none"}), good.as_bytes()).code(), "id_token.algorithm_unsupported");
    assert_eq!(signed(json!({"alg": "HS256", "kid": "ec"}), good.as_bytes()).code(), "id_token.algorithm_unsupported");
    assert_eq!(
        signed(json!({"alg": "ES256", "kid": "ec", "crit": ["x"]}), good.as_bytes()).code(),
        "id_token.critical_extension"
    );
    assert_eq!(signed(json!({"alg": "PS256", "kid": "rsa"}), good.as_bytes()).code(), "id_token.algorithm_not_allowed");
    assert_eq!(signed(json!({"alg": "ES256", "kid": "rsa"}), good.as_bytes()).code(), "id_token.key_unfit");
    let unknown = signed(json!({"alg": "ES256", "kid": "../../dev/null"}), good.as_bytes());
    assert!(unknown.code() == "id_token.key_unknown" && unknown.newer_keys_may_help());
    assert_eq!(
        signed(json!({"alg": "ES256", "kid": "ec"}), br#"{"sub":"a","sub":"b"}"#),
        IdTokenError::Malformed(JwsError::Payload(JsonError::DuplicateMember))
    );
    assert_eq!(refusal("not.a-token".to_owned()), IdTokenError::Malformed(JwsError::NotThreeParts));
}
