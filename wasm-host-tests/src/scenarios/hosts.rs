//! One deployment under several hosts, and hosts that are not ours.

use serde_json::json;

use super::signed_in;
use crate::browser::{Browser, Tab};
use crate::message::{AUTHORITY, Request};
use crate::setup::Setup;
use crate::world::World;

const REPORTS: &str = "reports.example.org";

fn two_hosts() -> Setup {
    let urls = json!([format!("https://{AUTHORITY}"), format!("https://{REPORTS}")]);
    Setup::default().top("public_url", urls).provider(|provider| {
        provider.redirect_uris = [AUTHORITY, REPORTS].map(|host| format!("https://{host}/oauth2/callback")).to_vec();
    })
}

pub fn each_host_has_its_own_callback<W: World>() {
    let mut world = W::open(two_hosts());
    let mut browser = Browser::default();
    let page = browser.follow(&mut world, Tab::at(REPORTS, "/x?y=1"));
    page.shows_at(&format!("https://{REPORTS}/x?y=1"));
    assert_eq!(world.provider().complaints, Vec::<String>::new());
}

pub fn a_session_of_one_host_is_none_at_another<W: World>() {
    let (mut world, browser) = signed_in::<W>(two_hosts());
    let cookies = browser.jar.header(AUTHORITY, "/", crate::jar::Initiator::SameSite, world.now()).expect("a session");
    world.send(Request::fetch("/api").with("cookie", &cookies)).forwarded();
    world.send(Request::fetch("/api").set(":authority", REPORTS).with("cookie", &cookies)).refused_with(401);
}

pub fn a_session_for_a_domain_is_one_for_all_its_hosts<W: World>() {
    let setup = two_hosts().session("domain", "example.org").session("cookie", "__Secure-latchkey");
    let (mut world, mut browser) = signed_in::<W>(setup);
    let exchange = browser.send(&mut world, Request::fetch("/api").set(":authority", REPORTS));
    assert_eq!(exchange.forwarded().header("x-auth-subject"), Some("ada"));
    browser.open(&mut world, "/oauth2/logout?return_to=%2Fpublic");
    assert!(super::own_cookies(&browser, &world).is_empty(), "{:?}", browser.jar);
}

pub fn a_login_of_one_host_does_not_end_at_another<W: World>() {
    let mut world = W::open(two_hosts());
    let mut browser = Browser::default();
    let mut tab = browser.open_until_callback(&mut world, "/");
    browser.follow_until_callback(&mut world, Tab::at(REPORTS, "/"));
    tab.next = tab.next.set(":authority", REPORTS);
    browser.follow(&mut world, tab).exchange.refused_with(400);
}

pub fn a_host_that_is_not_ours_never_appears_in_a_redirect<W: World>() {
    let mut world = W::open(Setup::default());
    for host in [
        "evil.example",
        "portal.example.org.evil.example",
        "portal.example.org:8443",
        "evil.example:443",
        "localhost",
        "portal.example.org@evil.example",
    ] {
        let exchange = world.send(Request::navigation("/").set(":authority", host));
        assert!(exchange.upstream.is_none(), "{host}: forwarded");
        assert!(!exchange.response.location().contains("evil"), "{host}: {}", exchange.response.location());
        let refused = world.send(Request::fetch("/api").set(":authority", host));
        assert!(!refused.response.text().contains("evil"), "{host}: {}", refused.response.text());
    }
}

pub fn several_providers_are_offered_on_a_page<W: World>() {
    let mut setup = Setup::default();
    let mut other = setup.document["providers"][0].clone();
    other["name"] = "partners".into();
    other["display_name"] = "Partners & <friends>".into();
    other["issuer"] = "https://login.partners.test".into();
    setup.document["providers"].as_array_mut().expect("a list").push(other);
    let mut world = W::open(setup);
    let mut browser = Browser::default();
    let page = browser.open(&mut world, "/target?x=1");
    assert!(page.exchange.upstream.is_none() && !page.passed_provider());
    let text = page.exchange.response.text();
    assert!(text.contains("Corporate login") && text.contains("Partners &amp; &lt;friends"), "{text}");
    let links: Vec<&str> = text.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let link = links
        .into_iter()
        .find(|link| link.contains("provider=corp"))
        .expect("a link for each provider")
        .replace("&amp;", "&");
    browser.open(&mut world, &link).shows("/target?x=1");
    world.send(Request::fetch("/api")).refused_with(401);
}
