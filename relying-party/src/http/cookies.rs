//! The `cookie` request header (RFC 6265 §5.4) as bytes: reading pairs, and taking our own out before the backend sees it.
//!
//! Pairs end at a semicolon, quoted or not, as browsers have it: an unbalanced quote in a foreign cookie cannot hide ours.

use memchr::memchr;

/// The pairs of one `cookie` field value, in order, without the white space around them. A pair without `=` is a bare name.
pub fn parse(header: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    segments(header).map(pair).filter(|(name, value)| !(name.is_empty() && value.is_empty()))
}

/// Whether `name` is a cookie of ours: the session cookie `session_cookie`, a kept form, further parts of either, or the one of a
/// login.
pub fn is_own(name: &[u8], session_cookie: &str) -> bool {
    let Some(rest) = name.strip_prefix(session_cookie.as_bytes()) else { return false };
    match rest.strip_prefix(b"-form").unwrap_or(rest) {
        [] => true,
        [b'-', number @ ..] if number.iter().all(u8::is_ascii_digit) => !number.is_empty(),
        _ => rest == b"-login",
    }
}

/// A `cookie` field value after our own cookies were taken out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WithoutOwn {
    /// There was none.
    Unchanged,
    /// What remains: foreign cookies, byte for byte.
    Changed(Vec<u8>),
    /// Nothing remains: delete the field.
    Empty,
}

/// Takes the cookies whose name `is_own` out of a `cookie` field value, each with exactly one separator.
pub fn without_own(header: &[u8], is_own: impl Fn(&[u8]) -> bool) -> WithoutOwn {
    // None until the first of ours: most of the time there is nothing to copy.
    let mut remaining: Option<Vec<u8>> = None;
    let (mut foreign, mut end) = (0_usize, 0_usize);
    for segment in segments(header) {
        let before = end;
        end = end.saturating_add(usize::from(foreign > 0 || remaining.is_some())).saturating_add(segment.len());
        if is_own(pair(segment).0) {
            remaining.get_or_insert_with(|| header.get(..before).unwrap_or_default().to_vec());
            continue;
        }
        if let Some(remaining) = &mut remaining {
            if foreign > 0 {
                remaining.push(b';');
                remaining.extend_from_slice(segment);
            } else {
                // What now comes first has lost its separator, "; ", to the one that was removed before it.
                remaining.extend_from_slice(segment.strip_prefix(b" ").unwrap_or(segment));
            }
        }
        foreign = foreign.saturating_add(1);
    }
    match remaining {
        None => WithoutOwn::Unchanged,
        Some(remaining) if remaining.trim_ascii().is_empty() => WithoutOwn::Empty,
        Some(remaining) => WithoutOwn::Changed(remaining),
    }
}

fn pair(segment: &[u8]) -> (&[u8], &[u8]) {
    let trimmed = segment.trim_ascii();
    match memchr(b'=', trimmed).and_then(|at| trimmed.split_at_checked(at)) {
        Some((name, [_, value @ ..])) => (name.trim_ascii_end(), value.trim_ascii_start()),
        _ => (trimmed, b""),
    }
}

