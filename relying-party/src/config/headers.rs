//! `headers`: what the backend gets to know about the identity.

use std::collections::HashMap;

use super::cursor::Cursor;
use super::expressions::Expressions;
use crate::policy::expression::Expression;

/// A header to the backend.
#[derive(Debug)]
pub struct IdentityHeader {
    /// Lower-case name.
    pub name: String,
    /// Its value.
    pub value: Expression,
}

/// Headers that frame, route or authenticate the hop itself (RFC 9110 §7.6.1): whoever replaces them breaks the request.
/// `cookie` has a rewriting of its own.
const NOT_OURS: [&str; 14] = [
    "connection",
    "content-length",
    "cookie",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

pub(super) const EXPECTED_NAME: &str = "a header name of letters, digits and `` !#$%&'*+-.^_`|~ `` (RFC 9110 §5.6.2)";

/// Reads the headers, in the order of the document; `for_tokens`: there are rules that take access tokens.
pub(super) fn read_all<'a>(
    cursor: &Cursor<'a>,
    for_tokens: bool,
    expressions: &mut Expressions<'a>,
) -> Option<Vec<IdentityHeader>> {
    let mapping = cursor.mapping("a mapping of header names to CEL expressions")?;
    let mut seen: HashMap<String, &str> = HashMap::new();
    let mut headers = Vec::new();
    let mut complete = true;
    for (name, member) in mapping.members() {
        let fits = name_fits(name, &member);
        // A name repeated letter by letter is a repeated member, reported as such.
        if let Some(other) = fits.then(|| seen.insert(folded(name), name)).flatten().filter(|other| *other != name) {
            member.refuse(format_args!("the same header as `{other}` for many backends"), "each header once");
        }
        match expressions.read_value(&member, for_tokens) {
            Some(value) if fits => headers.push(IdentityHeader { name: name.to_ascii_lowercase(), value }),
            _ => complete = false,
        }
    }
    complete.then_some(headers)
}

pub(super) fn name_fits(name: &str, member: &Cursor<'_>) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || name.len() > 128 || !name.bytes().all(is_token) {
        member.refuse("a key that is no header name", EXPECTED_NAME);
        return false;
    }
    if NOT_OURS.contains(&folded(name).as_str()) {
        member.refuse("a header that belongs to the connection or the routing", "another header");
        return false;
    }
    true
}

/// What CGI, WSGI and others make equal (attacks: header smuggling by `_` and `.`).
pub(super) fn folded(name: &str) -> String {
    name.to_ascii_lowercase().replace(['_', '.'], "-")
}
