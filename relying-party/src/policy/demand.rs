//! What a rule demands of an identity.

use std::rc::Rc;
use std::time::Duration;

use super::expression::Expression;
use crate::reason::Reason;
use crate::time::UnixTime;

/// What an identity must be for a rule, besides proven.
#[derive(Debug, Default)]
pub struct Demand {
    /// `require`
    pub require: Option<Expression>,
    /// `providers`: the names of those whose identities are admitted; `None`: all.
    pub providers: Option<Vec<String>>,
    /// `audience`: an access token must be for one of these; `None`: for one of its provider's.
    pub audience: Option<Vec<String>>,
    /// `max_age` and `acr_values`
    pub authentication: AuthenticationDemand,
    /// `exchange`: the backend gets another token than the one presented.
    pub exchange: Option<Rc<Exchange>>,
    /// `preserve_form`: a form that is posted without a session is kept over the login.
    pub preserve_form: bool,
}

/// How a person must have authenticated (RFC 9470 §4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthenticationDemand {
    /// At most this long ago.
    pub max_age: Option<Duration>,
    /// In one of these ways; empty: in any.
    pub acr_values: Vec<String>,
}

/// How a person authenticated at the provider, as far as it says so (OIDC Core 1.0 §2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthenticationEvent {
    /// `auth_time`
    pub auth_time: Option<UnixTime>,
    /// `acr`
    pub acr: Option<String>,
}

impl AuthenticationDemand {
    /// Whether any authentication meets it.
    pub const fn is_empty(&self) -> bool {
        self.max_age.is_none() && self.acr_values.is_empty()
    }
}

impl AuthenticationEvent {
    /// Whether it is as `demand` asks (RFC 9470 §6). What the provider did not say did not happen.
    pub fn meets(&self, demand: &AuthenticationDemand, now: UnixTime) -> bool {
        self.check(demand, now).is_ok()
    }

    /// Where it falls short of `demand`.
    pub fn check(&self, demand: &AuthenticationDemand, now: UnixTime) -> Result<(), StepUpError> {
        if let Some(max_age) = demand.max_age {
            let auth_time = self.auth_time.ok_or(StepUpError::AuthTimeMissing)?;
            if now > auth_time + max_age {
                return Err(StepUpError::TooOld);
            }
        }
        let is_strong = || self.acr.as_ref().is_some_and(|acr| demand.acr_values.contains(acr));
        if demand.acr_values.is_empty() || is_strong() { Ok(()) } else { Err(StepUpError::AcrNotMet) }
    }
}

/// Why an authentication is not what was asked for. After a login it is the provider that did not do as it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StepUpError {
    /// The provider does not say when the person authenticated, although it was asked with `max_age`.
    #[error("the provider does not say when the person authenticated")]
    AuthTimeMissing,
    /// The person authenticated longer ago than `max_age`.
    #[error("the person authenticated too long ago")]
    TooOld,
    /// `acr` is none of `acr_values`, or not there.
    #[error("the person did not authenticate in one of the ways asked for")]
    AcrNotMet,
}

impl Reason for StepUpError {
    fn code(&self) -> &'static str {
        match self {
            Self::AuthTimeMissing => "step_up.auth_time_missing",
            Self::TooOld => "step_up.auth_time_too_old",
            Self::AcrNotMet => "step_up.acr_not_met",
        }
    }
}

/// Which token the backend gets (RFC 8693 §2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The name of the provider that exchanges.
    pub provider: String,
    /// `audience`
    pub audience: Option<String>,
    /// `scope`
    pub scope: Option<String>,
}

impl Demand {
    /// Whether identities of `provider` are admitted.
    pub fn admits_provider(&self, provider: &str) -> bool {
        self.providers.as_ref().is_none_or(|admitted| admitted.iter().any(|name| name == provider))
    }
}
