//! `latchkey check`
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

mod command;

use command::{GOOD, Stage, repository};
use relying_party::config::Config;
use serde_json::{Value, json};

/// The variables that the documents of `configurations.jsonl` name.
const VARIABLES: [(&str, &str); 4] = [
    ("CORP_CLIENT_SECRET", "ju5t-b3tween-us"),
    ("LATCHKEY_SESSION_KEY", "H3gX19lShk+re+O2RpGji2Fkx/+m8H5LnwdIvOtYSh0="),
    ("EMPTY", ""),
    ("LINE_BREAK", "ju5t-b3tween-us\n"),
];

#[test]
fn what_is_checked_is_what_the_filter_would_say_of_every_configuration_of_its_own_tests() {
    let documents = std::fs::read_to_string(repository().join("wasm-host-tests/configurations.jsonl")).unwrap();
    let stage = VARIABLES.iter().fold(Stage::new(), |stage, (name, value)| stage.with(name, value));
    let environment =
        |name: &str| VARIABLES.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    let mut valid = 0;
    for document in documents.lines() {
        let problems = Config::parse(document.as_bytes(), &environment).err();
        let problems = problems.iter().flat_map(|errors| errors.problems());
        let mut expected: Vec<Value> =
            problems.map(|problem| json!([problem.path, problem.message, problem.hint])).collect();
        let outcome = stage.run_with_input(&["check", "-", "--require-env", "--output", "json"], document.as_bytes());
        let said = outcome.json();
        let mut found: Vec<Value> = said["problems"]
            .as_array()
            .unwrap()
            .iter()
            .map(|problem| json!([problem["path"], problem["message"], problem["hint"]]))
            .collect();
        for list in [&mut expected, &mut found] {
            list.sort_by_key(Value::to_string);
        }
        assert_eq!(found, expected, "{document}");
        assert_eq!(said["valid"], expected.is_empty(), "{document}");
        assert_eq!(outcome.status, Some(i32::from(!expected.is_empty())), "{document}");
        valid += usize::from(expected.is_empty());
    }
    assert!(valid > 80 && documents.lines().count() - valid > 150, "{valid} of {}", documents.lines().count());
}

#[test]
fn a_good_configuration_is_valid_and_says_which_variables_are_not_set_here() {
    let stage = Stage::new();
    let file = stage.file("latchkey.yaml", GOOD);
    let outcome = stage.run(&["check", &file]).succeeded();
    assert_eq!(outcome.out, "latchkey.yaml: valid\n");
    assert!(outcome.err.contains("not checked: CORP_CLIENT_SECRET, LATCHKEY_SESSION_KEY"), "{}", outcome.err);
    stage.run(&["check", &file, "--require-env"]).failed_with("found no environment variable `CORP_CLIENT_SECRET`");
}

#[test]
fn a_variable_that_is_set_is_checked() {
    let stage = Stage::new().with("CORP_CLIENT_SECRET", "s").with("LATCHKEY_SESSION_KEY", "changeme");
    let file = stage.file("latchkey.yaml", GOOD);
    let outcome = stage.run(&["check", &file]).failed_with("latchkey.yaml:10:18 session.keys[0]: found 6 bytes");
    assert!(!outcome.err.contains("changeme"), "no secret is shown: {}", outcome.err);
}

#[test]
fn a_key_that_is_not_set_here_stands_in_for_nothing_else() {
    let stage = Stage::new();
    let document = GOOD
        .replace(
            "client_secret: {env: CORP_CLIENT_SECRET}",
            "token_endpoint_auth_method: private_key_jwt\n  client_key: {env: CORP_KEY}",
        )
        .replace("keys: [{env: LATCHKEY_SESSION_KEY}]", "keys: [{env: NEW_KEY}, {env: OLD_KEY}]");
    let file = stage.file("latchkey.yaml", document);
    let outcome = stage.run(&["check", &file]).succeeded();
    assert!(outcome.err.contains("CORP_KEY, NEW_KEY, OLD_KEY"), "{}", outcome.err);
}

