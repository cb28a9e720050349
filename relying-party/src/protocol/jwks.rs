//! Fetching a provider's keys (OIDC Core 1.0 §10.1.1).

use super::MAX_RESPONSE;
use super::endpoint::is_unavailable;
use super::metadata::ProviderMetadata;
use crate::config::Provider;
use crate::http::CalloutRequest;
use crate::jose::{JsonError, JwkSet, JwkSetError};
use crate::reason::Reason;

/// A request for the key set.
pub fn jwks_request(provider: &Provider, metadata: &ProviderMetadata) -> CalloutRequest {
    let mut request = provider.callout("keys", metadata.jwks_uri.url());
    for (name, value) in &mut request.headers {
        if name == "accept" {
            "application/jwk-set+json, application/json".clone_into(value);
        }
    }
    request
}

/// The keys in an answer. Redirects are not followed.
pub fn process_jwks_response(status: u16, body: &[u8]) -> Result<JwkSet, JwksError> {
    match status {
        200 if body.len() > MAX_RESPONSE => Err(JwksError::KeySet(JwkSetError::Malformed(JsonError::TooLarge))),
        200 => JwkSet::parse(body).map_err(JwksError::KeySet),
        status if is_unavailable(status) => Err(JwksError::Unavailable { status }),
        status => Err(JwksError::UnexpectedStatus { status }),
    }
}

/// Why there are no keys. The provider is at fault, or unavailable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwksError {
    /// Not now: 408, 429 or 5xx.
    #[error("the provider is unavailable")]
    Unavailable {
        /// The HTTP status code.
        status: u16,
    },
    /// Another status than 200.
    #[error("the provider did not answer the request for its keys with 200")]
    UnexpectedStatus {
        /// The HTTP status code.
        status: u16,
    },
    /// A key set that cannot be used.
    #[error("the provider's keys cannot be used")]
    KeySet(#[source] JwkSetError),
}

impl Reason for JwksError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unavailable { .. } => "jwks.unavailable",
            Self::UnexpectedStatus { .. } => "jwks.unexpected_status",
            Self::KeySet(error) => error.code(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::test_provider::{metadata, provider};

    #[test]
    fn keys_are_fetched_from_where_the_metadata_says() {
        let request = jwks_request(&provider(), &metadata());
        assert_eq!((request.method, request.path.as_str()), ("GET", "/jwks"));
        let accept = request.headers.iter().find(|(name, _)| name == "accept").unwrap();
        assert_eq!(accept.1, "application/jwk-set+json, application/json");
    }

    #[test]
    fn other_answers_than_keys_with_200_are_refused() {
        let code = |status, body: &[u8]| process_jwks_response(status, body).map(|_| ()).unwrap_err().code();
        assert_eq!(code(301, b""), "jwks.unexpected_status");
        assert_eq!(code(500, b""), "jwks.unavailable");
        assert_eq!(code(200, b"<html>"), "jwks.malformed");
        assert_eq!(code(200, br#"{"keys":[]}"#), "jwks.no_usable_key");
        assert_eq!(code(200, &[b' '; MAX_RESPONSE + 1]), "jwks.malformed");
    }
}
