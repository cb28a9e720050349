#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::super::Document;
use super::masked;
use crate::judgement::{UnsetVariables, faults, judge};

/// Documents with places where a secret stands: `SECRET`, and `PEM` for one of several lines that have this indent.
const PLACES: [&str; 27] = [
    "providers:\n- name: corp\n  client_id: portal\n  client_secret: SECRET\n  scope: openid\n",
    "providers:\n- {name: corp, client_secret: \"SECRET\", scope: openid}\n",
    "providers:\n- {name: corp, client_secret: SECRET, scope: openid}\nsession: {keys: [{env: K}]}\n",
    "session:\n  keys: [SECRET, {env: K}]\n  cookie: x\n",
    "session:\n  keys:\n  - SECRET\n  - 'SECRET'\n  cookie: x\n",
    "session:\n    keys:\n        - \"SECRET\"\n    cookie: x\n",
    "assertion: {key: SECRET, other_keys: [SECRET], lifetime: 1m}\nrules: []\n",
    "assertion:\n  other_keys:\n    - SECRET\n  lifetime: 1m\nrules: []\n",
    "providers:\n- name: corp\n  client_key: |\n    -----BEGIN PRIVATE KEY-----\n    SECRET\n    -----END PRIVATE KEY-----\n  scope: x\n",
    "providers:\n- name: corp\n  client_key: >-\n    SECRET\n    more\n  scope: x\n",
    "providers:\n- client_key: \"-----BEGIN PRIVATE KEY-----\n\n   SECRET\n\n   -----END PRIVATE KEY-----\"\n  scope: x\n",
    "x: &pem SECRET\nproviders:\n- name: corp\n  client_key: *pem\n  scope: x\n",
    "x: &all [SECRET, {a: SECRET}]\nsession: {keys: *all}\n",
    "session: {keys: [&one SECRET]}\nassertion: {key: *one}\n",
    "providers:\n- name: corp\n  clientsecret: SECRET\n  client-secret: SECRET\n  client_sercet: SECRET\n  password: SECRET\n",
    "{\n\"providers\": [\n{\"name\": \"corp\",\n\"client_secret\": \"SECRET\",\n\"scope\": \"x\"}]\n}\n",
    "{\"session\": {\"keys\": [\"SECRET\"]}, \"rules\": []}",
    "providers:\n- issuer: https://user:SECRET@login.example.org/x\n  name: corp\n",
    "? client_secret\n: SECRET\nname: x\n",
    "client_secret:\n  SECRET\nname: x\n",
    "client_secret: {env: SECRET-}\nname: x # client_secret: SECRET\n# client_secret: SECRET\n",
    "- name: token\n  generic_secret: {secret: {inline_string: SECRET}}\n- name: other\n",
    "client_key: {kty: EC, d: SECRET, SECRET: d}\nname: x\n",
    "- {name: corp, client_secret:SECRET, scope: x}\n- {client_secret=SECRET, name: corp}\n",
    "client_secret:SECRET\n",
    "client_secret=SECRET\n",
    "ä: ö\r\nclient_secret: SECRET\r\nname: ü\r\n",
];

const SECRETS: [&str; 6] =
    ["hunter2secret", "0hunter2", "H3gX19lShk+re/O2RpGji==", "hunter2#x", "ge=heim-häuser2", "01234567890123"];

#[test]
fn a_secret_becomes_stars_and_all_else_stays_where_it_was() {
    for (text, expected) in [
        ("client_secret: hunter2secret\nscpe: openid\n", "client_secret: *************\nscpe: openid\n"),
        ("- {client_id: x, client_secret: \"s\", scpe: y}\n", "- {client_id: x, client_secret: ***, scpe: y}\n"),
        ("session: {keys: [abc, {env: K}], cokie: y}\n", "session: {keys: [***, {env: K}], cokie: y}\n"),
        ("client_secret: {env: \"no name\"}\n", "client_secret: {env: *********}\n"),
        ("issuer: https://user:pw@a.example/x?token=1\n", "issuer: https://*******@a.example/x?*******\n"),
        ("access_token: jwt\ntoken_type: any\n", "access_token: jwt\ntoken_type: any\n"),
        ("client_secret: s # old: t\n", "client_secret: * ********\n"),
        // These are no YAML.
        ("client_secret: {env: CORP}, x]\nscope: x\n[", "client_secret: {env: CORP}****\nscope: x\n*"),
        ("client_secret hunter2\nscope: [x\n", "*********************\nscope: **\n"),
        ("a: &s hunter2\nscope: [x\n", "a: **********\nscope: **\n"),
    ] {
        assert_eq!(masked(text), expected);
    }
}

