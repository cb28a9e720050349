//! What the core says of requests, asked without a proxy.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::expect_used, reason = "tests")]

use latchkey_explain::{Explanation, Identity, Question, Verdict, explain};
use relying_party::time::UnixTime;
use serde_json::{Value, json};

const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);

fn configuration() -> Value {
    json!({
        "providers": [{
            "name": "corp", "issuer": "https://login.example.org/realms/corp", "cluster": "corp-idp",
            "client_id": "portal", "client_secret": "a secret", "audience": ["https://api.example.org"],
        }],
        "public_url": ["https://portal.example.org", "https://api.example.org"],
        "session": {"keys": ["q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQDx4tPEtaaXg="], "store": {"cluster": "webdis", "kind": "webdis"}},
        "rules": [
            {"name": "health", "match": {"path": "/healthz"}, "authentication": "none"},
            {"name": "orders", "match": {"host": "api.example.org"}, "authentication": "bearer",
             "require": "\"orders.write\" in scopes || request.method == \"GET\""},
            {"name": "approvals", "match": {"path_prefix": "/approvals"}, "require": "\"finance\" in claims.groups"},
        ],
        "headers": {"x-auth-subject": "claims.sub", "x-auth-groups": "claims.groups.join(\",\")"},
    })
}

fn ask(method: &str, host: &str, path: &str, identity: Identity) -> Explanation {
    let field = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
    let request = vec![
        field(":method", method),
        field(":scheme", "https"),
        field(":authority", host),
        field(":path", path),
        field("sec-fetch-mode", "navigate"),
        field("x-auth-subject", "forged"),
    ];
    let question = Question { request, identity };
    explain(configuration().to_string().as_bytes(), &|_| None, question, NOW).unwrap()
}

fn claims(claims: Value) -> Identity {
    Identity::Claims { claims: claims.as_object().unwrap().clone(), provider: None }
}