#[test]
fn every_problem_has_its_line_with_a_caret_and_the_nearest_spelling() {
    let stage = Stage::new();
    let document = GOOD
        .replace("path_prefix: /approvals", "path_prefx: /approvals")
        .replace("session: {", "session: {same_site: Lax, ");
    let file = stage.file("latchkey.yaml", document);
    let outcome = stage.run(&["check", &file]).failed_with("latchkey.yaml: 2 problems");
    let said = &outcome.err;
    assert!(said.contains("latchkey.yaml:20:11 rules[2].match.path_prefx: found an unknown key"), "{said}");
    assert!(said.contains("20 |   match: {path_prefx: /approvals}\n    :           ^^^^^"), "{said}");
    assert!(said.contains("did you mean `path_prefix`?"), "{said}");
    assert!(
        said.contains("latchkey.yaml:10:11 session.same_site: found \"Lax\", expected `lax`, `strict` or `none`"),
        "{said}"
    );
    assert!(said.find("session.same_site") < said.find("rules[2]"), "in the order of the file: {said}");
}

#[test]
fn for_scripts_there_is_json() {
    let stage = Stage::new();
    let file = stage.file("latchkey.yaml", GOOD.replace("path_prefix: /approvals", "path_prefx: /approvals"));
    let said = stage.run(&["check", &file, "--output", "json"]).json();
    assert_eq!(said["valid"], false);
    let problem = json!({"path": "rules[2].match.path_prefx", "message": "found an unknown key", "hint": "path_prefix", "line": 20, "column": 11});
    assert_eq!(said["problems"], json!([problem]));
    let broken = stage.file("broken.yaml", "providers: [");
    let said = stage.run(&["check", &broken, "--output", "json"]).json();
    assert_eq!((&said["valid"], &said["problems"][0]["line"]), (&json!(false), &json!(1)));
    let said = stage.run(&["check", "missing.yaml", "--output", "json"]).json();
    assert!(
        said["problems"][0]["message"].as_str().unwrap().starts_with("cannot read missing.yaml: No such file"),
        "{said}"
    );
    let binary = stage.file("binary.yaml", b"\xff\xfe");
    let said = stage.run(&["check", &binary, "--output", "json"]).json();
    assert_eq!(said["problems"][0]["help"], "is it the right file?");
}

#[test]
fn what_is_no_configuration_at_all_is_refused_in_order() {
    let stage = Stage::new();
    for (name, content, said) in [
        ("empty.yaml", b"".to_vec(), "found nothing"),
        ("list.yaml", b"[]".to_vec(), "found a list, expected a mapping"),
        ("text.yaml", b"hello".to_vec(), "found a string, expected a mapping"),
        ("broken.yaml", b"providers: [\n  - a: b: c".to_vec(), "broken.yaml:2"),
        ("binary.yaml", b"\x7fELF\x02\x01\xff\xfe".to_vec(), "is not text in UTF-8"),
        ("zeros.yaml", vec![0; 1000], "zeros.yaml:1"),
        ("huge.yaml", vec![b'a'; 5_000_000], "is larger than 4 MiB"),
        ("deep.yaml", b"- ".repeat(50_000), "too deep"),
        ("two.yaml", b"a: 1\n---\nb: 2\n".to_vec(), "found a second document"),
        ("boolean.yaml", b"providers: no\n".to_vec(), "without quotes"),
    ] {
        let file = stage.file(name, content);
        let outcome = stage.run(&["check", &file]).failed_with(said);
        assert!(outcome.err.len() < 4_000, "{name}: {} bytes", outcome.err.len());
    }
    stage.run(&["check", "missing.yaml"]).failed_with("cannot read missing.yaml");
    stage.run(&["check", "."]).failed_with("cannot read .");
    assert_eq!(stage.run(&["check"]).status, Some(2), "the usage is shown");
}

#[test]
fn an_unreadable_file_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let stage = Stage::new();
    let file = stage.file("latchkey.yaml", GOOD);
    std::fs::set_permissions(stage.path(&file), std::fs::Permissions::from_mode(0o0)).unwrap();
    let may_read_all_the_same = std::fs::read(stage.path(&file)).is_ok();
    if !may_read_all_the_same {
        stage.run(&["check", &file]).failed_with("cannot read latchkey.yaml");
    }
}

