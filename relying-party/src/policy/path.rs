//! The path of a request, in every reading that a router or a backend may give it.
//!
//! A rule is safe only when all readings lead to it (CWE-436, CWE-647), so a path keeps its readings side by side.

use crate::reason::Reason;

/// Longer paths are refused (bytes).
const MAX_LENGTH: usize = 16 * 1024;

/// A request's path without its query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestPath {
    literal: String,
    /// Present only when another reading differs from `literal`.
    readings: Option<Box<Readings>>,
    traits: Traits,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Readings {
    decoded: String,
    resolved: String,
    stripped: String,
}

impl RequestPath {
    /// Reads a raw `:path`. The query begins at the first question mark.
    pub fn parse(path_and_query: &str) -> Result<Self, PathError> {
        let raw = path_and_query.split_once('?').map_or(path_and_query, |(path, _)| path);
        if !raw.starts_with('/') {
            return Err(PathError::NotAbsolute);
        }
        if raw.len() > MAX_LENGTH {
            return Err(PathError::TooLong);
        }
        if has_one_reading(raw)? {
            return Ok(Self { literal: raw.to_owned(), readings: None, traits: Traits::default() });
        }
        Self::with_all_readings(raw)
    }

    fn with_all_readings(raw: &str) -> Result<Self, PathError> {
        let literal = decode(raw, must_be_escaped)?;
        let decoded = decode(raw, |_| true)?;
        let slashed = decoded.replace('\\', "/");
        let resolved = resolve(&slashed);
        let unresolved = strip(&resolved);
        let stripped = resolve(&unresolved);

        let mut traits = Traits::default();
        traits.set(Traits::DOT_SEGMENTS, has_dot_segment(&slashed) || has_dot_segment(&unresolved));
        traits.set(Traits::ENCODED_DOT, contains_escape(raw, b"2e"));
        traits.set(Traits::EMPTY_SEGMENTS, raw.contains("//") || unresolved.contains("//"));
        traits.set(Traits::ENCODED_SLASH, contains_escape(raw, b"2f"));
        traits.set(Traits::BACKSLASH, decoded.contains('\\'));
        traits.set(Traits::CONTROL, decoded.bytes().any(|byte| byte.is_ascii_control()));
        traits.set(Traits::PARAMETERS, decoded.contains(';'));
        traits
            .set(Traits::ESCAPED_TWICE, [b"2e", b"2f", b"5c", b"00"].iter().any(|hex| contains_escape(&decoded, hex)));

        let one_reading = [&decoded, &resolved, &stripped].into_iter().all(|reading| *reading == literal);
        let readings = (!one_reading).then(|| Box::new(Readings { decoded, resolved, stripped }));
        Ok(Self { literal, readings, traits })
    }

    /// The path as it was sent, except that escapes of bytes which cannot stand in a path unescaped (RFC 3986 §3.3)
    /// are decoded: `/caf%C3%A9` is `/café`, `/%61` stays.
    pub fn literal(&self) -> &str {
        &self.literal
    }

    /// All escapes decoded, once.
    pub fn decoded(&self) -> &str {
        self.readings.as_ref().map_or(&self.literal, |readings| &readings.decoded)
    }

    /// `decoded` with slashes for backslashes, slashes merged and dot segments removed (RFC 3986 §5.2.4).
    pub fn resolved(&self) -> &str {
        self.readings.as_ref().map_or(&self.literal, |readings| &readings.resolved)
    }

    /// `resolved` without path parameters (`;…`) and without what follows a decoded `?`, `#` or NUL; resolved again.
    pub fn stripped(&self) -> &str {
        self.readings.as_ref().map_or(&self.literal, |readings| &readings.stripped)
    }

    /// Whether all readings are the same text.
    pub fn has_one_reading(&self) -> bool {
        self.readings.is_none()
    }

    /// The readings besides `literal`; none for an ordinary path.
    pub fn other_readings(&self) -> impl Iterator<Item = &str> {
        self.readings
            .iter()
            .flat_map(|readings| [readings.decoded.as_str(), readings.resolved.as_str(), readings.stripped.as_str()])
    }

    /// Whether the path has something that routers and backends disagree about: `..`, `.`, `//`, `\`, `%2f`, `%5c`, `%2e`, `%00`,
    /// an escaped control byte, or an escape of one of these escapes.
    pub fn is_ambiguous(&self) -> bool {
        self.traits.without(Traits::PARAMETERS)
    }

