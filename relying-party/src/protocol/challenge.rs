//! What a protected resource says of the access token it wants (RFC 6750 §3, RFC 9470 §3, RFC 9728 §5.1).

use std::fmt::Write as _;

use super::access_token::AccessTokenError;
use super::confirmation::PossessionError;
use super::dpop::DpopError;
use crate::http::credentials::{CredentialsError, TokenScheme};
use crate::jose::JwsAlgorithm;
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
            Self::Possession(PossessionError::Proof(error)) if error.is_ours() => 503,
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
            // RFC 9449 §7.1: whether proof and token belong together is a question of the token.
            Self::Possession(PossessionError::Proof(error)) if !matches!(error, DpopError::KeyMismatch) => {
                Some("invalid_dpop_proof")
            }
            Self::Credentials(CredentialsError::Malformed) | Self::AccessToken(_) | Self::Possession(_) => {
                Some("invalid_token")
            }
            Self::Authentication(_) => Some("insufficient_user_authentication"),
            Self::InsufficientScope(_) => Some("insufficient_scope"),
        }
    }

    /// The values of `www-authenticate` for a request that presents its token by `scheme`; none when no other token would help.
    /// `resource_metadata` is the URL of the document of RFC 9728.
    pub fn challenges(&self, scheme: TokenScheme, resource_metadata: &str) -> Vec<String> {
        match self {
            Self::RequirementNotMet => Vec::new(),
            error if error.status() == 503 => Vec::new(),
            // RFC 9449 §7.2: how it should have been presented.
            Self::Possession(PossessionError::Bound) => {
                vec![self.challenge(scheme, resource_metadata), Challenge::new(TokenScheme::Dpop).text]
            }
            _ => vec![self.challenge(scheme, resource_metadata)],
        }
    }

    fn challenge(&self, scheme: TokenScheme, resource_metadata: &str) -> String {
        let mut challenge = Challenge::new(scheme);
        if let Some(error) = self.error() {
            challenge.parameter("error", error);
            challenge.parameter("error_description", &self.to_string());
        }
        match self {
            Self::Authentication(demand) => challenge.authentication(demand),
            Self::InsufficientScope(scopes) => challenge.parameter("scope", &scopes.join(" ")),
            _ => {}
        }
        challenge.parameter("resource_metadata", resource_metadata);
        challenge.text
    }
}

/// The value of `www-authenticate` for a session whose owner is to authenticate as `demand` asks (RFC 9470 §3).
pub fn step_up_challenge(demand: &AuthenticationDemand) -> String {
    let error = BearerError::Authentication(demand.clone());
    let mut challenge = Challenge::new(TokenScheme::Bearer);
    challenge.parameter("error", error.error().unwrap_or_default());
    challenge.parameter("error_description", &error.to_string());
    challenge.authentication(demand);
    challenge.text
}

/// A challenge (RFC 9110 §11.6.1) in the making.
struct Challenge {
    text: String,
    has_parameters: bool,
}

impl Challenge {
    fn new(scheme: TokenScheme) -> Self {
        match scheme {
            TokenScheme::Bearer => Self { text: "Bearer".to_owned(), has_parameters: false },
            TokenScheme::Dpop => {
                let mut challenge = Self { text: "DPoP".to_owned(), has_parameters: false };
                challenge.parameter("algs", &JwsAlgorithm::ALL.map(JwsAlgorithm::name).join(" ")); // RFC 9449 §7.1
                challenge
            }
        }
    }

    /// RFC 9470 §3
    fn authentication(&mut self, AuthenticationDemand { max_age, acr_values }: &AuthenticationDemand) {
        if !acr_values.is_empty() {
            self.parameter("acr_values", &acr_values.join(" "));
        }
        if let Some(max_age) = max_age {
            self.parameter("max_age", &max_age.as_secs().to_string());
        }
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
        (error.status(), error.challenges(TokenScheme::Bearer, METADATA).join("; "))
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
    fn who_presents_a_proof_is_challenged_for_one() {
        let by_dpop = |error: DpopError| {
            let error = BearerError::Possession(PossessionError::Proof(error));
            (error.status(), error.challenges(TokenScheme::Dpop, METADATA).join("; "))
        };
        let algorithms = "algs=\"RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA\"";
        let (status, text) = by_dpop(DpopError::Replayed);
        assert_eq!(status, 401);
        let error = "error=\"invalid_dpop_proof\", error_description=\"the DPoP proof was used before\"";
        assert_eq!(text, format!("DPoP {algorithms}, {error}, resource_metadata=\"{METADATA}\""));
        assert!(by_dpop(DpopError::KeyMismatch).1.contains("error=\"invalid_token\""));
        assert_eq!(by_dpop(DpopError::MemoryFull), (503, String::new()));
        assert_eq!(by_dpop(DpopError::MemoryContended), (503, String::new()));
        let expired = BearerError::AccessToken(AccessTokenError::Expired);
        let [text] = expired.challenges(TokenScheme::Dpop, METADATA).try_into().unwrap();
        assert!(text.starts_with("DPoP algs=") && text.contains("error=\"invalid_token\""), "{text}");
        let bound = BearerError::Possession(PossessionError::Bound);
        let [bearer, dpop] = bound.challenges(TokenScheme::Bearer, METADATA).try_into().unwrap();
        assert!(bearer.starts_with("Bearer error=\"invalid_token\""), "{bearer}");
        assert_eq!(dpop, format!("DPoP {algorithms}"));
    }

    #[test]
    fn no_value_ends_its_quotes() {
        let (_, text) = challenge(&BearerError::InsufficientScope(vec!["a\", error=\"none\\\r\n".to_owned()]));
        assert!(text.contains("scope=\"a, error=none\""), "{text}");
    }
}
