//! Every step, refused; and what real issuers send, accepted.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::*;
use crate::config::{Config, Provider};
use crate::jose::Software;
use crate::jose::test_key::{TestKey, jwk_set, with};
use crate::protocol::test_provider::ISSUER;
use crate::reason::Reason as _;

mod issuers;

const NOW: u64 = 1_800_000_000;
const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";

fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "alice", "aud": "https://api.example.org", "client_id": "cli", "jti": "j1",
        "iat": NOW, "exp": NOW + 300, "scope": "orders.read orders.write",
    })
}

/// An issuer as a document configures it.
fn issuer(settings: Value) -> Issuer {
    let provider = with(json!({"name": "a", "cluster": "a", "audience": ["a"]}), &settings);
    let document = json!({"providers": [provider]}).to_string();
    let config = Config::parse(document.as_bytes(), &|_| None).unwrap();
    let provider: &Provider = &config.providers[0];
    provider.issuer.clone()
}

/// What becomes of tokens of one issuer.
struct Judge {
    issuer: Issuer,
    must_be_typed: bool,
    keys: JwkSet,
}

impl Judge {
    fn of(issuer: Issuer) -> Self {
        Self { issuer, must_be_typed: false, keys: jwk_set(&[TestKey::rsa().jwk(), TestKey::p256().jwk()]) }
    }

    fn usual() -> Self {
        Self::of(Issuer::exact(ISSUER.to_owned()))
    }

    fn text(&self, token: &str) -> Result<VerifiedAccessToken, AccessTokenError> {
        let expected = ExpectedAccessToken {
            issuer: &self.issuer,
            client_ids: &["portal", "other-client"],
            must_be_typed: self.must_be_typed,
            algorithms: &[JwsAlgorithm::Rs256, JwsAlgorithm::Es256],
            clock_skew: Duration::from_secs(60),
        };
        let token = UnverifiedAccessToken::parse(token)?;
        token
            .verify(&expected, &self.keys, &Software, UnixTime::from_secs(NOW))
            .map_err(|NotVerified { error, .. }| error)
    }

    fn signed(&self, typ: &Value, claims: &Value) -> Result<VerifiedAccessToken, AccessTokenError> {
        let header = with(json!({"alg": "ES256", "kid": "ec"}), &json!({"typ": typ}));
        self.text(&TestKey::p256().sign_bytes(JwsAlgorithm::Es256, &header, claims.to_string().as_bytes()))
    }

    fn untyped(&self, claims: &Value) -> Result<VerifiedAccessToken, AccessTokenError> {
        self.signed(&json!("JWT"), claims)
    }

    #[track_caller]
    fn refuses(&self, typ: &Value, claims: &Value, code: &str) {
        let outcome = self.signed(typ, claims).map(|_| "accepted").map_err(|error| error.code());
        assert_eq!(outcome, Err(code), "{typ} {claims}");
    }
}

/// The code with which the usual token, changed, is refused.
fn code(changes: &Value) -> &'static str {
    match Judge::usual().untyped(&with(claims(), changes)) {
        Ok(_) => "accepted",
        Err(error) => error.code(),
    }
}

#[test]
fn a_good_token_gives_what_rules_and_headers_use() {
    let extra = json!({"auth_time": NOW - 9, "acr": "mfa", "aud": ["https://api.example.org", "b"]});
    let token = Judge::usual().signed(&json!("at+jwt"), &with(claims(), &extra)).unwrap();
    assert_eq!(token.scopes, ["orders.read", "orders.write"]);
    assert_eq!(token.audience.named(), ["https://api.example.org", "b"]);
    assert_eq!((token.expires_at, token.acr()), (UnixTime::from_secs(NOW + 300), Some("mfa")));
    assert_eq!(token.auth_time, Some(UnixTime::from_secs(NOW - 9)));
    assert_eq!(token.good_until(Duration::from_secs(60)), UnixTime::from_secs(NOW + 360));
    assert_eq!(token.confirmation, Confirmation::default());
    assert_eq!(token.claims["sub"], "alice");
    assert_eq!(format!("{token:?}"), "VerifiedAccessToken { .. }");
}

