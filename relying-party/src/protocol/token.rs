//! The token request of the code flow (OIDC Core 1.0 §3.1.3, RFC 6749 §4.1.3, §5).

use std::time::Duration;

use form_urlencoded::Serializer;
use serde_json::{Map, Value};

use super::MAX_RESPONSE;
use super::client_authentication::{ClientAuthenticationError, Means, authenticated_post};
use super::endpoint::is_unavailable;
use super::id_token::UnverifiedIdToken;
use super::registration::Registration;
use crate::http::CalloutRequest;
use crate::jose::json::{self, JsonError};
use crate::reason::Reason;
use crate::secret::Secret;

/// A longer lifetime of an access token means nothing; it is cut to this.
const MAX_LIFETIME: f64 = 10.0 * 365.0 * 86_400.0;

/// §3.1.3.1: exchanges `code`. `redirect_uri` and `code_verifier` are those of the authorization request.
pub fn token_request(
    registration: Registration<'_>,
    code: &Secret<String>,
    redirect_uri: &str,
    code_verifier: &str,
    means: &mut Means<'_>,
) -> Result<CalloutRequest, ClientAuthenticationError> {
    let mut form = Serializer::new(String::new());
    form.append_pair("grant_type", "authorization_code")
        .append_pair("code", code.expose())
        .append_pair("redirect_uri", redirect_uri)
        .append_pair("code_verifier", code_verifier)
        .extend_pairs(registration.client.resource.iter().map(|resource| ("resource", resource)));
    authenticated_post("token", registration, &registration.endpoints.token, form, means)
}

/// A token endpoint's answer (OIDC Core §3.1.3.3). The ID token is still to be verified.
#[derive(Debug)]
pub struct TokenResponse {
    /// `access_token`
    pub access_token: Secret<String>,
    /// `id_token`
    pub id_token: UnverifiedIdToken,
    /// `refresh_token`
    pub refresh_token: Option<Secret<String>>,
    /// `expires_in`: how long the access token lives, if the provider says so.
    pub expires_in: Option<Duration>,
    /// `scope`, when it is said.
    pub scope: Option<String>,
}

/// §3.1.3.3 to §3.1.3.5.
pub fn process_token_response(status: u16, body: &[u8]) -> Result<TokenResponse, TokenError> {
    let TokenAnswer { access_token, id_token, refresh_token, expires_in, scope } = issued(status, body)?;
    let id_token = id_token.ok_or(TokenError::MissingIdToken)?;
    Ok(TokenResponse { access_token, id_token, refresh_token, expires_in, scope })
}

/// What a token endpoint gives to whoever has something that stands for an authorization (RFC 6749 §5.1).
#[derive(Debug)]
pub struct TokenAnswer {
    /// `access_token`
    pub access_token: Secret<String>,
    /// `id_token`
    pub id_token: Option<UnverifiedIdToken>,
    /// `refresh_token`
    pub refresh_token: Option<Secret<String>>,
    /// `expires_in`: how long the access token lives, if the provider says so.
    pub expires_in: Option<Duration>,
    /// `scope`, when it is said.
    pub scope: Option<String>,
}

/// Reads the answer; errors as RFC 6749 §5.2 has them.
pub(super) fn issued(status: u16, body: &[u8]) -> Result<TokenAnswer, TokenError> {
    let answer = json::parse_object(body, MAX_RESPONSE);
    if status != 200 {
        return Err(refusal(status, answer.as_ref().ok()));
    }
    let answer = answer.map_err(TokenError::Malformed)?;
    // Some providers refuse with 200.
    if answer.contains_key("error") && !answer.contains_key("access_token") {
        return Err(refusal(status, Some(&answer)));
    }
    let access_token = string(&answer, "access_token")?.ok_or(TokenError::MissingAccessToken)?;
    let token_type = string(&answer, "token_type")?.ok_or(TokenError::TokenTypeNotBearer)?;
    if !token_type.eq_ignore_ascii_case("bearer") {
        return Err(TokenError::TokenTypeNotBearer);
    }
    Ok(TokenAnswer {
        access_token: Secret::new(access_token.to_owned()),
        id_token: string(&answer, "id_token")?.map(|token| UnverifiedIdToken::new(token.to_owned())),
        refresh_token: string(&answer, "refresh_token")?.map(|token| Secret::new(token.to_owned())),
        expires_in: expires_in(&answer)?,
        scope: string(&answer, "scope")?.map(str::to_owned),
    })
}

