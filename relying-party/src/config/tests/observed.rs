//! `audit` and `properties`: what others see of decisions and identities.

use serde_json::json;

use super::*;
use crate::config::AuditPolicy;

#[test]
fn subjects_are_hashed_in_the_audit_log_unless_they_are_wanted_plain() {
    let audit = |value| parse(&with("/audit", value)).unwrap().audit;
    assert_eq!(parse(&minimal()).unwrap().audit, None);
    assert_eq!(audit(json!({})), Some(AuditPolicy::Hashed));
    assert_eq!(audit(json!({"subject": "hashed"})), Some(AuditPolicy::Hashed));
    assert_eq!(audit(json!({"subject": "plain"})), Some(AuditPolicy::Plain));
}

#[test]
fn properties_have_plain_names_and_no_token() {
    let config = parse(&with("/properties", json!({"subject": "claims.sub", "groups_2": "claims.groups.join(\",\")"})));
    let names: Vec<_> = config.unwrap().properties.iter().map(|property| property.name.clone()).collect();
    assert_eq!(names, ["groups_2", "subject"]);
    for (pointer, value, problem) in [
        ("/properties", json!({"Subject": "claims.sub"}), "properties.Subject: found a key that cannot be a name here"),
        ("/properties", json!({"reason": "claims.sub"}), "properties.reason: found a key that cannot be a name here"),
        ("/properties", json!({"a.b": "claims.sub"}), "found a key that cannot be a name here"),
        (
            "/properties",
            json!({"token": "access_token"}),
            "properties.token: found `access_token`, which only `headers`",
        ),
        ("/properties", json!({"x": "claims."}), "properties.x: found an expression that does not compile"),
        ("/properties", json!("x"), "properties: found a string"),
        ("/audit", json!("plain"), "audit: found a string, expected a mapping"),
        (
            "/audit",
            json!({"subject": "hash"}),
            "audit.subject: found \"hash\", expected `hashed` or `plain`; did you mean `hashed`?",
        ),
        ("/audit", json!({"subjects": "plain"}), "audit.subjects: found an unknown key; did you mean `subject`?"),
    ] {
        let problems = problems(&with(pointer, value.clone()));
        assert!(problems.contains(problem), "{value}: {problems}");
    }
}

#[test]
fn hashes_need_a_session_key() {
    let provider = json!({
        "name": "ci", "issuer": "https://ci.example.org", "cluster": "ci", "audience": ["https://api.example.org"],
    });
    let document = |audit| json!({"providers": [provider.clone()], "audit": audit});
    let problems = problems(&document(json!({})));
    assert!(problems.contains("audit.subject: found hashes without a key to make them with"), "{problems}");
    assert!(parse(&document(json!({"subject": "plain"}))).is_ok());
    let mut with_key = document(json!({"subject": "hashed"}));
    with_key["session"] = json!({"keys": [{"env": "LATCHKEY_SESSION_KEY"}]});
    assert!(parse(&with_key).is_ok());
}
