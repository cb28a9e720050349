//! Refresh tokens (RFC 6749 §6, OIDC Core 1.0 §12), and what a careful provider makes of one that comes twice (RFC 9700 §4.14.2).

use std::collections::BTreeMap;
use std::time::Duration;

use relying_party::time::UnixTime;
use serde_json::json;

use super::oauth::Authentication;
use super::{Endpoint, Provider};
use crate::message::{Request, Response};

/// Whether the provider issues refresh tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RefreshTokens {
    /// It does not.
    #[default]
    None,
    /// One for each login, good for any number of refreshes.
    Lasting,
    /// Each refresh brings another one; who uses one again has lost them all.
    Rotating,
}

/// The refresh tokens that were issued.
#[derive(Default)]
pub struct Issued {
    tokens: BTreeMap<String, Token>,
    logins: u64,
}

/// A refresh token.
#[derive(Clone)]
struct Token {
    /// All tokens that came of one login.
    family: u64,
    generation: u64,
    nonce: Option<String>,
    authentication: Authentication,
    spent: bool,
}

impl Provider {
    /// A refresh token for a login.
    pub(super) fn first_refresh_token(
        &mut self,
        nonce: Option<String>,
        authentication: Authentication,
    ) -> Option<String> {
        if self.refresh_tokens == RefreshTokens::None {
            return None;
        }
        self.issued_refresh_tokens.logins += 1;
        let family = self.issued_refresh_tokens.logins;
        Some(self.issue(Token { family, generation: 1, nonce, authentication, spent: false }))
    }

    fn issue(&mut self, token: Token) -> String {
        let name = format!("refresh-token-{}-{}", token.family, token.generation);
        self.issued_refresh_tokens.tokens.insert(name.clone(), token);
        name
    }

    /// RFC 6749 §6, for a client that has proved who it is.
    pub(super) fn refresh(&mut self, request: &Request, now: UnixTime) -> Response {
        let invalid_grant = || Response::json(400, &json!({"error": "invalid_grant"}));
        let name = request.posted("refresh_token").unwrap_or_default();
        let Some(token) = self.issued_refresh_tokens.tokens.get(&name).cloned() else { return invalid_grant() };
        if token.spent {
            self.complaints.push(format!("{name} came twice"));
            self.issued_refresh_tokens.tokens.retain(|_, other| other.family != token.family);
            return invalid_grant();
        }
        let access_token = format!("access-token-of-{name}-at-{}", now.as_secs());
        let issuer = self.issuer_of(request);
        let id_token = self.id_token((&issuer, token.nonce.clone()), token.authentication.clone(), &access_token, now);
        let mut document = json!({
            "access_token": access_token, "token_type": "Bearer", "id_token": id_token,
            "expires_in": self.access_token_lifetime.as_secs(),
        });
        if self.refresh_tokens == RefreshTokens::Rotating {
            self.issued_refresh_tokens.tokens.insert(name, Token { spent: true, ..token.clone() });
            document["refresh_token"] = self.issue(Token { generation: token.generation + 1, ..token }).into();
        }
        (self.token_answer)(&mut document);
        Response::json(200, &document).with("cache-control", "no-store")
    }

    /// Ends all sessions at the provider: no refresh token is good any more.
    pub fn revoke_refresh_tokens(&mut self) {
        self.issued_refresh_tokens.tokens.clear();
    }

    /// The refresh tokens that came in, in order.
    pub fn presented_refresh_tokens(&self) -> Vec<String> {
        let requests = self.log.iter().filter(|(endpoint, _)| *endpoint == Endpoint::Token);
        requests.filter_map(|(_, request)| request.posted("refresh_token")).collect()
    }

    /// Access tokens live so long from now on.
    pub fn issue_tokens_for(&mut self, lifetime: Duration) {
        self.access_token_lifetime = lifetime;
    }
}