/// A string member; null and the empty string count as absent.
fn string<'a>(answer: &'a Map<String, Value>, name: &'static str) -> Result<Option<&'a str>, TokenError> {
    match answer.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(value)) => Ok(Some(value.as_str()).filter(|value| !value.is_empty())),
        Some(_) => Err(TokenError::MemberMalformed { member: name }),
    }
}

/// Seconds, as a number or, as some providers write it, a string of digits.
pub(super) fn expires_in(answer: &Map<String, Value>) -> Result<Option<Duration>, TokenError> {
    let seconds = match answer.get("expires_in") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse::<f64>().ok(),
        Some(_) => None,
    };
    seconds
        .filter(|seconds| *seconds >= 0.0)
        .and_then(|seconds| Duration::try_from_secs_f64(seconds.min(MAX_LIFETIME)).ok())
        .map(Some)
        .ok_or(TokenError::MemberMalformed { member: "expires_in" })
}

/// RFC 6749 §5.2. Bodies may be empty, HTML, or JSON of another kind: then the status speaks.
fn refusal(status: u16, answer: Option<&Map<String, Value>>) -> TokenError {
    match answer.and_then(|answer| answer.get("error")).and_then(Value::as_str) {
        Some("invalid_grant") => TokenError::InvalidGrant,
        Some("invalid_client") => TokenError::InvalidClient,
        Some("invalid_request") => TokenError::InvalidRequest,
        Some("unauthorized_client") => TokenError::UnauthorizedClient,
        Some("unsupported_grant_type") => TokenError::UnsupportedGrantType,
        Some("invalid_scope") => TokenError::InvalidScope,
        Some("invalid_target") => TokenError::InvalidTarget,
        Some("server_error" | "temporarily_unavailable") => TokenError::Unavailable { status },
        _ if is_unavailable(status) => TokenError::Unavailable { status },
        _ if status == 401 => TokenError::InvalidClient,
        _ => TokenError::Refused { status },
    }
}

/// Why there are no tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The code is used, expired, or another's: the browser's fault, who came late or twice.
    #[error("the authorization code is no longer valid")]
    InvalidGrant,
    /// The client's authentication was refused: the configuration's fault.
    #[error("the provider refused the client's authentication")]
    InvalidClient,
    /// The request was refused as malformed.
    #[error("the provider refused the token request as invalid")]
    InvalidRequest,
    /// The client may not use the code flow: the registration's fault.
    #[error("the client is not authorized for the code flow")]
    UnauthorizedClient,
    /// The provider does not know the code flow.
    #[error("the provider does not support the authorization code grant")]
    UnsupportedGrantType,
    /// The scope was refused.
    #[error("the provider refused the scope")]
    InvalidScope,
    /// The `resource` was refused (RFC 8707 §2).
    #[error("the provider refused the resource")]
    InvalidTarget,
    /// Refused for another reason, or for none.
    #[error("the provider refused the token request")]
    Refused {
        /// The HTTP status code.
        status: u16,
    },
    /// Not now: 408, 429, 5xx, or the provider says so.
    #[error("the token endpoint is unavailable")]
    Unavailable {
        /// The HTTP status code.
        status: u16,
    },
    /// No acceptable JSON object.
    #[error("the token response is malformed")]
    Malformed(#[source] JsonError),
    /// A member has the wrong type.
    #[error("the token response's {member} is malformed")]
    MemberMalformed {
        /// Which one.
        member: &'static str,
    },
    /// No `access_token`.
    #[error("the token response has no access token")]
    MissingAccessToken,
    /// No `id_token`.
    #[error("the token response has no ID token")]
    MissingIdToken,
    /// `token_type` is missing or not `Bearer`.
    #[error("the access token is not a bearer token")]
    TokenTypeNotBearer,
}

