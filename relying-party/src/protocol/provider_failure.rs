//! What can become of any call to a provider.

use super::{DiscoveryError, JwksError};
use crate::http::CalloutOutcome;
use crate::reason::Reason;

/// Why a call to a provider brought nothing usable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProviderFailure {
    /// The host would not send the request.
    #[error("the request could not be sent; is `cluster` the name of a cluster that exists?")]
    NotSent,
    /// Unreachable, reset, or too slow.
    #[error("no answer")]
    NoAnswer,
    /// More than is ever read.
    #[error("the answer is too large")]
    AnswerTooLarge,
    /// Metadata that cannot be had or used.
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
    /// Keys that cannot be had or used.
    #[error(transparent)]
    Jwks(#[from] JwksError),
}

impl ProviderFailure {
    /// Status and body of an answer, if there is one.
    pub fn answer(outcome: CalloutOutcome) -> Result<(u16, Vec<u8>), Self> {
        match outcome {
            CalloutOutcome::Answered { status, body, .. } => Ok((status, body)),
            CalloutOutcome::TooLarge => Err(Self::AnswerTooLarge),
            CalloutOutcome::Refused => Err(Self::NotSent),
            CalloutOutcome::Failed => Err(Self::NoAnswer),
        }
    }

    /// Whether trying again may help without anybody mending anything.
    pub const fn is_temporary(&self) -> bool {
        match self {
            Self::NotSent
            | Self::NoAnswer
            | Self::Discovery(DiscoveryError::Unavailable { .. })
            | Self::Jwks(JwksError::Unavailable { .. }) => true,
            Self::AnswerTooLarge | Self::Discovery(_) | Self::Jwks(_) => false,
        }
    }
}

impl Reason for ProviderFailure {
    fn code(&self) -> &'static str {
        match self {
            Self::NotSent => "provider.no_cluster",
            Self::NoAnswer => "provider.unreachable",
            Self::AnswerTooLarge => "provider.answer_too_large",
            Self::Discovery(error) => error.code(),
            Self::Jwks(error) => error.code(),
        }
    }
}
