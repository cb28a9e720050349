//! Identity headers that a client forges. The application sees ours once, or none.

use serde_json::json;

use super::corpus::{cases, cases_of};
use super::forge;
use crate::browser::{Browser, Tab};
use crate::jar::Initiator;
use crate::message::Request;
use crate::provider::ISSUER;
use crate::scenarios::assertion::asserting;
use crate::scenarios::{access_token, call, signed_in};
use crate::setup::Setup;
use crate::world::{Exchange, World};

const ALIASES: &str = include_str!("corpus/header_aliases.txt");
const CLAIM_VALUES: &str = include_str!("corpus/claim_values.txt");
const FORGED: &str = "mallory";

/// Whom the application is told about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Nobody,
    Person,
    Client,
    /// The request does not reach the application.
    Refused,
}

impl Who {
    /// What the application reads, under whatever spelling; the scopes are left to other tests.
    const fn headers(self) -> [(&'static str, Option<&'static str>); 5] {
        let (subject, email, groups, issuer, how) = match self {
            Self::Nobody | Self::Refused => (None, None, None, None, None),
            Self::Person => {
                (Some("ada"), Some("ada@example.org"), Some("finance,staff"), Some(ISSUER), Some("session corp"))
            }
            Self::Client => (Some("ada"), None, None, Some(ISSUER), Some("bearer corp")),
        };
        [
            ("x-auth-subject", subject),
            ("x-auth-email", email),
            ("x-auth-groups", groups),
            ("x-auth-issuer", issuer),
            ("x-auth-how", how),
        ]
    }
}

/// A request of every kind, and whom the application must take it for.
fn every_kind<W: World>(world: &mut W, browser: &Browser) -> Vec<(Request, Who)> {
    let token = access_token(world, |_| ());
    let session = |request| browser.with_cookies(request, Initiator::SameSite, world);
    let preflight = |path: &str| {
        let request = Request::new("OPTIONS", path).with("origin", "https://elsewhere.example");
        request.with("access-control-request-method", "POST").with("access-control-request-headers", "x-auth-subject")
    };
    let with_method = |request: Request, method: &str| request.set(":method", method);
    let damaged = Request::fetch("/welcome").with("cookie", "__Host-latchkey=1.damaged");
    vec![
        (session(Request::navigation("/private")), Who::Person),
        (session(Request::fetch("/finance/x")), Who::Person),
        (session(with_method(Request::fetch("/private"), "POST").with_body("{}")), Who::Person),
        (session(with_method(Request::fetch("/private"), "HEAD")), Who::Person),
        (session(with_method(Request::fetch("/private"), "OPTIONS")), Who::Person),
        (session(with_method(Request::fetch("/private"), "PROPFIND")), Who::Person),
        (session(Request::fetch("/welcome")), Who::Person),
        (session(Request::fetch("/either")), Who::Person),
        (call("/orders", &token), Who::Client),
        (with_method(call("/orders", &token), "POST").with_body("{}"), Who::Client),
        (with_method(call("/orders", &token), "OPTIONS"), Who::Client),
        (call("/either", &token), Who::Client),
        (call("/welcome", &token), Who::Client),
        (Request::fetch("/welcome"), Who::Nobody),
        (damaged, Who::Nobody),
        (preflight("/welcome"), Who::Nobody),
        (Request::navigation("/public"), Who::Nobody),
        (session(Request::fetch("/public")), Who::Nobody),
        (call("/public", &token), Who::Nobody),
        (with_method(Request::fetch("/public"), "OPTIONS"), Who::Nobody),
        (preflight("/public"), Who::Nobody),
        (Request::fetch("/private"), Who::Refused),
        (Request::navigation("/private"), Who::Refused),
        (preflight("/private"), Who::Refused),
        (preflight("/orders"), Who::Refused),
        (Request::get("/orders"), Who::Refused),
        (call("/orders", "not.a.token"), Who::Refused),
        (session(Request::fetch("/oauth2/session")), Who::Refused),
        (Request::navigation("/oauth2/login"), Who::Refused),
        (preflight("/oauth2/callback"), Who::Refused),
        (Request::navigation("/oauth2/callback?code=x&state=y"), Who::Refused),
    ]
}

/// Every value that a server behind us could read as `name`.
fn read_as<'a>(upstream: &'a Request, name: &str) -> Vec<&'a [u8]> {
    let letters = |name: &str| -> String {
        name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
    };
    let alike = upstream.fields.iter().filter(|(field, _)| letters(field) == letters(name));
    alike.map(|(_, value)| &**value).collect()
}

