//! Documents that are refused, with the place and the reason.

use serde_json::json;

use super::*;
use crate::reason::Reason as _;

#[test]
fn a_problem_names_place_finding_expectation_and_the_nearest_spelling() {
    for (pointer, value, expected) in [
        (
            "/rules",
            json!([{"match": {"path_prefx": "/a"}}]),
            "rules[0].match.path_prefx: found an unknown key; did you mean `path_prefix`?",
        ),
        ("/baze_path", json!("/a"), "baze_path: found an unknown key; did you mean `base_path`?"),
        (
            "/session/idle-timeout",
            json!("30m"),
            "session.idle-timeout: found an unknown key; did you mean `idle_timeout`?",
        ),
        (
            "/providers/0/quite other",
            json!(1),
            "providers[0][\"quite other\"]: found an unknown key, expected `name`, ",
        ),
        (
            "/providers/0/metadata",
            json!({"token_endpont": "https://a.example/"}),
            "providers[0].metadata.token_endpont: found an unknown key; did you mean `token_endpoint`?",
        ),
        (
            "/session/same_site",
            json!("Lax"),
            "session.same_site: found \"Lax\", expected `lax`, `strict` or `none`; did you mean `lax`?",
        ),
        (
            "/rules",
            json!([{"authentication": "optinal"}]),
            "rules[0].authentication: found \"optinal\", expected `session`, `bearer`, `any`, `optional` or `none`; did you mean `optional`?",
        ),
        ("/providers/0/algorithms", json!(["RS255"]), "; did you mean `RS256`?"),
        ("/providers/0/algorithms", json!(["rs256"]), "; did you mean `RS256`?"),
        ("/session/secure", json!("false"), "session.secure: found a string, expected `true` or `false`"),
    ] {
        let problems = problems(&with(pointer, value));
        assert!(problems.contains(expected), "{problems}");
    }
}

