//! What stands behind `#` in the address: no server ever sees it, and people miss it when it is gone.

use super::login::HOSTILE_TARGETS;
use crate::browser::{Browser, Page, Scripts, Tab};
use crate::message::{ORIGIN, Request};
use crate::provider::{Authorization, Endpoint, PROVIDER_ORIGIN};
use crate::setup::Setup;
use crate::world::World;

/// Where a single-page application keeps its routes.
const ADDRESS: &str = "/app?x=1#/orders/7?open=1&sort=a%20b";
const FRAGMENT: Option<&str> = Some("/orders/7?open=1&sort=a%20b");

fn preserving() -> Setup {
    Setup::default().session("preserve_fragment", true)
}

/// A person types a password at the provider: its pages have addresses of their own.
fn asked_by_the_provider<W: World>(browser: &mut Browser, world: &mut W, tab: Tab) -> Page {
    let tab = browser.follow_until_callback(world, tab);
    browser.follow(world, tab.after_a_page_of_the_provider())
}

pub fn a_fragment_survives_a_login_that_nobody_notices<W: World>() {
    let mut world = W::open(Setup::default());
    let page = Browser::default().open(&mut world, ADDRESS);
    page.shows("/app?x=1");
    assert_eq!(page.fragment.as_deref(), FRAGMENT);
}

pub fn a_page_asks_for_the_fragment_before_the_login<W: World>() {
    let mut world = W::open(preserving());
    let mut browser = Browser::default();
    let page = browser.open(&mut world, ADDRESS);
    page.exchange.refused_with(200);
    assert_eq!(page.exchange.response.header("cache-control"), Some("no-store"));
    assert_eq!(page.exchange.response.set_cookies(), Vec::<&str>::new(), "nothing has begun yet");
    let page = asked_by_the_provider(&mut browser, &mut world, page.leads_on(Scripts::Run));
    page.shows("/app?x=1");
    assert_eq!(page.fragment.as_deref(), FRAGMENT);
    assert_eq!(world.provider().complaints, Vec::<String>::new());
}

pub fn without_a_script_the_login_goes_on_without_the_fragment<W: World>() {
    let mut world = W::open(preserving());
    let mut browser = Browser::default();
    let page = browser.open(&mut world, ADDRESS);
    let page = asked_by_the_provider(&mut browser, &mut world, page.leads_on(Scripts::Off));
    page.shows("/app?x=1");
    assert_eq!(page.fragment, None);
    let page = browser.open(&mut world, "/app");
    page.shows("/app");
}

pub fn only_a_person_who_opens_a_page_is_asked_for_a_fragment<W: World>() {
    let mut world = W::open(preserving());
    world.send(Request::navigation("/app").set(":method", "HEAD")).refused_with(302);
    world.send(Request::fetch("/app")).refused_with(401);
    world.send(Request::form("/app", &[], "same-origin")).refused_with(401);
    world.send(Request::navigation("/app").with("sec-purpose", "prefetch")).refused_with(401);
    world.send(Request::navigation("/oauth2/login?return_to=%2Fapp")).refused_with(302);
}

pub fn a_refusal_passes_the_fragment_on_to_the_next_try<W: World>() {
    let mut world = W::open(Setup::default());
    world.provider().authorization =
        Authorization::Error { code: "access_denied".to_owned(), description: String::new() };
    let mut browser = Browser::default();
    let refused = browser.open(&mut world, ADDRESS);
    refused.exchange.refused_with(400);
    world.provider().authorization = Authorization::Granted;
    let page = asked_by_the_provider(&mut browser, &mut world, refused.click("Try again", Scripts::Run));
    page.shows("/app?x=1");
    assert_eq!(page.fragment.as_deref(), FRAGMENT);
    let mut browser = Browser::default();
    let page = asked_by_the_provider(&mut browser, &mut world, refused.click("Try again", Scripts::Off));
    page.shows("/app?x=1");
}

pub fn a_login_that_fails_still_knows_its_fragment<W: World>() {
    let mut world = W::open(preserving());
    let mut browser = Browser::default();
    let page = browser.open(&mut world, ADDRESS);
    world.provider().authorization =
        Authorization::Error { code: "access_denied".to_owned(), description: String::new() };
    let refused = asked_by_the_provider(&mut browser, &mut world, page.leads_on(Scripts::Run));
    refused.exchange.refused_with(400);
    world.provider().authorization = Authorization::Granted;
    let page = asked_by_the_provider(&mut browser, &mut world, refused.click("Try again", Scripts::Off));
    page.shows("/app?x=1");
    assert_eq!(page.fragment.as_deref(), FRAGMENT);
}

pub fn strict_sessions_keep_the_fragment_as_well<W: World>() {
    for (setup, by_hand) in [(preserving(), true), (Setup::default(), false)] {
        let mut world = W::open(setup.session("same_site", "strict"));
        let mut browser = Browser::default();
        let mut page = browser.open(&mut world, ADDRESS);
        if by_hand {
            page = asked_by_the_provider(&mut browser, &mut world, page.leads_on(Scripts::Run));
        }
        let page = browser.follow(&mut world, page.leads_on(Scripts::Run));
        page.shows("/app?x=1");
        assert_eq!(page.fragment.as_deref(), FRAGMENT);
    }
}

pub fn no_fragment_leads_to_another_origin_or_into_the_headers<W: World>() {
    let mut world = W::open(Setup::default());
    let long = "a".repeat(3_000);
    let more = ["\"><script>alert(1)</script>", "a\r\nset-cookie: x=y", "%0d%0aset-cookie:%20x=y", "\0", " ", &long];
    for fragment in HOSTILE_TARGETS.into_iter().chain(more) {
        let query: String = form_urlencoded::byte_serialize(fragment.as_bytes()).collect();
        let mut browser = Browser::default();
        let page = browser.open(&mut world, &format!("/oauth2/login?return_to=%2Fapp%3Fx%3D1&fragment={query}"));
        page.shows("/app?x=1");
        let ours = |address: &&String| address.starts_with(ORIGIN) || address.starts_with(PROVIDER_ORIGIN);
        assert!(page.trail.iter().all(|address| ours(&address)), "{:?}", page.trail);
        let kept = page.fragment.unwrap_or_default();
        assert!(kept.is_empty() || kept == fragment, "{fragment:?} became {kept:?}");
        assert!(kept.len() <= 1024 && !kept.contains(['<', '>', '"', ' ', '\n', '\r']), "{kept:?}");
        let cookies = browser.jar.alive(world.now());
        assert!(cookies.iter().all(|cookie| cookie.name != "x"), "{cookies:?}");
    }
    let mut refused = Browser::default();
    world.provider().authorization =
        Authorization::Error { code: "access_denied".to_owned(), description: String::new() };
    let query: String = form_urlencoded::byte_serialize(b"'><script>alert(1)</script>").collect();
    let page = refused.open(&mut world, &format!("/oauth2/login?return_to=%2F&fragment={query}"));
    assert!(page.exchange.response.runs_nothing_else() && page.address.starts_with(ORIGIN));
    assert!(world.provider().count(Endpoint::Authorize) > 30);
}
