//! URIs as they are written. `Url` is for those that lead somewhere: it repairs white space, backslashes and missing slashes, and
//! takes escapes out of hosts (WHATWG).

use url::{Host, Url};

/// Whether this is an absolute URI in visible ASCII (RFC 3986 §3); what it means is somebody else's business.
pub fn is_absolute(text: &str) -> bool {
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
    };
    text.bytes().all(|byte| byte.is_ascii_graphic())
        && text.split_once(':').is_some_and(|(scheme, rest)| is_scheme(scheme) && !rest.is_empty())
}

/// Whether `Url` reads a URL as everybody else does: nothing is to be repaired, and its host has no escapes.
pub fn is_plain(text: &str) -> bool {
    let after_scheme = text.split_once(':').map_or(text, |(_, rest)| rest).trim_start_matches('/');
    let authority = after_scheme.split(['/', '?', '#']).next().unwrap_or_default();
    text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') && !authority.contains('%')
}

/// Whether a URL's host can only be this machine: a loopback address, `localhost`, or what is below it (RFC 6761 §6.3).
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absolute_uri_has_a_scheme_and_no_white_space() {
        for good in ["https://api.example.org", "urn:example:a%20b", "a+b-c.1:x"] {
            assert!(is_absolute(good), "{good}");
        }
        for bad in ["", "api", "https:", ":x", "1a:x", "a b:x", "https://a b", "urn:ä", "/a:b"] {
            assert!(!is_absolute(bad), "{bad}");
        }
    }

    #[test]
    fn a_plain_url_needs_no_repair() {
        for good in ["https://A.example/a%41?b=%2f", "https://[::1]:8443/", "http://localhost"] {
            assert!(is_plain(good), "{good}");
        }
        for bad in
            ["https://a%41.example", "https:/a%41/", "https://ä.example", "https:\\\\a.example", "https://a\t.example"]
        {
            assert!(!is_plain(bad), "{bad}");
        }
    }
}