#[test]
fn every_place_of_a_secret_is_known() {
    for place in PLACES {
        for secret in SECRETS {
            let text = place.replace("SECRET", secret);
            assert!(!masked(&text).contains(secret), "{text}\n{}", masked(&text));
            assert_eq!(masked(&text).len(), text.len());
        }
    }
}

/// A mistake, made at some place of the document, but within no word and no URL: what is torn apart is no key and no URL any more.
fn mistaken(text: &str, secret: &str, mistake: &str, at: Index, replaces: bool) -> String {
    let secrets: Vec<_> = text.match_indices(secret).map(|(start, _)| start..start + secret.len()).collect();
    let mut before = ' ';
    let mut places = Vec::new();
    for (offset, character) in text.char_indices() {
        let joins = |character: char| character.is_alphanumeric() || "_-&*".contains(character);
        let in_secret = secrets.iter().any(|range| range.start < offset && offset < range.end);
        let in_url =
            text.match_indices("https://user:").any(|(start, url)| (start..=start + url.len()).contains(&offset));
        let in_word = joins(before) && joins(character);
        if !(in_secret || in_url || in_word || character == '@') {
            places.push(offset);
        }
        before = character;
    }
    let place = places[at.index(places.len())];
    let skips = replaces && !secrets.iter().any(|range| range.start == place);
    let first = text[place..].chars().next().filter(|_| skips).map_or(0, char::len_utf8);
    format!("{}{mistake}{}", &text[..place], &text[place + first..])
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 100_000, ..ProptestConfig::with_cases(1_500) })]

    #[test]
    fn no_secret_is_shown_whatever_else_is_wrong(
        (place, other) in (select(&PLACES[..]), select(&PLACES[..])),
        secret in select(&SECRETS[..]),
        mistake in select(vec!["", "x", "[", "}", "\"", "'", ": ", "\n", "\t", "- ", "a: b: c", "%", "@", "*x", "&y ", "|", "no", "\n  scpe: x\n", "\u{0}"]),
        at: Index,
        replaces: bool,
        joined: bool,
    ) {
        let has_one_mistake = |place: &str| !["? ", "secret:SECRET", "secret=SECRET", "&all"].iter().any(|part| place.contains(part));
        prop_assume!(has_one_mistake(place));
        let text = place.replace("SECRET", secret);
        let text = if joined && has_one_mistake(other) { format!("{text}\n{}", other.replace("SECRET", secret)) } else { text };
        let text = mistaken(&text, secret, mistake, at, replaces);
        let shown = masked(&text);
        prop_assert_eq!(shown.len(), text.len());
        prop_assert!(!shown.contains(secret), "{}\n---\n{}", text, shown);
        let findings = match Document::parse("test".to_owned(), text.clone()) {
            Err(malformed) => faults(&malformed),
            Ok(document) => judge(&document, &|_| None, UnsetVariables::AreMissing).config.err().unwrap_or_default(),
        };
        for finding in findings {
            prop_assert!(!format!("{finding:?}").contains(secret), "{}\n---\n{:?}", text, finding);
        }
    }

    #[test]
    fn any_text_can_be_shown(text in "\\PC{0,60}|[-?:,\\[\\]{}#&*!|>'\"%@` \na1keys]{0,60}") {
        let shown = masked(&text);
        prop_assert_eq!(shown.len(), text.len());
        prop_assert_eq!(shown.lines().count(), text.lines().count());
    }
}
