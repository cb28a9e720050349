//! Which tokens sessions keep.

use super::{Client, Config, Rule, SessionPolicy};

/// Which of the tokens that a provider issues are kept in sessions: what nothing uses is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptTokens {
    /// The access token.
    pub access_token: bool,
    /// The refresh token, and when the access token ends.
    pub refresh_token: bool,
    /// The ID token as it was received.
    pub id_token: bool,
}

impl KeptTokens {
    /// What sessions of `client` under `config` keep. An access token is kept where it is used; it is refreshed then, and also where
    /// `session.refresh_before` says that sessions are to follow the provider's.
    pub fn of(config: &Config, client: &Client) -> Self {
        let exchanges = |rule: &Rule| {
            rule.authentication.takes_sessions()
                && rule.authentication.demand().is_some_and(|demand| demand.exchange.is_some())
        };
        let access_token = config.headers.iter().any(|header| header.value.references().access_token)
            || config.rules.iter().any(exchanges);
        let follows_provider = config.session.as_ref().is_some_and(SessionPolicy::follows_provider);
        Self { access_token, refresh_token: access_token || follows_provider, id_token: client.id_token_hint }
    }
}
