//! `latchkey render`, judged by Envoy itself and by the published schemas.
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

use std::process::Command;

use command::{DISCOVERY, GOOD, Stage, discovery_of, envoy, module};

const DIGEST: &str = "90ce2bdb4303e70410c52674b54a1b5793a7a1666ec8ef233c7fc121bb4fc07d";
const IMAGE: &str =
    "oci://registry.example.org/latchkey@sha256:90ce2bdb4303e70410c52674b54a1b5793a7a1666ec8ef233c7fc121bb4fc07d";

/// What Envoy says of a file, and whether it takes it. The module runs, and judges its configuration.
fn judged_by_envoy(stage: &Stage, file: &str) -> (bool, String) {
    let mut command = Command::new(envoy());
    command.args(["--mode", "validate", "--log-level", "warning", "--config-path", file]).current_dir(&stage.folder);
    command.env("CORP_CLIENT_SECRET", "secret").env("GOOGLE_CLIENT_SECRET", "secret");
    command.env("LATCHKEY_SESSION_KEY", "H3gX19lShk+re+O2RpGji2Fkx/+m8H5LnwdIvOtYSh0=");
    let output = command.output().expect("Envoy");
    (
        output.status.success(),
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout),
    )
}

fn stage(document: &str) -> Stage {
    let stage = Stage::new();
    stage.file("latchkey.yaml", document);
    stage.file("discovery.json", DISCOVERY);
    stage
}

#[test]
fn envoy_takes_what_is_rendered_for_it() {
    let stage = stage(GOOD);
    let module = module().display().to_string();
    stage
        .run(&[
            "render",
            "envoy",
            "latchkey.yaml",
            "--discovery",
            "discovery.json",
            "--module",
            &module,
            "--out",
            "envoy.yaml",
        ])
        .succeeded();
    let text = stage.read("envoy.yaml");
    for part in [
        "failure_policy: FAIL_CLOSED",
        "allow_on_headers_stop_iteration: true",
        "host_env_keys: [CORP_CLIENT_SECRET, LATCHKEY_SESSION_KEY]",
        "sni: login.example.org",
        "match_typed_subject_alt_names: [{san_type: DNS, matcher: {exact: login.example.org}}]",
        "sni: keys.example.org",
        "trusted_ca: {filename: /etc/ssl/certs/ca-certificates.crt}",
        "cluster: corp-idp\n",
        "keys.example.org: corp-idp-keys-example-org",
        "# SHA-256  ",
        "--component-log-level wasm:info",
        include_str!("../../docs/src/monitoring/envoy-stats.yaml"),
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("holds secrets"), "its secrets are variables");
    let (accepted, said) = judged_by_envoy(&stage, "envoy.yaml");
    assert!(accepted, "{said}");
    // The module was really asked: what it refuses, Envoy refuses.
    stage.file("broken.yaml", text.replace("path: /healthz", "path: healthz"));
    let (accepted, said) = judged_by_envoy(&stage, "broken.yaml");
    assert!(!accepted && said.contains("rules[0].match.path"), "{said}");
}

#[test]
fn envoy_takes_a_configuration_right_after_init() {
    let stage = Stage::new();
    let (google, module) = (discovery_of("google"), module().display().to_string());
    stage.run(&["init", "--discovery", &google, "--domain", "example.org"]).succeeded();
    let said = stage
        .run(&["render", "envoy", "latchkey.yaml", "--discovery", &google, "--module", &module, "--out", "envoy.yaml"])
        .succeeded()
        .err;
    assert!(said.contains("GOOGLE_CLIENT_SECRET"), "{said}");
    assert!(stage.read("envoy.yaml").contains("This manifest holds secrets"), "the session key stands in it");
    let (accepted, said) = judged_by_envoy(&stage, "envoy.yaml");
    assert!(accepted, "{said}");
}