    /// Whether the order of decoding, merging and resolving decides where the path leads: then the readings kept here are
    /// not all there are. No client sends such a path by accident.
    pub fn is_contradictory(&self) -> bool {
        self.traits.has(Traits::DOT_SEGMENTS) && self.traits.without(Traits::DOT_SEGMENTS | Traits::ENCODED_DOT)
    }
}

/// Why a `:path` is no path. The browser is at fault; it sees 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// No slash at the beginning, as in `OPTIONS *`.
    #[error("the path does not begin with a slash")]
    NotAbsolute,
    /// Longer than 16 KiB.
    #[error("the path is too long")]
    TooLong,
    /// A byte that may not stand in a `:path`: control, space, not ASCII, `#`.
    #[error("the path has a byte that must be escaped")]
    ForbiddenByte,
    /// A percent sign without two hexadecimal digits.
    #[error("the path has a malformed escape")]
    MalformedEscape,
    /// The decoded bytes are not UTF-8.
    #[error("the path is not UTF-8")]
    NotUtf8,
}

impl Reason for PathError {
    fn code(&self) -> &'static str {
        match self {
            Self::NotAbsolute => "path.not_absolute",
            Self::TooLong => "path.too_long",
            Self::ForbiddenByte => "path.forbidden_byte",
            Self::MalformedEscape => "path.malformed_escape",
            Self::NotUtf8 => "path.not_utf8",
        }
    }
}

/// Whether `path` is `prefix` or below it by whole segments; `/` has everything below it, `/a/` has not `/a`.
pub(crate) fn is_at_or_below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || prefix.ends_with('/') || rest.starts_with('/'))
}

/// The fast path: one scan. `Ok(false)` says only that a closer look is needed.
fn has_one_reading(raw: &str) -> Result<bool, PathError> {
    let mut plain = true;
    let mut previous = b'\0';
    for byte in raw.bytes() {
        match byte {
            0..=b' ' | 0x7f.. | b'#' => return Err(PathError::ForbiddenByte),
            b'%' | b';' | b'\\' => plain = false,
            b'/' | b'.' if previous == b'/' => plain = false,
            _ => {}
        }
        previous = byte;
    }
    Ok(plain)
}

/// Bytes that may appear in a path only as escapes, controls aside (RFC 3986 §3.3: not `pchar`).
pub(super) fn must_be_escaped(byte: u8) -> bool {
    !byte.is_ascii_control() && !byte.is_ascii_alphanumeric() && !b"-._~!$&'()*+,;=:@/\\%".contains(&byte)
}

/// Decodes those escapes whose byte is `wanted`; the others stay, but must be well-formed.
pub(super) fn decode(raw: &str, wanted: fn(u8) -> bool) -> Result<String, PathError> {
    let mut bytes = raw.bytes();
    let mut decoded = Vec::with_capacity(raw.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let (Some(high), Some(low)) = (bytes.next(), bytes.next()) else { return Err(PathError::MalformedEscape) };
        let value = hex_digit(high).zip(hex_digit(low)).ok_or(PathError::MalformedEscape)?;
        let value = (value.0 << 4) | value.1;
        if wanted(value) {
            decoded.push(value);
        } else {
            decoded.extend([b'%', high, low]);
        }
    }
    String::from_utf8(decoded).map_err(|_| PathError::NotUtf8)
}

fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

fn contains_escape(text: &str, hex: &[u8; 2]) -> bool {
    text.as_bytes().windows(3).any(|window| matches!(window, [b'%', digits @ ..] if digits.eq_ignore_ascii_case(hex)))
}

pub(super) fn has_dot_segment(path: &str) -> bool {
    path.split('/').any(|segment| segment == "." || segment == "..")
}

/// Merges slashes and removes dot segments; a path that ends in a slash or a dot segment ends in a slash.
fn resolve(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    let mut open_ended = false;
    for segment in path.split('/') {
        open_ended = matches!(segment, "" | "." | "..");
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            name => segments.push(name),
        }
    }
    let mut resolved = String::with_capacity(path.len());
    for segment in &segments {
        resolved.push('/');
        resolved.push_str(segment);
    }
    if open_ended || segments.is_empty() {
        resolved.push('/');
    }
    resolved
}

/// Removes what some backends ignore: parameters of each segment, and everything after a decoded `?`, `#` or NUL.
fn strip(path: &str) -> String {
    let path = path.split(['?', '#', '\0']).next().unwrap_or_default();
    let segments: Vec<&str> = path.split('/').map(|segment| segment.split(';').next().unwrap_or_default()).collect();
    segments.join("/")
}

/// What makes a path special, as a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Traits(u8);

