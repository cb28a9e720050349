//! What the release module says of configurations is what the core says of them, and so what `latchkey check` does (cli/tests/check.rs
//! reads the same file). The file has the documents of the core's own tests, one a line.
#![cfg(feature = "wasm")]

use relying_party::config::Config;
use wasm_host_tests::host::Host;
use wasm_host_tests::setup::Setup;
use wasm_host_tests::simulation::{BEGINNING, Boot};

/// The variables that the documents name.
const VARIABLES: [(&str, &str); 4] = [
    ("CORP_CLIENT_SECRET", "ju5t-b3tween-us"),
    ("LATCHKEY_SESSION_KEY", "H3gX19lShk+re+O2RpGji2Fkx/+m8H5LnwdIvOtYSh0="),
    ("EMPTY", ""),
    ("LINE_BREAK", "ju5t-b3tween-us\n"),
];

#[test]
fn the_module_starts_with_what_the_core_accepts_and_with_nothing_else() {
    let environment =
        |name: &str| VARIABLES.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    let template = Boot::new(&Setup::default(), 1);
    let variables = VARIABLES.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    for document in include_str!("../configurations.jsonl").lines() {
        let configuration = document.as_bytes().to_vec();
        let boot = Boot { configuration, environment: variables.clone(), ..template.clone() };
        let refusal = Host::<true>::start(&boot, BEGINNING).err();
        match (Config::parse(document.as_bytes(), &environment), refusal) {
            (Ok(_), None) => {}
            (Err(errors), Some(log)) => {
                for problem in errors.problems() {
                    assert!(log.contains(&problem.to_string()), "{document}\n{problem}\n{log}");
                }
            }
            (core, refusal) => panic!("{document}\nthe core: {:?}\nthe module: {refusal:?}", core.err()),
        }
    }
}
