//! Sessions: what a login leaves in the browser.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::config::SessionPolicy;
use crate::entropy::Entropy;
use crate::policy::demand::AuthenticationEvent;
use crate::time::UnixTime;

pub use self::tokens::{IssuedTokens, RefreshToken, Tokens};

pub mod claims;
pub mod cookie;
mod deflate;
mod encoding;
mod packing;
pub mod reference;
pub mod refreshed;
pub mod revocation;
pub mod seal;
#[cfg(test)]
mod size_tests;
#[cfg(test)]
pub(crate) mod testing;
mod tokens;

/// Who signed in, until when, and with what. `Debug` shows no claim and no token.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    /// 128 random bits, base64url: names the session in the log; opens nothing.
    pub id: String,
    /// The provider's `name`.
    pub provider: String,
    /// The claims that are kept; `iss` and `sub` among them.
    pub claims: Map<String, Value>,
    /// Claims that would be kept but were not sent: the provider says that they are elsewhere (see [`claims::left_elsewhere`]).
    pub left_elsewhere: Vec<String>,
    /// Scopes that were granted.
    pub scopes: Vec<String>,
    /// What the provider issued.
    pub tokens: Tokens,
    /// How and when the person authenticated at the provider.
    pub authentication: AuthenticationEvent,
    /// `sid`: the provider's name for its own session (OIDC Back-Channel Logout 1.0 §2.1).
    pub sid: Option<String>,
    /// When the person logged in here.
    pub authenticated_at: UnixTime,
    /// The end, whatever happens (`session.absolute_timeout` after the login).
    pub expires_at: UnixTime,
    /// The end, unless there is a request before; never after `expires_at`.
    pub idle_expires_at: UnixTime,
    /// When this state was written.
    pub sealed_at: UnixTime,
}

/// The outcome of a login, from which a session begins.
#[derive(Clone)]
pub struct SignIn {
    /// The provider's `name`.
    pub provider: String,
    /// The verified claims: all of them, [`Session::begin`] selects.
    pub claims: Map<String, Value>,
    /// Scopes that were granted.
    pub scopes: Vec<String>,
    /// The tokens, as far as they are to be kept.
    pub tokens: Tokens,
    /// How and when the person authenticated at the provider.
    pub authentication: AuthenticationEvent,
    /// `sid`
    pub sid: Option<String>,
}

impl Session {
    /// A session that begins at `now`.
    pub fn begin(sign_in: SignIn, policy: &SessionPolicy, now: UnixTime, entropy: &mut dyn Entropy) -> Self {
        let expires_at = now + policy.absolute_timeout;
        Self {
            id: URL_SAFE_NO_PAD.encode(entropy.bytes::<16>()),
            provider: sign_in.provider,
            left_elsewhere: claims::left_elsewhere(&sign_in.claims, &policy.claims),
            claims: claims::select_claims(&sign_in.claims, &policy.claims),
            scopes: sign_in.scopes,
            tokens: sign_in.tokens,
            authentication: sign_in.authentication,
            sid: sign_in.sid,
            authenticated_at: now,
            expires_at,
            idle_expires_at: expires_at.min(now + policy.idle_timeout),
            sealed_at: now,
        }
    }

    /// Whether neither timeout has passed.
    pub fn is_live(&self, now: UnixTime) -> bool {
        now < self.idle_expires_at && now < self.expires_at
    }

    /// Whether this request should write the session again to move its idle timeout: once a tenth of the timeout has passed
    /// since it was written. So most requests set no cookie, a session ends between 0.9 and 1 idle timeouts after its last
    /// request, and nobody who sends a request every 0.8 idle timeouts loses it.
    pub fn renewal_due(&self, now: UnixTime, idle_timeout: Duration) -> bool {
        self.idle_expires_at < self.expires_at && now.since(self.sealed_at).saturating_mul(10) >= idle_timeout
    }

