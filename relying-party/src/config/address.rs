//! URLs in the document: `https`, or `http` to this machine, and nothing that two parsers read differently.

use url::{Host, Url};

use super::cursor::Cursor;
use super::problem::quoted;
use crate::http::uri;

/// Reads an absolute URL without user information and fragment. `expected` says what it is for.
pub(super) fn read<'a>(cursor: &Cursor<'a>, expected: &str) -> Option<(&'a str, Url)> {
    let text = cursor.text(expected)?;
    Some((text, parsed(cursor, text, expected)?))
}

/// `text`, which stands at this place or was made of what does, as such a URL.
pub(super) fn parsed(cursor: &Cursor<'_>, text: &str, expected: &str) -> Option<Url> {
    match parse(text) {
        Ok(url) => Some(url),
        Err(Fault::UserInformation) => {
            cursor.refuse("a URL with user information", expected);
            None
        }
        Err(Fault::PlainHttp) => {
            let expected = format!("{expected}; plain `http` is for loopback hosts only");
            cursor.refuse(shown(text), expected);
            None
        }
        Err(Fault::Malformed) => {
            cursor.refuse(shown(text), expected);
            None
        }
    }
}

enum Fault {
    Malformed,
    UserInformation,
    PlainHttp,
}

fn parse(text: &str) -> Result<Url, Fault> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).ok_or(Fault::Malformed)?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(Fault::UserInformation);
    }
    if authority.is_empty() || !uri::is_plain(text) || text.contains(['#', '"', '<', '>', '`']) {
        return Err(Fault::Malformed);
    }
    let url = Url::parse(text).map_err(|_| Fault::Malformed)?;
    if url.scheme() == "http" && !uri::is_loopback(&url) {
        return Err(Fault::PlainHttp);
    }
    Ok(url)
}

/// A URL for a message: without user information, query and fragment, where secrets like to stand.
pub(super) fn shown(text: &str) -> String {
    if text.contains('@') {
        return "a URL with user information".to_owned();
    }
    match text.split_once(['?', '#']) {
        Some((front, _)) => format!("{} with a query or fragment", quoted(front)),
        None => quoted(text),
    }
}

/// Whether `name` is a host as it stands in a URL: lower case, no port.
pub(super) fn is_host(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    name.bytes().all(plain) && Host::parse(name).is_ok_and(|host| host.to_string() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_and_plain_http_to_this_machine_are_urls() {
        for text in [
            "https://login.example.org",
            "https://login.example.org:8443/realms/a?b=c",
            "http://localhost:8080/",
            "http://127.0.0.1",
            "http://127.9.9.9:1/x",
            "http://[::1]:8080",
        ] {
            assert!(parse(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "login.example.org",
            "HTTPS://login.example.org",
            "ftp://login.example.org",
            "https:login.example.org",
            "https:///login.example.org",
            "https:\\\\login.example.org",
            "https://",
            "https://login.example.org\n",
            " https://login.example.org",
            "https://login.example.org/a b",
            "https://login.example.org#x",
            "https://login.example.org:99999",
            "https://ex%61mple.org",
            "https://bücher.example",
            "https://user@login.example.org",
            "https://user:password@login.example.org",
            "http://login.example.org",
            "http://localhost.example.org",
            "http://localhost.",
            "http://128.0.0.1",
            "http://10.0.0.1",
            "http://[::2]",
            "http://0.0.0.0",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_shown_of_a_url_has_no_credentials() {
        for text in ["https://a:pass/word@host", "HTTPS://a:word@host", "a:word@host", "https://host/?word", "x#word"] {
            assert!(!shown(text).contains("word"), "{text}");
        }
    }

    #[test]
    fn hosts_are_lower_case_and_have_no_port() {
        for name in ["www.example.org", "localhost", "10.0.0.1", "[::1]"] {
            assert!(is_host(name), "{name}");
        }
        for name in ["", "WWW.example.org", "a:443", "https://a", "a/b", "a b", "*.example.org"] {
            assert!(!is_host(name), "{name}");
        }
    }
}