impl Reason for TokenError {
    fn code(&self) -> &'static str {
        match self {
            Self::InvalidGrant => "token.invalid_grant",
            Self::InvalidClient => "token.invalid_client",
            Self::InvalidRequest => "token.invalid_request",
            Self::UnauthorizedClient => "token.unauthorized_client",
            Self::UnsupportedGrantType => "token.unsupported_grant_type",
            Self::InvalidScope => "token.invalid_scope",
            Self::InvalidTarget => "token.invalid_target",
            Self::Refused { .. } => "token.refused",
            Self::Unavailable { .. } => "token.unavailable",
            Self::Malformed(_) => "token.malformed",
            Self::MemberMalformed { .. } => "token.member_malformed",
            Self::MissingAccessToken => "token.access_token_missing",
            Self::MissingIdToken => "token.id_token_missing",
            Self::TokenTypeNotBearer => "token.token_type_not_bearer",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::config::{Client, ClientAuthentication, Provider};
    use crate::jose::NoHostSigner;
    use crate::jose::test_key::with;
    use crate::protocol::test_provider::{client, metadata, provider};
    use crate::session::testing::TestEntropy;
    use crate::time::UnixTime;

    fn request(authentication: ClientAuthentication, client_id: &str) -> (Option<String>, String) {
        let provider = Provider {
            client: Some(Client { client_id: client_id.to_owned(), authentication, ..client() }),
            ..provider()
        };
        let code = Secret::new("c&1".to_owned());
        let mut entropy = TestEntropy::default();
        let mut means = Means { now: UnixTime::from_secs(1_700_000_000), entropy: &mut entropy, signer: &NoHostSigner };
        let metadata = metadata();
        let registration = Registration::of(&provider, &metadata).unwrap();
        let request =
            token_request(registration, &code, "https://portal.example.org/cb", "verifier", &mut means).unwrap();
        assert_eq!((request.method, request.path.as_str()), ("POST", "/token"));
        assert!(
            request
                .headers
                .iter()
                .any(|(name, value)| name == "content-type" && value == "application/x-www-form-urlencoded")
        );
        let authorization = request.headers.iter().find(|(name, _)| name == "authorization");
        (authorization.map(|(_, value)| value.clone()), String::from_utf8(request.body).unwrap())
    }

    const FORM: &str = "grant_type=authorization_code&code=c%261&redirect_uri=https%3A%2F%2Fportal.example.org%2Fcb&code_verifier=verifier";

    #[test]
    fn each_client_proves_itself_its_own_way() {
        let secret = || Secret::new("p:ä s+w".to_owned());
        let (authorization, form) = request(ClientAuthentication::SecretBasic(secret()), "a:b");
        // "a%3Ab:p%3A%C3%A4%20s%2Bw"
        assert_eq!(authorization.as_deref(), Some("Basic YSUzQWI6cCUzQSVDMyVBNCUyMHMlMkJ3"));
        assert_eq!(form, FORM);
        let (authorization, form) = request(ClientAuthentication::SecretPost(secret()), "a:b");
        assert_eq!((authorization, form), (None, format!("{FORM}&client_id=a%3Ab&client_secret=p%3A%C3%A4+s%2Bw")));
        let (authorization, form) = request(ClientAuthentication::None, "portal");
        assert_eq!((authorization, form), (None, format!("{FORM}&client_id=portal")));
    }

    fn answer(changes: &Value) -> Result<TokenResponse, TokenError> {
        let usual = json!({"access_token": "at", "token_type": "Bearer", "id_token": "a.b.c"});
        process_token_response(200, with(usual, changes).to_string().as_bytes())
    }

    #[test]
    fn an_answer_is_read_and_prints_no_token() {
        let response =
            answer(&json!({"token_type": "bEARER", "refresh_token": "rt", "expires_in": 300, "scope": "openid"}))
                .unwrap();
        assert_eq!(response.access_token.expose(), "at");
        assert_eq!(response.refresh_token.as_ref().unwrap().expose(), "rt");
        assert_eq!((response.expires_in, response.scope.as_deref()), (Some(Duration::from_secs(300)), Some("openid")));
        let printed = format!("{response:?}");
        assert!(!printed.contains("\"at\"") && !printed.contains("\"rt\"") && !printed.contains("a.b.c"), "{printed}");
    }

    #[test]
    fn a_lifetime_may_be_written_in_several_ways() {
        let lifetime = |value: Value| answer(&json!({"expires_in": value})).map(|response| response.expires_in);
        assert_eq!(lifetime(json!(null)), Ok(None));
        assert_eq!(lifetime(json!("3600")), Ok(Some(Duration::from_secs(3600))));
        assert_eq!(lifetime(json!(59.5)), Ok(Some(Duration::from_millis(59_500))));
        assert_eq!(lifetime(json!(1e300)), Ok(Some(Duration::from_secs_f64(MAX_LIFETIME))));
        for malformed in [json!(-1), json!("-1"), json!("1e3"), json!(""), json!("soon"), json!([]), json!(true)] {
            assert_eq!(lifetime(malformed), Err(TokenError::MemberMalformed { member: "expires_in" }));
        }
    }

    #[test]
    fn an_incomplete_answer_is_refused() {
        let refusal = |changes: Value| answer(&changes).unwrap_err();
        assert_eq!(refusal(json!({"access_token": null})), TokenError::MissingAccessToken);
        assert_eq!(refusal(json!({"access_token": ""})), TokenError::MissingAccessToken);
        assert_eq!(refusal(json!({"access_token": 1})), TokenError::MemberMalformed { member: "access_token" });
        assert_eq!(refusal(json!({"id_token": null})), TokenError::MissingIdToken);
        assert_eq!(refusal(json!({"id_token": {}})), TokenError::MemberMalformed { member: "id_token" });
        assert_eq!(refusal(json!({"token_type": null})), TokenError::TokenTypeNotBearer);
        assert_eq!(refusal(json!({"token_type": "DPoP"})), TokenError::TokenTypeNotBearer);
        assert_eq!(refusal(json!({"access_token": null, "error": "invalid_grant"})), TokenError::InvalidGrant);
        assert_eq!(process_token_response(200, b"").unwrap_err(), TokenError::Malformed(JsonError::Malformed));
        assert_eq!(process_token_response(200, b"<html>").unwrap_err(), TokenError::Malformed(JsonError::Malformed));
    }

    #[test]
    fn a_refusal_says_whose_fault_it_is() {
        for (status, body, refused) in [
            (400, r#"{"error":"invalid_grant","error_description":"<script>"}"#, TokenError::InvalidGrant),
            (401, r#"{"error":"invalid_client"}"#, TokenError::InvalidClient),
            (400, r#"{"error":"unauthorized_client"}"#, TokenError::UnauthorizedClient),
            (400, r#"{"error":"unsupported_grant_type"}"#, TokenError::UnsupportedGrantType),
            (400, r#"{"error":"invalid_scope"}"#, TokenError::InvalidScope),
            (400, r#"{"error":"invalid_request"}"#, TokenError::InvalidRequest),
            (400, r#"{"error":"slow_down"}"#, TokenError::Refused { status: 400 }),
            (400, r#"{"error":{}}"#, TokenError::Refused { status: 400 }),
            (400, "", TokenError::Refused { status: 400 }),
            (403, "", TokenError::Refused { status: 403 }),
            (401, "<html>", TokenError::InvalidClient),
            (302, "", TokenError::Refused { status: 302 }),
            (500, r#"{"error":"server_error"}"#, TokenError::Unavailable { status: 500 }),
            (502, "<html>", TokenError::Unavailable { status: 502 }),
            (429, "", TokenError::Unavailable { status: 429 }),
        ] {
            assert_eq!(process_token_response(status, body.as_bytes()).unwrap_err(), refused, "{status} {body}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_answers_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), status: u16, number: f64) {
            let _ = process_token_response(status, &bytes);
            let _ = answer(&json!({"expires_in": number}));
        }
    }
}
