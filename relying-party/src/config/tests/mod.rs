//! Whole documents. What is tested without one stands beside its code.

use serde_json::{Value, json};

use super::{Config, ConfigErrors};

mod accepted;
mod any_input;
mod assertion;
mod bearer;
mod client;
mod exchange;
mod leaks;
mod observed;
mod reference;
mod refused;
mod store;
mod without_effect;

/// SHA-256 of `session key 1` in base64.
pub(super) const SESSION_KEY: &str = "H3gX19lShk+re+O2RpGji2Fkx/+m8H5LnwdIvOtYSh0=";
/// SHA-256 of `session key 2` in base64url, without padding.
pub(super) const RETIRED_KEY: &str = "hnLkNsPmwRkaBP7k2L_sgWBQUQfRDhk3U5VUWRqOAG4";
pub(super) const CLIENT_SECRET: &str = "ju5t-b3tween-us";

pub(super) fn environment(name: &str) -> Option<String> {
    match name {
        "CORP_CLIENT_SECRET" => Some(CLIENT_SECRET.to_owned()),
        "LATCHKEY_SESSION_KEY" => Some(SESSION_KEY.to_owned()),
        "EMPTY" => Some(String::new()),
        "LINE_BREAK" => Some(format!("{CLIENT_SECRET}\n")),
        _ => None,
    }
}

/// The smallest document.
pub(super) fn minimal() -> Value {
    json!({
        "providers": [{
            "name": "corp",
            "issuer": "https://login.example.org/realms/corp",
            "cluster": "corp-idp",
            "client_id": "grants-portal",
            "client_secret": {"env": "CORP_CLIENT_SECRET"},
        }],
        "session": {"keys": [{"env": "LATCHKEY_SESSION_KEY"}]},
    })
}

/// The smallest document with the value at `pointer` (its parent must be there, lists grow by one) replaced.
pub(super) fn with(pointer: &str, value: Value) -> Value {
    changed(minimal(), pointer, value)
}

pub(super) fn changed(mut document: Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    match document.pointer_mut(parent).unwrap() {
        Value::Object(members) => drop(members.insert(name.to_owned(), value)),
        Value::Array(items) if name == items.len().to_string() => items.push(value),
        Value::Array(items) => items[name.parse::<usize>().unwrap()] = value,
        _ => panic!("{pointer} is in no mapping or list"),
    }
    document
}

pub(super) fn parse(document: &Value) -> Result<Config, ConfigErrors> {
    Config::parse(document.to_string().as_bytes(), &environment)
}

/// The problems, one a line.
pub(super) fn problems(document: &Value) -> String {
    parse(document).err().map(|errors| errors.to_string()).unwrap_or_default()
}
