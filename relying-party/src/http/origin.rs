//! Under which origin a browser reaches this deployment.

use std::rc::Rc;

use super::RequestHead;
use crate::config::PublicUrl;

/// The configured origin whose authority is the request's, else the first one; without any, the request's own, and `None` when
/// that is malformed.
pub fn public_origin(public_urls: &[Rc<PublicUrl>], head: &RequestHead) -> Option<Rc<PublicUrl>> {
    let authority = head.authority();
    let names = |public: &&Rc<PublicUrl>| public.authority == authority || same_authority(public, authority);
    match public_urls.iter().find(names).or(public_urls.first()) {
        Some(public) => Some(Rc::clone(public)),
        None => requested_origin(head).map(Rc::new),
    }
}

/// Whether `authority` is that of `public`: in any case, and with the scheme's default port or without.
fn same_authority(public: &PublicUrl, authority: &str) -> bool {
    let scheme = public.origin.split_once("://").map_or("", |(scheme, _)| scheme);
    without_default_port(scheme, authority).eq_ignore_ascii_case(&public.authority)
}

fn requested_origin(head: &RequestHead) -> Option<PublicUrl> {
    let scheme = head.scheme().to_ascii_lowercase();
    if !matches!(scheme.as_str(), "http" | "https") || !is_authority(head.authority()) {
        return None;
    }
    let authority = without_default_port(&scheme, head.authority()).to_ascii_lowercase();
    Some(PublicUrl { origin: format!("{scheme}://{authority}"), authority })
}

fn without_default_port<'a>(scheme: &str, authority: &'a str) -> &'a str {
    let port = match scheme {
        "https" => ":443",
        "http" => ":80",
        _ => return authority,
    };
    authority.strip_suffix(port).unwrap_or(authority)
}

/// `host`, `host:port`, `[IPv6]` or `[IPv6]:port`; neither user information nor anything else that could end a URL's authority.
fn is_authority(authority: &str) -> bool {
    let (host_is_valid, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => (address.parse::<std::net::Ipv6Addr>().is_ok(), port),
        None => {
            let (host, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
            let named = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
            (!host.is_empty() && host.len() <= 253 && host.bytes().all(named), port)
        }
    };
    let digits = port.strip_prefix(':').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let port_is_valid =
        port.is_empty() || digits.is_some_and(|digits| digits.parse::<u16>().is_ok_and(|port| port > 0));
    host_is_valid && port_is_valid
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::http::Headers;

    fn head(scheme: &str, authority: &str) -> RequestHead {
        RequestHead::new(Headers::new(vec![
            (":scheme".to_owned(), scheme.as_bytes().to_vec()),
            (":authority".to_owned(), authority.as_bytes().to_vec()),
        ]))
    }

    fn origin(public_urls: &[Rc<PublicUrl>], scheme: &str, authority: &str) -> Option<String> {
        public_origin(public_urls, &head(scheme, authority)).map(|public| public.origin.clone())
    }

    fn configured() -> Vec<Rc<PublicUrl>> {
        ["portal.example.org", "admin.example.org:8443"]
            .map(|authority| PublicUrl { origin: format!("https://{authority}"), authority: authority.to_owned() })
            .map(Rc::new)
            .to_vec()
    }

    #[test]
    fn the_configured_origin_of_the_requested_host_is_taken_else_the_first() {
        for (authority, expected) in [
            ("admin.example.org:8443", "https://admin.example.org:8443"),
            ("Admin.Example.Org:8443", "https://admin.example.org:8443"),
            ("portal.example.org", "https://portal.example.org"),
            ("portal.example.org:443", "https://portal.example.org"),
            ("portal.example.org:80", "https://portal.example.org"),
            ("admin.example.org", "https://portal.example.org"),
            ("evil.example", "https://portal.example.org"),
            ("", "https://portal.example.org"),
        ] {
            // TLS may end in front of us: the scheme of the request does not count.
            assert_eq!(origin(&configured(), "http", authority).as_deref(), Some(expected), "{authority}");
        }
    }

    #[test]
    fn without_configuration_the_request_names_its_own_origin() {
        for (scheme, authority, expected) in [
            ("https", "Portal.Example.org:443", "https://portal.example.org"),
            ("http", "localhost:8080", "http://localhost:8080"),
            ("HTTP", "10.0.0.1:80", "http://10.0.0.1"),
            ("https", "[2001:DB8::1]:8443", "https://[2001:db8::1]:8443"),
            ("https", "[::1]", "https://[::1]"),
        ] {
            assert_eq!(origin(&[], scheme, authority).as_deref(), Some(expected), "{authority}");
        }
    }

    #[test]
    fn a_malformed_authority_has_no_origin() {
        for authority in [
            "",
            ":80",
            "a:",
            "a:0",
            "a:65536",
            "a:+1",
            "a:80:80",
            "user@a",
            "a/b",
            "a\\b",
            "a?b",
            "a#b",
            "a b",
            "a\tb",
            "a,b",
            "é.example",
            "[::1",
            "[::1]x",
            "[a]",
            "::1",
            "a%2eb",
        ] {
            assert_eq!(origin(&[], "https", authority), None, "{authority}");
        }
        assert_eq!(origin(&[], "ftp", "a.example"), None);
        assert_eq!(origin(&[], "javascript", "a.example"), None);
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_an_origin_for_url_parsers_too(authority in "[a-z.:@/\\\\0-9\\[\\] %-]{1,20}") {
            if let Some(origin) = origin(&[], "https", &authority) {
                // Parsers refuse further ones (`1.2.3.999`), but never read another host.
                if let Ok(url) = url::Url::parse(&origin) {
                    prop_assert_eq!(url.username(), "");
                    prop_assert_eq!(url.path(), "/");
                    prop_assert!(url.query().is_none() && url.fragment().is_none());
                }
            }
        }
    }
}
