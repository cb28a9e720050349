//! `session.keys`: 32 random bytes each, in base64. Whoever can guess one can write sessions.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::alphabet::{Alphabet, STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::cursor::Cursor;
use super::secret;
use crate::secret::Secret;
use crate::session::seal::KeyRing;

const MOST_KEYS: usize = 16;

const EXPECTED: &str = "base64 of 32 random bytes (`openssl rand -base64 32`)";

/// Reads the key ring.
pub(super) fn read_all(cursor: &Cursor<'_>) -> Option<KeyRing> {
    let items = cursor.list("a list of session keys")?;
    if items.is_empty() || items.len() > MOST_KEYS {
        cursor.refuse(format_args!("{} keys", items.len()), format_args!("from 1 to {MOST_KEYS} session keys"));
        return None;
    }
    let mut keys: Vec<(String, Secret<[u8; 32]>)> = Vec::new();
    let mut complete = true;
    for item in &items {
        let Some(key) = read(item) else {
            complete = false;
            continue;
        };
        if let Some((path, _)) = keys.iter().find(|(_, known)| *known == key) {
            item.refuse(format_args!("the same key as in `{path}`"), "each key once");
            complete = false;
        } else {
            keys.push((item.path().to_owned(), key));
        }
    }
    let keys = keys.into_iter().map(|(_, key)| key).collect();
    complete.then(|| KeyRing::new(keys)).flatten()
}

fn read(cursor: &Cursor<'_>) -> Option<Secret<[u8; 32]>> {
    let text = secret::read(cursor)?;
    let Some(bytes) = decode(text.expose()) else {
        cursor.refuse("something that is not base64", EXPECTED);
        return None;
    };
    let Ok(key) = <[u8; 32]>::try_from(bytes.as_slice()) else {
        cursor.refuse(format_args!("{} bytes", bytes.len()), EXPECTED);
        return None;
    };
    if let Some(weakness) = weakness(&key) {
        cursor.refuse(weakness, EXPECTED);
        return None;
    }
    Some(Secret::new(key))
}

/// base64 or base64url, with or without padding.
fn decode(text: &str) -> Option<Vec<u8>> {
    let decode = |alphabet: &Alphabet| {
        let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        GeneralPurpose::new(alphabet, config).decode(text).ok()
    };
    decode(&STANDARD).or_else(|| decode(&URL_SAFE))
}

/// What gives a key away as not random: placeholders and words. 32 random bytes have 16 or fewer distinct values less often
/// than once in 2^40 keys, so nobody's good key is refused.
fn weakness(key: &[u8; 32]) -> Option<&'static str> {
    let distinct = key.iter().collect::<BTreeSet<_>>().len();
    let is_text = key.iter().all(|byte| (b' '..=b'~').contains(byte));
    match distinct {
        1 => Some("a key whose bytes are all the same"),
        2..10 => Some("a key whose bytes repeat"),
        // Hexadecimal digits have 16 values, words have fewer.
        10..16 if is_text => Some("a key that is text"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
    use sha2::{Digest as _, Sha256};

    use super::*;

    #[test]
    fn keys_are_read_in_every_spelling_of_base64() {
        // Its base64 has a `+` or `/`, so the alphabets differ.
        let key =
            (0_u32..).map(|seed| Sha256::digest(seed.to_be_bytes())).find(|key| STANDARD.encode(key).contains('+'));
        let key = key.unwrap();
        for engine in [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD] {
            assert_eq!(decode(&engine.encode(key)).as_deref(), Some(key.as_slice()));
        }
        for text in ["", "a", "a b", "abc$", "-+-+", "QUJD\n"] {
            assert!(decode(text).is_none_or(|bytes| bytes.is_empty()), "{text}");
        }
    }

    #[test]
    fn keys_that_are_not_random_are_recognised() {
        for weak in [[0; 32], [0xff; 32], *b"changemechangemechangemechangeme", *b"changeme-changeme-changeme-12345"] {
            assert!(weakness(&weak).is_some(), "{weak:?}");
        }
        assert_eq!(weakness(b"0123456789abcdef0f1e2d3c4b5a6978"), None, "128 random bits in hexadecimal");
        for seed in 0_u32..1000 {
            assert_eq!(weakness(&Sha256::digest(seed.to_be_bytes()).into()), None);
        }
    }
}
