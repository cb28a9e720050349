//! Deflate (RFC 1951) with a dictionary: what sessions have in common is not written into each of them.
//!
//! The dictionary is compressed before the text and its output thrown away, so that the text refers to it; it stands before the
//! output again when the text is read. Neither side needs more than plain deflate.

use miniz_oxide::deflate::core::{
    CompressorOxide, TDEFLFlush, TDEFLStatus, compress_to_output, create_comp_flags_from_zip_params,
};
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};

/// 0 to 10; beyond 8 little is gained.
const LEVEL: i32 = 8;

/// `text`, deflated; `None` never happens.
pub(super) fn deflate(text: &[u8], dictionary: &[u8]) -> Option<Vec<u8>> {
    // Window bits of zero: no zlib header.
    let mut compressor = CompressorOxide::new(create_comp_flags_from_zip_params(LEVEL, 0, 0));
    compress_to_output(&mut compressor, dictionary, TDEFLFlush::Sync, |_| true);
    let mut deflated = Vec::with_capacity(text.len());
    let (status, _) = compress_to_output(&mut compressor, text, TDEFLFlush::Finish, |output| {
        deflated.extend_from_slice(output);
        true
    });
    (status == TDEFLStatus::Done).then_some(deflated)
}

/// What was deflated with `dictionary`; `None` for anything else, or when it has more than `limit` bytes.
pub(super) fn inflate(deflated: &[u8], dictionary: &[u8], limit: usize) -> Option<Vec<u8>> {
    let mut output = dictionary.to_vec();
    let longest = dictionary.len().checked_add(limit)?;
    let mut decompressor = DecompressorOxide::new();
    let (mut input, mut written) = (deflated, dictionary.len());
    output.resize(longest.min(written.checked_add(deflated.len().checked_mul(4)?)?), 0);
    loop {
        let flags = inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
        let (status, read, wrote) = decompress(&mut decompressor, input, &mut output, written, flags);
        written = written.checked_add(wrote)?;
        input = input.get(read..)?;
        match status {
            TINFLStatus::Done if input.is_empty() => break,
            TINFLStatus::HasMoreOutput if output.len() < longest => {
                output.resize(longest.min(output.len().checked_mul(2)?.max(1024)), 0);
            }
            _ => return None,
        }
    }
    output.truncate(written);
    Some(output.split_off(dictionary.len()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DICTIONARY: &[u8] = b"\"iss\":\"https://\",\"sub\":\"\",\"groups\":[\"";

    #[test]
    fn what_the_dictionary_has_costs_little() {
        let text = br#"{"groups":["a"],"iss":"https://a.example","sub":"b"}"#;
        let (with, without) = (deflate(text, DICTIONARY).unwrap(), deflate(text, b"").unwrap());
        assert!(with.len() + 15 < without.len(), "{} {}", with.len(), without.len());
        assert_eq!(inflate(&with, DICTIONARY, text.len()).as_deref(), Some(&text[..]));
        assert_eq!(inflate(&with, DICTIONARY, text.len() - 1), None, "longer than the limit");
        assert_eq!(inflate(&[&with, &b"x"[..]].concat(), DICTIONARY, 1000), None, "something behind it");
        assert_ne!(inflate(&with, b"another", 1000).as_deref(), Some(&text[..]));
    }

    #[test]
    fn a_bomb_is_refused() {
        let bomb = deflate(&vec![b' '; 8 * 1024 * 1024], b"").unwrap();
        assert!(bomb.len() < 20_000);
        assert_eq!(inflate(&bomb, b"", 256 * 1024), None);
    }

    proptest! {
        #[test]
        fn any_bytes_come_back_and_arbitrary_ones_do_not_panic(text in prop::collection::vec(any::<u8>(), 0..3000), dictionary in "[a-z]{0,300}") {
            let deflated = deflate(&text, dictionary.as_bytes()).unwrap();
            let inflated = inflate(&deflated, dictionary.as_bytes(), text.len());
            prop_assert_eq!(inflated.as_deref(), Some(&text[..]));
            let _ = inflate(&text, dictionary.as_bytes(), 10_000);
        }
    }
}
