//! Whom oauth2-proxy admitted: nobody else is admitted now.

use crate::command::{Stage, discovery_of};
use crate::has_all;

const OIDC: &str = "provider = \"oidc\"\nclient_id = \"a\"\noidc_issuer_url = \"https://a.example\"\n";

fn migrated(file: &str) -> (Stage, String) {
    let stage = Stage::new();
    stage.file("p.cfg", file);
    let said = stage.run(&["init", "--from", "p.cfg"]).succeeded().out;
    stage.run(&["check", "latchkey.yaml"]).succeeded();
    (stage, said)
}

/// Whether somebody with these claims comes in.
fn admits(stage: &Stage, claims: &str) -> bool {
    stage.file("claims.json", claims);
    let ask = [
        "explain",
        "latchkey.yaml",
        "--request",
        "GET https://h.example/",
        "--claims",
        "claims.json",
        "--output",
        "json",
    ];
    stage.run(&ask).succeeded().json()["verdict"] == "forwarded"
}

#[test]
fn addresses_end_in_what_oauth2_proxy_compares() {
    for (domains, admitted, refused) in [
        (
            r#"["example.org"]"#,
            &["a@example.org", "A@Example.ORG"][..],
            &["a@x.example.org", "a@badexample.org", "a@evil.example@example.org"][..],
        ),
        (r#"["Example.com"]"#, &["a@example.com", "a@EXAMPLE.com"], &["a@example.org"]),
        (r#"[".example.org"]"#, &["a@x.example.org", "a@y.X.Example.org"], &["a@example.org", "a@badexample.org"]),
        (r#"["*.example.org"]"#, &["a@x.example.org"], &["a@example.org"]),
        (r#"["@example.org", "b.example"]"#, &["a@b.example"], &["a@example.org", "a@@example.org"]),
        (r#""example.org, b.example""#, &["a@b.example", "a@example.org"], &["a@c.example"]),
        (r#"["*"]"#, &["a@anywhere.example"], &[]),
    ] {
        let (stage, _) = migrated(&format!("{OIDC}email_domains = {domains}\n"));
        for address in admitted {
            assert!(admits(&stage, &format!(r#"{{"email": "{address}"}}"#)), "{domains}: {address}");
            assert!(
                !admits(&stage, &format!(r#"{{"email": "{address}", "email_verified": false}}"#)),
                "{domains}: {address}"
            );
        }
        for address in refused {
            assert!(!admits(&stage, &format!(r#"{{"email": "{address}"}}"#)), "{domains}: {address}");
        }
        assert!(!admits(&stage, "{}"), "{domains}: oauth2-proxy wanted an address from everybody");
    }
}

#[test]
fn where_the_restriction_is_lost_nobody_is_admitted() {
    for (lines, why) in [
        ("", "there is no `email_domains`"),
        ("authenticated_emails_file = \"/e\"", "`authenticated_emails_file` listed them"),
        ("htpasswd_file = \"/e\"", "`htpasswd_file` listed them"),
        ("email_domains = [\"*\"]\ngoogle_groups = [\"a@example.org\"]", "`google_groups` restricted them"),
        ("email_domains = [\"*\"]\ngitlab_projects = [\"a\"]", "`gitlab_projects` restricted them"),
        ("email_domains = 5", "`email_domains` is no list of texts"),
        ("email_domains = [\"*\"]\nallowed_groups = [1]", "`allowed_groups` is no list of texts"),
        ("email_domains = [\"@example.org\"]", "no address ends in any of `email_domains`"),
    ] {
        let (stage, said) = migrated(&format!("{OIDC}{lines}\n"));
        assert!(said.contains(&format!("WARNING: nobody is admitted until you say who: {why}")), "{lines}: {said}");
        has_all(&stage.read("latchkey.yaml"), &["require: \"false\"", why]);
        assert!(!admits(&stage, r#"{"email": "a@example.org", "groups": ["a"], "email_verified": true}"#), "{lines}");
    }
}

#[test]
fn a_file_of_addresses_beside_domains_only_admitted_more() {
    let (stage, said) =
        migrated(&format!("{OIDC}email_domains = [\"example.org\"]\nauthenticated_emails_file = \"/e\"\n"));
    assert!(admits(&stage, r#"{"email": "a@example.org"}"#));
    assert!(said.contains("authenticated_emails_file    NOT CARRIED OVER"), "{said}");
}

#[test]
fn groups_and_roles_are_one_set() {
    let keycloak = OIDC.replace("oidc\"\n", "keycloak-oidc\"\n");
    let (stage, said) = migrated(&format!(
        "{keycloak}email_domains = [\"*\"]\nallowed_groups = [\"/admins\"]\nallowed_roles = [\"approver\", \"portal:boss\"]\nkeycloak_groups = [\"/x\"]\n"
    ));
    assert!(said.contains("are looked for in the ID token (oauth2-proxy: in the access token)"), "{said}");
    for (claims, is_admitted) in [
        (r#""groups": ["/admins"]"#, true),
        (r#""realm_access": {"roles": ["approver"]}"#, true),
        (r#""resource_access": {"portal": {"roles": ["boss"]}}"#, true),
        (r#""groups": ["/x"], "realm_access": {"roles": ["boss"]}"#, false),
        (r#""name": "A""#, false),
    ] {
        assert_eq!(admits(&stage, &format!(r#"{{"email": "a@b.example", {claims}}}"#)), is_admitted, "{claims}");
    }
}

#[test]
fn tenants_of_entra_id_are_kept_or_asked_for() {
    const ALLOWED: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";
    let common = "provider = \"entra-id\"\nclient_id = \"a\"\nemail_domains = [\"*\"]\noidc_issuer_url = \"https://login.microsoftonline.com/common/v2.0\"\n";
    let (stage, _) = migrated(&format!("{common}entra_id_allowed_tenants = [\"{ALLOWED}\"]\n"));
    has_all(&stage.read("latchkey.yaml"), &["issuer: \"https://login.microsoftonline.com/{tenantid}/v2.0\"", ALLOWED]);
    stage.file("common.cfg", common);
    stage.run(&["init", "--from", "common.cfg", "--out", "b.yaml"]).failed_with("stands for every tenant of Entra ID");
    stage.run(&["init", "--from", "common.cfg", "--out", "b.yaml", "--tenant", ALLOWED]).succeeded();
    has_all(&stage.read("b.yaml"), &["{tenantid}", ALLOWED]);
    let other = common.replace("common", "contoso");
    let (_, said) = migrated(&format!("{other}entra_id_allowed_tenants = [\"{ALLOWED}\"]\n"));
    assert!(said.contains("WARNING: nobody is admitted until you say who: `entra_id_allowed_tenants`"), "{said}");
    let own = common.replace("common", ALLOWED);
    let (_, said) = migrated(&format!("{own}entra_id_allowed_tenants = [\"{ALLOWED}\"]\n"));
    assert!(!said.contains("nobody is admitted"), "{said}");
}

#[test]
fn a_file_that_is_not_the_whole_configuration_is_refused() {
    let stage = Stage::new();
    for file in ["", "provider = \"google\"\nemail_domains = [\"*\"]\n", "client_id = \"\"\n"] {
        stage.file("p.cfg", file);
        stage.run(&["init", "--from", "p.cfg"]).failed_with("p.cfg has no `client_id`");
    }
    assert!(!stage.path("latchkey.yaml").exists());
}

#[test]
fn everybody_at_google_is_said_to_be_everybody() {
    let stage = Stage::new();
    stage.file("p.cfg", "client_id = \"a\"\nemail_domains = [\"*\"]\n");
    let said = stage.run(&["init", "--from", "p.cfg", "--discovery", &discovery_of("google")]).succeeded().out;
    assert!(said.contains("WARNING: everybody with a Google account can sign in"), "{said}");
    let (_, said) = migrated("client_id = \"a\"\nemail_domains = [\"example.org\"]\n");
    assert!(!said.contains("WARNING"), "{said}");
}

#[test]
fn the_name_of_an_argument_is_no_name_of_an_option() {
    let (_, said) = migrated(&format!("{OIDC}email_domains = [\"*\"]\ngoogle_group = [\"a\"]\nemail-domain = \"x\"\n"));
    has_all(&said, &["did you mean `google_groups`?", "did you mean `email_domains`?"]);
}
