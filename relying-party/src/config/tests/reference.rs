//! The reference of the configuration: its keys are those that the reader knows, what a value may be is what it says when it
//! refuses one, and a written default is one that changes nothing. `docs/reference/configuration.txt` adds what a key means.

use std::fmt::Write as _;

use super::super::cursor::Keys;
use super::super::{assertion, audit, exchange, provider, rules, session, store};
use super::*;
use crate::documentation::{Line, assert_current, cell, lines, sources};
use crate::jose::signing_key::tests::P256_PEM;

/// A mapping with fixed keys.
struct Section {
    /// As in the heading of its section.
    name: &'static str,
    /// Those without a line so far.
    keys: Vec<&'static str>,
    /// A document that has such a mapping.
    document: Value,
    /// Where.
    pointer: &'static str,
}

/// Every mapping with fixed keys.
fn sections() -> Vec<Section> {
    let issuer = with("/providers/0/audience", json!(["https://api.example.org"]));
    let home = with("/public_url", json!("https://portal.example.org"));
    let store = with("/session/store", json!({"cluster": "webdis", "kind": "webdis"}));
    let rule = json!({"match": {"path_prefix": "/a"}, "authentication": "any"});
    let rule = changed(issuer.clone(), "/rules", json!([rule]));
    let exchange = json!({"provider": "corp", "audience": "https://backend.example.org"});
    let exchange = with("/rules", json!([{"match": {"path_prefix": "/a"}, "exchange": exchange}]));
    let assertion = changed(home, "/assertion", json!({"key": P256_PEM}));
    let audit = with("/audit", json!({"subject": "hashed"}));
    let section = |name, keys: &Keys, document, pointer| Section { name, keys: keys.known.to_vec(), document, pointer };
    vec![
        section("The document", &super::super::KEYS, minimal(), ""),
        section("providers[]", &provider::KEYS, issuer, "/providers/0"),
        section("session", &session::KEYS, minimal(), "/session"),
        section("session.store", &store::KEYS, store, "/session/store"),
        section("rules[].match", &rules::MATCH_KEYS, rule.clone(), "/rules/0/match"),
        section("rules[]", &rules::KEYS, rule, "/rules/0"),
        section("rules[].exchange", &exchange::KEYS, exchange, "/rules/0/exchange"),
        section("assertion", &assertion::KEYS, assertion, "/assertion"),
        section("audit", &audit::KEYS, audit, "/audit"),
    ]
}

#[test]
fn the_reference_of_the_configuration_is_current() {
    let mut sections = sections();
    let constants = sources("relying-party/src/config");
    let constants = constants.iter().map(|source| source.matches(concat!("KEYS: ", "Keys =")).count());
    assert_eq!(sections.len(), constants.sum::<usize>(), "a mapping of the configuration is not in its reference");

    let mut page = String::new();
    let mut current = None;
    for line in lines("configuration.txt") {
        match line {
            Line::Heading(title) => {
                current.iter().for_each(Section::finish);
                let name = title.trim_matches('`');
                let at = sections.iter().position(|section| section.name == name).expect("a section once, by its name");
                current = Some(sections.swap_remove(at));
                write!(page, "\n## {title}\n\n").unwrap();
            }
            Line::Note(note) => {
                writeln!(page, "{note}\n\n| key | value | default | meaning |\n|---|---|---|---|").unwrap();
            }
            Line::Entry(fields) => page.push_str(&current.as_mut().unwrap().row(fields.try_into().unwrap())),
        }
    }
    current.iter().for_each(Section::finish);
    assert!(sections.is_empty(), "mappings without a section in docs/reference/configuration.txt");
    assert_current("configuration.md", page.trim_start());
}

impl Section {
    fn row(&mut self, [key, default, meaning]: [String; 3]) -> String {
        let known = self.keys.iter().position(|known| *known == key);
        self.keys.swap_remove(known.unwrap_or_else(|| panic!("`{key}` is no key of `{}`, or twice", self.name)));
        let pointer = format!("{}/{key}", self.pointer);
        check_default(&self.document, &pointer, &default);
        let anchor = format!("<a id=\"{}.{key}\"></a>", self.name.replace("[]", "").replace("The document", ""));
        let (value, meaning) = (cell(&expected(&self.document, &pointer)), cell(&meaning));
        format!("| {anchor}`{key}` | {value} | {} | {meaning} |\n", default.trim_start_matches("= "))
    }

    fn finish(&self) {
        assert_eq!(self.keys, [""; 0], "keys of `{}` without a line in docs/reference/configuration.txt", self.name);
    }
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
