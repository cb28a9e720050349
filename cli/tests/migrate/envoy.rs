//! From Envoy's `oauth2` and `jwt_authn`.

use crate::command::Stage;
use crate::{data, has_all, migrated};

#[test]
fn what_envoys_own_filters_did_is_carried_over() {
    let (_, text, said) = migrated(&["--from-envoy", &data("envoy-oauth2.yaml")]);
    has_all(
        &text,
        &[
            "name: corp",
            "issuer: https://login.example.org ",
            "cluster: corp ",
            "client_secret: {env: CORP_CLIENT_SECRET}",
            "token_endpoint_auth_method: client_secret_post",
            "scope: openid email groups",
            "name: github-actions",
            "cluster: github ",
            "jwks_uri: https://token.actions.githubusercontent.com/.well-known/jwks",
            "clock_skew: 30s",
            "audience: [SAY-WHOM-TOKENS-MUST-BE-FOR]",
            "public_url: https://portal.example.org",
            "match: {path: /ready}\n  authentication: session",
            "match: {path_regex: \"/deploy.*\"}\n  authentication: bearer\n  providers: [github-actions]",
            "authentication: bearer\n  providers: [anybody]\n  audience: [https://v.example.org]",
            "match: {path_regex: \"/both.*\"}\n  authentication: session\n  require: \"false\"",
            "match: {path_regex: \"/maybe/.*\"}\n  authentication: any\n  providers: [corp, github-actions]",
            "authorization: '\"Bearer \" + access_token'",
            "x-auth-email: claims.email",
            "x-auth-role: claims.realm.role",
        ],
    );
    for (what, becomes) in [
        ("redirect_uri", "/callback becomes /oauth2/callback"),
        ("pass_through_matcher", "NOT CARRIED OVER: authorization: nobody is let through by a header"),
        ("deny_redirect_matcher", "not needed"),
        ("brand_new_field", "NOT CARRIED OVER: this version of latchkey does not know"),
        ("session", "not needed: the ID token of a login is verified by the filter itself"),
        ("audiences", "anybody took tokens that were for anybody"),
        ("local_jwks", "NOT CARRIED OVER: the keys of anybody are fetched"),
        ("by-mail", "NOT CARRIED OVER: its issuer is no URL"),
        ("rules", "NOT CARRIED OVER: requires_all"),
        ("rules", "what no rule matched went through with a session only"),
    ] {
        let listed = said.lines().any(|line| line.trim_start().starts_with(what) && line.contains(becomes));
        assert!(listed, "{what}: {becomes} in {said}");
    }
}

#[test]
fn tokens_alone_need_no_session_and_no_secret() {
    let stage = Stage::new();
    stage.file(
        "envoy.yaml",
        r#"{"@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
        "providers": {"ci": {"issuer": "https://ci.example.org", "audiences": ["a"], "forwardPayloadHeader": "X-Payload", "fromParams": ["t"],
        "remoteJwks": {"httpUri": {"uri": "https://ci.example.org/keys", "cluster": "ci"}}}},
        "rules": [{"match": {"prefix": "/"}, "requires": {"providerName": "ci"}}]}"#,
    );
    let said = stage.run(&["init", "--from-envoy", "envoy.yaml"]).succeeded().out;
    stage.run(&["check", "latchkey.yaml"]).succeeded();
    let text = stage.read("latchkey.yaml");
    assert!(!text.contains("session:") && text.contains("x-payload: \"base64url(json(claims))\""), "{text}");
    assert!(said.contains("from_params") && !said.contains("CLIENT_SECRET"), "{said}");
}

/// A file with `jwt_authn`: the providers `a` and `b`, and these rules.
fn jwt(rules: &str) -> String {
    let provider = |name: &str, more: &str| {
        format!(
            "  {name}: {{issuer: \"https://{name}.example\", audiences: [x], {more} remote_jwks: {{http_uri: {{uri: \"https://{name}.example/k\", cluster: {name}, timeout: 5s}}}}}}\n"
        )
    };
    format!(
        "\"@type\": type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication\nproviders:\n{}{}{}requirement_map: {{known: {{provider_name: a}}, open: {{}}}}\nrules:\n{rules}\n",
        provider("a", ""),
        provider("b", ""),
        provider("c", "subjects: {prefix: \"robot:\"}, max_lifetime: 60s,")
    )
}

