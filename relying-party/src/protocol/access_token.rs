//! Access tokens that are JWTs: validation as RFC 9068 §4 and RFC 7519 §7.2 prescribe it.

mod checks;
mod error;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::time::Duration;

use serde_json::{Map, Value};

use self::checks::{audience, issuer, kind, scopes, time, typ};
pub use self::error::AccessTokenError;
use super::confirmation::Confirmation;
use super::numeric_date::numeric_date;
use crate::config::Issuer;
use crate::jose::{JwkSet, JwsAlgorithm, SignatureVerifier, UnverifiedJwt, VerifyError};
use crate::time::UnixTime;

/// An access token as it was presented. Of its claims only those can be seen that choose the issuer.
pub struct UnverifiedAccessToken(Box<UnverifiedJwt>);

/// What an access token must be.
#[derive(Clone, Copy)]
pub struct ExpectedAccessToken<'a> {
    /// The configured issuer.
    pub issuer: &'a Issuer,
    /// The clients that this deployment is at the issuer: the audiences of ID tokens.
    pub client_ids: &'a [&'a str],
    /// It must say that it is an access token (RFC 9068 §2.1).
    pub must_be_typed: bool,
    /// Signature algorithms accepted from this issuer.
    pub algorithms: &'a [JwsAlgorithm],
    /// Tolerated difference between the clocks.
    pub clock_skew: Duration,
}

impl UnverifiedAccessToken {
    /// Reads a compact JWS whose payload is a JSON object.
    pub fn parse(token: &str) -> Result<Self, AccessTokenError> {
        UnverifiedJwt::parse(token).map(|jwt| Self(Box::new(jwt))).map_err(AccessTokenError::Malformed)
    }

    /// Who claims to have issued it: `iss`, or the trust domain of a SPIFFE ID in `sub`.
    pub fn issuer(&self) -> Option<Cow<'_, str>> {
        self.0.issuer().map(Cow::Borrowed).or_else(|| self.trust_domain().map(Cow::Owned))
    }

    /// Whether it claims to come from `issuer`.
    pub fn claims_to_come_from(&self, issuer: &Issuer) -> bool {
        self.issuer_as_of(issuer).is_some_and(|claimed| issuer.accepts(&claimed))
    }

    /// The claim that says so. The keys of a trust domain speak for its own SPIFFE IDs alone, whatever `iss` says, which may be
    /// missing (SPIFFE JWT-SVID §3.1, §5).
    fn issuer_as_of(&self, issuer: &Issuer) -> Option<Cow<'_, str>> {
        if issuer.is_trust_domain() { self.trust_domain().map(Cow::Owned) } else { self.0.issuer().map(Cow::Borrowed) }
    }

    fn trust_domain(&self) -> Option<String> {
        let (name, _) = self.0.subject()?.strip_prefix("spiffe://")?.split_once('/')?;
        Some(format!("spiffe://{name}"))
    }

    /// Whether it claims to be for one of `audience`; only to choose among several providers with one issuer.
    pub fn claims_to_be_for(&self, audience: &[String]) -> bool {
        self.0.claims_audience(audience)
    }

    /// Whether it has a `cnf`; only to know whether the connection matters.
    pub fn claims_to_be_bound(&self) -> bool {
        self.0.has_confirmation()
    }

    /// Validates the token. Its audience and the proof of its key depend on the rule and the request: they are checked there.
    pub fn verify(
        self,
        expected: &ExpectedAccessToken<'_>,
        keys: &JwkSet,
        verifier: &dyn SignatureVerifier,
        now: UnixTime,
    ) -> Result<VerifiedAccessToken, NotVerified> {
        let is_typed = typ::check(self.0.typ(), expected)?; // RFC 9068 §4; RFC 8725 §3.11
        let claimed = self.issuer_as_of(expected.issuer).map(Cow::into_owned);
        let jwt = self.0.verify(keys, expected.algorithms, verifier).map_err(NotVerified::by_signature)?;
        let key_issuer = jwt.key().issuer.clone();
        let claims = jwt.into_claims();
        issuer::check(claimed.as_deref(), expected.issuer, key_issuer.as_deref(), &claims)?;
        let expires_at = time::not_expired(&claims, now, expected.clock_skew)?;
        time::already_valid(&claims, now, expected.clock_skew)?;
        kind::check(&claims, is_typed, expected.client_ids)?;
        VerifiedAccessToken::of(claims, expires_at).map_err(NotVerified::from)
    }
}

