//! UserInfo (OIDC Core 1.0 §5.3): what the provider says of a person besides the ID token.

use serde_json::{Map, Value};

use super::endpoint::is_unavailable;
use super::numeric_date::numeric_date;
use super::registration::Registration;
use super::{MAX_RESPONSE, ProviderFailure};
use crate::http::{CalloutOutcome, CalloutRequest};
use crate::jose::json::{self, JsonError};
use crate::jose::{JwkSet, JwsError, SignatureVerifier, UnverifiedJwt, VerifyError};
use crate::reason::Reason;
use crate::secret::Secret;
use crate::time::UnixTime;

/// What only a verified ID token can say: about itself, this login, and the session at the provider.
const OF_THE_ID_TOKEN: [&str; 15] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "nbf",
    "jti",
    "nonce",
    "azp",
    "auth_time",
    "acr",
    "amr",
    "sid",
    "at_hash",
    "c_hash",
];

/// §5.3.1: asks with `access_token`, in the header.
pub fn userinfo_request(
    Registration { provider, endpoints, .. }: Registration<'_>,
    access_token: &Secret<String>,
) -> Result<CalloutRequest, UserinfoError> {
    let endpoint = endpoints.userinfo.as_ref().ok_or(UserinfoError::MissingEndpoint)?;
    let mut request = provider.callout("userinfo", endpoint.url());
    for (name, value) in &mut request.headers {
        if name == "accept" {
            "application/json, application/jwt".clone_into(value);
        }
    }
    request.headers.push(("authorization".to_owned(), format!("Bearer {}", access_token.expose())));
    Ok(request)
}

/// An answer of the UserInfo endpoint, still to be looked at.
pub struct UserinfoAnswer {
    status: u16,
    /// Whether it says to be a JWT (§5.3.2).
    is_jwt: bool,
    body: Vec<u8>,
}

impl UserinfoAnswer {
    /// Takes what came of the request.
    pub fn of(outcome: CalloutOutcome) -> Result<Self, UserinfoError> {
        let is_jwt = matches!(&outcome, CalloutOutcome::Answered { headers, .. }
            if headers.first_str("content-type").is_some_and(is_jwt));
        let (status, body) = ProviderFailure::answer(outcome)?;
        Ok(Self { status, is_jwt, body })
    }

    /// §5.3.2 to §5.3.4: the claims of the person with the ID token's `subject`.
    pub fn claims(
        &self,
        subject: &str,
        registration: Registration<'_>,
        keys: &JwkSet,
        verifier: &dyn SignatureVerifier,
        now: UnixTime,
    ) -> Result<Map<String, Value>, UserinfoError> {
        match self.status {
            200 => {}
            status if is_unavailable(status) => return Err(UserinfoError::Unavailable { status }),
            status => return Err(UserinfoError::Refused { status }),
        }
        let claims = if self.is_jwt {
            self.verify(registration, keys, verifier, now)?
        } else {
            json::parse_object(&self.body, MAX_RESPONSE).map_err(UserinfoError::Malformed)?
        };
        match claims.get("sub") {
            Some(Value::String(of)) if of == subject => Ok(claims),
            Some(_) => Err(UserinfoError::SubjectMismatch),
            None => Err(UserinfoError::SubjectMissing),
        }
    }

