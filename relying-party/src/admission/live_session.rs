//! A session that was opened, and what was evaluated for it: the next request with the same cookie finds it ready.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;

use crate::config::IdentityHeader;
use crate::policy::expression::{Credential, Expression, Identity, RequestView, Subject};
use crate::session::Session;
use crate::time::UnixTime;

/// An opened session.
pub struct LiveSession {
    session: Session,
    host: String,
    resealing_due: bool,
    valid_until: UnixTime,
    subject: Subject,
    /// Rule index → whether its requirement holds. Only for requirements that do not look at the request.
    requirements: RefCell<BTreeMap<usize, bool>>,
    /// The values of the identity headers that do not look at the request, in the order of the configuration.
    headers: OnceCell<Vec<Option<String>>>,
}

impl LiveSession {
    /// `session` was sealed for `host`, with an older key if `resealing_due`.
    pub fn new(session: Session, host: String, resealing_due: bool, now: UnixTime) -> Self {
        let token = session.access_token.as_ref();
        let fresh_token = token.filter(|token| token.expires_at.is_none_or(|expires_at| now < expires_at));
        let subject = Subject::new(Identity {
            provider: session.provider.clone(),
            credential: Credential::Session,
            claims: session.claims.clone(),
            scopes: session.scopes.clone(),
            access_token: fresh_token.map(|token| token.value.clone()),
        });
        let token_expires_at = fresh_token.and_then(|token| token.expires_at);
        let session_ends_at = session.expires_at.min(session.idle_expires_at);
        let valid_until = token_expires_at.map_or(session_ends_at, |token_expires_at| session_ends_at.min(token_expires_at));
        let (requirements, headers) = (RefCell::default(), OnceCell::new());
        Self { session, host, resealing_due, valid_until, subject, requirements, headers }
    }

    /// The session itself.
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// Whether it was sealed with an older key.
    pub const fn resealing_due(&self) -> bool {
        self.resealing_due
    }

    /// Whether all that was evaluated for it still holds, for a request to `host`.
    pub fn is_valid(&self, host: &str, now: UnixTime) -> bool {
        self.host == host && now < self.valid_until
    }

    /// Whether `require`, of the rule with this index, holds. What cannot be evaluated does not hold.
    pub fn meets(&self, rule: usize, require: &Expression, request: Option<&RequestView>) -> bool {
        if require.references().request {
            return require.holds(&self.subject, request).unwrap_or(false);
        }
        let evaluate = || require.holds(&self.subject, None).unwrap_or(false);
        *self.requirements.borrow_mut().entry(rule).or_insert_with(evaluate)
    }

    /// Calls `give` with the name and value of each identity header that has a value.
    pub fn identity_headers(&self, headers: &[IdentityHeader], request: Option<&RequestView>, mut give: impl FnMut(&str, &str)) {
        let evaluate_once = |header: &IdentityHeader| {
            if header.value.references().request { None } else { header.value.text(&self.subject, None) }
        };
        let cached = self.headers.get_or_init(|| headers.iter().map(evaluate_once).collect());
        for (header, cached) in headers.iter().zip(cached) {
            if header.value.references().request {
                if let Some(value) = header.value.text(&self.subject, request) {
                    give(&header.name, &value);
                }
            } else if let Some(value) = cached {
                give(&header.name, value);
            }
        }
    }
}
