//! Token exchange (RFC 8693): the backend gets a token that is meant for it.

use std::time::Duration;

use form_urlencoded::Serializer;
use serde_json::{Map, Value};

use super::client_authentication::{ClientAuthenticationError, Means, authenticated_post};
use super::endpoint::is_unavailable;
use super::registration::Registration;
use super::{MAX_RESPONSE, ProviderFailure};
use crate::http::CalloutRequest;
use crate::jose::json::{self, JsonError};
use crate::policy::demand::Exchange;
use crate::reason::Reason;
use crate::secret::Secret;

/// `urn:ietf:params:oauth:token-type:access_token` (§3)
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// What may be issued: an access token is asked for, and some servers call theirs by its form.
const ISSUED: [&str; 2] = [ACCESS_TOKEN, "urn:ietf:params:oauth:token-type:jwt"];
/// The longest token that is passed on, in bytes: hosts bound the headers of a request.
const MAX_TOKEN: usize = 16 * 1024;

/// §2.1: exchanges the access token `subject`.
pub fn token_exchange_request(
    registration: Registration<'_>,
    subject: &Secret<String>,
    exchange: &Exchange,
    means: &mut Means<'_>,
) -> Result<CalloutRequest, TokenExchangeError> {
    let mut form = Serializer::new(String::new());
    form.append_pair("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange")
        .append_pair("subject_token", subject.expose())
        .append_pair("subject_token_type", ACCESS_TOKEN)
        .append_pair("requested_token_type", ACCESS_TOKEN)
        .extend_pairs(exchange.audience.iter().map(|audience| ("audience", audience)))
        .extend_pairs(exchange.scope.iter().map(|scope| ("scope", scope)));
    let endpoint = &registration.endpoints.token;
    authenticated_post("exchange", registration, endpoint, form, means)
        .map_err(TokenExchangeError::ClientAuthentication)
}

/// A token that was issued in exchange. It comes from [`process_token_exchange_response`] alone.
#[derive(Debug)]
pub struct IssuedToken {
    /// `access_token`
    pub access_token: Secret<String>,
    /// `expires_in`
    pub expires_in: Option<Duration>,
    _issued: Issued,
}

#[derive(Debug)]
struct Issued;

/// §2.2
pub fn process_token_exchange_response(status: u16, body: &[u8]) -> Result<IssuedToken, TokenExchangeError> {
    let answer = json::parse_object(body, MAX_RESPONSE);
    if status != 200 {
        return Err(refusal(status, answer.as_ref().ok()));
    }
    let answer = answer.map_err(TokenExchangeError::Malformed)?;
    if answer.contains_key("error") && !answer.contains_key("access_token") {
        return Err(refusal(status, Some(&answer)));
    }
    let text = |name| answer.get(name).and_then(Value::as_str);
    let token = text("access_token").ok_or(TokenExchangeError::TokenMissing)?;
    if token.is_empty() || token.len() > MAX_TOKEN || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(TokenExchangeError::TokenMalformed);
    }
    if !text("issued_token_type").is_some_and(|issued| ISSUED.contains(&issued)) {
        return Err(TokenExchangeError::IssuedTokenType);
    }
    if !text("token_type").is_some_and(|kind| kind.eq_ignore_ascii_case("bearer")) {
        return Err(TokenExchangeError::TokenTypeNotBearer);
    }
    let expires_in = super::token::expires_in(&answer).map_err(|_| TokenExchangeError::LifetimeMalformed)?;
    Ok(IssuedToken { access_token: Secret::new(token.to_owned()), expires_in, _issued: Issued })
}

/// §2.2.2, RFC 6749 §5.2.
fn refusal(status: u16, answer: Option<&Map<String, Value>>) -> TokenExchangeError {
    match answer.and_then(|answer| answer.get("error")).and_then(Value::as_str) {
        Some("invalid_grant") => TokenExchangeError::InvalidGrant,
        Some("invalid_request") => TokenExchangeError::InvalidRequest,
        Some("invalid_target") => TokenExchangeError::InvalidTarget,
        Some("invalid_scope") => TokenExchangeError::InvalidScope,
        Some("access_denied") => TokenExchangeError::AccessDenied,
        Some("invalid_client") => TokenExchangeError::InvalidClient,
        Some("unauthorized_client") => TokenExchangeError::UnauthorizedClient,
        Some("unsupported_grant_type") => TokenExchangeError::UnsupportedGrantType,
        Some("server_error" | "temporarily_unavailable") => TokenExchangeError::Unavailable { status },
        _ if is_unavailable(status) => TokenExchangeError::Unavailable { status },
        _ if status == 401 => TokenExchangeError::InvalidClient,
        _ => TokenExchangeError::Refused { status },
    }
}