#[test]
fn providers_that_make_no_sense_are_refused() {
    for (pointer, value, expected) in [
        ("/providers", json!([]), "providers: found an empty list, expected at least one provider"),
        ("/providers", json!({}), "providers: found a mapping, expected a list of providers"),
        ("/providers/0", json!("corp"), "providers[0]: found a string, expected a mapping"),
        ("/providers/0/name", json!("Corp"), "providers[0].name: found \"Corp\""),
        ("/providers/0/name", json!(""), "providers[0].name: found \"\""),
        ("/providers/1", json!({"name": "corp"}), "providers[1].name: found `corp` again"),
        ("/providers/1", json!({"name": "b"}), "providers[1].issuer: found nothing"),
        ("/providers/0/display_name", json!("a\nb"), "providers[0].display_name: found \"a\\nb\""),
        ("/providers/0/issuer", json!("login.example.org"), "providers[0].issuer: found \"login.example.org\""),
        ("/providers/0/issuer", json!("http://login.example.org"), "plain `http` is for loopback hosts only"),
        ("/providers/0/issuer", json!("https://a.example/?a=b"), "providers[0].issuer: found"),
        ("/providers/0/issuer", json!("https://a.example?"), "providers[0].issuer: found"),
        ("/providers/0/issuer", json!("https://a.example/#b"), "providers[0].issuer: found"),
        ("/providers/0/cluster", json!(""), "providers[0].cluster: found \"\""),
        ("/providers/0/cluster", json!(null), "providers[0].cluster: found null"),
        (
            "/providers/0/clusters",
            json!({"https://a.example": "a"}),
            "providers[0].clusters[\"https://a.example\"]: found a key",
        ),
        ("/providers/0/clusters", json!({"a.example:443": "a"}), "found a key that is no host"),
        ("/providers/0/clusters", json!({"a.example": "a", "A.example": "b"}), "found the same host again"),
        (
            "/providers/0/metadata",
            json!({"issuer": "https://a.example"}),
            "expected the same as the provider's `issuer`",
        ),
        ("/providers/0/metadata", json!({"jwks_uri": "http://a.example/k"}), "providers[0].metadata.jwks_uri: found"),
        (
            "/providers/0/metadata",
            json!({"token_endpoint": "/token"}),
            "providers[0].metadata.token_endpoint: found \"/token\"",
        ),
        ("/providers/0/metadata", json!({"scopes_supported": "openid"}), "expected a list of strings"),
        ("/providers/0/algorithms", json!([]), "expected at least one signature algorithm"),
        ("/providers/0/algorithms", json!(["RS256", "RS256"]), "providers[0].algorithms[1]: found `RS256` again"),
        ("/providers/0/algorithms", json!(["none"]), "a token without a signature proves nothing"),
        ("/providers/0/algorithms", json!(["HS256"]), "can also forge it"),
        ("/providers/0/clock_skew", json!("11m"), "expected a duration from `0s` to `10m`"),
        ("/providers/0/clock_skew", json!(60), "providers[0].clock_skew: found a number, expected a duration"),
        ("/providers/0/client_id", json!(""), "providers[0].client_id: found \"\""),
        ("/providers/0/client_secret", json!(""), "providers[0].client_secret: found an empty string"),
        (
            "/providers/0/client_secret",
            json!({"env": "MISSING"}),
            "providers[0].client_secret.env: found no environment variable `MISSING`",
        ),
        ("/providers/0/client_secret", json!({"env": "EMPTY"}), "found the environment variable `EMPTY` empty"),
        ("/providers/0/client_secret", json!({"env": "LINE_BREAK"}), "is there a line break at its end?"),
        ("/providers/0/client_secret", json!({}), "providers[0].client_secret.env: found nothing"),
        (
            "/providers/0/token_endpoint_auth_method",
            json!("none"),
            "providers[0].client_secret: found a secret without effect",
        ),
        ("/providers/0/scope", json!("profile"), "`openid` among them"),
        ("/providers/0/scope", json!("openid  email"), "separated by single spaces"),
        ("/providers/0/scope", json!("openid openid"), "expected each scope value once"),
        (
            "/providers/0/authorization_parameters",
            json!({"state": "a"}),
            "authorization_parameters.state: found `state`",
        ),
        (
            "/providers/0/authorization_parameters",
            json!({"prompt": 1}),
            "authorization_parameters.prompt: found a number",
        ),
        (
            "/providers/0/authorization_parameters",
            json!({"max_age": "300"}),
            "expected `max_age` in the `rules` that need it",
        ),
        ("/providers/0/authorization_parameters", json!({"acr_values": "mfa"}), "expected `acr_values` in the `rules`"),
        ("/providers/0/login_hint_domains", json!([]), "found an empty list"),
        ("/providers/0/login_hint_domains", json!("example.org"), "found a string"),
        ("/providers/0/login_hint_domains", json!(["Example.org"]), "did you mean `example.org`?"),
        ("/providers/0/login_hint_domains", json!(["@example.org"]), "did you mean `example.org`?"),
        ("/providers/0/login_hint_domains", json!(["a.b", "a.b"]), "found \"a.b\" again"),
        ("/providers/0/login_hint_domains", json!(["localhost"]), "expected a domain such as"),
        ("/providers/0/login_hint_domains", json!(["a b.example"]), "expected a domain such as"),
        ("/providers/0/userinfo", json!("yes"), "providers[0].userinfo: found a string"),
        ("/rules", json!([{"max_age": "0s"}]), "found \"0s\", expected a duration from `1s`"),
        (
            "/providers/0/authorization_parameters",
            json!({"response_mode": "fragment"}),
            "expected `query` or `form_post`",
        ),
    ] {
        let problems = problems(&with(pointer, value.clone()));
        assert!(problems.contains(expected), "{pointer} {value}: {problems}");
    }
}

#[test]
fn a_confidential_client_needs_its_secret() {
    let mut document = minimal();
    document["providers"][0].as_object_mut().unwrap().remove("client_secret");
    assert!(problems(&document).starts_with("providers[0].client_secret: found nothing, expected a secret"));
}

#[test]
fn every_parameter_that_a_login_sets_itself_is_refused() {
    for name in [
        "response_type",
        "client_id",
        "client_secret",
        "redirect_uri",
        "scope",
        "state",
        "nonce",
        "code_challenge",
        "code_challenge_method",
        "request",
        "request_uri",
    ] {
        let problems = problems(&with("/providers/0/authorization_parameters", json!({name: "x"})));
        assert!(problems.contains("which every login sets itself"), "{name}: {problems}");
    }
}

