//! Who gets what instead of an answer of the application.

use super::signed_in;
use crate::browser::Browser;
use crate::message::{ORIGIN, Request, Response};
use crate::setup::Setup;
use crate::world::{Exchange, World};

/// A refusal for scripts: problem+json (RFC 9457) with the way to sign in, and no cookie.
#[track_caller]
fn is_problem_with_login(exchange: &Exchange) {
    exchange.refused_with(401).because_of("session.required");
    let response = &exchange.response;
    assert_eq!(response.header("content-type"), Some("application/problem+json"));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert_eq!(response.set_cookies(), Vec::<&str>::new());
    let login = response.document()["login_url"].as_str().unwrap_or_default().to_owned();
    assert!(login.starts_with(&format!("{ORIGIN}/oauth2/login")), "{login}");
}

fn is_page(response: &Response) {
    assert!(response.header("content-type").is_some_and(|kind| kind.starts_with("text/html")), "{response:?}");
}

pub fn a_fetch_without_a_session_is_told_where_to_sign_in<W: World>() {
    let mut world = W::open(Setup::default());
    is_problem_with_login(&world.send(Request::fetch("/api?x=1")));
    is_problem_with_login(&world.send(Request::fetch("/api").set(":method", "POST").with_body("{}")));
    is_problem_with_login(&world.send(Request::get("/api")));
}

pub fn an_xml_http_request_starts_no_login<W: World>() {
    let mut world = W::open(Setup::default());
    let request = Request::get("/api").with("accept", "text/html, */*").with("x-requested-with", "XMLHttpRequest");
    is_problem_with_login(&world.send(request));
}

pub fn a_web_socket_starts_no_login<W: World>() {
    let mut world = W::open(Setup::default());
    let request = Request::get("/socket")
        .with("connection", "Upgrade")
        .with("upgrade", "websocket")
        .with("sec-websocket-version", "13")
        .with("sec-fetch-mode", "websocket")
        .with("sec-fetch-dest", "websocket");
    is_problem_with_login(&world.send(request));
}

pub fn a_prefetch_starts_no_login<W: World>() {
    let mut world = W::open(Setup::default());
    is_problem_with_login(&world.send(Request::navigation("/").with("sec-purpose", "prefetch")));
    is_problem_with_login(&world.send(Request::navigation("/").with("sec-purpose", "prefetch;prerender")));
}

pub fn a_preflight_does_not_reach_the_application<W: World>() {
    let mut world = W::open(Setup::default());
    let request = Request::new("OPTIONS", "/api")
        .with("origin", "https://elsewhere.example")
        .with("access-control-request-method", "POST")
        .with("sec-fetch-mode", "cors");
    is_problem_with_login(&world.send(request));
}

pub fn an_image_starts_no_login<W: World>() {
    let mut world = W::open(Setup::default());
    let request = Request::get("/logo.png").with("sec-fetch-mode", "no-cors").with("accept", "image/*,*/*;q=0.8");
    is_problem_with_login(&world.send(request));
}

pub fn a_browser_without_fetch_metadata_is_recognised_by_what_it_accepts<W: World>() {
    let mut world = W::open(Setup::default());
    let page = Request::get("/").with("accept", "text/html,*/*;q=0.8");
    world.send(page.clone()).refused_with(302);
    is_problem_with_login(&world.send(Request::get("/").with("accept", "*/*")));
}

pub fn a_posted_form_without_a_session_is_a_page_with_a_link<W: World>() {
    let mut world = W::open(Setup::default());
    let exchange = world.send(Request::form("/orders", &[("item", "1")], "same-origin"));
    exchange.refused_with(401);
    is_page(&exchange.response);
    assert!(exchange.response.text().contains("/oauth2/login"), "{}", exchange.response.text());
}

pub fn what_require_does_not_allow_is_forbidden<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(Setup::default());
    assert_eq!(browser.fetch(&mut world, "/finance/report").forwarded().header("x-auth-subject"), Some("ada"));
    let exchange = browser.fetch(&mut world, "/board/minutes");
    exchange.refused_with(403).because_of("policy.require_not_met");
    assert_eq!(exchange.response.header("content-type"), Some("application/problem+json"));
    let page = browser.open(&mut world, "/board/minutes");
    page.exchange.refused_with(403);
    is_page(&page.exchange.response);
    assert!(!page.passed_provider(), "signing in again would not help");
}

pub fn a_requirement_on_a_claim_that_is_missing_denies<W: World>() {
    for groups in [serde_json::Value::Null, "finance".into(), 7.into(), serde_json::json!({"finance": false})] {
        let mut setup = Setup::default().claim("groups", groups.clone());
        if groups.is_null() {
            setup.provider.user.as_object_mut().expect("claims").remove("groups");
        }
        let (mut world, mut browser) = signed_in::<W>(setup);
        let exchange = browser.fetch(&mut world, "/board/minutes");
        exchange.refused_with(403);
    }
}

pub fn a_refusal_names_its_request<W: World>() {
    let mut world = W::open(Setup::default());
    let id = "4bf92f35-77b3-4da6-a3ce-929d0e0e4736";
    let exchange = world.send(Request::fetch("/api").with("x-request-id", id));
    exchange.because_of(id);
    let page = world.send(Request::form("/orders", &[], "same-origin").with("x-request-id", "<script>\"&"));
    assert!(page.response.runs_nothing_else(), "{}", page.response.text());
}

pub fn a_body_reaches_the_application_only_with_a_verdict<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(Setup::default());
    let body = "x".repeat(70_000);
    let post = || Request::fetch("/upload").set(":method", "POST").with("content-length", "70000").with_body(&body);
    let exchange = browser.send(&mut world, post());
    assert_eq!(exchange.forwarded().body.len(), 70_000);
    world.send(post()).refused_with(401);
    Browser::default().send(&mut world, post().set("cookie", "__Host-latchkey=forged")).refused_with(401);
    assert_eq!(world.send(post().set(":path", "/public/upload")).forwarded().body.len(), 70_000);
}
