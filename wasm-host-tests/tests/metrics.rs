//! What is counted: over the core, and by the release module in a host that keeps statistics as Envoy does.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use wasm_host_tests::browser::Browser;
use wasm_host_tests::message::Request;
use wasm_host_tests::provider::{Authorization, Behaviour, Endpoint, RefreshTokens};
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

fn a_silent_attempt_and_the_sign_in_that_follows_are_one_login<P: Proxy>() {
    let mut world = VirtualWorld::<P>::open(Setup::default().session("silent", true));
    let names = ["logins_started_total.provider.corp", "logins_finished_total.provider.corp"];
    Browser::default().open(&mut world, "/").shows("/");
    assert_eq!(values(&world, names), [Some(1), Some(1)], "whom the provider knows");
    for code in ["login_required", "interaction_required"] {
        world.provider().authorization = Authorization::NeedsTheUser(code.to_owned());
        let before = values(&world, names).map(Option::unwrap_or_default);
        let page = Browser::default().open(&mut world, "/");
        page.shows("/");
        assert_eq!(page.authorizations().len(), 2, "{code}");
        assert_eq!(values(&world, names), before.map(|count| Some(count + 1)), "{code}");
    }
}

fn what_is_not_recent_or_strong_enough_is_counted_by_reason<P: Proxy>() {
    let strong = |path: &str, authentication: &str| json!({"match": {"path": path}, "authentication": authentication, "acr_values": ["urn:mfa"]});
    let setup = Setup::api().rule(strong("/vault", "session")).rule(strong("/safe", "bearer"));
    let mut world = VirtualWorld::<P>::open(setup);
    let mut browser = Browser::default();
    browser.open(&mut world, "/").shows("/");
    browser.fetch(&mut world, "/vault").refused_with(401).because_of("step_up.required");
    let now = world.now();
    let token = world.provider().access_token(now).sign();
    let refused = world.send(Request::get("/safe").with("authorization", format!("Bearer {token}")));
    refused.refused_with(401).because_of("policy.authentication_insufficient");
    let names = [
        "step_ups_total.provider.corp.reason.step_up.required",
        "step_ups_total.provider.corp.reason.policy.authentication_insufficient",
        "tokens_refused_total.provider.corp.reason.policy.authentication_insufficient",
    ];
    assert_eq!(values(&world, names), [Some(1), Some(1), None]);
}

fn a_session_that_cannot_be_refreshed_is_refused_as_its_providers<P: Proxy>() {
    let setup = Setup::default().header("authorization", "\"Bearer \" + access_token").provider(|provider| {
        provider.refresh_tokens = RefreshTokens::Rotating;
        provider.access_token_lifetime = Duration::from_secs(4);
    });
    let mut world = VirtualWorld::<P>::open(setup);
    let mut browser = Browser::default();
    browser.open(&mut world, "/").shows("/");
    world.provider().behave(Endpoint::Token, Behaviour::html(503));
    world.advance(Duration::from_secs(5));
    browser.fetch(&mut world, "/api").refused_with(503).because_of("token.unavailable");
    assert_eq!(
        values(
            &world,
            [
                "requests_refused_total.provider.corp.reason.token.unavailable",
                "requests_refused_total.reason.token.unavailable",
            ]
        ),
        [Some(1), None]
    );
}

fn look_ups_are_there_from_the_start_for_caches_that_can_be_used<P: Proxy>() {
    let exchange = json!({"provider": "corp", "audience": "https://backend.example.org"});
    let exchanging = json!({"match": {"path": "/backend"}, "authentication": "bearer", "exchange": exchange});
    for (setup, used) in [
        (Setup::default(), vec!["session"]),
        (Setup::api(), vec!["session", "token"]),
        (Setup::api().rule(exchanging), vec!["session", "token", "exchanged_token"]),
    ] {
        let world = VirtualWorld::<P>::open(setup);
        for cache in ["session", "token", "exchanged_token"] {
            let [hits, misses] = ["hits", "misses"].map(|what| format!("cache_{what}_total.cache.{cache}"));
            let expected = used.contains(&cache).then_some(0);
            assert_eq!(values(&world, [&hits, &misses]), [expected, expected], "{cache} of {used:?}");
        }
    }
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
    a_silent_attempt_and_the_sign_in_that_follows_are_one_login,
    what_is_not_recent_or_strong_enough_is_counted_by_reason,
    a_session_that_cannot_be_refreshed_is_refused_as_its_providers,
    look_ups_are_there_from_the_start_for_caches_that_can_be_used,
    requests_with_a_live_session_are_told_together_and_none_is_lost,
    keys_and_calls_are_counted_whether_they_come_or_not,
    a_token_is_counted_for_its_provider_when_it_is_verified_and_not_when_it_is_remembered,
    nothing_that_comes_from_outside_makes_a_series,
}
