//! The way out.

use std::time::Duration;

use serde_json::json;

use super::login::HOSTILE_TARGETS;
use super::{has_session, own_cookies, signed_in};
use crate::browser::Browser;
use crate::message::{ORIGIN, Request, Response};
use crate::provider::{Behaviour, CLIENT_ID, Endpoint};
use crate::setup::Setup;
use crate::world::World;

pub fn signing_out_ends_the_session_here_and_at_the_provider<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(Setup::default());
    let page = browser.open(&mut world, "/oauth2/logout?return_to=%2Fpublic%2Fbye");
    page.shows("/public/bye?state=latchkey-signed-out");
    assert!(page.passed_provider());
    let request = world.provider().last(Endpoint::EndSession).cloned().expect("the provider was told");
    let identified =
        request.query("client_id").as_deref() == Some(CLIENT_ID) || request.query("id_token_hint").is_some();
    assert!(identified, "{}", request.target());
    assert!(own_cookies(&browser, &world).is_empty(), "{:?}", browser.jar);
    assert!(!has_session(&mut browser, &mut world));
}

pub fn signing_out_works_without_an_end_session_endpoint<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(Setup::default().provider(|provider| {
        provider.change_metadata(|document| {
            document.as_object_mut().map(|members| members.remove("end_session_endpoint"));
        });
    }));
    let page = browser.open(&mut world, "/oauth2/logout");
    assert!(!page.passed_provider());
    assert!(page.address.starts_with(ORIGIN) && page.exchange.status() < 500, "{page:?}");
    assert!(!has_session(&mut browser, &mut world));
}

pub fn no_part_of_a_large_session_survives_signing_out<W: World>() {
    let groups: Vec<String> =
        (0..700).map(|number| format!("{:x}", u64::pow(number + 3, 5).wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
    let (mut world, mut browser) = signed_in::<W>(Setup::default().claim("groups", json!(groups)));
    assert!(own_cookies(&browser, &world).len() > 1, "{:?}", own_cookies(&browser, &world));
    browser.open(&mut world, "/oauth2/logout?return_to=%2Fpublic");
    assert!(own_cookies(&browser, &world).is_empty(), "{:?}", own_cookies(&browser, &world));
}

pub fn another_site_cannot_sign_anybody_out<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(Setup::default());
    let navigation = browser.send_from_elsewhere(&mut world, Request::navigation("/oauth2/logout"));
    navigation.refused_with(403);
    let image = Request::get("/oauth2/logout").with("sec-fetch-mode", "no-cors");
    browser.send_from_elsewhere(&mut world, image);
    browser.send_from_elsewhere(
        &mut world,
        Request::form("/oauth2/logout", &[], "cross-site").with("origin", "https://evil.example"),
    );
    assert!(has_session(&mut browser, &mut world));
}

pub fn a_sibling_site_cannot_sign_anybody_out<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(Setup::default());
    let request = Request::navigation("/oauth2/logout").set("sec-fetch-site", "same-site");
    browser.send(&mut world, request).refused_with(403);
    assert!(has_session(&mut browser, &mut world));
}

pub fn a_form_of_the_application_signs_out<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(Setup::default());
    let exchange = browser.send(&mut world, Request::form("/oauth2/logout", &[], "same-origin").with("origin", ORIGIN));
    assert_eq!(exchange.status(), 302, "{exchange:?}");
    assert!(!has_session(&mut browser, &mut world));
}

pub fn signing_out_twice_is_no_error<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(Setup::default());
    browser.open(&mut world, "/oauth2/logout?return_to=%2Fpublic");
    let again = browser.open(&mut world, "/oauth2/logout?return_to=%2Fpublic");
    assert!(again.exchange.status() < 400, "{again:?}");
}

pub fn signing_out_leads_to_no_other_origin<W: World>() {
    let (mut world, browser) = signed_in::<W>(Setup::default().provider(|provider| {
        provider.change_metadata(|document| {
            document.as_object_mut().map(|members| members.remove("end_session_endpoint"));
        });
    }));
    for target in HOSTILE_TARGETS {
        let query: String = form_urlencoded::byte_serialize(target.as_bytes()).collect();
        let request = Request::navigation(&format!("/oauth2/logout?return_to={query}"));
        let location = browser.clone().send(&mut world, request).response.location().to_owned();
        let base = url::Url::parse(ORIGIN).expect("a URL");
        let led = base.join(&location).expect("a Location is a URL");
        assert_eq!(led.origin(), base.origin(), "{target:?} led to {location}");
    }
}