fn header(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

fn status_and_reason(explanation: &Explanation) -> (u16, Option<&'static str>) {
    match &explanation.verdict {
        Verdict::Answered { status, reason, .. } => (*status, *reason),
        verdict => panic!("{verdict:?} {:?}", explanation.log),
    }
}

#[test]
fn a_person_in_the_group_is_admitted_with_their_headers() {
    let known = claims(json!({"sub": "ada", "groups": ["finance", "staff"]}));
    let explanation = ask("GET", "portal.example.org", "/approvals/1?x=y", known);
    assert_eq!((explanation.rule.as_deref(), explanation.rule_path.as_deref()), (Some("approvals"), Some("rules[2]")));
    let Verdict::Forwarded { added, removed, .. } = &explanation.verdict else { panic!("{explanation:?}") };
    assert_eq!(added, &[header("x-auth-groups", "finance,staff"), header("x-auth-subject", "ada")]);
    assert_eq!(removed, &["x-auth-subject"]);
    assert_eq!(explanation.requirement.unwrap().outcome, "true");
}

#[test]
fn a_requirement_that_denies_is_shown_with_what_it_comes_to() {
    for (claims_of_bob, outcome) in [
        (json!({"sub": "bob", "groups": ["staff"]}), "false"),
        (json!({"sub": "bob"}), "not evaluable: a claim is missing or has another type"),
    ] {
        let explanation = ask("GET", "portal.example.org", "/approvals", claims(claims_of_bob));
        let requirement = explanation.requirement.unwrap();
        assert_eq!((requirement.expression.as_str(), requirement.outcome), ("\"finance\" in claims.groups", outcome));
    }
}

#[test]
fn a_header_without_a_value_is_named() {
    let explanation = ask("GET", "portal.example.org", "/", claims(json!({"sub": "ada"})));
    let Verdict::Forwarded { left_out, .. } = &explanation.verdict else { panic!("{explanation:?}") };
    assert_eq!(left_out, &["x-auth-groups"]);
    let public = ask("GET", "portal.example.org", "/healthz", claims(json!({"sub": "ada"})));
    let Verdict::Forwarded { added, left_out, .. } = &public.verdict else { panic!("{public:?}") };
    assert!(added.is_empty() && left_out.is_empty(), "nobody is told of here: {public:?}");
}

#[test]
fn claims_that_make_no_session_are_nobodys() {
    let large: String = (0_u32..20_000).map(|number| format!("{:x}", number.wrapping_mul(2_654_435_761))).collect();
    for (unfit, supposed) in [
        (json!({"iss": "https://evil.example"}), "issuer"),
        (json!({"iss": 1}), "issuer"),
        (json!({"sub": 1}), "sub"),
        (json!({"sub": "ada", "groups": [large]}), "session.too_large"),
    ] {
        let explanation = ask("GET", "portal.example.org", "/", claims(unfit));
        let reason = status_and_reason(&explanation);
        assert_eq!(reason, (302, Some("session.required")), "{supposed}");
        assert!(
            explanation.supposed.iter().any(|text| text.starts_with("nobody: ") && text.contains(supposed)),
            "{explanation:?}"
        );
    }
}

#[test]
fn credentials_are_named_and_not_shown() {
    let mut document = configuration();
    document["headers"]["x-token"] = "access_token".into();
    let field = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
    let request = vec![
        field(":method", "GET"),
        field(":scheme", "https"),
        field(":authority", "api.example.org"),
        field(":path", "/orders"),
    ];
    let identity = claims(json!({"sub": "ci", "aud": "https://api.example.org"}));
    let explanation = explain(document.to_string().as_bytes(), &|_| None, Question { request, identity }, NOW).unwrap();
    let Verdict::Forwarded { added, .. } = &explanation.verdict else { panic!("{explanation:?}") };
    assert!(added.contains(&header("x-token", "(the access token)")), "{added:?}");
}

#[test]
fn the_sign_in_page_and_step_up_say_what_they_ask() {
    let mut document = configuration();
    let mut second = document["providers"][0].clone();
    second["name"] = "partner".into();
    second["issuer"] = "https://id.partner.example".into();
    document["providers"].as_array_mut().unwrap().push(second);
    let field = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
    let request = |path: &str| {
        vec![
            field(":method", "GET"),
            field(":scheme", "https"),
            field(":authority", "portal.example.org"),
            field(":path", path),
            field("sec-fetch-mode", "navigate"),
        ]
    };
    let ask = |document: &Value, path: &str, identity| {
        explain(document.to_string().as_bytes(), &|_| None, Question { request: request(path), identity }, NOW).unwrap()
    };
    let page = ask(&document, "/", Identity::Nobody);
    assert_eq!(page.verdict.summary(), "sees the sign-in page (corp, partner), status 200");
    document["rules"][2]["acr_values"] = json!(["urn:example:mfa"]);
    let step_up = ask(&document, "/approvals", claims(json!({"sub": "ada", "groups": ["finance"]})));
    let Verdict::Answered { reason, location: Some(location), .. } = &step_up.verdict else { panic!("{step_up:?}") };
    assert_eq!(*reason, Some("step_up.required"));
    assert!(location.ends_with("with acr_values=urn:example:mfa"), "{location}");
    let ready = ask(&document, "/oauth2/ready", Identity::Nobody);
    assert_eq!(ready.verdict.summary(), "answered, status 200");
}

#[test]
fn a_person_outside_it_is_denied_and_the_reason_is_named() {
    let explanation =
        ask("GET", "portal.example.org", "/approvals", claims(json!({"sub": "bob", "groups": ["staff"]})));
    assert_eq!(status_and_reason(&explanation), (403, Some("policy.require_not_met")));
}

#[test]
fn nobody_is_sent_to_the_provider() {
    let explanation = ask("GET", "portal.example.org", "/", Identity::Nobody);
    let Verdict::Answered { status: 302, location: Some(location), .. } = &explanation.verdict else {
        panic!("{explanation:?}")
    };
    assert_eq!(location, "the authorization endpoint of https://login.example.org/realms/corp");
    assert!(matches!(
        ask("GET", "portal.example.org", "/healthz", Identity::Nobody).verdict,
        Verdict::Forwarded { .. }
    ));
}

#[test]
fn a_token_is_judged_by_everything_but_its_signature() {
    let token = |aud: &str, scope: &str| claims(json!({"sub": "ci", "aud": aud, "scope": scope}));
    let post = |identity| ask("POST", "api.example.org", "/orders", identity);
    let good = post(token("https://api.example.org", "orders.write"));
    assert!(matches!(good.verdict, Verdict::Forwarded { .. }), "{good:?}");
    assert!(good.supposed.iter().any(|text| text.contains("signed")));
    assert_eq!(status_and_reason(&post(token("https://other.example.org", "orders.write"))).0, 401);
    assert_eq!(status_and_reason(&post(token("https://api.example.org", "orders.read"))).0, 403);
    assert_eq!(status_and_reason(&post(Identity::Nobody)).0, 401);
}

/// The configuration, asked about somebody, with the value at `pointer` replaced.
fn ask_changed(pointer: &str, value: Value, host: &str, path: &str) -> Explanation {
    let mut document = configuration();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    document.pointer_mut(parent).unwrap().as_object_mut().unwrap().insert(name.to_owned(), value);
    let field = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
    let request =
        vec![field(":method", "GET"), field(":scheme", "https"), field(":authority", host), field(":path", path)];
    let question = Question { request, identity: claims(json!({"groups": ["finance"]})) };
    explain(document.to_string().as_bytes(), &|_| None, question, NOW).unwrap()
}

#[test]
fn a_session_is_supposed_however_its_cookie_is_written() {
    for (pointer, value) in [
        ("/session/domain", json!("example.org")),
        ("/session/refresh_before", json!("60s")),
        ("/session/cookie", json!("sso")),
        ("/public_url", json!("https://portal.example.org")),
    ] {
        let explanation = ask_changed(pointer, value, "portal.example.org", "/approvals");
        assert!(matches!(explanation.verdict, Verdict::Forwarded { .. }), "{pointer}: {explanation:?}");
    }
    let large = ask_changed("/session/claims", json!(["groups", "sub", "large"]), "portal.example.org", "/approvals");
    assert!(matches!(large.verdict, Verdict::Forwarded { .. }), "{large:?}");
}

#[test]
fn a_token_is_for_whom_the_rule_wants_it_unless_it_says_otherwise() {
    let rule = json!([{"authentication": "bearer", "audience": ["https://orders.example.org"]}]);
    let explanation = ask_changed("/rules", rule, "api.example.org", "/orders");
    assert!(matches!(explanation.verdict, Verdict::Forwarded { .. }), "{explanation:?}");
}

#[test]
fn an_ambiguous_path_is_refused() {
    let explanation = ask("GET", "portal.example.org", "/healthz/%2e%2e/approvals", Identity::Nobody);
    assert_eq!(status_and_reason(&explanation).0, 400);
}