#[test]
fn addresses_that_make_no_sense_are_refused() {
    for (pointer, value, expected) in [
        ("/public_url", json!("http://portal.example.org"), "plain `http` is for loopback hosts only"),
        ("/public_url", json!("https://portal.example.org/app"), "public_url: found"),
        ("/public_url", json!("https://portal.example.org?"), "public_url: found"),
        ("/public_url", json!("https://u@portal.example.org"), "public_url: found a URL with user information"),
        ("/public_url", json!([]), "public_url: found an empty list"),
        (
            "/public_url",
            json!(["https://a.example", "https://A.example:443"]),
            "public_url[1]: found `https://a.example` again",
        ),
        ("/public_url", json!(1), "public_url: found a number"),
        ("/base_path", json!("/"), "base_path: found \"/\""),
        ("/base_path", json!(""), "base_path: found \"\""),
        ("/base_path", json!("oauth2"), "base_path: found"),
        ("/base_path", json!("/oauth2/"), "base_path: found"),
        ("/base_path", json!("/a//b"), "base_path: found"),
        ("/base_path", json!("/a/../b"), "base_path: found"),
        ("/base_path", json!("/a%62"), "base_path: found"),
        ("/base_path", json!("/a?b"), "base_path: found"),
    ] {
        let problems = problems(&with(pointer, value.clone()));
        assert!(problems.contains(expected), "{pointer} {value}: {problems}");
    }
}

#[test]
fn sessions_that_make_no_sense_are_refused() {
    let same = json!([{"env": "LATCHKEY_SESSION_KEY"}, SESSION_KEY]);
    for (pointer, value, expected) in [
        ("/session", json!({}), "session.keys: found nothing"),
        ("/session/keys", json!([]), "session.keys: found 0 keys"),
        ("/session/keys", json!(SESSION_KEY), "session.keys: found a string, expected a list"),
        ("/session/keys", json!(["changeme"]), "session.keys[0]: found 6 bytes"),
        ("/session/keys", json!(["not base64!"]), "session.keys[0]: found something that is not base64"),
        ("/session/keys", json!(["A".repeat(43)]), "session.keys[0]: found a key whose bytes are all the same"),
        ("/session/keys", same, "session.keys[1]: found the same key as in `session.keys[0]`"),
        ("/session/cookie", json!("a b"), "session.cookie: found \"a b\""),
        ("/session/cookie", json!("__Host-"), "session.cookie: found \"__Host-\""),
        ("/session/domain", json!(".example.org"), "session.domain: found"),
        ("/session/domain", json!("org"), "session.domain: found"),
        ("/session/domain", json!("10.0.0.1"), "session.domain: found"),
        (
            "/session/idle_timeout",
            json!("9h"),
            "session.idle_timeout: found `9h`, expected at most the `absolute_timeout` (`8h`)",
        ),
        ("/session/idle_timeout", json!("0s"), "expected a duration from `1s` to `400d`"),
        ("/session/absolute_timeout", json!("401d"), "expected a duration from `1s` to `400d`"),
        ("/session/absolute_timeout", json!("99999999999999999999d"), "expected a duration from"),
        ("/session/refresh_before", json!("401d"), "expected a duration from `0s` to `400d`"),
        ("/session/refresh_before", json!(60), "session.refresh_before: found"),
        ("/session/max_cookies", json!(0), "expected a whole number from 1 to 16"),
        ("/session/max_cookies", json!(17.0), "expected a whole number from 1 to 16"),
        ("/session/max_cookies", json!(1.5), "session.max_cookies: found 1.5"),
        ("/session/claims", json!("sub"), "session.claims: found a string"),
        ("/session/claims", json!(["a", "a"]), "session.claims[1]: found \"a\" again"),
        ("/session/secure", json!(null), "session.secure: found null"),
    ] {
        let problems = problems(&with(pointer, value.clone()));
        assert!(problems.contains(expected), "{pointer} {value}: {problems}");
    }
}