#[test]
fn the_issuer_is_compared_exactly() {
    assert_eq!(code(&json!({"iss": null})), "access_token.issuer_missing");
    for iss in [
        json!("https://login.example.org/"),
        json!("https://login.example.org1"),
        json!("https://login.example.or"),
        json!("HTTPS://login.example.org"),
        json!(" https://login.example.org"),
        json!(""),
    ] {
        assert_eq!(code(&json!({"iss": iss})), "access_token.issuer_mismatch", "{iss}");
    }
    for iss in [json!([ISSUER]), json!({"a": ISSUER}), json!(1), json!(true)] {
        assert_eq!(code(&json!({"iss": iss})), "access_token.issuer_missing", "{iss}");
    }
    let named = json!({"iss": null, "sub": "spiffe://login.example.org/a"});
    assert_eq!(code(&named), "access_token.issuer_missing", "an issuer is not a trust domain");
}

#[test]
fn times_are_checked_with_the_clock_skew() {
    for (changes, refused) in [
        (json!({"exp": null}), "expiry_missing"),
        (json!({"exp": NOW - 60}), "expired"),
        (json!({"exp": 0}), "expired"),
        (json!({"exp": "1900000000"}), "expiry_malformed"),
        (json!({"exp": [NOW + 300]}), "expiry_malformed"),
        (json!({"exp": true}), "expiry_malformed"),
        (json!({"exp": 1e300}), "expiry_malformed"),
        (json!({"exp": u64::MAX}), "expiry_malformed"),
        (json!({"exp": -1}), "expiry_malformed"),
        (json!({"nbf": NOW + 61}), "not_yet_valid"),
        (json!({"nbf": "now"}), "not_before_malformed"),
        (json!({"nbf": -1e300}), "not_before_malformed"),
        (json!({"iat": NOW + 61}), "issued_in_the_future"),
        (json!({"iat": {}}), "issued_at_malformed"),
        (json!({"auth_time": "yesterday"}), "auth_time_malformed"),
    ] {
        assert_eq!(code(&changes), format!("access_token.{refused}"), "{changes}");
    }
    for changes in [
        json!({"exp": NOW - 59}),
        json!({"exp": 1_800_000_000.5}),
        json!({"iat": null}),
        json!({"iat": NOW + 60, "nbf": NOW + 60}),
        json!({"iat": 0}),
    ] {
        assert_eq!(code(&changes), "accepted", "{changes}");
    }
}

#[test]
fn audience_and_scopes_are_texts_or_lists_of_texts() {
    for aud in [json!(1), json!({"a": 1}), json!(["a", 1]), json!([["a"]]), json!(true)] {
        assert_eq!(code(&json!({"aud": aud})), "access_token.audience_malformed", "{aud}");
    }
    for (aud, expected) in [(json!(null), &[] as &[&str]), (json!([]), &[]), (json!(["a", "b"]), &["a", "b"])] {
        assert_eq!(Judge::usual().untyped(&with(claims(), &json!({"aud": aud}))).unwrap().audience.named(), expected);
    }
    for scope in [json!(1), json!({"a": 1}), json!(["a", 1]), json!(false)] {
        assert_eq!(code(&json!({"scope": scope})), "access_token.scope_malformed", "{scope}");
        assert_eq!(code(&json!({"scope": null, "scp": scope})), "access_token.scope_malformed", "{scope}");
    }
    for (changes, expected) in [
        (json!({"scope": null}), &[] as &[&str]),
        (json!({"scope": ""}), &[]),
        (json!({"scope": " a  b\t"}), &["a", "b"]),
        (json!({"scope": ["a", "b c"]}), &["a", "b c"]),
        (json!({"scope": null, "scp": "a b"}), &["a", "b"]),
        (json!({"scope": null, "scp": ["a"]}), &["a"]),
        (json!({"scope": "a", "scp": "b"}), &["a"]),
    ] {
        assert_eq!(Judge::usual().untyped(&with(claims(), &changes)).unwrap().scopes, expected, "{changes}");
    }
}

#[test]
fn a_binding_that_cannot_be_checked_is_refused() {
    for (cnf, refused) in [
        (json!("x"), "malformed"),
        (json!([]), "malformed"),
        (json!({}), "unsupported"),
        (json!({"kid": "a"}), "unsupported"),
        (json!({"jwk": {"kty": "EC"}}), "unsupported"),
        (json!({"jkt": "short"}), "malformed"),
        (json!({"jkt": 7}), "unsupported"),
        (json!({"x5t#S256": "A".repeat(44)}), "malformed"),
        (json!({"jkt": "A".repeat(43), "x-new": "y"}), "unsupported"),
    ] {
        assert_eq!(code(&json!({"cnf": cnf})), format!("access_token.confirmation_{refused}"), "{cnf}");
    }
    let bound = Judge::usual().untyped(&with(claims(), &json!({"cnf": {"jkt": "A".repeat(43)}}))).unwrap();
    assert!(bound.confirmation.key.is_some() && bound.confirmation.certificate.is_none());
    for (cnf, is_bound) in [(json!({"jkt": "A".repeat(43)}), true), (json!("x"), true), (json!(null), false)] {
        let text = TestKey::p256().sign(JwsAlgorithm::Es256, &with(claims(), &json!({"cnf": cnf})));
        let token = UnverifiedAccessToken::parse(&text).unwrap();
        assert_eq!(token.claims_to_be_bound(), is_bound, "only then the connection matters: {cnf}");
    }
}

