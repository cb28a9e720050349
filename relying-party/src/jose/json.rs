//! Strict JSON objects: what tokens, keys and metadata are made of (RFC 8259, with the unique names of RFC 7493 §2.3).

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

use crate::reason::Reason;

/// How deep arrays and objects may nest, the outermost included.
const MAX_DEPTH: usize = 32;

/// Reads one JSON object of at most `limit` bytes, and nothing else.
///
/// A member name that occurs twice in any object is refused: two readers could disagree about which one counts.
pub fn parse_object(bytes: &[u8], limit: usize) -> Result<Map<String, Value>, JsonError> {
    if bytes.len() > limit {
        return Err(JsonError::TooLarge);
    }
    let refusal = Cell::new(None);
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let parsed = Strict { depth: 0, refusal: &refusal }
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value));
    match parsed {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(JsonError::NotAnObject),
        Err(_) => Err(refusal.get().unwrap_or(JsonError::Malformed)),
    }
}

/// Why a text is no acceptable JSON object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Longer than its place allows.
    #[error("the JSON text is too large")]
    TooLarge,
    /// Not JSON, or followed by something else.
    #[error("the text is not JSON")]
    Malformed,
    /// JSON, but an array, a string, a number…
    #[error("the JSON text is not an object")]
    NotAnObject,
    /// A member name occurs twice in one object.
    #[error("a member occurs twice in a JSON object")]
    DuplicateMember,
    /// Nested too deeply.
    #[error("the JSON text is nested too deeply")]
    TooDeep,
}

impl Reason for JsonError {
    fn code(&self) -> &'static str {
        match self {
            Self::TooLarge => "json.too_large",
            Self::Malformed => "json.malformed",
            Self::NotAnObject => "json.not_an_object",
            Self::DuplicateMember => "json.duplicate_member",
            Self::TooDeep => "json.too_deep",
        }
    }
}

/// Builds a [`Value`], counting depth and refusing duplicates. serde's errors are texts, so the cause goes into `refusal`.
#[derive(Clone, Copy)]
struct Strict<'a> {
    depth: usize,
    refusal: &'a Cell<Option<JsonError>>,
}

impl Strict<'_> {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        let depth = self.depth.saturating_add(1);
        if depth > MAX_DEPTH {
            return Err(self.refuse(JsonError::TooDeep));
        }
        Ok(Self { depth, ..self })
    }

    fn refuse<E: serde::de::Error>(self, cause: JsonError) -> E {
        self.refusal.set(Some(cause));
        E::custom(cause)
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom(JsonError::Malformed))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut array = Vec::new();
        while let Some(element) = elements.next_element_seed(inner)? {
            array.push(element);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            match object.entry(name) {
                Entry::Occupied(_) => return Err(self.refuse(JsonError::DuplicateMember)),
                Entry::Vacant(vacant) => drop(vacant.insert(members.next_value_seed(inner)?)),
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refusal(text: &str) -> JsonError {
        parse_object(text.as_bytes(), 4096).unwrap_err()
    }

    #[test]
    fn an_object_keeps_its_values() {
        let text = r#"{"s":"\u00e9","n":-1,"u":18446744073709551615,"f":1.5,"b":true,"z":null,"a":[{"x":1}]}"#;
        let object = parse_object(text.as_bytes(), 4096).unwrap();
        assert_eq!(Value::Object(object), serde_json::from_str::<Value>(text).unwrap());
    }

    #[test]
    fn a_member_that_occurs_twice_is_refused_at_any_level_and_in_any_spelling() {
        for text in
            [r#"{"a":1,"a":1}"#, r#"{"o":{"a":1,"b":2,"a":3}}"#, r#"{"l":[{"a":1,"a":2}]}"#, r#"{"a":1,"\u0061":2}"#]
        {
            assert_eq!(refusal(text), JsonError::DuplicateMember, "{text}");
        }
    }

    #[test]
    fn what_is_not_exactly_one_json_object_is_refused() {
        for text in [
            "",
            "{",
            "{} {}",
            "{}x",
            "\u{feff}{}",
            "{'a':1}",
            r#"{"a":NaN}"#,
            r#"{"a":1e400}"#,
            r#"{"a":"\ud800"}"#,
            "{\"a\":01}",
        ] {
            assert_eq!(refusal(text), JsonError::Malformed, "{text}");
        }
        assert_eq!(parse_object(b"{\"a\":\"\xff\"}", 99).unwrap_err(), JsonError::Malformed);
        for text in ["[]", "null", "1", "\"{}\""] {
            assert_eq!(refusal(text), JsonError::NotAnObject, "{text}");
        }
    }

    #[test]
    fn enormous_numbers_are_only_numbers() {
        let object = parse_object(br#"{"exp":1e300,"iat":123456789012345678901234567890}"#, 99).unwrap();
        assert_eq!(object["exp"].as_f64(), Some(1e300));
        assert!(object["iat"].is_f64());
    }

    #[test]
    fn depth_and_size_are_bounded() {
        let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        assert!(parse_object(nested(31).as_bytes(), 4096).is_ok());
        assert_eq!(refusal(&nested(32)), JsonError::TooDeep);
        assert_eq!(refusal(&nested(1000)), JsonError::TooDeep);
        assert_eq!(parse_object(b"{}   ", 4).unwrap_err(), JsonError::TooLarge);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
            let _ = parse_object(&bytes, 200);
        }
    }
}
