//! Session cookies: their form, their size, and what happens to those that are not ours.

use serde_json::{Value, json};

use super::{SESSION_COOKIE, has_session, own_cookies, signed_in};
use crate::browser::Browser;
use crate::message::Request;
use crate::setup::Setup;
use crate::simulation::Randomness;
use crate::world::World;

/// A list of group names that no compression makes much smaller than `bytes`.
pub(crate) fn groups_of(bytes: usize) -> Value {
    let mut randomness = Randomness::new(7);
    let name = |random: Vec<u8>| random.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let names: Vec<String> = (0..bytes / 16).map(|_| name(randomness.draw(16))).collect();
    json!(names)
}

fn parts<W: World>(browser: &Browser, world: &W) -> usize {
    own_cookies(browser, world)
        .iter()
        .filter(|name| name.starts_with(SESSION_COOKIE) && !name.contains("login"))
        .count()
}

pub fn the_session_cookie_is_for_this_host_and_not_for_scripts<W: World>() {
    let (world, browser) = signed_in::<W>(Setup::default());
    let cookies = browser.jar.alive(world.now());
    let session = cookies.into_iter().find(|cookie| cookie.name == SESSION_COOKIE).expect("a session cookie");
    assert!(session.secure && session.http_only && session.host_only);
    assert_eq!((session.path.as_str(), session.same_site.as_str()), ("/", "lax"));
}

pub fn a_large_session_is_split_and_works<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(Setup::default().claim("groups", groups_of(6000)));
    assert!(parts(&browser, &world) > 1, "{:?}", own_cookies(&browser, &world));
    assert_eq!(browser.jar.rejected, Vec::<String>::new(), "the browser would not have kept these");
    let exchange = browser.fetch(&mut world, "/api");
    assert!(exchange.forwarded().header("x-auth-groups").is_some_and(|value| value.len() > 10_000));
    let names = exchange.forwarded().all("cookie").concat();
    assert!(!String::from_utf8_lossy(&names).contains("latchkey"), "every part stays out of the backend");
}

pub fn a_session_that_shrinks_leaves_no_part_behind<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(Setup::default().claim("groups", groups_of(6000)));
    world.provider().user["groups"] = json!(["staff"]);
    browser.open(&mut world, "/oauth2/login?return_to=%2Fagain").shows("/again");
    assert_eq!(parts(&browser, &world), 1, "{:?}", own_cookies(&browser, &world));
    assert_eq!(browser.fetch(&mut world, "/api").forwarded().header("x-auth-groups"), Some("staff"));
}

pub fn a_session_that_grows_works<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(Setup::default());
    world.provider().user["groups"] = groups_of(6000);
    browser.open(&mut world, "/oauth2/login?return_to=%2Fagain").shows("/again");
    browser.fetch(&mut world, "/api").forwarded();
}

pub fn a_session_with_a_part_missing_or_mixed_is_none<W: World>() {
    let (mut world, browser) = signed_in::<W>(Setup::default().claim("groups", groups_of(6000)));
    world.provider().user["groups"] = groups_of(6016);
    let mut other = Browser::default();
    other.open(&mut world, "/").shows("/");
    let session = own_cookies(&browser, &world).into_iter().filter(|name| !name.contains("login"));
    for name in session {
        let mut missing = browser.clone();
        missing.jar.cookies_mut().retain(|cookie| cookie.name != name);
        missing.fetch(&mut world, "/api").refused_with(401);
        let mut mixed = browser.clone();
        let foreign = other.jar.alive(world.now()).into_iter().find(|cookie| cookie.name == name).cloned();
        for cookie in mixed.jar.cookies_mut().iter_mut().filter(|cookie| cookie.name == name) {
            cookie.value = foreign.clone().expect("both are split alike").value;
        }
        mixed.fetch(&mut world, "/api").refused_with(401);
    }
}

pub fn a_session_that_is_too_large_is_a_page_that_names_the_largest_claims<W: World>() {
    let mut world = W::open(Setup::default().claim("groups", groups_of(14_000)));
    let mut browser = Browser::default();
    let page = browser.open(&mut world, "/");
    page.exchange.refused_with(500).because_of("session.too_large").because_of("groups");
    assert!(page.trail.len() <= 4, "no loop: {:?}", page.trail);
    assert!(!has_session(&mut browser, &mut world));
}

pub fn fewer_claims_make_a_session_smaller<W: World>() {
    let mut setup = Setup::default().claim("groups", groups_of(14_000)).session("claims", json!(["email"]));
    setup.document["headers"] = json!({"x-auth-subject": "claims.sub"});
    setup.document["rules"] = json!([]);
    let (world, browser) = signed_in::<W>(setup);
    assert_eq!(parts(&browser, &world), 1);
}

pub fn claims_that_nobody_uses_are_not_kept<W: World>() {
    let setup = Setup::default().claim("picture", groups_of(14_000)).claim("address", json!({"street": "x"}));
    let (mut world, mut browser) = signed_in::<W>(setup);
    assert_eq!(parts(&browser, &world), 1);
    let claims = browser.fetch(&mut world, "/oauth2/session").response.document()["claims"].clone();
    assert!(claims.get("picture").is_none() && claims.get("address").is_none(), "{claims}");
    assert_eq!(claims["email"], "ada@example.org");
}

