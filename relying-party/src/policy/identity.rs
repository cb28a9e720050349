//! Who a request is made for, as expressions see it.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use cel::Context;
use cel::common::types::{CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelUInt};
use cel::common::value::Val;
use serde_json::{Map, Number, Value};

use super::functions::environment;
use crate::secret::Secret;

/// A verified identity.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The provider's name in the configuration.
    pub provider: String,
    /// How the identity was proven.
    pub credential: Credential,
    /// Claims of the ID token or access token. A session has them already: they are not kept twice.
    pub claims: Rc<dyn Claims>,
    /// Scopes of the access token.
    pub scopes: Vec<String>,
    /// For headers that pass the access token on.
    pub access_token: Option<Secret<String>>,
}

/// Whatever has claims.
pub trait Claims: fmt::Debug {
    /// Them, by name.
    fn by_name(&self) -> &Map<String, Value>;
}

impl Claims for Map<String, Value> {
    fn by_name(&self) -> &Map<String, Value> {
        self
    }
}

/// How an identity was proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// By a session of this filter.
    Session,
    /// By an access token in the request (RFC 6750).
    Bearer,
}

impl Credential {
    /// Its name in expressions and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Bearer => "bearer",
        }
    }
}

/// An identity, converted at most once, and only when an expression needs the interpreter.
pub struct Subject<'a> {
    pub(super) identity: &'a Identity,
    context: OnceCell<Context<'a, 'a>>,
}

impl<'a> Subject<'a> {
    /// Borrows `identity`.
    pub const fn new(identity: &'a Identity) -> Self {
        Self { identity, context: OnceCell::new() }
    }

    /// The variables of expressions, borrowing the identity's texts.
    pub(super) fn context(&self) -> &Context<'a, 'a> {
        self.context.get_or_init(|| {
            let identity = self.identity;
            let mut context = Context::with_env(Arc::clone(environment()));
            let scopes: Vec<_> = identity.scopes.iter().map(|scope| text(scope)).collect();
            context.add_variable_as_val("claims", object(identity.claims.by_name()));
            context.add_variable_as_val("scopes", Box::new(CelList::from(scopes)));
            context.add_variable_as_val("provider", text(&identity.provider));
            context.add_variable_as_val("credential", text(identity.credential.name()));
            if let Some(token) = &identity.access_token {
                context.add_variable_as_val("access_token", text(token.expose()));
            }
            context
        })
    }

    #[cfg(test)]
    pub(super) fn is_converted(&self) -> bool {
        self.context.get().is_some()
    }
}

impl fmt::Debug for Subject<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Subject([redacted])")
    }
}

/// A CEL string that borrows `text`.
pub(super) fn text<'a>(text: &'a str) -> Box<dyn Val + 'a> {
    Box::new(CelString::from(text))
}

fn object(members: &Map<String, Value>) -> Box<dyn Val + '_> {
    let members: HashMap<CelMapKey<'_>, Box<dyn Val + '_>> = members
        .iter()
        .map(|(name, member)| (CelMapKey::String(CelString::from(name.as_str())), value(member)))
        .collect();
    Box::new(CelMap::from(members))
}

fn value(value: &Value) -> Box<dyn Val + '_> {
    match value {
        Value::Null => Box::new(CelNull),
        Value::Bool(bool) => Box::new(CelBool::from(*bool)),
        Value::Number(number) => numeric(number),
        Value::String(string) => text(string),
        Value::Array(items) => Box::new(CelList::from(items.iter().map(self::value).collect::<Vec<_>>())),
        Value::Object(members) => object(members),
    }
}

/// Whole numbers become `int`, or `uint` beyond its range.
fn numeric(number: &Number) -> Box<dyn Val> {
    if let Some(int) = number.as_i64() {
        Box::new(CelInt::from(int))
    } else if let Some(uint) = number.as_u64() {
        Box::new(CelUInt::from(uint))
    } else {
        Box::new(CelDouble::from(number.as_f64().unwrap_or(f64::NAN)))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;

    pub(in crate::policy) fn alice() -> Identity {
        let claims = json!({
            "sub": "alice", "level": 4, "ratio": 1.5, "big": u64::MAX, "email_verified": true, "nothing": null, "empty": "",
            "groups": ["staff", "finance-approver"], "address": {"country": "SE", "lines": ["a", "b"]},
            "urn:example:tenant": "t 1", "evil": "a\r\nx-admin: yes", "del": "\u{7f}", "name": "Åsa Öst",
        });
        Identity {
            provider: "corp".to_owned(),
            credential: Credential::Session,
            claims: Rc::new(claims.as_object().unwrap().clone()),
            scopes: vec!["openid".to_owned(), "orders.write".to_owned()],
            access_token: Some(Secret::new("token-1".to_owned())),
        }
    }

    #[test]
    fn a_subject_does_not_print_whom_it_stands_for() {
        assert_eq!(format!("{:?}", Subject::new(&alice())), "Subject([redacted])");
        assert!(!format!("{:?}", alice()).contains("token-1"));
    }
}
