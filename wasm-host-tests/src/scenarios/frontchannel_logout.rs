//! The provider signs people out by a frame in their browsers.

use std::time::Duration;

use super::signed_in;
use crate::browser::Browser;
use crate::jar::Initiator;
use crate::message::{Request, Response};
use crate::provider::{ISSUER, PROVIDER_ORIGIN};
use crate::setup::Setup;
use crate::world::World;

/// How soon every worker knows what one of them has ended.
const EVERYWHERE: Duration = Duration::from_millis(100);

/// Sessions that browsers send along in frames of other sites.
fn embedded() -> Setup {
    Setup::default().session("same_site", "none")
}

fn path(iss: &str, sid: Option<&str>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("iss", iss);
    sid.map(|sid| query.append_pair("sid", sid));
    format!("/oauth2/frontchannel-logout?{}", query.finish())
}

/// What a frame in a page of the provider loads.
fn framed<W: World>(browser: &Browser, world: &mut W, path: &str) -> Response {
    let request = Request::navigation(path).set("sec-fetch-site", "cross-site").set("sec-fetch-dest", "iframe");
    let request = browser.with_cookies(request.without("sec-fetch-user"), Initiator::CrossSite, world);
    let exchange = world.send(request);
    exchange.refused_with(200);
    world.advance(EVERYWHERE);
    exchange.response
}

fn alive<W: World>(browser: &Browser, world: &mut W) -> bool {
    super::has_session(&mut browser.clone(), world)
}

pub fn a_frame_of_the_provider_ends_the_session_everywhere<W: World>() {
    let (mut world, browser) = signed_in::<W>(embedded().claim("sid", "s1").in_vms(2));
    let cleared = framed(&browser, &mut world, &path(ISSUER, Some("s1")));
    assert!(cleared.set_cookies().iter().any(|line| line.contains("Max-Age=0")), "{:?}", cleared.set_cookies());
    for _ in 0..2 {
        assert!(!alive(&browser, &mut world));
    }
}

pub fn without_a_session_id_the_issuer_is_enough_in_a_frame<W: World>() {
    let (mut world, browser) = signed_in::<W>(embedded());
    framed(&browser, &mut world, &path(ISSUER, None));
    assert!(!alive(&browser, &mut world));
}

pub fn what_means_another_session_ends_nothing<W: World>() {
    let (mut world, browser) = signed_in::<W>(embedded().claim("sid", "s1").in_vms(2));
    for path in [
        path(ISSUER, Some("s2")),
        path(ISSUER, Some("")),
        path(ISSUER, None),
        path("https://login.evil.test", Some("s1")),
        "/oauth2/frontchannel-logout?sid=s1".to_owned(),
        "/oauth2/frontchannel-logout".to_owned(),
        format!("{}&sid=s2", path(ISSUER, Some("s1"))),
    ] {
        let answer = framed(&browser, &mut world, &path);
        assert!(answer.set_cookies().is_empty(), "{path}");
        assert!(alive(&browser, &mut world), "{path}");
    }
}

pub fn a_link_on_another_site_signs_nobody_out<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(Setup::default());
    browser.send_from_elsewhere(&mut world, Request::navigation(&path(ISSUER, None))).refused_with(200);
    world.advance(EVERYWHERE);
    assert!(alive(&browser, &mut world));
}

/// Browsers withhold `SameSite=Lax` cookies in other sites' frames: nothing can be ended, and nothing is.
pub fn a_frame_without_cookies_ends_nothing<W: World>() {
    let (mut world, browser) = signed_in::<W>(Setup::default().claim("sid", "s1"));
    framed(&browser, &mut world, &path(ISSUER, Some("s1")));
    assert!(alive(&browser, &mut world));
}

pub fn the_answer_is_the_same_with_and_without_a_session<W: World>() {
    let (mut world, browser) = signed_in::<W>(embedded().claim("sid", "s1"));
    let without = framed(&Browser::default(), &mut world, &path(ISSUER, Some("s1")));
    let with = framed(&browser, &mut world, &path(ISSUER, Some("s1")));
    let told = |response: &Response| {
        let names = ["content-type", "cache-control", "content-security-policy", "x-content-type-options"];
        (response.body.clone(), names.map(|name| response.header(name).map(str::to_owned)))
    };
    assert_eq!(told(&without), told(&with));
}

pub fn the_provider_may_show_it_in_a_frame_and_nobody_else<W: World>() {
    let (mut world, browser) = signed_in::<W>(Setup::default());
    let answer = framed(&browser, &mut world, &path(ISSUER, None));
    let policy = answer.header("content-security-policy").unwrap_or_default();
    assert!(policy.contains("default-src 'none'"), "{policy}");
    assert!(policy.ends_with(&format!("frame-ancestors {PROVIDER_ORIGIN}")), "{policy}");
    assert_eq!((answer.header("x-frame-options"), answer.header("cache-control")), (None, Some("no-store")));
    let posted = world.send(Request::new("POST", &path(ISSUER, None)));
    assert_eq!(posted.refused_with(405).response.header("allow"), Some("GET"));
}
