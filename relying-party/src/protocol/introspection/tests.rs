use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::config::Issuer;
use crate::jose::test_key::with;
use crate::jose::{JwsAlgorithm, NoHostSigner};
use crate::protocol::access_token::TokenAudience;
use crate::protocol::test_provider::{ISSUER, document, provider};
use crate::session::testing::TestEntropy;

const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);

fn process(status: u16, body: &[u8]) -> Result<VerifiedAccessToken, IntrospectionError> {
    let expected = ExpectedAccessToken {
        issuer: &Issuer::exact(ISSUER.to_owned()),
        client_ids: &["portal"],
        must_be_typed: false,
        algorithms: &JwsAlgorithm::ALL,
        clock_skew: Duration::from_secs(60),
    };
    process_introspection_response(status, body, &expected, NOW)
}

fn answer(changes: &Value) -> Result<VerifiedAccessToken, IntrospectionError> {
    let usual = json!({"active": true, "sub": "ada", "scope": "a b", "client_id": "app"});
    process(200, with(usual, changes).to_string().as_bytes())
}

fn code(changes: Value) -> &'static str {
    answer(&changes).map_or_else(|error| error.code(), |_| "ok")
}

#[test]
fn the_request_is_authenticated_and_asks_for_json() {
    let metadata = |introspection: Option<&str>| {
        let document = with(document(), &json!({"introspection_endpoint": introspection}));
        crate::protocol::process_discovery_response(&provider(), 200, document.to_string().as_bytes()).unwrap()
    };
    let request = |introspection| {
        let (provider, metadata) = (provider(), metadata(introspection));
        let mut means = Means { now: NOW, entropy: &mut TestEntropy::default(), signer: &NoHostSigner };
        introspection_request(Registration::of(&provider, &metadata).unwrap(), "a+b/c=", &mut means)
    };
    let asked = request(Some("https://login.example.org/introspect")).unwrap();
    assert_eq!((asked.method, asked.path.as_str()), ("POST", "/introspect"));
    assert_eq!(String::from_utf8(asked.body).unwrap(), "token=a%2Bb%2Fc%3D&token_type_hint=access_token");
    let header = |name: &str| asked.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str());
    assert_eq!(header("accept"), Some("application/json"));
    assert!(header("authorization").is_some_and(|value| value.starts_with("Basic ")));
    assert_eq!(request(None), Err(IntrospectionError::MissingEndpoint));
}

#[test]
fn what_the_issuer_says_becomes_an_identity() {
    let exp = NOW + Duration::from_secs(30);
    let token = answer(&json!({
        "username": "ada@example.org", "exp": exp.as_secs(), "aud": "https://api.example.org", "iss": ISSUER,
        "token_type": "bEARER", "token_use": "access_token", "cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"},
    }))
    .unwrap();
    assert_eq!((token.claims["username"].as_str(), token.expires_at), (Some("ada@example.org"), exp));
    assert_eq!(token.scopes, ["a", "b"]);
    assert_eq!(token.audience, TokenAudience::Named(vec!["https://api.example.org".to_owned()]));
    assert!(token.confirmation.key.is_some());
    let bare = process(200, br#"{"active":true}"#).unwrap();
    assert_eq!((bare.audience, bare.expires_at), (TokenAudience::Asker, NOW + Duration::from_secs(60)));
}

#[test]
fn what_the_issuer_says_of_an_active_token_is_checked() {
    for (changes, expected) in [
        (json!({"active": false}), "introspection.inactive"),
        (json!({"active": false, "exp": "soon"}), "introspection.inactive"),
        (json!({"exp": NOW.as_secs() - 60}), "access_token.expired"),
        (json!({"exp": NOW.as_secs() - 59}), "ok"),
        (json!({"exp": "soon"}), "access_token.expiry_malformed"),
        (json!({"nbf": NOW.as_secs() + 61}), "access_token.not_yet_valid"),
        (json!({"nbf": []}), "access_token.not_before_malformed"),
        (json!({"iat": NOW.as_secs() + 61}), "access_token.issued_in_the_future"),
        (json!({"iss": "https://evil.example"}), "access_token.issuer_mismatch"),
        (json!({"iss": 1}), "access_token.issuer_mismatch"),
        (json!({"aud": 1}), "access_token.audience_malformed"),
        (json!({"aud": ["a", 1]}), "access_token.audience_malformed"),
        (json!({"scope": {}}), "access_token.scope_malformed"),
        (json!({"token_type": "N_A"}), "access_token.wrong_type"),
        (json!({"token_type": 1}), "access_token.wrong_type"),
        (json!({"token_type": "DPoP"}), "ok"),
        (json!({"token_use": "refresh_token"}), "access_token.wrong_type"),
        (json!({"typ": "Refresh"}), "access_token.wrong_type"),
        (json!({"typ": "ID"}), "access_token.id_token"),
        (json!({"typ": "Bearer", "nonce": "n"}), "ok"),
        (json!({"at_hash": "x"}), "access_token.id_token"),
        (json!({"cnf": {"unknown": "x"}}), "access_token.confirmation_unsupported"),
        (json!({"cnf": []}), "access_token.confirmation_malformed"),
    ] {
        assert_eq!(code(changes.clone()), expected, "{changes}");
    }
}

#[test]
fn an_answer_that_cannot_be_used_has_a_reason_of_its_own() {
    for (status, body, expected) in [
        (200, r#"{"active":"true"}"#, "introspection.active_malformed"),
        (200, r#"{"active":1}"#, "introspection.active_malformed"),
        (200, "{}", "introspection.active_malformed"),
        (200, "", "introspection.malformed"),
        (200, "<html>", "introspection.malformed"),
        (200, "{\"active\":true", "introspection.malformed"),
        (200, r#"{"active":true} {}"#, "introspection.malformed"),
        (200, "[true]", "introspection.not_an_object"),
        (200, r#"{"active":false,"active":true}"#, "introspection.duplicate_member"),
        (200, r#"{"active":true,"a":{"b":1,"b":2}}"#, "introspection.duplicate_member"),
        (401, r#"{"active":true}"#, "introspection.client_refused"),
        (403, "", "introspection.client_refused"),
        (400, r#"{"error":"invalid_request"}"#, "introspection.refused"),
        (302, "", "introspection.refused"),
        (204, "", "introspection.refused"),
        (500, r#"{"active":true}"#, "introspection.unavailable"),
        (429, "", "introspection.unavailable"),
    ] {
        let code = process(status, body.as_bytes()).map_or_else(|error| error.code(), |_| "ok");
        assert_eq!(code, expected, "{status} {body}");
    }
    let deep = format!(r#"{{"active":true,"a":{}{}}}"#, "[".repeat(100), "]".repeat(100));
    assert_eq!(process(200, deep.as_bytes()).unwrap_err().code(), "introspection.too_deep");
    let large = format!(r#"{{"active":true,"a":"{}"}}"#, "x".repeat(MAX_RESPONSE));
    assert_eq!(process(200, large.as_bytes()).unwrap_err().code(), "introspection.too_large");
}

proptest! {
    #[test]
    fn nothing_but_true_is_active(active in prop_oneof![
        Just(json!(null)), any::<i64>().prop_map(Value::from), any::<String>().prop_map(Value::from),
        Just(json!([true])), Just(json!({"active": true})), Just(json!(false)),
    ]) {
        let answer = answer(&json!({"active": active}));
        prop_assert!(answer.is_err());
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = process(200, &bytes);
    }
}
