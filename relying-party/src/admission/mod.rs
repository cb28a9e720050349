//! Who is let through. An [`Admission`] is a proof: whoever holds one holds the outcome of a verification.

pub mod assertion;
pub mod cache;
mod keyed_hash;
mod live_identity;
mod live_session;
mod live_token;
mod passage;
#[cfg(test)]
mod tests;

use std::rc::Rc;

use crate::config::{Authentication, Rule};
use crate::policy::demand::{AuthenticationDemand, Demand, Exchange};
use crate::policy::request_view::RequestView;
use crate::protocol::access_token::AccessTokenError;
use crate::protocol::challenge::BearerError;
use crate::protocol::confirmation::Possession;
use crate::session::claims::ClaimsElsewhere;
use crate::time::UnixTime;

use self::passage::Credentials;

pub use self::assertion::Assertion;
pub use self::live_identity::LiveIdentity;
pub use self::live_session::{LiveSession, Upkeep};
pub use self::live_token::{LiveToken, TokenOrigin};
pub use self::passage::{ExchangedToken, Onward, Passage, PendingExchange};

/// Leave to go on to the backend. Comes only from a verified credential or from a rule that admits anonymous requests.
pub struct Admission {
    who: Admitted,
    /// What the rule wants done before.
    exchange: Option<Rc<Exchange>>,
}

enum Admitted {
    Session(Rc<LiveSession>),
    Token(Rc<LiveToken>),
    Anonymous,
}

/// Why a session does not admit a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotAdmitted {
    /// The person authenticated too long ago, or not strongly enough.
    Authentication(AuthenticationDemand),
    /// The rule's `require` does not hold, or cannot be evaluated.
    Requirement,
    /// It does not hold, and it looks at these claims, which the provider did not send.
    ClaimsElsewhere(ClaimsElsewhere),
}

impl Admission {
    /// By a session, for the rule with this index and demand, or for the default (`None`).
    pub fn by_session(
        session: Rc<LiveSession>,
        rule: Option<(usize, &Demand)>,
        request: Option<&RequestView<'_>>,
        now: UnixTime,
    ) -> Result<Self, NotAdmitted> {
        let Some((rule, demand)) = rule else { return Ok(Self { who: Admitted::Session(session), exchange: None }) };
        if !session.was_authenticated(&demand.authentication, now) {
            return Err(NotAdmitted::Authentication(demand.authentication.clone()));
        }
        match &demand.require {
            Some(require) if !session.identity().meets(rule, require, request) => {
                let elsewhere = ClaimsElsewhere::of(&session.session().left_elsewhere, &require.references().claims);
                Err(elsewhere.map_or(NotAdmitted::Requirement, NotAdmitted::ClaimsElsewhere))
            }
            Some(_) | None => Ok(Self { who: Admitted::Session(session), exchange: demand.exchange.clone() }),
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
            Some(_) | None => Ok(Self { who: Admitted::Token(token), exchange: demand.exchange.clone() }),
        }
    }

    /// By a rule that admits requests without an identity; `None` for every other rule.
    pub fn anonymous(rule: &Rule) -> Option<Self> {
        match &rule.authentication {
            Authentication::Optional(demand) => {
                Some(Self { who: Admitted::Anonymous, exchange: demand.exchange.clone() })
            }
            Authentication::Public => Some(Self { who: Admitted::Anonymous, exchange: None }),
            Authentication::Session(_) | Authentication::Bearer(_) | Authentication::Any(_) => None,
        }
    }

    /// Who is let through.
    pub fn identity(&self) -> Option<&LiveIdentity> {
        self.who.identity()
    }

    /// What is left to do. Without an identity there is nothing to exchange, and nothing for the backend to see.
    pub fn onward(self) -> Onward {
        let Self { who, exchange } = self;
        let Some(exchange) = exchange else {
            return Onward::Open(Passage { who, credentials: Credentials::Presented });
        };
        let Some(identity) = who.identity() else {
            return Onward::Open(Passage { who, credentials: Credentials::Withheld });
        };
        match identity.identity().access_token.clone() {
            Some(subject) => {
                let subject_expires_at = who.token_expires_at();
                Onward::Exchange(PendingExchange { who, exchange, subject, subject_expires_at })
            }
            None => Onward::TokenMissing,
        }
    }
}

impl Admitted {
    /// The identity that goes to the backend.
    fn identity(&self) -> Option<&LiveIdentity> {
        match self {
            Self::Session(session) => Some(session.identity()),
            Self::Token(token) => Some(token.identity()),
            Self::Anonymous => None,
        }
    }

    /// When the access token ends, as far as is known.
    fn token_expires_at(&self) -> Option<UnixTime> {
        match self {
            Self::Session(session) => session.session().tokens.expires_at,
            Self::Token(token) => Some(token.expires_at()),
            Self::Anonymous => None,
        }
    }
}