impl Traits {
    const DOT_SEGMENTS: u8 = 1;
    const ENCODED_DOT: u8 = 1 << 1;
    const EMPTY_SEGMENTS: u8 = 1 << 2;
    const ENCODED_SLASH: u8 = 1 << 3;
    const BACKSLASH: u8 = 1 << 4;
    const CONTROL: u8 = 1 << 5;
    const PARAMETERS: u8 = 1 << 6;
    const ESCAPED_TWICE: u8 = 1 << 7;

    fn set(&mut self, which: u8, present: bool) {
        if present {
            self.0 |= which;
        }
    }

    fn has(self, which: u8) -> bool {
        self.0 & which != 0
    }

    /// Whether there is anything besides `ignored`.
    fn without(self, ignored: u8) -> bool {
        self.0 & !ignored != 0
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::policy::rule_path::rule_path;

    fn parse(path: &str) -> RequestPath {
        RequestPath::parse(path).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    #[test]
    fn an_ordinary_path_has_one_reading() {
        for (path, expected) in [
            ("/", "/"),
            ("/a/b.c/", "/a/b.c/"),
            ("/.well-known/x", "/.well-known/x"),
            ("/a/...", "/a/..."),
            ("/a..b/.c/d.", "/a..b/.c/d."),
            ("/a:b@c!$&'()*+,=~_-", "/a:b@c!$&'()*+,=~_-"),
            ("/caf%C3%A9", "/café"),
            ("/my%20docs/%5Bx%5d", "/my docs/[x]"),
            ("/a?b=//..%2f%zz#;", "/a"),
            ("/?", "/"),
        ] {
            let path = parse(path);
            assert_eq!(path.literal(), expected);
            assert!(path.has_one_reading() && !path.is_ambiguous() && !path.is_contradictory(), "{expected}");
            assert_eq!([path.decoded(), path.resolved(), path.stripped()], [expected; 3]);
        }
    }

    #[test]
    fn an_ordinary_path_is_scanned_once() {
        for path in ["/", "/a/b.c/", "/a..b/c.", "/a:b@c"] {
            assert_eq!(has_one_reading(path), Ok(true), "{path}");
        }
        for path in ["//", "/a//b", "/.", "/a/.b", "/%61", "/a;b", "/\\"] {
            assert_eq!(has_one_reading(path), Ok(false), "{path}: a closer look");
        }
    }

    #[test]
    fn a_special_path_keeps_its_readings_apart() {
        for (path, literal, decoded, resolved, stripped, ambiguous) in [
            ("/%61dmin", "/%61dmin", "/admin", "/admin", "/admin", false),
            ("/a%2Bb", "/a%2Bb", "/a+b", "/a+b", "/a+b", false),
            ("/100%25", "/100%25", "/100%", "/100%", "/100%", false),
            ("/admin;x=1", "/admin;x=1", "/admin;x=1", "/admin;x=1", "/admin", false),
            ("/a;1/b;2/", "/a;1/b;2/", "/a;1/b;2/", "/a;1/b;2/", "/a/b/", false),
            ("/what%3F/x", "/what?/x", "/what?/x", "/what?/x", "/what", false),
            ("/a%23b", "/a#b", "/a#b", "/a#b", "/a", false),
            ("/public/../admin", "/public/../admin", "/public/../admin", "/admin", "/admin", true),
            ("/public/./x/.", "/public/./x/.", "/public/./x/.", "/public/x/", "/public/x/", true),
            ("/public/%2e%2E/admin", "/public/%2e%2E/admin", "/public/../admin", "/admin", "/admin", true),
            ("/public%2f..%2fadmin", "/public%2f..%2fadmin", "/public/../admin", "/admin", "/admin", true),
            ("/public/..;/admin", "/public/..;/admin", "/public/..;/admin", "/public/..;/admin", "/admin", true),
            ("/a/;x/b", "/a/;x/b", "/a/;x/b", "/a/;x/b", "/a/b", true),
            ("//admin", "//admin", "//admin", "/admin", "/admin", true),
            ("/\\admin", "/\\admin", "/\\admin", "/admin", "/admin", true),
            ("/a%5C..%5cb", "/a%5C..%5cb", "/a\\..\\b", "/b", "/b", true),
            ("/admin%00", "/admin%00", "/admin\0", "/admin\0", "/admin", true),
            ("/a%0Ab", "/a%0Ab", "/a\nb", "/a\nb", "/a\nb", true),
            ("/a.%2etxt", "/a.%2etxt", "/a..txt", "/a..txt", "/a..txt", true),
            ("/%252e%252e/a", "/%252e%252e/a", "/%2e%2e/a", "/%2e%2e/a", "/%2e%2e/a", true),
            ("/../..", "/../..", "/../..", "/", "/", true),
        ] {
            let read = parse(path);
            assert_eq!(
                (read.literal(), read.decoded(), read.resolved(), read.stripped(), read.is_ambiguous()),
                (literal, decoded, resolved, stripped, ambiguous),
                "{path}"
            );
        }
    }

    #[test]
    fn dot_segments_with_anything_else_are_contradictory() {
        for path in ["/a%2fb/../../c", "/a//../b", "/a;/../b", "/a\\..\\b", "/..;/a", "/%252e/../a", "/..%00/a"] {
            assert!(parse(path).is_contradictory(), "{path}");
        }
        for path in ["/a/../b", "/a/%2e%2e/b", "/a//b", "/a%2fb//c;d\\e", "/a%00"] {
            assert!(!parse(path).is_contradictory(), "{path}");
        }
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for (path, expected) in [
            ("", PathError::NotAbsolute),
            ("*", PathError::NotAbsolute),
            ("?/a", PathError::NotAbsolute),
            ("http://a/", PathError::NotAbsolute),
            ("/admin%", PathError::MalformedEscape),
            ("/%4", PathError::MalformedEscape),
            ("/%zz", PathError::MalformedEscape),
            ("/%+1", PathError::MalformedEscape),
            ("/%ff", PathError::NotUtf8),
            ("/%C3%2F", PathError::NotUtf8),
            ("/%c0%ae%c0%ae/", PathError::NotUtf8),
            ("/a#b", PathError::ForbiddenByte),
            ("/a b", PathError::ForbiddenByte),
            ("/a\tb", PathError::ForbiddenByte),
            ("/a\0", PathError::ForbiddenByte),
            ("/a\u{7f}", PathError::ForbiddenByte),
            ("/café", PathError::ForbiddenByte),
        ] {
            assert_eq!(RequestPath::parse(path), Err(expected), "{path}");
        }
        let of_length = |length: usize| RequestPath::parse(&format!("/{}", "a".repeat(length - 1)));
        assert_eq!((of_length(16_385), of_length(16_384).is_ok()), (Err(PathError::TooLong), true));
    }

    #[test]
    fn what_is_wrong_with_a_path_has_a_code() {
        for (path, code) in [
            ("*", "path.not_absolute"),
            ("/a b", "path.forbidden_byte"),
            ("/%", "path.malformed_escape"),
            ("/%ff", "path.not_utf8"),
            (&"/".repeat(MAX_LENGTH + 1), "path.too_long"),
        ] {
            assert_eq!(RequestPath::parse(path).unwrap_err().code(), code);
        }
    }

    /// Paths made of what goes wrong.
    pub(in crate::policy) fn special_path() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec![
            "/", "//", "\\", ".", "..", "%2e", "%2F", "%5c", "%00", "%25", "%61", "%C3%A9", "%20", "%3F", "%23", "%3b",
            "a", "b", "admin", "public", "oauth2", ";", ";x=1", "?", "%252e", "2e",
        ]);
        prop::collection::vec(piece, 0..10).prop_map(|pieces| format!("/{}", pieces.concat()))
    }

