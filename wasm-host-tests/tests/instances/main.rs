//! Several instances: processes that share nothing but the store.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use wasm_host_tests::browser::Browser;
use wasm_host_tests::jar::Initiator;
use wasm_host_tests::message::{Request, Response};
use wasm_host_tests::provider::{self, Endpoint, RefreshTokens};
use wasm_host_tests::setup::Setup;
use wasm_host_tests::simulation::{Proxy, VirtualWorld};
use wasm_host_tests::webdis::Behaviour;
use wasm_host_tests::world::World;

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

mod stored;

const SECOND: Duration = Duration::from_secs(1);
/// How long a revocation may take to reach the other instances.
const SOON: Duration = Duration::from_millis(1100);

fn with_store(on_failure: &str) -> Setup {
    Setup::default().session("store", json!({"cluster": "webdis", "kind": "webdis", "on_failure": on_failure}))
}

/// Two instances, and somebody who has signed in at the first.
struct Stage<P: Proxy> {
    world: VirtualWorld<P>,
    first: usize,
    second: usize,
    browser: Browser,
}

impl<P: Proxy> Stage<P> {
    fn set(setup: Setup) -> Self {
        let mut world = VirtualWorld::<P>::open(setup);
        world.settle();
        world.advance(SECOND);
        let first = world.vms()[0];
        let mut browser = Browser::default();
        browser.open(&mut world, "/private").shows("/private");
        let second = world.start_instance();
        world.advance(SECOND);
        Self { world, first, second, browser }
    }

    /// The request of the browser as it is now, whatever it is told later.
    fn request(&self, request: Request) -> Request {
        self.browser.with_cookies(request, Initiator::SameSite, &self.world)
    }

    fn sign_out_at(&mut self, vm: usize) {
        let request = self.request(Request::navigation("/oauth2/logout"));
        let exchange = self.world.send_to(vm, request);
        assert!(matches!(exchange.response.status, 200 | 302), "{:?}", exchange.response);
        assert!(!exchange.response.set_cookies().is_empty(), "the cookies are removed, store or not");
    }

    fn behave(&mut self, behaviour: Behaviour) {
        self.world.webdis().behaviour = behaviour;
    }

    fn ready(&mut self, vm: usize) -> (u16, Value) {
        let answer = self.world.send_to(vm, Request::get("/oauth2/ready")).response;
        (answer.status, answer.document()["store"].clone())
    }

    /// What a copied cookie gets.
    fn fetch_at(&mut self, vm: usize, copy: &Request) -> u16 {
        self.world.send_to(vm, copy.clone()).response.status
    }
}

fn what_one_instance_ends_is_ended_in_all<P: Proxy>() {
    for on_failure in ["deny", "local"] {
        let mut stage = Stage::<P>::set(with_store(on_failure));
        let copy = stage.request(Request::fetch("/private"));
        let (first, second) = (stage.first, stage.second);
        assert_eq!((stage.fetch_at(first, &copy), stage.fetch_at(second, &copy)), (200, 200));
        stage.sign_out_at(first);
        assert_eq!(stage.fetch_at(first, &copy), 401);
        stage.world.advance(SOON);
        assert_eq!(stage.fetch_at(second, &copy), 401);
        // Whoever comes later learns it before anybody is let in.
        let third = stage.world.start_instance();
        stage.world.advance(SECOND);
        assert_eq!(stage.fetch_at(third, &copy), 401);
        // And a login after it works everywhere.
        let mut browser = Browser::default();
        browser.open(&mut stage.world, "/private").shows("/private");
        stage.browser = browser;
        let copy = stage.request(Request::fetch("/private"));
        stage.world.advance(SOON);
        assert_eq!(stage.fetch_at(third, &copy), 200);
    }
}

fn nothing_in_the_store_says_whom_it_is_about<P: Proxy>() {
    let mut stage = Stage::<P>::set(with_store("deny"));
    let first = stage.first;
    stage.sign_out_at(first);
    stage.world.advance(SOON);
    let content = stage.world.webdis().content();
    assert!(content.contains("latchkey.1:{"), "{content}");
    for name in ["ada", "corp", "portal", "provider.test"] {
        assert!(!content.contains(name), "{name}: {content}");
    }
}

