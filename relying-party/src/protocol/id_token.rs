//! ID tokens: validation as OIDC Core 1.0 §3.1.3.7 and §3.1.3.8 prescribe it.

mod claims;
mod error;
#[cfg(test)]
mod tests;

use std::time::Duration;

use serde_json::{Map, Value};

use self::claims::{Claims, access_token, audience, ensure, nonce, subject, time, typ};
pub use self::error::IdTokenError;
use crate::config::Issuer;
use crate::jose::{JwkSet, JwsAlgorithm, SignatureVerifier, UnverifiedJwt};
use crate::policy::demand::AuthenticationEvent;
use crate::secret::Secret;
use crate::time::UnixTime;

/// An ID token as it was received. No claim in it can be read before [`verify`](Self::verify).
#[derive(Clone, Debug)]
pub struct UnverifiedIdToken(Secret<String>);

/// What an ID token must say.
#[derive(Clone, Copy)]
pub struct Expected<'a> {
    /// The configured issuer.
    pub issuer: &'a Issuer,
    /// The audience it must be for.
    pub client_id: &'a str,
    /// The nonce.
    pub nonce: ExpectedNonce<'a>,
    /// Signature algorithms accepted from this provider.
    pub algorithms: &'a [JwsAlgorithm],
    /// Tolerated difference between the clocks.
    pub clock_skew: Duration,
    /// The access token that came with it.
    pub access_token: &'a Secret<String>,
}

/// Which nonce an ID token must have.
#[derive(Clone, Copy)]
pub enum ExpectedNonce<'a> {
    /// That of the authorization request (§3.1.3.7).
    Same(&'a str),
    /// That of the authorization request, or none (§12.2).
    SameOrNone(&'a str),
}

impl UnverifiedIdToken {
    /// Takes a compact JWS.
    pub const fn new(token: String) -> Self {
        Self(Secret::new(token))
    }

    /// The text of it, for [`id_token_hint`](crate::config::Client::id_token_hint).
    pub const fn as_received(&self) -> &Secret<String> {
        &self.0
    }

    /// Validates the token as OIDC Core 1.0 §3.1.3.7 prescribes; the numbers are its steps. It is not encrypted (1), came
    /// with no HS* (8); what was asked for of `acr` (12) and `auth_time` (13) is compared with its
    /// [authentication](VerifiedIdToken::authentication).
    pub fn verify(
        &self,
        expected: &Expected<'_>,
        keys: &JwkSet,
        verifier: &dyn SignatureVerifier,
        now: UnixTime,
    ) -> Result<VerifiedIdToken, IdTokenError> {
        let token = UnverifiedJwt::parse(self.0.expose()).map_err(IdTokenError::Malformed)?;
        typ::check(token.typ())?; // RFC 8725 §3.11
        let token = token
            .verify(keys, expected.algorithms, verifier)
            .map_err(|refused| IdTokenError::Signature(refused.error()))?; // 6, 7
        let (algorithm, key) = (token.algorithm(), token.key());
        let claims = Claims(token.into_claims());
        let iss = claims.text("iss").filter(|iss| expected.issuer.accepts(iss)).ok_or(IdTokenError::IssuerMismatch)?; // 2
        let agrees = expected.issuer.agrees(iss, claims.0.get("tid"), key.issuer.as_deref());
        ensure(agrees, IdTokenError::TenantMismatch)?;
        audience::check(&claims, expected.client_id)?; // 3–5
        let expires_at = time::not_expired(&claims, now, expected.clock_skew)?; // 9
        let issued_at = time::issued_recently(&claims, now, expected.clock_skew)?; // 10
        time::already_valid(&claims, now, expected.clock_skew)?; // RFC 7519 §4.1.5
        nonce::check(&claims, expected.nonce)?; // 11
        access_token::check(&claims, algorithm, expected.access_token)?; // §3.1.3.8
        let subject = subject::check(&claims)?; // §2
        let auth_time = claims.date("auth_time", IdTokenError::AuthTimeMalformed)?; // §2
        Ok(VerifiedIdToken { subject, expires_at, issued_at, auth_time, algorithm, claims: claims.0 })
    }
}

/// An ID token that passed every check. There is no other way to get one than [`UnverifiedIdToken::verify`].
#[derive(Clone)]
pub struct VerifiedIdToken {
    subject: String,
    expires_at: UnixTime,
    issued_at: UnixTime,
    auth_time: Option<UnixTime>,
    algorithm: JwsAlgorithm,
    claims: Map<String, Value>,
}

impl VerifiedIdToken {
    /// `sub`
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// `exp`
    pub const fn expires_at(&self) -> UnixTime {
        self.expires_at
    }

    /// `iat`
    pub const fn issued_at(&self) -> UnixTime {
        self.issued_at
    }

    /// `auth_time`
    pub const fn auth_time(&self) -> Option<UnixTime> {
        self.auth_time
    }

    /// `acr`, if it is a string.
    pub fn acr(&self) -> Option<&str> {
        self.claims.get("acr").and_then(Value::as_str)
    }

    /// How and when the person authenticated. How long ago that was is taken from the provider's clock alone, as long as that differs
    /// from ours by no more than `clock_skew`; what is to come beyond it says nothing.
    pub fn authentication(&self, now: UnixTime, clock_skew: Duration) -> AuthenticationEvent {
        let ahead = self.issued_at.since(now);
        let behind = now.since(self.issued_at);
        let on_our_clock = |auth_time: UnixTime| match () {
            () if ahead > clock_skew || behind > clock_skew => auth_time,
            () => auth_time + behind - ahead,
        };
        let plausible = self.auth_time.filter(|auth_time| *auth_time <= now + clock_skew);
        AuthenticationEvent {
            auth_time: plausible.map(|auth_time| on_our_clock(auth_time).min(now)),
            acr: self.acr().map(str::to_owned),
        }
    }

    /// `sid`, if it is a string (Back-Channel Logout 1.0 §2.1).
    pub fn sid(&self) -> Option<&str> {
        self.claims.get("sid").and_then(Value::as_str)
    }

    /// What it was signed with.
    pub const fn algorithm(&self) -> JwsAlgorithm {
        self.algorithm
    }

    /// Every claim.
    pub const fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }
}

impl std::fmt::Debug for VerifiedIdToken {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("VerifiedIdToken").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}