/// An access token that passed every check that does not depend on the request. It comes from
/// [`UnverifiedAccessToken::verify`] and from the issuer's own answer ([introspection](super::introspection)).
#[derive(Clone)]
pub struct VerifiedAccessToken {
    /// Every claim.
    pub claims: Map<String, Value>,
    /// `scope`, or `scp`
    pub scopes: Vec<String>,
    /// `aud`
    pub audience: TokenAudience,
    /// `exp`; when its issuer was asked and did not say, when it must be asked again.
    pub expires_at: UnixTime,
    /// `auth_time`
    pub auth_time: Option<UnixTime>,
    /// `cnf`: what a client must prove besides having the token.
    pub confirmation: Confirmation,
    _verified: Verified,
}

/// Whom a token is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenAudience {
    /// Those that it names; perhaps nobody.
    Named(Vec<String>),
    /// It names nobody, but its issuer told this deployment about it: as its `audience` at this issuer (RFC 7662 §4).
    Asker,
}

impl TokenAudience {
    /// Whom it names.
    pub fn named(&self) -> &[String] {
        match self {
            Self::Named(named) => named,
            Self::Asker => &[],
        }
    }
}

/// How long an answer of an issuer is relied on: so soon a revoked token stops working.
pub(crate) const RELY_ON_ANSWER: Duration = Duration::from_secs(60);

/// Keeps [`VerifiedAccessToken`] from being made elsewhere.
#[derive(Clone)]
struct Verified;

impl VerifiedAccessToken {
    /// Reads the claims of a token that was verified.
    pub(super) fn of(claims: Map<String, Value>, expires_at: UnixTime) -> Result<Self, AccessTokenError> {
        let auth_time = numeric_date(&claims, "auth_time").map_err(|_| AccessTokenError::AuthTimeMalformed)?;
        let confirmation = Confirmation::of(&claims).map_err(AccessTokenError::Confirmation)?;
        let (scopes, audience) = (scopes::read(&claims)?, TokenAudience::Named(audience::read(&claims)?));
        Ok(Self { scopes, audience, expires_at, auth_time, confirmation, claims, _verified: Verified })
    }

    /// Checks what the issuer itself says of an active token (RFC 7662 §2.2). All of it is optional, so what is not said is not
    /// checked; what is said counts.
    pub(super) fn introspected(
        claims: Map<String, Value>,
        expected: &ExpectedAccessToken<'_>,
        now: UnixTime,
    ) -> Result<Self, AccessTokenError> {
        if let Some(claimed) = said(&claims, "iss") {
            issuer::check(Some(claimed.as_str().unwrap_or_default()), expected.issuer, None, &claims)?;
        }
        let expires_at = match said(&claims, "exp") {
            Some(_) => time::not_expired(&claims, now, expected.clock_skew)?,
            None => now + RELY_ON_ANSWER,
        };
        time::already_valid(&claims, now, expected.clock_skew)?;
        kind::check(&claims, false, expected.client_ids)?;
        let names_nobody = said(&claims, "aud").is_none();
        let token = Self::of(claims, expires_at)?;
        Ok(if names_nobody { Self { audience: TokenAudience::Asker, ..token } } else { token })
    }

    /// Until when it counts, by a clock that may differ from its issuer's by `clock_skew`.
    pub fn good_until(&self, clock_skew: Duration) -> UnixTime {
        self.expires_at + clock_skew
    }

    /// `acr`, if it is a string.
    pub fn acr(&self) -> Option<&str> {
        self.claims.get("acr").and_then(Value::as_str)
    }
}

/// A claim, unless it is null.
fn said<'c>(claims: &'c Map<String, Value>, name: &str) -> Option<&'c Value> {
    claims.get(name).filter(|value| !value.is_null())
}

impl std::fmt::Debug for VerifiedAccessToken {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("VerifiedAccessToken").finish_non_exhaustive()
    }
}

/// A token that was not verified, why, and the token itself when newer keys may help.
pub struct NotVerified {
    /// Why.
    pub error: AccessTokenError,
    /// To try again with newer keys.
    pub token: Option<UnverifiedAccessToken>,
}

impl NotVerified {
    fn by_signature(refused: crate::jose::NotVerified) -> Self {
        let error: VerifyError = refused.error();
        let token = error.newer_keys_may_help().then(|| UnverifiedAccessToken(Box::new(refused.into_token())));
        Self { error: AccessTokenError::Signature(error), token }
    }
}

impl From<AccessTokenError> for NotVerified {
    fn from(error: AccessTokenError) -> Self {
        Self { error, token: None }
    }
}
