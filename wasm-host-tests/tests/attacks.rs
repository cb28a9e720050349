//! Attacks that are decided before the first request: configurations with which nothing may start, in the core and in the module.

use serde_json::{Value, json};
use wasm_host_tests::attacks::corpus::cases_of;
use wasm_host_tests::setup::Setup;

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

macro_rules! rings {
    ($($ring:ident),*) => {
        $(mod $ring {
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

rings!(core);
#[cfg(feature = "wasm")]
rings!(wasm);
