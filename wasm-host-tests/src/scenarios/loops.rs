//! Logins that end well and leave no session: a page that says why, instead of redirects for ever.

use std::time::Duration;

use super::session_cookies::groups_of;
use super::{SESSION_COOKIE, has_session, signed_in};
use crate::browser::{Browser, Page, Scripts, Tab};
use crate::message::{AUTHORITY, Request};
use crate::provider::Endpoint;
use crate::setup::Setup;
use crate::world::World;

/// Opens `/` four times; after each login something happens to the browser.
fn four_times<W: World>(world: &mut W, browser: &mut Browser, mut mishap: impl FnMut(&mut W, &mut Browser)) -> Page {
    for _ in 0..3 {
        browser.open(world, "/").shows("/");
        mishap(world, browser);
    }
    browser.open(world, "/target?x=1")
}

fn lose_session(browser: &mut Browser) {
    browser
        .jar
        .cookies_mut()
        .retain(|cookie| !cookie.name.starts_with(SESSION_COOKIE) || cookie.name.ends_with("-login"));
}

#[track_caller]
fn is_explained<W: World>(page: &Page, world: &W, advice: &str) {
    page.exchange.refused_with(400).because_of("login.loop");
    let text = page.exchange.response.text();
    assert!(text.contains("ookies of this site are blocked") && text.contains("clocks"), "{text}");
    let log = world.log();
    assert!(log.iter().any(|line| line.contains("login.loop") && line.contains(advice)), "{advice} in {log:?}");
}

pub fn a_session_that_never_comes_back_ends_in_a_page<W: World>() {
    let mut world = W::open(Setup::default());
    let mut browser = Browser::default();
    let page = four_times(&mut world, &mut browser, |_, browser| lose_session(browser));
    is_explained(&page, &world, "does not come back");
    assert_eq!(world.provider().count(Endpoint::Authorize), 3);
    browser.follow(&mut world, page.click("Try again", Scripts::Run)).shows("/target?x=1");
    assert!(has_session(&mut browser, &mut world), "who tries again begins anew");
}

/// Another instance with another session key.
pub fn a_session_that_does_not_open_ends_in_a_page<W: World>() {
    let mut world = W::open(Setup::default());
    let mut browser = Browser::default();
    let page = four_times(&mut world, &mut browser, |_, browser| {
        let session = browser.jar.cookies_mut().iter_mut().find(|cookie| cookie.name == SESSION_COOKIE);
        let value = &mut session.expect("a session").value;
        let last = value.pop().expect("a value");
        value.push(if last == 'A' { 'Q' } else { 'A' });
        value.insert_str(20, "AAAA");
    });
    is_explained(&page, &world, "session.keys");
}

/// A proxy in between that drops large cookies.
pub fn a_session_whose_parts_are_missing_ends_in_a_page<W: World>() {
    let mut world = W::open(Setup::default().claim("groups", groups_of(6_000)));
    let mut browser = Browser::default();
    let page = four_times(&mut world, &mut browser, |_, browser| {
        let parts = browser.jar.cookies_mut();
        assert!(parts.iter().any(|cookie| cookie.name == "__Host-latchkey-1"), "a session in one part");
        parts.retain(|cookie| cookie.name != "__Host-latchkey-1");
    });
    is_explained(&page, &world, "some parts");
}

/// An instance whose clock is ahead: by it, sessions of the others have ended.
pub fn a_session_that_has_ended_already_ends_in_a_page<W: World>() {
    let mut world = W::open(Setup::default().session("idle_timeout", "2s"));
    let mut browser = Browser::default();
    let page = four_times(&mut world, &mut browser, |world, _| world.advance(Duration::from_secs(3)));
    is_explained(&page, &world, "clocks of all instances");
}

pub fn a_loop_of_silent_logins_ends_in_a_page_too<W: World>() {
    let setup = Setup::default().session("silent", true).session("same_site", "none");
    let mut world = W::open(setup);
    let mut browser = Browser::default();
    let page = four_times(&mut world, &mut browser, |_, browser| lose_session(browser));
    is_explained(&page, &world, "does not come back");
}

pub fn who_signs_in_and_out_goes_round_in_no_circle<W: World>() {
    let mut world = W::open(Setup::default());
    let mut browser = Browser::default();
    for _ in 0..6 {
        browser.open(&mut world, "/").shows("/");
        browser.open(&mut world, "/oauth2/logout?return_to=%2Fpublic");
    }
    let (mut world, mut browser) = signed_in::<W>(Setup::default());
    for _ in 0..6 {
        // A link to the login although there is a session: no circle either.
        browser.open(&mut world, "/oauth2/login?return_to=%2F").shows("/");
    }
}

