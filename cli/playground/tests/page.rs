//! The page in headless Chromium, as `scripts/playground` made it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::Stdio;

use envoy_ring::{node, tools};
use serde_json::{Value, json};

const NOW: u32 = 1_700_000_000;

fn page() -> PathBuf {
    let page = tools::repository().join("target/playground/index.html");
    assert!(page.exists(), "no playground: run scripts/playground");
    page
}

fn in_chromium(arguments: &Value) {
    let file = std::env::temp_dir().join(format!("playground-{}-{}.json", std::process::id(), arguments["do"]));
    std::fs::write(&file, arguments.to_string()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page.mjs");
    let status = node::command(&script).arg(&file).stdin(Stdio::null()).status().expect("Node runs");
    std::fs::remove_file(&file).unwrap();
    assert!(status.success(), "{status}");
}

#[test]
fn a_person_sees_verdict_reason_headers_and_mistakes_and_nothing_leaves_the_page() {
    in_chromium(&json!({"do": "person", "chromium": tools::chromium(), "page": page()}));
}

/// The same questions to the page's module and to the core on this machine: every configuration that the filter's own tests have.
#[test]
fn the_page_says_what_the_core_says() {
    let documents = std::fs::read_to_string(tools::repository().join("wasm-host-tests/configurations.jsonl")).unwrap();
    let who = [
        json!("nobody"),
        json!({"claims": {"claims": "{sub: ada, groups: [admins], scope: orders.read}", "provider": ""}}),
        json!({"token": "e30.e30.AA"}),
    ];
    let cases: Vec<Value> = documents
        .lines()
        .zip(who.iter().cycle())
        .map(|(document, who)| {
            let question = json!({
                "configuration": document, "request": "POST https://portal.example.org/orders/7?a=b", "headers": "",
                "by_program": true, "who": who,
            });
            let question = question.to_string();
            json!({"answer": latchkey_playground::answer(&question, NOW), "question": question})
        })
        .collect();
    assert!(cases.len() > 200, "{}", cases.len());
    in_chromium(&json!({"do": "compare", "chromium": tools::chromium(), "page": page(), "cases": cases, "now": NOW}));
}
