//! The reference of the configuration: its keys are those that the reader knows, what a value may be is what it says when it
//! refuses one, and a written default is one that changes nothing. `docs/reference/configuration.txt` adds what a key means.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::super::cursor::Keys;
use super::super::{assertion, audit, exchange, provider, rules, session, store};
use super::*;
use crate::documentation::{Line, assert_current, cell, lines, sources};
use crate::jose::signing_key::tests::P256_PEM;

/// Every mapping with fixed keys, with a document that has it, and where.
fn mappings() -> Vec<(&'static str, &'static Keys, Value, &'static str)> {
    let with_rule = |rule| with("/rules", json!([rule]));
    let issuer = with("/providers/0/audience", json!(["https://api.example.org"]));
    let home = with("/public_url", json!("https://portal.example.org"));
    let bearer = json!({"match": {"path_prefix": "/a"}, "authentication": "any"});
    let bearer = changed(issuer.clone(), "/rules", json!([bearer]));
    let exchange = json!({
        "match": {"path_prefix": "/a"},
        "exchange": {"provider": "corp", "audience": "https://backend.example.org"},
    });
    vec![
        ("", &super::super::KEYS, minimal(), ""),
        ("providers[]", &provider::KEYS, issuer, "/providers/0"),
        ("session", &session::KEYS, minimal(), "/session"),
        (
            "session.store",
            &store::KEYS,
            with("/session/store", json!({"cluster": "webdis", "kind": "webdis"})),
            "/session/store",
        ),
        ("rules[]", &rules::KEYS, bearer, "/rules/0"),
        ("rules[].match", &rules::MATCH_KEYS, with_rule(json!({"match": {"path_prefix": "/a"}})), "/rules/0/match"),
        ("assertion", &assertion::KEYS, changed(home, "/assertion", json!({"key": P256_PEM})), "/assertion"),
        ("audit", &audit::KEYS, with("/audit", json!({"subject": "hashed"})), "/audit"),
        ("rules[].exchange", &exchange::KEYS, with_rule(exchange), "/rules/0/exchange"),
    ]
}

#[test]
fn the_reference_of_the_configuration_is_current() {
    let mut mappings: BTreeMap<_, _> =
        mappings().into_iter().map(|(name, keys, document, pointer)| (name, (keys, document, pointer))).collect();
    let defined: usize = sources("relying-party/src/config")
        .iter()
        .map(|source| source.matches(concat!("KEYS: ", "Keys =")).count())
        .sum();
    assert_eq!(mappings.len(), defined, "a mapping of the configuration is not in its reference");

    let mut page = String::new();
    let mut current: Option<(Vec<&str>, Value, &str, String)> = None;
    let finish = |current: &Option<(Vec<&str>, Value, &str, String)>| {
        if let Some((missing, _, _, place)) = current {
            assert_eq!(missing, &[""; 0], "keys of `{place}` without a line in docs/reference/configuration.txt");
        }
    };
    for line in lines("configuration.txt") {
        match line {
            Line::Heading(title) => {
                finish(&current);
                let name = title.trim_matches('`');
                let name = if mappings.contains_key(name) { name } else { "" };
                let (keys, document, pointer) = mappings.remove(name).expect("each mapping once");
                current = Some((keys.known.to_vec(), document, pointer, name.to_owned()));
                write!(page, "\n## {title}\n\n").unwrap();
            }
            Line::Note(note) => {
                writeln!(page, "{note}\n\n| key | value | default | meaning |\n|---|---|---|---|").unwrap()
            }
            Line::Entry(fields) => {
                let [key, default, meaning] = fields.try_into().unwrap();
                let (missing, document, pointer, name) = current.as_mut().unwrap();
                let known = missing.iter().position(|known| *known == key);
                missing.swap_remove(known.unwrap_or_else(|| panic!("`{key}` is no key of `{name}`, or twice")));
                let pointer = format!("{pointer}/{key}");
                check_default(document, &pointer, &default);
                let default = default.trim_start_matches("= ");
                let (value, meaning) = (cell(&expected(document, &pointer)), cell(&meaning));
                let anchor = format!("<a id=\"{}.{key}\"></a>", name.replace("[]", ""));
                writeln!(page, "| {anchor}`{key}` | {value} | {default} | {meaning} |").unwrap();
            }
        }
    }
    finish(&current);
    assert!(mappings.is_empty(), "without a section: {:?}", mappings.keys());
    assert_current("configuration.md", page.trim_start());
}

/// What the reader says that it expects, when it finds a number that nothing takes.
fn expected(document: &Value, pointer: &str) -> String {
    let path = pointer.trim_start_matches('/').replace("/0", "[0]").replace('/', ".");
    let errors = parse(&changed(document.clone(), pointer, json!(0.5))).expect_err(pointer);
    let problem =
        errors.problems().iter().find(|problem| problem.path == path).unwrap_or_else(|| panic!("{pointer}: {errors}"));
    let (_, expected) = problem.message.split_once(", expected ").unwrap_or_else(|| panic!("{pointer}: {errors}"));
    expected.to_owned()
}

/// `required`: the document is refused without; ``= `VALUE` ``: writing it down changes nothing. Other texts explain what happens.
fn check_default(document: &Value, pointer: &str, default: &str) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let mut without = document.clone();
    without.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(key);
    if default == "required" {
        assert!(parse(&without).is_err(), "`{pointer}` is not required");
    } else if let Some(written) = default.strip_prefix("= ") {
        let written = written.trim_matches('`');
        let value = serde_json::from_str(written).unwrap_or_else(|_| written.into());
        let read =
            |document: &Value| format!("{:?}", parse(document).unwrap_or_else(|errors| panic!("{pointer}: {errors}")));
        assert_eq!(
            read(&changed(without.clone(), pointer, value)),
            read(&without),
            "`{pointer}`: this is not the default"
        );
    }
}