/// A file with `oauth2`, which lets these through, and `jwt_authn` behind it, where `a` verifies the cookies.
fn oauth2_and(passes: &str, rules: &str) -> String {
    let jwt = jwt(rules).replace(
        "audiences: [x],  remote_jwks: {http_uri: {uri: \"https://a.example/k\"",
        "audiences: [portal], from_cookies: [IdToken], remote_jwks: {http_uri: {uri: \"https://a.example/k\"",
    );
    let oauth2 = format!(
        "\"@type\": type.googleapis.com/envoy.extensions.filters.http.oauth2.v3.OAuth2\nconfig: {{token_endpoint: {{cluster: a, uri: \"https://a.example/t\"}}, redirect_uri: \"https://h.example/oauth2/callback\", pass_through_matcher: [{passes}], credentials: {{client_id: portal}}}}\n"
    );
    let indented =
        |text: &str| text.lines().map(|line| format!("  {line}\n")).collect::<String>().replacen("  ", "- ", 1);
    format!("{}{}", indented(&oauth2), indented(&jwt))
}

fn carried_over(file: &str) -> (Stage, String) {
    let stage = Stage::new();
    stage.file("envoy.yaml", file);
    let said = stage.run(&["init", "--from-envoy", "envoy.yaml"]).succeeded().out;
    stage.run(&["check", "latchkey.yaml"]).succeeded();
    (stage, said)
}

/// Whether anybody may ask for it.
fn is_open(stage: &Stage, request: &str) -> bool {
    stage.run(&["explain", "latchkey.yaml", "--request", request, "--output", "json"]).succeeded().json()["verdict"]
        == "forwarded"
}

#[test]
fn a_rule_that_cannot_be_said_closes_its_place_instead_of_falling_through_to_an_open_one() {
    for (rule, closed) in [
        (
            "{match: {prefix: /admin}, requires: {requires_all: {requirements: [{provider_name: a}, {provider_name: b}]}}}",
            &["/admin", "/admin/x", "/adminx"][..],
        ),
        (
            "{match: {prefix: /admin}, requires: {requires_any: {requirements: [{requires_all: {requirements: [{provider_name: a}]}}]}}}",
            &["/admin"],
        ),
        (
            "{match: {path_match_policy: {name: x, typed_config: {path_template: \"/admin/{b}\"}}}, requires: {provider_name: a}}",
            &["/admin/x"],
        ),
        (
            "{match: {path_match_policy: {name: x, typed_config: {other: 1}}}, requires: {provider_name: a}}",
            &["/", "/x"],
        ),
        (
            "{match: {prefix: /admin, query_parameters: [{name: a}]}, requires: {provider_name: a}}",
            &["/admin", "/admin?a"],
        ),
        (
            "{match: {prefix: /admin, headers: [{name: x-h, string_match: {exact: v}}]}, requires: {provider_name: a}}",
            &["/admin"],
        ),
        (
            "{match: {prefix: /admin, headers: [{name: \":method\", string_match: {exact: POST}, invert_match: true}]}, requires: {provider_name: a}}",
            &["/admin"],
        ),
        (
            "{match: {prefix: /admin, headers: [{name: \":method\", string_match: {prefix: G}}]}, requires: {provider_name: a}}",
            &["/admin"],
        ),
        ("{match: {prefix: /admin, brand_new: 1}, requires: {provider_name: a}}", &["/admin"]),
        ("{match: {prefix: \"/a%20b\"}, requires: {provider_name: a}}", &["/a%20b", "/ab"]),
        ("{match: {safe_regex: {regex: \"/admin[0-9]\\\\<.*\"}}, requires: {provider_name: a}}", &["/admin1"]),
        (
            "{match: {prefix: /admin, case_sensitive: false}, requires: {provider_name: a}}",
            &["/admin", "/ADMIN/x", "/Adminx"],
        ),
        ("{match: {path: /admin, case_sensitive: false}, requires: {provider_name: a}}", &["/admin", "/ADMIN"]),
        (
            "{match: {path_separated_prefix: /admin, case_sensitive: false}, requires: {provider_name: a}}",
            &["/Admin", "/ADMIN/x"],
        ),
        ("{match: {prefix: /api/v}, requires: {provider_name: a}}", &["/api/v1/x", "/api/v", "/api/v/x"]),
        ("{match: {prefix: /admin}, requires: {provider_name: nobody}}", &["/admin"]),
        ("{match: {prefix: /admin}, requires: {brand_new: {}}}", &["/admin"]),
        ("{match: {prefix: /admin}, requirement_name: known}", &["/admin"]),
        ("{match: {prefix: /admin}, requirement_name: unknown}", &["/admin"]),
        ("{match: {prefix: \"\"}, requires: {provider_name: a}}", &["/", "/x"]),
        ("{requires: {provider_name: a}}", &["/"]),
    ] {
        let (stage, said) = carried_over(&jwt(&format!("- {rule}\n- {{match: {{prefix: /}}}}")));
        for path in closed {
            assert!(
                !is_open(&stage, &format!("GET https://h.example{path}")),
                "{rule}: {path}\n{}",
                stage.read("latchkey.yaml")
            );
        }
        let denies = stage.read("latchkey.yaml").contains("require: \"false\"");
        assert_eq!(said.contains("is closed to everybody"), denies, "{rule}: {said}");
        assert!(
            !denies || said.split("What changes:\n").nth(1).unwrap().trim_start().contains("NOT CARRIED OVER"),
            "{said}"
        );
    }
}

