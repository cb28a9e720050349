//! Why a logout token was refused.

use crate::jose::{JwsError, VerifyError};
use crate::protocol::replay::NotRemembered;
use crate::reason::Reason;

/// Why a logout token was refused. Whoever sent it is at fault, unless it could not be [remembered](Self::is_ours).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogoutTokenError {
    /// The body is too large, or never came.
    #[error("the body of the logout request was not read")]
    BodyUnreadable,
    /// No parameter `logout_token`.
    #[error("the request has no logout token")]
    Missing,
    /// More than one parameter `logout_token`.
    #[error("the request has more than one logout token")]
    Repeated,
    /// No acceptable JWT.
    #[error("the logout token is malformed")]
    Malformed(#[source] JwsError),
    /// `none`, HS*, or an algorithm that does not exist.
    #[error("the logout token's algorithm is not supported")]
    UnsupportedAlgorithm,
    /// `crit`
    #[error("the logout token's header asks for an extension that is not understood")]
    CriticalExtension,
    /// `typ` says that it is something else.
    #[error("the token is not a logout token")]
    WrongType,
    /// Key, algorithm or signature.
    #[error("the logout token's signature was not verified")]
    Signature(#[source] VerifyError),
    /// `iss` is no provider where people sign in.
    #[error("the logout token is from another issuer")]
    IssuerMismatch,
    /// `aud` is missing, malformed, or without a client of ours.
    #[error("the logout token is for another audience")]
    AudienceMismatch,
    /// `iat` is missing or no date.
    #[error("the logout token does not say when it was issued")]
    IssuedAtMalformed,
    /// `iat` is to come.
    #[error("the logout token was issued in the future")]
    IssuedInTheFuture,
    /// No `exp`
    #[error("the logout token has no expiry")]
    ExpiryMissing,
    /// `exp` is no date.
    #[error("the logout token's expiry is malformed")]
    ExpiryMalformed,
    /// `exp` has passed, or it was issued an hour ago.
    #[error("the logout token has expired")]
    Expired,
    /// `sub` is no string, empty, or longer than 1 KiB.
    #[error("the logout token's subject is malformed")]
    SubjectMalformed,
    /// The same of `sid`.
    #[error("the logout token's session id is malformed")]
    SidMalformed,
    /// Neither `sub` nor `sid`.
    #[error("the logout token names neither a person nor a session")]
    NobodyNamed,
    /// `events` is without the logout event.
    #[error("the logout token is about another event")]
    NoLogoutEvent,
    /// It has a `nonce`: it may be an ID token.
    #[error("the logout token has a nonce")]
    NoncePresent,
    /// `jti` is missing, no string, empty, or longer than 1 KiB.
    #[error("the logout token's identifier is malformed")]
    IdentifierMalformed,
    /// It was accepted before.
    #[error("the logout token was used before")]
    Replayed,
    /// There is no room to remember it.
    #[error("too many logout tokens at once")]
    MemoryFull,
    /// Others kept writing where it should be remembered.
    #[error("the logout token cannot be remembered")]
    MemoryContended,
}

impl LogoutTokenError {
    pub(super) const fn of_jws(error: JwsError) -> Self {
        match error {
            JwsError::UnsupportedAlgorithm | JwsError::MissingAlgorithm => Self::UnsupportedAlgorithm,
            JwsError::CriticalExtension => Self::CriticalExtension,
            error => Self::Malformed(error),
        }
    }

    pub(super) const fn of_memory(error: NotRemembered) -> Self {
        match error {
            NotRemembered::Known => Self::Replayed,
            NotRemembered::Full => Self::MemoryFull,
            NotRemembered::Contended => Self::MemoryContended,
        }
    }

    /// Whether it is not the provider's fault: it may try again.
    pub const fn is_ours(self) -> bool {
        matches!(self, Self::MemoryFull | Self::MemoryContended)
    }
}

impl Reason for LogoutTokenError {
    fn code(&self) -> &'static str {
        match self {
            Self::BodyUnreadable => "logout_token.body_unreadable",
            Self::Missing => "logout_token.missing",
            Self::Repeated => "logout_token.repeated",
            Self::Malformed(_) => "logout_token.malformed",
            Self::UnsupportedAlgorithm => "logout_token.algorithm_unsupported",
            Self::CriticalExtension => "logout_token.critical_extension",
            Self::WrongType => "logout_token.wrong_type",
            Self::Signature(error) => match error {
                VerifyError::AlgorithmNotAllowed => "logout_token.algorithm_not_allowed",
                VerifyError::UnknownKey => "logout_token.key_unknown",
                VerifyError::NoFittingKey => "logout_token.key_unfit",
                VerifyError::AmbiguousKey => "logout_token.key_ambiguous",
                VerifyError::SignatureInvalid | VerifyError::SoleKeySignatureInvalid => {
                    "logout_token.signature_invalid"
                }
            },
            Self::IssuerMismatch => "logout_token.issuer_mismatch",
            Self::AudienceMismatch => "logout_token.audience_mismatch",
            Self::IssuedAtMalformed => "logout_token.iat_malformed",
            Self::IssuedInTheFuture => "logout_token.issued_in_the_future",
            Self::ExpiryMissing => "logout_token.exp_missing",
            Self::ExpiryMalformed => "logout_token.exp_malformed",
            Self::Expired => "logout_token.expired",
            Self::SubjectMalformed => "logout_token.sub_malformed",
            Self::SidMalformed => "logout_token.sid_malformed",
            Self::NobodyNamed => "logout_token.nobody_named",
            Self::NoLogoutEvent => "logout_token.no_logout_event",
            Self::NoncePresent => "logout_token.nonce_present",
            Self::IdentifierMalformed => "logout_token.jti_malformed",
            Self::Replayed => "logout_token.replayed",
            Self::MemoryFull => "logout_token.memory_full",
            Self::MemoryContended => "logout_token.memory_contended",
        }
    }
}