#[test]
fn the_type_says_what_kind_of_token_it_is() {
    let any = Judge::usual();
    let typed = Judge { must_be_typed: true, ..Judge::usual() };
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/at+JWT"] {
        for judge in [&any, &typed] {
            assert!(judge.signed(&json!(typ), &claims()).is_ok(), "{typ}");
        }
    }
    for typ in [json!(null), json!("JWT"), json!("jwt"), json!("application/jwt")] {
        assert!(any.signed(&typ, &claims()).is_ok(), "{typ}");
        typed.refuses(&typ, &claims(), "access_token.not_typed");
    }
    // Class 12: tokens that mean something else.
    for typ in [
        "logout+jwt",
        "application/logout+jwt",
        "dpop+jwt",
        "secevent+jwt",
        "token-introspection+jwt",
        "oauth-authz-req+jwt",
        "client-authentication+jwt",
        "id_token",
        "at+jwtx",
        "at+ jwt",
        "x/at+jwt",
        "application/application/at+jwt",
        "JOSE",
        "",
    ] {
        for judge in [&any, &typed] {
            judge.refuses(&json!(typ), &claims(), "access_token.wrong_type");
        }
    }
}

#[test]
fn an_id_token_is_no_access_token() {
    let id_token = json!({"iss": ISSUER, "sub": "alice", "aud": "portal", "iat": NOW, "exp": NOW + 300});
    let with_scope = with(id_token.clone(), &json!({"aud": "https://api.example.org", "scope": "openid"}));
    for changes in [
        json!({}),
        json!({"nonce": "n"}),
        json!({"at_hash": "77QmUPtjPfzWtF2AnpK9RQ"}),
        json!({"c_hash": "77QmUPtjPfzWtF2AnpK9RQ"}),
        json!({"s_hash": "77QmUPtjPfzWtF2AnpK9RQ"}),
        json!({"aud": ["portal"], "azp": "portal"}),
        json!({"aud": ["https://api.example.org", "other-client"], "azp": "portal"}),
        json!({"typ": "ID"}),
        json!({"typ": "id", "azp": "portal", "session_state": "s", "email_verified": true}),
    ] {
        for typ in [json!(null), json!("JWT")] {
            Judge::usual().refuses(&typ, &with(id_token.clone(), &changes), "access_token.id_token");
        }
    }
    for changes in
        [json!({"nonce": "n"}), json!({"at_hash": "x"}), json!({"typ": "ID"}), json!({"nonce": null, "c_hash": 1})]
    {
        let claims = with_scope.clone();
        let claims = with(claims, &changes);
        let refused = Judge::usual().untyped(&claims).map(|_| ()).map_err(|error| error.code());
        assert_eq!(refused, Err("access_token.id_token"), "whatever its scope: {claims}");
    }
    // Keycloak's other tokens.
    for typ in [json!("Refresh"), json!("Offline"), json!("Logout"), json!(1), json!({})] {
        Judge::usual().refuses(&json!("JWT"), &with(claims(), &json!({"typ": typ})), "access_token.wrong_type");
    }
}