pub fn every_changed_byte_of_a_session_makes_it_none<W: World>() {
    let (mut world, browser) = signed_in::<W>(Setup::default());
    let cookie = browser.jar.alive(world.now()).into_iter().find(|cookie| cookie.name == SESSION_COOKIE).cloned();
    let value = cookie.expect("a session").value;
    let mut answers = Vec::new();
    for place in 0..value.len() {
        let mut bytes = value.clone().into_bytes();
        bytes[place] = if bytes[place] == b'A' { b'g' } else { b'A' };
        let cookie = [format!("{SESSION_COOKIE}=").as_bytes(), &bytes].concat();
        let exchange = world.send(Request::fetch("/api").with("x-request-id", "one for all").with("cookie", cookie));
        exchange.refused_with(401);
        answers.push(exchange.response.body);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "every change gets the same answer");
    world.send(Request::fetch("/api").with("cookie", format!("{SESSION_COOKIE}={value}"))).forwarded();
}

pub fn cookies_that_are_no_session_are_no_session<W: World>() {
    let (mut world, browser) = signed_in::<W>(Setup::default());
    let cookie = browser.jar.alive(world.now()).into_iter().find(|cookie| cookie.name == SESSION_COOKIE).cloned();
    let value = cookie.expect("a session").value;
    let half = &value[..value.len() / 2];
    for header in [
        format!("{SESSION_COOKIE}="),
        SESSION_COOKIE.to_owned(),
        format!("{SESSION_COOKIE}={half}"),
        format!("{SESSION_COOKIE}={value}{value}"),
        format!("{SESSION_COOKIE}={value}=="),
        format!("{SESSION_COOKIE}=99999999.{value}"),
        format!("{SESSION_COOKIE}=99999999"),
        format!("{SESSION_COOKIE}-0=99999999; {SESSION_COOKIE}-1=x; {SESSION_COOKIE}-99999999=x"),
        format!("{SESSION_COOKIE}.0=1; {SESSION_COOKIE}.1=x; {SESSION_COOKIE}_1=x; {SESSION_COOKIE}1=x"),
        format!("{SESSION_COOKIE}=%00%ff; {SESSION_COOKIE}=;;;;=;=="),
        format!("{SESSION_COOKIE}=eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ."),
        format!("latchkey={value}"),
        format!("__Secure-latchkey={value}"),
        format!("__host-latchkey={value}"),
        format!("{SESSION_COOKIE}-login={value}"),
        format!("refresh_token={value}"),
    ] {
        world.send(Request::fetch("/api").with("cookie", &header)).refused_with(401);
        let page = world.send(Request::navigation("/").with("cookie", &header));
        page.refused_with(302);
    }
}

pub fn a_planted_cookie_does_not_hide_the_session<W: World>() {
    let (mut world, browser) = signed_in::<W>(Setup::default());
    let cookie = browser.jar.alive(world.now()).into_iter().find(|cookie| cookie.name == SESSION_COOKIE).cloned();
    let value = cookie.expect("a session").value;
    let header = format!("{SESSION_COOKIE}=planted; theme=dark; {SESSION_COOKIE}={value}");
    world.send(Request::fetch("/api").with("cookie", header)).forwarded();
}

pub fn plain_http_tests_work_with_a_name_without_prefix<W: World>() {
    let setup = Setup::default().session("secure", false).session("cookie", "latchkey");
    let setup = setup.top("public_url", "http://localhost:8080");
    let mut world = W::open(setup);
    let response =
        world.send(Request::navigation("/").set(":scheme", "http").set(":authority", "localhost:8080")).response;
    assert_eq!(response.status, 302);
    assert!(
        response.set_cookies().iter().all(|line| !line.contains("Secure") && !line.starts_with("__")),
        "{response:?}"
    );
}

pub fn a_session_for_a_domain_says_so<W: World>() {
    let setup = Setup::default().session("domain", "example.org").session("cookie", "__Secure-latchkey");
    let mut world = W::open(setup);
    let mut browser = Browser::default();
    browser.open(&mut world, "/").shows("/");
    let session = browser.jar.alive(world.now()).into_iter().find(|cookie| cookie.name == "__Secure-latchkey");
    assert_eq!(session.map(|cookie| (cookie.domain.as_str(), cookie.host_only)), Some(("example.org", false)));
}

pub fn a_strict_session_is_there_after_the_login<W: World>() {
    let mut world = W::open(Setup::default().session("same_site", "strict"));
    let mut browser = Browser::default();
    let page = browser.open(&mut world, "/target?x=1");
    let response = &page.exchange.response;
    assert_eq!(response.status, 200, "browsers keep strict cookies back after a redirect from another site");
    assert!(response.text().contains("/target?x=1"), "{}", response.text());
    assert!(browser.open(&mut world, "/target?x=1").shows("/target?x=1").header("x-auth-subject").is_some());
}

pub fn a_session_for_frames_says_so<W: World>() {
    let setup = Setup::default().session("same_site", "none").session("partitioned", true);
    let mut world = W::open(setup);
    let mut browser = Browser::default();
    let tab = browser.open_until_callback(&mut world, "/");
    let request = browser.with_cookies(tab.next, crate::jar::Initiator::CrossSiteNavigation, &world);
    let response = world.send(request).response;
    let lines = response.set_cookies();
    let session = lines.iter().find(|line| line.starts_with("__Host-latchkey=")).expect("a session");
    assert!(
        session.contains("SameSite=None") && session.contains("Partitioned") && session.contains("Secure"),
        "{session}"
    );
}
