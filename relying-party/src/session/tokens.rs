//! What a provider issued with a session, as far as it is kept.

use crate::secret::Secret;
use crate::time::UnixTime;

/// Tokens of a session. Which of them are kept follows from the configuration: what nothing uses is not kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// The access token (RFC 6749 §1.4), if anything passes it on.
    pub access_token: Option<Secret<String>>,
    /// When the provider said that the access token ends, whether it is kept or not.
    pub expires_at: Option<UnixTime>,
    /// What renews the tokens.
    pub refresh: Option<RefreshToken>,
    /// The ID token as it was received, for `id_token_hint`.
    pub id_token: Option<Secret<String>>,
}

/// A refresh token (RFC 6749 §1.5), and what the ID tokens that it brings are compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshToken {
    /// The token.
    pub value: Secret<String>,
    /// `nonce` of the first ID token: a refreshed one has the same or none (OIDC Core 1.0 §12.2).
    pub nonce: String,
}

impl Tokens {
    /// The access token, as long as it is good.
    pub fn usable_access_token(&self, now: UnixTime) -> Option<&Secret<String>> {
        self.access_token.as_ref().filter(|_| !self.has_expired(now))
    }

    /// Whether the access token has ended. One of which nobody said when it ends has not.
    pub fn has_expired(&self, now: UnixTime) -> bool {
        self.expires_at.is_some_and(|expires_at| now >= expires_at)
    }
}