#[test]
fn an_open_rule_opens_what_it_opened_and_no_more() {
    for (rule, open, closed) in [
        ("{match: {prefix: /pub}}", &["/pub", "/public", "/pub/x"][..], &["/", "/xpub"][..]),
        ("{match: {prefix: /pub/}}", &["/pub/", "/pub/x"], &["/pub"]),
        ("{match: {path_separated_prefix: /pub}}", &["/pub", "/pub/x"], &["/public"]),
        ("{match: {path: /pub}, requires: {}}", &["/pub", "/pub?x"], &["/pub/x"]),
        ("{match: {path: /pub}, requirement_name: open}", &["/pub"], &["/pub/x"]),
        ("{match: {prefix: /pub, case_sensitive: false}}", &["/PUB"], &["/x"]),
        ("{match: {safe_regex: {regex: \"/a|/b\"}}}", &["/a", "/b"], &["/ab", "/a/b"]),
        ("{match: {prefix: /pub, headers: [{name: x}]}}", &[], &["/pub"]),
        ("{match: {safe_regex: {regex: \"/a\\\\<b\"}}}", &[], &["/ab", "/a"]),
    ] {
        let (stage, _) =
            carried_over(&jwt(&format!("- {rule}\n- {{match: {{prefix: /}}, requires: {{provider_name: a}}}}")));
        for (paths, expected) in [(open, true), (closed, false)] {
            for path in paths {
                assert_eq!(is_open(&stage, &format!("GET https://h.example{path}")), expected, "{rule}: {path}");
            }
        }
    }
}

#[test]
fn each_rule_names_its_providers_and_what_is_required_of_them() {
    let (stage, _) = carried_over(&jwt(
        "- {match: {prefix: /d}, requires: {requires_any: {requirements: [{provider_name: a}, {allow_missing: {}}]}}}
- {match: {prefix: /e}, requires: {requires_any: {requirements: [{provider_name: a}, {requires_all: {requirements: [{provider_name: b}]}}]}}}
- {match: {prefix: /f}, requires: {provider_name: c}}
- {match: {prefix: /g}, requires: {requires_any: {requirements: [{provider_name: a}, {provider_name: c}]}}}
- {match: {prefix: /h}, requires: {requires_any: {requirements: [{provider_and_audiences: {provider_name: a, audiences: [v]}}, {provider_name: b}]}}}",
    ));
    has_all(
        &stage.read("latchkey.yaml"),
        &[
            "match: {path_regex: \"/d.*\"}\n  authentication: optional\n  providers: [a]\n",
            "match: {path_regex: \"/e.*\"}\n  authentication: bearer\n  providers: [a]\n",
            "providers: [c]\n  require: 'claims.sub.startsWith(\"robot:\") && claims.exp - claims.iat <= 60'",
            "providers: [a, c]\n  require: '(provider != \"c\" || claims.sub.startsWith(\"robot:\") && claims.exp - claims.iat <= 60)'",
            "match: {path_regex: \"/h.*\"}\n  authentication: bearer\n  require: \"false\"",
        ],
    );
}

#[test]
fn behind_oauth2_no_rule_of_jwt_authn_opens_anything() {
    let rules = "- {match: {prefix: /open}}
- {match: {prefix: /maybe}, requires: {allow_missing: {}}}
- {match: {prefix: /deploy}, requires: {provider_name: b}}
- {match: {prefix: /other}, requires: {provider_and_audiences: {provider_name: a, audiences: [z]}}}
- {match: {prefix: /}, requires: {provider_name: a}}";
    let (stage, _) = carried_over(&oauth2_and("", rules));
    for path in ["/open", "/maybe", "/deploy", "/", "/other"] {
        assert!(!is_open(&stage, &format!("GET https://h.example{path}")), "{path}");
    }
    has_all(
        &stage.read("latchkey.yaml"),
        &[
            "{path_regex: \"/open.*\"}\n  authentication: session\n",
            "{path_regex: \"/maybe.*\"}\n  authentication: session\n",
            "{path_regex: \"/deploy.*\"}\n  authentication: session\n  require: \"false\"",
            "{path_regex: \"/other.*\"}\n  authentication: session\n  require: \"false\"",
        ],
    );
    let passes = "{name: authorization, string_match: {prefix: \"Bearer \"}}";
    let (stage, _) = carried_over(&oauth2_and(passes, rules));
    has_all(&stage.read("latchkey.yaml"), &["{path_regex: \"/deploy.*\"}\n  authentication: bearer\n  providers: [b]"]);
}

