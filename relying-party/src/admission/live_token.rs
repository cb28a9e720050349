//! An access token that was verified.

use std::rc::Rc;

use super::cache::{Weighed, weight_of_claims, weight_of_text};
use super::live_identity::LiveIdentity;
use crate::flow::provider::TrustEpoch;
use crate::policy::demand::{AuthenticationDemand, AuthenticationEvent};
use crate::policy::identity::{Credential, Identity};
use crate::protocol::access_token::{TokenAudience, VerifiedAccessToken};
use crate::protocol::confirmation::Confirmation;
use crate::secret::Secret;
use crate::time::UnixTime;

/// A verified access token.
pub struct LiveToken {
    identity: LiveIdentity,
    /// The provider's index in the configuration.
    provider: usize,
    /// The index of the rule under which that provider was chosen.
    rule: usize,
    audience: TokenAudience,
    confirmation: Confirmation,
    authentication: AuthenticationEvent,
    expires_at: UnixTime,
    trust: Option<TrustEpoch>,
    valid_until: UnixTime,
}

/// Who issued a token, and under which keys.
#[derive(Clone, Copy)]
pub struct TokenOrigin<'a> {
    /// The provider's index in the configuration.
    pub provider: usize,
    /// Its name.
    pub name: &'a str,
    /// Which of its keys were trusted; `None` when it was asked.
    pub trust: Option<TrustEpoch>,
    /// The index of the rule under which it was chosen: another may choose another of those with the same issuer.
    pub rule: usize,
}

impl LiveToken {
    /// What was `verified` of the token `text`, until `valid_until`.
    pub fn new(verified: VerifiedAccessToken, text: &str, origin: TokenOrigin<'_>, valid_until: UnixTime) -> Self {
        let acr = verified.acr().map(str::to_owned);
        let VerifiedAccessToken { claims, scopes, audience, auth_time, confirmation, expires_at, .. } = verified;
        let identity = Identity {
            provider: origin.name.to_owned(),
            credential: Credential::Bearer,
            claims: Rc::new(claims),
            scopes,
            access_token: Some(Secret::new(text.to_owned())),
        };
        let identity = LiveIdentity::new(identity);
        let TokenOrigin { provider, trust, rule, .. } = origin;
        Self {
            identity,
            provider,
            rule,
            audience,
            confirmation,
            authentication: AuthenticationEvent { auth_time, acr },
            expires_at,
            trust,
            valid_until,
        }
    }

    /// Whose token it is.
    pub const fn identity(&self) -> &LiveIdentity {
        &self.identity
    }

    /// The index of the provider that issued it.
    pub const fn provider(&self) -> usize {
        self.provider
    }

    /// The index of the rule under which that provider was chosen.
    pub const fn rule(&self) -> usize {
        self.rule
    }

    /// When it ends.
    pub const fn expires_at(&self) -> UnixTime {
        self.expires_at
    }

    /// Until when what was verified holds, unless a key is withdrawn.
    pub const fn valid_until(&self) -> UnixTime {
        self.valid_until
    }

    /// What it is bound to.
    pub const fn confirmation(&self) -> &Confirmation {
        &self.confirmation
    }

    /// Whether it is for one of the rule's `audience`, or of its provider's when the rule has none.
    pub fn is_for(&self, of_rule: Option<&[String]>, of_provider: &[String]) -> bool {
        match &self.audience {
            TokenAudience::Named(named) => named.iter().any(|own| of_rule.unwrap_or(of_provider).contains(own)),
            TokenAudience::Asker => of_rule.is_none(),
        }
    }

    /// Whether its owner authenticated as `demand` asks (RFC 9470 §6). What the token does not say did not happen.
    pub fn was_authenticated(&self, demand: &AuthenticationDemand, now: UnixTime) -> bool {
        self.authentication.meets(demand, now)
    }

    /// Whether what was verified still holds, while its issuer's keys are those of `trust`.
    pub fn is_valid(&self, trust: Option<TrustEpoch>, now: UnixTime) -> bool {
        now < self.valid_until && (self.trust.is_none() || trust == self.trust)
    }
}

impl Weighed for LiveToken {
    /// The token itself, its claims, and as much again for the headers that are made of them.
    fn weight(&self) -> usize {
        let identity = self.identity.identity();
        let text = identity.access_token.as_ref().map_or(0, |token| weight_of_text(token.expose()));
        let claims = weight_of_claims(identity.claims.by_name()).saturating_mul(2);
        size_of::<Self>().saturating_add(text).saturating_add(claims)
    }
}
