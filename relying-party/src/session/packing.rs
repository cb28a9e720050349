//! What of a session is text that deflate can make small, and what is random and goes beside it as bytes: GUIDs, of which Entra ID
//! sends one a group, and the parts of tokens, which base64url has made a third longer.
//!
//! Everything comes back letter by letter: what would not is left as it is.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

/// A GUID in a text: the next of the list, one named by its number in three digits of base 64, the one behind that of the last
/// time. JSON has no such bytes.
const NEXT: u8 = 1;
const NUMBERED: u8 = 2;
const FOLLOWING: u8 = 3;

const GUID_LENGTH: usize = 36;
const DASHES: [usize; 4] = [8, 13, 18, 23];
/// More stay text: each is compared with all before it.
const MOST_GUIDS: usize = 4096;
/// Shorter parts of tokens are not worth their description (characters).
const SHORTEST_PART: usize = 12;

/// A part of a token: text as it stands; JSON of so many bytes; or, negative, so many bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Part {
    Packed(i64),
    Text(String),
}

/// The parts of a token, in whose text they are separated by dots.
pub(super) type Parts = Vec<Part>;

/// Collects what was taken out of tokens.
#[derive(Default)]
pub(super) struct Packing {
    pub(super) json: Vec<u8>,
    pub(super) bytes: Vec<u8>,
}

impl Packing {
    pub(super) fn pack(&mut self, token: &str) -> Parts {
        token.split('.').map(|part| self.pack_part(part).unwrap_or_else(|| Part::Text(part.to_owned()))).collect()
    }

    fn pack_part(&mut self, part: &str) -> Option<Part> {
        if part.len() < SHORTEST_PART {
            return None;
        }
        let decoded = URL_SAFE_NO_PAD.decode(part).ok().filter(|decoded| URL_SAFE_NO_PAD.encode(decoded) == part)?;
        let length = i64::try_from(decoded.len()).ok()?;
        let is_json = decoded.starts_with(b"{") && !decoded.iter().any(|byte| is_mark(*byte));
        let (target, length) =
            if is_json { (&mut self.json, length) } else { (&mut self.bytes, length.checked_neg()?) };
        target.extend_from_slice(&decoded);
        Some(Part::Packed(length))
    }
}

/// Gives tokens back, in the order in which they were packed.
pub(super) struct Unpacking<'a> {
    pub(super) json: &'a [u8],
    pub(super) bytes: &'a [u8],
}

impl Unpacking<'_> {
    pub(super) fn unpack(&mut self, parts: &[Part]) -> Option<String> {
        let parts: Option<Vec<_>> = parts.iter().map(|part| self.unpack_part(part)).collect();
        Some(parts?.join("."))
    }

    fn unpack_part(&mut self, part: &Part) -> Option<String> {
        let length = match part {
            Part::Text(text) => return Some(text.clone()),
            Part::Packed(length) => *length,
        };
        let source = if length.is_negative() { &mut self.bytes } else { &mut self.json };
        let (taken, rest) = source.split_at_checked(usize::try_from(length.unsigned_abs()).ok()?)?;
        *source = rest;
        Some(URL_SAFE_NO_PAD.encode(taken))
    }

    /// Whether everything was given back.
    pub(super) const fn is_done(&self) -> bool {
        self.json.is_empty() && self.bytes.is_empty()
    }
}

/// `text` without its GUIDs, and those, each once.
pub(super) fn take_guids(text: &[u8]) -> (Vec<u8>, Vec<[u8; 16]>) {
    let (mut marked, mut guids) = (Vec::with_capacity(text.len()), Vec::<[u8; 16]>::new());
    let mut last = None;
    let mut rest = text;
    while let Some((first, behind)) = rest.split_first() {
        let guid = read_guid(rest).filter(|_| guids.len() < MOST_GUIDS);
        let Some((guid, behind)) = guid else {
            marked.push(*first);
            rest = behind;
            continue;
        };
        // There are hundreds, which a table would not find much sooner.
        let number = guids.iter().position(|known| *known == guid).unwrap_or(guids.len());
        if number == guids.len() {
            guids.push(guid);
            marked.push(NEXT);
        } else if last.is_some_and(|last: usize| last.checked_add(1) == Some(number)) {
            marked.push(FOLLOWING);
        } else {
            marked.push(NUMBERED);
            marked.extend([12, 6, 0].map(|shift| 64 | u8::try_from(number >> shift & 63).unwrap_or_default()));
        }
        last = Some(number);
        rest = behind;
    }
    (marked, guids)
}

