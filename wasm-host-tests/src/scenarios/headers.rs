//! What the application is told, and by whom.

use serde_json::{Value, json};

use super::signed_in;
use crate::browser::Browser;
use crate::message::Request;
use crate::setup::Setup;
use crate::world::World;

/// Spellings under which a server behind us may read `x-auth-subject` or `x-auth-email`.
const FORGED: [&str; 10] = [
    "x-auth-subject",
    "X-Auth-Subject",
    "X-AUTH-SUBJECT",
    "x_auth_subject",
    "X_Auth_Subject",
    "x.auth.subject",
    "x-auth_subject",
    "x_auth.subject",
    "x-auth-email",
    "x_auth_email",
];

fn forge(request: Request) -> Request {
    let forged = FORGED.into_iter().fold(request, |request, name| request.with(name, "mallory").with(name, ""));
    forged.with("x-auth-groups", "board").with("x-auth-groups", "finance")
}

/// The values of everything that a backend could take for `name`.
fn read_as<'a>(request: &'a Request, name: &str) -> Vec<&'a [u8]> {
    let alike = |field: &str| field.to_ascii_lowercase().replace(['_', '.'], "-") == name;
    request.fields.iter().filter(|(field, _)| alike(field)).map(|(_, value)| &**value).collect()
}

pub fn forged_identity_headers_never_reach_the_application<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(Setup::default());
    let none: Vec<&[u8]> = Vec::new();
    for method in ["GET", "POST", "OPTIONS", "HEAD", "PROPFIND"] {
        for (path, known) in [("/public/x", false), ("/welcome", true), ("/private", true), ("/finance", true)] {
            let exchange = browser.send(&mut world, forge(Request::fetch(path).set(":method", method)));
            let upstream = exchange.forwarded();
            let expected: Vec<&[u8]> = if known { vec![b"ada"] } else { none.clone() };
            assert_eq!(read_as(upstream, "x-auth-subject"), expected, "{method} {path}");
            let groups: Vec<&[u8]> = if known { vec![b"finance,staff"] } else { none.clone() };
            assert_eq!(read_as(upstream, "x-auth-groups"), groups, "{method} {path}");
        }
    }
    for path in ["/public", "/welcome"] {
        let exchange = world.send(forge(Request::fetch(path)));
        assert_eq!(read_as(exchange.forwarded(), "x-auth-subject"), none, "{path}");
        assert_eq!(read_as(exchange.forwarded(), "x-auth-email"), none, "{path}");
    }
}

pub fn a_person_without_the_claim_gets_no_forged_header<W: World>() {
    let mut setup = Setup::default();
    setup.provider.user = json!({"sub": "ada"});
    let (mut world, mut browser) = signed_in::<W>(setup);
    let exchange = browser.send(&mut world, forge(Request::fetch("/api")));
    let upstream = exchange.forwarded();
    assert!(read_as(upstream, "x-auth-email").is_empty() && read_as(upstream, "x-auth-groups").is_empty());
    assert_eq!(read_as(upstream, "x-auth-subject"), [b"ada"]);
}

pub fn an_optional_identity_is_passed_on_when_there_is_one<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(Setup::default());
    assert_eq!(browser.fetch(&mut world, "/welcome/page").forwarded().header("x-auth-subject"), Some("ada"));
    assert_eq!(world.send(Request::navigation("/welcome/page")).forwarded().header("x-auth-subject"), None);
    let damaged = Request::fetch("/welcome").with("cookie", "__Host-latchkey=damaged");
    assert_eq!(world.send(damaged).forwarded().header("x-auth-subject"), None);
}

pub fn a_public_path_needs_no_provider_and_names_nobody<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(Setup::default());
    let exchange = browser.fetch(&mut world, "/public/x?y=1");
    assert_eq!(exchange.forwarded().header("x-auth-subject"), None);
    assert_eq!(exchange.forwarded().target(), "/public/x?y=1");
}

pub fn values_with_control_characters_are_left_out<W: World>() {
    for value in ["a\r\nx-admin: true", "a\nb", "a\u{0}b", "\u{7f}", "a\tb\u{1b}"] {
        let (mut world, mut browser) = signed_in::<W>(Setup::default().claim("email", value));
        let exchange = browser.fetch(&mut world, "/api");
        assert_eq!(exchange.forwarded().header("x-auth-email"), None, "{value:?}");
        assert_eq!(exchange.forwarded().header("x-admin"), None);
        assert_eq!(exchange.forwarded().header("x-auth-subject"), Some("ada"));
    }
}

pub fn values_that_are_no_text_are_left_out<W: World>() {
    for value in [json!(["a", "b"]), json!({"a": 1}), Value::Null, json!(["a", 1])] {
        let (mut world, mut browser) =
            signed_in::<W>(Setup::default().claim("email", value.clone()).claim("groups", value));
        let upstream = browser.fetch(&mut world, "/api").forwarded().clone();
        assert_eq!(upstream.header("x-auth-email"), None);
        assert_eq!(upstream.header("x-auth-subject"), Some("ada"));
    }
}