#[test]
fn a_module_on_the_web_is_pinned_and_fetched_over_verified_tls() {
    let stage = stage(GOOD);
    let rendered = stage.run(&[
        "render",
        "envoy",
        "latchkey.yaml",
        "--discovery",
        "discovery.json",
        "--module",
        "https://modules.example.org/latchkey.wasm",
        "--sha256",
        DIGEST,
    ]);
    let text = rendered.succeeded().out;
    assert!(text.contains(&format!("sha256: \"{DIGEST}\"")) && text.contains("sni: modules.example.org"), "{text}");
    stage.file("envoy.yaml", text);
    let (accepted, said) = judged_by_envoy(&stage, "envoy.yaml");
    assert!(accepted, "{said}");
}

#[test]
fn a_store_and_an_address_without_a_name_get_clusters_too() {
    let document = GOOD.replace("session: {", "session: {store: {cluster: webdis, kind: webdis}, ");
    let stage = stage(&document);
    let module = module().display().to_string();
    let render = |more: &[&str]| {
        let common = ["render", "envoy", "latchkey.yaml", "--discovery", "discovery.json", "--module", &module];
        stage.run(&[&common, more].concat())
    };
    render(&[]).failed_with("say where Webdis listens");
    render(&["--store", "webdis"]).failed_with("--store is no HOST:PORT");
    render(&[
        "--store",
        "10.0.0.7:7379",
        "--listen",
        "[::1]:8443",
        "--upstream",
        "app.internal:80",
        "--out",
        "envoy.yaml",
    ])
    .succeeded();
    let text = stage.read("envoy.yaml");
    assert!(
        text.contains("address: \"10.0.0.7\", port_value: 7379")
            && text.contains("address: app.internal, port_value: 80"),
        "{text}"
    );
    let (accepted, said) = judged_by_envoy(&stage, "envoy.yaml");
    assert!(accepted, "{said}");
}

