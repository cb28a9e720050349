//! Bytes that no browser sends. Nothing panics, nothing hangs, nothing opens.

use super::signed_in;
use crate::browser::Browser;
use crate::message::Request;
use crate::setup::Setup;
use crate::world::World;

const HEADERS: [&str; 16] = [
    "cookie",
    "accept",
    "origin",
    "referer",
    "sec-fetch-mode",
    "sec-fetch-site",
    "sec-fetch-dest",
    "sec-purpose",
    "x-requested-with",
    "x-request-id",
    "x-forwarded-proto",
    "authorization",
    "content-type",
    "user-agent",
    "x-auth-subject",
    "x-anything",
];

pub fn bytes_that_are_no_text_are_survived_in_every_header<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(Setup::default());
    for name in HEADERS {
        for value in [&b"\xff"[..], b"\xc3\x28", b"a\x80b", b"\xed\xa0\x80", b""] {
            for path in [
                "/private",
                "/public",
                "/welcome",
                "/oauth2/session",
                "/oauth2/logout?x",
                "/oauth2/callback?code=a&state=b",
                "/oauth2/login",
            ] {
                let exchange = world.send(Request::navigation(path).set(name, value));
                assert!(exchange.status() < 500, "{name} {value:?} {path}: {}", exchange.status());
                if path != "/public" && path != "/welcome" {
                    assert!(exchange.upstream.is_none(), "{name} {value:?} {path}");
                }
            }
        }
    }
    browser.fetch(&mut world, "/api").forwarded();
}

pub fn bytes_that_are_no_text_are_survived_beside_a_session<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(Setup::default());
    for name in HEADERS.into_iter().filter(|name| *name != "cookie") {
        browser.send(&mut world, Request::fetch("/api").set(name, b"\xff\xfe")).forwarded();
    }
}

pub fn bytes_that_are_no_text_are_survived_in_pseudo_headers<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(Setup::default());
    for name in [":path", ":method", ":authority", ":scheme"] {
        for value in [&b"/\xff"[..], b"\xff", b"", b"\x00", b" ", b"/public/\xc3\x28"] {
            let exchange = world.send(Request::fetch("/private").set(name, value));
            assert!(exchange.upstream.is_none(), "{name} {value:?}");
            assert!((300..500).contains(&exchange.status()), "{name} {value:?}: {}", exchange.status());
        }
    }
    browser.fetch(&mut world, "/api").forwarded();
}

pub fn requests_without_pseudo_headers_are_refused<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(Setup::default());
    world.send(Request::new("CONNECT", "/").without(":path").without(":scheme")).refused_with(400);
    for name in [":path", ":authority"] {
        let exchange = world.send(Request::fetch("/private").without(name));
        assert!(exchange.upstream.is_none() && exchange.status() < 500, "{name}: {exchange:?}");
    }
    world.send(Request::default()).refused_with(400);
    browser.fetch(&mut world, "/api").forwarded();
}

pub fn targets_that_are_no_paths_are_refused<W: World>() {
    let mut world = W::open(Setup::default());
    for target in [
        "*",
        "public",
        "https://portal.example.org/public",
        "https://evil.example/",
        "?/public",
        "#",
        "portal.example.org:443",
    ] {
        let exchange = world.send(Request::fetch("/private").set(":path", target));
        exchange.refused_with(400);
    }
}

pub fn a_huge_cookie_header_is_survived<W: World>() {
    let (mut world, browser) = signed_in::<W>(Setup::default());
    let cookie =
        browser.jar.header("portal.example.org", "/", crate::jar::Initiator::SameSite, world.now()).expect("a session");
    let many: String = (0..3_000).map(|number| format!("c{number}=v; ")).collect();
    for cookies in [
        format!("theme={}; {cookie}", "x".repeat(40_000)),
        format!("{many}{cookie}"),
        format!("{}{cookie}", ";".repeat(40_000)),
    ] {
        world.send(Request::fetch("/api").with("cookie", cookies)).forwarded();
    }
    let pretenders: String = (0..1_500).map(|number| format!("__Host-latchkey={number:030}; ")).collect();
    world.send(Request::fetch("/api").with("cookie", pretenders)).refused_with(401);
    let parts: String = (0..1_500).map(|number| format!("__Host-latchkey-{number}={number:020}; ")).collect();
    world.send(Request::fetch("/api").with("cookie", parts)).refused_with(401);
    world
        .send(Request::fetch("/api").with("cookie", format!("__Host-latchkey={}", "A".repeat(50_000))))
        .refused_with(401);
}

pub fn a_huge_path_is_no_login<W: World>() {
    let mut world = W::open(Setup::default());
    let long = format!("/reports?{}", "x".repeat(30_000));
    let exchange = world.send(Request::navigation(&long));
    assert!(exchange.upstream.is_none() && exchange.status() < 500, "{}", exchange.status());
    if exchange.status() == 302 {
        assert!(exchange.response.location().len() < 16_000, "{} bytes", exchange.response.location().len());
    }
    world.send(Request::fetch(&long)).refused_with(401);
}

pub fn a_form_post_callback_takes_any_body<W: World>() {
    let mut world = W::open(Setup::default());
    let post = |body: &[u8]| {
        let request = Request::form("/oauth2/callback", &[], "cross-site").without("content-length");
        request.with("content-length", body.len().to_string()).with_body(body)
    };
    let long = vec![b'x'; 300_000];
    for body in [&b""[..], b"\xff\xfe\x00", b"code=%ff&state=%fe", b"&&&===", b"{\"code\":1}", &long] {
        let exchange = world.send(post(body));
        exchange.refused_with(400);
    }
    let mut browser = Browser::default();
    browser.open(&mut world, "/").shows("/");
}

pub fn markup_in_claims_never_reaches_a_page<W: World>() {
    let markup = "</script><script>alert(1)</script>\"'><img src=x>";
    let long = format!("{markup}{}", "x".repeat(50));
    let (mut world, mut browser) = signed_in::<W>(Setup::default().claim("email", markup).claim("name", long));
    for path in ["/board", "/oauth2/unknown"] {
        let text = browser.open(&mut world, path).exchange.response.text();
        assert!(!text.contains("alert(1)"), "{text}");
    }
    let session = browser.fetch(&mut world, "/oauth2/session").response;
    assert!(session.header("content-type").is_some_and(|kind| kind.starts_with("application/json")));
    assert_eq!(session.header("x-content-type-options"), Some("nosniff"));
}

pub fn markup_in_an_address_never_reaches_a_page<W: World>() {
    let mut world = W::open(Setup::default());
    for path in [
        "/orders?<script>alert(1)</script>",
        "/orders?%3Cscript%3Ealert(1)%3C/script%3E",
        "/\"onmouseover=alert(1)//",
        "/orders?'><img src=x onerror=alert(1)>",
    ] {
        let exchange = world.send(Request::form("/orders", &[], "same-origin").set(":path", path));
        let text = exchange.response.text();
        assert!(
            exchange.upstream.is_none()
                && exchange.response.runs_nothing_else()
                && !text.contains("<img")
                && !text.contains("\"onmouse"),
            "{text}"
        );
    }
}