pub fn logins_that_are_a_minute_apart_are_no_loop<W: World>() {
    let mut world = W::open(Setup::default());
    let mut browser = Browser::default();
    for _ in 0..6 {
        browser.open(&mut world, "/").shows("/");
        lose_session(&mut browser);
        world.advance(Duration::from_secs(61));
    }
    // Nor are those that take a person a while.
    for _ in 0..6 {
        let begun = browser.send(&mut world, Request::navigation("/"));
        world.advance(Duration::from_secs(90));
        browser.follow(&mut world, Tab::at_provider(begun.response.location())).shows("/");
        lose_session(&mut browser);
    }
}

pub fn what_was_planted_in_the_login_cookie_does_not_outlive_a_login<W: World>() {
    for planted in ["A".repeat(43), format!("out.{}", "A".repeat(43)), format!("2.{}", "A".repeat(43))] {
        let mut world = W::open(Setup::default());
        let mut browser = Browser::default();
        let line = format!("__Host-latchkey-login={planted}; Path=/; Secure; Max-Age=3600");
        browser.jar.take(&line, AUTHORITY, world.now());
        browser.open(&mut world, "/").shows("/");
        let left = browser.jar.alive(world.now());
        assert!(left.iter().all(|cookie| !cookie.value.contains("AAAAAAAA")), "{left:?}");
    }
}

pub fn the_marks_of_logins_open_nothing<W: World>() {
    let mut world = W::open(Setup::default());
    for value in ["1.", "2.", "9.", "out.", "3.AAAA", "99.", "-1.", "out"] {
        let cookie = format!("__Host-latchkey-login={value}");
        world.send(Request::fetch("/api").with("cookie", &cookie)).refused_with(401);
        let exchange = world.send(Request::fetch("/public").with("cookie", &cookie));
        assert_eq!(exchange.forwarded().header("cookie"), None, "the application does not see it");
    }
}

pub fn a_browser_without_cookies_is_told_so<W: World>() {
    let mut world = W::open(Setup::default());
    let tab = Browser::default().open_until_callback(&mut world, "/");
    let page = Browser::default().follow(&mut world, tab);
    page.exchange.refused_with(400).because_of("login.another_browser");
    assert!(page.exchange.response.text().contains("allow cookies"), "{}", page.exchange.response.text());
}

pub fn a_login_over_plain_http_ends_in_a_page_that_says_so<W: World>() {
    let mut setup = Setup::default();
    setup.document.as_object_mut().map(|document| document.remove("public_url"));
    let mut world = W::open(setup);
    let callback_at = |world: &mut W, host: &str| {
        let plain = |path: &str| Request::navigation(path).set(":scheme", "http").set(":authority", host);
        let location = world.send(plain("/")).refused_with(302).response.location().to_owned();
        let (_, state) = location.split_once("&state=").expect("a state");
        let state = state.split('&').next().expect("a value");
        world.send(plain(&format!("/oauth2/callback?code=1&state={state}")))
    };
    // Browsers drop `Secure` cookies there, and take them from their own machine.
    callback_at(&mut world, "portal.example.org").refused_with(400).because_of("login.insecure_scheme");
    assert!(world.log().iter().any(|line| line.contains("x-forwarded-proto")), "{:?}", world.log());
    for host in ["localhost:8080", "127.0.0.1", "app.localhost", "[::1]:8443"] {
        callback_at(&mut world, host).refused_with(400).because_of("login.another_browser");
    }
}

/// Begun over http, redirected to https by the provider: the cookie was dropped on the way.
pub fn a_login_that_began_over_plain_http_is_explained<W: World>() {
    let mut world = W::open(Setup::default());
    let begun = world.send(Request::navigation("/").set(":scheme", "http"));
    let location = begun.refused_with(302).response.location().to_owned();
    let (_, state) = location.split_once("&state=").expect("a state");
    let state = state.split('&').next().expect("a value");
    let callback = Request::navigation(&format!("/oauth2/callback?code=1&state={state}"));
    world.send(callback.clone()).refused_with(400).because_of("login.insecure_scheme");
    // Where something in front ends TLS and does not say so, the scheme says nothing.
    world.send(callback.set(":scheme", "http")).refused_with(400).because_of("login.another_browser");
}
