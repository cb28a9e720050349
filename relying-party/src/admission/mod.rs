//! Who is let through. An [`Admission`] is a proof: whoever holds one holds the outcome of a verification.

pub mod cache;
mod live_identity;
mod live_session;

use std::rc::Rc;

use crate::config::{Authentication, Rule};
use crate::policy::demand::Demand;
use crate::policy::request_view::RequestView;

pub use self::live_identity::LiveIdentity;
pub use self::live_session::LiveSession;

/// Leave to go on to the backend. Comes only from a verified credential or from a rule that admits anonymous requests.
pub struct Admission(Admitted);

enum Admitted {
    Session(Rc<LiveSession>),
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
            Admitted::Anonymous => None,
        }
    }
}
