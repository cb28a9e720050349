//! Who is let through. An [`Admission`] is a proof: whoever holds one holds the outcome of a verification.

pub mod cache;
mod live_identity;
mod live_session;
mod live_token;
#[cfg(test)]
mod tests;

use std::rc::Rc;

use crate::config::{Authentication, Rule};
use crate::policy::demand::Demand;
use crate::policy::request_view::RequestView;
use crate::protocol::access_token::AccessTokenError;
use crate::protocol::challenge::BearerError;
use crate::protocol::confirmation::Possession;
use crate::time::UnixTime;

pub use self::live_identity::LiveIdentity;
pub use self::live_session::LiveSession;
pub use self::live_token::{LiveToken, TokenOrigin};

/// Leave to go on to the backend. Comes only from a verified credential or from a rule that admits anonymous requests.
pub struct Admission(Admitted);

enum Admitted {
    Session(Rc<LiveSession>),
    Token(Rc<LiveToken>),
    Anonymous,
}

/// The rule's `require` does not hold, or cannot be evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequirementNotMet;

impl Admission {
    /// By a session, for the rule with this index and demand, or for the default (`None`).
    pub fn by_session(
        session: Rc<LiveSession>,
        rule: Option<(usize, &Demand)>,
        request: Option<&RequestView<'_>>,
    ) -> Result<Self, RequirementNotMet> {
        match rule.and_then(|(rule, demand)| Some((rule, demand.require.as_ref()?))) {
            Some((rule, require)) if !session.identity().meets(rule, require, request) => Err(RequirementNotMet),
            Some(_) | None => Ok(Self(Admitted::Session(session))),
        }
    }

    /// By an access token whose presenter may use it, for the rule with this index and demand. The token must be for one of
    /// `audience`: the rule's, or else its provider's.
    pub fn by_token(
        token: Rc<LiveToken>,
        _: &Possession,
        (rule, demand): (usize, &Demand),
        audience: &[String],
        request: Option<&RequestView<'_>>,
        now: UnixTime,
    ) -> Result<Self, BearerError> {
        if !demand.admits_provider(&token.identity().identity().provider) {
            return Err(AccessTokenError::IssuerMismatch.into());
        }
        if !token.is_for(demand.audience.as_deref(), audience) {
            return Err(AccessTokenError::AudienceMismatch.into());
        }
        if !token.was_authenticated(&demand.authentication, now) {
            return Err(BearerError::Authentication(demand.authentication.clone()));
        }
        match &demand.require {
            Some(require) if !token.identity().meets(rule, require, request) => {
                Err(match token.identity().scopes_wanting(require, request) {
                    Some(scopes) => BearerError::InsufficientScope(scopes),
                    None => BearerError::RequirementNotMet,
                })
            }
            Some(_) | None => Ok(Self(Admitted::Token(token))),
        }
    }

    /// By a rule that admits requests without an identity; `None` for every other rule.
    pub const fn anonymous(rule: &Rule) -> Option<Self> {
        match rule.authentication {
            Authentication::Optional(_) | Authentication::Public => Some(Self(Admitted::Anonymous)),
            Authentication::Session(_) | Authentication::Bearer(_) | Authentication::Any(_) => None,
        }
    }

    /// The identity that goes to the backend.
    pub fn identity(&self) -> Option<&LiveIdentity> {
        match &self.0 {
            Admitted::Session(session) => Some(session.identity()),
            Admitted::Token(token) => Some(token.identity()),
            Admitted::Anonymous => None,
        }
    }
}
