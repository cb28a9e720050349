//! The way to a session.

use std::time::Duration;

use serde_json::json;

use super::{SESSION_COOKIE, has_session, own_cookies, signed_in};
use crate::browser::{Browser, Tab};
use crate::message::{ORIGIN, Request};
use crate::provider::{Endpoint, ISSUER};
use crate::setup::Setup;
use crate::world::World;

pub fn a_person_signs_in_and_comes_back_to_path_and_query<W: World>() {
    let mut world = W::open(Setup::default());
    let mut browser = Browser::default();
    let page = browser.open(&mut world, "/reports/2024?page=2&q=a%20b&q=%C3%A4");
    let upstream = page.shows("/reports/2024?page=2&q=a%20b&q=%C3%A4");
    assert_eq!(upstream.header("x-auth-subject"), Some("ada"));
    assert_eq!(upstream.header("x-auth-email"), Some("ada@example.org"));
    assert_eq!(upstream.header("x-auth-groups"), Some("finance,staff"));
    assert!(page.passed_provider());
    assert_eq!(page.exchange.response.text(), "hello from the application");
    assert_eq!(world.provider().complaints, Vec::<String>::new());
    assert_eq!(world.provider().count(Endpoint::Token), 1);
    assert_eq!(browser.jar.rejected, Vec::<String>::new());
}

pub fn who_is_signed_in_is_not_asked_again<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(Setup::default());
    let page = browser.open(&mut world, "/other");
    page.shows("/other");
    assert!(!page.passed_provider());
}

pub fn the_redirect_to_the_provider_is_not_cached<W: World>() {
    let mut world = W::open(Setup::default());
    let exchange = world.send(Request::navigation("/"));
    exchange.refused_with(302);
    assert_eq!(exchange.response.header("cache-control"), Some("no-store"));
    assert!(exchange.response.location().starts_with(&format!("{ISSUER}/authorize?")), "{:?}", exchange.response);
}

pub fn a_head_request_of_a_browser_starts_a_login<W: World>() {
    let mut world = W::open(Setup::default());
    let exchange = world.send(Request::navigation("/").set(":method", "HEAD"));
    exchange.refused_with(302);
}

pub fn three_tabs_sign_in_at_once<W: World>() {
    let mut world = W::open(Setup::default());
    let mut browser = Browser::default();
    let tabs = ["/one?a=1", "/two?b=2", "/three?c=3"].map(|path| (path, browser.open_until_callback(&mut world, path)));
    for (path, tab) in tabs {
        browser.follow(&mut world, tab).shows(path);
    }
    assert_eq!(world.provider().complaints, Vec::<String>::new());
}

/// How long a browser remembers that a login went well.
const LONGEST: Duration = Duration::from_secs(60);

pub fn abandoned_logins_leave_nothing_behind<W: World>() {
    let mut world = W::open(Setup::default());
    let mut browser = Browser::default();
    for number in 0..12 {
        browser.open_until_callback(&mut world, &format!("/{number}"));
    }
    assert_eq!(own_cookies(&browser, &world).len(), 1, "{:?}", browser.jar);
    browser.open(&mut world, "/").shows("/");
    // Beside the session: how often it went well, for a minute, and no identifier that could have been planted.
    let left = browser.jar.alive(world.now());
    let of_logins: Vec<_> = left.iter().filter(|cookie| cookie.name.ends_with("-login")).collect();
    assert!(of_logins.iter().all(|cookie| cookie.value == "1."), "{left:?}");
    assert!(of_logins.iter().all(|cookie| cookie.expires.is_some_and(|end| end <= world.now() + LONGEST)), "{left:?}");
    assert_eq!(left.iter().filter(|cookie| cookie.name.starts_with(SESSION_COOKIE)).count(), 1 + of_logins.len());
}

pub fn the_login_cookie_is_short_lived_and_for_us_alone<W: World>() {
    let mut world = W::open(Setup::default());
    let response = world.send(Request::navigation("/")).response;
    let [line] = response.set_cookies()[..] else { panic!("one cookie: {response:?}") };
    for attribute in ["HttpOnly", "Secure", "Path=/", "Max-Age="] {
        assert!(line.contains(attribute), "{attribute} in {line}");
    }
    assert!(line.starts_with("__Host-"), "{line}");
}

pub fn a_login_goes_on_at_another_replica<W: World>() {
    let mut world = W::open(Setup::default());
    let mut browser = Browser::default();
    let tab = browser.open_until_callback(&mut world, "/kept?x=1");
    world.restart();
    browser.follow(&mut world, tab).shows("/kept?x=1");
}

