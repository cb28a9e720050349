//! How long a session lasts, and what it depends on.

use std::time::Duration;

use super::{SESSION_COOKIE, has_session, signed_in};
use crate::browser::Browser;
use crate::message::Request;
use crate::provider::Behaviour;
use crate::setup::Setup;
use crate::world::World;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

pub fn any_replica_serves_a_session<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(Setup::default());
    world.restart();
    let exchange = browser.fetch(&mut world, "/api");
    assert_eq!(exchange.forwarded().header("x-auth-email"), Some("ada@example.org"));
}

pub fn a_session_outlives_an_outage_of_the_provider<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(Setup::default());
    world.provider().behave_everywhere(&Behaviour::Reset);
    world.restart();
    browser.fetch(&mut world, "/api").forwarded();
    world.advance(10 * MINUTE);
    browser.fetch(&mut world, "/api").forwarded();
}

pub fn a_session_that_is_not_used_ends<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(Setup::default());
    world.advance(29 * MINUTE);
    assert!(has_session(&mut browser, &mut world));
    world.advance(2 * MINUTE);
    browser.fetch(&mut world, "/api").refused_with(401);
}

pub fn the_idle_timeout_is_inside_the_sealed_value<W: World>() {
    let (mut world, browser) = signed_in::<W>(Setup::default());
    let cookies = browser.jar.header("portal.example.org", "/", crate::jar::Initiator::SameSite, world.now());
    let request = Request::fetch("/api").with("cookie", cookies.expect("a session"));
    world.send(request.clone()).forwarded();
    world.advance(31 * MINUTE);
    world.send(request).refused_with(401);
}

pub fn use_keeps_a_session_alive<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(Setup::default());
    for _ in 0..12 {
        world.advance(20 * MINUTE);
        browser.fetch(&mut world, "/api").forwarded();
    }
}

pub fn a_session_is_not_written_again_with_every_request<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(Setup::default());
    let mut written = 0;
    for _ in 0..60 {
        world.advance(Duration::from_secs(5));
        let response = browser.fetch(&mut world, "/api").response;
        written += usize::from(response.set_cookies().iter().any(|line| line.contains("latchkey")));
    }
    assert!(written <= 1, "{written} of 60 answers within five minutes set the session again");
}

pub fn a_renewal_leaves_the_cookies_of_the_application_alone<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(Setup::default());
    world.advance(20 * MINUTE);
    let response = browser.fetch(&mut world, "/api").response;
    let lines = response.set_cookies();
    assert!(lines.contains(&"application=its-own; Path=/"), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with(SESSION_COOKIE)), "{lines:?}");
    assert_eq!(response.header("cache-control"), Some("private"));
}

pub fn no_session_outlives_the_absolute_timeout<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(Setup::default());
    for _ in 0..31 {
        world.advance(15 * MINUTE);
        browser.fetch(&mut world, "/api").forwarded();
    }
    world.advance(16 * MINUTE);
    browser.fetch(&mut world, "/api").refused_with(401);
}

pub fn timeouts_are_configurable<W: World>() {
    let setup = Setup::default().session("idle_timeout", "2h").session("absolute_timeout", "3h");
    let (mut world, mut browser) = signed_in::<W>(setup);
    world.advance(HOUR + 30 * MINUTE);
    browser.fetch(&mut world, "/api").forwarded();
    world.advance(HOUR + 20 * MINUTE);
    browser.fetch(&mut world, "/api").forwarded();
    world.advance(20 * MINUTE);
    browser.fetch(&mut world, "/api").refused_with(401);
}

pub fn a_session_that_ended_leads_to_a_login_and_back<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(Setup::default());
    world.advance(HOUR);
    let page = browser.open(&mut world, "/again?x=1");
    page.shows("/again?x=1");
    assert!(page.passed_provider());
}

pub fn a_session_is_bound_to_its_client_and_cookie_name<W: World>() {
    let (world, browser) = signed_in::<W>(Setup::default());
    let session = browser.jar.alive(world.now()).into_iter().find(|cookie| cookie.name == SESSION_COOKIE).cloned();
    let session = session.expect("a session cookie");
    let others = [
        (Setup::default().of_provider("client_id", "other-client"), SESSION_COOKIE),
        (Setup::default().session("cookie", "__Host-other"), "__Host-other"),
        (Setup::default().session("keys", serde_json::json!([{"env": "LATCHKEY_NEXT_SESSION_KEY"}])), SESSION_COOKIE),
    ];
    for (setup, name) in others {
        let mut world = W::open(setup);
        let request = Request::fetch("/api").with("cookie", format!("{name}={}", session.value));
        world.send(request).refused_with(401);
    }
}

pub fn a_new_session_key_signs_nobody_out_and_then_the_old_one_can_go<W: World>() {
    let with_keys = |names: &[&str]| {
        let keys: Vec<_> = names.iter().map(|name| serde_json::json!({ "env": name })).collect();
        Setup::default().session("keys", keys)
    };
    let (mut world, mut browser) = signed_in::<W>(with_keys(&["LATCHKEY_SESSION_KEY"]));
    let mut late = Browser::default();
    let login = late.open_until_callback(&mut world, "/late");
    let provider = std::mem::take(&mut *world.provider());
    drop(world);

    let both = with_keys(&["LATCHKEY_NEXT_SESSION_KEY", "LATCHKEY_SESSION_KEY"]).provider(|new| *new = provider);
    let mut world = W::open(both);
    let exchange = browser.fetch(&mut world, "/api");
    exchange.forwarded();
    let resealed = exchange.response.set_cookies().iter().any(|line| line.starts_with(SESSION_COOKIE));
    assert!(resealed, "sealed with the new key at once");
    let again = browser.fetch(&mut world, "/api");
    assert!(!again.response.set_cookies().iter().any(|line| line.starts_with(SESSION_COOKIE)), "once is enough");
    late.follow(&mut world, login).shows("/late");
    drop(world);

    let mut world = W::open(with_keys(&["LATCHKEY_NEXT_SESSION_KEY"]));
    for mut browser in [browser, late] {
        browser.fetch(&mut world, "/api").forwarded();
    }
}

pub fn two_people_have_two_sessions<W: World>() {
    let (mut world, mut ada) = signed_in::<W>(Setup::default());
    world.provider().user = serde_json::json!({"sub": "grace", "email": "grace@example.org", "groups": ["navy"]});
    let mut grace = Browser::default();
    grace.open(&mut world, "/").shows("/");
    assert_eq!(ada.fetch(&mut world, "/api").forwarded().header("x-auth-subject"), Some("ada"));
    assert_eq!(grace.fetch(&mut world, "/api").forwarded().header("x-auth-subject"), Some("grace"));
    grace.fetch(&mut world, "/finance").refused_with(403);
    ada.fetch(&mut world, "/finance").forwarded();
}
