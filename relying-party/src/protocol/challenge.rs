//! What a protected resource says of the access token it wants (RFC 6750 §3, RFC 9470 §3, RFC 9728 §5.1).

use std::fmt::Write as _;

use super::access_token::AccessTokenError;
use super::confirmation::PossessionError;
use crate::http::credentials::{CredentialsError, TokenScheme};
use crate::policy::demand::AuthenticationDemand;
use crate::reason::Reason;

/// Why a request is not admitted by its access token, or for want of one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BearerError {
    /// There is none.
    #[error("an access token is needed")]
    Missing,
    /// The header cannot be read.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The token is not acceptable.
    #[error(transparent)]
    AccessToken(#[from] AccessTokenError),
    /// Whoever presents the token may not use it.
    #[error(transparent)]
    Possession(#[from] PossessionError),
    /// The rule wants a more recent or a stronger authentication (RFC 9470).
    #[error("a different authentication is needed")]
    Authentication(AuthenticationDemand),
    /// The rule would be met if the token had these scopes as well.
    #[error("the access token does not have the scope that is needed")]
    InsufficientScope(Vec<String>),
    /// The rule's `require` is not met, whatever the scopes.
    #[error("the access token's owner is not allowed to do this")]
    RequirementNotMet,
}

impl BearerError {
    /// HTTP status code (RFC 6750 §3.1, RFC 9470 §3).
    pub const fn status(&self) -> u16 {
        match self {
            Self::Credentials(CredentialsError::Repeated) => 400,
            Self::Missing
            | Self::Credentials(CredentialsError::Malformed)
            | Self::AccessToken(_)
            | Self::Possession(_)
            | Self::Authentication(_) => 401,
            Self::InsufficientScope(_) | Self::RequirementNotMet => 403,
        }
    }

    /// `error`; none for a request without credentials (RFC 6750 §3.1), and none that would fit a plain «no».
    const fn error(&self) -> Option<&'static str> {
        match self {
            Self::Missing | Self::RequirementNotMet => None,
            Self::Credentials(CredentialsError::Repeated) => Some("invalid_request"),
            Self::Credentials(CredentialsError::Malformed) | Self::AccessToken(_) | Self::Possession(_) => {
                Some("invalid_token")
            }
            Self::Authentication(_) => Some("insufficient_user_authentication"),
            Self::InsufficientScope(_) => Some("insufficient_scope"),
        }
    }

    /// The value of `www-authenticate`; `None` when no other token would help. `resource_metadata` is the URL of the document of
    /// RFC 9728.
    pub fn challenge(&self, scheme: TokenScheme, resource_metadata: &str) -> Option<String> {
        if *self == Self::RequirementNotMet {
            return None;
        }
        let mut challenge = Challenge::new(scheme);
        if let Some(error) = self.error() {
            challenge.parameter("error", error);
            challenge.parameter("error_description", &self.to_string());
        }
        match self {
            Self::Authentication(AuthenticationDemand { max_age, acr_values }) => {
                if !acr_values.is_empty() {
                    challenge.parameter("acr_values", &acr_values.join(" "));
                }
                if let Some(max_age) = max_age {
                    challenge.parameter("max_age", &max_age.as_secs().to_string());
                }
            }
            Self::InsufficientScope(scopes) => challenge.parameter("scope", &scopes.join(" ")),
            _ => {}
        }
        challenge.parameter("resource_metadata", resource_metadata);
        Some(challenge.text)
    }
}

/// A challenge (RFC 9110 §11.6.1) in the making.
struct Challenge {
    text: String,
    has_parameters: bool,
}

impl Challenge {
    fn new(scheme: TokenScheme) -> Self {
        let scheme = match scheme {
            TokenScheme::Bearer => "Bearer",
            TokenScheme::Dpop => "DPoP",
        };
        Self { text: scheme.to_owned(), has_parameters: false }
    }

    /// Adds a parameter as a quoted string. What could end it is left out.
    fn parameter(&mut self, name: &str, value: &str) {
        let separator = if self.has_parameters { ", " } else { " " };
        let allowed = |character: &char| (' '..='~').contains(character) && !matches!(character, '"' | '\\');
        let value: String = value.chars().filter(allowed).collect();
        // Writing to a string does not fail.
        let _ = write!(self.text, "{separator}{name}=\"{value}\"");
        self.has_parameters = true;
    }
}

impl Reason for BearerError {
    fn code(&self) -> &'static str {
        match self {
            Self::Missing => "access_token.missing",
            Self::Credentials(error) => error.code(),
            Self::AccessToken(error) => error.code(),
            Self::Possession(error) => error.code(),
            Self::Authentication(_) => "policy.authentication_insufficient",
            Self::InsufficientScope(_) => "policy.scope_insufficient",
            Self::RequirementNotMet => "policy.require_not_met",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const METADATA: &str = "https://api.example.org/.well-known/oauth-protected-resource";

    fn challenge(error: &BearerError) -> (u16, String) {
        (error.status(), error.challenge(TokenScheme::Bearer, METADATA).unwrap_or_default())
    }

    #[test]
    fn each_challenge_says_what_would_help() {
        let metadata = format!("resource_metadata=\"{METADATA}\"");
        assert_eq!(challenge(&BearerError::Missing), (401, format!("Bearer {metadata}")));
        assert_eq!(
            challenge(&BearerError::AccessToken(AccessTokenError::Expired)),
            (
                401,
                format!(
                    "Bearer error=\"invalid_token\", error_description=\"the access token has expired\", {metadata}"
                )
            )
        );
        assert_eq!(challenge(&BearerError::Credentials(CredentialsError::Repeated)).0, 400);
        let (status, text) = challenge(&BearerError::InsufficientScope(vec!["a".to_owned(), "b".to_owned()]));
        assert!(
            status == 403 && text.contains("error=\"insufficient_scope\"") && text.contains("scope=\"a b\""),
            "{text}"
        );
        let demand = AuthenticationDemand {
            max_age: Some(Duration::from_secs(300)),
            acr_values: vec!["urn:a".to_owned(), "urn:b".to_owned()],
        };
        let (status, text) = challenge(&BearerError::Authentication(demand));
        assert_eq!(status, 401);
        for part in ["error=\"insufficient_user_authentication\"", "acr_values=\"urn:a urn:b\"", "max_age=\"300\""] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert_eq!(challenge(&BearerError::RequirementNotMet), (403, String::new()));
    }

    #[test]
    fn no_value_ends_its_quotes() {
        let (_, text) = challenge(&BearerError::InsufficientScope(vec!["a\", error=\"none\\\r\n".to_owned()]));
        assert!(text.contains("scope=\"a, error=none\""), "{text}");
    }
}
