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
    if is_prefetch(head) || is_upgrade(head) || is_grpc(head) {
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
/// other site can be behind it; what is fetched ahead of a click is nobody's act. Clients without Fetch Metadata are believed
/// unless their `Origin` is another one.
pub fn is_same_origin_or_direct(head: &RequestHead, public: &PublicUrl) -> bool {
    if is_prefetch(head) {
        return false;
    }
    let mut sites = head.headers().all("sec-fetch-site").peekable();
    if sites.peek().is_some() {
        return sites.all(|site| site == b"same-origin" || site == b"none");
    }
    head.headers().all("origin").all(|origin| origin.eq_ignore_ascii_case(public.origin.as_bytes()))
}

/// Whether a page of `public` itself has sent the request, as far as that is proven: by Fetch Metadata, which no page can set, or by
/// the `Origin` of a browser without. A page may hide its origin (`null`), but not claim another one.
pub fn comes_from_this_origin(head: &RequestHead, public: &PublicUrl) -> bool {
    let is_ours = |origin: &[u8]| origin.eq_ignore_ascii_case(public.origin.as_bytes());
    let mut sites = head.headers().all("sec-fetch-site").peekable();
    let mut origins = head.headers().all("origin").peekable();
    match (sites.peek().is_some(), origins.peek().is_some()) {
        (true, _) => {
            sites.all(|site| site == b"same-origin") && origins.all(|origin| is_ours(origin) || origin == b"null")
        }
        (false, true) => origins.all(is_ours),
        (false, false) => false,
    }
}

fn sends_fetch_metadata(head: &RequestHead) -> bool {
    head.headers().iter().any(|(name, _)| name.starts_with("sec-fetch-"))
}

fn is_prefetch(head: &RequestHead) -> bool {
    let is_ahead = |purpose: &[u8]| {
        [&b"prefetch"[..], b"prerender", b"preview"].iter().any(|ahead| purpose.eq_ignore_ascii_case(ahead))
    };
    ["sec-purpose", "purpose", "x-moz", "x-purpose"].iter().any(|name| names(head, name, is_ahead))
}

fn is_upgrade(head: &RequestHead) -> bool {
    head.method() == "CONNECT"
        || head.headers().first(":protocol").is_some()
        || names(head, "upgrade", |protocol| protocol.eq_ignore_ascii_case(b"websocket"))
}

/// `application/grpc`, `application/grpc+proto`, `application/grpc-web` and kin.
fn is_grpc(head: &RequestHead) -> bool {
    head.headers()
        .all("content-type")
        .any(|kind| kind.split_at_checked(16).is_some_and(|(front, _)| front.eq_ignore_ascii_case(b"application/grpc")))
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
            "GET sec-fetch-mode= navigate | sec-purpose= prefetch;anonymous-client-ip",
            "GET sec-fetch-mode= navigate | sec-purpose= prerender",
            "GET accept= text/html | x-moz= prefetch",
            "GET accept= text/html | x-purpose= preview",
            "OPTIONS accept= text/html | origin= https://a.example | access-control-request-method= GET",
            "OPTIONS sec-fetch-mode= cors | access-control-request-method= GET",
            "GET sec-fetch-mode= navigate | upgrade= WebSocket",
            "GET sec-fetch-mode= websocket",
            "GET accept= text/html | upgrade= h2c, websocket",
            "CONNECT :protocol= websocket | sec-fetch-mode= navigate",
            "CONNECT",
            "POST content-type= application/grpc | te= trailers",
            "POST content-type= application/grpc-web+proto | sec-fetch-mode= navigate",
            "GET content-type= Application/gRPC | accept= text/html",
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
        let proven = |line| comes_from_this_origin(&head(line), &public);
        for line in [
            "POST sec-fetch-site= same-origin",
            "POST sec-fetch-site= same-origin | origin= null",
            "POST sec-fetch-site= same-origin | origin= https://portal.example.org",
            "POST origin= https://portal.example.org",
        ] {
            assert!(proven(line), "{line}");
        }
        for line in [
            "POST",
            "POST referer= https://portal.example.org/",
            "POST sec-fetch-site= none",
            "POST sec-fetch-site= same-site | origin= https://portal.example.org",
            "POST sec-fetch-site= cross-site | origin= https://portal.example.org",
            "POST sec-fetch-site= same-origin | origin= https://evil.example",
            "POST sec-fetch-site= same-origin | sec-fetch-site= cross-site",
            "POST origin= https://portal.example.org | origin= https://evil.example",
            "POST origin= http://portal.example.org",
            "POST origin= null",
        ] {
            assert!(!proven(line), "{line}");
        }
        for line in [
            "GET sec-fetch-site= cross-site",
            "GET sec-fetch-site= same-origin | sec-purpose= prefetch;prerender",
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