/// Why there is no token for the backend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenExchangeError {
    /// The session has no access token that is still good.
    #[error("the session has no access token that could be exchanged")]
    SubjectTokenMissing,
    /// The token is not accepted for this exchange.
    #[error("the provider does not accept the token")]
    InvalidGrant,
    /// The token is not acceptable, or the request is malformed (§2.2.2).
    #[error("the provider refused the exchange")]
    InvalidRequest,
    /// No token is issued for this `audience`.
    #[error("the provider issues no token for this audience")]
    InvalidTarget,
    /// No token is issued with this `scope`.
    #[error("the provider issues no token with this scope")]
    InvalidScope,
    /// Policy forbids it.
    #[error("the provider does not allow the exchange")]
    AccessDenied,
    /// This deployment cannot prove who it is.
    #[error(transparent)]
    ClientAuthentication(ClientAuthenticationError),
    /// The client's authentication was refused: the configuration's fault.
    #[error("the provider refused the client's authentication")]
    InvalidClient,
    /// The client may not exchange tokens: the registration's fault.
    #[error("the client is not authorized to exchange tokens")]
    UnauthorizedClient,
    /// The provider does not exchange tokens.
    #[error("the provider does not support token exchange")]
    UnsupportedGrantType,
    /// Refused for another reason, or for none.
    #[error("the provider refused the exchange")]
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
    #[error("the response is malformed")]
    Malformed(#[source] JsonError),
    /// No `access_token`, or no text.
    #[error("the response has no token")]
    TokenMissing,
    /// A token that no header can carry.
    #[error("the issued token is malformed")]
    TokenMalformed,
    /// `issued_token_type` is missing or that of no access token.
    #[error("the issued token is no access token")]
    IssuedTokenType,
    /// `token_type` is missing or not `Bearer`.
    #[error("the issued token is not a bearer token")]
    TokenTypeNotBearer,
    /// `expires_in` is no lifetime.
    #[error("the issued token's lifetime is malformed")]
    LifetimeMalformed,
    /// No answer, or one that is not read.
    #[error(transparent)]
    Provider(#[from] ProviderFailure),
}

impl Reason for TokenExchangeError {
    fn code(&self) -> &'static str {
        match self {
            Self::SubjectTokenMissing => "exchange.subject_token_missing",
            Self::InvalidGrant => "exchange.invalid_grant",
            Self::InvalidRequest => "exchange.invalid_request",
            Self::InvalidTarget => "exchange.invalid_target",
            Self::InvalidScope => "exchange.invalid_scope",
            Self::AccessDenied => "exchange.access_denied",
            Self::ClientAuthentication(error) => error.code(),
            Self::InvalidClient => "exchange.invalid_client",
            Self::UnauthorizedClient => "exchange.unauthorized_client",
            Self::UnsupportedGrantType => "exchange.unsupported_grant_type",
            Self::Refused { .. } => "exchange.refused",
            Self::Unavailable { .. } => "exchange.unavailable",
            Self::Malformed(_) => "exchange.malformed",
            Self::TokenMissing => "exchange.token_missing",
            Self::TokenMalformed => "exchange.token_malformed",
            Self::IssuedTokenType => "exchange.issued_token_type",
            Self::TokenTypeNotBearer => "exchange.token_type_not_bearer",
            Self::LifetimeMalformed => "exchange.lifetime_malformed",
            Self::Provider(failure) => failure.code(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::jose::NoHostSigner;
    use crate::jose::test_key::with;
    use crate::protocol::test_provider::{metadata, provider};
    use crate::session::testing::TestEntropy;
    use crate::time::UnixTime;

    fn answer(changes: &Value) -> Result<IssuedToken, TokenExchangeError> {
        let usual = json!({"access_token": "new", "issued_token_type": ACCESS_TOKEN, "token_type": "Bearer"});
        process_token_exchange_response(200, with(usual, changes).to_string().as_bytes())
    }

    #[test]
    fn the_request_says_whose_token_becomes_what() {
        let (provider, metadata) = (provider(), metadata());
        let mut entropy = TestEntropy::default();
        let mut means = Means { now: UnixTime::from_secs(1), entropy: &mut entropy, signer: &NoHostSigner };
        let exchange = Exchange {
            provider: "corp".to_owned(),
            audience: Some("https://b.example/x".to_owned()),
            scope: Some("a b".to_owned()),
        };
        let registration = Registration::of(&provider, &metadata).unwrap();
        let request =
            token_exchange_request(registration, &Secret::new("t+1".to_owned()), &exchange, &mut means).unwrap();
        assert_eq!((request.method, request.path.as_str()), ("POST", "/token"));
        let form: Vec<_> = form_urlencoded::parse(&request.body).into_owned().collect();
        let expected = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("subject_token", "t+1"),
            ("subject_token_type", ACCESS_TOKEN),
            ("requested_token_type", ACCESS_TOKEN),
            ("audience", "https://b.example/x"),
            ("scope", "a b"),
        ];
        assert_eq!(form, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn only_a_bearer_token_that_is_an_access_token_is_passed_on() {
        let issued =
            answer(&json!({"issued_token_type": ISSUED[1], "token_type": "bearer", "expires_in": 60})).unwrap();
        assert_eq!((issued.access_token.expose().as_str(), issued.expires_in), ("new", Some(Duration::from_secs(60))));
        for (changes, code) in [
            (json!({"access_token": null}), "exchange.token_missing"),
            (json!({"access_token": 1}), "exchange.token_missing"),
            (json!({"access_token": ""}), "exchange.token_malformed"),
            (json!({"access_token": "a\r\nx-admin: 1"}), "exchange.token_malformed"),
            (json!({"access_token": "a b"}), "exchange.token_malformed"),
            (json!({"access_token": "x".repeat(MAX_TOKEN + 1)}), "exchange.token_malformed"),
            (json!({"issued_token_type": null}), "exchange.issued_token_type"),
            (json!({"issued_token_type": "urn:ietf:params:oauth:token-type:id_token"}), "exchange.issued_token_type"),
            (json!({"token_type": "N_A"}), "exchange.token_type_not_bearer"),
            (json!({"token_type": "DPoP"}), "exchange.token_type_not_bearer"),
            (json!({"expires_in": -1}), "exchange.lifetime_malformed"),
            (json!({"access_token": null, "error": "invalid_grant"}), "exchange.invalid_grant"),
        ] {
            assert_eq!(answer(&changes).unwrap_err().code(), code, "{changes}");
        }
    }

    #[test]
    fn a_refusal_says_whose_fault_it_is() {
        for (status, body, code) in [
            (400, r#"{"error":"invalid_grant"}"#, "exchange.invalid_grant"),
            (400, r#"{"error":"invalid_request"}"#, "exchange.invalid_request"),
            (400, r#"{"error":"invalid_target"}"#, "exchange.invalid_target"),
            (400, r#"{"error":"invalid_scope"}"#, "exchange.invalid_scope"),
            (403, r#"{"error":"access_denied"}"#, "exchange.access_denied"),
            (401, r#"{"error":"invalid_client"}"#, "exchange.invalid_client"),
            (401, "", "exchange.invalid_client"),
            (400, r#"{"error":"unauthorized_client"}"#, "exchange.unauthorized_client"),
            (400, r#"{"error":"unsupported_grant_type"}"#, "exchange.unsupported_grant_type"),
            (400, r#"{"error":"x"}"#, "exchange.refused"),
            (503, "<html>", "exchange.unavailable"),
            (200, "<html>", "exchange.malformed"),
        ] {
            let refused = process_token_exchange_response(status, body.as_bytes()).unwrap_err();
            assert_eq!(refused.code(), code, "{status} {body}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_do_not_panic(status in any::<u16>(), bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = process_token_exchange_response(status, &bytes);
        }
    }
}
