//! Keys over time, and in all VMs of a process: who fetches them, when, and what becomes of them in an outage.

use std::time::Duration;

use serde_json::Value;

use super::has_session;
use crate::browser::Browser;
use crate::message::Request;
use crate::provider::keys::TestKey;
use crate::provider::{Behaviour, Endpoint};
use crate::setup::Setup;
use crate::world::World;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

fn readiness<W: World>(world: &mut W) -> (u16, Value) {
    let exchange = world.send(Request::get("/oauth2/ready"));
    (exchange.status(), exchange.response.document()["providers"]["corp"].clone())
}

fn fetches<W: World>(world: &mut W) -> (usize, usize) {
    let provider = world.provider();
    (provider.count(Endpoint::Discovery), provider.count(Endpoint::Keys))
}

/// Signs in once in every VM, where VMs get requests in turn.
fn sign_in_everywhere<W: World>(world: &mut W, vms: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..vms {
        let page = Browser::default().open(world, "/");
        statuses.push(page.exchange.status());
        // Three requests a login: one more, so that the next begins at another VM.
        world.send(Request::fetch("/public"));
    }
    statuses
}

pub fn one_fetch_serves_all_vms<W: World>() {
    let mut world = W::open(Setup::default().in_vms(4));
    let waiting: Vec<_> = (0..8).map(|_| world.start(Request::navigation("/private"))).collect();
    for ticket in waiting {
        world.finish(ticket).refused_with(302);
    }
    world.settle();
    for _ in 0..4 {
        assert_eq!(readiness(&mut world).0, 200);
    }
    assert_eq!(fetches(&mut world), (1, 1));
}

pub fn a_slow_fetch_is_not_begun_twice<W: World>() {
    let slow = Behaviour::Slow(Duration::from_millis(1200));
    let mut world = W::open(Setup::default().in_vms(4).provider(|provider| {
        provider.behave(Endpoint::Discovery, slow.clone());
        provider.behave(Endpoint::Keys, slow);
    }));
    let waiting: Vec<_> = (0..8).map(|_| world.start(Request::navigation("/private"))).collect();
    for ticket in waiting {
        let exchange = world.finish(ticket);
        exchange.refused_with(302);
        assert!(exchange.took < Duration::from_millis(3_100), "{:?}", exchange.took);
    }
    assert_eq!(fetches(&mut world), (1, 1));
}

pub fn a_new_key_is_fetched_once_for_all_vms<W: World>() {
    let mut world = W::open(Setup::default().in_vms(3));
    Browser::default().open(&mut world, "/").shows("/");
    world.provider().rotate(TestKey::P256B);
    assert_eq!(sign_in_everywhere(&mut world, 6), [200; 6]);
    assert_eq!(fetches(&mut world), (1, 2));
}

pub fn cache_control_says_how_long_keys_are_fresh<W: World>() {
    let table: [(&[_], Duration); 5] = [
        (&[("cache-control", "max-age=10")], 5 * MINUTE),
        (&[("cache-control", "public, max-age=1200"), ("age", "200")], Duration::from_secs(1000)),
        (&[("cache-control", "no-store")], HOUR),
        (&[], HOUR),
        (&[("cache-control", "max-age=8640000")], 24 * HOUR),
    ];
    for (fields, lifetime) in table {
        let mut world = W::open(Setup::default().in_vms(3).provider(|provider| provider.key_fields = fields.to_vec()));
        world.settle();
        world.advance(lifetime.mul_f64(0.74));
        assert_eq!(fetches(&mut world), (1, 1), "{fields:?}: too early");
        world.advance(lifetime.mul_f64(0.12));
        assert_eq!(fetches(&mut world), (2, 2), "{fields:?}: once, ahead of expiry");
    }
}