pub fn a_late_callback_with_a_live_session_goes_to_its_target<W: World>() {
    let mut world = W::open(Setup::default());
    let mut browser = Browser::default();
    let tab = browser.open_until_callback(&mut world, "/first?x=1");
    world.advance(Duration::from_secs(3 * 3600));
    browser.open(&mut world, "/second").shows("/second");
    browser.follow(&mut world, tab).shows("/first?x=1");
}

pub fn a_late_callback_without_a_session_offers_another_try<W: World>() {
    let mut world = W::open(Setup::default());
    let mut browser = Browser::default();
    let tab = browser.open_until_callback(&mut world, "/first?x=1");
    world.advance(Duration::from_secs(3 * 3600));
    let page = browser.follow(&mut world, tab);
    page.exchange.refused_with(400);
    let text = page.exchange.response.text();
    assert!(text.contains("/oauth2/login?"), "{text}");
    assert!(text.contains("first"), "the way to try again leads to the target: {text}");
}

pub fn a_repeated_callback_with_a_live_session_goes_to_its_target<W: World>() {
    let mut world = W::open(Setup::default());
    let mut browser = Browser::default();
    let tab = browser.open_until_callback(&mut world, "/target?x=1");
    browser.follow(&mut world, tab.clone()).shows("/target?x=1");
    let again = browser.follow(&mut world, tab);
    again.shows("/target?x=1");
    assert_eq!(world.provider().count(Endpoint::Token), 1, "the code is not sent twice");
}

pub fn a_repeated_callback_without_a_session_is_a_page<W: World>() {
    let mut world = W::open(Setup::default());
    let mut browser = Browser::default();
    let tab = browser.open_until_callback(&mut world, "/target");
    browser.follow(&mut world, tab.clone()).shows("/target");
    browser.jar = Default::default();
    let page = browser.follow(&mut world, tab);
    page.exchange.refused_with(400);
    assert!(page.exchange.response.header("content-type").is_some_and(|kind| kind.starts_with("text/html")));
    assert!(!has_session(&mut browser, &mut world));
}

pub fn two_identical_callbacks_at_once_end_in_one_session<W: World>() {
    let mut world = W::open(Setup::default());
    let mut browser = Browser::default();
    let tab = browser.open_until_callback(&mut world, "/target");
    let request = browser.with_cookies(tab.next, crate::jar::Initiator::CrossSiteNavigation, &world);
    let (first, second) = (world.start(request.clone()), world.start(request));
    let (first, second) = (world.finish(first), world.finish(second));
    let signed_in = [&first, &second].into_iter().filter(|exchange| exchange.status() == 302);
    assert_eq!(signed_in.count(), 1, "{first:?} {second:?}");
    assert!(first.upstream.is_none() && second.upstream.is_none());
}

pub fn a_callback_from_another_browser_is_refused<W: World>() {
    let mut world = W::open(Setup::default());
    let tab = Browser::default().open_until_callback(&mut world, "/");
    let mut victim = Browser::default();
    let page = victim.follow(&mut world, tab.clone());
    page.exchange.refused_with(400).because_of("login.another_browser");
    victim.open_until_callback(&mut world, "/");
    victim.follow(&mut world, tab).exchange.refused_with(400).because_of("login.another_browser");
    assert_eq!(world.provider().count(Endpoint::Token), 0);
    assert!(!has_session(&mut victim, &mut world));
}

/// Tabs that a new browser opens at the same moment all get a cookie, and the last one stays.
pub fn a_login_whose_cookie_another_tab_replaced_begins_again_once<W: World>() {
    let mut world = W::open(Setup::default());
    let mut browser = Browser::default();
    let replaced = browser.open_until_callback(&mut world, "/first?x=1");
    browser.jar = Default::default();
    browser.open_until_callback(&mut world, "/second");

    let page = browser.follow(&mut world, replaced);
    page.exchange.refused_with(400).because_of("login.another_browser");
    let again = refresh_of(&page.exchange.response.text()).expect("the page leads on by itself");
    let repeated = browser.open_until_callback(&mut world, &again);
    let mut other = Browser::default();
    other.open_until_callback(&mut world, "/third");
    let page = other.follow(&mut world, repeated.clone());
    page.exchange.refused_with(400).because_of("login.another_browser");
    assert_eq!(refresh_of(&page.exchange.response.text()), None, "once is enough");

    browser.follow(&mut world, repeated).shows("/first?x=1");
    assert_eq!(world.provider().count(Endpoint::Token), 1, "no code of another login was sent");
}