    proptest! {
        #[test]
        fn no_path_panics(path in prop_oneof![any::<String>(), "/[ -~]{0,40}", special_path()]) {
            if let Ok(path) = RequestPath::parse(&path) {
                prop_assert!(path.literal().starts_with('/'));
                prop_assert!(path.other_readings().all(|reading| reading.starts_with('/')));
                prop_assert_eq!(path.has_one_reading(), path.other_readings().all(|reading| reading == path.literal()));
            }
        }

        #[test]
        fn resolving_and_stripping_are_idempotent(path in special_path()) {
            if let Ok(path) = RequestPath::parse(&path) {
                prop_assert_eq!(resolve(path.resolved()), path.resolved());
                prop_assert_eq!(resolve(path.stripped()), path.stripped());
                prop_assert_eq!(strip(path.stripped()), path.stripped());
                prop_assert!(!has_dot_segment(path.stripped()) && !path.stripped().contains("//"));
            }
        }

        #[test]
        fn a_path_with_one_reading_equals_its_own_rule(path in special_path()) {
            if let Ok(path) = RequestPath::parse(&path) && path.has_one_reading() {
                prop_assert_eq!(rule_path(&path.literal().replace(' ', "%20")), Ok(path.literal().to_owned()));
            }
        }
    }
}