/// The text that [`take_guids`] was given; `None` when it would have more than `limit` bytes, or is nothing of the kind.
pub(super) fn put_guids(marked: &[u8], guids: &[u8], limit: usize) -> Option<Vec<u8>> {
    let (mut text, mut used, mut last) = (Vec::with_capacity(marked.len()), 0_usize, None);
    let mut rest = marked.iter();
    while let Some(byte) = rest.next() {
        let number = match *byte {
            NEXT => {
                let number = used;
                used = used.checked_add(1)?;
                number
            }
            FOLLOWING => usize::checked_add(last?, 1)?,
            NUMBERED => {
                let mut digit = || rest.next().map(|digit| usize::from(digit & 63));
                let (high, middle, low) = (digit()?, digit()?, digit()?);
                high << 12 | middle << 6 | low
            }
            other => {
                text.push(other);
                continue;
            }
        };
        let start = number.checked_mul(16)?;
        write_guid(&mut text, guids.get(start..start.checked_add(16)?)?);
        last = Some(number);
        if text.len() > limit {
            return None;
        }
    }
    (used.checked_mul(16) == Some(guids.len()) && text.len() <= limit).then_some(text)
}

/// Whether a byte stands for a GUID.
const fn is_mark(byte: u8) -> bool {
    matches!(byte, NEXT | NUMBERED | FOLLOWING)
}

/// A GUID in lower case at the beginning of `text`, and what is behind it.
fn read_guid(text: &[u8]) -> Option<([u8; 16], &[u8])> {
    let (guid, behind) = text.split_at_checked(GUID_LENGTH)?;
    if DASHES.iter().any(|dash| guid.get(*dash) != Some(&b'-')) {
        return None;
    }
    let mut digits = guid.iter().enumerate().filter(|(index, _)| !DASHES.contains(index)).map(|(_, digit)| digit);
    let mut bytes = [0; 16];
    for byte in &mut bytes {
        let mut digit = || match digits.next()? {
            digit @ b'0'..=b'9' => digit.checked_sub(b'0'),
            digit @ b'a'..=b'f' => digit.checked_sub(b'a' - 10),
            _ => None,
        };
        *byte = digit()? << 4 | digit()?;
    }
    Some((bytes, behind))
}

