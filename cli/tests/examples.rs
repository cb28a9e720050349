//! The examples of the repository, by the command that their READMEs name.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

mod command;
mod schemas;

use std::fs;

use command::{Stage, repository};

const DIGEST: &str = "90ce2bdb4303e70410c52674b54a1b5793a7a1666ec8ef233c7fc121bb4fc07d";
const IMAGE: &str =
    "oci://registry.example.org/latchkey@sha256:90ce2bdb4303e70410c52674b54a1b5793a7a1666ec8ef233c7fc121bb4fc07d";
const EXAMPLES: [&str; 8] = [
    "single-page-application",
    "api-gateway",
    "mcp-server",
    "two-providers",
    "step-up",
    "identity-for-filters",
    "istio",
    "envoy-gateway",
];
/// The discovery document of `https://login.example.org/realms/corp`.
const CORP: &str = include_str!("../../examples/istio/discovery.json");

/// A folder with the files of an example, and with what is known of its providers.
fn stage(example: &str) -> Stage {
    let stage = Stage::new();
    for entry in fs::read_dir(repository().join("examples").join(example)).unwrap() {
        let path = entry.unwrap().path();
        stage.file(path.file_name().unwrap().to_str().unwrap(), fs::read(&path).unwrap());
    }
    stage.file("corp.json", CORP);
    stage.file("partner.json", CORP.replace("https://login.example.org/realms/corp", "https://id.partner.example"));
    stage
}

#[test]
fn the_command_takes_every_example_and_deploys_it_to_envoy() {
    for example in EXAMPLES {
        let stage = stage(example);
        stage.run(&["check", "latchkey.yaml"]).succeeded();
        let mut arguments =
            vec!["render", "envoy", "latchkey.yaml", "--module", "latchkey.wasm", "--sha256", DIGEST, "--discovery"];
        arguments.push("corp=corp.json");
        let two = stage.read("latchkey.yaml").contains("name: partner");
        if two {
            arguments.extend(["--discovery", "partner=partner.json"]);
        }
        let text = stage.run(&arguments).succeeded().out;
        assert!(text.contains("sni: login.example.org"), "{example}: {text}");
        assert_eq!(text.contains("sni: id.partner.example"), two, "{example}");
    }
}

#[test]
fn the_manifests_for_meshes_are_what_the_command_writes_today_and_what_the_schemas_take() {
    for target in ["istio", "envoy-gateway"] {
        let stage = stage(target);
        let arguments = ["render", target, "latchkey.yaml", "--discovery", "discovery.json", "--module", IMAGE];
        let rendered = stage.run(&arguments).succeeded().out;
        assert_eq!(stage.read("manifests.yaml"), rendered, "examples/{target}/manifests.yaml: render it again");
        assert_eq!(schemas::judge(&rendered), "");
        // What the README says is what was done here.
        let readme = stage.read("README.md").replace(" \\\n  ", " ");
        assert!(readme.contains(&format!("latchkey {} > manifests.yaml", arguments.join(" "))), "{target}");
    }
}

#[test]
fn the_proxies_of_envoy_gateway_get_the_labels_and_the_schemas_take_them() {
    let proxy = stage("envoy-gateway").read("proxy.yaml");
    assert_eq!(schemas::judge(&proxy), "");
    let (_, bootstrap) = proxy.split_once("    value: |\n").unwrap();
    assert!(schemas::judge(&proxy.replace("wasm: info", "wasm: loud")).contains("level"));
    let documented = include_str!("../../docs/src/monitoring/envoy-stats.yaml");
    let bare =
        |text: &str| text.lines().filter(|line| !line.starts_with('#')).map(str::trim).collect::<Vec<_>>().join("\n");
    assert_eq!(bare(bootstrap), bare(documented));
}

#[test]
fn the_command_explains_who_may_read_orders() {
    let stage = stage("api-gateway");
    let claims = r#"{"iss": "https://login.example.org/realms/corp", "aud": "https://api.example.org/orders",
                     "sub": "shop", "client_id": "shop", "scope": "orders.read"}"#;
    stage.file("claims.json", claims);
    let explain = |method: &str| {
        let request = format!("{method} https://api.example.org/orders/7");
        stage.run(&["explain", "latchkey.yaml", "--request", &request, "--claims", "claims.json"]).out
    };
    let read = explain("GET");
    assert!(read.contains("orders, to read") && read.contains("x-client-id: shop"), "{read}");
    let changed = explain("PUT");
    assert!(changed.contains("orders, to change") && changed.contains("policy.scope_insufficient"), "{changed}");
}