pub fn the_provider_is_given_no_hostile_address<W: World>() {
    let (mut world, browser) = signed_in::<W>(Setup::default());
    for target in HOSTILE_TARGETS {
        let query: String = form_urlencoded::byte_serialize(target.as_bytes()).collect();
        browser.clone().open(&mut world, &format!("/oauth2/logout?return_to={query}"));
        let request = world.provider().last(Endpoint::EndSession).cloned().expect("the provider was told");
        let after = request.query("post_logout_redirect_uri").unwrap_or_else(|| ORIGIN.to_owned());
        let led = url::Url::parse(&after).expect("a URL");
        assert_eq!(led.origin(), url::Url::parse(ORIGIN).expect("a URL").origin(), "{target:?}: {after}");
    }
}

pub fn signing_out_works_while_the_provider_is_down<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(Setup::default());
    world.provider().behave_everywhere(&Behaviour::Reset);
    world.restart();
    let exchange = browser.send(&mut world, Request::navigation("/oauth2/logout"));
    assert!([200, 302].contains(&exchange.status()), "{exchange:?}");
    assert!(!has_session(&mut browser, &mut world));
}

/// How soon every worker knows what one of them has ended.
const EVERYWHERE: Duration = Duration::from_millis(100);

pub fn a_cookie_copied_before_the_logout_does_not_work_after_it<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(Setup::default().in_vms(3));
    let copy = browser.clone();
    for _ in 0..3 {
        assert!(has_session(&mut copy.clone(), &mut world), "every worker has seen it");
    }
    browser.send(&mut world, Request::navigation("/oauth2/logout"));
    world.advance(EVERYWHERE);
    for _ in 0..3 {
        copy.clone().send(&mut world, Request::navigation("/private")).refused_with(302);
        assert!(!has_session(&mut copy.clone(), &mut world));
    }
}

pub fn signing_out_leaves_the_persons_other_browser_alone<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(Setup::default());
    let mut other = Browser::default();
    other.open(&mut world, "/").shows("/");
    browser.send(&mut world, Request::navigation("/oauth2/logout"));
    world.advance(EVERYWHERE);
    assert!(has_session(&mut other, &mut world) && !has_session(&mut browser, &mut world));
}

pub fn who_comes_back_signed_out_is_not_signed_in_again<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(Setup::default());
    let page = browser.open(&mut world, "/oauth2/logout");
    assert_eq!(page.exchange.refused_with(200).response.header("cache-control"), Some("no-store"));
    let html = page.exchange.response.text();
    assert!(html.contains("You are signed out") && html.contains("/oauth2/login?return_to=%2F\""), "{html}");
    assert_eq!(world.provider().count(Endpoint::Authorize), 1);
    browser.open(&mut world, "/oauth2/login?return_to=%2F").shows("/");
    // Who is signed in has no use for that page, wherever the address comes from.
    browser.open(&mut world, "/?state=latchkey-signed-out").shows("/?state=latchkey-signed-out");
}

pub fn a_logout_survives_a_state_that_changed_or_got_lost<W: World>() {
    for back in ["/", "/?state=", "/?state=of-somebody-else"] {
        let (mut world, mut browser) = signed_in::<W>(Setup::default());
        let answer = Behaviour::Answer(Response::redirect(&format!("{ORIGIN}{back}")));
        world.provider().behave(Endpoint::EndSession, answer);
        let copy = browser.clone();
        browser.open(&mut world, "/oauth2/logout").shows(back);
        assert!(!has_session(&mut copy.clone(), &mut world));
    }
}

pub fn the_provider_is_shown_the_id_token_that_was_kept_for_it<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(Setup::default().of_provider("id_token_hint", true));
    browser.open(&mut world, "/oauth2/logout");
    let request = world.provider().last(Endpoint::EndSession).cloned().expect("the provider was told");
    let hint = request.query("id_token_hint").expect("a hint");
    assert_eq!(hint.split('.').count(), 3, "{hint}");
    assert!(request.query("state").is_some_and(|state| !state.is_empty()));
    assert_eq!(request.query("post_logout_redirect_uri").as_deref(), Some("https://portal.example.org/"));

    let (mut world, mut browser) = signed_in::<W>(Setup::default());
    browser.open(&mut world, "/oauth2/logout");
    let request = world.provider().last(Endpoint::EndSession).cloned().expect("the provider was told");
    assert_eq!(request.query("id_token_hint"), None);
}

pub fn signing_out_leaves_no_cookie_of_a_login_behind<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(Setup::default());
    browser.send(&mut world, Request::navigation("/oauth2/login"));
    assert_eq!(own_cookies(&browser, &world).len(), 2, "{:?}", own_cookies(&browser, &world));
    browser.send(&mut world, Request::navigation("/oauth2/logout"));
    assert!(own_cookies(&browser, &world).is_empty(), "{:?}", own_cookies(&browser, &world));
}
