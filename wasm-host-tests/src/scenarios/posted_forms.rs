//! Forms that are posted without a session, in rules with `preserve_form`: kept by the browser over the login, sent once.

use std::time::Duration;

use serde_json::json;

use super::{has_session, own_cookies};
use crate::browser::{Browser, Page, Scripts, Tab};
use crate::jar::Initiator;
use crate::message::{ORIGIN, Request};
use crate::setup::Setup;
use crate::world::World;

const FIELDS: [(&str, &str); 4] =
    [("item", "7 äpfel & <birnen>"), ("note", "two\r\nlines\t\"quoted\""), ("item", "again"), ("submit", "")];

/// `/orders` keeps forms, for people of `finance` alone; `/other` keeps them for everybody.
fn keeping() -> Setup {
    let mut setup = Setup::default();
    let rules = setup.document["rules"].as_array_mut().expect("a list");
    rules.push(json!({
        "match": {"path_prefix": "/orders"}, "preserve_form": true, "require": "\"finance\" in claims.groups",
    }));
    rules.push(json!({"match": {"path_prefix": "/other"}, "preserve_form": true}));
    setup
}

/// A form that a page of the application posts.
fn form(path: &str) -> Request {
    Request::form(path, &FIELDS, "same-origin").with("origin", ORIGIN)
}

/// Posts the form and signs in: the page that sends it again.
fn kept<W: World>(world: &mut W, browser: &mut Browser, path: &str) -> Page {
    let page = browser.follow(world, Tab::sending(form(path)));
    assert!(page.passed_provider(), "{:?}", page.exchange);
    page
}

fn form_cookies<W: World>(browser: &Browser, world: &W) -> usize {
    own_cookies(browser, world).iter().filter(|name| name.contains("-form")).count()
}

pub fn a_form_that_was_posted_without_a_session_is_sent_after_the_login<W: World>() {
    let mut world = W::open(keeping());
    let mut browser = Browser::default();
    let begun = browser.send(&mut world, form("/orders?x=1&y"));
    begun.refused_with(303);
    assert_eq!(begun.response.header("cache-control"), Some("no-store"));
    assert_eq!(form_cookies(&browser, &world), 1);

    let page = kept(&mut world, &mut browser, "/orders?x=1&y");
    page.exchange.refused_with(200);
    let policy = page.exchange.response.header("content-security-policy").unwrap_or_default();
    assert!(policy.contains("form-action 'self'"), "{policy}");
    assert_eq!(form_cookies(&browser, &world), 0, "it is sent once");
    let sent = browser.follow(&mut world, page.leads_on(Scripts::Run));
    let upstream = sent.shows("/orders?x=1&y");
    assert_eq!(upstream.method(), "POST");
    let fields: Vec<_> = form_urlencoded::parse(&upstream.body).into_owned().collect();
    let expected: Vec<_> = FIELDS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    assert_eq!(fields, expected);
    assert_eq!(upstream.header("x-auth-subject"), Some("ada"));
    assert_eq!(browser.jar.rejected, Vec::<String>::new());
}

pub fn a_large_form_takes_several_cookies_and_the_application_sees_none<W: World>() {
    let mut world = W::open(keeping());
    let mut browser = Browser::default();
    let text = "x".repeat(8_000);
    let large = Request::form("/orders", &[("text", &text)], "same-origin");
    let tab = browser.follow_until_callback(&mut world, Tab::sending(large));
    assert!((3..=4).contains(&form_cookies(&browser, &world)), "{:?}", own_cookies(&browser, &world));
    let request = browser.with_cookies(Request::fetch("/public").with("cookie", "a=1"), Initiator::SameSite, &world);
    let exchange = world.send(request);
    let cookies = exchange.forwarded().all("cookie").concat();
    assert_eq!(String::from_utf8_lossy(&cookies), "a=1");
    let page = browser.follow(&mut world, tab);
    let sent = browser.follow(&mut world, page.leads_on(Scripts::Run));
    assert_eq!(sent.shows("/orders").posted("text"), Some(text));
}

