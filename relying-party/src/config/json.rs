//! The document as a tree that keeps what `serde_json::Value` forgets: repeated members, and their order.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::problem::ConfigErrors;
use super::protobuf::parse_struct;

/// A configuration is written by people; what is larger is something else.
const MAX_DOCUMENT: usize = 1024 * 1024;

/// A JSON value. It has no `Debug`: secrets stand in it.
pub(super) enum Node {
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    List(Vec<Node>),
    /// Every member as written, repeated ones included.
    Mapping(Vec<(String, Node)>),
}

impl Node {
    /// Reads a document: JSON, or an encoded `google.protobuf.Struct`. Nesting is bounded by serde_json (128 levels).
    pub(super) fn parse(document: &[u8]) -> Result<Self, ConfigErrors> {
        if document.len() > MAX_DOCUMENT {
            return Err(ConfigErrors::of_document(format_args!(
                "found {} bytes, expected at most {MAX_DOCUMENT}",
                document.len()
            )));
        }
        serde_json::from_slice(document).or_else(|error| parse_struct(document).ok_or(error)).map_err(|error| {
            // serde_json's syntax errors are fixed texts with " at line L column C" behind them.
            let text = error.to_string();
            let cause = text.split_once(" at line ").map_or(text.as_str(), |(cause, _)| cause);
            ConfigErrors::of_document(format_args!(
                "{}:{}: found invalid JSON ({cause}), expected a JSON object in UTF-8",
                error.line(),
                error.column()
            ))
        })
    }

    /// What kind of value this is, for a message; never the value.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::List(_) => "a list",
            Self::Mapping(_) => "a mapping",
        }
    }

    /// The number as an integer; a `google.protobuf.Struct` knows only floats, so `300.0` is one.
    pub(super) fn integer(&self) -> Option<u64> {
        /// Up to 2^53 every integer has its own float.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        let Self::Number(number) = self else { return None };
        number.as_u64().or_else(|| {
            let float = number.as_f64()?;
            ((0.0..=EXACT).contains(&float) && float.fract() == 0.0).then_some(float as u64)
        })
    }

    /// The same as a plain value; of repeated members the first.
    pub(super) fn to_value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(boolean) => Value::Bool(*boolean),
            Self::Number(number) => Value::Number(number.clone()),
            Self::String(text) => Value::String(text.clone()),
            Self::List(items) => Value::Array(items.iter().map(Self::to_value).collect()),
            Self::Mapping(members) => {
                let mut map = Map::new();
                for (name, node) in members {
                    map.entry(name.as_str()).or_insert_with(|| node.to_value());
                }
                Value::Object(map)
            }
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, boolean: bool) -> Result<Node, E> {
        Ok(Node::Bool(boolean))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Node, E> {
        Ok(Node::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Node, E> {
        Ok(Node::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Node, E> {
        Ok(Number::from_f64(number).map_or(Node::Null, Node::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::String(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Node, E> {
        Ok(Node::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(member) = members.next_entry()? {
            list.push(member);
        }
        Ok(Node::Mapping(list))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_without_a_fraction_are_integers() {
        for (text, expected) in [
            ("300.0", Some(300)),
            ("3e2", Some(300)),
            ("300", Some(300)),
            ("0.5", None),
            ("-1", None),
            ("-1.0", None),
            ("1e300", None),
            ("true", None),
            ("\"300\"", None),
        ] {
            assert_eq!(Node::parse(text.as_bytes()).unwrap().integer(), expected, "{text}");
        }
    }

    #[test]
    fn invalid_json_is_refused_with_line_and_column() {
        for (document, place) in [
            (&b"{\n  \"a\": }"[..], "2:8"),
            (b"", "1:0"),
            (b"{\"a\": \"\xff\"}", "1:"),
            (b"{} x", "1:4"),
            (b"{\"a\": NaN}", "1:"),
        ] {
            let error = Node::parse(document).err().unwrap().to_string();
            assert!(error.starts_with(&format!("configuration: {place}")), "{error}");
        }
    }

    #[test]
    fn deep_nesting_and_huge_documents_are_refused() {
        assert!(Node::parse("[".repeat(100_000).as_bytes()).is_err());
        assert!(Node::parse("{\"a\":".repeat(100_000).as_bytes()).is_err());
        assert!(Node::parse(&vec![b' '; MAX_DOCUMENT + 1]).is_err());
    }
}