fn a_store_that_is_away_for_a_moment_is_not_noticed<P: Proxy>() {
    let mut stage = Stage::<P>::set(with_store("deny"));
    let copy = stage.request(Request::fetch("/private"));
    let second = stage.second;
    stage.behave(Behaviour::Hang);
    stage.world.advance(4 * SECOND);
    assert_eq!(stage.fetch_at(second, &copy), 200);
}

fn faults() -> Vec<Behaviour> {
    let answer = |status, content_type, body: &str| Behaviour::Answer(Response::new(status, content_type, body));
    vec![
        Behaviour::Hang,
        Behaviour::Reset,
        Behaviour::Slow(SECOND),
        Behaviour::without_redis(),
        answer(403, "text/plain", ""),
        answer(200, "text/html", "<html>We will be back soon</html>"),
        answer(200, "application/json", "{}"),
        answer(200, "application/json", r#"{"EVAL":[false,"LOADING Redis is loading the dataset in memory"]}"#),
        answer(200, "application/json", r#"{"EVAL":[null,null]}"#),
        answer(200, "application/json", r#"{"EVAL":["g","rubbish","x"]}"#),
        answer(200, "application/json", "\u{0}"),
        answer(302, "text/plain", ""),
    ]
}

fn who_denies_lets_nobody_in_while_the_store_is_away_and_signs_nobody_out<P: Proxy>() {
    for fault in faults() {
        let mut stage = Stage::<P>::set(with_store("deny"));
        let copy = stage.request(Request::fetch("/private"));
        let second = stage.second;
        stage.behave(fault.clone());
        stage.world.advance(8 * SECOND);
        let exchange = stage.world.send_to(second, copy.clone());
        exchange.refused_with(503).because_of("store.unavailable");
        assert!(exchange.response.header("retry-after").is_some());
        assert!(exchange.response.set_cookies().is_empty(), "{fault:?}");
        // What needs no session goes on, and so do those who have none.
        assert_eq!(stage.world.send_to(second, Request::fetch("/public")).response.status, 200);
        assert_eq!(stage.world.send_to(second, Request::navigation("/private")).response.status, 302);
        let (status, state) = stage.ready(second);
        assert_eq!((status, &state["state"]), (503, &json!("failing")), "{fault:?}");
        assert!(state["reason"].as_str().is_some_and(|reason| reason.starts_with("store.")), "{state}");

        stage.behave(Behaviour::Normal);
        stage.world.advance(2 * SECOND);
        assert_eq!(stage.fetch_at(second, &copy), 200, "{fault:?}");
        assert_eq!(stage.ready(second).1["state"], "ready");
        let log = stage.world.log();
        assert!(log.iter().any(|line| line.contains("store: store.")), "{log:#?}");
        assert!(log.iter().any(|line| line.contains("store: reached again")), "{log:#?}");
    }
}

fn who_does_not_deny_goes_on_with_what_is_known_here<P: Proxy>() {
    let mut stage = Stage::<P>::set(with_store("local"));
    let copy = stage.request(Request::fetch("/private"));
    let (first, second) = (stage.first, stage.second);
    stage.behave(Behaviour::without_redis());
    stage.world.advance(8 * SECOND);
    assert_eq!(stage.fetch_at(second, &copy), 200);
    let (status, state) = stage.ready(second);
    assert_eq!((status, &state["state"], &state["reason"]), (200, &json!("failing"), &json!("store.not_connected")));
    stage.sign_out_at(first);
    assert_eq!(stage.fetch_at(first, &copy), 401, "known here");
    stage.world.advance(8 * SECOND);
    assert_eq!(stage.fetch_at(second, &copy), 200, "not known there");
    // What could not be told is told as soon as somebody listens.
    stage.behave(Behaviour::Normal);
    stage.world.advance(3 * SECOND);
    assert_eq!(stage.fetch_at(second, &copy), 401);
}

fn what_could_not_be_told_is_told_even_when_its_vm_has_died<P: Proxy>() {
    let mut stage = Stage::<P>::set(with_store("deny"));
    let copy = stage.request(Request::fetch("/private"));
    let (first, second) = (stage.first, stage.second);
    let sibling = stage.world.start_vm();
    stage.world.advance(SECOND);
    stage.behave(Behaviour::Reset);
    stage.sign_out_at(first);
    stage.world.advance(SECOND / 4);
    stage.world.kill_vm(first);
    stage.world.advance(8 * SECOND);
    assert_eq!(stage.fetch_at(second, &copy), 503);
    stage.behave(Behaviour::Normal);
    stage.world.advance(4 * SECOND);
    assert_eq!((stage.fetch_at(sibling, &copy), stage.fetch_at(second, &copy)), (401, 401));
}

fn a_store_that_has_lost_everything_is_told_again<P: Proxy>() {
    let mut stage = Stage::<P>::set(with_store("deny"));
    let copy = stage.request(Request::fetch("/private"));
    let first = stage.first;
    stage.sign_out_at(first);
    stage.world.advance(2 * SECOND);
    stage.world.webdis().forget_everything();
    stage.world.advance(4 * SECOND);
    let third = stage.world.start_instance();
    stage.world.advance(SECOND);
    assert_eq!(stage.fetch_at(third, &copy), 401);
    // It does not go on for ever.
    let told = |stage: &mut Stage<P>| stage.world.webdis().count(relying_party::store::revocations::TELL);
    let before = told(&mut stage);
    stage.world.advance(30 * SECOND);
    assert_eq!(told(&mut stage), before);
}

fn who_signed_out_is_let_in_at_no_moment_when_a_process_starts_again<P: Proxy>() {
    let mut stage = Stage::<P>::set(with_store("deny"));
    let copy = stage.request(Request::fetch("/private"));
    stage.sign_out_at(stage.first);
    stage.world.advance(SOON);
    stage.world.restart();
    // One VM reads what the store knows, the others hear that it has: none hears that before it knows what was read.
    for _ in 0..400 {
        for vm in stage.world.vms() {
            assert_ne!(stage.fetch_at(vm, &copy), 200);
        }
        stage.world.advance(Duration::from_millis(1));
    }
    for vm in stage.world.vms() {
        assert_eq!(stage.fetch_at(vm, &copy), 401);
    }
}

fn one_vm_of_a_process_reads<P: Proxy>() {
    let mut world = VirtualWorld::<P>::open(with_store("deny").in_vms(3));
    world.settle();
    world.advance(SECOND);
    let reads = |world: &mut VirtualWorld<P>| world.webdis().count(relying_party::store::revocations::READ);
    let before = reads(&mut world);
    world.advance(20 * SECOND);
    let count = reads(&mut world) - before;
    assert!((18..=21).contains(&count), "{count} in 20 s");
    // Another takes over when it dies.
    for _ in 0..2 {
        let vm = world.vms()[0];
        world.kill_vm(vm);
        world.advance(4 * SECOND);
        let before = reads(&mut world);
        world.advance(4 * SECOND);
        assert!(reads(&mut world) - before >= 3);
    }
}

/// Sessions with tokens of ten minutes and a provider that never takes a refresh token twice.
fn with_tokens(on_failure: &str) -> Setup {
    let setup = with_store(on_failure).header("authorization", "\"Bearer \" + access_token");
    setup.provider(|provider| {
        provider.refresh_tokens = RefreshTokens::Rotating;
        provider.access_token_lifetime = Duration::from_secs(600);
    })
}

const REFRESH_DUE: Duration = Duration::from_secs(545);
const TOKEN_ENDED: Duration = Duration::from_secs(605);

fn refresh_requests<P: Proxy>(world: &mut VirtualWorld<P>) -> usize {
    let log = &world.provider().log;
    log.iter().filter(|(_, request)| request.posted("grant_type").as_deref() == Some("refresh_token")).count()
}

fn of_many_instances_one_refreshes<P: Proxy>() {
    for (on_failure, pause) in [("deny", Duration::ZERO), ("local", Duration::ZERO), ("deny", SECOND)] {
        let mut stage = Stage::<P>::set(with_tokens(on_failure));
        let third = stage.world.start_instance();
        stage.world.advance(TOKEN_ENDED);
        stage.world.provider().behave(Endpoint::Token, provider::Behaviour::Slow(Duration::from_millis(300)));
        let copy = stage.request(Request::fetch("/private"));
        let vms = [stage.first, stage.second, third];
        let mut tickets = Vec::new();
        for vm in vms {
            tickets.extend((0..5).map(|_| stage.world.start_at(vm, copy.clone())));
            stage.world.advance(pause);
        }
        let tokens: BTreeSet<String> = tickets
            .into_iter()
            .map(|ticket| {
                let exchange = stage.world.finish(ticket);
                assert_eq!(exchange.response.status, 200, "{:?}", exchange.response);
                exchange.forwarded().header("authorization").expect("a token").to_owned()
            })
            .collect();
        assert_eq!(tokens.len(), 1, "all have the same token: {tokens:?}");
        assert_eq!(refresh_requests(&mut stage.world), 1);
        assert!(stage.world.provider().complaints.is_empty(), "{:?}", stage.world.provider().complaints);
        assert!(!stage.world.webdis().content().contains("ada"));
    }
}

fn a_session_that_a_refresh_has_ended_is_over_everywhere<P: Proxy>() {
    let mut stage = Stage::<P>::set(with_tokens("deny"));
    stage.world.advance(TOKEN_ENDED);
    let copy = stage.request(Request::fetch("/private"));
    let refused = Response::json(400, &json!({"error": "invalid_grant"}));
    stage.world.provider().behave(Endpoint::Token, provider::Behaviour::Answer(refused));
    let (first, second) = (stage.first, stage.second);
    assert_eq!((stage.fetch_at(first, &copy), stage.fetch_at(second, &copy)), (401, 401));
    assert_eq!(refresh_requests(&mut stage.world), 1);
}

fn without_the_store_a_token_that_is_good_is_used<P: Proxy>() {
    for (on_failure, refreshes) in [("deny", 0), ("local", 1)] {
        let mut stage = Stage::<P>::set(with_tokens(on_failure));
        let second = stage.second;
        stage.world.advance(REFRESH_DUE);
        stage.behave(Behaviour::Reset);
        let copy = stage.request(Request::fetch("/private"));
        assert_eq!(stage.fetch_at(second, &copy), 200);
        assert_eq!(refresh_requests(&mut stage.world), refreshes, "{on_failure}");
    }
    let mut stage = Stage::<P>::set(with_tokens("deny"));
    let second = stage.second;
    stage.world.advance(TOKEN_ENDED);
    stage.behave(Behaviour::Reset);
    let copy = stage.request(Request::fetch("/private"));
    assert_eq!(stage.fetch_at(second, &copy), 503);
    assert_eq!(refresh_requests(&mut stage.world), 0, "another instance may be at it");
    stage.behave(Behaviour::Normal);
    stage.world.advance(4 * SECOND);
    assert_eq!(stage.fetch_at(second, &copy), 200, "nobody is signed out");
}

#[test]
fn the_example_is_accepted() {
    let example = include_bytes!("../../../examples/two-replicas/latchkey.json");
    let environment = Setup::default().environment;
    let variable = |name: &str| environment.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let config = relying_party::config::Config::parse(example, &variable).unwrap_or_else(|errors| panic!("{errors}"));
    assert!(config.session.is_some_and(|session| session.store.is_some()));
}

rings! {
    what_one_instance_ends_is_ended_in_all,
    nothing_in_the_store_says_whom_it_is_about,
    a_store_that_is_away_for_a_moment_is_not_noticed,
    who_denies_lets_nobody_in_while_the_store_is_away_and_signs_nobody_out,
    who_does_not_deny_goes_on_with_what_is_known_here,
    what_could_not_be_told_is_told_even_when_its_vm_has_died,
    a_store_that_has_lost_everything_is_told_again,
    who_signed_out_is_let_in_at_no_moment_when_a_process_starts_again,
    one_vm_of_a_process_reads,
    of_many_instances_one_refreshes,
    a_session_that_a_refresh_has_ended_is_over_everywhere,
    without_the_store_a_token_that_is_good_is_used,
}