#[test]
fn the_schemas_of_istio_take_what_is_rendered_for_it() {
    let stage = stage(GOOD);
    let common = ["render", "istio", "latchkey.yaml", "--discovery", "discovery.json", "--module", IMAGE];
    let text = stage.run(&common).succeeded().out;
    for part in [
        "kind: WasmPlugin",
        "failStrategy: FAIL_CLOSE",
        &format!("url: {IMAGE}\n"),
        &format!("sha256: \"{DIGEST}\""),
        "sidecar.istio.io/componentLogLevel: \"misc:error,wasm:info\"",
        "cluster: \"outbound|443||login.example.org\"",
        "keys.example.org: \"outbound|443||keys.example.org\"",
        "env: [{name: CORP_CLIENT_SECRET, valueFrom: HOST}, {name: LATCHKEY_SESSION_KEY, valueFrom: HOST}]",
        "      sni: keys.example.org\n      subjectAltNames: [keys.example.org]\n      caCertificates: /etc/ssl/certs/ca-certificates.crt",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert_eq!(text.matches("kind: ServiceEntry").count(), 2);
    assert_eq!(text.matches("kind: DestinationRule").count(), 2);
    assert_eq!(schemas::judge(&text), "");
    let wrong = text
        .replace("FAIL_CLOSE", "FAIL_CLOSED")
        .replace("resolution: DNS", "resolve: DNS")
        .replace("mode: SIMPLE", "mode: 1");
    let said = schemas::judge(&wrong);
    assert!(said.contains("failStrategy") && said.contains("resolve") && said.contains("mode"), "{said}");
}

#[test]
fn the_schemas_of_envoy_gateway_take_what_is_rendered_for_it() {
    let stage = stage(GOOD);
    let common = ["render", "envoy-gateway", "latchkey.yaml", "--discovery", "discovery.json"];
    for module in [
        &["--module", IMAGE][..],
        &[
            "--module",
            "https://modules.example.org/latchkey.wasm",
            "--sha256",
            DIGEST,
            "--route",
            "portal",
            "--namespace",
            "apps",
        ],
    ] {
        let text = stage.run(&[&common, module].concat()).succeeded().out;
        let namespace = if module.len() > 2 { "apps" } else { "default" };
        for part in [
            "kind: EnvoyExtensionPolicy",
            "failOpen: false",
            "spec.logging.level: {default: warn, wasm: info}",
            &format!("sha256: \"{DIGEST}\""),
            &format!("cluster: httproute/{namespace}/latchkey-login-example-org/rule/1"),
            &format!("keys.example.org: httproute/{namespace}/latchkey-keys-example-org/rule/1"),
            "wellKnownCACertificates: System\n    hostname: keys.example.org",
            "hostKeys: [CORP_CLIENT_SECRET, LATCHKEY_SESSION_KEY]",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert_eq!(text.matches("kind: Backend\n").count(), 2);
        // Without the digest in it, the tag `latest` would be fetched.
        let url = if module.len() > 2 {
            "https://modules.example.org/latchkey.wasm"
        } else {
            IMAGE.trim_start_matches("oci://")
        };
        assert!(text.contains(&format!("url: {url}\n")) || text.contains(&format!("url: \"{url}\"\n")), "{text}");
        assert_eq!(schemas::judge(&text), "");
    }
}

#[test]
fn what_cannot_be_rendered_is_said() {
    let stage = stage(GOOD);
    let render = |target: &str, more: &[&str]| {
        stage.run(&[&["render", target, "latchkey.yaml", "--discovery", "discovery.json"], more].concat())
    };
    render("envoy", &["--module", "missing.wasm"]).failed_with("cannot read the module missing.wasm");
    render("envoy", &["--module", "latchkey.yaml"]).failed_with("is no WebAssembly module");
    render("envoy", &["--module", "missing.wasm", "--sha256", "abc"])
        .failed_with("--sha256 is not 64 hexadecimal digits");
    render("envoy", &["--module", IMAGE]).failed_with("Envoy cannot take a module from there");
    render("istio", &["--module", "oci://registry.example.org/latchkey:1"]).failed_with("A tag may be moved");
    render("istio", &["--module", "latchkey.wasm", "--sha256", DIGEST])
        .failed_with("Istio cannot take a module from there");
    render("envoy-gateway", &["--module", "latchkey.wasm", "--sha256", DIGEST])
        .failed_with("Envoy Gateway cannot take a module from there");
    let other = DIGEST.replace('9', "8");
    render("istio", &["--module", IMAGE, "--sha256", &other]).failed_with("is not the digest of");
    render("envoy", &["--module", &module().display().to_string(), "--sha256", &other]).failed_with("do not deploy it");
    let pinned = ["--module", "x.wasm", "--sha256", DIGEST];
    let with = |discovery: &str| {
        stage.run(&[&["render", "envoy", "latchkey.yaml", "--discovery", discovery], &pinned[..]].concat())
    };
    with("nobody.json").failed_with("the provider corp is not known well enough");
    with(&discovery_of("google")).failed_with("is about another issuer");
    with("latchkey.yaml").failed_with("is it the issuer?");
    stage.file("ports.json", DISCOVERY.replace("login.example.org/realms/corp/token", "login.example.org:8443/token"));
    with("ports.json").failed_with("at two ports of login.example.org");
    stage.file("number.json", DISCOVERY.replace("keys.example.org", "10.96.0.1"));
    let of_gateway = ["render", "envoy-gateway", "latchkey.yaml", "--discovery", "number.json", "--module", IMAGE];
    stage.run(&of_gateway).failed_with("which is a number and no name");
    stage.file("bad.yaml", GOOD.replace("issuer:", "isuer:"));
    stage.run(&["render", "envoy", "bad.yaml"]).failed_with("did you mean `issuer`?");
    let two = GOOD.replace("public_url:", "- {name: ci, issuer: \"https://ci.example.org\", cluster: ci, audience: [a], metadata: {jwks_uri: \"https://ci.example.org/keys\"}}\npublic_url:");
    stage.file("latchkey.yaml", two);
    render("envoy", &pinned).failed_with("does not say whose document it is");
    stage
        .run(&[&["render", "envoy", "latchkey.yaml", "--discovery", "crop=discovery.json"], &pinned[..]].concat())
        .failed_with("it has: corp, ci");
    let text = stage
        .run(&[&["render", "envoy", "latchkey.yaml", "--discovery", "corp=discovery.json"], &pinned[..]].concat())
        .succeeded()
        .out;
    assert!(text.contains("sni: ci.example.org"), "with its metadata written down, nobody has to be asked: {text}");
    assert_eq!(stage.run(&["render", "istio", "latchkey.yaml", "--namespace", "Not A Name"]).status, Some(2));
}

#[test]
fn forms_that_would_not_reach_the_filter_are_a_warning() {
    let stage = stage(
        &GOOD.replace("match: {path_prefix: /approvals}", "match: {path_prefix: /approvals}\n  preserve_form: true"),
    );
    for target in ["istio", "envoy-gateway"] {
        let said = stage
            .run(&["render", target, "latchkey.yaml", "--discovery", "discovery.json", "--module", IMAGE])
            .succeeded()
            .err;
        assert!(said.contains("WARNING") && said.contains("preserve_form"), "{said}");
    }
}

#[test]
fn a_certificate_that_only_the_operator_has_is_a_warning() {
    let with_certificate = "token_endpoint_auth_method: tls_client_auth";
    let stage = stage(&GOOD.replace("client_secret: {env: CORP_CLIENT_SECRET}", with_certificate));
    let said = stage
        .run(&["render", "istio", "latchkey.yaml", "--discovery", "discovery.json", "--module", IMAGE])
        .succeeded()
        .err;
    assert!(said.contains("WARNING: add the client's certificate to the cluster of corp"), "{said}");
}

/// Providers at addresses whose names are easily taken for each other, and one whose cluster is called as ours.
const NEIGHBOURS: &str = r#"
providers:
- {name: a, issuer: "https://a-b.example.org", cluster: application, audience: [api], metadata: {jwks_uri: "https://a-b.example.org/k"}}
- {name: b, issuer: "https://a.b.example.org", cluster: b, audience: [api], metadata: {jwks_uri: "https://a.b.example.org/k"}}
- {name: c, issuer: "https://a.b.example.org:8443", cluster: c, audience: [api], metadata: {jwks_uri: "https://a.b.example.org:8443/k"}}
rules: [{authentication: bearer}]
"#;

#[test]
fn every_address_has_a_name_of_its_own() {
    let stage = stage(NEIGHBOURS);
    for target in ["istio", "envoy-gateway"] {
        let text = stage.run(&["render", target, "latchkey.yaml", "--module", IMAGE]).succeeded().out;
        for name in ["latchkey-a--b-example-org", "latchkey-a-b-example-org", "latchkey-a-b-example-org-8443"] {
            assert!(text.contains(&format!("metadata: {{name: {name}, ")), "{target}: {name} in {text}");
        }
    }
    let module = module().display().to_string();
    stage.run(&["render", "envoy", "latchkey.yaml", "--module", &module, "--out", "envoy.yaml"]).succeeded();
    let (is_taken, said) = judged_by_envoy(&stage, "envoy.yaml");
    assert!(is_taken, "{said}");
}

#[test]
fn an_option_without_effect_is_refused() {
    let stage = stage(NEIGHBOURS);
    let render =
        |arguments: &[&str]| stage.run(&[&["render"], arguments, &["latchkey.yaml", "--module", IMAGE]].concat());
    render(&["envoy-gateway", "--ca-file", "ca.pem"]).failed_with("Envoy Gateway takes no file with authorities");
    render(&["istio", "--store", "webdis:7379"]).failed_with("--store is given, and the configuration has no store");
}
