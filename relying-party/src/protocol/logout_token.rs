//! Logout tokens: validation as OpenID Connect Back-Channel Logout 1.0 §2.6 prescribes it.

mod checks;
mod error;
#[cfg(test)]
mod tests;

use std::time::Duration;

use self::checks::{audience, claim, events, time, typ};
pub use self::error::LogoutTokenError;
use super::replay::{Fingerprint, remember};
use crate::config::Issuer;
use crate::jose::{JwkSet, JwsAlgorithm, SignatureVerifier, UnverifiedJwt};
use crate::shared::SharedData;
use crate::time::UnixTime;

/// How long after it was issued a token is accepted, whatever it says: it is remembered for as long.
const LONGEST_LIFE: Duration = Duration::from_secs(3600);

/// A logout token as it was received. Of its claims only those can be seen that choose the provider.
pub struct UnverifiedLogoutToken(Box<UnverifiedJwt>);

/// What a logout token must say.
#[derive(Clone, Copy)]
pub struct ExpectedLogoutToken<'a> {
    /// The configured issuer.
    pub issuer: &'a Issuer,
    /// The audience it must be for.
    pub client_id: &'a str,
    /// Signature algorithms accepted from this provider.
    pub algorithms: &'a [JwsAlgorithm],
    /// Tolerated difference between the clocks.
    pub clock_skew: Duration,
}

impl UnverifiedLogoutToken {
    /// Takes the only `logout_token` of a form (§2.5).
    pub fn in_form(form: &[u8]) -> Result<Self, LogoutTokenError> {
        let mut tokens = form_urlencoded::parse(form).filter(|(name, _)| name == "logout_token");
        let (_, token) = tokens.next().ok_or(LogoutTokenError::Missing)?;
        if tokens.next().is_some() {
            return Err(LogoutTokenError::Repeated);
        }
        UnverifiedJwt::parse(&token).map(|jwt| Self(Box::new(jwt))).map_err(LogoutTokenError::of_jws)
    }

    /// Whether it claims to come from `issuer`; only to choose the provider.
    pub fn claims_to_come_from(&self, issuer: &Issuer) -> bool {
        self.0.issuer().is_some_and(|claimed| issuer.accepts(claimed))
    }

    /// Whether it claims to be for `client_id`; only to choose the provider.
    pub fn claims_to_be_for(&self, client_id: &String) -> bool {
        self.0.claims_audience(std::slice::from_ref(client_id))
    }

    /// Validates the token as §2.6 prescribes; the numbers are its steps. It is not encrypted (1). Whether there is a session that
    /// it is about is not asked (9–11): it may live in a browser that is not here. Nobody who shares this `memory` accepts it again.
    pub fn verify(
        self,
        expected: &ExpectedLogoutToken<'_>,
        keys: &JwkSet,
        verifier: &dyn SignatureVerifier,
        memory: &mut dyn SharedData,
        now: UnixTime,
    ) -> Result<VerifiedLogoutToken, NotVerified> {
        typ::check(self.0.typ())?; // §2.4, §4.1
        let jwt = self.0.verify(keys, expected.algorithms, verifier).map_err(NotVerified::by_signature)?; // 2, 3
        let claims = jwt.claims();
        let agrees = |iss: &&str| expected.issuer.agrees(iss, claims.get("tid"), jwt.key().issuer.as_deref());
        let issuer = claim::text(claims, "iss").filter(|iss| expected.issuer.accepts(iss)).filter(agrees); // 4
        let issuer = issuer.ok_or(LogoutTokenError::IssuerMismatch)?;
        audience::check(claims, expected.client_id)?; // 4
        let issued_at = time::issued_recently(claims, now, LONGEST_LIFE, expected.clock_skew)?; // 4
        time::not_expired(claims, now, expected.clock_skew)?; // 4
        let subject = claim::name(claims, "sub", LogoutTokenError::SubjectMalformed)?; // 5
        let sid = claim::name(claims, "sid", LogoutTokenError::SidMalformed)?; // 5
        let whom = Whom::of(subject, sid).ok_or(LogoutTokenError::NobodyNamed)?; // 5
        events::check(claims)?; // 6
        claim::absent(claims, "nonce", LogoutTokenError::NoncePresent)?; // 7
        let jti = claim::name(claims, "jti", LogoutTokenError::IdentifierMalformed)?; // §2.4
        let jti = jti.ok_or(LogoutTokenError::IdentifierMalformed)?;
        let window = LONGEST_LIFE.saturating_add(expected.clock_skew);
        let fingerprint = Fingerprint::of(issuer, jti);
        remember(memory, "logout", fingerprint, issued_at, window).map_err(LogoutTokenError::of_memory)?; // 8
        Ok(VerifiedLogoutToken { issuer: issuer.to_owned(), whom })
    }
}

/// A logout token that passed every check. There is no other way to get one than [`UnverifiedLogoutToken::verify`].
#[derive(Clone, PartialEq, Eq)]
pub struct VerifiedLogoutToken {
    issuer: String,
    whom: Whom,
}

/// Whose sessions are to end (§2.4).
#[derive(Clone, PartialEq, Eq)]
pub enum Whom {
    /// `sid` alone: what came of one session at the provider.
    Session(String),
    /// `sub` alone: all sessions of a person.
    Person(String),
    /// Both, `sub` and `sid`: what came of that session, and what this person has of which the provider did not say from which
    /// session it came.
    SessionOf(String, String),
}

impl Whom {
    fn of(subject: Option<&str>, sid: Option<&str>) -> Option<Self> {
        match (subject.map(str::to_owned), sid.map(str::to_owned)) {
            (None, Some(sid)) => Some(Self::Session(sid)),
            (Some(subject), None) => Some(Self::Person(subject)),
            (Some(subject), Some(sid)) => Some(Self::SessionOf(subject, sid)),
            (None, None) => None,
        }
    }
}

impl VerifiedLogoutToken {
    /// `iss`
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// `sub`
    pub fn subject(&self) -> Option<&str> {
        match &self.whom {
            Whom::Person(subject) | Whom::SessionOf(subject, _) => Some(subject),
            Whom::Session(_) => None,
        }
    }

    /// Whose sessions are to end.
    pub const fn whom(&self) -> &Whom {
        &self.whom
    }
}

impl std::fmt::Debug for VerifiedLogoutToken {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("VerifiedLogoutToken").finish_non_exhaustive()
    }
}

/// A token that was not verified, why, and the token itself when newer keys may help.
pub struct NotVerified {
    /// Why.
    pub error: LogoutTokenError,
    /// To try again with newer keys.
    pub token: Option<UnverifiedLogoutToken>,
}

impl NotVerified {
    fn by_signature(refused: crate::jose::NotVerified) -> Self {
        let error = refused.error();
        let token = error.newer_keys_may_help().then(|| UnverifiedLogoutToken(Box::new(refused.into_token())));
        Self { error: LogoutTokenError::Signature(error), token }
    }
}

impl From<LogoutTokenError> for NotVerified {
    fn from(error: LogoutTokenError) -> Self {
        Self { error, token: None }
    }
}
