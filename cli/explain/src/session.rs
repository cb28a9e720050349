//! A session for claims that were given.

use relying_party::config::{Config, KeptTokens, Provider};
use relying_party::entropy::Entropy;
use relying_party::http::RequestHead;
use relying_party::http::origin::public_origin;
use relying_party::policy::demand::AuthenticationEvent;
use relying_party::secret::Secret;
use relying_party::session::cookie::{PresentParts, Writing};
use relying_party::session::seal::{Binding, Purpose};
use relying_party::session::{IssuedTokens, Session, SignIn, Tokens};
use relying_party::time::UnixTime;
use serde_json::{Map, Value};

/// What stands for the access token of such a session.
const ACCESS_TOKEN: &str = "(the access token)";

/// A `Cookie` header with a session of these claims; `None` where nobody can sign in, or the claims are too large.
pub fn cookies(
    config: &Config,
    head: &RequestHead,
    mut claims: Map<String, Value>,
    now: UnixTime,
    entropy: &mut dyn Entropy,
) -> Option<Vec<u8>> {
    let policy = config.session.as_ref()?;
    let provider = provider_of(config, &claims)?;
    let client = provider.client.as_ref()?;
    let origin = public_origin(&config.public_urls, head)?;
    // What every ID token has (OIDC Core 1.0 §2).
    claims.entry("iss").or_insert_with(|| provider.issuer.as_str().into());
    claims.entry("sub").or_insert_with(|| "somebody".into());
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let scopes = text("scope").unwrap_or(&client.scope).split_ascii_whitespace().map(str::to_owned).collect();
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
    let lines = writing.write(&session, PresentParts::default(), now, entropy).ok()?;
    let pairs: Vec<&str> = lines.iter().filter_map(|line| line.split(';').next()).collect();
    Some(pairs.join("; ").into_bytes())
}

/// The provider that the claims name; else the first where people sign in.
fn provider_of<'a>(config: &'a Config, claims: &Map<String, Value>) -> Option<&'a Provider> {
    let clients = || config.providers.iter().filter(|provider| provider.client.is_some());
    let issuer = claims.get("iss").and_then(Value::as_str);
    let named = clients().find(|provider| issuer.is_some_and(|issuer| provider.issuer.accepts(issuer)));
    named.or_else(|| clients().next()).map(|provider| &**provider)
}