#[test]
fn what_is_said_to_be_kept_or_tried_must_be_possible() {
    let prompts = changed(
        with("/session/silent", json!(true)),
        "/providers/0/authorization_parameters",
        json!({"prompt": "select_account"}),
    );
    let rule = |rule| with("/rules", json!([rule]));
    for (document, expected) in [
        (prompts, "session.silent: found `true` with `prompt` in the `authorization_parameters` of `corp`"),
        (with("/session/silent", json!("yes")), "session.silent: found a string"),
        (with("/session/preserve_fragment", json!(1)), "session.preserve_fragment: found a number"),
        (rule(json!({"preserve_form": "yes"})), "rules[0].preserve_form: found a string"),
        (
            rule(json!({"preserve_form": true, "authentication": "optional"})),
            "rules[0].preserve_form: found `true`, expected a rule with `authentication: session`",
        ),
        (
            rule(json!({"preserve_form": true, "match": {"methods": ["GET", "PUT"]}})),
            "rules[0].preserve_form: found `true` in a rule without `POST`",
        ),
        (
            rule(json!({"preserve_form": false, "match": {"path": "/x"}, "authentication": "none"})),
            "rules[0].preserve_form: found a setting without effect",
        ),
    ] {
        let problems = problems(&document);
        assert!(problems.contains(expected), "{document}: {problems}");
    }
}

#[test]
fn cookie_attributes_that_browsers_would_refuse_are_refused() {
    for (first, second, expected) in [
        (("/session/secure", json!(false)), ("/session/same_site", json!("none")), "session.same_site: found"),
        (("/session/secure", json!(false)), ("/session/partitioned", json!(true)), "session.partitioned: found"),
        (("/session/secure", json!(false)), ("/public_url", json!("https://a.example")), "session.secure: found"),
        (("/session/domain", json!("b.example")), ("/public_url", json!("https://a.example")), "session.domain: found"),
        (
            ("/session/domain", json!("b.example")),
            ("/public_url", json!("https://ab.example")),
            "session.domain: found",
        ),
    ] {
        let problems = problems(&changed(with(first.0, first.1), second.0, second.1));
        assert!(problems.starts_with(expected), "{problems}");
    }
}

#[test]
fn rules_without_effect_are_refused() {
    for (rules, expected) in [
        (json!([{"authentication": "none", "require": "true"}]), "rules[0].require: found a condition without effect"),
        (json!([{"match": {"path_prefix": "/oauth2"}}]), "rules[0]: found a rule without effect"),
        (json!([{"match": {"path": "/oauth2/login", "methods": ["GET"]}}]), "rules[0]: found a rule without effect"),
        (json!([{}, {"match": {"path": "/a"}}]), "rules[1]: found a rule that is never reached: `rules[0]`"),
        (
            json!([{"match": {"path_prefix": "/a"}}, {}, {"match": {"path": "/a/b", "host": "a.example"}}]),
            "rules[2]: found a rule that is never reached: `rules[0]`",
        ),
        (json!([{"require": "access_token == 'a'"}]), "rules[0].require: found `access_token`"),
        (json!([{"require": "claims."}]), "rules[0].require: found an expression that does not compile"),
        (json!([{"require": true}]), "rules[0].require: found a boolean"),
        (
            json!([{"match": {"path": "a", "path_prefix": "b", "path_regex": "(", "host": "a b", "methods": ["get"]}}]),
            "rules[0].match.host: found \"a b\", which",
        ),
        (json!([{"match": {"path_regex": "("}}]), "rules[0].match.path_regex: found \"(\", which"),
        (json!([{"match": {"methods": []}}]), "rules[0].match.methods: found [], which"),
        (json!([{"match": {"methods": "GET"}}]), "rules[0].match.methods: found a string"),
        (json!([{"match": "/a"}]), "rules[0].match: found a string, expected a mapping"),
        (json!([{"name": ""}]), "rules[0].name: found \"\""),
        (json!(vec![json!({}); 1001]), "rules: found 1001 rules"),
    ] {
        let problems = problems(&with("/rules", rules.clone()));
        assert!(problems.contains(expected), "{rules}: {problems}");
    }
}

#[test]
fn headers_that_are_not_ours_or_not_distinct_are_refused() {
    for name in [
        "host",
        "Host",
        "content-length",
        "Content_Length",
        "transfer-encoding",
        "connection",
        "cookie",
        "te",
        "upgrade",
        "keep.alive",
        "proxy-connection",
        ":path",
        ":authority",
        "",
        "x y",
        "x:y",
        "x-ä",
    ] {
        let problems = problems(&with("/headers", json!({name: "claims.sub"})));
        assert!(problems.starts_with("headers") && problems.contains("found a"), "{name}: {problems}");
    }
    for other in ["X-Auth-User", "x_auth_user", "x.auth_user"] {
        let problems = problems(&with("/headers", json!({"x-auth-user": "claims.sub", other: "claims.sub"})));
        assert!(problems.contains("found the same header as"), "{other}: {problems}");
    }
    assert!(problems(&with("/headers", json!({"x-a": 1}))).starts_with("headers.x-a: found a number"));
    assert!(problems(&with("/headers", json!({"x-a": "clams.sub"}))).starts_with("headers.x-a: found an expression"));
}

