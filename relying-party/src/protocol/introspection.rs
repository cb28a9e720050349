//! Token introspection (RFC 7662): the issuer is asked about a token that cannot be verified here.

use form_urlencoded::Serializer;
use serde_json::{Map, Value};

use super::access_token::{AccessTokenError, ExpectedAccessToken, VerifiedAccessToken};
use super::client_authentication::{ClientAuthenticationError, Means, authenticated_post};
use super::endpoint::is_unavailable;
use super::registration::Registration;
use super::{MAX_RESPONSE, ProviderFailure};
use crate::http::CalloutRequest;
use crate::jose::json::{self, JsonError};
use crate::reason::Reason;
use crate::time::UnixTime;

/// §2.1: asks about `token`, as an authenticated client.
pub fn introspection_request(
    registration: Registration<'_>,
    token: &str,
    means: &mut Means<'_>,
) -> Result<CalloutRequest, IntrospectionError> {
    let endpoint = registration.endpoints.introspection.as_ref().ok_or(IntrospectionError::MissingEndpoint)?;
    let mut form = Serializer::new(String::new());
    form.append_pair("token", token).append_pair("token_type_hint", "access_token");
    authenticated_post("introspection", registration, endpoint, form, means)
        .map_err(IntrospectionError::ClientAuthentication)
}

/// §2.2 and §2.3. An active token is as good as a verified one: its issuer says so itself, to a client that it knows.
pub fn process_introspection_response(
    status: u16,
    body: &[u8],
    expected: &ExpectedAccessToken<'_>,
    now: UnixTime,
) -> Result<VerifiedAccessToken, IntrospectionError> {
    if status != 200 {
        return Err(refusal(status));
    }
    let claims = json::parse_object(body, MAX_RESPONSE).map_err(IntrospectionError::Malformed)?;
    match claims.get("active") {
        Some(Value::Bool(true)) => {}
        Some(Value::Bool(false)) => return Err(AccessTokenError::Inactive.into()),
        _ => return Err(IntrospectionError::ActiveMalformed),
    }
    check_kind(&claims)?;
    Ok(VerifiedAccessToken::introspected(claims, expected, now)?)
}

/// Servers answer about refresh and ID tokens as well, whatever the hint says.
fn check_kind(claims: &Map<String, Value>) -> Result<(), AccessTokenError> {
    let is_one_of = |member: &str, names: &[&str]| match claims.get(member) {
        None | Some(Value::Null) => true,
        Some(value) => value.as_str().is_some_and(|value| names.iter().any(|name| value.eq_ignore_ascii_case(name))),
    };
    // RFC 6749 §7.1, RFC 9449 §5; `token_use` is how Ory Hydra and Amazon Cognito tell them apart.
    let is_access_token =
        is_one_of("token_type", &["Bearer", "DPoP"]) && is_one_of("token_use", &["access_token", "access"]);
    if is_access_token { Ok(()) } else { Err(AccessTokenError::WrongType) }
}

/// §2.3: bodies may be anything, the status speaks.
const fn refusal(status: u16) -> IntrospectionError {
    match status {
        401 | 403 => IntrospectionError::ClientRefused,
        _ if is_unavailable(status) => IntrospectionError::Unavailable { status },
        _ => IntrospectionError::Refused { status },
    }
}

/// Why a token was not admitted by introspection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IntrospectionError {
    /// The token is at fault: it is inactive, expired, of another kind.
    #[error(transparent)]
    Token(#[from] AccessTokenError),
    /// Nobody can be asked.
    #[error("the metadata has no introspection endpoint")]
    MissingEndpoint,
    /// This deployment cannot prove who it is.
    #[error(transparent)]
    ClientAuthentication(ClientAuthenticationError),
    /// The client's authentication was refused: the configuration's fault.
    #[error("the provider refused the client's authentication")]
    ClientRefused,
    /// Refused for another reason, or for none.
    #[error("the provider refused the introspection request")]
    Refused {
        /// The HTTP status code.
        status: u16,
    },
    /// Not now: 408, 429, 5xx.
    #[error("the introspection endpoint is unavailable")]
    Unavailable {
        /// The HTTP status code.
        status: u16,
    },
    /// No acceptable JSON object.
    #[error("the introspection response is malformed")]
    Malformed(#[source] JsonError),
    /// `active` is missing or no boolean.
    #[error("the introspection response does not say whether the token is active")]
    ActiveMalformed,
    /// No answer, or one that is not read.
    #[error(transparent)]
    Provider(#[from] ProviderFailure),
}

impl Reason for IntrospectionError {
    fn code(&self) -> &'static str {
        match self {
            Self::Token(error) => error.code(),
            Self::MissingEndpoint => "introspection.endpoint_missing",
            Self::ClientAuthentication(error) => error.code(),
            Self::ClientRefused => "introspection.client_refused",
            Self::Refused { .. } => "introspection.refused",
            Self::Unavailable { .. } => "introspection.unavailable",
            Self::Malformed(JsonError::TooLarge) => "introspection.too_large",
            Self::Malformed(JsonError::Malformed) => "introspection.malformed",
            Self::Malformed(JsonError::NotAnObject) => "introspection.not_an_object",
            Self::Malformed(JsonError::DuplicateMember) => "introspection.duplicate_member",
            Self::Malformed(JsonError::TooDeep) => "introspection.too_deep",
            Self::ActiveMalformed => "introspection.active_malformed",
            Self::Provider(failure) => failure.code(),
        }
    }
}

#[cfg(test)]
mod tests;
