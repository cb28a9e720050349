//! Applications inside pages of other sites.

use super::own_cookies;
use crate::browser::{Browser, Tab};
use crate::message::{Request, Response};
use crate::setup::Setup;
use crate::world::World;

fn embedded() -> Setup {
    Setup::default().session("same_site", "none").session("partitioned", true)
}

/// Every cookie of ours in an answer, deletions included.
#[track_caller]
fn all_for_frames(response: &Response) {
    let lines = response.set_cookies();
    let ours: Vec<_> = lines.iter().filter(|line| line.starts_with("__Host-latchkey")).collect();
    assert!(!ours.is_empty(), "no cookie of ours: {lines:?}");
    for line in ours {
        assert!(line.ends_with("; HttpOnly; SameSite=None; Secure; Partitioned"), "{line}");
    }
}

pub fn a_person_signs_in_inside_a_page_of_another_site<W: World>() {
    for setup in [embedded(), embedded().session("silent", true)] {
        let mut world = W::open(setup);
        let mut browser = Browser::default();
        let page = browser.follow(&mut world, Tab::in_frame_elsewhere("/widget?x=1"));
        assert_eq!(page.shows("/widget?x=1").header("x-auth-subject"), Some("ada"));
        let kept_back: Vec<_> = browser.jar.rejected.iter().filter(|line| line.contains("latchkey")).collect();
        assert_eq!(kept_back, Vec::<&String>::new());
        let again = browser.follow(&mut world, Tab::in_frame_elsewhere("/widget"));
        again.shows("/widget");
        assert!(!again.passed_provider());
    }
}

pub fn every_cookie_of_an_embedded_application_says_so<W: World>() {
    let mut world = W::open(embedded());
    let mut browser = Browser::default();
    let begun = world.send(Request::navigation("/"));
    all_for_frames(&begun.response);
    let tab = browser.open_until_callback(&mut world, "/");
    let callback = browser.with_cookies(tab.next, crate::jar::Initiator::CrossSiteNavigation, &world);
    all_for_frames(&world.send(callback).response);
    let mut browser = Browser::default();
    browser.open(&mut world, "/").shows("/");
    let signed_out = browser.send(&mut world, Request::navigation("/oauth2/logout?return_to=%2Fpublic"));
    all_for_frames(&signed_out.response);
    assert!(own_cookies(&browser, &world).is_empty(), "{:?}", browser.jar);
}

pub fn a_frame_whose_cookies_are_withheld_is_told_so<W: World>() {
    for (same_site, asks_for_fragments) in [("lax", false), ("strict", false), ("lax", true)] {
        let setup = Setup::default().session("same_site", same_site).session("preserve_fragment", asks_for_fragments);
        let mut world = W::open(setup);
        let mut browser = Browser::default();
        let page = browser.follow(&mut world, Tab::in_frame_elsewhere("/widget"));
        page.exchange.refused_with(400).because_of("login.embedded");
        let policy = page.exchange.response.header("content-security-policy").unwrap_or_default();
        assert!(!policy.contains("frame-ancestors"), "it has to be seen inside the frame: {policy}");
        assert!(world.log().iter().any(|line| line.contains("session.same_site: none")), "{:?}", world.log());
        assert!(!page.passed_provider());
    }
}

/// A frame of the same site: the cookies of `Lax` follow.
pub fn a_frame_of_the_same_site_signs_in_as_a_window_does<W: World>() {
    let mut world = W::open(Setup::default());
    let mut browser = Browser::default();
    let next = Request::navigation("/widget").set("sec-fetch-dest", "iframe").set("sec-fetch-site", "same-site");
    browser.follow(&mut world, Tab::sending(next)).shows("/widget");
}

pub fn no_page_with_a_button_is_shown_inside_others<W: World>() {
    let mut world = W::open(embedded());
    let mut browser = Browser::default();
    browser.open(&mut world, "/").shows("/");
    let refused = browser.open(&mut world, "/board").exchange;
    refused.refused_with(403);
    let policy = refused.response.header("content-security-policy").unwrap_or_default();
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
}
