//! A `google.protobuf.Struct` in its encoding: Envoy hands it over as it is, although its documentation speaks of JSON
//! (measured with Envoy 1.40). Encoding: protobuf.dev/programming-guides/encoding; messages: google/protobuf/struct.proto.

use serde_json::Number;

use super::json::Node;

/// As deep as serde_json reads.
const DEEPEST: u8 = 128;

/// Wire types.
const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const LENGTH_DELIMITED: u64 = 2;

/// Reads an encoded `Struct`; `None` when it is none. No JSON document is one: the first byte would be the line feed that
/// both may begin with, the second a length that covers the rest of the first member and no more.
pub(super) fn parse_struct(bytes: &[u8]) -> Option<Node> {
    if bytes.is_empty() { None } else { structure(bytes, DEEPEST) }
}

/// `map<string, Value> fields = 1`
fn structure(mut bytes: &[u8], depth: u8) -> Option<Node> {
    let depth = depth.checked_sub(1)?;
    let mut members = Vec::new();
    while !bytes.is_empty() {
        let Field { number: 1, content: Content::Bytes(entry) } = field(&mut bytes)? else { return None };
        members.push(member(entry, depth)?);
    }
    Some(Node::Mapping(members))
}

/// An entry of the map: `string key = 1`, `Value value = 2`. Default values may be left out.
fn member(mut bytes: &[u8], depth: u8) -> Option<(String, Node)> {
    let (mut name, mut node) = (String::new(), Node::Null);
    while !bytes.is_empty() {
        match field(&mut bytes)? {
            Field { number: 1, content: Content::Bytes(key) } => name = text(key)?,
            Field { number: 2, content: Content::Bytes(encoded) } => node = value(encoded, depth)?,
            _ => return None,
        }
    }
    Some((name, node))
}

/// `oneof kind`: null 1, number 2, string 3, bool 4, struct 5, list 6
fn value(mut bytes: &[u8], depth: u8) -> Option<Node> {
    let mut node = Node::Null;
    while !bytes.is_empty() {
        node = match field(&mut bytes)? {
            Field { number: 1, content: Content::Varint(_) } => Node::Null,
            Field { number: 2, content: Content::Fixed64(bits) } => {
                Node::Number(Number::from_f64(f64::from_le_bytes(bits))?)
            }
            Field { number: 3, content: Content::Bytes(string) } => Node::String(text(string)?),
            Field { number: 4, content: Content::Varint(boolean) } => Node::Bool(boolean != 0),
            Field { number: 5, content: Content::Bytes(nested) } => structure(nested, depth)?,
            Field { number: 6, content: Content::Bytes(items) } => list(items, depth)?,
            _ => return None,
        };
    }
    Some(node)
}

/// `repeated Value values = 1`
fn list(mut bytes: &[u8], depth: u8) -> Option<Node> {
    let depth = depth.checked_sub(1)?;
    let mut items = Vec::new();
    while !bytes.is_empty() {
        let Field { number: 1, content: Content::Bytes(item) } = field(&mut bytes)? else { return None };
        items.push(value(item, depth)?);
    }
    Some(Node::List(items))
}

struct Field<'a> {
    number: u64,
    content: Content<'a>,
}

enum Content<'a> {
    Varint(u64),
    Fixed64([u8; 8]),
    Bytes(&'a [u8]),
}

/// Takes the next field off `bytes`.
fn field<'a>(bytes: &mut &'a [u8]) -> Option<Field<'a>> {
    let tag = varint(bytes)?;
    let content = match tag & 7 {
        VARINT => Content::Varint(varint(bytes)?),
        FIXED64 => {
            let (bits, rest) = bytes.split_first_chunk()?;
            *bytes = rest;
            Content::Fixed64(*bits)
        }
        LENGTH_DELIMITED => {
            let length = usize::try_from(varint(bytes)?).ok()?;
            let (content, rest) = bytes.split_at_checked(length)?;
            *bytes = rest;
            Content::Bytes(content)
        }
        _ => return None,
    };
    Some(Field { number: tag >> 3, content })
}

/// Seven bits a byte, the lowest first; at most ten bytes.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn text(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Envoy 1.40 hands over for `{"a": "b", "n": 300, "l": [{"x": true}]}`.
    const FROM_ENVOY: &[u8] = b"\n\x14\n\x01l\x12\x0f2\r\n\x0b*\t\n\x07\n\x01x\x12\x02 \x01\n\x0e\n\x01n\x12\t\x11\0\0\0\0\0\xc0r@\n\x08\n\x01a\x12\x03\x1a\x01b";

    #[test]
    fn what_envoy_hands_over_is_read() {
        let node = parse_struct(FROM_ENVOY).expect("a Struct");
        assert_eq!(node.to_value(), serde_json::json!({"a": "b", "n": 300.0, "l": [{"x": true}]}));
    }

    #[test]
    fn a_document_that_was_cut_off_is_none() {
        let members = [0, 22, 38, FROM_ENVOY.len()];
        for length in (0..FROM_ENVOY.len()).filter(|length| !members.contains(length)) {
            assert!(parse_struct(&FROM_ENVOY[..length]).is_none(), "{length}");
        }
    }

    #[test]
    fn json_is_none() {
        for json in ["{}", "\n{\"a\": 1}", "\n\n{}", "[]", "\n\"x\"", ""] {
            assert!(parse_struct(json.as_bytes()).is_none(), "{json:?}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let (mut shallow, mut deep) = (Vec::new(), Vec::new());
        for level in 0..200 {
            deep = member_of(0x0a, &member_of(0x12, &member_of(0x2a, &deep)));
            if level == 100 {
                shallow.clone_from(&deep);
            }
        }
        assert!(parse_struct(&shallow).is_some() && parse_struct(&deep).is_none());
    }

    /// A length-delimited field.
    fn member_of(tag: u8, content: &[u8]) -> Vec<u8> {
        let low = u8::try_from(content.len() & 0x7f).unwrap() | 0x80;
        let high = u8::try_from(content.len() >> 7).unwrap();
        [&[tag, low, high], content].concat()
    }
}
