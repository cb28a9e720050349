//! Every step, refused.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::jose::test_key::{TestKey, jwk_set, with};
use crate::jose::{JwsError, Software};
use crate::protocol::test_provider::ISSUER;
use crate::reason::Reason as _;
use crate::shared::{OwnData, SharedData, SharedDataError};

const NOW: u64 = 1_800_000_000;
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// As OIDC Back-Channel Logout 1.0 §2.4 has them.
fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "alice", "aud": "portal", "iat": NOW, "exp": NOW + 120, "jti": "bWJq",
        "sid": "08a5019c-17e1-4977-8f42-65a12843ea02", "events": {EVENT: {}},
    })
}

fn header(typ: &Value) -> Value {
    with(json!({"alg": "ES256", "kid": "ec"}), &json!({"typ": typ}))
}

fn signed(header: &Value, claims: &Value) -> String {
    TestKey::p256().sign_bytes(JwsAlgorithm::Es256, header, claims.to_string().as_bytes())
}

fn form_of(token: &str) -> String {
    format!("logout_token={token}")
}

fn judge_in(memory: &mut dyn SharedData, form: &str, now: u64) -> Result<Whom, &'static str> {
    let keys = jwk_set(&[TestKey::rsa().jwk(), TestKey::p256().jwk()]);
    let expected = ExpectedLogoutToken {
        issuer: &Issuer::exact(ISSUER.to_owned()),
        client_id: "portal",
        algorithms: &[JwsAlgorithm::Rs256, JwsAlgorithm::Es256],
        clock_skew: Duration::from_secs(60),
    };
    let token = UnverifiedLogoutToken::in_form(form.as_bytes()).map_err(|error| error.code())?;
    let verified = token.verify(&expected, &keys, &Software, memory, UnixTime::from_secs(now));
    verified.map(|token| token.whom).map_err(|refused| refused.error.code())
}

fn judge(form: &str, now: u64) -> Result<Whom, &'static str> {
    judge_in(&mut OwnData::default(), form, now)
}

/// What becomes of a signed token whose claims differ from the usual ones; null removes a claim.
fn changed(changes: &Value) -> Result<Whom, &'static str> {
    judge(&form_of(&signed(&header(&json!("logout+jwt")), &with(claims(), changes))), NOW)
}

impl std::fmt::Debug for Whom {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Session(_) => "Session",
            Self::Person(_) => "Person",
            Self::SessionOf(..) => "SessionOf",
        })
    }
}

#[test]
fn a_token_names_a_session_a_person_or_both() {
    let sid = "08a5019c-17e1-4977-8f42-65a12843ea02".to_owned();
    assert_eq!(changed(&json!({})), Ok(Whom::SessionOf("alice".to_owned(), sid.clone())));
    assert_eq!(changed(&json!({"sub": null})), Ok(Whom::Session(sid)));
    assert_eq!(changed(&json!({"sid": null})), Ok(Whom::Person("alice".to_owned())));
    let more = json!({"unknown": [1], "aud": ["other", "portal"], "toe": NOW, "events": {EVENT: {"a": 1}, "b": 2}});
    assert!(changed(&more).is_ok(), "what is not understood is ignored");
}

