//! A map of headers as the host serializes it: one call, one buffer, no copies.
//!
//! The SDK has only calls that copy each name and value into allocations of their own. This is the one that it is built on, and
//! the only `unsafe` code of ours besides the entry points.

use std::ptr::null_mut;

use proxy_wasm::types::{MapType, Status};
use relying_party::http::Field;

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_get_header_map_pairs(map: MapType, data: *mut *mut u8, size: *mut usize) -> Status;
}

/// The whole map; empty when the host has none.
pub(crate) fn serialized(map: MapType) -> Vec<u8> {
    let (mut data, mut size) = (null_mut(), 0);
    // SAFETY: both pointers are valid for the time of the call.
    let status = unsafe { proxy_get_header_map_pairs(map, &raw mut data, &raw mut size) };
    if !matches!(status, Status::Ok) || data.is_null() {
        return Vec::new();
    }
    // SAFETY: the host writes into memory that it asked `proxy_on_memory_allocate` for, with exactly this size. The SDK
    // allocates it as a `Vec<u8>` and leaves it to whoever made the call.
    unsafe { Vec::from_raw_parts(data, size, size) }
}

/// Where the fields stand in it: a count, two lengths for each field, then all names and values, each with a zero byte after it,
/// numbers in 32 bits with the lowest byte first. A map that ends too early has the fields before.
pub(crate) fn fields(map: &[u8]) -> Vec<Field> {
    let Some((count, rest)) = number(map) else { return Vec::new() };
    let (lengths, _) = rest.as_chunks::<8>();
    let lengths = lengths.get(..count).unwrap_or_default();
    let mut start = count.saturating_mul(8).saturating_add(4);
    let mut place = |length: usize| {
        let place = start..start.saturating_add(length);
        start = place.end.saturating_add(1);
        place
    };
    let field = |lengths: &[u8; 8]| {
        let (name, rest) = number(lengths)?;
        let (value, _) = number(rest)?;
        Some(Field { name: place(name), value: place(value) })
    };
    lengths.iter().map_while(field).collect()
}

fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    Some((usize::try_from(u32::from_le_bytes(*number)).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use relying_party::http::Headers;

    use super::*;

    fn headers(map: &[u8]) -> Vec<(String, Vec<u8>)> {
        let headers = Headers::in_buffer(map.to_vec(), fields(map));
        headers.iter().map(|(name, value)| (name.to_owned(), value.to_vec())).collect()
    }

    fn serialize(fields: &[(&str, &[u8])]) -> Vec<u8> {
        let number = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
        let mut map = number(fields.len()).to_vec();
        fields.iter().for_each(|(name, value)| map.extend([number(name.len()), number(value.len())].concat()));
        fields.iter().for_each(|(name, value)| map.extend([name.as_bytes(), b"\0", value, b"\0"].concat()));
        map
    }

    #[test]
    fn fields_are_found_where_they_stand() {
        let expected: [(&str, &[u8]); 4] = [(":path", b"/"), ("a", b""), ("", b"\0"), ("cookie", b"\xff")];
        let read = headers(&serialize(&expected));
        assert_eq!(read, expected.map(|(name, value)| (name.to_owned(), value.to_vec())));
        assert!(headers(b"").is_empty() && headers(&serialize(&[])).is_empty());
    }

    #[test]
    fn no_truncated_or_lying_map_panics() {
        let map = serialize(&[(":path", b"/"), ("cookie", b"a=1")]);
        for end in 0..map.len() {
            headers(&map[..end]);
        }
        for at in 0..map.len() {
            let mut lying = map.clone();
            lying[at] = 0xff;
            headers(&lying);
        }
    }
}
