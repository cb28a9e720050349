//! `properties`: what access logs and other filters of the host get to know about the identity.

use super::cursor::Cursor;
use super::expressions::Expressions;
use super::headers::IdentityHeader;

/// The filter says these itself.
const OWN: [&str; 2] = ["reason", "rule"];

/// Reads the properties, in the order of the document; `for_tokens`: there are rules that take access tokens.
pub(super) fn read_all<'a>(
    cursor: &Cursor<'a>,
    for_tokens: bool,
    expressions: &mut Expressions<'a>,
) -> Option<Vec<IdentityHeader>> {
    let mapping = cursor.mapping("a mapping of names to CEL expressions")?;
    let mut properties = Vec::new();
    let mut complete = true;
    for (name, member) in mapping.members() {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let fits = (1..=64).contains(&name.len()) && name.bytes().all(is_plain) && !OWN.contains(&name);
        if !fits {
            member
                .refuse("a key that cannot be a name here", "up to 64 of `a-z`, `0-9` and `_`, not `reason` or `rule`");
        }
        match expressions.read_property(&member, for_tokens) {
            Some(value) if fits => properties.push(IdentityHeader { name: name.to_owned(), value }),
            _ => complete = false,
        }
    }
    complete.then_some(properties)
}