fn segments(header: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(header);
    std::iter::from_fn(move || {
        let current = rest?;
        match memchr(b';', current).and_then(|at| current.split_at_checked(at)) {
            Some((segment, [_, after @ ..])) => {
                rest = Some(after);
                Some(segment)
            }
            _ => {
                rest = None;
                Some(current)
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NAME: &str = "__Host-latchkey";

    fn remaining(header: &str) -> WithoutOwn {
        without_own(header.as_bytes(), |name| is_own(name, NAME))
    }

    fn changed(remaining: &str) -> WithoutOwn {
        WithoutOwn::Changed(remaining.as_bytes().to_vec())
    }

    #[test]
    fn our_own_names_are_the_session_its_parts_and_the_login() {
        for own in ["", "-1", "-99999999", "-login", "-form", "-form-1", "-form-63"] {
            let own = format!("{NAME}{own}");
            assert!(is_own(own.as_bytes(), NAME), "{own}");
        }
        for foreign in [
            "__Host-latchkey-",
            "__Host-latchkey-1a",
            "__Host-latchkey2",
            "__Host-latchkey-form-",
            "__Host-latchkey-form1",
            "__Host-latchkey-form-login",
            "__Host-latchkey-logins",
            "__host-latchkey",
            "latchkey",
            "",
        ] {
            assert!(!is_own(foreign.as_bytes(), NAME), "{foreign}");
        }
    }

    #[test]
    fn pairs_are_read_whatever_the_spacing() {
        let pairs: Vec<_> = parse(b" a = 1;b=\"x y\";; c==2 ;bare; =v;\xff=\xfe").collect();
        let expected: [(&[u8], &[u8]); 6] =
            [(b"a", b"1"), (b"b", b"\"x y\""), (b"c", b"=2"), (b"bare", b""), (b"", b"v"), (b"\xff", b"\xfe")];
        assert_eq!(pairs, expected);
    }

    #[test]
    fn own_cookies_go_with_one_separator_wherever_they_stand() {
        assert_eq!(remaining("__Host-latchkey=x; a=1; b=2"), changed("a=1; b=2"));
        assert_eq!(remaining("a=1; __Host-latchkey=x; b=2"), changed("a=1; b=2"));
        assert_eq!(remaining("a=1; b=2; __Host-latchkey=x"), changed("a=1; b=2"));
        assert_eq!(remaining("__Host-latchkey=2.x; a=1; __Host-latchkey-1=y; __Host-latchkey-login=z"), changed("a=1"));
        assert_eq!(remaining("__Host-latchkey=x; __Host-latchkey=y"), WithoutOwn::Empty);
        assert_eq!(remaining(" __Host-latchkey = x ;"), WithoutOwn::Empty);
        assert_eq!(remaining("__Host-latchkey"), WithoutOwn::Empty);
    }

    #[test]
    fn foreign_cookies_keep_odd_spacing_and_quoting() {
        assert_eq!(remaining("a=1;b=\"x;  y\";;c"), WithoutOwn::Unchanged);
        assert_eq!(remaining(""), WithoutOwn::Unchanged);
        assert_eq!(remaining("a = 1;__Host-latchkey=x;b=\"q\\\" \" ;  c"), changed("a = 1;b=\"q\\\" \" ;  c"));
    }

    #[test]
    fn an_unbalanced_quote_does_not_carry_a_session_to_the_backend() {
        assert_eq!(remaining("a=\"x; __Host-latchkey=secret; b=y\""), changed("a=\"x; b=y\""));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_either_untouched_or_ours_are_gone(header in prop::collection::vec(any::<u8>(), 0..300)) {
            let own = |name: &[u8]| name.first().is_some_and(u8::is_ascii_alphabetic);
            match without_own(&header, own) {
                WithoutOwn::Unchanged => prop_assert!(!parse(&header).any(|(name, _)| own(name))),
                WithoutOwn::Empty => prop_assert!(parse(&header).all(|(name, _)| own(name))),
                WithoutOwn::Changed(rest) => {
                    let foreign: Vec<_> = parse(&header).filter(|(name, _)| !own(name)).collect();
                    prop_assert_eq!(parse(&rest).collect::<Vec<_>>(), foreign);
                }
            }
        }

        #[test]
        fn foreign_segments_are_identical_byte_for_byte(
            segments in prop::collection::vec(("[ \t]{0,2}[a-z\"]{0,5}[ =]{0,2}[a-z\" ]{0,5}", any::<bool>()), 1..8),
        ) {
            // The first segment is foreign, so that no separator before it is lost.
            let mut header = "first=1".to_owned();
            let mut foreign = header.clone();
            let mut any_own = false;
            for (segment, own) in segments {
                any_own |= own;
                if own {
                    header.push_str("; __Host-latchkey=x");
                } else {
                    header = header + ";" + &segment;
                    foreign = foreign + ";" + &segment;
                }
            }
            prop_assert_eq!(remaining(&header), if any_own { changed(&foreign) } else { WithoutOwn::Unchanged });
        }
    }
}
