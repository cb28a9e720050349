//! The providers' side of what the core asks: documents that any provider could have.

use relying_party::config::Provider;
use relying_party::http::{CalloutOutcome, CalloutRequest, Headers};
use serde_json::{Value, json};

/// Answers as the provider would whom `request` reaches; [`CalloutOutcome::Failed`] for what nobody can know.
pub fn answer(providers: &[std::rc::Rc<Provider>], request: &CalloutRequest, key_id: Option<&str>) -> CalloutOutcome {
    let (status, document) = match request.call {
        "discovery" => match providers.iter().find(|provider| is_at(provider, request)) {
            Some(provider) => (200, metadata(provider)),
            None => return CalloutOutcome::Failed,
        },
        "keys" => (200, keys(key_id)),
        "pushed_authorization" => (201, json!({"request_uri": "urn:explain", "expires_in": 60})),
        "exchange" => (200, exchanged()),
        _ => return CalloutOutcome::Failed,
    };
    let headers = Headers::new(vec![("content-type".to_owned(), b"application/json".to_vec())]);
    CalloutOutcome::Answered { status, headers, body: document.to_string().into_bytes() }
}

/// Whether the provider's discovery document is asked for.
fn is_at(provider: &Provider, request: &CalloutRequest) -> bool {
    let asked = format!("{}://{}{}", request.scheme, request.authority, request.path);
    provider.discovery_url.as_ref().is_some_and(|url| url.as_str() == asked)
}

/// Parameters of an authorization request that say what the person has to do there; the others are new each time, or secret.
const TOLD: [&str; 4] = ["acr_values", "login_hint", "max_age", "prompt"];

/// Where a redirect leads. The endpoints of [`metadata`] are put in words: only the provider knows the real ones.
pub fn in_words(location: &str) -> String {
    let (address, query) = location.split_once('?').unwrap_or((location, ""));
    let endpoints =
        [("/explain/authorize", "the authorization endpoint"), ("/explain/logout", "the end session endpoint")];
    let mut text = address.to_owned();
    for (path, endpoint) in endpoints {
        if let Some(issuer) = address.strip_suffix(path) {
            text = format!("{endpoint} of {issuer}");
        }
    }
    let told = url::form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| TOLD.contains(&&**name));
    let told: Vec<String> = told.map(|(name, value)| format!("{name}={value}")).collect();
    if told.is_empty() { text } else { format!("{text}, with {}", told.join(" and ")) }
}

fn metadata(provider: &Provider) -> Value {
    let issuer = provider.issuer.as_str().trim_end_matches('/');
    let at = |name: &str| format!("{issuer}/explain/{name}");
    json!({
        "issuer": provider.issuer.as_str(),
        "authorization_endpoint": at("authorize"),
        "token_endpoint": at("token"),
        "jwks_uri": at("keys"),
        "introspection_endpoint": at("introspect"),
        "userinfo_endpoint": at("userinfo"),
        "pushed_authorization_request_endpoint": at("push"),
        "end_session_endpoint": at("logout"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    })
}

/// A key of every kind, under the name that the token asks for: its signature is supposed to be good.
fn keys(key_id: Option<&str>) -> Value {
    let mut keys: Vec<Value> = serde_json::from_str(include_str!("public_keys.json")).unwrap_or_default();
    for key in &mut keys {
        if let (Some(key), Some(key_id)) = (key.as_object_mut(), key_id) {
            key.insert("kid".to_owned(), key_id.into());
        }
    }
    json!({"keys": keys})
}

/// The answer to a token exchange (RFC 8693 §2.2).
fn exchanged() -> Value {
    json!({
        "access_token": "(the exchanged token)", "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "token_type": "Bearer", "expires_in": 300,
    })
}