#[test]
fn every_step_has_its_own_refusal() {
    for (changes, reason) in [
        (json!({"iss": "https://login.example.org1"}), "issuer_mismatch"),
        (json!({"iss": null}), "issuer_mismatch"),
        (json!({"iss": [ISSUER]}), "issuer_mismatch"),
        (json!({"aud": "portal1"}), "audience_mismatch"),
        (json!({"aud": null}), "audience_mismatch"),
        (json!({"aud": []}), "audience_mismatch"),
        (json!({"aud": ["portal", 1]}), "audience_mismatch"),
        (json!({"azp": "other"}), "audience_mismatch"),
        (json!({"iat": null}), "iat_malformed"),
        (json!({"iat": "now"}), "iat_malformed"),
        (json!({"iat": NOW + 61}), "issued_in_the_future"),
        (json!({"iat": NOW - 3661, "exp": NOW + 7200}), "expired"),
        (json!({"exp": null}), "exp_missing"),
        (json!({"exp": 1e300}), "exp_malformed"),
        (json!({"exp": NOW - 60}), "expired"),
        (json!({"sub": null, "sid": null}), "nobody_named"),
        (json!({"sub": 7}), "sub_malformed"),
        (json!({"sub": ""}), "sub_malformed"),
        (json!({"sid": ["s"]}), "sid_malformed"),
        (json!({"sid": "x".repeat(1025)}), "sid_malformed"),
        (json!({"events": null}), "no_logout_event"),
        (json!({"events": {}}), "no_logout_event"),
        (json!({"events": [EVENT]}), "no_logout_event"),
        (json!({"events": EVENT}), "no_logout_event"),
        (json!({"events": {EVENT: true}}), "no_logout_event"),
        (json!({"events": {"http://schemas.openid.net/event/backchannel-logout1": {}}}), "no_logout_event"),
        (json!({"nonce": "n"}), "nonce_present"),
        (json!({"nonce": ""}), "nonce_present"),
        (json!({"jti": null}), "jti_malformed"),
        (json!({"jti": ""}), "jti_malformed"),
        (json!({"jti": 1}), "jti_malformed"),
    ] {
        assert_eq!(
            changed(&changes),
            Err(format!("logout_token.{reason}")).map_err(|reason| &*reason.leak()),
            "{changes}"
        );
    }
    let null_nonce = claims().to_string().replacen('{', r#"{"nonce":null,"#, 1);
    let token = TestKey::p256().sign_bytes(JwsAlgorithm::Es256, &header(&json!("JWT")), null_nonce.as_bytes());
    assert_eq!(judge(&form_of(&token), NOW), Err("logout_token.nonce_present"));
}

#[test]
fn a_token_says_that_it_is_a_logout_token_or_nothing() {
    for typ in [json!("logout+jwt"), json!("application/logout+JWT"), json!("JWT"), json!(null)] {
        assert!(judge(&form_of(&signed(&header(&typ), &claims())), NOW).is_ok(), "{typ}");
    }
    for typ in ["at+jwt", "dpop+jwt", "secevent+jwt", "logout", ""] {
        let token = signed(&header(&json!(typ)), &claims());
        assert_eq!(judge(&form_of(&token), NOW), Err("logout_token.wrong_type"), "{typ}");
    }
}

#[test]
fn key_algorithm_and_signature_must_be_right() {
    for (header, reason) in [
        (json!({"alg": "none"}), "logout_token.algorithm_unsupported"),
        (json!({"alg": "HS256", "kid": "ec"}), "logout_token.algorithm_unsupported"),
        (json!({"alg": "ES256", "kid": "ec", "crit": ["exp"]}), "logout_token.critical_extension"),
        (json!({"alg": "RS512", "kid": "rsa"}), "logout_token.algorithm_not_allowed"),
        (json!({"alg": "ES256", "kid": "ec1"}), "logout_token.key_unknown"),
        (json!({"alg": "RS256", "kid": "ec"}), "logout_token.key_unfit"),
        (json!({"alg": "RS256", "kid": "rsa"}), "logout_token.signature_invalid"),
    ] {
        assert_eq!(judge(&form_of(&signed(&header, &claims())), NOW), Err(reason), "{header}");
    }
    let token = signed(&header(&json!("logout+jwt")), &claims());
    let (signed_part, _) = token.rsplit_once('.').unwrap();
    assert_eq!(judge(&form_of(signed_part), NOW), Err("logout_token.malformed"));
    assert_eq!(judge(&form_of(&format!("{signed_part}.")), NOW), Err("logout_token.signature_invalid"));
    let unknown = signed(&json!({"alg": "ES256", "kid": "new"}), &claims());
    let unknown = UnverifiedLogoutToken::in_form(form_of(&unknown).as_bytes()).unwrap();
    let expected = ExpectedLogoutToken {
        issuer: &Issuer::exact(ISSUER.to_owned()),
        client_id: "portal",
        algorithms: &JwsAlgorithm::ALL,
        clock_skew: Duration::ZERO,
    };
    let mut memory = OwnData::default();
    let refused = unknown
        .verify(&expected, &jwk_set(&[TestKey::rsa().jwk()]), &Software, &mut memory, UnixTime::from_secs(NOW))
        .map(drop)
        .unwrap_err();
    assert!(refused.token.is_some(), "newer keys may help");
}

#[test]
fn a_form_has_exactly_one_token() {
    let token = signed(&header(&json!("logout+jwt")), &claims());
    let once = form_of(&token);
    for (form, outcome) in [
        (format!("unknown=1&{once}&unknown=2"), None),
        (String::new(), Some("logout_token.missing")),
        (format!("Logout_token={token}"), Some("logout_token.missing")),
        (format!("{once}&{once}"), Some("logout_token.repeated")),
        (format!("logout_token=&{once}"), Some("logout_token.repeated")),
        ("logout_token=".to_owned(), Some("logout_token.malformed")),
        (format!("logout_token={}", "a".repeat(70_000)), Some("logout_token.malformed")),
    ] {
        assert_eq!(judge(&form, NOW).err(), outcome);
    }
}

#[test]
fn a_token_is_accepted_once_for_as_long_as_it_could_be_accepted() {
    let mut memory = OwnData::default();
    let long_lived = with(claims(), &json!({"exp": NOW + 86_400}));
    let token = form_of(&signed(&header(&json!("logout+jwt")), &long_lived));
    assert!(judge_in(&mut memory, &token, NOW - 60).is_ok());
    for now in [NOW - 60, NOW, NOW + 1800, NOW + 3660] {
        assert_eq!(judge_in(&mut memory, &token, now), Err("logout_token.replayed"), "{now}");
    }
    assert_eq!(judge_in(&mut memory, &token, NOW + 3661), Err("logout_token.expired"));
    let another = form_of(&signed(&header(&json!("logout+jwt")), &with(claims(), &json!({"jti": "another"}))));
    assert!(judge_in(&mut memory, &another, NOW).is_ok());
}

#[test]
fn one_that_is_refused_is_not_remembered_and_what_cannot_be_remembered_is_refused() {
    let mut memory = OwnData::default();
    let late = form_of(&signed(&header(&json!("logout+jwt")), &claims()));
    assert_eq!(judge_in(&mut memory, &late, NOW + 180), Err("logout_token.expired"));
    assert!(judge_in(&mut memory, &late, NOW).is_ok());

    struct Contended;
    impl SharedData for Contended {
        fn read(&mut self, _: &str) -> Result<Option<crate::shared::Entry>, SharedDataError> {
            Ok(None)
        }
        fn write(&mut self, _: &str, _: &[u8], _: crate::shared::Expected) -> Result<(), SharedDataError> {
            Err(SharedDataError::Conflict)
        }
    }
    assert_eq!(judge_in(&mut Contended, &late, NOW), Err("logout_token.memory_contended"));
    assert!(LogoutTokenError::MemoryContended.is_ours() && !LogoutTokenError::Replayed.is_ours());
    assert_eq!(LogoutTokenError::of_jws(JwsError::TooLarge).code(), "logout_token.malformed");
}

proptest! {
    #[test]
    fn arbitrary_forms_are_refused_without_panic(form in prop::collection::vec(any::<u8>(), 0..200), text in ".{0,80}") {
        prop_assert!(judge(&String::from_utf8_lossy(&form), NOW).is_err());
        let with_text = form_of(&text);
        prop_assert!(judge(&with_text, NOW).is_err());
    }
}
