//! A `google.protobuf.Struct` in its encoding: Envoy hands it over as it is, although its documentation speaks of JSON
//! (measured with Envoy 1.40).

use prost::Message as _;
use prost_types::Struct;
use prost_types::value::Kind;
use serde_json::Number;

use super::json::Node;

/// Reads an encoded `Struct`, as deep as prost reads (100 levels); `None` when it is none.
pub(super) fn parse_struct(bytes: &[u8]) -> Option<Node> {
    if bytes.is_empty() { None } else { Some(mapping(Struct::decode(bytes).ok()?)) }
}

fn mapping(document: Struct) -> Node {
    Node::Mapping(document.fields.into_iter().map(|(name, member)| (name, value(member))).collect())
}

fn value(value: prost_types::Value) -> Node {
    match value.kind {
        None | Some(Kind::NullValue(_)) => Node::Null,
        Some(Kind::NumberValue(number)) => Number::from_f64(number).map_or(Node::Null, Node::Number),
        Some(Kind::StringValue(string)) => Node::String(string),
        Some(Kind::BoolValue(boolean)) => Node::Bool(boolean),
        Some(Kind::StructValue(document)) => mapping(document),
        Some(Kind::ListValue(list)) => Node::List(list.values.into_iter().map(self::value).collect()),
    }
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
        let mut value = prost_types::Value { kind: Some(Kind::BoolValue(true)) };
        for _ in 0..200 {
            value = prost_types::Value { kind: Some(Kind::ListValue(prost_types::ListValue { values: vec![value] })) };
        }
        let document = Struct { fields: [("deep".to_owned(), value)].into() };
        assert!(parse_struct(&document.encode_to_vec()).is_none());
    }
}
