//! Several VMs of one process: one that dies, one that comes later, and a process that lets them share nothing.

use std::time::Duration;

use wasm_host_tests::browser::Browser;
use wasm_host_tests::jar::Initiator;
use wasm_host_tests::message::Request;
use wasm_host_tests::provider::{Behaviour, Endpoint, RefreshTokens};
use wasm_host_tests::setup::Setup;
use wasm_host_tests::simulation::{Proxy, VirtualWorld};
use wasm_host_tests::world::World;

const SECOND: Duration = Duration::from_secs(1);

fn a_request_does_not_wait_for_a_vm_that_died<P: Proxy>() {
    for endpoint in [Endpoint::Discovery, Endpoint::Keys] {
        let slow = |setup: Setup| setup.provider(|provider| provider.behave(endpoint, Behaviour::Slow(SECOND)));
        let mut world = VirtualWorld::<P>::open(slow(Setup::default().in_vms(3)));
        let vms = world.vms();
        let holder = vms[0];
        world.start_at(holder, Request::navigation("/private"));
        world.advance(SECOND / 4);
        assert_eq!(world.provider().count(endpoint), 1);
        let waiting = vms[1..].iter().map(|vm| world.start_at(*vm, Request::navigation("/private")));
        let waiting: Vec<_> = waiting.collect();
        world.advance(SECOND / 4);

        world.kill_vm(holder);
        for ticket in waiting {
            let exchange = world.finish(ticket);
            exchange.refused_with(302);
            assert!(exchange.took < 3 * SECOND, "{:?}", exchange.took);
        }
        assert_eq!(world.provider().count(endpoint), 2, "one of the others has taken over");
    }
}

fn a_vm_that_comes_later_takes_what_is_there<P: Proxy>() {
    let mut world = VirtualWorld::<P>::open(Setup::default());
    world.settle();
    world.provider().behave_everywhere(&Behaviour::Hang);
    let late = world.start_vm();
    let exchange = world.send_to(late, Request::navigation("/private"));
    exchange.refused_with(302);
    assert_eq!(exchange.took, Duration::ZERO);
    // Even when the keys are stale by now.
    world.advance(10 * 3600 * SECOND);
    let later = world.start_vm();
    let exchange = world.send_to(later, Request::navigation("/private"));
    exchange.refused_with(302);
    assert_eq!(exchange.took, Duration::ZERO);
}

fn a_vm_that_lives_only_for_its_configuration_fetches_nothing<P: Proxy>() {
    let mut world = VirtualWorld::<P>::open(Setup::default().in_vms(0));
    let canary = world.start_vm();
    world.kill_vm(canary);
    let vm = world.start_vm();
    let exchange = world.send_to(vm, Request::navigation("/private"));
    exchange.refused_with(302);
    assert!(exchange.took < SECOND / 10, "{:?}", exchange.took);
    assert_eq!(world.provider().count(Endpoint::Keys), 1);
}

fn without_shared_data_each_vm_fetches_for_itself<P: Proxy>() {
    let mut world = VirtualWorld::<P>::open(Setup { shares_data: false, ..Setup::default().in_vms(3) });
    world.settle();
    assert_eq!(world.provider().count(Endpoint::Keys), 3);
    for vm in world.vms() {
        world.send_to(vm, Request::navigation("/private")).refused_with(302);
    }
    world.advance(3600 * SECOND);
    assert_eq!(world.provider().count(Endpoint::Keys), 6);
}

fn a_failure_is_known_to_all_and_tried_again_by_one<P: Proxy>() {
    let setup = Setup::default().in_vms(3).provider(|provider| {
        provider.change_metadata(|document| document["issuer"] = "https://evil.example".into());
    });
    let mut world = VirtualWorld::<P>::open(setup);
    for vm in world.vms() {
        let exchange = world.send_to(vm, Request::navigation("/private"));
        exchange.refused_with(502).because_of("discovery.issuer_mismatch");
    }
    assert_eq!(world.provider().count(Endpoint::Discovery), 1);
    world.provider().change_metadata(|_| ());
    world.advance(SECOND);
    assert_eq!(world.provider().count(Endpoint::Discovery), 2);
    for vm in world.vms() {
        world.send_to(vm, Request::navigation("/private")).refused_with(302);
    }
}

fn signing_out_waits_for_a_provider_that_this_vm_has_not_met<P: Proxy>() {
    let signed_in = || {
        let mut world = VirtualWorld::<P>::open(Setup { shares_data: false, ..Setup::default() });
        let mut browser = Browser::default();
        browser.open(&mut world, "/private").shows("/private");
        let logout = browser.with_cookies(Request::navigation("/oauth2/logout"), Initiator::SameSite, &world);
        (world, logout)
    };
    let (mut world, logout) = signed_in();
    let late = world.start_vm();
    let exchange = world.send_to(late, logout);
    let location = exchange.refused_with(302).response.location();
    assert!(location.contains("post_logout_redirect_uri="), "not signed out at the provider: {location}");
    assert!(!exchange.response.set_cookies().is_empty());

    let (mut world, logout) = signed_in();
    world.provider().behave_everywhere(&Behaviour::Hang);
    let late = world.start_vm();
    let exchange = world.send_to(late, logout);
    exchange.refused_with(200);
    assert!(!exchange.response.set_cookies().is_empty(), "signed out here all the same");
    assert!(exchange.took <= 3 * SECOND, "{:?}", exchange.took);
}

