//! Access tokens: one that was given, or one for claims that were given.

use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use relying_party::config::Config;
use relying_party::policy::identity::{Credential, Identity};
use relying_party::time::UnixTime;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// How long a token lives whose claims do not say it, in seconds.
const LIFETIME: u64 = 3600;

/// The header field that presents a token.
pub fn bearer(token: &str) -> Vec<u8> {
    format!("Bearer {token}").into_bytes()
}

/// A token with these claims; what every token has is added: issuer, audience, times, subject.
pub fn of_claims(config: &Config, audience: Option<&str>, mut claims: Map<String, Value>, now: UnixTime) -> String {
    let named = claims.get("iss").and_then(Value::as_str).map(str::to_owned);
    let mut issuers = config.providers.iter().filter(|provider| provider.access_tokens.is_some());
    let issuer = match named {
        Some(named) => issuers.find(|provider| provider.issuer.accepts(&named)),
        None => issuers.next(),
    };
    let usual = issuer.and_then(|provider| provider.access_tokens.as_ref()?.audience.first());
    let seconds = now.as_millis() / 1000;
    let mut supply = |name: &str, value: Value| {
        claims.entry(name).or_insert(value);
    };
    supply("iss", issuer.and_then(|provider| provider.issuer.all().next()).into());
    supply("aud", audience.or(usual.map(String::as_str)).into());
    supply("sub", "somebody".into());
    supply("iat", seconds.into());
    supply("exp", seconds.saturating_add(LIFETIME).into());
    let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = json!({"typ": "at+jwt", "alg": "RS256", "kid": "supposed"});
    format!("{}.{}.{}", encoded(&header), encoded(&Value::Object(claims)), URL_SAFE_NO_PAD.encode([0; 256]))
}

/// Whom a token is about, as far as it says so itself.
pub fn identity(config: &Config, token: &str) -> Option<Identity> {
    let claims: Map<String, Value> = part(token, 1)?;
    let issuer = claims.get("iss")?.as_str()?;
    let provider =
        config.providers.iter().find(|provider| provider.access_tokens.is_some() && provider.issuer.accepts(issuer))?;
    let scopes = match claims.get("scope").or_else(|| claims.get("scp")) {
        Some(Value::String(scopes)) => scopes.split_ascii_whitespace().map(str::to_owned).collect(),
        Some(Value::Array(scopes)) => scopes.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    let (provider, claims) = (provider.name.clone(), Rc::new(claims));
    Some(Identity { provider, credential: Credential::Bearer, claims, scopes, access_token: None })
}

/// The `kid` of a token, if it is a JWT that names one.
pub fn key_id(token: &str) -> Option<String> {
    part::<Value>(token, 0)?.get("kid")?.as_str().map(str::to_owned)
}

fn part<T: DeserializeOwned>(token: &str, index: usize) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(index)?).ok()?).ok()
}
