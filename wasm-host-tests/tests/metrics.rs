//! What is counted: over the core, and by the release module in a host that keeps statistics as Envoy does.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use wasm_host_tests::browser::Browser;
use wasm_host_tests::message::Request;
use wasm_host_tests::provider::{Behaviour, Endpoint};
use wasm_host_tests::setup::Setup;
use wasm_host_tests::simulation::{Proxy, VirtualWorld};
use wasm_host_tests::world::World;

/// Counts wait for a second at most.
const TOLD_BY_THEN: Duration = Duration::from_millis(1100);

/// What is told of these names, in this order.
fn values<P: Proxy, const N: usize>(world: &VirtualWorld<P>, names: [&str; N]) -> [Option<u64>; N] {
    let metrics = world.metrics();
    names.map(|name| metrics.get(&format!("latchkey.{name}")).copied())
}

fn a_login_is_counted_from_its_beginning_to_the_sessions_end<P: Proxy>() {
    let mut world = VirtualWorld::<P>::open(Setup::default());
    let names = [
        "logins_started_total.provider.corp",
        "logins_finished_total.provider.corp",
        "sessions_opened_total.provider.corp",
        "sessions_ended_total.provider.corp.reason.logout.requested",
        "requests_refused_total.reason.session.required",
    ];
    assert_eq!(values(&world, names), [Some(0), Some(0), Some(0), None, None], "rates begin at zero");
    let mut browser = Browser::default();
    let callback = browser.open_until_callback(&mut world, "/");
    assert_eq!(values(&world, names), [Some(1), Some(0), Some(0), None, None]);
    browser.follow(&mut world, callback).shows("/");
    assert_eq!(values(&world, names), [Some(1), Some(1), Some(1), None, None]);
    browser.open(&mut world, "/oauth2/logout?return_to=%2Fpublic");
    browser.fetch(&mut world, "/api").refused_with(401);
    assert_eq!(values(&world, names), [Some(1), Some(1), Some(1), Some(1), Some(1)]);
}

fn requests_with_a_live_session_are_told_together_and_none_is_lost<P: Proxy>() {
    let mut world = VirtualWorld::<P>::open(Setup::default().in_vms(2));
    let mut browser = Browser::default();
    browser.open(&mut world, "/").shows("/");
    world.advance(TOLD_BY_THEN);
    let names = ["cache_hits_total.cache.session", "cache_misses_total.cache.session"];
    let sum = |world: &VirtualWorld<P>| values(world, names).map(Option::unwrap_or_default);
    let [hits, misses] = sum(&world);
    let ticks = world.ticks();
    for _ in 0..1000 {
        browser.fetch(&mut world, "/api").forwarded();
    }
    assert_eq!(world.ticks(), ticks, "in an instant of virtual time");
    world.advance(TOLD_BY_THEN);
    let [hits_now, misses_now] = sum(&world);
    assert_eq!((hits_now + misses_now) - (hits + misses), 1000);
    assert!(misses_now - misses <= 2, "each VM opens the cookie once");
    assert!(world.ticks() - ticks <= 4, "{}", world.ticks() - ticks);
}

fn keys_and_calls_are_counted_whether_they_come_or_not<P: Proxy>() {
    let setup = Setup::default().provider(|provider| provider.behave(Endpoint::Keys, Behaviour::html(500)));
    let mut world = VirtualWorld::<P>::open(setup);
    world.advance(Duration::from_secs(30));
    let names = [
        "key_fetches_total.provider.corp",
        "key_fetches_failed_total.provider.corp.reason.jwks.unavailable",
        "callouts_failed_total.call.keys",
        "callouts_failed_total.call.discovery",
        "keys_fetched_timestamp_seconds.provider.corp",
    ];
    let [fetched, failed, calls, discovery, at] = values(&world, names);
    assert_eq!((fetched, discovery, at), (Some(0), None, None));
    assert!(failed.is_some_and(|failed| failed >= 2) && failed == calls, "{failed:?} {calls:?}");
    let metrics = world.metrics();
    assert_eq!(metrics.get("latchkey.callout_milliseconds.call.keys").copied(), calls, "each took some time");

    world.provider().behave(Endpoint::Keys, Behaviour::Normal);
    world.advance(Duration::from_secs(60));
    let [fetched, failed_then, ..] = values(&world, names);
    assert_eq!((fetched, failed_then), (Some(1), failed));
    let [.., at] = values(&world, names);
    let age = world.now().as_secs() - at.expect("a time");
    assert!((1..=60).contains(&age), "{age}");
}

fn a_token_is_counted_for_its_provider_when_it_is_verified_and_not_when_it_is_remembered<P: Proxy>() {
    let mut world = VirtualWorld::<P>::open(Setup::api());
    let now = world.now();
    let token = format!("Bearer {}", world.provider().access_token(now).sign());
    for _ in 0..3 {
        world.send(Request::get("/orders/7").with("authorization", &token)).forwarded();
    }
    assert_eq!(values(&world, ["tokens_verified_total.provider.corp"]), [Some(1)]);
}

fn nothing_that_comes_from_outside_makes_a_series<P: Proxy>() {
    let mut world = VirtualWorld::<P>::open(Setup::api().top("audit", json!({"subject": "hashed"})));
    let mut names = BTreeMap::new();
    for round in 0..3 {
        for number in 0..50 {
            let word = format!("x{round}{number}");
            for request in [
                Request::get(&format!("/orders/{word}")).with("authorization", format!("Bearer {word}")),
                Request::navigation(&format!("/oauth2/login?provider={word}")),
                Request::navigation(&format!("/oauth2/callback?state={word}&error={word}")),
                Request::navigation(&format!("/{word}")).with("cookie", format!("__Host-latchkey=1.{word}")),
                Request::navigation("/").set(":authority", &word).set(":method", &word),
            ] {
                world.send(request);
            }
        }
        world.advance(TOLD_BY_THEN);
        names.insert(round, world.metrics().into_keys().collect::<Vec<_>>());
    }
    assert_eq!(names[&0], names[&2]);
    assert!(names[&2].len() < 60, "{:?}", names[&2]);
}

macro_rules! rings {
    ($($name:ident,)*) => {
        mod core {
            use wasm_host_tests::core_world::CoreProxy;
            $(#[test] fn $name() { super::$name::<CoreProxy>(); })*
        }
        #[cfg(feature = "wasm")]
        mod wasm {
            use wasm_host_tests::host::Host;
            $(#[test] fn $name() { super::$name::<Host<true>>(); })*
        }
    };
}

rings! {
    a_login_is_counted_from_its_beginning_to_the_sessions_end,
    requests_with_a_live_session_are_told_together_and_none_is_lost,
    keys_and_calls_are_counted_whether_they_come_or_not,
    a_token_is_counted_for_its_provider_when_it_is_verified_and_not_when_it_is_remembered,
    nothing_that_comes_from_outside_makes_a_series,
}
