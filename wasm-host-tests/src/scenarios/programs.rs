//! Requests behind which nobody sits: never redirected, never the beginning of a login.

use super::has_session;
use crate::browser::Browser;
use crate::message::Request;
use crate::setup::Setup;
use crate::world::{Exchange, World};

/// What begins logins, if anything does.
fn eager() -> Setup {
    Setup::default().session("silent", true).session("preserve_fragment", true)
}

#[track_caller]
fn is_a_plain_refusal(exchange: &Exchange, what: &str) {
    assert!(exchange.upstream.is_none(), "{what}: forwarded");
    assert!((400..500).contains(&exchange.status()), "{what}: {}", exchange.status());
    assert_eq!(exchange.response.header("content-type"), Some("application/problem+json"), "{what}");
    assert_eq!(exchange.response.header("location"), None, "{what}");
    assert_eq!(exchange.response.set_cookies(), Vec::<&str>::new(), "{what}");
}

pub fn a_preflight_is_never_redirected_wherever_it_goes<W: World>() {
    let mut world = W::open(eager());
    for path in
        ["/", "/finance", "/oauth2/login", "/oauth2/callback?code=1&state=x", "/oauth2/logout", "/oauth2/session"]
    {
        for (header, value) in [("sec-fetch-mode", "cors"), ("accept", "text/html"), ("sec-fetch-mode", "no-cors")] {
            let preflight = Request::new("OPTIONS", path)
                .with("origin", "https://elsewhere.example")
                .with("access-control-request-method", "GET")
                .with("access-control-request-headers", "authorization")
                .with(header, value);
            is_a_plain_refusal(&world.send(preflight), path);
        }
    }
    let preflight = Request::new("OPTIONS", "/public").with("origin", "https://elsewhere.example");
    world.send(preflight.with("access-control-request-method", "GET")).forwarded();
}

pub fn nothing_that_is_fetched_ahead_begins_a_login<W: World>() {
    let mut world = W::open(eager());
    for path in ["/", "/oauth2/login?return_to=%2F", "/finance"] {
        for (name, value) in [
            ("sec-purpose", "prefetch"),
            ("sec-purpose", "prefetch;prerender"),
            ("sec-purpose", "prefetch;anonymous-client-ip"),
            ("Purpose", "Prefetch"),
            ("x-purpose", "preview"),
            ("X-Moz", "prefetch"),
        ] {
            let ahead = Request::navigation(path).with(name, value);
            is_a_plain_refusal(&world.send(ahead), &format!("{path} {name}: {value}"));
            let old = Request::get(path).with("accept", "text/html").with(name, value);
            is_a_plain_refusal(&world.send(old), &format!("{path} {name}: {value}, without metadata"));
        }
    }
}

pub fn nothing_that_is_fetched_ahead_ends_a_session<W: World>() {
    let (mut world, mut browser) = super::signed_in::<W>(Setup::default());
    for (name, value) in [("sec-purpose", "prefetch"), ("sec-purpose", "prefetch;prerender"), ("x-moz", "prefetch")] {
        let ahead = Request::navigation("/oauth2/logout").set("sec-fetch-site", "same-origin").with(name, value);
        let exchange = browser.send(&mut world, ahead);
        is_a_plain_refusal(&exchange, value);
        assert!(has_session(&mut browser, &mut world), "{name}: {value}");
    }
}

pub fn a_web_socket_needs_a_session_and_gets_nothing_else<W: World>() {
    let mut world = W::open(eager());
    let socket = || {
        Request::get("/socket")
            .with("connection", "keep-alive, Upgrade")
            .with("upgrade", "websocket")
            .with("sec-websocket-version", "13")
            .with("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .with("origin", "https://portal.example.org")
    };
    is_a_plain_refusal(&world.send(socket()), "without metadata");
    is_a_plain_refusal(&world.send(socket().with("accept", "text/html")), "a client that accepts pages");
    let metadata = socket().with("sec-fetch-mode", "websocket").with("sec-fetch-dest", "websocket");
    let exchange = world.send(metadata);
    is_a_plain_refusal(&exchange, "a browser");
    exchange.refused_with(401).because_of("session.required");
}

pub fn other_programs_are_told_and_not_led<W: World>() {
    let mut world = W::open(eager());
    for (name, request) in [
        ("an event source", Request::get("/events").with("accept", "text/event-stream")),
        ("a beacon", Request::fetch("/beacon").set(":method", "POST").set("sec-fetch-mode", "no-cors")),
        (
            "a worker",
            Request::get("/worker.js").with("sec-fetch-dest", "serviceworker").with("sec-fetch-mode", "same-origin"),
        ),
        (
            "a manifest",
            Request::get("/manifest.json").with("sec-fetch-dest", "manifest").with("sec-fetch-mode", "cors"),
        ),
        ("curl", Request::get("/").with("accept", "*/*").with("user-agent", "curl/8")),
        ("PUT", Request::new("PUT", "/x").with("accept", "text/html")),
    ] {
        is_a_plain_refusal(&world.send(request), name);
    }
    let mut browser = Browser::default();
    let page = browser.open(&mut world, "/");
    assert_eq!(page.exchange.status(), 200, "a person is led on");
}