fn refresh_of(page: &str) -> Option<String> {
    let (_, rest) = page.split_once(r#"http-equiv="refresh" content="0;url="#)?;
    Some(rest.split_once('"')?.0.replace("&amp;", "&"))
}

pub fn the_login_endpoint_leads_to_return_to<W: World>() {
    let mut world = W::open(Setup::default());
    let mut browser = Browser::default();
    browser.open(&mut world, "/oauth2/login?return_to=%2Fa%2Fb%3Fc%3Dd%26e").shows("/a/b?c=d&e");
    assert!(world.provider().count(Endpoint::Authorize) == 1);
}

pub fn the_login_endpoint_passes_the_hint_on<W: World>() {
    let mut world = W::open(Setup::default());
    let exchange = world.send(Request::navigation("/oauth2/login?login_hint=ada%40example.org&provider=corp"));
    exchange.refused_with(302);
    assert!(exchange.response.location().contains("login_hint=ada%40example.org"), "{}", exchange.response.location());
    world.send(Request::navigation("/oauth2/login?provider=nobody")).refused_with(400);
}

/// Redirects: one corpus for every parameter that becomes a `Location` (see the advisories named in the threat model).
pub const HOSTILE_TARGETS: [&str; 30] = [
    "https://evil.example/",
    "//evil.example/",
    "///evil.example",
    "////evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "\\/evil.example",
    "/\t/evil.example",
    "\t//evil.example",
    "/\n/evil.example",
    "/\r\nset-cookie: a=b",
    "/%0d%0aset-cookie:%20a=b",
    " //evil.example",
    "/ /evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https:///evil.example",
    "https://portal.example.org@evil.example/",
    "https://portal.example.org.evil.example/",
    "https://portal.example.org:8443/",
    "http://portal.example.org/",
    "https://evil.example\\@portal.example.org/",
    "https://evil.example#@portal.example.org/",
    "https://portal。example.org/",
    "javascript:alert(1)",
    "data:text/html,x",
    "/%09/evil.example",
    "/.//evil.example",
    "/..//evil.example",
    "/a/..//evil.example",
];

pub fn no_return_target_leads_to_another_origin<W: World>() {
    let mut world = W::open(Setup::default());
    for target in HOSTILE_TARGETS {
        let query: String = form_urlencoded::byte_serialize(target.as_bytes()).collect();
        let mut browser = Browser::default();
        let page = browser.open(&mut world, &format!("/oauth2/login?return_to={query}"));
        assert!(page.address.starts_with(&format!("{ORIGIN}/")), "{target:?} led to {}", page.address);
        let foreign = page
            .trail
            .iter()
            .any(|address| address.contains("evil") && !address.starts_with(ORIGIN) && !address.starts_with(ISSUER));
        assert!(!foreign, "{target:?}: {:?}", page.trail);
    }
}

pub fn a_form_post_callback_signs_in<W: World>() {
    let parameters = json!({"response_mode": "form_post"});
    let mut world = W::open(Setup::default().of_provider("authorization_parameters", parameters));
    let mut browser = Browser::default();
    browser.open(&mut world, "/reports?x=1").shows("/reports?x=1");
    let callbacks = world.provider().complaints.clone();
    assert_eq!(callbacks, Vec::<String>::new());
}

pub fn a_client_may_send_its_secret_in_the_body<W: World>() {
    let setup = Setup::default().of_provider("token_endpoint_auth_method", "client_secret_post");
    let setup = setup.provider(|provider| provider.client_authentication = "client_secret_post");
    let (mut world, _) = signed_in::<W>(setup);
    assert_eq!(world.provider().complaints, Vec::<String>::new());
}

pub fn a_public_client_signs_in_without_a_secret<W: World>() {
    let setup =
        Setup::default().of_provider("token_endpoint_auth_method", "none").without_provider_key("client_secret");
    let setup = setup.provider(|provider| provider.client_authentication = "none");
    let (mut world, _) = signed_in::<W>(setup);
    assert_eq!(world.provider().complaints, Vec::<String>::new());
}

pub fn further_authorization_parameters_are_sent<W: World>() {
    let parameters = json!({"prompt": "select_account", "ui_locales": "de en"});
    let mut world = W::open(Setup::default().of_provider("authorization_parameters", parameters));
    let location = world.send(Request::navigation("/")).response.location().to_owned();
    assert!(location.contains("prompt=select_account") && location.contains("ui_locales=de"), "{location}");
}

pub fn a_link_on_another_site_may_start_a_login<W: World>() {
    let mut world = W::open(Setup::default());
    let mut browser = Browser::default();
    browser.follow(&mut world, Tab::from_elsewhere("/linked?x=1")).shows("/linked?x=1");
}
