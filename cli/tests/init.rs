//! `latchkey init`
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

mod command;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::thread;

use command::{DISCOVERY, Stage, discovery_of, repository};

/// Answers every request at a free port of this machine; its address.
fn server(answer: impl Fn(&str, &str) -> String + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let own = origin.clone();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let mut lines = BufReader::new(connection.try_clone().unwrap()).lines();
            let request = lines.next().and_then(Result::ok).unwrap_or_default();
            for line in lines {
                if line.map_or(true, |line| line.is_empty()) {
                    break;
                }
            }
            let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
            drop(connection.write_all(answer(&own, &path).as_bytes()));
        }
    });
    origin
}

fn answer(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn document(issuer: &str) -> String {
    DISCOVERY.replace("https://login.example.org/realms/corp", issuer).replace("https://keys.example.org", issuer)
}

#[test]
fn a_provider_is_asked_and_the_configuration_passes_check() {
    let origin = server(|own, path| {
        assert_eq!(path, "/realms/corp/.well-known/openid-configuration");
        answer("200 OK", &document(&format!("{own}/realms/corp")))
    });
    let stage = Stage::new();
    let issuer = format!("{origin}/realms/corp");
    let said = stage
        .run(&[
            "init",
            &issuer,
            "--client-id",
            "portal",
            "--public-url",
            "https://portal.example.org",
            "--name",
            "corp",
        ])
        .succeeded()
        .out;
    assert!(said.contains("Wrote latchkey.yaml, for Keycloak"), "{said}");
    for step in [
        "https://portal.example.org/oauth2/callback",
        "export CORP_CLIENT_SECRET=",
        "latchkey check latchkey.yaml",
        "latchkey render envoy latchkey.yaml",
    ] {
        assert!(said.contains(step), "{step} in {said}");
    }
    let text = stage.read("latchkey.yaml");
    for line in [
        "- name: corp",
        &format!("issuer: {issuer}"),
        "client_id: portal",
        "client_secret: {env: CORP_CLIENT_SECRET}",
        "public_url: https://portal.example.org",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    stage.run(&["check", "latchkey.yaml"]).succeeded();
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(
        std::fs::metadata(stage.path("latchkey.yaml")).unwrap().permissions().mode() & 0o777,
        0o600,
        "it holds a key"
    );
}

#[test]
fn nothing_is_ever_overwritten() {
    let stage = Stage::new();
    let discovery = stage.file("discovery.json", DISCOVERY);
    stage.file("latchkey.yaml", "mine");
    stage.run(&["init", "--discovery", &discovery]).failed_with("latchkey.yaml exists already");
    assert_eq!(stage.read("latchkey.yaml"), "mine");
    stage.run(&["init", "--discovery", &discovery, "--out", "other.yaml"]).succeeded();
    stage
        .run(&["init", "--discovery", &discovery, "--out", "no/such/folder.yaml"])
        .failed_with("cannot write no/such/folder.yaml");
}

#[test]
fn each_configuration_has_a_key_of_its_own() {
    let stage = Stage::new();
    let discovery = stage.file("discovery.json", DISCOVERY);
    let keys = |text: &str| text.lines().find(|line| line.contains("keys:")).unwrap().to_owned();
    let [first, second] =
        [(), ()].map(|()| keys(&stage.run(&["init", "--discovery", &discovery, "--out", "-"]).succeeded().out));
    assert_ne!(first, second);
    let said = stage.run(&["init", "--discovery", &discovery, "--session-key-env"]).succeeded().out;
    assert!(stage.read("latchkey.yaml").contains("keys: [{env: LATCHKEY_SESSION_KEY}]"));
    let export =
        said.lines().find_map(|line| line.trim().strip_prefix("export LATCHKEY_SESSION_KEY=")).unwrap().to_owned();
    let stage = stage.with("LATCHKEY_SESSION_KEY", &export).with("KEYCLOAK_CLIENT_SECRET", "s");
    stage.run(&["check", "latchkey.yaml", "--require-env"]).succeeded();
}

#[test]
fn every_provider_that_is_written_down_gets_a_configuration_that_passes_check() {
    let folder = repository().join("wasm-host-tests/providers");
    let mut seen = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let discovery = entry.path().join("discovery.json");
        if !discovery.exists() {
            continue;
        }
        let stage = Stage::new();
        let discovery = discovery.display().to_string();
        let mut arguments = vec!["init", "--discovery", &discovery];
        if name == "entra-id" {
            stage.run(&arguments).failed_with("every tenant of Entra ID");
            arguments.extend(["--tenant", "8eaef023-2b34-4da1-9baa-8bc8c9d6a490"]);
            stage.run(&[&arguments[..], &["--domain", "example.org"]].concat()).failed_with("Entra ID does not verify");
        } else if ["github-actions", "kubernetes"].contains(&name.as_str()) {
            stage.run(&[&arguments[..], &["--domain", "example.org"]].concat()).failed_with("nobody signs in at");
        } else {
            arguments.extend(["--domain", "example.org"]);
        }
        stage.run(&arguments).succeeded();
        stage.run(&["check", "latchkey.yaml"]).succeeded();
        seen.push((name, stage.read("latchkey.yaml")));
    }
    for (provider, kind, parts) in [
        ("keycloak", "Keycloak", &["claims.realm_access.roles"][..]),
        (
            "authentik",
            "Authentik",
            &["claims.groups", "claims.email_verified == true && claims.email.lowerAscii().endsWith(\"@example.org\")"],
        ),
        ("kanidm", "Kanidm", &["scope: openid profile email groups"]),
        ("entra-id", "Entra ID", &["{tenantid}", "tenants: [\"8eaef", "claims.roles"]),
        ("okta", "Okta", &["id_token_hint: true"]),
        (
            "google",
            "Google",
            &["www.googleapis.com: ", "oauth2.googleapis.com: ", "claims.hd == \"example.org\"", "hd: example.org"],
        ),
        ("dex", "Dex", &["scope: openid profile email groups"]),
        ("github-actions", "GitHub Actions", &["authentication: bearer", "claims.repository", "audience: ["]),
        ("kubernetes", "Kubernetes", &["\"10.96.0.1\": ", "system:serviceaccount:NAMESPACE:NAME"]),
    ] {
        let (_, text) = seen.iter().find(|(name, _)| name == provider).unwrap();
        assert!(text.contains(&format!("for {kind}.")), "{provider}: {text}");
        for part in parts {
            assert!(text.contains(part), "{provider}: {part} in {text}");
        }
    }
    assert_eq!(seen.len(), 9);
}

#[test]
fn providers_that_are_not_written_down_are_known_by_their_addresses() {
    for (issuer, kind) in [
        ("https://example.eu.auth0.com/", "Auth0"),
        ("https://example-abc.zitadel.cloud", "Zitadel"),
        ("https://oidc.eks.eu-west-1.amazonaws.com/id/ABC", "Kubernetes"),
        ("https://ghes.example.org/_services/token", "GitHub Actions"),
        ("https://login.example.org", "the provider"),
    ] {
        let stage = Stage::new();
        let discovery = stage.file("discovery.json", document(issuer));
        stage.run(&["init", issuer, "--discovery", &discovery]).succeeded();
        assert!(stage.read("latchkey.yaml").contains(&format!("for {kind}.")), "{issuer}");
    }
}

#[test]
fn a_public_client_has_no_secret_and_a_provider_without_basic_gets_post() {
    let stage = Stage::new();
    let discovery = stage.file(
        "discovery.json",
        DISCOVERY
            .replace("\"issuer\"", "\"token_endpoint_auth_methods_supported\": [\"client_secret_post\"], \"issuer\""),
    );
    let text = stage.run(&["init", "--discovery", &discovery, "--public-client", "--out", "-"]).succeeded().out;
    assert!(text.contains("token_endpoint_auth_method: none") && !text.contains("client_secret:"), "{text}");
    let text = stage.run(&["init", "--discovery", &discovery, "--out", "-"]).succeeded().out;
    assert!(text.contains("token_endpoint_auth_method: client_secret_post"), "{text}");
}

#[test]
fn what_is_no_provider_is_refused_with_the_reason() {
    let stage = Stage::new();
    stage.run(&["init"]).failed_with("which provider?");
    stage.run(&["init", "login.example.org"]).failed_with("expected an issuer such as");
    stage.run(&["init", "http://login.example.org"]).failed_with("plain `http` is for loopback hosts only");
    stage.run(&["init", "https://login.example.org?a=b"]).failed_with("the issuer cannot be used");
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    stage.run(&["init", &format!("http://{nobody}")]).failed_with("cannot fetch http://");
    for (status, body, said) in [
        ("404 Not Found", "", "is it the issuer?"),
        ("404 Not Found", "", "openid-configuration answered with status 404"),
        ("401 Unauthorized", "", "openid-configuration answered with status 401"),
        ("302 Found\r\nlocation: http://127.0.0.1:1/a?b=c", "", "status 302, which leads to http://127.0.0.1:1/a\n"),
        ("200 OK", "{\"a\": 1, \"a\": 2}", "a member stands twice"),
        ("503 Service Unavailable", "", "try again later"),
        ("302 Found\r\nlocation: http://127.0.0.1:1/", "", "leads elsewhere"),
        ("200 OK", "<html>", "no JSON object"),
        ("200 OK", "{}", "is about another issuer: it names none"),
        ("200 OK", "{\"issuer\": \"https://evil.example\"}", "is about another issuer: \"https://evil.example\""),
    ] {
        let body = body.to_owned();
        let origin = server(move |_, _| answer(status, &body));
        stage.run(&["init", &origin]).failed_with(said);
    }
    let origin = server(|_, _| answer("200 OK", "{}"));
    let document = format!("{origin}/.well-known/openid-configuration");
    stage.run(&["init", &document]).failed_with("is where a discovery document is, and not an issuer");
    let huge = server(|_, _| answer("200 OK", &"x".repeat(2_000_000)));
    stage.run(&["init", &huge]).failed_with("cannot fetch");
    let missing_keys = server(|own, _| answer("200 OK", &format!("{{\"issuer\": \"{own}\"}}")));
    stage.run(&["init", &missing_keys]).failed_with("cannot be used");
    stage.run(&["init", "--discovery", "missing.json"]).failed_with("cannot read missing.json");
    let google = discovery_of("google");
    stage.run(&["init", "https://accounts.google.com/", "--discovery", &google]).failed_with("with or without a slash");
    stage.run(&["init", "--discovery", &google, "--public-url", "portal"]).failed_with("--public-url: found");
    stage.run(&["init", "--discovery", &google, "--name", "Not A Name"]).failed_with("name");
    assert!(!stage.path("latchkey.yaml").exists(), "nothing was written");
}

/// A discovery document with these members.
fn with_members(members: &str) -> String {
    let mut all: serde_json::Map<String, serde_json::Value> = serde_json::from_str(DISCOVERY).unwrap();
    all.extend(serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&format!("{{{members}}}")).unwrap());
    serde_json::Value::Object(all).to_string()
}

