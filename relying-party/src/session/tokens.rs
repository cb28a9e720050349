//! What a provider issued with a session, as far as it is kept.

use std::time::Duration;

use crate::config::KeptTokens;
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
    /// When it was issued, with the access token that it is to renew.
    pub obtained_at: UnixTime,
}

/// What a provider issued, before it is known what is kept of it.
#[derive(Debug)]
pub struct IssuedTokens {
    /// `access_token`
    pub access_token: Secret<String>,
    /// `expires_in`
    pub expires_in: Option<Duration>,
    /// `refresh_token`
    pub refresh_token: Option<Secret<String>>,
    /// `nonce` of the first ID token.
    pub nonce: String,
    /// `id_token`, verified.
    pub id_token: Option<Secret<String>>,
}

/// How long an access token is taken to live, for its refresh, when nobody says it.
const ASSUMED_LIFETIME: Duration = Duration::from_secs(3600);
/// No token is refreshed sooner after it was issued, however short it lives.
const SHORTEST_USE: Duration = Duration::from_secs(1);

impl Tokens {
    /// What is kept of tokens that were issued now.
    pub fn keep(issued: IssuedTokens, kept: KeptTokens, now: UnixTime) -> Self {
        let IssuedTokens { access_token, expires_in, refresh_token, nonce, id_token } = issued;
        let refresh_token = refresh_token.filter(|_| kept.refresh_token);
        let refresh = refresh_token.map(|value| RefreshToken { value, nonce, obtained_at: now });
        Self {
            access_token: kept.access_token.then_some(access_token),
            expires_at: expires_in.filter(|_| kept.access_token || refresh.is_some()).map(|lifetime| now + lifetime),
            refresh,
            id_token: id_token.filter(|_| kept.id_token),
        }
    }

    /// What is kept of tokens that were issued now in exchange for these.
    pub fn replaced(&self, issued: IssuedTokens, kept: KeptTokens, now: UnixTime) -> Self {
        let new = Self::keep(issued, kept, now);
        Self { id_token: new.id_token.or_else(|| self.id_token.clone().filter(|_| kept.id_token)), ..new }
    }

    /// When they are to be refreshed: `before` the access token ends, but not before half of its life is over. `None` without a
    /// refresh token.
    pub fn refresh_due(&self, before: Duration) -> Option<UnixTime> {
        let obtained_at = self.refresh.as_ref()?.obtained_at;
        let expires_at = self.expires_at.unwrap_or(obtained_at + ASSUMED_LIFETIME);
        let half_of_life = expires_at.since(obtained_at).checked_div(2).unwrap_or_default();
        Some((expires_at - before.min(half_of_life)).max(obtained_at + SHORTEST_USE))
    }

    /// The access token, as long as it is good.
    pub fn usable_access_token(&self, now: UnixTime) -> Option<&Secret<String>> {
        self.access_token.as_ref().filter(|_| !self.has_expired(now))
    }

    /// Whether the access token has ended. One of which nobody said when it ends has not.
    pub fn has_expired(&self, now: UnixTime) -> bool {
        self.expires_at.is_some_and(|expires_at| now >= expires_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: UnixTime = UnixTime::from_secs(1_700_000_000);
    const EVERYTHING: KeptTokens = KeptTokens { access_token: true, refresh_token: true, id_token: true };

    fn issued(lifetime: Option<u64>, refresh_token: Option<&str>) -> IssuedTokens {
        IssuedTokens {
            access_token: Secret::new("at".to_owned()),
            expires_in: lifetime.map(Duration::from_secs),
            refresh_token: refresh_token.map(|token| Secret::new(token.to_owned())),
            nonce: "n".to_owned(),
            id_token: Some(Secret::new("it".to_owned())),
        }
    }

    #[test]
    fn what_nothing_uses_is_not_kept() {
        let keep = |access_token, refresh_token| {
            let kept = KeptTokens { access_token, refresh_token, id_token: access_token };
            let tokens = Tokens::keep(issued(Some(300), Some("rt")), kept, START);
            assert_eq!(tokens.id_token.is_some(), access_token);
            (tokens.access_token.is_some(), tokens.expires_at.is_some(), tokens.refresh.is_some())
        };
        assert_eq!(keep(false, false), (false, false, false));
        assert_eq!(keep(false, true), (false, true, true));
        assert_eq!(keep(true, true), (true, true, true));
        let without = Tokens::keep(issued(Some(300), None), EVERYTHING, START);
        assert_eq!((without.refresh, without.expires_at), (None, Some(START + Duration::from_secs(300))));
    }

    #[test]
    fn the_first_id_token_stays_until_there_is_another() {
        let first = Tokens::keep(issued(Some(300), Some("rt")), EVERYTHING, START);
        let later = START + Duration::from_secs(200);
        let refreshed = |id_token: Option<&str>, kept| {
            let id_token = id_token.map(|token| Secret::new(token.to_owned()));
            let new = first.replaced(IssuedTokens { id_token, ..issued(Some(300), Some("rt2")) }, kept, later);
            assert_eq!(new.refresh.unwrap().value.expose(), "rt2");
            assert_eq!(new.expires_at, Some(later + Duration::from_secs(300)));
            new.id_token.map(|token| token.expose().clone())
        };
        assert_eq!(refreshed(None, EVERYTHING).as_deref(), Some("it"));
        assert_eq!(refreshed(Some("it2"), EVERYTHING).as_deref(), Some("it2"));
        assert_eq!(refreshed(None, KeptTokens { id_token: false, ..EVERYTHING }), None);
    }

    #[test]
    fn tokens_are_refreshed_ahead_of_their_end_but_never_in_the_first_half_of_their_life() {
        let due = |lifetime, before| {
            let tokens = Tokens::keep(issued(lifetime, Some("rt")), EVERYTHING, START);
            tokens.refresh_due(Duration::from_secs(before)).unwrap().since(START).as_secs()
        };
        assert_eq!(due(Some(300), 60), 240);
        assert_eq!(due(Some(300), 0), 300);
        assert_eq!(due(Some(80), 60), 40);
        assert_eq!(due(Some(300), 86_400), 150);
        assert_eq!(due(Some(0), 60), 1, "not on every request");
        assert_eq!(due(None, 60), 3540);
        assert_eq!(Tokens::keep(issued(Some(300), None), EVERYTHING, START).refresh_due(Duration::ZERO), None);
    }
}
