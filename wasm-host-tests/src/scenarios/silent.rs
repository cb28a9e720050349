//! Signing in without being asked (`prompt=none`, OIDC Core 1.0 §3.1.2.1): tried first, and once.

use super::signed_in;
use crate::browser::{Browser, Scripts};
use crate::message::Request;
use crate::provider::{Authorization, Endpoint};
use crate::setup::Setup;
use crate::world::World;

fn silent() -> Setup {
    Setup::default().session("silent", true)
}

/// What the provider was told it may ask, login by login.
fn prompts<W: World>(world: &mut W) -> Vec<Option<String>> {
    let provider = world.provider();
    let logins = provider.log.iter().filter(|(endpoint, _)| *endpoint == Endpoint::Authorize);
    logins.map(|(_, request)| request.query("prompt")).collect()
}

fn none() -> Option<String> {
    Some("none".to_owned())
}

pub fn whom_the_provider_knows_is_not_asked<W: World>() {
    let mut world = W::open(silent());
    let mut browser = Browser::default();
    browser.open(&mut world, "/target?x=1").shows("/target?x=1");
    assert_eq!(prompts(&mut world), [none()]);
    assert_eq!(world.provider().complaints, Vec::<String>::new());
}

pub fn whom_the_provider_does_not_know_is_asked<W: World>() {
    for code in ["login_required", "interaction_required", "consent_required", "account_selection_required"] {
        let mut world = W::open(silent());
        world.provider().authorization = Authorization::NeedsTheUser(code.to_owned());
        let mut browser = Browser::default();
        let page = browser.open(&mut world, "/target?x=1#there");
        page.shows("/target?x=1");
        assert_eq!(page.fragment.as_deref(), Some("there"));
        assert_eq!(prompts(&mut world), [none(), None], "{code}");
        assert_eq!(browser.jar.rejected, Vec::<String>::new());
    }
}

pub fn a_person_is_asked_once_whatever_the_provider_answers<W: World>() {
    let mut world = W::open(silent());
    world.provider().authorization =
        Authorization::Error { code: "login_required".to_owned(), description: String::new() };
    let page = Browser::default().open(&mut world, "/target");
    page.exchange.refused_with(400).because_of("authorization.login_required");
    assert_eq!(prompts(&mut world), [none(), None]);
}

pub fn another_error_of_a_silent_login_is_a_page<W: World>() {
    let mut world = W::open(silent());
    world.provider().authorization =
        Authorization::Error { code: "access_denied".to_owned(), description: String::new() };
    let mut browser = Browser::default();
    let page = browser.open(&mut world, "/target");
    page.exchange.refused_with(400).because_of("authorization.access_denied");
    assert_eq!(prompts(&mut world), [none()]);
    world.provider().authorization = Authorization::Granted;
    browser.follow(&mut world, page.click("Try again", Scripts::Run)).shows("/target");
    assert_eq!(prompts(&mut world), [none(), None], "who clicks wants to be asked");
}

pub fn who_signed_out_is_not_signed_in_behind_their_back<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(silent());
    browser.open(&mut world, "/oauth2/logout?return_to=%2Fpublic");
    browser.open_until_callback(&mut world, "/");
    assert_eq!(prompts(&mut world), [none(), None]);
    // That login was abandoned: the person is still signed out.
    let tab = browser.open_until_callback(&mut world, "/");
    assert_eq!(prompts(&mut world), [none(), None, None]);
    browser.follow(&mut world, tab).shows("/");
    // And is now signed in again, until the session is lost.
    browser.jar.cookies_mut().retain(|cookie| cookie.name != "__Host-latchkey");
    browser.open(&mut world, "/").shows("/");
    assert_eq!(prompts(&mut world), [none(), None, None, none()]);
}

pub fn a_silent_login_begins_where_a_login_begins_and_nowhere_else<W: World>() {
    let mut world = W::open(silent());
    world.send(Request::fetch("/api")).refused_with(401);
    world.send(Request::navigation("/").with("sec-purpose", "prefetch")).refused_with(401);
    let asked = world.send(Request::navigation("/oauth2/login"));
    assert!(!asked.refused_with(302).response.location().contains("prompt="), "{}", asked.response.location());
    let pushed = silent().of_provider("pushed_authorization_requests", "always");
    let mut world = W::open(pushed);
    world.provider().authorization = Authorization::NeedsTheUser("login_required".to_owned());
    Browser::default().open(&mut world, "/target").shows("/target");
    assert_eq!(world.provider().count(Endpoint::PushedAuthorization), 2);
}

pub fn the_fragment_and_the_silence_go_together<W: World>() {
    let mut world = W::open(silent().session("preserve_fragment", true));
    let mut browser = Browser::default();
    let page = browser.open(&mut world, "/app#/orders/7");
    let tab = browser.follow_until_callback(&mut world, page.leads_on(Scripts::Run));
    let page = browser.follow(&mut world, tab.after_a_page_of_the_provider());
    page.shows("/app");
    assert_eq!(page.fragment.as_deref(), Some("/orders/7"));
    assert_eq!(prompts(&mut world), [none()]);
}
