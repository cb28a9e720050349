//! What the page is told.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::expect_used, reason = "tests")]

use serde_json::{Value, json};

const NOW: u32 = 1_700_000_000;
const PORTAL: &str = include_str!("../page/portal.yaml");

fn ask(configuration: &str, changes: Value) -> Value {
    let mut question = json!({
        "configuration": configuration, "request": "GET https://portal.example.org/admin/users", "headers": "",
        "by_program": false, "who": "nobody",
    });
    for (name, value) in changes.as_object().unwrap() {
        question[name] = value.clone();
    }
    serde_json::from_str(&latchkey_playground::answer(&question.to_string(), NOW)).unwrap()
}

fn somebody(claims: &str) -> Value {
    json!({"who": {"claims": {"claims": claims, "provider": ""}}})
}

#[test]
fn whoever_may_goes_to_the_application_with_their_headers() {
    let answer = ask(PORTAL, somebody("{sub: ada, groups: [admins]}"));
    let explanation = &answer["explanation"];
    assert_eq!(explanation["verdict"], "forwarded");
    assert_eq!(explanation["added"], json!([["x-auth-subject", "ada"], ["x-auth-groups", "admins"]]));
    assert_eq!(answer["providers"], json!(["corp"]));
    assert_eq!(answer["variables"], json!(["CORP_CLIENT_SECRET", "LATCHKEY_SESSION_KEY"]));
    let start = usize::try_from(explanation["rule_characters"]["start"].as_u64().unwrap()).unwrap();
    assert!(PORTAL.get(start..).unwrap().starts_with("name: admin"), "{explanation}");
}

#[test]
fn whoever_may_not_hears_why() {
    let denied = ask(PORTAL, somebody("{sub: bob, groups: [staff]}"));
    assert_eq!(denied["explanation"]["summary"], "refused, status 403");
    assert_eq!(denied["explanation"]["reason"], "policy.require_not_met");
    let unknown = ask(PORTAL, json!({"by_program": true}));
    assert_eq!(unknown["explanation"]["reason"], "session.required");
    let sent = ask(PORTAL, json!({}));
    assert_eq!(sent["explanation"]["location"], "the authorization endpoint of https://login.example.org/realms/corp");
}

#[test]
fn a_mistake_has_its_place_in_the_characters_of_a_browser() {
    let wrong = format!("# 🗝️ ключ\n{}", PORTAL.replace("path_prefix", "path_prefx"));
    let answer = ask(&wrong, json!({}));
    let finding = &answer["findings"][0];
    assert_eq!((&finding["hint"], &finding["line"]), (&json!("path_prefix"), &json!(20)));
    let units: Vec<u16> = wrong.encode_utf16().collect();
    let at = |name: &str| usize::try_from(finding["characters"][name].as_u64().unwrap()).unwrap();
    assert_eq!(String::from_utf16(&units[at("start")..at("end")]).unwrap(), "path_prefx: /admin");
    assert_eq!(answer["explanation"], Value::Null);
}

#[test]
fn what_is_no_document_and_no_question_is_answered_all_the_same() {
    assert_eq!(ask("a: [", json!({}))["findings"].as_array().unwrap().len(), 1);
    assert_eq!(ask("", json!({}))["findings"][0]["message"], "found nothing, expected a configuration");
    let nonsense: Value = serde_json::from_str(&latchkey_playground::answer("nonsense", NOW)).unwrap();
    assert_eq!(nonsense["objection"]["field"], "configuration");
}

#[test]
fn an_objection_names_the_field() {
    for (changes, field) in [
        (json!({"request": "portal"}), "request"),
        (json!({"request": "GET ftp://portal.example.org/"}), "request"),
        (json!({"headers": "accept"}), "headers"),
        (somebody("[sub]"), "claims"),
        (somebody("sub: ["), "claims"),
    ] {
        let answer = ask(PORTAL, changes.clone());
        assert_eq!(answer["objection"]["field"], field, "{changes}");
        assert_eq!(answer["explanation"], Value::Null, "{changes}");
    }
}

#[test]
fn an_access_token_is_judged_and_header_fields_are_sent() {
    let bearer = PORTAL.replace("require: '\"admins\" in claims.groups'", "authentication: bearer");
    let bearer = bearer.replace("client_id: portal", "client_id: portal\n  audience: [https://portal.example.org]");
    let refused = ask(&bearer, json!({"who": {"token": "e30.e30.AA"}}));
    assert_eq!(refused["explanation"]["summary"], "refused, status 401", "{refused}");
    let forged = ask(
        PORTAL,
        json!({"request": "GET https://portal.example.org/healthz", "headers": "\nX_Auth_Subject: root\n"}),
    );
    assert_eq!(forged["explanation"]["removed"], json!(["x_auth_subject"]));
}
