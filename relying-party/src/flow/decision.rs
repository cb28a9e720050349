//! What is told of each decision about security: a count for the statistics, and a line of the audit log, where that is wanted.

#[cfg(test)]
mod alerts;

use serde_json::{Map, Value};

use crate::audit::{AuditLine, Subject};
use crate::denial::Denial;
use crate::log::LogLine;
use crate::metrics::Metric;
use crate::protocol::challenge::BearerError;

use super::Scene;
use super::visit::{Visit, request_id};

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// A browser goes to the provider.
    LoginBegun,
    /// Somebody is signed in.
    Login,
    /// Nobody is.
    LoginFailed,
    /// A rule wants a newer or a stronger authentication.
    StepUp,
    /// An access token is good.
    TokenVerified,
    /// An access token does not admit the request, or there is none.
    TokenRefused,
    /// Whoever asks may not.
    PolicyDenial,
    /// A request is refused for another reason.
    Refusal,
    /// A session goes on.
    Refresh,
    /// A session could not be refreshed, for now.
    RefreshFailed,
    /// A session could not be refreshed, and is over.
    SessionEnded,
    /// Somebody has signed out.
    Logout,
}

impl Decision {
    /// What is counted, and what the audit log calls it, if it has a line there.
    const fn told_as(self) -> (Metric, Option<&'static str>) {
        match self {
            Self::LoginBegun => (Metric::LoginsStarted, None),
            Self::Login => (Metric::LoginsFinished, Some("login")),
            Self::LoginFailed => (Metric::LoginsFailed, Some("login_failed")),
            Self::StepUp => (Metric::StepUps, Some("step_up")),
            Self::TokenVerified => (Metric::TokensVerified, None),
            Self::TokenRefused => (Metric::TokensRefused, Some("refusal")),
            Self::PolicyDenial => (Metric::RequestsRefused, Some("policy_denial")),
            Self::Refusal => (Metric::RequestsRefused, Some("refusal")),
            Self::Refresh => (Metric::SessionsRefreshed, Some("refresh")),
            Self::RefreshFailed => (Metric::RefreshesFailed, Some("refresh_failed")),
            Self::SessionEnded => (Metric::SessionsEnded, Some("session_ended")),
            Self::Logout => (Metric::SessionsEnded, Some("logout")),
        }
    }

    /// What a refusal is. Failures of a provider are those of a login where it is known at which.
    pub(super) const fn of(denial: &Denial, provider: Option<&str>) -> Self {
        match denial {
            Denial::FormUnreadable
            | Denial::Callback(_)
            | Denial::Login(_)
            | Denial::LoginOvertaken
            | Denial::LoginLoop(_)
            | Denial::InsecureScheme
            | Denial::LoginEmbedded
            | Denial::LoginUnavailable
            | Denial::UnknownProvider
            | Denial::Authorization(_)
            | Denial::PushedAuthorization(_)
            | Denial::Token(_)
            | Denial::IdToken(_)
            | Denial::Userinfo(_)
            | Denial::SessionTooLarge { .. }
            | Denial::StepUp(_) => Self::LoginFailed,
            Denial::ProviderNotReady
            | Denial::ProviderOutdated
            | Denial::Provider(_)
            | Denial::ClientAuthentication(_)
            | Denial::StoreUnavailable
                if provider.is_some() =>
            {
                Self::LoginFailed
            }
            Denial::RequirementNotMet
            | Denial::ClaimsElsewhere(_)
            | Denial::Bearer(BearerError::RequirementNotMet | BearerError::InsufficientScope(_)) => Self::PolicyDenial,
            Denial::StepUpRequired(_) | Denial::Bearer(BearerError::Authentication(_)) => Self::StepUp,
            Denial::Bearer(_) | Denial::Introspection(_) => Self::TokenRefused,
            _ => Self::Refusal,
        }
    }
}

/// What belongs to a decision, as far as there is any.
#[derive(Clone, Copy, Default)]
pub(super) struct About<'a> {
    pub(super) provider: Option<&'a str>,
    pub(super) reason: Option<&'static str>,
    /// The request.
    pub(super) visit: Option<&'a Visit>,
    pub(super) subject: Option<Subject<'a>>,
}

impl<'a> About<'a> {
    /// With the person or program that these claims are about.
    pub(super) fn whom(self, claims: &'a Map<String, Value>) -> Self {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let subject = text("iss").zip(text("sub"));
        Self { subject: subject.map(|(issuer, subject)| Subject { issuer, subject }), ..self }
    }
}

impl Scene<'_> {
    /// Counts a decision, and writes it down.
    pub(super) fn tell(&mut self, decision: Decision, About { provider, reason, visit, subject }: About<'_>) {
        let (metric, event) = decision.told_as();
        let index = provider.and_then(|name| self.providers.iter().position(|slot| slot.config.name == name));
        self.metrics.count(metric, index, reason);
        if decision == Decision::Login {
            self.metrics.count(Metric::SessionsOpened, index, None);
        }
        let (Some(audit), Some(event)) = (&self.config.audit, event) else { return };
        let subject = subject.map(|subject| audit.name(subject, self.config.session.as_ref()));
        let line = AuditLine {
            time: self.now,
            event,
            reason,
            provider: index.and(provider),
            rule: visit.and_then(|visit| visit.rule_name(self.config)),
            request_id: visit.and_then(|visit| request_id(&visit.head)),
            subject: subject.as_deref(),
        };
        self.log.push(LogLine::info(line.to_string()));
    }
}
