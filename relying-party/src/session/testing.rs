//! What the tests of sessions and logins share.

use std::time::Duration;

use serde_json::json;

use super::seal::KeyRing;
use super::{Session, Tokens};
use crate::config::{ClaimSelection, CookiePolicy, SameSite, SessionPolicy};
use crate::entropy::Entropy;
use crate::policy::demand::AuthenticationEvent;
use crate::secret::Secret;
use crate::time::UnixTime;

/// Bytes that look random, never repeat for a long while, and are the same in every run.
#[derive(Default)]
pub(crate) struct TestEntropy(u64);

impl Entropy for TestEntropy {
    fn fill(&mut self, buffer: &mut [u8]) {
        for byte in buffer {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = self.0.to_be_bytes()[0];
        }
    }
}

pub(crate) fn cookie_policy() -> CookiePolicy {
    CookiePolicy {
        name: "__Host-latchkey".to_owned(),
        domain: None,
        same_site: SameSite::Lax,
        secure: true,
        partitioned: false,
    }
}

pub(crate) fn policy() -> SessionPolicy {
    SessionPolicy {
        keys: KeyRing::new(vec![Secret::new([7; 32])]).unwrap(),
        cookie: cookie_policy(),
        idle_timeout: Duration::from_secs(30 * 60),
        absolute_timeout: Duration::from_secs(8 * 3600),
        claims: ClaimSelection::All,
        max_cookies: 4,
        written_refresh_before: None,
        silent: false,
        preserve_fragment: false,
        store: None,
    }
}

/// Alice's session, begun at `start` under [`policy`].
pub(crate) fn session(start: UnixTime) -> Session {
    let claims = json!({
        "iss": "https://login.example.org",
        "sub": "alice",
        "groups": ["finance-approver", "staff"],
        "address": {"locality": "Zürich"},
    });
    Session {
        id: "AAAAAAAAAAAAAAAAAAAAAA".to_owned(),
        provider: "corp".to_owned(),
        claims: claims.as_object().unwrap().clone(),
        left_elsewhere: Vec::new(),
        scopes: vec!["openid".to_owned(), "email".to_owned()],
        tokens: Tokens {
            access_token: Some(Secret::new("the-token".to_owned())),
            expires_at: Some(start + Duration::from_secs(300)),
            ..Tokens::default()
        },
        authentication: AuthenticationEvent::default(),
        sid: None,
        authenticated_at: start,
        expires_at: start + Duration::from_secs(8 * 3600),
        idle_expires_at: start + Duration::from_secs(30 * 60),
        sealed_at: start,
    }
}