pub fn names_beyond_ascii_arrive_as_utf8<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(Setup::default().claim("email", "zoë@example.org"));
    assert_eq!(browser.fetch(&mut world, "/api").forwarded().header("x-auth-email"), Some("zoë@example.org"));
}

pub fn nested_claims_and_lists_become_headers<W: World>() {
    let setup = Setup::default()
        .claim("realm_access", json!({"roles": ["admin", "user"]}))
        .header("x-auth-roles", "claims.realm_access.roles.join(\" \")")
        .header("x-auth-all", "json(claims.realm_access)");
    let (mut world, mut browser) = signed_in::<W>(setup);
    let upstream = browser.fetch(&mut world, "/api").forwarded().clone();
    assert_eq!(upstream.header("x-auth-roles"), Some("admin user"));
    assert_eq!(upstream.header("x-auth-all"), Some(r#"{"roles":["admin","user"]}"#));
}

pub fn the_access_token_can_be_passed_on<W: World>() {
    let setup = Setup::default().header("authorization", "\"Bearer \" + access_token");
    let (mut world, mut browser) = signed_in::<W>(setup);
    let request = Request::fetch("/api").with("authorization", "Bearer forged");
    let exchange = browser.send(&mut world, request.clone());
    assert_eq!(exchange.forwarded().all("authorization"), [b"Bearer access-token-of-code-1"]);
    assert!(world.send(request.set(":path", "/public")).forwarded().all("authorization").is_empty());
}

pub fn own_cookies_stay_out_of_the_application<W: World>() {
    let (mut world, browser) = signed_in::<W>(Setup::default());
    let session = browser.jar.header("portal.example.org", "/", crate::jar::Initiator::SameSite, world.now());
    let session = session.expect("a session").replace("application=its-own", "").trim_matches([';', ' ']).to_owned();
    for path in ["/api", "/welcome", "/public"] {
        let cookie = format!("a=1; {session}; b=\"x y\"; c; __Host-latchkeyring=theirs; __Host-latchkey-login=x;d==");
        let exchange = world.send(Request::fetch(path).with("cookie", cookie));
        let upstream = exchange.forwarded();
        let cookies = String::from_utf8(upstream.all("cookie").join(&b"; "[..])).expect("text");
        assert!(
            cookies.starts_with("a=1; ") && cookies.contains("b=\"x y\"; c") && cookies.ends_with("d=="),
            "{cookies}"
        );
        assert!(cookies.contains("__Host-latchkeyring=theirs"), "a foreign cookie with a similar name: {cookies}");
        assert!(!cookies.contains("__Host-latchkey=") && !cookies.contains("-login"), "{path}: {cookies}");
    }
    let alone = world.send(Request::fetch("/api").with("cookie", session));
    assert!(alone.forwarded().all("cookie").is_empty(), "no empty cookie header");
}

pub fn foreign_cookies_arrive_byte_for_byte<W: World>() {
    let mut world = W::open(Setup::default());
    let cookie = b"a=1;b=2 ;; =x; \xff\xfe=\x80; theme=\"dark;light\" ; latchkey=x";
    let exchange = world.send(Request::fetch("/public").with("cookie", cookie));
    assert_eq!(exchange.forwarded().all("cookie"), [&cookie[..]]);
}

pub fn other_headers_arrive_byte_for_byte<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(Setup::default());
    let request = Request::fetch("/api")
        .with("x-odd", b"\xff\xc3\x28")
        .with("x-twice", "1")
        .with("x-twice", "2")
        .with("x-authority", "kept");
    let exchange = browser.send(&mut world, request);
    let upstream = exchange.forwarded();
    assert_eq!(upstream.all("x-odd"), [b"\xff\xc3\x28"]);
    assert_eq!(upstream.all("x-twice"), [b"1", b"2"]);
    assert_eq!(upstream.header("x-authority"), Some("kept"));
}

pub fn headers_about_other_addresses_decide_nothing<W: World>() {
    let mut world = W::open(Setup::default());
    for name in [
        "x-original-url",
        "x-original-uri",
        "x-rewrite-url",
        "x-forwarded-uri",
        "x-forwarded-path",
        "x-envoy-original-path",
    ] {
        world.send(Request::fetch("/private").with(name, "/public/x")).refused_with(401);
    }
    let request = Request::navigation("/").with("x-forwarded-host", "evil.example").with("x-forwarded-proto", "gopher");
    let location = world.send(request.with("forwarded", "host=evil.example")).response.location().to_owned();
    assert!(!location.contains("evil"), "{location}");
    let bot = Request::fetch("/private").with("user-agent", "kube-probe/1.30").with("x-real-ip", "127.0.0.1");
    world.send(bot).refused_with(401);
}

pub fn a_bearer_token_of_anybody_is_no_session<W: World>() {
    let mut world = W::open(Setup::default());
    world.send(Request::fetch("/private").with("authorization", "Bearer x.y.z")).refused_with(401);
    world.send(Request::fetch("/private").with("authorization", "Basic YWRhOmFkYQ==")).refused_with(401);
    let mut browser = Browser::default();
    browser.send(&mut world, Request::fetch("/private?access_token=x")).refused_with(401);
}
