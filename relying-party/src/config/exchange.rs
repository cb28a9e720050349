//! `exchange` of a rule: which token the backend gets instead of the caller's own.

use std::rc::Rc;

use super::cursor::{Cursor, Keys, Mapping};
use super::problem::quoted;
use super::provider::{Provider, may_be_called};
use crate::policy::demand::Exchange;
use crate::spelling::nearest;

pub(super) const KEYS: Keys = Keys { known: &["provider", "audience", "scope"] };

const EXPECTED_SCOPE: &str = "scope values separated by single spaces";

/// Reads `exchange`. `providers` are those of the document, if they could be read.
pub(super) fn read(rule: &Mapping<'_>, providers: Option<&[Rc<Provider>]>) -> Option<Option<Rc<Exchange>>> {
    rule.optional("exchange", None, |cursor| {
        let members = cursor.mapping_of(&KEYS)?;
        let provider = members.required("provider", "the name of the provider that exchanges tokens");
        let provider = provider.and_then(|cursor| provider_name(&cursor, providers));
        let audience = members.optional("audience", None, |cursor| {
            cursor.label("whom the token is to be for, in one line").map(|audience| Some(audience.to_owned()))
        });
        let scope = members.optional("scope", None, |cursor| scope(&cursor).map(Some));
        let (provider, audience, scope) = (provider?, audience?, scope?);
        if audience.is_none() && scope.is_none() {
            cursor.refuse("neither `audience` nor `scope`", "at least one of them: what the token is for");
            return None;
        }
        Some(Some(Rc::new(Exchange { provider, audience, scope })))
    })
}

fn provider_name(cursor: &Cursor<'_>, providers: Option<&[Rc<Provider>]>) -> Option<String> {
    let name = cursor.text("the name of a provider")?;
    let Some(providers) = providers else { return Some(name.to_owned()) };
    match providers.iter().find(|provider| may_be_called(provider, name)) {
        Some(provider) if provider.client.is_some() => Some(name.to_owned()),
        Some(_) => {
            cursor.refuse(format_args!("`{name}`, which has no `client_id`"), "a provider that knows this deployment");
            None
        }
        None => {
            let known = providers.iter().map(|provider| provider.name.as_str());
            cursor.report(format!("found {}, expected the name of a provider", quoted(name)), nearest(name, known));
            None
        }
    }
}

/// RFC 6749 §3.3
fn scope(cursor: &Cursor<'_>) -> Option<String> {
    let scope = cursor.text(EXPECTED_SCOPE)?;
    let is_token = |value: &str| {
        !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
    };
    if !scope.split(' ').all(is_token) {
        cursor.refuse(quoted(scope), EXPECTED_SCOPE);
        return None;
    }
    Some(scope.to_owned())
}
