//! What can be wrong with a DPoP proof.

use crate::jose::{JwsError, SkippedKey};
use crate::protocol::replay::NotRemembered;
use crate::reason::Reason;

/// Why a proof was refused. The client is at fault, unless the proof could not be [remembered](Self::is_ours).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DpopError {
    /// No header `dpop`.
    #[error("the request has no DPoP proof")]
    Missing,
    /// More than one header `dpop`.
    #[error("the request has more than one DPoP proof")]
    Repeated,
    /// Longer than 8 KiB.
    #[error("the DPoP proof is too large")]
    TooLarge,
    /// Not UTF-8.
    #[error("the DPoP proof is not text")]
    NotText,
    /// No acceptable JWT.
    #[error("the DPoP proof is malformed")]
    Malformed(#[source] JwsError),
    /// `none`, HS*, or an algorithm that does not exist.
    #[error("the DPoP proof's algorithm is not supported")]
    UnsupportedAlgorithm,
    /// `typ` is not `dpop+jwt`.
    #[error("the DPoP proof is not of the type dpop+jwt")]
    WrongType,
    /// The header has no `jwk`.
    #[error("the DPoP proof has no key")]
    KeyMissing,
    /// The key is a private or a symmetric one.
    #[error("the DPoP proof publishes a secret key")]
    SecretKey,
    /// The key cannot be used for signatures.
    #[error("the DPoP proof's key is not usable")]
    KeyUnusable(#[source] SkippedKey),
    /// The access token is bound to another key.
    #[error("the access token is bound to another key than the DPoP proof's")]
    KeyMismatch,
    /// The key did not make this signature.
    #[error("the DPoP proof's signature is invalid")]
    SignatureInvalid,
    /// `jti` is missing, empty, longer than 256 bytes, or no string.
    #[error("the DPoP proof's identifier is malformed")]
    IdentifierMalformed,
    /// `htm` is not the request's method.
    #[error("the DPoP proof is for another method")]
    MethodMismatch,
    /// `htu` is not the request's URL.
    #[error("the DPoP proof is for another URL")]
    UrlMismatch,
    /// `iat` is missing or no date.
    #[error("the DPoP proof's time is malformed")]
    IssuedAtMalformed,
    /// `iat` is too long ago.
    #[error("the DPoP proof is too old")]
    TooOld,
    /// `iat` is to come.
    #[error("the DPoP proof was made in the future")]
    IssuedInTheFuture,
    /// `ath` is not the access token's hash.
    #[error("the DPoP proof is for another access token")]
    TokenMismatch,
    /// It was used before.
    #[error("the DPoP proof was used before")]
    Replayed,
    /// There is no room to remember it.
    #[error("too many DPoP proofs at once")]
    MemoryFull,
    /// Others kept writing where it should be remembered.
    #[error("the DPoP proof cannot be remembered")]
    MemoryContended,
}

impl DpopError {
    pub(super) const fn of_jws(error: JwsError) -> Self {
        match error {
            JwsError::UnsupportedAlgorithm | JwsError::MissingAlgorithm => Self::UnsupportedAlgorithm,
            error => Self::Malformed(error),
        }
    }

    pub(super) const fn of_key(reason: SkippedKey) -> Self {
        match reason {
            SkippedKey::PrivateKey | SkippedKey::SymmetricKey => Self::SecretKey,
            reason => Self::KeyUnusable(reason),
        }
    }

    pub(super) const fn of_memory(error: NotRemembered) -> Self {
        match error {
            NotRemembered::Known => Self::Replayed,
            NotRemembered::Full => Self::MemoryFull,
            NotRemembered::Contended => Self::MemoryContended,
        }
    }

    /// Whether it is not the client's fault: an unused proof that cannot be remembered could be used again.
    pub const fn is_ours(self) -> bool {
        matches!(self, Self::MemoryFull | Self::MemoryContended)
    }
}

impl Reason for DpopError {
    fn code(&self) -> &'static str {
        match self {
            Self::Missing => "dpop.missing",
            Self::Repeated => "dpop.repeated",
            Self::TooLarge => "dpop.too_large",
            Self::NotText => "dpop.not_text",
            Self::Malformed(_) => "dpop.malformed",
            Self::UnsupportedAlgorithm => "dpop.algorithm_unsupported",
            Self::WrongType => "dpop.wrong_type",
            Self::KeyMissing => "dpop.key_missing",
            Self::SecretKey => "dpop.key_secret",
            Self::KeyUnusable(_) => "dpop.key_unusable",
            Self::KeyMismatch => "dpop.key_mismatch",
            Self::SignatureInvalid => "dpop.signature_invalid",
            Self::IdentifierMalformed => "dpop.jti_malformed",
            Self::MethodMismatch => "dpop.method_mismatch",
            Self::UrlMismatch => "dpop.url_mismatch",
            Self::IssuedAtMalformed => "dpop.iat_malformed",
            Self::TooOld => "dpop.too_old",
            Self::IssuedInTheFuture => "dpop.issued_in_the_future",
            Self::TokenMismatch => "dpop.token_mismatch",
            Self::Replayed => "dpop.replayed",
            Self::MemoryFull => "dpop.memory_full",
            Self::MemoryContended => "dpop.memory_contended",
        }
    }
}