/// Otherwise another site's form would be sent by us, with a session, in spite of `SameSite`.
pub fn a_form_of_another_site_is_never_kept<W: World>() {
    let mut world = W::open(keeping());
    let plain = || Request::form("/orders", &FIELDS, "same-origin").without("sec-fetch-site");
    let old = || plain().without("sec-fetch-mode").without("sec-fetch-dest").without("sec-fetch-user");
    for (name, request) in [
        ("cross-site", plain().with("sec-fetch-site", "cross-site").with("origin", "https://evil.example")),
        ("cross-site that claims our origin", plain().with("sec-fetch-site", "cross-site").with("origin", ORIGIN)),
        ("same-site", plain().with("sec-fetch-site", "same-site").with("origin", "https://shop.example.org")),
        ("none", plain().with("sec-fetch-site", "none")),
        ("no proof", plain()),
        ("another origin", plain().with("origin", "https://evil.example")),
        ("a hidden origin", plain().with("origin", "null")),
        ("two origins", plain().with("origin", ORIGIN).with("origin", "https://evil.example")),
        ("two sites", plain().with("sec-fetch-site", "same-origin").with("sec-fetch-site", "cross-site")),
        ("plain http", plain().with("origin", "http://portal.example.org")),
        ("a referrer", plain().with("referer", "https://portal.example.org/")),
        ("no browser", old().with("origin", ORIGIN)),
    ] {
        let exchange = world.send(request);
        exchange.refused_with(401).because_of("session.required");
        assert_eq!(exchange.response.set_cookies(), Vec::<&str>::new(), "{name}");
    }
    world.send(plain().with("origin", ORIGIN)).refused_with(303);
}

pub fn what_is_no_small_form_is_not_kept<W: World>() {
    let mut world = W::open(keeping());
    let body = |kind: &str, body: &[u8]| {
        let request = form("/orders").set("content-type", kind).set("content-length", body.len().to_string());
        request.with_body(body)
    };
    let urlencoded = "application/x-www-form-urlencoded";
    for (name, request) in [
        ("a file", body("multipart/form-data; boundary=x", b"--x--")),
        ("text", body("text/plain", b"a=1")),
        ("json", body("application/json", b"{}")),
        ("nothing", form("/orders").without("content-type")),
        ("too much", body(urlencoded, &[b'a'; 8_193])),
        ("too much, unannounced", body(urlencoded, &[b'a'; 20_000]).without("content-length")),
        ("no text", body(urlencoded, b"a=%ff%fe")),
        ("control characters", body(urlencoded, b"a=%00")),
        ("no method of a form", form("/orders").set(":method", "PUT")),
        ("no form rule", form("/finance")),
        ("an ambiguous place", form("/orders/..%2f..%2fevil")),
    ] {
        let exchange = world.send(request);
        assert!(exchange.upstream.is_none() && matches!(exchange.status(), 400 | 401), "{name}: {exchange:?}");
        assert_eq!(exchange.response.set_cookies(), Vec::<&str>::new(), "{name}");
    }
    let charset = form("/orders").set("content-type", "Application/x-www-form-urlencoded; charset=UTF-8");
    world.send(charset).refused_with(303);
}

pub fn the_rule_decides_over_a_kept_form_as_over_every_request<W: World>() {
    let mut world = W::open(keeping().claim("groups", json!(["staff"])));
    let mut browser = Browser::default();
    let page = kept(&mut world, &mut browser, "/orders");
    browser.follow(&mut world, page.leads_on(Scripts::Run)).exchange.refused_with(403);
    let mut world = W::open(keeping());
    let mut browser = Browser::default();
    let page = kept(&mut world, &mut browser, "/other/place");
    browser.follow(&mut world, page.leads_on(Scripts::Run)).shows("/other/place");
    assert!(has_session(&mut browser, &mut world));
    let with_session = browser.send(&mut world, form("/orders"));
    assert_eq!(with_session.forwarded().posted("item"), Some(FIELDS[0].1.to_owned()));
}

pub fn a_form_belongs_to_its_own_login_and_is_shown_once<W: World>() {
    let mut world = W::open(keeping());
    let mut browser = Browser::default();
    let with_form = browser.follow_until_callback(&mut world, Tab::sending(form("/orders")));
    // Another login in the same browser, which has the form's cookies as well.
    let without = browser.open_until_callback(&mut world, "/other/place");
    browser.follow(&mut world, without).shows("/other/place");
    let before = browser.clone();
    let page = browser.follow(&mut world, with_form.clone());
    page.exchange.refused_with(200);
    browser.follow(&mut world, page.leads_on(Scripts::Run)).shows("/orders");
    // The same callback once more, and once more with all that was there before.
    let again = browser.follow(&mut world, with_form.clone());
    assert!(again.exchange.response.text().contains("not kept any more"), "{}", again.exchange.response.text());
    let mut stranger = before;
    stranger.jar.cookies_mut().retain(|cookie| !cookie.name.contains("-form"));
    let lost = stranger.follow(&mut world, with_form);
    assert!(lost.exchange.response.text().contains("not kept any more"), "{}", lost.exchange.response.text());
}