fn write_guid(text: &mut Vec<u8>, guid: &[u8]) {
    for (index, byte) in guid.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push(b'-');
        }
        for digit in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(digit.into(), 16).map(|digit| digit as u8));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GUID: &str = "6a9c1f0e-7b1d-4c39-9d6c-3f1f9be0a8d2";
    const OTHER: &str = "00000000-ffff-0123-4567-89abcdef0123";

    fn again(text: &str) -> String {
        let (marked, guids) = take_guids(text.as_bytes());
        String::from_utf8(put_guids(&marked, &guids.concat(), 100_000).unwrap()).unwrap()
    }

    #[test]
    fn guids_come_back_however_many_there_are() {
        let guid = |number: u32| format!("{number:08x}-0000-4000-8000-000000000000");
        let order = (0..4095).chain([4094, 70, 3, 4, 64, 63]).chain(4095..4200);
        let text = order.map(guid).collect::<Vec<_>>().join(" ");
        let (marked, guids) = take_guids(text.as_bytes());
        assert_eq!(guids.len(), MOST_GUIDS);
        assert_eq!(put_guids(&marked, &guids.concat(), text.len()).as_deref(), Some(text.as_bytes()));
        assert_eq!(put_guids(&marked, &guids.concat(), text.len() - 1), None);
        // A number has room for more.
        let marked = [&[NEXT; 4097][..], &[NUMBERED, 64 | 1, 64, 64]].concat();
        let guids: Vec<u8> = (0..4097_u128).flat_map(u128::to_be_bytes).collect();
        assert!(put_guids(&marked, &guids, 1_000_000).unwrap().ends_with(b"00000000-0000-0000-0000-000000001000"));
    }

    #[test]
    fn guids_come_back_and_each_is_stored_once() {
        let text = format!("[\"{GUID}\",\"{OTHER}\"],[\"{GUID}\",\"{OTHER}\",\"{GUID}\"]");
        let (marked, guids) = take_guids(text.as_bytes());
        assert_eq!((guids.len(), marked.len()), (2, 29));
        assert_eq!(again(&text), text);
        for text in [GUID.to_uppercase(), GUID.replace('-', ""), GUID.replace("d2", "dx"), format!("a{GUID}{GUID}f")] {
            assert_eq!(again(&text), text);
        }
    }

    #[test]
    fn what_was_not_written_here_is_not_read() {
        let guid = [7; 16];
        assert!(put_guids(&[NEXT], &guid, 36).is_some());
        for (marked, guids, limit) in [
            (&[NEXT][..], &guid[..], 35),
            (&[NEXT], &[], 99),
            (&[NEXT], &guid[1..], 99),
            (&[], &guid, 99),
            (&[FOLLOWING], &guid, 99),
            (&[NEXT, FOLLOWING], &guid, 99),
            (&[NEXT, NUMBERED, 64], &guid, 99),
            (&[NEXT, NUMBERED, 64, 64, 65], &guid, 99),
        ] {
            assert_eq!(put_guids(marked, guids, limit), None, "{marked:?}");
        }
    }

    #[test]
    fn a_part_that_is_too_short_to_gain_anything_stays_text() {
        let text = |part: &str| Part::Text(part.to_owned());
        let (short, long) = ("A".repeat(SHORTEST_PART - 1), "A".repeat(SHORTEST_PART));
        let parts = Packing::default().pack(&format!("AA.{short}.{long}"));
        assert_eq!(parts, [text("AA"), text(&short), Part::Packed(-9)]);
    }

    #[test]
    fn a_token_comes_back_letter_by_letter() {
        let jwt = format!(
            "{}.{}.c2lnbmF0dXJlLXNpZ25hdHVyZQ",
            URL_SAFE_NO_PAD.encode("{\"alg\":\"RS256\"}"),
            URL_SAFE_NO_PAD.encode("{\"a\":1}")
        );
        let marks = URL_SAFE_NO_PAD.encode("{\"a\":\"\u{1}\u{2}\u{3}\"}");
        for token in [
            jwt.as_str(),
            "",
            ".",
            "a.b.c",
            "0.AXoAdGhpcyBpcyBvcGFxdWU",
            "AAAAAAAAAAAAAAAAAB",
            "not base64url, but long",
            &marks,
        ] {
            let mut packing = Packing::default();
            let parts = packing.pack(token);
            let mut unpacking = Unpacking { json: &packing.json, bytes: &packing.bytes };
            assert_eq!(unpacking.unpack(&parts).as_deref(), Some(token));
            assert!(unpacking.is_done());
            assert!(!packing.json.iter().any(|byte| (1..=3).contains(byte)));
        }
        assert_eq!(Unpacking { json: &[], bytes: &[] }.unpack(&[Part::Packed(1)]), None);
        assert_eq!(Unpacking { json: &[], bytes: &[] }.unpack(&[Part::Packed(i64::MIN)]), None);
    }

    proptest! {
        #[test]
        fn any_text_comes_back(pieces in prop::collection::vec(prop_oneof![
            "[0-9a-f-]{0,40}", Just(GUID.to_owned()), Just(OTHER.to_owned()), "[ -~]{0,9}"], 0..30)) {
            let text = pieces.concat();
            prop_assert_eq!(again(&text), text);
        }

        #[test]
        fn any_token_comes_back_and_arbitrary_bytes_do_not_panic(token in "[A-Za-z0-9_.-]{0,200}", bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let mut packing = Packing::default();
            let parts = packing.pack(&token);
            prop_assert_eq!(Unpacking { json: &packing.json, bytes: &packing.bytes }.unpack(&parts), Some(token));
            let (marked, guids) = bytes.split_at(bytes.len() / 2);
            let _ = put_guids(marked, guids, 1000);
        }
    }
}
