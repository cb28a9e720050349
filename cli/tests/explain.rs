//! `latchkey explain`, `keygen`, `completions` and `man`
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

mod command;

use command::{GOOD, Stage};
use serde_json::json;

fn stage() -> Stage {
    let stage = Stage::new();
    stage.file("latchkey.yaml", GOOD);
    stage.file("ada.yaml", "sub: ada\ngroups: [finance, staff]\n");
    stage.file("bob.json", r#"{"sub": "bob", "groups": ["staff"]}"#);
    stage
}

const APPROVALS: &str = "GET https://portal.example.org/approvals/7?x=y";

#[test]
fn who_may_comes_in_with_the_headers_that_the_application_gets() {
    let outcome = stage().run(&[
        "explain",
        "latchkey.yaml",
        "--request",
        APPROVALS,
        "--claims",
        "ada.yaml",
        "-H",
        "X-Auth-Subject: root",
    ]);
    let said = outcome.succeeded().out;
    for line in [
        "rule       approvals (rules[2], latchkey.yaml:19)",
        "verdict    goes to the application",
        "header     x-auth-groups: finance,staff",
        "header     x-auth-subject: ada",
        "removed    x-auth-subject, which the client sent",
        "supposed   a session with these claims, begun now",
    ] {
        assert!(said.contains(line), "{line} in {said}");
    }
}

#[test]
fn who_may_not_is_told_why() {
    let said =
        stage().run(&["explain", "latchkey.yaml", "--request", APPROVALS, "--claims", "bob.json", "--output", "json"]);
    let said = said.succeeded().json();
    assert_eq!(
        (&said["rule"], &said["rule_path"], &said["verdict"]),
        (&json!("approvals"), &json!("rules[2]"), &json!("answered"))
    );
    assert_eq!((&said["status"], &said["reason"]), (&json!(403), &json!("policy.require_not_met")));
}

#[test]
fn nobody_is_sent_to_the_provider_as_a_person_and_refused_as_a_script() {
    let stage = stage();
    let person = stage.run(&["explain", "latchkey.yaml", "--request", "https://portal.example.org/"]).succeeded().out;
    assert!(person.contains("sent elsewhere, status 302"), "{person}");
    assert!(
        person.contains("to         the authorization endpoint of https://login.example.org/realms/corp"),
        "{person}"
    );
    let script = stage
        .run(&["explain", "latchkey.yaml", "--request", "https://portal.example.org/", "--script"])
        .succeeded()
        .out;
    assert!(script.contains("refused, status 401") && script.contains("session.required"), "{script}");
}

#[test]
fn tokens_are_judged_and_rubbish_is_no_token() {
    let stage = stage();
    let order = "POST https://api.example.org/orders";
    let garbage = String::from_utf8_lossy(&[0xff, 0xfe, b'.', 1, 2, b'.', 3]).into_owned();
    for token in ["x", "a.b.c", "....", garbage.as_str(), "eyJhbGciOiJub25lIn0.e30.", &"A".repeat(100_000)] {
        let said = stage
            .run(&["explain", "latchkey.yaml", "--request", order, "--token", token, "--output", "json"])
            .succeeded()
            .json();
        let status = said["status"].as_u64().unwrap();
        assert!((400..=431).contains(&status), "{said}");
    }
    // Scopes come with the claims of a token, under a rule that takes tokens only.
    stage.file("ci.json", r#"{"aud": "https://api.example.org", "scope": "orders.write"}"#);
    let said = stage.run(&[
        "explain",
        "latchkey.yaml",
        "--request",
        order,
        "--claims",
        "ci.json",
        "--provider",
        "corp",
        "--output",
        "json",
    ]);
    assert_eq!(said.succeeded().json()["verdict"], "forwarded");
    let from_input = stage
        .run_with_input(&["explain", "latchkey.yaml", "--request", order, "--token", "-"], b"a.b.c\n")
        .succeeded()
        .out;
    assert!(from_input.contains("status 401"), "{from_input}");
}

#[test]
fn an_ambiguous_path_stays_one() {
    for target in ["/healthz/../approvals", "/healthz/%2e%2e/approvals", "//healthz", "/x/..%2fhealthz"] {
        let request = format!("GET https://portal.example.org{target}");
        let said =
            stage().run(&["explain", "latchkey.yaml", "--request", &request, "--output", "json"]).succeeded().json();
        assert_eq!(said["status"], 400, "{target}: {said}");
    }
}

#[test]
fn what_cannot_be_asked_is_said() {
    let stage = stage();
    stage.file("list.json", "[1]");
    let explain = |more: &[&str]| stage.run(&[&["explain", "latchkey.yaml"], more].concat());
    explain(&["--request", "nonsense"]).failed_with("--request is no request");
    explain(&["--request", "GET ftp://portal.example.org/"]).failed_with("neither https:// nor http://");
    explain(&["--request", "G=T https://portal.example.org/"]).failed_with("the method is no word");
    explain(&["--request", "https://portal.example.org/", "-H", "no field"]).failed_with("--header is no header field");
    explain(&["--request", "https://portal.example.org/", "-H", "a: b\nc: d"])
        .failed_with("--header is no header field");
    explain(&["--request", APPROVALS, "--claims", "list.json"]).failed_with("are no mapping");
    explain(&["--request", APPROVALS, "--claims", "none.json"]).failed_with("cannot read none.json");
    explain(&["--request", APPROVALS, "--claims", "ada.yaml", "--provider", "corq"])
        .failed_with("no provider \"corq\"");
    assert_eq!(explain(&["--request", APPROVALS, "--claims", "ada.yaml", "--token", "x"]).status, Some(2));
    stage.file("bad.yaml", GOOD.replace("issuer:", "isuer:"));
    stage.run(&["explain", "bad.yaml", "--request", APPROVALS]).failed_with("did you mean `issuer`?");
}

#[test]
fn keys_are_new_each_time_and_fit_their_places() {
    let stage = Stage::new();
    let first = stage.run(&["keygen"]).succeeded().out.trim().to_owned();
    let second =
        stage.run(&["keygen", "--output", "json"]).succeeded().json()["session_key"].as_str().unwrap().to_owned();
    assert!(first.len() == 43 && second.len() == 43 && first != second);
    let pair = stage.run(&["keygen", "--client-key", "--output", "json"]).succeeded().json();
    assert_eq!((&pair["public_jwk"]["crv"], &pair["public_jwk"]["alg"]), (&json!("P-256"), &json!("ES256")));
    assert!(pair["public_jwk"].get("d").is_none(), "only the public half");
    let public = stage.run(&["keygen", "--client-key", "--jwk", "--out", "key.jwk"]).succeeded().out;
    assert!(public.contains("\"kid\"") && !public.contains("\"d\""), "{public}");
    // What is made is what a configuration takes.
    let document = GOOD.replace(
        "client_secret: {env: CORP_CLIENT_SECRET}",
        "token_endpoint_auth_method: private_key_jwt\n  client_key: {env: CORP_KEY}",
    );
    for key in [pair["private_key"].as_str().unwrap(), &stage.read("key.jwk")] {
        let stage = Stage::new().with("LATCHKEY_SESSION_KEY", &first).with("CORP_KEY", key);
        let file = stage.file("latchkey.yaml", &document);
        stage.run(&["check", &file, "--require-env"]).succeeded();
    }
    stage.run(&["keygen", "--out", "key.jwk"]).failed_with("key.jwk exists already");
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(std::fs::metadata(stage.path("key.jwk")).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn completions_and_man_pages_are_written_for_every_command() {
    let stage = Stage::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = stage.run(&["completions", shell]).succeeded().out;
        assert!(script.contains("latchkey") && script.contains("envoy-gateway"), "{shell}");
    }
    assert!(stage.run(&["man"]).succeeded().out.contains(".TH latchkey 1"));
    stage.run(&["man", "--directory", "."]).succeeded();
    for page in
        ["latchkey", "latchkey-init", "latchkey-check", "latchkey-render", "latchkey-explain", "latchkey-keygen"]
    {
        assert!(stage.read(&format!("{page}.1")).contains(".SH SYNOPSIS"), "{page}");
    }
    stage.run(&["man", "--directory", "missing"]).failed_with("No such file");
}

#[test]
fn every_command_explains_itself_with_examples() {
    let stage = Stage::new();
    for command in [
        &["init"][..],
        &["check"],
        &["render", "envoy"],
        &["render", "istio"],
        &["render", "envoy-gateway"],
        &["explain"],
        &["keygen"],
    ] {
        let help = stage.run(&[command, &["--help"]].concat()).succeeded().out;
        assert!(help.contains("Usage: latchkey") && help.contains("Examples:"), "{command:?}: {help}");
    }
}
