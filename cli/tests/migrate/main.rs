//! `latchkey init --from` and `--from-envoy`
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

mod admitted;
#[path = "../command/mod.rs"]
mod command;
mod envoy;
mod routes;

use command::{Stage, repository};

fn data(name: &str) -> String {
    repository().join("cli/tests/data").join(name).display().to_string()
}

/// The file that was written, which passes `check`, and what was said.
fn migrated(arguments: &[&str]) -> (Stage, String, String) {
    let stage = Stage::new();
    let said = stage.run(&[&["init"], arguments].concat()).succeeded().out;
    stage.run(&["check", "latchkey.yaml"]).succeeded();
    let text = stage.read("latchkey.yaml");
    (stage, text, said)
}

#[track_caller]
fn has_all(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn what_oauth2_proxy_did_is_carried_over() {
    let (_, text, _) = migrated(&["--from", &data("oauth2-proxy.cfg")]);
    has_all(
        &text,
        &[
            "name: keycloak-oidc",
            "display_name: Corporate login",
            "issuer: https://sso.example.org/realms/corp",
            "client_id: portal",
            "client_secret: {env: KEYCLOAK_OIDC_CLIENT_SECRET}",
            "scope: openid email profile",
            "audience: [portal, https://api.example.org]",
            "name: issuer-1\n  issuer: https://ci.example.org\n",
            "public_url: https://portal.example.org",
            "domain: example.org",
            "same_site: lax",
            "absolute_timeout: 12h",
            "match:\n    methods: [OPTIONS]\n  authentication: none",
            "match:\n    path: /healthz\n    methods: [GET]\n  authentication: none",
            "path_regex: \"/public/.*\"",
            "authentication: any",
            r#"(claims.email.lowerAscii().endsWith("@example.org") || claims.email.lowerAscii().endsWith("@example.net"))"#,
            "(!has(claims.email_verified) || claims.email_verified == true)",
            r#"("/finance" in claims.groups || "approver" in claims.realm_access.roles || "admin" in claims.resource_access["portal"].roles)"#,
            "x-forwarded-email: claims.email",
            "x-forwarded-groups: 'claims.groups.join(\",\")'",
            "x-auth-request-user: claims.sub",
            "x-forwarded-access-token: access_token",
        ],
    );
    assert!(!text.contains("an-old-secret") && !text.contains("OQINaROshtE9TcZ"), "no secret of the old file: {text}");
}

#[test]
fn every_option_that_is_not_carried_over_is_listed_with_its_reason() {
    let (_, _, said) = migrated(&["--from", &data("oauth2-proxy.cfg")]);
    for (option, becomes) in [
        ("client_secret", "is read from the variable KEYCLOAK_OIDC_CLIENT_SECRET"),
        ("http_address", "elsewhere: Envoy's listener"),
        ("upstreams", "elsewhere: Envoy's routes"),
        ("cookie_secret", "not needed: there is a new session key"),
        ("redis_connection_url", "elsewhere: Webdis in front of the Redis"),
        ("skip_auth_routes", "NOT CARRIED OVER: \"POST!=^/api\""),
        ("skip_auth_routes", "/metrics matched anywhere"),
        ("pass_authorization_header", "no ID token is passed on"),
        ("whitelist_domains", "NOT CARRIED OVER: after a login people come back to the origin"),
        ("custom_templates_dir", "NOT CARRIED OVER: the pages have no templates"),
        ("trusted_ips", "NOT CARRIED OVER: nobody is admitted by an address"),
        ("quite_unknown", "NOT CARRIED OVER: oauth2-proxy's documentation does not have this option"),
        ("/sign_out", "/oauth2/logout?return_to="),
    ] {
        let listed = said.lines().any(|line| line.trim_start().starts_with(option) && line.contains(becomes));
        assert!(listed, "{option}: {becomes} in {said}");
    }
    assert!(!said.contains("ssl_insecure_skip_verify"), "what is off changes nothing: {said}");
    has_all(
        &said,
        &["What changes:", "export KEYCLOAK_OIDC_CLIENT_SECRET=", "https://portal.example.org/oauth2/callback"],
    );
}

#[test]
fn who_was_refused_before_is_refused_now() {
    let (stage, ..) = migrated(&["--from", &data("oauth2-proxy.cfg")]);
    let ask = |request: &str, claims: &str| {
        stage.file("claims.json", claims);
        let said = stage.run(&[
            "explain",
            "latchkey.yaml",
            "--request",
            request,
            "--claims",
            "claims.json",
            "--output",
            "json",
        ]);
        said.succeeded().json()["verdict"].as_str().unwrap().to_owned()
    };
    let page = "GET https://portal.example.org/";
    let roles = r#""groups": ["/finance"], "realm_access": {"roles": ["approver"]}, "resource_access": {"portal": {"roles": []}}"#;
    assert_eq!(ask(page, &format!(r#"{{"email": "a@example.org", {roles}}}"#)), "forwarded");
    assert_eq!(ask(page, &format!(r#"{{"email": "a@example.org", "email_verified": false, {roles}}}"#)), "answered");
    assert_eq!(ask(page, &format!(r#"{{"email": "a@evil.org", {roles}}}"#)), "answered");
    assert_eq!(
        ask(page, r#"{"email": "a@example.org", "groups": ["/finance"]}"#),
        "forwarded",
        "one of either is enough"
    );
    assert_eq!(
        ask(page, r#"{"email": "a@example.org", "groups": ["/people"], "realm_access": {"roles": ["x"]}}"#),
        "answered"
    );
    for (path, verdict) in [
        ("/healthz", "forwarded"),
        ("/healthz2", "answered"),
        ("/public/a", "forwarded"),
        ("/x/metrics/y", "forwarded"),
    ] {
        assert_eq!(ask(&format!("GET https://portal.example.org{path}"), "{}"), verdict, "{path}");
    }
}

#[test]
fn small_files_of_other_providers_work_too() {
    for (file, parts) in [
        (
            "client_id = \"a\"\nemail_domains = [\"example.org\"]\n",
            &["issuer: https://accounts.google.com", "name: google"][..],
        ),
        (
            "provider = \"entra-id\"\nazure_tenant = \"contoso\"\nclient_id = \"a\"\n",
            &["https://login.microsoftonline.com/contoso/v2.0"],
        ),
        (
            "provider = \"oidc\"\nclient_id = \"a\"\nemail_domains = [\"b.example\"]\noidc_issuer_url = \"https://a.example/\"\nproxy_prefix = \"/auth\"\ncookie_expire = \"0\"\n",
            &["base_path: /auth", "issuer: https://a.example/"],
        ),
        (
            "provider = \"oidc\"\nclient_id = \"a\"\nemail_domains = [\"b.example\"]\noidc_issuer_url = \"https://a.example\"\nredirect_url = \"https://app.example/sso/callback\"\nscope = \"email\"\n",
            &["base_path: /sso", "scope: openid email"],
        ),
        (
            "provider = \"oidc\"\nclient_id = \"a\"\nemail_domains = [\"b.example\"]\noidc_issuer_url = \"https://a.example\"\nskip_oidc_discovery = true\nlogin_url = \"https://a.example/l\"\nredeem_url = \"https://a.example/t\"\noidc_jwks_url = \"https://a.example/k\"\n",
            &["authorization_endpoint: https://a.example/l", "jwks_uri: https://a.example/k"],
        ),
        (
            "provider = \"oidc\"\nclient_id = \"a\"\nemail_domains = [\"b.example\"]\noidc_issuer_url = \"https://a.example\"\noidc_groups_claim = \"a.b\"\nallowed_groups = [\"x\", \"y\"]\noidc_email_claim = \"https://a.example/mail\"\n",
            &[r#""x" in claims.a.b || "y" in claims.a.b"#, r#"claims["https://a.example/mail"].lowerAscii().endsWith"#],
        ),
    ] {
        let stage = Stage::new();
        stage.file("oauth2-proxy.cfg", file);
        stage.run(&["init", "--from", "oauth2-proxy.cfg"]).succeeded();
        stage.run(&["check", "latchkey.yaml"]).succeeded();
        has_all(&stage.read("latchkey.yaml"), parts);
    }
}

#[test]
fn a_discovery_document_tells_of_endpoints_on_other_hosts() {
    let stage = Stage::new();
    stage.file("oauth2-proxy.cfg", "provider = \"google\"\nclient_id = \"a\"\n");
    stage.run(&["init", "--from", "oauth2-proxy.cfg", "--discovery", &command::discovery_of("google")]).succeeded();
    has_all(
        &stage.read("latchkey.yaml"),
        &["www.googleapis.com: google-www-googleapis-com", "oauth2.googleapis.com: google-"],
    );
    let keycloak = command::discovery_of("keycloak");
    stage
        .run(&["init", "--from", "oauth2-proxy.cfg", "--discovery", &keycloak, "--out", "b.yaml"])
        .failed_with("about another issuer");
    assert_eq!(
        stage.run(&["init", "--from", "oauth2-proxy.cfg", "--client-id", "b"]).status,
        Some(2),
        "the file says it"
    );
}

#[test]
fn what_cannot_be_carried_over_is_said() {
    let stage = Stage::new();
    for (file, content, said) in [
        ("yaml.cfg", "a: b\n", "its files are TOML"),
        (
            "github.cfg",
            "client_id = \"a\"\nprovider = \"github\"\n",
            "`github` of oauth2-proxy does not speak OpenID Connect",
        ),
        (
            "oidc.cfg",
            "provider = \"oidc\"\nclient_id = \"a\"\nemail_domains = [\"b.example\"]\n",
            "does not say who the issuer is",
        ),
        (
            "entra.cfg",
            "client_id = \"a\"\nprovider = \"entra-id\"\nazure_tenant = \"common\"\n",
            "stands for every tenant",
        ),
        ("broken.cfg", "client_id = [", "is no configuration of oauth2-proxy"),
        (
            "refused.cfg",
            "provider = \"oidc\"\nclient_id = \"a\"\nemail_domains = [\"b.example\"]\noidc_issuer_url = \"ftp://a\"\n",
            "would not pass `check`",
        ),
    ] {
        stage.file(file, content);
        stage.run(&["init", "--from", file]).failed_with(said);
    }
    stage.file("empty.yaml", "static_resources: {}\n");
    stage.run(&["init", "--from-envoy", "empty.yaml"]).failed_with("has neither the filter");
    stage.run(&["init", "--from-envoy", "missing.yaml"]).failed_with("cannot read missing.yaml");
    stage.file("binary", [0xff_u8, 0xfe]);
    stage.run(&["init", "--from", "binary"]).failed_with("is not text");
    stage.file(
        "oauth2.yaml",
        "\"@type\": type.googleapis.com/envoy.extensions.filters.http.oauth2.v3.OAuth2\nconfig: {redirect_uri: x, credentials: {client_id: a}}\n",
    );
    stage.run(&["init", "--from-envoy", "oauth2.yaml"]).failed_with("does not say who the issuer is");
    stage.run(&["init", "https://login.example.org", "--from-envoy", "oauth2.yaml"]).succeeded();
    stage.run(&["check", "latchkey.yaml"]).succeeded();
    assert_eq!(stage.run(&["init", "--from", "oidc.cfg", "--from-envoy", "empty.yaml"]).status, Some(2));
}

#[test]
fn a_value_that_is_refused_is_named_by_its_setting() {
    let stage = Stage::new();
    let head = "provider = \"oidc\"\nclient_id = \"a\"\nemail_domains = [\"*\"]\n";
    for (lines, said) in [
        ("oidc_issuer_url = \"ftp://a\"", "p.cfg: oidc_issuer_url: found"),
        ("oidc_issuer_url = \"https://a.example\"\ncookie_samesite = \"odd\"", "p.cfg: cookie_samesite: found"),
        (
            "oidc_issuer_url = \"https://a.example\"\nproxy_prefix = \"/a b\"",
            "p.cfg: proxy_prefix or redirect_url: found",
        ),
    ] {
        stage.file("p.cfg", format!("{head}{lines}\n"));
        stage.run(&["init", "--from", "p.cfg"]).failed_with(said);
    }
    stage.file("p.cfg", format!("{head}oidc_issuer_url = \"https://a.example\"\n"));
    stage.run(&["init", "--from", "p.cfg", "--public-url", "x/app"]).failed_with("--public-url: found");
}