#[test]
fn no_secret_is_shown_by_any_command_in_text_or_json() {
    const PEM: &str = "-----BEGIN PRIVATE KEY-----\n    hunter2\n    -----END PRIVATE KEY-----";
    let provider = "- name: corp\n  issuer: https://a.example\n  cluster: c\n  client_id: x\n";
    let stage = Stage::new();
    for (index, document) in [
        format!("providers:\n{provider}  client_secret: hunter2\n  scpe: openid\n"),
        format!("providers:\n{provider}  scpe: openid\n  client_secret: 0hunter2\n"),
        format!("providers:\n{provider}  clientsecret: hunter2\n"),
        format!("providers:\n{provider}  client_sercet: hunter2\n"),
        format!("providers:\n{provider}  client_secret: hunter2: broken\n"),
        format!("providers:\n{provider}  client_secret hunter2\n"),
        format!("providers:\n{provider}  client_key: |\n    {PEM}\n  scpe: x\n"),
        format!("providers:\n{provider}  client_key: |\n    {PEM}\n scpe: x\n"),
        "providers: [{name: x, client_secret: hunter2, scpe: y}]\nsession: {keys: [hunter2], cokie: y}\n".to_owned(),
        "providers: [{name: x, client_secret:hunter2}]\n".to_owned(),
        "providers: [{issuer: 'https://user:hunter2@a.example/x'}]\n".to_owned(),
        "providers: [{issuer: 'https://a:hunter/hunter2@a.example/x', cluster: 'x\n".to_owned(),
        "assertion: {key: hunter2, lifetme: 1m, other_keys: [hunter2]}\n".to_owned(),
        "x: &s hunter2\nsession: {keys: [*s], cokie: x}\n".to_owned(),
    ]
    .into_iter()
    .enumerate()
    {
        let file = stage.file(&format!("{index}.yaml"), &document);
        for arguments in [
            &["check", &file][..],
            &["check", &file, "--output", "json"],
            &["explain", &file, "--request", "GET https://a.example/"],
            &["explain", &file, "--request", "GET https://a.example/", "--output", "json"],
            &["render", "envoy", &file],
            &["init", "--from-envoy", &file],
        ] {
            let outcome = stage.run(arguments);
            assert_ne!(outcome.status, Some(0), "{document}");
            for said in [outcome.out, outcome.err] {
                assert!(!said.contains("hunter2"), "{arguments:?}: {document}\n{said}");
            }
        }
    }
}

#[test]
fn of_a_line_with_a_secret_only_the_secret_is_hidden() {
    let stage = Stage::new();
    let file = stage.file("flow.yaml", "session: {keys: [hunter2key], cokie: __Host-x}\n");
    let said = stage.run(&["check", &file]).failed_with("session.cokie: found an unknown key").err;
    assert!(
        said.contains("1 | session: {keys: [**********], cokie: __Host-x}\n   :                               ^^^"),
        "{said}"
    );
    let file = stage.file("ü.yaml", "{ä: ö, rulez: []}\n");
    let said = stage.run(&["check", &file]).failed_with("ü.yaml:1:8 rulez").err;
    assert!(said.contains("[ü.yaml:1:8]"), "the same column above the line: {said}");
}

#[test]
fn what_programs_read_differently_is_told_all_at_once() {
    let stage = Stage::new();
    let document = GOOD.replace("client_id: portal", "client_id: 0oa1b2c3d4e5\n  clock_skew: 0s");
    let file = stage.file("okta.yaml", document);
    stage.run(&["check", &file]).succeeded();
    let document = GOOD.replace("session: {", "session: {secure: no, silent: off, ");
    let file = stage.file("booleans.yaml", document);
    let said = stage.run(&["check", &file]).failed_with("session.secure: found `no` without quotes").err;
    assert!(
        said.contains("write `false`, or \"no\" for the text") && said.contains("session.silent: found `off`"),
        "{said}"
    );
    let said = stage.run(&["check", &file, "--output", "json"]).json();
    assert_eq!(
        (&said["problems"][0]["path"], &said["problems"][1]["path"]),
        (&json!("session.secure"), &json!("session.silent"))
    );
    let file = stage.file("tab.yaml", GOOD.replace("cluster: corp", "cluster:\tcorp"));
    stage.run(&["check", &file]).failed_with("tab.yaml:5:11 found a tab");
}

#[test]
fn older_keys_that_are_not_set_here_are_keys_too() {
    let stage = Stage::new();
    let document = format!("{GOOD}assertion: {{key: {{env: AK}}, other_keys: [{{env: AK2}}, {{env: AK3}}]}}\n");
    let file = stage.file("latchkey.yaml", document);
    let outcome = stage.run(&["check", &file]).succeeded();
    assert!(outcome.err.contains("AK, AK2, AK3"), "{}", outcome.err);
}
