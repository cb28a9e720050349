//! What a browser wants with a request: Fetch Metadata (`Sec-Fetch-*`), and older signs where a client sends none.

use super::RequestHead;
use crate::config::PublicUrl;

/// How a request came about, as far as its answer depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Initiator {
    /// A person opens a page: it can be redirected to a login and come back.
    Navigation,
    /// A person submits a form: a redirect would lose what was posted.
    Form,
    /// A script, a prefetch, a WebSocket, gRPC, another program: a page or a redirect is of no use.
    Program,
}

/// Who made the request.
pub fn initiator(head: &RequestHead) -> Initiator {
    let readable = matches!(head.method(), "GET" | "HEAD");
    if is_prefetch(head) || is_upgrade(head) {
        return Initiator::Program;
    }
    let navigates = if sends_fetch_metadata(head) {
        head.headers().first("sec-fetch-mode") == Some(b"navigate")
    } else {
        readable && accepts_html(head) && head.headers().first("x-requested-with").is_none()
    };
    match (navigates, readable) {
        (false, _) => Initiator::Program,
        (true, true) => Initiator::Navigation,
        (true, false) => Initiator::Form,
    }
}

/// Whether the answer is shown to a person as a page.
pub fn is_navigation(head: &RequestHead) -> bool {
    initiator(head) != Initiator::Program
}

/// Whether the request comes from a page of `public` itself or directly from the person (address bar, bookmark), so that no
/// other site can be behind it. Clients without Fetch Metadata are believed unless their `Origin` is another one.
pub fn is_same_origin_or_direct(head: &RequestHead, public: &PublicUrl) -> bool {
    let mut sites = head.headers().all("sec-fetch-site").peekable();
    if sites.peek().is_some() {
        return sites.all(|site| site == b"same-origin" || site == b"none");
    }
    head.headers().all("origin").all(|origin| origin.eq_ignore_ascii_case(public.origin.as_bytes()))
}

fn sends_fetch_metadata(head: &RequestHead) -> bool {
    head.headers().iter().any(|(name, _)| name.starts_with("sec-fetch-"))
}

fn is_prefetch(head: &RequestHead) -> bool {
    ["sec-purpose", "purpose", "x-moz", "x-purpose"]
        .iter()
        .any(|name| names(head, name, |purpose| purpose.eq_ignore_ascii_case(b"prefetch")))
}

fn is_upgrade(head: &RequestHead) -> bool {
    head.method() == "CONNECT"
        || head.headers().first(":protocol").is_some()
        || names(head, "upgrade", |protocol| protocol.eq_ignore_ascii_case(b"websocket"))
}

fn accepts_html(head: &RequestHead) -> bool {
    head.headers().all("accept").any(|accept| {
        accept.split(|byte| *byte == b',').any(|range| {
            let media_type = range.split(|byte| *byte == b';').next().unwrap_or_default();
            media_type.trim_ascii().eq_ignore_ascii_case(b"text/html")
        })
    })
}

fn names(head: &RequestHead, header: &str, wanted: impl Fn(&[u8]) -> bool) -> bool {
    let is_separator = |byte: &u8| matches!(byte, b',' | b';');
    head.headers().all(header).any(|value| value.split(is_separator).any(|token| wanted(token.trim_ascii())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Headers;

    /// `GET accept: text/html; sec-fetch-mode: navigate`
    fn head(line: &str) -> RequestHead {
        let (method, fields) = line.split_once(' ').unwrap_or((line, ""));
        let mut headers = vec![(":method".to_owned(), method.as_bytes().to_vec())];
        for field in fields.split(" | ").filter(|field| !field.is_empty()) {
            let (name, value) = field.split_once("= ").unwrap();
            headers.push((name.to_owned(), value.as_bytes().to_vec()));
        }
        RequestHead::new(Headers::new(headers))
    }

    #[test]
    fn a_person_opening_a_page_navigates() {
        for line in [
            "GET sec-fetch-mode= navigate | sec-fetch-dest= document",
            "GET sec-fetch-mode= navigate | sec-fetch-dest= iframe | accept= */*",
            "HEAD sec-fetch-mode= navigate",
            "GET accept= text/html,application/xhtml+xml;q=0.9,*/*;q=0.8",
            "HEAD accept= application/json, Text/HTML ;q=0.9",
        ] {
            assert_eq!(initiator(&head(line)), Initiator::Navigation, "{line}");
        }
    }

    #[test]
    fn a_submitted_form_is_a_navigation_that_cannot_be_redirected() {
        assert_eq!(initiator(&head("POST sec-fetch-mode= navigate | accept= text/html")), Initiator::Form);
        assert!(is_navigation(&head("POST sec-fetch-mode= navigate")));
    }

    #[test]
    fn scripts_prefetches_sockets_and_programs_do_not_navigate() {
        for line in [
            "GET",
            "GET accept= */*",
            "GET accept= application/json",
            "GET accept= text/htmlx",
            "POST accept= text/html",
            "GET accept= text/html | x-requested-with= XMLHttpRequest",
            "GET accept= text/html | sec-fetch-mode= cors",
            "GET accept= text/html | sec-fetch-site= same-origin",
            "GET accept= text/html | sec-purpose= prefetch",
            "GET sec-fetch-mode= navigate | sec-purpose= prefetch;prerender",
            "GET sec-fetch-mode= navigate | purpose= prefetch",
            "GET sec-fetch-mode= navigate | upgrade= WebSocket",
            "GET sec-fetch-mode= websocket",
            "CONNECT :protocol= websocket | sec-fetch-mode= navigate",
            "CONNECT",
            "POST content-type= application/grpc | te= trailers",
        ] {
            assert!(!is_navigation(&head(line)), "{line}");
        }
    }

    #[test]
    fn only_this_origin_and_direct_requests_are_trusted_to_come_from_the_person() {
        let public =
            PublicUrl { origin: "https://portal.example.org".to_owned(), authority: "portal.example.org".to_owned() };
        let trusted = |line| is_same_origin_or_direct(&head(line), &public);
        for line in
            ["GET", "GET sec-fetch-site= none", "GET sec-fetch-site= same-origin | origin= https://portal.example.org"]
        {
            assert!(trusted(line), "{line}");
        }
        assert!(trusted("POST origin= https://Portal.example.org"));
        for line in [
            "GET sec-fetch-site= cross-site",
            "GET sec-fetch-site= same-site",
            "GET sec-fetch-site= ",
            "GET sec-fetch-site= none | sec-fetch-site= cross-site",
            "POST origin= null",
            "POST origin= http://portal.example.org",
            "POST origin= https://portal.example.org.evil.example",
        ] {
            assert!(!trusted(line), "{line}");
        }
    }
}
