//! Header maps as proxy-wasm serialises them: count, lengths, then names and values, each with a NUL behind it.

use std::borrow::Cow;

/// Fields of a header map.
pub type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// Serialises `fields`.
pub fn encode(fields: &Fields) -> Vec<u8> {
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).expect("fields are short").to_le_bytes();
    let mut encoded = u32::try_from(fields.len()).expect("few fields").to_le_bytes().to_vec();
    for (name, value) in fields {
        encoded.extend(length(name));
        encoded.extend(length(value));
    }
    for (name, value) in fields {
        encoded.extend_from_slice(name);
        encoded.push(0);
        encoded.extend_from_slice(value);
        encoded.push(0);
    }
    encoded
}

/// The opposite of [`encode`]; `None` when `encoded` is no such map.
pub fn decode(encoded: &[u8]) -> Option<Fields> {
    if encoded.is_empty() {
        return Some(Vec::new());
    }
    let number = |at: usize| {
        let bytes = encoded.get(at..at.checked_add(4)?)?;
        usize::try_from(u32::from_le_bytes(bytes.try_into().ok()?)).ok()
    };
    let count = number(0)?;
    let mut place = count.checked_mul(8)?.checked_add(4)?;
    let mut take = |length: usize| {
        let bytes = encoded.get(place..place.checked_add(length)?)?.to_vec();
        place += length + 1;
        Some(bytes)
    };
    (0..count).map(|index| Some((take(number(4 + index * 8)?)?, take(number(8 + index * 8)?)?))).collect()
}

/// A name as text, for messages and comparisons.
pub fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_survives_the_way_there_and_back() {
        let fields =
            vec![(b":path".to_vec(), b"/".to_vec()), (b"x".to_vec(), vec![0xff, 0]), (b"empty".to_vec(), Vec::new())];
        assert_eq!(decode(&encode(&fields)), Some(fields));
        assert_eq!(decode(b""), Some(Vec::new()));
    }

    #[test]
    fn what_is_no_map_is_none() {
        for bytes in [&b"\x01"[..], b"\x01\0\0\0", b"\xff\xff\xff\xff", b"\x01\0\0\0\xff\0\0\0\0\0\0\0"] {
            assert_eq!(decode(bytes), None);
        }
    }
}