#[test]
fn a_signature_is_needed_before_any_claim_counts() {
    let judge = Judge::usual();
    let refusal = |token: &str| judge.text(token).map(|_| ()).map_err(|error| error.code());
    let signed = |key: TestKey, algorithm, header: Value, payload: &[u8]| {
        refusal(&key.sign_bytes(algorithm, &header, payload)).unwrap_err()
    };
    let good = claims().to_string();
    let es256 = |header: Value| signed(TestKey::p256(), JwsAlgorithm::Es256, header, good.as_bytes());
    for (header, code) in [
        (json!({"alg": "none"}), "jws.algorithm_unsupported"),
        (json!({"alg": "nOnE"}), "jws.algorithm_unsupported"),
        (json!({"alg": "HS256", "kid": "ec"}), "jws.algorithm_unsupported"),
        (json!({"alg": "ES256", "kid": "ec", "crit": ["b64"], "b64": false}), "jws.critical_extension"),
        (json!({"alg": "PS256", "kid": "rsa"}), "jws.algorithm_not_allowed"),
        (json!({"alg": "ES256", "kid": "rsa"}), "jws.key_unfit"),
        (json!({"alg": "ES256", "kid": "../../dev/null"}), "jws.key_unknown"),
        (json!({"alg": "ES256", "kid": 7}), "jws.header_member_malformed"),
        (json!({"alg": "RS256", "kid": "rsa"}), "jws.signature_invalid"),
    ] {
        assert_eq!(es256(header.clone()), code, "{header}");
    }
    let token = TestKey::p256().sign(JwsAlgorithm::Es256, &with(claims(), &json!({"iss": "https://evil.example"})));
    let (input, _) = token.rsplit_once('.').unwrap();
    for signature in ["", &"A".repeat(86), "MAYCAQACAQA", &"AAAA".repeat(24)] {
        let refused = refusal(&format!("{input}.{signature}")).unwrap_err();
        assert!(refused.starts_with("jws."), "by its signature, not by its claims: {refused}");
    }
    let (header, payload) = input.split_once('.').unwrap();
    let other = claims().to_string();
    let swapped = format!("{header}.{}.{}", URL_SAFE_NO_PAD.encode(&other), token.rsplit_once('.').unwrap().1);
    assert_eq!(refusal(&swapped), Err("jws.signature_invalid"));
    for text in [payload, "a.b", "a.b.c.d.e", "", "..", "e30.e30."] {
        assert!(refusal(text).is_err(), "{text}");
    }
    let duplicate = br#"{"iss":"https://login.example.org","iss":"https://evil.example"}"#;
    let header = json!({"alg": "ES256", "kid": "ec"});
    let refused = signed(TestKey::p256(), JwsAlgorithm::Es256, header.clone(), duplicate);
    assert!(refused.starts_with("jws.") || refused.starts_with("json."), "{refused}");
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    for payload in [deep.as_str(), "[]", "1", "{}x", "\u{feff}{}", r#"{"a":"\ud800"}"#, r#"{"exp":1e999}"#] {
        signed(TestKey::p256(), JwsAlgorithm::Es256, header.clone(), payload.as_bytes());
    }
}

#[test]
fn a_token_whose_key_is_unknown_may_be_tried_again_and_no_other() {
    let expected_keys = jwk_set(&[TestKey::rsa().jwk()]);
    let issuer = Issuer::exact(ISSUER.to_owned());
    let expected = ExpectedAccessToken {
        issuer: &issuer,
        client_ids: &[],
        must_be_typed: false,
        algorithms: &JwsAlgorithm::ALL,
        clock_skew: Duration::ZERO,
    };
    let verify = |token: UnverifiedAccessToken, keys: &JwkSet| {
        token.verify(&expected, keys, &Software, UnixTime::from_secs(NOW))
    };
    let token = TestKey::p256().sign(JwsAlgorithm::Es256, &claims());
    let Err(NotVerified { error, token: Some(token) }) =
        verify(UnverifiedAccessToken::parse(&token).unwrap(), &expected_keys)
    else {
        panic!("given back")
    };
    assert_eq!(error.code(), "jws.key_unknown");
    assert!(verify(token, &jwk_set(&[TestKey::p256().jwk()])).is_ok());
    let expired = TestKey::rsa().sign(JwsAlgorithm::Rs256, &with(claims(), &json!({"exp": 1})));
    let refused = verify(UnverifiedAccessToken::parse(&expired).unwrap(), &expected_keys);
    assert!(matches!(refused, Err(NotVerified { token: None, .. })));
}

#[test]
fn every_reason_has_its_own_code() {
    use AccessTokenError as E;
    let errors = [
        E::NotTyped,
        E::WrongType,
        E::IdToken,
        E::IssuerMissing,
        E::IssuerMismatch,
        E::TenantMismatch,
        E::AudienceMalformed,
        E::AudienceMismatch,
        E::ExpiryMissing,
        E::ExpiryMalformed,
        E::Expired,
        E::NotBeforeMalformed,
        E::NotYetValid,
        E::IssuedAtMalformed,
        E::IssuedInTheFuture,
        E::AuthTimeMalformed,
        E::ScopeMalformed,
    ];
    let codes: BTreeSet<_> = errors.iter().map(AccessTokenError::code).collect();
    assert_eq!(codes.len(), errors.len());
    assert!(codes.iter().all(|code| code.starts_with("access_token.")));
}