    /// §5.3.2: signed by the provider. `iss` and `aud` should be there; some providers leave them out.
    fn verify(
        &self,
        Registration { provider, client, .. }: Registration<'_>,
        keys: &JwkSet,
        verifier: &dyn SignatureVerifier,
        now: UnixTime,
    ) -> Result<Map<String, Value>, UserinfoError> {
        let text = std::str::from_utf8(&self.body).map_err(|_| UserinfoError::Jwt(JwsError::NotBase64Url))?;
        let token = UnverifiedJwt::parse(text.trim_ascii()).map_err(UserinfoError::Jwt)?;
        let verified = token.verify(keys, &provider.algorithms, verifier);
        let claims = verified.map_err(|refused| UserinfoError::Signature(refused.error()))?.into_claims();
        if claims.get("iss").is_some_and(|iss| !iss.as_str().is_some_and(|iss| provider.issuer.accepts(iss))) {
            return Err(UserinfoError::IssuerMismatch);
        }
        let is_ours = match claims.get("aud") {
            None => true,
            Some(Value::Array(audiences)) => audiences.iter().any(|audience| *audience == client.client_id),
            Some(audience) => *audience == client.client_id,
        };
        if !is_ours {
            return Err(UserinfoError::AudienceMismatch);
        }
        match numeric_date(&claims, "exp") {
            Ok(exp) if exp.is_none_or(|exp| now < exp + provider.clock_skew) => Ok(claims),
            Ok(_) | Err(_) => Err(UserinfoError::Expired),
        }
    }
}

fn is_jwt(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case("application/jwt")
}

/// The claims of both, UserInfo's before the ID token's where they differ: it is newer, and asked for.
/// What an ID token says of itself and of the login stays as it is, or absent.
pub fn merge_claims(mut of_id_token: Map<String, Value>, of_userinfo: Map<String, Value>) -> Map<String, Value> {
    let taken = |(name, value): &(String, Value)| !OF_THE_ID_TOKEN.contains(&name.as_str()) && !value.is_null();
    of_id_token.extend(of_userinfo.into_iter().filter(taken));
    of_id_token
}