#[test]
fn what_oauth2_lets_through_is_open_only_where_jwt_authn_wants_no_token() {
    let passes = "{name: \":path\", string_match: {prefix: /deploy}}, {name: \":path\", string_match: {prefix: /public/}}, {name: \":path\", string_match: {exact: /exact}}, {name: \":path\", string_match: {prefix: /i, ignore_case: true}}, {name: \":method\", string_match: {exact: OPTIONS}}";
    let rules = "- {match: {prefix: /public/}}
- {match: {prefix: /deploy/x}, requires: {provider_name: b}}
- {match: {prefix: /d, headers: [{name: x}]}}";
    let (stage, said) = carried_over(&oauth2_and(passes, rules));
    for (request, expected) in [
        ("GET https://h.example/public/x", true),
        ("GET https://h.example/public", false),
        ("GET https://h.example/deploy/x", false),
        ("GET https://h.example/deploy", false),
        ("GET https://h.example/exact?admin", false),
        ("GET https://h.example/i", false),
        ("OPTIONS https://h.example/deploy/x", false),
    ] {
        assert_eq!(is_open(&stage, request), expected, "{request}");
    }
    has_all(&said, &["{path_regex: \"/deploy.*\"}: jwt_authn has rules there", "the header :path has the query, too"]);
    has_all(
        &stage.read("latchkey.yaml"),
        &["{path_regex: \"/deploy/x.*\"}\n  authentication: bearer\n  providers: [b]"],
    );
}

#[test]
fn a_rule_without_effect_is_left_out_and_said() {
    let (stage, said) =
        carried_over(&jwt("- {match: {prefix: /}, requires: {provider_name: a}}\n- {match: {prefix: /z}}"));
    assert!(!stage.read("latchkey.yaml").contains("/z"));
    assert!(said.contains("without effect, so left out: {path_regex: \"/z.*\"}"), "{said}");
}

#[test]
fn what_is_about_one_listener_is_not_taken_for_all() {
    let stage = Stage::new();
    let (first, second) = (oauth2_and("", ""), oauth2_and("", "").replace("client_id: portal", "client_id: other"));
    stage.file("two.yaml", format!("{first}{second}"));
    stage.run(&["init", "--from-envoy", "two.yaml"]).failed_with("several filters oauth2 that differ");
    stage.file("same.yaml", format!("{first}{first}"));
    stage.run(&["init", "--from-envoy", "same.yaml"]).succeeded();
    let of_route =
        "route: {\"@type\": type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig, KEY}\n";
    let wrapped = |key: &str| {
        format!(
            "{}filter:\n{}",
            of_route.replace("KEY", key),
            jwt("- {match: {prefix: /}}").lines().map(|line| format!("  {line}\n")).collect::<String>()
        )
    };
    stage.file("routes.yaml", wrapped("requirement_name: known"));
    stage
        .run(&["init", "--from-envoy", "routes.yaml", "--out", "b.yaml"])
        .failed_with("routes in routes.yaml have requirements of their own");
    stage.file("routes.yaml", wrapped("disabled: true"));
    let said = stage.run(&["init", "--from-envoy", "routes.yaml", "--out", "b.yaml"]).succeeded().out;
    assert!(said.contains("NOT CARRIED OVER: routes without jwt_authn"), "{said}");
    stage.file("mail.yaml", jwt("").replace("https://", "mailto:"));
    stage
        .run(&["init", "--from-envoy", "mail.yaml", "--out", "c.yaml"])
        .failed_with("none of the providers in mail.yaml can be carried over");
}

#[test]
fn truth_values_are_read_as_envoy_reads_them() {
    let (stage, _) = carried_over(&jwt(
        "- {match: {prefix: /admin, case_sensitive: no}, requires: {provider_name: a}}\n- {match: {prefix: /}}",
    ));
    assert!(!is_open(&stage, "GET https://h.example/ADMIN"));
    assert!(is_open(&stage, "GET https://h.example/x"));
}
