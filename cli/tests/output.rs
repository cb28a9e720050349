//! What becomes of results: the standard output, `latchkey keygen`, `latchkey man`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::expect_used, reason = "tests")]

mod command;

use std::fs::OpenOptions;
use std::process::{Command, Stdio};

use command::{GOOD, Stage};

fn latchkey(stage: &Stage, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_latchkey"));
    command.args(arguments).current_dir(stage.path("."));
    command
}

#[test]
fn a_result_that_cannot_be_written_is_an_error() {
    let stage = Stage::new();
    let file = stage.file("latchkey.yaml", GOOD);
    for arguments in [
        &["check", &file][..],
        &["check", &file, "--output", "json"],
        &["explain", &file, "--request", "GET https://portal.example.org/healthz"],
        &["keygen"],
        &["keygen", "--client-key", "--out", "k.pem"],
        &["completions", "bash"],
        &["man"],
        &["--help"],
        &["check", "--help"],
        &["--version"],
    ] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = latchkey(&stage, arguments).stdout(full).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.contains("cannot write to the standard output"), "{arguments:?}: {said}");
    }
    assert!(!stage.path("k.pem").exists(), "nobody has the public half");
}

#[test]
fn a_reader_that_has_gone_away_is_no_error() {
    let stage = Stage::new();
    for arguments in [&["man"][..], &["completions", "zsh"], &["keygen"], &["--help"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let status = latchkey(&stage, arguments).stdout(writer).stderr(Stdio::null()).status().unwrap();
        assert_eq!(status.code(), Some(0), "{arguments:?}");
    }
}

#[test]
fn a_key_goes_where_it_is_asked_for() {
    let stage = Stage::new();
    let outcome = stage.run(&["keygen", "--client-key", "--out", "-"]).succeeded();
    assert!(outcome.out.starts_with("-----BEGIN PRIVATE KEY-----") && outcome.out.contains("\"kty\":\"EC\""));
    assert!(!stage.path("-").exists());
    let public = stage.run(&["keygen", "--client-key", "--jwk", "--out", "client-key.json"]).succeeded().json();
    let private: serde_json::Value = serde_json::from_str(&stage.read("client-key.json")).unwrap();
    assert_eq!((&private["kid"], public.get("d")), (&public["kid"], None));
    let stage = stage.with("CORP_KEY", &private.to_string());
    let document = GOOD.replace(
        "client_secret: {env: CORP_CLIENT_SECRET}",
        "token_endpoint_auth_method: private_key_jwt\n  client_key: {env: CORP_KEY}",
    );
    let file = stage.file("latchkey.yaml", document);
    let said = stage.run(&["check", &file]).succeeded().err;
    assert!(!said.contains("CORP_KEY"), "it is taken: {said}");
}

#[test]
fn man_pages_are_in_ascii_and_show_the_examples_as_they_are() {
    let stage = Stage::new();
    std::fs::create_dir(stage.path("man1")).unwrap();
    stage.run(&["man", "--directory", "man1"]).succeeded();
    stage.run(&["man", "--directory", "no/such"]).failed_with("cannot write no/such/latchkey-");
    let pages: Vec<_> = std::fs::read_dir(stage.path("man1")).unwrap().map(|page| page.unwrap().path()).collect();
    let overview = stage.read("man1/latchkey.1");
    assert!(!overview.contains("latchkey\\-help"), "{overview}");
    for page in &pages {
        let text = std::fs::read_to_string(page).unwrap();
        assert!(text.is_ascii() && text.contains(".SH EXIT STATUS") && !text.contains("EXTRA"), "{text}");
        assert!(text.contains(concat!("\"latchkey ", env!("CARGO_PKG_VERSION"), "\"")), "{text}");
    }
    assert!(pages.len() > 7 && overview.contains("latchkey\\-check(1)"), "{overview}");
    let check = stage.read("man1/latchkey-check.1");
    assert!(check.contains(".SH EXAMPLES\n.nf\n\\&  latchkey check latchkey.yaml\n"), "{check}");
}