/// Why there are no UserInfo claims. The provider is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UserinfoError {
    /// Nobody can be asked: the configuration's fault, or the provider's.
    #[error("the metadata has no userinfo_endpoint")]
    MissingEndpoint,
    /// No answer.
    #[error(transparent)]
    Provider(#[from] ProviderFailure),
    /// Not now: 408, 429, 5xx.
    #[error("the UserInfo endpoint is unavailable")]
    Unavailable {
        /// The HTTP status code.
        status: u16,
    },
    /// The access token was refused, or something else is wrong with the request.
    #[error("the UserInfo endpoint refused")]
    Refused {
        /// The HTTP status code.
        status: u16,
    },
    /// No acceptable JSON object.
    #[error("the UserInfo answer is malformed")]
    Malformed(#[source] JsonError),
    /// No acceptable JWT.
    #[error("the UserInfo answer is no acceptable JWT")]
    Jwt(#[source] JwsError),
    /// Key, algorithm or signature.
    #[error("the UserInfo answer's signature was not verified")]
    Signature(#[source] VerifyError),
    /// `iss`
    #[error("the UserInfo answer is from another issuer")]
    IssuerMismatch,
    /// `aud`
    #[error("the UserInfo answer is for another client")]
    AudienceMismatch,
    /// `exp`
    #[error("the UserInfo answer has expired")]
    Expired,
    /// No `sub`
    #[error("the UserInfo answer has no subject")]
    SubjectMissing,
    /// `sub` is not the ID token's (§5.3.2): nothing of the answer may be used.
    #[error("the UserInfo answer is about somebody else")]
    SubjectMismatch,
}

impl UserinfoError {
    /// Whether a newer key set could change the answer.
    pub const fn newer_keys_may_help(&self) -> bool {
        matches!(self, Self::Signature(error) if error.newer_keys_may_help())
    }

    /// Whether trying again may help without anybody mending anything.
    pub const fn is_temporary(&self) -> bool {
        match self {
            Self::Provider(failure) => failure.is_temporary(),
            Self::Unavailable { .. } => true,
            _ => false,
        }
    }
}

impl Reason for UserinfoError {
    fn code(&self) -> &'static str {
        match self {
            Self::MissingEndpoint => "userinfo.endpoint_missing",
            Self::Provider(failure) => failure.code(),
            Self::Unavailable { .. } => "userinfo.unavailable",
            Self::Refused { .. } => "userinfo.refused",
            Self::Malformed(_) => "userinfo.malformed",
            Self::Jwt(_) => "userinfo.jwt_malformed",
            Self::Signature(_) => "userinfo.signature_invalid",
            Self::IssuerMismatch => "userinfo.issuer_mismatch",
            Self::AudienceMismatch => "userinfo.audience_mismatch",
            Self::Expired => "userinfo.expired",
            Self::SubjectMissing => "userinfo.subject_missing",
            Self::SubjectMismatch => "userinfo.subject_mismatch",
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::http::Headers;
    use crate::jose::test_key::{TestKey, jwk_set, with};
    use crate::jose::{JwsAlgorithm, Software};
    use crate::protocol::test_provider::{ISSUER, client, document, provider};
    use crate::protocol::{
        Expected, ExpectedNonce, ProviderMetadata, UnverifiedIdToken, VerifiedIdToken, process_discovery_response,
    };

    const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
    const LATER: u64 = 1_800_000_300;
    const EARLIER: u64 = 1_799_999_940;

    fn metadata(userinfo_endpoint: Value) -> ProviderMetadata {
        let document = with(document(), &json!({"userinfo_endpoint": userinfo_endpoint}));
        process_discovery_response(&provider(), 200, document.to_string().as_bytes()).unwrap()
    }

    fn keys() -> JwkSet {
        jwk_set(&[TestKey::p256().jwk()])
    }

    fn id_token() -> VerifiedIdToken {
        let claims = json!({"iss": ISSUER, "sub": "alice", "aud": "portal", "nonce": "n1", "acr": "mfa",
            "email": "old@example.org", "iat": NOW.as_secs(), "exp": LATER});
        let token = TestKey::p256().sign(JwsAlgorithm::Es256, &claims);
        let provider = provider();
        let expected = Expected {
            issuer: &provider.issuer,
            client_id: &client().client_id,
            nonce: ExpectedNonce::Same("n1"),
            algorithms: &provider.algorithms,
            clock_skew: provider.clock_skew,
            access_token: &Secret::new("token".to_owned()),
        };
        UnverifiedIdToken::new(token).verify(&expected, &keys(), &Software, NOW).unwrap()
    }

    fn answered(status: u16, content_type: &str, body: &str) -> Result<Map<String, Value>, UserinfoError> {
        let headers = Headers::new(vec![("content-type".to_owned(), content_type.as_bytes().to_vec())]);
        let outcome = CalloutOutcome::Answered { status, headers, body: body.as_bytes().to_vec() };
        let metadata = metadata(json!("https://login.example.org/me"));
        let provider = provider();
        let registration = Registration::of(&provider, &metadata).unwrap();
        UserinfoAnswer::of(outcome)?.claims(id_token().subject(), registration, &keys(), &Software, NOW)
    }

    #[test]
    fn the_token_goes_into_the_header_of_a_get() {
        let metadata = metadata(json!("https://login.example.org/me?v=1"));
        let provider = provider();
        let registration = Registration::of(&provider, &metadata).unwrap();
        let request = userinfo_request(registration, &Secret::new("the-token".to_owned())).unwrap();
        assert_eq!((request.method, request.path.as_str(), request.cluster.as_str()), ("GET", "/me?v=1", "idp"));
        let header = |name| request.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        assert_eq!(header("authorization"), Some("Bearer the-token"));
        assert_eq!(header("accept"), Some("application/json, application/jwt"));
    }

    #[test]
    fn nobody_is_asked_where_there_is_no_endpoint() {
        let (metadata, provider) = (metadata(json!(null)), provider());
        let registration = Registration::of(&provider, &metadata).unwrap();
        let error = userinfo_request(registration, &Secret::new("t".to_owned())).map(|_| ()).unwrap_err();
        assert_eq!(error.code(), "userinfo.endpoint_missing");
    }

    #[test]
    fn an_answer_is_about_the_person_of_the_id_token_or_refused() {
        let json = "application/json; charset=utf-8";
        assert_eq!(answered(200, json, r#"{"sub":"alice","email":"a@b"}"#).unwrap()["email"], "a@b");
        for (status, body, refused) in [
            (200, r#"{"sub":"mallory"}"#, UserinfoError::SubjectMismatch),
            (200, r#"{"sub":"Alice"}"#, UserinfoError::SubjectMismatch),
            (200, r#"{"sub":["alice"]}"#, UserinfoError::SubjectMismatch),
            (200, r#"{"email":"a@b"}"#, UserinfoError::SubjectMissing),
            (200, r#"{"sub":"alice","sub":"alice"}"#, UserinfoError::Malformed(JsonError::DuplicateMember)),
            (200, "<html>", UserinfoError::Malformed(JsonError::Malformed)),
            (401, "", UserinfoError::Refused { status: 401 }),
            (204, "", UserinfoError::Refused { status: 204 }),
            (503, "", UserinfoError::Unavailable { status: 503 }),
        ] {
            assert_eq!(answered(status, json, body), Err(refused), "{status} {body}");
        }
        let large = format!(r#"{{"sub":"alice","x":"{}"}}"#, "x".repeat(MAX_RESPONSE));
        assert_eq!(answered(200, json, &large), Err(UserinfoError::Malformed(JsonError::TooLarge)));
        assert_eq!(
            UserinfoAnswer::of(CalloutOutcome::Failed).err(),
            Some(UserinfoError::Provider(ProviderFailure::NoAnswer))
        );
    }

    #[test]
    fn a_signed_answer_is_verified() {
        let signed = |changes: Value| {
            let claims = json!({"sub": "alice", "iss": ISSUER, "aud": "portal", "email": "a@b"});
            answered(200, "Application/JWT", &TestKey::p256().sign(JwsAlgorithm::Es256, &with(claims, &changes)))
        };
        assert_eq!(signed(json!({})).unwrap()["email"], "a@b");
        assert!(signed(json!({"iss": null, "aud": ["x", "portal"]})).is_ok());
        for (changes, refused) in [
            (json!({"iss": "https://evil.example.org"}), UserinfoError::IssuerMismatch),
            (json!({"aud": "other"}), UserinfoError::AudienceMismatch),
            (json!({"aud": ["other"]}), UserinfoError::AudienceMismatch),
            (json!({"exp": EARLIER}), UserinfoError::Expired),
            (json!({"sub": "mallory"}), UserinfoError::SubjectMismatch),
        ] {
            assert_eq!(signed(changes.clone()), Err(refused), "{changes}");
        }
        let of_another = TestKey::rsa().sign(JwsAlgorithm::Rs256, &json!({"sub": "alice"}));
        assert!(answered(200, "application/jwt", &of_another).is_err_and(|error| error.newer_keys_may_help()));
        assert!(matches!(answered(200, "application/jwt", r#"{"sub":"alice"}"#), Err(UserinfoError::Jwt(_))));
    }

    #[test]
    fn userinfo_adds_and_renews_but_never_speaks_for_the_id_token() {
        let of_userinfo = json!({"sub": "alice", "email": "new@example.org", "name": "Alice", "nickname": null,
            "acr": "forged", "auth_time": 1, "sid": "forged", "iss": "https://evil.example.org"});
        let Value::Object(of_userinfo) = of_userinfo else { panic!() };
        let merged = merge_claims(id_token().claims().clone(), of_userinfo);
        assert_eq!((&merged["email"], &merged["name"]), (&json!("new@example.org"), &json!("Alice")));
        assert_eq!((&merged["acr"], &merged["iss"]), (&json!("mfa"), &json!(ISSUER)));
        for absent in ["auth_time", "sid", "nickname"] {
            assert_eq!(merged.get(absent), None, "{absent}");
        }
    }
}
