//! The keys of a provider (RFC 7517 §5), read key by key: one that cannot be used does not spoil the others.

use std::fmt;

use serde_json::Value;

use super::json::{self, JsonError};
use super::{Jwk, SkippedKey};
use crate::reason::Reason;

/// The largest key set, in bytes.
const MAX_LENGTH: usize = 256 * 1024;
/// How many keys of a set are read.
const MAX_KEYS: usize = 200;

/// The usable keys of a provider; at least one.
#[derive(Clone, Debug)]
pub struct JwkSet {
    keys: Vec<Jwk>,
    skipped: Vec<Skipped>,
}

impl JwkSet {
    /// Reads a JWK Set. Keys that cannot be used are skipped and remembered.
    pub fn parse(document: &[u8]) -> Result<Self, JwkSetError> {
        let document = json::parse_object(document, MAX_LENGTH).map_err(JwkSetError::Malformed)?;
        let Some(Value::Array(entries)) = document.get("keys") else {
            return Err(JwkSetError::MissingKeys);
        };
        let mut keys = Vec::new();
        let mut skipped = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            if index == MAX_KEYS {
                skipped.push(Skipped { index, reason: SkippedKey::TooManyKeys });
                break;
            }
            match Jwk::from_value(entry) {
                Ok(key) => keys.push(key),
                Err(reason) => skipped.push(Skipped { index, reason }),
            }
        }
        if keys.is_empty() {
            return Err(JwkSetError::NoUsableKey { skipped });
        }
        Ok(Self { keys, skipped })
    }

    /// The usable keys, in the order of the document.
    pub fn keys(&self) -> &[Jwk] {
        &self.keys
    }

    /// Whether there is a key here that is not in `older`.
    pub fn adds_to(&self, older: &Self) -> bool {
        self.keys.iter().any(|key| !older.keys.contains(key))
    }

    /// The keys that were left out.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }
}

/// A key that was left out. Prints as `keys[3]: the RSA modulus is too small`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its position in `keys`, from 0.
    pub index: usize,
    /// Why.
    pub reason: SkippedKey,
}

impl fmt::Display for Skipped {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "keys[{}]: {}", self.index, self.reason)
    }
}

/// Why a key set was refused. The provider is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwkSetError {
    /// No acceptable JSON object.
    #[error("the key set is malformed")]
    Malformed(#[source] JsonError),
    /// No `keys` array.
    #[error("the key set has no list of keys")]
    MissingKeys,
    /// Nothing in it can be used.
    #[error("the key set has no usable key")]
    NoUsableKey {
        /// Every key.
        skipped: Vec<Skipped>,
    },
}

impl Reason for JwkSetError {
    fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "jwks.malformed",
            Self::MissingKeys => "jwks.keys_missing",
            Self::NoUsableKey { .. } => "jwks.no_usable_key",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::jose::test_key::{TestKey, jwk_set};

    #[test]
    fn a_set_without_a_usable_key_is_refused() {
        let refusal = |text: &str| JwkSet::parse(text.as_bytes()).map(|_| ()).unwrap_err();
        assert_eq!(refusal(r#"{"keys":[]}"#), JwkSetError::NoUsableKey { skipped: vec![] });
        assert_eq!(
            refusal(r#"{"keys":[{"kty":"AKP"}]}"#),
            JwkSetError::NoUsableKey { skipped: vec![Skipped { index: 0, reason: SkippedKey::UnsupportedKeyType }] }
        );
        assert_eq!(refusal(r#"{"keys":{}}"#), JwkSetError::MissingKeys);
        assert_eq!(refusal("[]"), JwkSetError::Malformed(JsonError::NotAnObject));
        assert_eq!(refusal(r#"{"keys":[],"keys":[]}"#), JwkSetError::Malformed(JsonError::DuplicateMember));
        assert_eq!(refusal(&" ".repeat(MAX_LENGTH + 1)), JwkSetError::Malformed(JsonError::TooLarge));
    }

    #[test]
    fn at_most_two_hundred_keys_are_read() {
        let set = jwk_set(&vec![TestKey::p256().jwk(); 300]);
        assert_eq!(set.keys().len(), MAX_KEYS);
        assert_eq!(set.skipped()[0].to_string(), "keys[200]: the key set holds too many keys");
        assert_eq!(set.skipped(), [Skipped { index: MAX_KEYS, reason: SkippedKey::TooManyKeys }]);
    }

    proptest! {
        #[test]
        fn arbitrary_sets_do_not_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            n in "[A-Za-z0-9_-]{0,400}", e in "[A-Za-z0-9_-]{0,12}", kty in "RSA|EC|OKP|oct", crv in "P-(256|384|521)|Ed25519",
        ) {
            let _ = JwkSet::parse(&bytes);
            let key = json!({"kty": kty, "crv": crv, "n": n, "e": e, "x": n, "y": e});
            let _ = JwkSet::parse(json!({"keys": [key]}).to_string().as_bytes());
        }
    }
}
