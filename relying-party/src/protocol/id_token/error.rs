//! Why an ID token was refused.

use crate::jose::{JwsError, VerifyError};
use crate::reason::Reason;

/// Why an ID token was refused. The provider is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenError {
    /// No acceptable compact JWS.
    #[error("the ID token is malformed")]
    Malformed(#[source] JwsError),
    /// `typ` says that it is something else.
    #[error("the token is not an ID token")]
    WrongType,
    /// Key, algorithm or signature.
    #[error("the ID token's signature was not verified")]
    Signature(#[source] VerifyError),
    /// `iss`
    #[error("the ID token is from another issuer")]
    IssuerMismatch,
    /// Of the issuer's tenants `iss` names one, and `tid` or the key another.
    #[error("the ID token is of two tenants")]
    TenantMismatch,
    /// No `aud`
    #[error("the ID token has no audience")]
    AudienceMissing,
    /// `aud` is neither a string nor a list of strings.
    #[error("the ID token's audience is malformed")]
    AudienceMalformed,
    /// `aud` is without this client.
    #[error("the ID token is for another audience")]
    AudienceMismatch,
    /// Several audiences, no `azp`.
    #[error("the ID token has several audiences and no authorized party")]
    AuthorizedPartyMissing,
    /// `azp` is not this client.
    #[error("the ID token is for another authorized party")]
    AuthorizedPartyMismatch,
    /// No `exp`
    #[error("the ID token has no expiry")]
    ExpiryMissing,
    /// `exp` is no date.
    #[error("the ID token's expiry is malformed")]
    ExpiryMalformed,
    /// `exp` has passed.
    #[error("the ID token has expired")]
    Expired,
    /// No `iat`
    #[error("the ID token does not say when it was issued")]
    IssuedAtMissing,
    /// `iat` is no date.
    #[error("the ID token's time of issue is malformed")]
    IssuedAtMalformed,
    /// `iat` is to come.
    #[error("the ID token was issued in the future")]
    IssuedInTheFuture,
    /// `iat` is more than a day ago.
    #[error("the ID token was issued too long ago")]
    IssuedTooLongAgo,
    /// `nbf` is no date.
    #[error("the ID token's start of validity is malformed")]
    NotBeforeMalformed,
    /// `nbf` is to come.
    #[error("the ID token is not valid yet")]
    NotYetValid,
    /// No `nonce`
    #[error("the ID token has no nonce")]
    NonceMissing,
    /// `nonce` is of another login.
    #[error("the ID token is for another login")]
    NonceMismatch,
    /// `at_hash` is another access token's.
    #[error("the ID token is for another access token")]
    AccessTokenHashMismatch,
    /// No `sub`
    #[error("the ID token has no subject")]
    SubjectMissing,
    /// `sub` is not a string of 1 to 255 bytes.
    #[error("the ID token's subject is malformed")]
    SubjectMalformed,
    /// `auth_time` is no date.
    #[error("the ID token's time of authentication is malformed")]
    AuthTimeMalformed,
}

impl IdTokenError {
    /// Whether a newer key set could change the answer.
    pub const fn newer_keys_may_help(self) -> bool {
        matches!(self, Self::Signature(error) if error.newer_keys_may_help())
    }
}

impl Reason for IdTokenError {
    fn code(&self) -> &'static str {
        match self {
            Self::Malformed(JwsError::UnsupportedAlgorithm) => "id_token.algorithm_unsupported",
            Self::Malformed(JwsError::CriticalExtension) => "id_token.critical_extension",
            Self::Malformed(JwsError::Payload(_)) => "id_token.payload_malformed",
            Self::Malformed(_) => "id_token.malformed",
            Self::WrongType => "id_token.wrong_type",
            Self::Signature(error) => match error {
                VerifyError::AlgorithmNotAllowed => "id_token.algorithm_not_allowed",
                VerifyError::UnknownKey => "id_token.key_unknown",
                VerifyError::NoFittingKey => "id_token.key_unfit",
                VerifyError::AmbiguousKey => "id_token.key_ambiguous",
                VerifyError::SignatureInvalid | VerifyError::SoleKeySignatureInvalid => "id_token.signature_invalid",
            },
            Self::IssuerMismatch => "id_token.issuer_mismatch",
            Self::TenantMismatch => "id_token.tenant_mismatch",
            Self::AudienceMissing => "id_token.audience_missing",
            Self::AudienceMalformed => "id_token.audience_malformed",
            Self::AudienceMismatch => "id_token.audience_mismatch",
            Self::AuthorizedPartyMissing => "id_token.azp_missing",
            Self::AuthorizedPartyMismatch => "id_token.azp_mismatch",
            Self::ExpiryMissing => "id_token.exp_missing",
            Self::ExpiryMalformed => "id_token.exp_malformed",
            Self::Expired => "id_token.expired",
            Self::IssuedAtMissing => "id_token.iat_missing",
            Self::IssuedAtMalformed => "id_token.iat_malformed",
            Self::IssuedInTheFuture => "id_token.issued_in_the_future",
            Self::IssuedTooLongAgo => "id_token.issued_too_long_ago",
            Self::NotBeforeMalformed => "id_token.nbf_malformed",
            Self::NotYetValid => "id_token.not_yet_valid",
            Self::NonceMissing => "id_token.nonce_missing",
            Self::NonceMismatch => "id_token.nonce_mismatch",
            Self::AccessTokenHashMismatch => "id_token.at_hash_mismatch",
            Self::SubjectMissing => "id_token.sub_missing",
            Self::SubjectMalformed => "id_token.sub_malformed",
            Self::AuthTimeMalformed => "id_token.auth_time_malformed",
        }
    }
}