#[test]
fn clients_prove_themselves_as_the_provider_takes_it() {
    for (methods, parts) in [
        (r#"["none"]"#, &["token_endpoint_auth_method: none"][..]),
        (
            r#"["private_key_jwt", "none"]"#,
            &["client_key: {env: KEYCLOAK_CLIENT_KEY}", "token_endpoint_auth_method: private_key_jwt"],
        ),
        (r#"["tls_client_auth"]"#, &["token_endpoint_auth_method: tls_client_auth"]),
        (r#"["client_secret_post", "client_secret_basic"]"#, &["client_secret: {env: KEYCLOAK_CLIENT_SECRET}"]),
        (r#"[]"#, &["client_secret: {env: KEYCLOAK_CLIENT_SECRET}"]),
    ] {
        let stage = Stage::new();
        stage.file("d.json", with_members(&format!("\"token_endpoint_auth_methods_supported\": {methods}")));
        let said = stage.run(&["init", "--discovery", "d.json", "--client-id", "portal"]).succeeded().out;
        stage.run(&["check", "latchkey.yaml"]).succeeded();
        let text = stage.read("latchkey.yaml");
        for part in parts {
            assert!(text.contains(part), "{methods}: {part} in {text}");
        }
        assert_eq!(text.contains("client_secret:"), said.contains("_CLIENT_SECRET="), "{methods}: {said}");
        assert_eq!(text.contains("client_key:"), said.contains("_CLIENT_KEY="), "{methods}: {said}");
    }
}

#[test]
fn what_a_provider_does_not_offer_is_said() {
    let stage = Stage::new();
    for (members, said) in [
        (r#""token_endpoint_auth_methods_supported": ["client_secret_jwt"]"#, "only by client_secret_jwt"),
        (r#""id_token_signing_alg_values_supported": ["HS256", "none"]"#, "signs ID tokens only by HS256, none"),
        (
            r#""response_types_supported": ["id_token"], "subject_types_supported": ["public"]"#,
            "--client-id would have no effect",
        ),
    ] {
        stage.file("d.json", with_members(members));
        stage.run(&["init", "--discovery", "d.json", "--client-id", "portal"]).failed_with(said);
    }
    let said = stage.run(&["init", "--discovery", "d.json"]).succeeded().out;
    assert!(said.contains("WARNING: Its discovery document has no authorization_endpoint"), "{said}");
    assert!(stage.read("latchkey.yaml").contains("what none matches is refused"));
    let actions = discovery_of("github-actions");
    stage
        .run(&["init", "--discovery", &actions, "--client-id", "a", "--out", "b.yaml"])
        .failed_with("nobody signs in at GitHub Actions: --client-id would have no effect");
}

#[test]
fn a_domain_is_one() {
    let stage = Stage::new();
    stage.file("d.json", DISCOVERY);
    for domain in [
        "",
        "@",
        "example",
        "a@example.org",
        "@@example.org",
        "*.example.org",
        ".example.org",
        "exa mple.org",
        "a-.b",
        "ü.example",
    ] {
        stage.run(&["init", "--discovery", "d.json", "--domain", domain]).failed_with("--domain: found");
    }
    for domain in ["@example.org", "Example.ORG"] {
        let text = stage.run(&["init", "--discovery", "d.json", "--domain", domain, "--out", "-"]).succeeded().out;
        assert!(text.contains("claims.email.lowerAscii().endsWith(\"@example.org\")"), "{domain}: {text}");
    }
}

#[test]
fn what_is_still_to_be_filled_in_is_said() {
    let stage = Stage::new();
    stage.file("d.json", DISCOVERY);
    let said = stage.run(&["init", "--discovery", "d.json"]).succeeded().out;
    assert!(said.contains("put the client's identifier into latchkey.yaml: client_id"), "{said}");
    assert!(stage.read("latchkey.yaml").contains("# put here what the provider gave out"));
    let said = stage.run(&["init", "--discovery", "d.json", "--client-id", "a", "--out", "b.yaml"]).succeeded().out;
    assert!(!said.contains("identifier"), "{said}");
    stage
        .run(&["init", "--discovery", "d.json", "--tenant", "a", "--out", "c.yaml"])
        .failed_with("--tenant would have no effect");
    stage.file("p.cfg", "client_id = \"a\"\nemail_domains = [\"*\"]\n");
    stage
        .run(&["init", "--from", "p.cfg", "--tenant", "a", "--out", "c.yaml"])
        .failed_with("--tenant would have no effect");
}

#[test]
fn zitadel_and_auth0_get_what_they_need() {
    for (issuer, part) in [
        ("https://example-abc.zitadel.cloud", "userinfo: true"),
        ("https://example.eu.auth0.com/", "token_endpoint_auth_method: client_secret_post"),
    ] {
        let stage = Stage::new();
        stage.file("d.json", document(issuer));
        let text = stage.run(&["init", "--discovery", "d.json", "--out", "-"]).succeeded().out;
        assert!(text.contains(part), "{text}");
        let text = stage.run(&["init", "--discovery", "d.json", "--public-client", "--out", "-"]).succeeded().out;
        assert!(!text.contains("client_secret"), "{text}");
    }
}

#[test]
fn a_value_that_is_refused_is_named_by_where_it_was_said() {
    let stage = Stage::new();
    let google = discovery_of("google");
    for (option, value) in [("--public-url", "x/app"), ("--name", "Not A Name")] {
        let said = stage.run(&["init", "--discovery", &google, option, value, "--out", "-"]);
        assert_eq!(said.status, Some(1));
        assert!(said.err.contains(&format!("{option}: found")), "{}", said.err);
        assert!(!said.err.contains("-:"), "no place in a file that nobody has: {}", said.err);
    }
}