#[track_caller]
fn tells_of(exchange: &Exchange, who: Who, request: &Request) {
    let asked = format!("{} {}", request.method(), request.target());
    assert_eq!(exchange.upstream.is_none(), who == Who::Refused, "{asked}: {exchange:?}");
    if let Some(upstream) = &exchange.upstream {
        for (name, expected) in who.headers() {
            let expected: Vec<&[u8]> = expected.iter().map(|value| value.as_bytes()).collect();
            assert_eq!(read_as(upstream, name), expected, "{asked} as {who:?}: {name}");
        }
        let scopes = read_as(upstream, "x-auth-scopes");
        assert!(scopes.len() <= 1 && (who == Who::Nobody) == scopes.is_empty(), "{asked}: {scopes:?}");
    }
    for fields in [Some(&exchange.response.fields), exchange.upstream.as_ref().map(|request| &request.fields)] {
        let forged = |(_, value): &&(String, Vec<u8>)| String::from_utf8_lossy(value).contains(FORGED);
        assert_eq!(fields.and_then(|fields| fields.iter().find(forged)), None, "{asked}");
    }
    assert!(!exchange.response.text().contains(FORGED), "{asked}: {}", exchange.response.text());
}

/// With all spellings at once, on every kind of route.
fn forgeries_reach_nobody<W: World>(advisory: &str) {
    let names: Vec<String> = cases_of(ALIASES, advisory).iter().map(|case| case.text().to_owned()).collect();
    let (mut world, browser) = signed_in::<W>(Setup::api());
    for (request, who) in every_kind(&mut world, &browser) {
        let exchange = world.send(forge(request.clone(), &names, FORGED));
        tells_of(&exchange, who, &request);
    }
}

pub fn cve_2025_64484_a_header_with_underscores_reaches_nobody<W: World>() {
    forgeries_reach_nobody::<W>("CVE-2025-64484");
}

pub fn cve_2026_33433_a_header_in_another_case_reaches_nobody<W: World>() {
    forgeries_reach_nobody::<W>("CVE-2026-33433");
}

pub fn cve_2026_54763_an_underscore_in_any_place_reaches_nobody<W: World>() {
    forgeries_reach_nobody::<W>("CVE-2026-54763");
}

pub fn cve_2026_88011_a_dot_for_a_hyphen_reaches_nobody<W: World>() {
    forgeries_reach_nobody::<W>("CVE-2026-88011");
}

pub fn cve_2026_52845_what_fastcgi_reads_alike_reaches_nobody<W: World>() {
    forgeries_reach_nobody::<W>("CVE-2026-52845");
}

pub fn cve_2026_44087_the_names_themselves_reach_nobody_on_any_route<W: World>() {
    forgeries_reach_nobody::<W>("CVE-2026-44087");
}

/// Alone, so that no other spelling takes it along; among foreign headers, which stay.
pub fn every_spelling_is_deleted_for_itself<W: World>() {
    let (mut world, browser) = signed_in::<W>(Setup::api());
    let token = access_token(&mut world, |_| ());
    for case in cases(ALIASES) {
        let session = browser.with_cookies(Request::fetch("/private"), Initiator::SameSite, &world);
        for (request, who) in
            [(session, Who::Person), (call("/orders", &token), Who::Client), (Request::fetch("/public"), Who::Nobody)]
        {
            let forged =
                request.clone().with("x-auth", "kept").with(case.text(), FORGED).with("x-auth-subjects", "kept");
            let exchange = world.send(forged);
            tells_of(&exchange, who, &request);
            let upstream = exchange.forwarded();
            assert_eq!((upstream.header("x-auth"), upstream.header("x-auth-subjects")), (Some("kept"), Some("kept")));
        }
    }
}

