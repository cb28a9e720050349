//! Ring two: what only the module in its host can tell.
#![cfg(feature = "wasm")]

use std::time::Duration;

use wasm_host_tests::WasmWorld;
use wasm_host_tests::browser::Browser;
use wasm_host_tests::host::Host;
use wasm_host_tests::message::Request;
use wasm_host_tests::provider::id_token::Signing;
use wasm_host_tests::provider::keys::TestKey;
use wasm_host_tests::setup::Setup;
use wasm_host_tests::simulation::{BEGINNING, Boot, Verification};
use wasm_host_tests::world::World;

fn refusal(setup: &Setup) -> String {
    match Host::<true>::start(&Boot::new(setup, 1), BEGINNING) {
        Ok(_) => panic!("the configuration was accepted"),
        Err(log) => log,
    }
}

#[test]
fn a_configuration_with_mistakes_is_refused_with_all_of_them() {
    let mut setup = Setup::default().session("idle_timout", "30m").of_provider("issuer", "http://login.example.org");
    setup.document["rules"][0]["match"]["path_prefx"] = "/x".into();
    let log = refusal(&setup);
    for part in
        ["session.idle_timout", "idle_timeout", "providers[0].issuer", "rules[0].match.path_prefx", "path_prefix"]
    {
        assert!(log.contains(part), "no {part} in:\n{log}");
    }
}

#[test]
fn a_refusal_prints_no_secret() {
    let setup = Setup::default()
        .of_provider("client_secret", "hunter2-hunter2")
        .session("keys", serde_json::json!(["short-key-value"]));
    let log = refusal(&setup.top("unknown", 1));
    assert!(!log.contains("hunter2") && !log.contains("short-key-value"), "{log}");
}

#[test]
fn without_a_usable_session_key_nothing_starts() {
    for keys in [
        serde_json::json!([]),
        serde_json::json!([{"env": "NOT_SET"}]),
        serde_json::json!(["AAAA"]),
        serde_json::json!([""]),
        serde_json::json!(["A".repeat(43)]),
    ] {
        assert!(refusal(&Setup::default().session("keys", keys)).contains("session.keys"));
    }
}

#[test]
fn rubbish_instead_of_a_configuration_is_refused() {
    for document in [&b""[..], b"{", b"\xff\xfe", b"[]", b"null", b"{\"providers\":[]}"] {
        let boot = Boot { configuration: document.to_vec(), ..Boot::new(&Setup::default(), 1) };
        let log = Host::<true>::start(&boot, BEGINNING).err().expect("refused");
        assert!(log.contains("configuration"), "{log}");
    }
}

#[test]
fn a_refusal_shows_its_reason_to_the_access_log() {
    let mut world = WasmWorld::open(Setup::default());
    world.send(Request::fetch("/private")).refused_with(401);
    let published = world.proxy().published().last().cloned();
    assert_eq!(published, Some(("latchkey.reason".to_owned(), "session.required".to_owned())));
}

#[test]
fn strangers_do_not_make_memory_grow() {
    let mut world = WasmWorld::open(Setup::default());
    let crowd = |world: &mut WasmWorld, from: u32| {
        for number in from..from + 2_000 {
            world.send(Request::navigation(&format!("/private/{number}")));
            let cookie = format!("__Host-latchkey={number:0600}; __Host-latchkey-login={number:043}");
            world.send(Request::fetch("/private").with("cookie", cookie));
            world.send(Request::navigation(&format!("/oauth2/callback?code={number}&state={number:0300}")));
            let ticket = world.start(Request::navigation("/private"));
            world.abandon(ticket);
        }
    };
    crowd(&mut world, 0);
    let before = world.proxy().memory();
    crowd(&mut world, 10_000);
    crowd(&mut world, 20_000);
    let after = world.proxy().memory();
    assert!(after <= before + 128 * 1024, "{before} bytes, later {after}");
}

#[test]
fn an_idle_relying_party_rests() {
    let mut world = WasmWorld::open(Setup::default());
    world.advance(Duration::from_secs(30));
    let before = world.ticks();
    world.advance(Duration::from_secs(1800));
    assert!(world.ticks() - before <= 4, "{} ticks in half an hour without anything to do", world.ticks() - before);
}

#[test]
fn logins_work_and_forgeries_do_not_whatever_the_host_can_verify() {
    for (verification, trusted) in [
        (Verification::Right, "the host verifies RS256, RS384, RS512, ES256, ES384, ES512;"),
        (Verification::Absent, "the host verifies nothing;"),
        (Verification::AlwaysYes, "the host verifies nothing;"),
        (Verification::AlwaysNo, "the host verifies nothing;"),
    ] {
        let setup = || Setup { verification, ..Setup::default() };
        let mut world = WasmWorld::open(setup());
        Browser::default().open(&mut world, "/").shows("/");
        let said = world.log().iter().filter(|line| line.contains(trusted)).count();
        assert_eq!(said, 1, "{verification:?}: {:?}", world.log());
        for signing in [Signing::Corrupted(TestKey::Rsa1), Signing::With(TestKey::Rsa2)] {
            let forged = setup().provider(|provider| provider.forge(move |draft| draft.signing = signing));
            let mut world = WasmWorld::open(forged);
            let page = Browser::default().open(&mut world, "/target");
            page.exchange.refused_with(502).because_of("id_token.signature_invalid");
        }
    }
}