pub fn keys_live_on_through_an_outage_and_not_for_ever<W: World>() {
    let mut world = W::open(Setup::default().in_vms(3));
    let mut browser = Browser::default();
    browser.open(&mut world, "/").shows("/");
    for endpoint in [Endpoint::Discovery, Endpoint::Keys] {
        world.provider().behave(endpoint, Behaviour::html(503));
    }

    world.advance(55 * MINUTE);
    let (status, state) = readiness(&mut world);
    assert_eq!((status, &state["state"]), (200, &"ready".into()), "failing to refresh is no harm yet: {state}");
    assert_eq!(state["reason"], "discovery.unavailable");

    world.advance(20 * HOUR);
    for _ in 0..3 {
        let (status, state) = readiness(&mut world);
        assert_eq!((status, &state["state"]), (200, &"stale".into()), "{state}");
        assert_eq!(state["reason"], "discovery.unavailable");
        assert!(state["age"].as_u64().is_some_and(|age| (75_000..76_000).contains(&age)), "{state}");
        assert_eq!(state["key_ids"][0], TestKey::Rsa1.kid());
    }
    let mut browser = Browser::default();
    browser.open(&mut world, "/").shows("/");

    world.advance(4 * HOUR + 10 * MINUTE);
    for _ in 0..3 {
        let refused = world.send(Request::navigation("/"));
        refused.refused_with(503).because_of("provider.keys_outdated");
        assert!(refused.response.header("retry-after").is_some());
        let (status, state) = readiness(&mut world);
        assert_eq!((status, &state["state"]), (503, &"outdated".into()), "{state}");
    }

    world.provider().behave_everywhere(&Behaviour::Normal);
    world.advance(MINUTE / 2);
    assert_eq!(readiness(&mut world).1["state"], "ready");
    assert_eq!(sign_in_everywhere(&mut world, 3), [200; 3]);
}

pub fn an_outage_does_not_make_every_vm_knock<W: World>() {
    let mut world = W::open(Setup::default().in_vms(4).provider(|provider| {
        provider.behave_everywhere(&Behaviour::Reset);
    }));
    world.advance(2 * MINUTE);
    let (attempts, _) = fetches(&mut world);
    assert!((6..25).contains(&attempts), "{attempts} attempts of four VMs in two minutes");
    for _ in 0..4 {
        world.send(Request::navigation("/")).refused_with(503);
    }
}

pub fn a_withdrawn_key_stops_working_with_the_next_fetch<W: World>() {
    let mut world = W::open(Setup::default().in_vms(3));
    assert_eq!(sign_in_everywhere(&mut world, 3), [200; 3]);
    world.provider().published_keys = vec![TestKey::P256A];
    assert_eq!(sign_in_everywhere(&mut world, 3), [200; 3], "nobody has fetched since");
    world.advance(52 * MINUTE);
    for _ in 0..4 {
        let mut browser = Browser::default();
        browser.open(&mut world, "/").exchange.refused_with(502).because_of("id_token.key_unknown");
        assert!(!has_session(&mut browser, &mut world));
    }
}

pub fn the_log_names_keys_that_come_and_go<W: World>() {
    let mut world = W::open(Setup::default());
    Browser::default().open(&mut world, "/").shows("/");
    world.provider().change_keys(|document| {
        let odd = serde_json::json!({"kty": "oct", "k": "AAAA"});
        document["keys"].as_array_mut().expect("a list").push(odd);
        let mut other = TestKey::Rsa1.jwk();
        other["kid"] = format!("\n\u{1b}[31m{}", "x".repeat(100)).into();
        document["keys"].as_array_mut().expect("a list").push(other);
    });
    world.provider().rotate(TestKey::P256B);
    Browser::default().open(&mut world, "/").shows("/");
    world.settle();
    let log = world.log().join("\n");
    let shown = format!("???31m{}", "x".repeat(58));
    let line = format!("the keys have changed: added p256-b, {shown}; withdrawn rsa-1, p256-a");
    assert!(log.contains(&line), "no «{line}» in:\n{log}");
    assert_eq!(log.matches("the keys have changed").count(), 1, "once for all VMs: {log}");
    assert_eq!(log.matches("keys passed over").count(), 1, "{log}");
}