pub fn a_damaged_form_is_lost_and_the_person_is_signed_in<W: World>() {
    let mut world = W::open(keeping());
    let damages: [fn(&mut String); 4] = [
        |value| value.truncate(100),
        |value| value.insert(60, 'A'),
        |value| *value = value.replacen("1.", "2.", 1),
        |value| *value = String::from("1."),
    ];
    for damage in damages {
        let mut browser = Browser::default();
        let tab = browser.follow_until_callback(&mut world, Tab::sending(form("/orders")));
        let cookie = browser.jar.cookies_mut().iter_mut().find(|cookie| cookie.name == "__Host-latchkey-form");
        damage(&mut cookie.expect("a form").value);
        let page = browser.follow(&mut world, tab);
        page.exchange.refused_with(200);
        assert!(page.exchange.response.text().contains("not kept any more"), "{}", page.exchange.response.text());
        assert!(has_session(&mut browser, &mut world));
        assert_eq!(form_cookies(&browser, &world), 0);
    }
}

pub fn a_form_is_kept_for_a_quarter_of_an_hour<W: World>() {
    let mut world = W::open(keeping());
    for (minutes, is_kept) in [(14, true), (16, false)] {
        let mut browser = Browser::default();
        let begun = browser.send(&mut world, form("/orders"));
        world.advance(Duration::from_secs(minutes * 60));
        let page = browser.follow(&mut world, Tab::at_provider(begun.response.location()));
        assert_eq!(page.exchange.response.text().contains("data-go action"), is_kept, "{minutes} minutes");
    }
}

pub fn a_form_survives_a_provider_that_has_to_ask_and_one_that_fails<W: World>() {
    use crate::provider::Authorization;
    let mut world = W::open(keeping().session("silent", true));
    world.provider().authorization = Authorization::NeedsTheUser("login_required".to_owned());
    let mut browser = Browser::default();
    let page = kept(&mut world, &mut browser, "/orders");
    browser.follow(&mut world, page.leads_on(Scripts::Run)).shows("/orders");

    let mut browser = Browser::default();
    world.provider().authorization =
        Authorization::Error { code: "access_denied".to_owned(), description: String::new() };
    let refused = browser.follow(&mut world, Tab::sending(form("/orders")));
    refused.exchange.refused_with(400);
    world.provider().authorization = Authorization::Granted;
    let page = browser.follow(&mut world, refused.click("Try again", Scripts::Off));
    browser.follow(&mut world, page.leads_on(Scripts::Run)).shows("/orders");
}

pub fn markup_in_a_form_stays_text<W: World>() {
    let mut world = W::open(keeping());
    let mut browser = Browser::default();
    let hostile = "\"><script>alert(1)</script><input name='x";
    let request = Request::form("/orders", &[(hostile, hostile), ("a", "' onfocus=alert(1) x='")], "same-origin");
    let page = browser.follow(&mut world, Tab::sending(request));
    let text = page.exchange.response.text();
    assert!(page.exchange.response.runs_nothing_else() && !text.contains(hostile), "{text}");
    let sent = browser.follow(&mut world, page.leads_on(Scripts::Run));
    assert_eq!(sent.shows("/orders").posted(hostile).as_deref(), Some(hostile));
}

/// There is a session, and it is not good enough (RFC 9470).
pub fn a_form_that_needs_a_stronger_sign_in_is_sent_after_it<W: World>() {
    let rule = json!({"match": {"path_prefix": "/vault"}, "acr_values": ["urn:mfa"], "preserve_form": true});
    let mut world = W::open(keeping().rule(rule));
    let mut browser = Browser::default();
    browser.open(&mut world, "/").shows("/");
    let files = form("/vault").set("content-type", "multipart/form-data; boundary=x");
    browser.send(&mut world, files).refused_with(401).because_of("step_up.required");
    assert_eq!(form_cookies(&browser, &world), 0);

    let page = kept(&mut world, &mut browser, "/vault/7");
    let [authorization] = &page.authorizations()[..] else { panic!("one login: {:?}", page.trail) };
    assert!(authorization.as_str().contains("acr_values=urn%3Amfa"), "{authorization}");
    let sent = browser.follow(&mut world, page.leads_on(Scripts::Run));
    assert_eq!(sent.shows("/vault/7").posted("item").as_deref(), Some(FIELDS[0].1));
    assert_eq!(form_cookies(&browser, &world), 0);
}