#[test]
fn an_expression_with_a_claim_that_sessions_do_not_keep_is_refused() {
    let document = with("/session/claims", json!(["groups"]));
    let document = changed(document, "/rules", json!([{"require": "'a' in claims.group"}]));
    let document = changed(document, "/headers", json!({"x-a": "claims.sub", "x-b": "claims.email"}));
    let problems = problems(&document);
    let lines: Vec<_> = problems.lines().collect();
    assert!(lines[0].starts_with("rules[0].require: found the claim \"group\""), "{problems}");
    assert!(lines[0].ends_with("did you mean `groups`?"), "{problems}");
    assert!(lines[1].starts_with("headers.x-b: found the claim \"email\""), "{problems}");
    assert_eq!(lines.len(), 2, "{problems}");
}

#[test]
fn all_problems_are_reported_together() {
    let document = json!({
        "providers": [{"name": "A", "issuer": "ftp://a", "client_secret": {"env": "NONE"}, "scop": "openid"}],
        "public_url": "portal",
        "base_path": "x",
        "session": {"keys": ["short"], "same_site": "maybe", "idle_timeout": "1x"},
        "rules": [{"match": {"path": 1}, "require": "(("}, {"authentication": "maybe"}],
        "headers": {"host": "claims.sub", "x-a": "(("},
        "unknown": {},
    });
    let errors = parse(&document).unwrap_err();
    let paths: Vec<_> = errors.problems().iter().map(|problem| problem.path.as_str()).collect();
    for path in [
        "providers[0].name",
        "providers[0].issuer",
        "providers[0].cluster",
        "providers[0].client_id",
        "providers[0].client_secret",
        "providers[0].scop",
        "public_url",
        "base_path",
        "session.keys[0]",
        "session.same_site",
        "session.idle_timeout",
        "rules[0].match.path",
        "rules[0].require",
        "rules[1].authentication",
        "headers.host",
        "headers.x-a",
        "unknown",
    ] {
        assert_eq!(paths.iter().filter(|found| **found == path).count(), 1, "{path} in {errors}");
    }
    assert_eq!(errors.to_string().lines().count(), errors.problems().len());
    assert_eq!(errors.code(), "configuration.invalid");
}

#[test]
fn a_provider_that_could_not_be_read_is_one_all_the_same() {
    let rules = json!([
        {"match": {"path": "/a"}, "authentication": "session"},
        {"match": {"path": "/b"}, "authentication": "bearer"},
        {"match": {"path": "/c"}, "providers": ["corp"]},
        {"match": {"path": "/d"}, "authentication": "any", "exchange": {"provider": "corp", "scope": "x"}},
        {"match": {"path": "/e"}, "authentication": "bearer", "audience": ["x"]},
    ]);
    let document = changed(with("/providers/0/audience", json!(["api"])), "/rules", rules);
    assert_eq!(problems(&document), "");
    for (pointer, value, path) in [
        ("/providers/0/clock_skew", json!(90), "providers[0].clock_skew: "),
        ("/providers/0/issuer", json!("corp"), "providers[0].issuer: "),
        ("/providers/0/name", json!("Corp"), "providers[0].name: "),
        ("/providers/0/audience", json!("api"), "providers[0].audience: "),
        ("/providers/0/client_id", json!(""), "providers[0].client_id: "),
        ("/providers/0", json!("corp"), "providers[0]: "),
    ] {
        let problems = problems(&changed(document.clone(), pointer, value));
        assert!(problems.starts_with(path) && problems.lines().count() == 1, "{pointer}: {problems}");
    }
    let unknown =
        changed(changed(document, "/providers/0/clock_skew", json!(90)), "/rules/2/providers/0", json!("crop"));
    assert!(problems(&unknown).contains("found \"crop\", expected the name of a provider; did you mean `corp`?"));
}
