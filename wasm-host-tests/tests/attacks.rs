//! Attacks that are no scenarios, in the core and in the module: configurations with which nothing may start, and endpoints that only
//! configured clusters can reach.

use serde_json::{Value, json};
use wasm_host_tests::attacks::corpus::cases_of;
use wasm_host_tests::message::Request;
use wasm_host_tests::provider::CLUSTER;
use wasm_host_tests::setup::Setup;
use wasm_host_tests::simulation::{Proxy, VirtualWorld};
use wasm_host_tests::world::World;

const STARTS: &str = include_str!("../attacks/corpus/starts.txt");

/// The good configuration, changed.
fn changed(pointer: &str, value: &Value) -> Setup {
    let mut setup = Setup::default();
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    match setup.document.pointer_mut(parent).expect("a place") {
        Value::Array(items) => items.push(value.clone()),
        place => place[name] = value.clone(),
    }
    setup
}

/// What the core says to a configuration; `None` when it starts.
fn core(setup: &Setup) -> Option<String> {
    let environment =
        |name: &str| setup.environment.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone());
    let read = relying_party::config::Config::parse(setup.document.to_string().as_bytes(), &environment);
    read.err().map(|errors| errors.to_string())
}

#[cfg(feature = "wasm")]
fn wasm(setup: &Setup) -> Option<String> {
    use wasm_host_tests::simulation::{BEGINNING, Boot};
    wasm_host_tests::host::Host::<true>::start(&Boot::new(setup, 1), BEGINNING).err()
}

fn nothing_starts(advisory: &str, place: fn(&str) -> String, refusal: fn(&Setup) -> Option<String>) {
    assert_eq!(refusal(&Setup::default()), None, "the good one");
    for case in cases_of(STARTS, advisory) {
        let pointer = case.value[0].as_str().expect("a pointer");
        let refused = refusal(&changed(pointer, &case.value[1])).unwrap_or_else(|| panic!("{case:?} starts"));
        assert!(refused.contains(&place(pointer)), "{case:?}: {refused}");
        let secret = case.value[1][0].as_str().filter(|text| text.len() > 10);
        assert!(!secret.is_some_and(|secret| refused.contains(secret)), "{case:?}: {refused}");
    }
}

/// The message names the place: the last member of the pointer, or the list that was made longer.
fn the_setting(pointer: &str) -> String {
    let mut names = pointer.split('/').filter(|part| part.parse::<usize>().is_err() && *part != "-");
    names.next_back().expect("a name").to_owned()
}

fn the_keys(_: &str) -> String {
    "session.keys".to_owned()
}

/// Istio CVE-2026-41413: where keys are is for the provider to say, who is asked for the operator.
fn only_configured_clusters_carry_anything<P: Proxy>() {
    for host in ["evil.example", "169.254.169.254", "metadata.internal", "login.provider.test.evil.example", "webdis"] {
        for member in ["jwks_uri", "token_endpoint", "userinfo_endpoint", "introspection_endpoint"] {
            let mut world = VirtualWorld::<P>::open(Setup::api().of_provider("userinfo", true).provider(|provider| {
                provider.change_metadata(move |document| document[member] = format!("https://{host}/x").into());
            }));
            world.settle();
            wasm_host_tests::browser::Browser::default().open(&mut world, "/private");
            let now = world.now();
            let token = world.provider().access_token(now).sign();
            world.send(Request::get("/orders").with("authorization", format!("Bearer {token}")));
            assert!(!world.carried().is_empty());
            assert!(world.carried().iter().all(|(cluster, _)| cluster == CLUSTER), "{host}: {:?}", world.carried());
        }
    }
}

macro_rules! rings {
    ($($ring:ident: $proxy:ty),*) => {
        $(mod $ring {
            #[test]
            fn cve_2026_41413_only_configured_clusters_carry_anything() {
                super::only_configured_clusters_carry_anything::<$proxy>();
            }

            #[test]
            fn ghsa_652x_m2gr_hppm_a_setting_without_effect_keeps_everything_from_starting() {
                super::nothing_starts("GHSA-652x-m2gr-hppm", super::the_setting, super::$ring);
            }

            #[test]
            fn traefik_plugin_no_key_a_known_one_or_a_short_one_starts_nothing() {
                super::nothing_starts("traefik-plugin", super::the_keys, super::$ring);
                let mut without = super::Setup::default();
                without.document["session"] = super::json!({});
                assert!(super::$ring(&without).is_some_and(|refusal| refusal.contains("keys")));
            }
        })*
    };
}

rings!(core: wasm_host_tests::core_world::CoreProxy);
#[cfg(feature = "wasm")]
rings!(wasm: wasm_host_tests::host::Host<true>);
