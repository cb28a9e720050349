//! Settings that would have no effect are refused.

use serde_json::json;

use super::*;

#[test]
fn a_public_url_is_no_pattern() {
    let problems = problems(&with("/public_url", json!("https://*.example.org")));
    assert!(
        problems.contains("public_url: found \"https://*.example.org\", expected each origin by itself"),
        "{problems}"
    );
}

#[test]
fn what_could_never_match_or_hold_is_refused() {
    for regex in ["api/.*", "", "x", "^api", "$", "^$", "%2f"] {
        let problems = problems(&with("/rules", json!([{"match": {"path_regex": regex}}])));
        assert!(
            problems.contains("which matches no path, expected a regular expression that begins with `/`"),
            "{regex}"
        );
    }
    for regex in
        ["/api/.*", ".*", "(x|/a)", "x|/a", "x?/a", "x*/a", "x{0}/a", "^/a", "[^x].*", "\\x2fa", "(?i)/a", "$|/"]
    {
        assert_eq!(problems(&with("/rules", json!([{"match": {"path_regex": regex}}]))), "", "{regex}");
    }
    for (require, refused) in [
        ("1", true),
        ("\"abc\"", true),
        ("'a' + \"b\"", true),
        ("[true]", true),
        ("null", true),
        ("true", false),
        ("false", false),
        ("1 == 2", false),
        ("claims.a == \"1\"", false),
        ("\"1\" in scopes", false),
        ("claims.a", false),
    ] {
        let problems = problems(&with("/rules", json!([{"require": require}])));
        assert_eq!(
            problems.contains("found a condition that is never true or false"),
            refused,
            "{require}: {problems}"
        );
    }
    for (value, refused) in
        [("[\"a\"]", true), ("{}", true), ("null", true), ("\"a\"", false), ("1", false), ("claims.groups", false)]
    {
        let problems = problems(&with("/headers", json!({"x-a": value})));
        assert_eq!(
            problems.contains("headers.x-a: found an expression that never has a value"),
            refused,
            "{value}: {problems}"
        );
    }
}
