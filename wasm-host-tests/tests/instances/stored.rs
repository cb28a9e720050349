//! Sessions that lie in the store.

use std::time::Duration;

use serde_json::json;
use wasm_host_tests::browser::Browser;
use wasm_host_tests::message::Request;
use wasm_host_tests::setup::Setup;
use wasm_host_tests::simulation::Proxy;
use wasm_host_tests::webdis::Behaviour;
use wasm_host_tests::world::World;

use super::{REFRESH_DUE, SECOND, SOON, Stage, refresh_requests, with_store, with_tokens};

/// The same with sessions in the store.
fn stored(mut setup: Setup) -> Setup {
    setup.document["session"]["store"]["sessions"] = json!(true);
    setup
}

fn session_cookies<P: Proxy>(stage: &Stage<P>) -> String {
    stage.request(Request::fetch("/private")).header("cookie").unwrap_or_default().to_owned()
}

fn sessions_in_the_store_are_good_everywhere_and_their_cookies_short<P: Proxy>() {
    let groups: Vec<String> = (0..2000).map(|number| format!("group-{:08x}", number * 0x9e37_79b9_u64)).collect();
    let setup = stored(with_store("deny")).claim("groups", json!(groups)).session("max_cookies", 1);
    let mut stage = Stage::<P>::set(setup);
    let cookies = session_cookies(&stage);
    assert!(cookies.len() < 400, "{}: {cookies}", cookies.len());
    let copy = stage.request(Request::fetch("/private"));
    let (first, second) = (stage.first, stage.second);
    for vm in [first, second] {
        let exchange = stage.world.send_to(vm, copy.clone());
        assert_eq!(exchange.forwarded().header("x-auth-subject"), Some("ada"));
        assert!(exchange.forwarded().header("x-auth-groups").is_some_and(|sent| sent.contains(&groups[1999])));
    }
    let content = stage.world.webdis().content();
    assert!(!content.contains("ada") && !content.contains("group-"));
    // The second time from what was kept.
    let before = stage.world.webdis().count(relying_party::store::sessions::LOAD);
    assert_eq!((stage.fetch_at(first, &copy), stage.fetch_at(second, &copy)), (200, 200));
    assert_eq!(stage.world.webdis().count(relying_party::store::sessions::LOAD), before);
    stage.sign_out_at(second);
    assert_eq!(stage.fetch_at(second, &copy), 401);
    stage.world.advance(SOON);
    assert_eq!(stage.world.webdis().count("DEL"), 1);
    assert_eq!(stage.fetch_at(first, &copy), 401);
}

fn sessions_in_the_store_live_while_they_are_used<P: Proxy>() {
    let mut stage = Stage::<P>::set(stored(with_store("deny")));
    let copy = stage.request(Request::fetch("/private"));
    let (first, second) = (stage.first, stage.second);
    for minute in 0..120 {
        stage.world.advance(60 * SECOND);
        let vm = if minute % 2 == 0 { first } else { second };
        assert_eq!(stage.fetch_at(vm, &copy), 200, "minute {minute}");
    }
    stage.world.advance(31 * 60 * SECOND);
    assert_eq!((stage.fetch_at(first, &copy), stage.fetch_at(second, &copy)), (401, 401));
}

fn of_many_instances_one_refreshes_a_session_in_the_store<P: Proxy>() {
    let mut stage = Stage::<P>::set(stored(with_tokens("deny")));
    let copy = stage.request(Request::fetch("/private"));
    let vms = [stage.first, stage.second];
    for round in 1..=5 {
        stage.world.advance(REFRESH_DUE + 30 * SECOND);
        for vm in vms {
            let tickets: Vec<_> = (0..5).map(|_| stage.world.start_at(vm, copy.clone())).collect();
            for ticket in tickets {
                assert_eq!(stage.world.finish(ticket).response.status, 200, "the same cookie, {round}");
            }
        }
        assert_eq!(refresh_requests(&mut stage.world), round);
    }
    assert!(stage.world.provider().complaints.is_empty(), "{:?}", stage.world.provider().complaints);
}

fn without_the_store_nobody_is_sent_to_a_login_for_a_session_that_lies_there<P: Proxy>() {
    for (on_failure, known) in [("deny", 503), ("local", 200)] {
        let mut stage = Stage::<P>::set(stored(with_store(on_failure)));
        let (first, second) = (stage.first, stage.second);
        let copy = stage.request(Request::fetch("/private"));
        let navigation = stage.request(Request::navigation("/private"));
        assert_eq!(stage.fetch_at(first, &copy), 200);
        let login = Browser::default().open_until_callback(&mut stage.world, "/private");
        stage.behave(Behaviour::without_redis());
        stage.world.advance(8 * SECOND);
        assert_eq!(stage.fetch_at(first, &copy), known, "{on_failure}");
        let exchange = stage.world.send_to(second, navigation.clone());
        exchange.refused_with(503).because_of("store.unavailable");
        assert!(exchange.response.set_cookies().is_empty());
        let _ = login;
        let refused = Browser::default().open(&mut stage.world, "/private").exchange;
        refused.refused_with(503).because_of("store.unavailable");
        assert!(!refused.response.set_cookies().iter().any(|line| line.starts_with("__Host-latchkey=1.")));

        // Whoever signs out is signed out, even where nobody knows the session.
        stage.sign_out_at(second);
        stage.behave(Behaviour::Normal);
        stage.world.advance(4 * SECOND);
        assert_eq!((stage.fetch_at(first, &copy), stage.fetch_at(second, &copy)), (401, 401), "{on_failure}");
    }
}

fn a_session_in_the_store_is_fetched_once_for_all_who_wait<P: Proxy>() {
    let mut stage = Stage::<P>::set(stored(with_store("deny")));
    let copy = stage.request(Request::fetch("/private"));
    let second = stage.second;
    stage.behave(Behaviour::Slow(Duration::from_millis(300)));
    let tickets: Vec<_> = (0..20).map(|_| stage.world.start_at(second, copy.clone())).collect();
    for ticket in tickets {
        assert_eq!(stage.world.finish(ticket).response.status, 200);
    }
    assert_eq!(stage.world.webdis().count(relying_party::store::sessions::LOAD), 2, "one of them at the login");
}

rings! {
    sessions_in_the_store_are_good_everywhere_and_their_cookies_short,
    sessions_in_the_store_live_while_they_are_used,
    of_many_instances_one_refreshes_a_session_in_the_store,
    without_the_store_nobody_is_sent_to_a_login_for_a_session_that_lies_there,
    a_session_in_the_store_is_fetched_once_for_all_who_wait,
}
