//! What can be wrong with an access token.

use crate::jose::{JwsError, VerifyError};
use crate::protocol::confirmation::ConfirmationError;
use crate::reason::Reason;

/// Why an access token was refused. The client is at fault, or whoever gave it the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessTokenError {
    /// No acceptable JWT.
    #[error("the access token is malformed")]
    Malformed(#[source] JwsError),
    /// The signature was not verified.
    #[error("the access token's signature cannot be verified")]
    Signature(#[source] VerifyError),
    /// `token_type: at+jwt` is configured, and the token's `typ` is missing or `JWT`.
    #[error("the token does not say that it is an access token")]
    NotTyped,
    /// `typ` is that of another kind of token.
    #[error("the token is of another kind")]
    WrongType,
    /// An ID token.
    #[error("an ID token is no access token")]
    IdToken,
    /// Its issuer says that it is not active: expired, revoked, or unknown to it (RFC 7662 §2.2).
    #[error("the access token is not active")]
    Inactive,
    /// No `iss`.
    #[error("the access token names no issuer")]
    IssuerMissing,
    /// `iss` is none of the issuers that are accepted here.
    #[error("the access token is from an issuer that is not accepted here")]
    IssuerMismatch,
    /// The token or the key that signed it names another tenant than `iss`.
    #[error("the access token is from another tenant than it says")]
    TenantMismatch,
    /// `aud` is neither a string nor a list of strings.
    #[error("the access token's audience is malformed")]
    AudienceMalformed,
    /// `aud` does not name this deployment.
    #[error("the access token is for another audience")]
    AudienceMismatch,
    /// `exp` is missing.
    #[error("the access token has no expiry")]
    ExpiryMissing,
    /// `exp` is no date.
    #[error("the access token's expiry is malformed")]
    ExpiryMalformed,
    /// `exp` has passed.
    #[error("the access token has expired")]
    Expired,
    /// `nbf` is no date.
    #[error("the access token's beginning is malformed")]
    NotBeforeMalformed,
    /// `nbf` is to come.
    #[error("the access token is not valid yet")]
    NotYetValid,
    /// `iat` is no date.
    #[error("the access token's time of issue is malformed")]
    IssuedAtMalformed,
    /// `iat` is to come.
    #[error("the access token was issued in the future")]
    IssuedInTheFuture,
    /// `auth_time` is no date.
    #[error("the access token's time of authentication is malformed")]
    AuthTimeMalformed,
    /// `scope` or `scp` is neither a string nor a list of strings.
    #[error("the access token's scope is malformed")]
    ScopeMalformed,
    /// `cnf` cannot be checked here.
    #[error("the access token is bound in a way that cannot be checked here")]
    Confirmation(#[source] ConfirmationError),
}

impl Reason for AccessTokenError {
    fn code(&self) -> &'static str {
        match self {
            Self::Malformed(error) => error.code(),
            Self::Signature(error) => error.code(),
            Self::NotTyped => "access_token.not_typed",
            Self::WrongType => "access_token.wrong_type",
            Self::IdToken => "access_token.id_token",
            Self::Inactive => "introspection.inactive",
            Self::IssuerMissing => "access_token.issuer_missing",
            Self::IssuerMismatch => "access_token.issuer_mismatch",
            Self::TenantMismatch => "access_token.tenant_mismatch",
            Self::AudienceMalformed => "access_token.audience_malformed",
            Self::AudienceMismatch => "access_token.audience_mismatch",
            Self::ExpiryMissing => "access_token.expiry_missing",
            Self::ExpiryMalformed => "access_token.expiry_malformed",
            Self::Expired => "access_token.expired",
            Self::NotBeforeMalformed => "access_token.not_before_malformed",
            Self::NotYetValid => "access_token.not_yet_valid",
            Self::IssuedAtMalformed => "access_token.issued_at_malformed",
            Self::IssuedInTheFuture => "access_token.issued_in_the_future",
            Self::AuthTimeMalformed => "access_token.auth_time_malformed",
            Self::ScopeMalformed => "access_token.scope_malformed",
            Self::Confirmation(error) => error.code(),
        }
    }
}