    /// This session, written now: its idle timeout starts again, its end stays. A session that has ended is not revived.
    #[must_use]
    pub fn renewed(&self, now: UnixTime, idle_timeout: Duration) -> Self {
        if !self.is_live(now) {
            return self.clone();
        }
        let idle_expires_at = self.expires_at.min(now + idle_timeout);
        Self { idle_expires_at, sealed_at: now, ..self.clone() }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Session")
            .field("id", &self.id)
            .field("provider", &self.provider)
            .field("authenticated_at", &self.authenticated_at)
            .field("expires_at", &self.expires_at)
            .field("idle_expires_at", &self.idle_expires_at)
            .field("sealed_at", &self.sealed_at)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::testing::{TestEntropy, policy, session};
    use super::*;

    const START: UnixTime = UnixTime::from_secs(1_700_000_000);
    const IDLE: Duration = Duration::from_secs(30 * 60);
    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_session_begins_with_a_random_id_and_both_timeouts() {
        let mut entropy = TestEntropy::default();
        let sign_in = SignIn {
            provider: "corp".to_owned(),
            claims: session(START).claims,
            scopes: vec!["openid".to_owned()],
            tokens: Tokens::default(),
            authentication: AuthenticationEvent::default(),
            sid: None,
        };
        let session = Session::begin(sign_in.clone(), &policy(), START, &mut entropy);
        assert_eq!(session.id.len(), 22);
        assert_ne!(session.id, Session::begin(sign_in, &policy(), START, &mut entropy).id);
        assert_eq!(session.expires_at, START + HOUR * 8);
        assert_eq!(session.idle_expires_at, START + IDLE);
    }

    #[test]
    fn an_idle_session_ends_at_its_idle_timeout() {
        let session = session(START);
        assert!(session.is_live(START + IDLE - Duration::from_millis(1)));
        assert!(!session.is_live(START + IDLE));
        assert_eq!(session.renewed(START + IDLE, IDLE), session, "not revived");
        let odd = Session { idle_expires_at: session.expires_at + HOUR, ..session };
        assert!(odd.is_live(odd.expires_at - Duration::from_millis(1)) && !odd.is_live(odd.expires_at));
    }

    #[test]
    fn renewal_is_not_due_on_every_request_and_never_passes_the_absolute_end() {
        let session = session(START);
        assert!(!session.renewal_due(START + Duration::from_secs(60), IDLE));
        assert!(session.renewal_due(START + IDLE / 10, IDLE));
        let late = Session { idle_expires_at: session.expires_at - Duration::from_secs(1), ..session };
        let renewed = late.renewed(late.expires_at - Duration::from_secs(2), IDLE);
        assert_eq!(renewed.idle_expires_at, renewed.expires_at);
        assert_eq!(renewed.sealed_at, late.expires_at - Duration::from_secs(2));
        assert!(
            !renewed.renewal_due(renewed.expires_at - Duration::from_secs(1), Duration::from_secs(1)),
            "nothing to gain"
        );
    }

    #[test]
    fn a_clock_that_went_back_neither_panics_nor_renews() {
        let session = session(START);
        assert!(!session.renewal_due(START - HOUR, IDLE));
        assert!(session.is_live(START - HOUR));
    }

    #[test]
    fn debug_output_shows_neither_claims_nor_tokens() {
        let printed = format!("{:?}", session(START));
        assert!(printed.contains("corp"));
        assert!(!printed.contains("alice") && !printed.contains("the-token"), "{printed}");
    }

    proptest! {
        #[test]
        fn who_is_active_every_four_fifths_of_the_idle_timeout_stays_until_the_absolute_end(
            gaps in prop::collection::vec(0.0_f64..0.8, 1..200),
            idle in 1_u64..10_000,
        ) {
            let idle = Duration::from_secs(idle);
            let mut session = Session { idle_expires_at: START + idle, ..session(START) };
            let mut now = START;
            for gap in gaps {
                now = now + idle.mul_f64(gap);
                if now >= session.expires_at {
                    break;
                }
                prop_assert!(session.is_live(now));
                if session.renewal_due(now, idle) {
                    session = session.renewed(now, idle);
                }
                prop_assert!(session.idle_expires_at <= session.expires_at);
            }
        }
    }
}
