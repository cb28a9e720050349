#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, clippy::panic, reason = "tests")]

use proptest::prelude::*;

use super::*;

fn document(text: &str) -> Document {
    Document::parse("test".to_owned(), text.to_owned()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refusal(text: &str) -> String {
    match Document::parse("test".to_owned(), text.to_owned()) {
        Err(malformed) => malformed.fault.message,
        Ok(_) => panic!("{text} is accepted"),
    }
}

#[test]
fn yaml_becomes_the_json_that_the_filter_gets_in_its_order() {
    let yaml = document("b: 1\na: [x, 2.5, null, true]\nc:\n  d: |\n    text\n");
    assert_eq!(yaml.json(), br#"{"b":1,"a":["x",2.5,null,true],"c":{"d":"text\n"}}"#);
    assert_eq!(document(r#"{"a": {"b": "c"}}"#).json(), br#"{"a":{"b":"c"}}"#);
    assert_eq!(document("a: &x {b: 1}\nc: *x\n").json(), br#"{"a":{"b":1},"c":{"b":1}}"#);
    assert_eq!(document("a: 1\na: 2\n").json(), br#"{"a":1,"a":2}"#, "the core says that a member is repeated");
}

#[test]
fn a_place_is_found_by_its_path_and_a_missing_one_by_what_is_around_it() {
    let yaml = document("ä: ü\nrules:\n  - name: one\n    match: {path: /x}\n  - name: two\n\"a b\": 1\n");
    let at = |path: &str| &yaml.text[yaml.place(path)];
    assert_eq!(at("rules"), "rules");
    assert_eq!(at("rules[1].name"), "name: two");
    assert_eq!(at("rules[0].match.path"), "path: /x");
    assert_eq!(at("rules[0].match.host"), "match");
    assert_eq!(at("[\"a b\"]"), "\"a b\": 1");
    assert_eq!(line_and_column(&yaml.text, yaml.place("rules[1].name").start), (5, 5));
}

#[test]
fn what_is_no_document_is_refused_with_its_place() {
    for (text, part) in [
        ("a: [", ""),
        ("", "found nothing"),
        ("# only a comment\n", "found nothing"),
        ("a: 1\n---\nb: 2\n", "second document"),
        ("a: .nan", "JSON"),
        ("? [a]\n: b\n", "no text"),
        ("a: *b", ""),
        ("a: !!int x", "tag"),
        ("\u{0}\u{1}", ""),
    ] {
        let message = refusal(text);
        assert!(message.contains(part), "{text:?}: {message}");
    }
}

#[test]
fn what_readers_of_yaml_disagree_on_needs_quotes() {
    for text in ["no", "Yes", "on", "OFF", "y", "0123", "0x1F", "1_000", "-0o17"] {
        assert!(refusal(&format!("a: {text}")).contains("quotes"), "{text}");
        assert_eq!(document(&format!("a: \"{text}\"")).tree.member("a"), Some(&Tree::from(text)));
    }
    for text in ["0o17", "+0x1f", "0b1", "0X1F", "00", "1__0", "089"] {
        assert!(is_ambiguous(text), "{text}");
    }
    for text in [
        "0",
        "10",
        "30m",
        "0.5",
        "true",
        "north",
        "007-bond",
        "_1",
        "0s",
        "0oa1b2c3d4e5",
        "0deadbeef",
        "0x",
        "0xyz",
        "0b2",
        "0o8",
        "12:30",
        "1.0.0",
        "0d",
        "00u1a",
    ] {
        assert!(!is_ambiguous(text), "{text}");
        assert!(!document(&format!("a: {text}")).json().is_empty(), "{text}");
    }
}

#[test]
fn all_that_is_ambiguous_is_reported_with_its_path_and_booleans_are_proposed() {
    let text = "session: {secure: no}\nproviders:\n- clock_skew: 0123\n  client_secret: 0123456\n";
    let Err(malformed) = Document::parse("test".to_owned(), text.to_owned()) else { panic!("accepted") };
    let faults: Vec<_> = malformed.faults().map(|fault| (fault.path.as_str(), fault.message.as_str())).collect();
    let read = "without quotes, which Envoy, Kubernetes and this command read differently: write";
    assert_eq!(
        faults,
        [
            ("session.secure", &*format!("found `no` {read} `false`, or \"no\" for the text")),
            (
                "providers[0].clock_skew",
                &*format!("found a number {read} it in another form, or in quotes for the text")
            ),
            (
                "providers[0].client_secret",
                &*format!("found a number {read} it in another form, or in quotes for the text")
            ),
        ]
    );
}

#[test]
fn a_path_ends_where_a_secret_may_be_a_name() {
    for name in ["hunter2", "\"hun/ter2==\""] {
        let text = format!("client_key: {{{name}: no}}\n");
        let Err(malformed) = Document::parse("test".to_owned(), text) else { panic!("accepted") };
        assert_eq!(malformed.fault.path, "client_key");
    }
}

#[test]
fn a_tab_that_the_parser_does_not_take_is_named_where_it_is() {
    for (text, place) in
        [("a: 1\ncluster:\tcorp-idp\n", (2, 9)), ("a:\n\tb: 1\n", (2, 1)), ("a:\n  b: 1\n\tc: 2\n", (3, 1))]
    {
        let Err(malformed) = Document::parse("test".to_owned(), text.to_owned()) else {
            panic!("{text:?} is accepted")
        };
        assert!(malformed.fault.message.contains("found a tab"), "{text:?}: {}", malformed.fault.message);
        assert_eq!(line_and_column(&malformed.text, malformed.fault.place.start), place, "{text:?}");
    }
}

#[test]
fn little_text_cannot_become_much() {
    let laughs: String =
        (1..30).map(|level| format!("a{level}: &x{level} [*x{0}, *x{0}, *x{0}, *x{0}]\n", level - 1)).collect();
    assert!(refusal(&format!("a0: &x0 [1, 2]\n{laughs}")).contains("too large"));
    assert!(refusal(&"[".repeat(100_000)).contains("recursion"));
    assert!(refusal(&"- ".repeat(100_000)).contains("too deep"));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,60}|[-?:,\\[\\]{}#&*!|>'\"%@` \na1]{0,40}") {
        if let Ok(document) = Document::parse("test".to_owned(), text) {
            let place = document.place("a.b[1]");
            prop_assert!(document.text.get(place).is_some());
        }
    }
}
