//! A session for claims that were given.

use std::rc::Rc;

use relying_party::config::{Config, KeptTokens, Provider};
use relying_party::entropy::Entropy;
use relying_party::http::RequestHead;
use relying_party::http::origin::public_origin;
use relying_party::policy::demand::AuthenticationEvent;
use relying_party::policy::identity::{Credential, Identity};
use relying_party::secret::Secret;
use relying_party::session::cookie::{PresentParts, Writing};
use relying_party::session::seal::{Binding, Purpose};
use relying_party::session::{IssuedTokens, Session, SignIn, Tokens};
use relying_party::time::UnixTime;
use serde_json::{Map, Value};

/// What stands for the access token of such a session.
pub const ACCESS_TOKEN: &str = "(the access token)";

/// A session that was begun.
pub struct Begun {
    /// The header field `Cookie` that brings it.
    pub cookies: Vec<u8>,
    /// Who it is about.
    pub identity: Identity,
}

/// Why claims make no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSession {
    /// The configuration has neither clients nor sessions.
    NobodySignsIn,
    /// `iss` is of somebody else.
    Issuer,
    /// `sub` is no text.
    Subject,
    /// The host of the request is none of `public_url`.
    Origin,
    /// `session.too_large`
    TooLarge,
}

impl NoSession {
    /// What is supposed instead of the session.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::NobodySignsIn => "nobody: no provider has a client_id, so there are no sessions",
            Self::Issuer => "nobody: people sign in with no provider of the issuer that iss names",
            Self::Subject => "nobody: sub has to be a text",
            Self::Origin => "nobody: sessions are for the hosts of public_url",
            Self::TooLarge => "nobody: the claims are too large for a session (session.too_large)",
        }
    }
}

/// Begins a session of these claims for the host of `head`.
pub fn begin(
    config: &Config,
    head: &RequestHead,
    mut claims: Map<String, Value>,
    now: UnixTime,
    entropy: &mut dyn Entropy,
) -> Result<Begun, NoSession> {
    let policy = config.session.as_ref().ok_or(NoSession::NobodySignsIn)?;
    let provider = provider_of(config, &claims)?;
    let client = provider.client.as_ref().ok_or(NoSession::NobodySignsIn)?;
    let origin = public_origin(&config.public_urls, head).ok_or(NoSession::Origin)?;
    // What every ID token has (OIDC Core 1.0 §2).
    claims.entry("iss").or_insert_with(|| provider.issuer.as_str().into());
    if !claims.entry("sub").or_insert_with(|| "somebody".into()).is_string() {
        return Err(NoSession::Subject);
    }
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let scopes: Vec<_> = text("scope").unwrap_or(&client.scope).split_ascii_whitespace().map(str::to_owned).collect();
    let identity = Identity {
        provider: provider.name.clone(),
        credential: Credential::Session,
        claims: Rc::new(claims.clone()),
        scopes: scopes.clone(),
        access_token: None,
    };
    let authentication = AuthenticationEvent {
        auth_time: claims.get("auth_time").and_then(Value::as_u64).map(UnixTime::from_secs),
        acr: text("acr").map(str::to_owned),
    };
    let issued = IssuedTokens {
        access_token: Secret::new(ACCESS_TOKEN.to_owned()),
        expires_in: None,
        refresh_token: None,
        nonce: String::new(),
        id_token: None,
    };
    let sign_in = SignIn {
        provider: provider.name.clone(),
        sid: text("sid").map(str::to_owned),
        claims,
        scopes,
        tokens: Tokens::keep(issued, KeptTokens::of(config, client), now),
        authentication,
    };
    let session = Session::begin(sign_in, policy, now, entropy);
    let binding = Binding {
        purpose: Purpose::Session,
        issuer: provider.issuer.as_str(),
        client_id: &client.client_id,
        cookie_name: &policy.cookie.name,
        host: policy.cookie.domain.as_deref().unwrap_or(&origin.authority),
    };
    let writing = Writing { keys: &policy.keys, binding, policy: &policy.cookie, max_cookies: policy.max_cookies };
    let lines = writing.write(&session, PresentParts::default(), now, entropy).map_err(|_| NoSession::TooLarge)?;
    let pairs: Vec<&str> = lines.iter().filter_map(|line| line.split(';').next()).collect();
    Ok(Begun { cookies: pairs.join("; ").into_bytes(), identity })
}

/// The provider that the claims name; where they name none, the first where people sign in.
fn provider_of<'a>(config: &'a Config, claims: &Map<String, Value>) -> Result<&'a Provider, NoSession> {
    let mut clients = config.providers.iter().filter(|provider| provider.client.is_some());
    let named = match claims.get("iss") {
        None => return clients.next().map(|provider| &**provider).ok_or(NoSession::NobodySignsIn),
        Some(issuer) => issuer.as_str().ok_or(NoSession::Issuer)?,
    };
    clients.find(|provider| provider.issuer.accepts(named)).map(|provider| &**provider).ok_or(NoSession::Issuer)
}
