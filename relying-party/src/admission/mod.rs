//! Who is let through. An [`Admission`] is a proof: whoever holds one holds the outcome of a verification.

pub mod cache;
mod live_session;

use std::rc::Rc;

use crate::config::{Authentication, Rule};
use crate::policy::expression::Expression;
use crate::policy::request_view::RequestView;

pub use self::live_session::LiveSession;

/// Leave to go on to the backend. Comes only from a verified session or from a rule that admits anonymous requests.
pub struct Admission(Option<Rc<LiveSession>>);

/// The rule's `require` does not hold, or cannot be evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequirementNotMet;

impl Admission {
    /// By a session; `require` is the matching rule's index and requirement, if it has one.
    pub fn by_session(
        session: Rc<LiveSession>,
        require: Option<(usize, &Expression)>,
        request: Option<&RequestView<'_>>,
    ) -> Result<Self, RequirementNotMet> {
        match require {
            Some((rule, require)) if !session.meets(rule, require, request) => Err(RequirementNotMet),
            Some(_) | None => Ok(Self(Some(session))),
        }
    }

    /// By a rule that admits requests without an identity; `None` for every other rule.
    pub const fn anonymous(rule: &Rule) -> Option<Self> {
        match rule.authentication {
            Authentication::Optional { .. } | Authentication::Public => Some(Self(None)),
            Authentication::Session { .. } => None,
        }
    }

    /// The session whose identity goes to the backend.
    pub fn session(&self) -> Option<&LiveSession> {
        self.0.as_deref()
    }
}
