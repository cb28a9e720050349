//! The fragment of the address that a person opened. Browsers never send it; where a page of ours is on the way, its script does.

/// The longest fragment that is kept (bytes).
const LENGTH_LIMIT: usize = 1024;

/// What stands behind `#`: never empty, printable ASCII as browsers write it (URL Standard, fragment percent-encode set), so
/// that it can stand in a `Location` and cannot end an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment(String);

impl Fragment {
    /// Reads a fragment without its `#`; `None` for what no browser would have sent.
    pub fn parse(input: &str) -> Option<Self> {
        let accepted = (1..=LENGTH_LIMIT).contains(&input.len()) && input.bytes().all(is_inert);
        accepted.then(|| Self(input.to_owned()))
    }

    /// Without its `#`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_inert(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'`')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use url::Url;

    use super::*;

    #[test]
    fn what_browsers_put_behind_the_hash_is_kept_byte_for_byte() {
        for fragment in ["/orders/7?open=1&a[]=b", "!/x", "a%20b%C3%A4", "'a'|{b}^\\c", "#", "a#b", "//evil.example"] {
            assert_eq!(Fragment::parse(fragment).unwrap().as_str(), fragment);
        }
        assert!(Fragment::parse(&"a".repeat(1024)).is_some());
    }

    #[test]
    fn what_no_browser_puts_there_is_dropped() {
        for fragment in ["", "a b", "a\"b", "<script>", "a`b", "\r\nset-cookie: a=b", "\t", "\0", "\u{7f}", "ä"] {
            assert_eq!(Fragment::parse(fragment), None, "{fragment:?}");
        }
        assert_eq!(Fragment::parse(&"a".repeat(1025)), None);
    }

    proptest! {
        #[test]
        fn a_fragment_changes_nothing_but_the_fragment_of_an_address(input in "[ -~]{0,40}|.{0,20}") {
            if let Some(fragment) = Fragment::parse(&input) {
                let page = "https://portal.example.org/a/b?c=d";
                let url = Url::parse(&format!("{page}#{}", fragment.as_str())).unwrap();
                prop_assert_eq!(url.fragment(), Some(fragment.as_str()));
                prop_assert_eq!(&url[..url::Position::AfterQuery], page);
            }
        }
    }
}