/// Not even a good one, which somebody else was given.
pub fn an_assertion_from_elsewhere_reaches_nobody_on_any_route<W: World>() {
    const ASSERTION: &str = "x-latchkey-assertion";
    let (mut world, mut browser) = signed_in::<W>(asserting(Setup::api()));
    let stolen = browser.fetch(&mut world, "/private").forwarded().header(ASSERTION).expect("an assertion").to_owned();
    let aliases = ["x-latchkey-assertion", "X-Latchkey-Assertion", "x_latchkey_assertion", "X.LATCHKEY-assertion"];
    let mut elsewhere = Browser::default();
    world.provider().user["sub"] = "eve".into();
    elsewhere.open(&mut world, "/private").shows("/private");
    for (request, who) in every_kind(&mut world, &elsewhere) {
        for value in [stolen.as_str(), FORGED] {
            let exchange = world.send(forge(request.clone(), &aliases.map(str::to_owned), value));
            let asked = format!("{} {} as {who:?}", request.method(), request.target());
            let Some(upstream) = &exchange.upstream else {
                assert_eq!(who, Who::Refused, "{asked}");
                continue;
            };
            let found = read_as(upstream, ASSERTION);
            assert_eq!(found.len(), usize::from(who != Who::Nobody), "{asked}");
            assert!(found.iter().all(|found| *found != value.as_bytes()), "{asked}");
        }
    }
}

pub fn cve_2026_30851_who_lacks_a_claim_gets_no_forged_header_for_it<W: World>() {
    let names: Vec<String> = cases_of(ALIASES, "CVE-2026-30851").iter().map(|case| case.text().to_owned()).collect();
    for user in [json!({"sub": "ada"}), json!({"sub": "ada", "email": null, "groups": null})] {
        let (mut world, browser) = signed_in::<W>(Setup::api().provider(|provider| provider.user = user));
        for path in ["/private", "/welcome", "/either"] {
            let request = browser.with_cookies(Request::fetch(path), Initiator::SameSite, &world);
            let exchange = world.send(forge(request, &names, FORGED));
            let upstream = exchange.forwarded();
            assert_eq!(read_as(upstream, "x-auth-subject"), [b"ada"], "{path}");
            assert!(read_as(upstream, "x-auth-email").is_empty() && read_as(upstream, "x-auth-groups").is_empty());
        }
        // A rule does not read what the client says either.
        let request = browser.with_cookies(Request::fetch("/finance"), Initiator::SameSite, &world);
        world.send(forge(request, &names, "finance")).refused_with(403);
    }
}

pub fn cve_2026_31908_a_claim_writes_no_further_header<W: World>() {
    for case in cases_of(CLAIM_VALUES, "CVE-2026-31908") {
        let (mut world, mut browser) = signed_in::<W>(Setup::api().claim("email", case.text()));
        let session = browser.fetch(&mut world, "/private");
        let token = access_token(&mut world, |draft| draft.claim("email", case.text()));
        for exchange in [session, world.send(call("/orders", &token))] {
            let upstream = exchange.forwarded();
            assert_eq!(read_as(upstream, "x-auth-email"), Vec::<&[u8]>::new(), "{case:?}");
            assert_eq!(upstream.header("x-admin"), None, "{case:?}");
            assert_eq!(read_as(upstream, "x-auth-subject"), [b"ada"], "the others stay");
        }
    }
}

pub fn mod_auth_openidc_2026_07_control_characters_in_lists_and_names_are_left_out<W: World>() {
    for case in cases(CLAIM_VALUES) {
        let setup = Setup::api().claim("groups", json!(["finance", case.text()])).claim("sub", case.text());
        let mut world = W::open(setup);
        let mut browser = Browser::default();
        // A subject with control characters may be refused as a whole; nothing of it may become a header.
        let page = browser.open(&mut world, "/private");
        if let Some(upstream) = &page.exchange.upstream {
            assert!(read_as(upstream, "x-auth-groups").is_empty() && read_as(upstream, "x-auth-subject").is_empty());
            assert_eq!(upstream.header("x-admin"), None, "{case:?}");
        }
    }
}

pub fn mod_auth_openidc_2026_07_forged_headers_on_the_way_through_a_login_name_nobody<W: World>() {
    let names: Vec<String> = cases(ALIASES).iter().map(|case| case.text().to_owned()).collect();
    let mut world = W::open(Setup::api());
    let mut browser = Browser::default();
    let begin = Tab::sending(forge(Request::navigation("/private"), &names, FORGED));
    let mut callback = browser.follow_until_callback(&mut world, begin);
    callback.next = forge(callback.next, &names, FORGED);
    let page = browser.follow(&mut world, callback);
    tells_of(&page.exchange, Who::Person, &Request::navigation("/private"));
    assert_eq!(browser.fetch(&mut world, "/oauth2/session").response.document()["claims"]["sub"], "ada");
}
