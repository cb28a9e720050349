//! What an admitted request takes along to the backend. A rule with `exchange` has no way there but with the exchanged token.

use std::rc::Rc;
use std::time::Duration;

use super::cache::{Weighed, weight_of_text};
use super::{Admitted, LiveIdentity};
use crate::config::IdentityHeader;
use crate::policy::demand::Exchange;
use crate::policy::request_view::RequestView;
use crate::protocol::token_exchange::IssuedToken;
use crate::secret::Secret;
use crate::time::UnixTime;

/// How much earlier than its issuer says an exchanged token is replaced: it is on its way for a while.
const MARGIN: Duration = Duration::from_secs(30);
/// How long a token is used whose issuer does not say how long it lives.
const UNKNOWN_LIFETIME: Duration = Duration::from_secs(60);

/// What comes after an [`Admission`](super::Admission).
pub enum Onward {
    /// The way to the backend is open.
    Open(Passage),
    /// First the request's token is to be exchanged.
    Exchange(PendingExchange),
    /// A token is to be exchanged, and the session has none that is still good.
    TokenMissing,
}

/// All that going on to the backend takes.
pub struct Passage {
    pub(super) who: Admitted,
    pub(super) credentials: Credentials,
}

/// Which credentials the backend sees.
pub(super) enum Credentials {
    /// Those of the request, as far as no managed header replaces them.
    Presented,
    /// None.
    Withheld,
    /// Another token than the one presented.
    Exchanged(Rc<ExchangedToken>),
}

impl Passage {
    /// The names and values of the identity headers that have a value. `access_token` is the token that the backend may see.
    pub fn headers(&self, headers: &[IdentityHeader], request: Option<&RequestView<'_>>) -> Rc<[(String, String)]> {
        let Some(identity) = self.who.identity() else { return Rc::default() };
        match &self.credentials {
            Credentials::Exchanged(token) if headers.iter().any(|header| header.value.references().access_token) => {
                identity.with_access_token(token).headers(headers, request)
            }
            Credentials::Exchanged(_) | Credentials::Presented | Credentials::Withheld => {
                identity.headers(headers, request)
            }
        }
    }

    /// What the host gets to know, where that is configured.
    pub fn properties(
        &self,
        properties: &[IdentityHeader],
        request: Option<&RequestView<'_>>,
    ) -> Option<Rc<[(String, String)]>> {
        let identity = self.who.identity().filter(|_| !properties.is_empty())?;
        Some(identity.properties(properties, request))
    }

    /// Whether the credentials of the request must not reach the backend.
    pub const fn withholds_credentials(&self) -> bool {
        !matches!(self.credentials, Credentials::Presented)
    }

    /// The token that the backend gets instead.
    pub const fn exchanged(&self) -> Option<&Rc<ExchangedToken>> {
        match &self.credentials {
            Credentials::Exchanged(token) => Some(token),
            Credentials::Presented | Credentials::Withheld => None,
        }
    }
}

/// An admitted request whose token is to be exchanged.
pub struct PendingExchange {
    pub(super) who: Admitted,
    pub(super) exchange: Rc<Exchange>,
    pub(super) subject: Secret<String>,
    pub(super) subject_expires_at: Option<UnixTime>,
}

impl PendingExchange {
    /// For what.
    pub fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// The token to be exchanged.
    pub const fn subject(&self) -> &Secret<String> {
        &self.subject
    }

    /// The token that was issued for it, to be used no longer than itself.
    pub fn issued(&self, token: IssuedToken, now: UnixTime) -> ExchangedToken {
        let IssuedToken { access_token, expires_in, .. } = token;
        let expires_at = expires_in.map_or(now + UNKNOWN_LIFETIME, |lifetime| now + lifetime - MARGIN);
        let valid_until = self.subject_expires_at.map_or(expires_at, |subject| subject.min(expires_at));
        let authorization = Secret::new(format!("Bearer {}", access_token.expose()));
        ExchangedToken { access_token, authorization, valid_until }
    }

    /// Opens the way.
    pub fn with(self, token: Rc<ExchangedToken>) -> Passage {
        Passage { who: self.who, credentials: Credentials::Exchanged(token) }
    }
}

/// A token for the backend.
#[derive(Debug, PartialEq, Eq)]
pub struct ExchangedToken {
    access_token: Secret<String>,
    authorization: Secret<String>,
    valid_until: UnixTime,
}

impl ExchangedToken {
    /// The token.
    pub const fn access_token(&self) -> &Secret<String> {
        &self.access_token
    }

    /// The value of `authorization` (RFC 6750 §2.1).
    pub const fn authorization(&self) -> &Secret<String> {
        &self.authorization
    }

    /// Whether another request may use it.
    pub fn is_valid(&self, now: UnixTime) -> bool {
        now < self.valid_until
    }
}

impl Weighed for ExchangedToken {
    fn weight(&self) -> usize {
        let texts = [&self.access_token, &self.authorization].map(|text| weight_of_text(text.expose()));
        texts.into_iter().fold(size_of::<Self>(), usize::saturating_add)
    }
}

impl LiveIdentity {
    /// The same identity for a backend that gets `token`; kept for the next request with the same.
    fn with_access_token(&self, token: &Rc<ExchangedToken>) -> Rc<Self> {
        let mut kept = self.exchanged.borrow_mut();
        match &*kept {
            Some((of, identity)) if Rc::ptr_eq(of, token) => Rc::clone(identity),
            _ => {
                let mut identity = self.identity().clone();
                identity.access_token = Some(token.access_token.clone());
                let identity = Rc::new(Self::new(identity));
                *kept = Some((Rc::clone(token), Rc::clone(&identity)));
                identity
            }
        }
    }
}