fn with_tokens(lifetime: u32) -> Setup {
    Setup::default().header("authorization", "\"Bearer \" + access_token").provider(|provider| {
        provider.refresh_tokens = RefreshTokens::Rotating;
        provider.access_token_lifetime = lifetime * SECOND;
    })
}

fn a_refresh_does_not_wait_for_a_vm_that_died<P: Proxy>() {
    let mut world = VirtualWorld::<P>::open(with_tokens(10).in_vms(2));
    let mut browser = Browser::default();
    browser.open(&mut world, "/private").shows("/private");
    world.advance(11 * SECOND);
    let request = browser.with_cookies(Request::fetch("/api"), Initiator::SameSite, &world);
    world.provider().behave(Endpoint::Token, Behaviour::Hang);
    let vms = world.vms();
    world.start_at(vms[0], request.clone());
    world.advance(SECOND / 10);
    let waiting = world.start_at(vms[1], request);
    world.advance(SECOND / 10);
    world.kill_vm(vms[0]);
    world.provider().behave(Endpoint::Token, Behaviour::Normal);
    let exchange = world.finish(waiting);
    let token = exchange.forwarded().header("authorization").unwrap_or_default();
    assert!(token.contains("refresh-token-1-1"), "{token}");
    assert!(exchange.took < 11 * SECOND, "{:?}", exchange.took);
}

fn a_refresh_that_the_provider_saw_and_nobody_finished_ends_in_a_login<P: Proxy>() {
    let mut world = VirtualWorld::<P>::open(with_tokens(10).in_vms(2));
    let mut browser = Browser::default();
    browser.open(&mut world, "/private").shows("/private");
    world.advance(11 * SECOND);
    let request = browser.with_cookies(Request::navigation("/api"), Initiator::SameSite, &world);
    world.provider().behave(Endpoint::Token, Behaviour::Slow(SECOND));
    let vms = world.vms();
    world.start_at(vms[0], request.clone());
    world.advance(SECOND / 10);
    world.kill_vm(vms[0]);
    world.provider().behave(Endpoint::Token, Behaviour::Normal);
    // Nobody can know whether the provider took the token: it is tried once more, and a careful provider ends the session.
    world.send_to(vms[1], request).refused_with(302);
    browser.open(&mut world, "/private").shows("/private");
}

fn without_shared_data_each_vm_refreshes_for_itself<P: Proxy>() {
    let setup = with_tokens(10).in_vms(2).provider(|provider| provider.refresh_tokens = RefreshTokens::Lasting);
    let mut world = VirtualWorld::<P>::open(Setup { shares_data: false, ..setup });
    let mut browser = Browser::default();
    browser.open(&mut world, "/private").shows("/private");
    world.advance(6 * SECOND);
    let request = browser.with_cookies(Request::fetch("/api"), Initiator::SameSite, &world);
    for _ in 0..3 {
        for vm in world.vms() {
            let exchange = world.send_to(vm, request.clone());
            let token = exchange.forwarded().header("authorization").unwrap_or_default();
            assert!(token.contains("refresh-token-1-1"), "{token}");
        }
    }
    assert_eq!(world.provider().presented_refresh_tokens().len(), 2);
}

fn what_vms_share_about_refreshes_holds_no_token_and_no_claim<P: Proxy>() {
    let mut world = VirtualWorld::<P>::open(with_tokens(10).in_vms(2));
    let mut browser = Browser::default();
    browser.open(&mut world, "/private").shows("/private");
    world.advance(6 * SECOND);
    let request = browser.with_cookies(Request::fetch("/api"), Initiator::SameSite, &world);
    for vm in world.vms() {
        world.send_to(vm, request.clone()).forwarded();
    }
    assert!(world.shared().keys().iter().any(|key| key.contains("/refresh/")), "{:?}", world.shared().keys());
    for secret in ["refresh-token", "access-token", "ada@example.org", "finance"] {
        assert!(!world.shared().contains(secret), "{secret}");
    }
}

macro_rules! rings {
    ($($name:ident),* $(,)?) => {
        mod core {
            $(#[test] fn $name() { super::$name::<wasm_host_tests::core_world::CoreProxy>(); })*
        }
        #[cfg(feature = "wasm")]
        mod wasm {
            $(#[test] fn $name() { super::$name::<wasm_host_tests::host::Host<true>>(); })*
        }
    };
}

rings! {
    a_request_does_not_wait_for_a_vm_that_died,
    a_vm_that_comes_later_takes_what_is_there,
    a_vm_that_lives_only_for_its_configuration_fetches_nothing,
    without_shared_data_each_vm_fetches_for_itself,
    a_failure_is_known_to_all_and_tried_again_by_one,
    signing_out_waits_for_a_provider_that_this_vm_has_not_met,
    a_refresh_does_not_wait_for_a_vm_that_died,
    a_refresh_that_the_provider_saw_and_nobody_finished_ends_in_a_login,
    without_shared_data_each_vm_refreshes_for_itself,
    what_vms_share_about_refreshes_holds_no_token_and_no_claim,
}
