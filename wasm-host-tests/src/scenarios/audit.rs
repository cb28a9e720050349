//! The audit log: a line for each decision about security, and nobody's name in it unless that is wanted.

use std::time::Duration;

use serde_json::{Value, json};

use super::refresh::with_tokens;
use super::{access_token, call, signed_in};
use crate::browser::Browser;
use crate::message::Request;
use crate::provider::{Authorization, Behaviour, Endpoint, Obedience, RefreshTokens};
use crate::setup::Setup;
use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);
const MARK: &str = "latchkey-audit ";

fn audited(setup: Setup) -> Setup {
    setup.top("audit", json!({"subject": "hashed"}))
}

/// The lines of the audit log, in order.
fn lines<W: World>(world: &W) -> Vec<Value> {
    let log = world.log();
    let lines = log.iter().filter_map(|line| line.split_once(MARK));
    lines.map(|(_, document)| serde_json::from_str(document).expect("a line of JSON")).collect()
}

/// The last line; it must be about this.
#[track_caller]
fn last<W: World>(world: &W, event: &str, members: &Value) -> Value {
    let line = lines(world).pop().expect("a line");
    assert_eq!(line["event"], event, "{line}");
    for (name, value) in members.as_object().into_iter().flatten() {
        assert_eq!(&line[name], value, "{name} of {line}");
    }
    line
}

pub fn each_decision_has_a_line<W: World>() {
    let setup = audited(Setup::default())
        .rule(json!({"name": "vault", "match": {"path": "/vault"}, "acr_values": ["urn:mfa"]}));
    let mut world = W::open(setup);
    let mut browser = Browser::default();

    let refused = world.send(Request::fetch("/api").with("x-request-id", "first"));
    let line = last(&world, "refusal", &json!({"reason": "session.required", "rule": null, "subject": null}));
    assert_eq!(line["request_id"], refused.refused_with(401).response.document()["request_id"]);
    let time = line["time"].as_str().unwrap_or_default();
    assert!(time.len() == 24 && time.starts_with("20") && time.ends_with('Z') && &time[10..11] == "T", "{time}");

    browser.open(&mut world, "/").shows("/");
    let login = last(&world, "login", &json!({"provider": "corp", "reason": null, "rule": null}));
    let ada = login["subject"].as_str().expect("a subject").to_owned();
    assert_eq!(ada.len(), 22, "{ada}");

    let told = lines(&world).len();
    browser.fetch(&mut world, "/api").forwarded();
    assert_eq!(lines(&world).len(), told, "who goes on as before is not news");

    browser.fetch(&mut world, "/board").refused_with(403);
    let expected = json!({"reason": "policy.require_not_met", "rule": "board", "provider": "corp", "subject": ada});
    last(&world, "policy_denial", &expected);

    browser.fetch(&mut world, "/vault").refused_with(401);
    let expected = json!({"reason": "step_up.required", "rule": "vault", "provider": "corp", "subject": ada});
    last(&world, "step_up", &expected);
    assert_eq!(lines(&world).len(), told + 2, "{:?}", lines(&world));

    browser.open(&mut world, "/oauth2/logout?return_to=%2Fpublic");
    last(&world, "logout", &json!({"reason": "logout.requested", "provider": "corp", "subject": ada}));

    let denied = Authorization::Error { code: "access_denied".to_owned(), description: String::new() };
    world.provider().authorization = denied;
    browser.open(&mut world, "/").exchange.because_of("authorization.access_denied");
    let expected = json!({"reason": "authorization.access_denied", "provider": "corp", "subject": null});
    last(&world, "login_failed", &expected);
}

pub fn who_has_proven_who_they_are_is_named_though_the_login_fails<W: World>() {
    let setup = Setup::default().rule(json!({"match": {"path": "/vault"}, "acr_values": ["urn:mfa"]}));
    let (mut world, mut browser) = signed_in::<W>(audited(setup));
    let ada = last(&world, "login", &json!({}))["subject"].clone();
    world.provider().acr_values = Obedience::Ignores;
    browser.open(&mut world, "/vault").exchange.because_of("step_up.acr_not_met");
    last(&world, "login_failed", &json!({"reason": "step_up.acr_not_met", "provider": "corp", "subject": ada}));

    let setup = Setup::default().of_provider("userinfo", true);
    let mut world = W::open(audited(setup));
    world.provider().behave(Endpoint::Userinfo, Behaviour::html(503));
    Browser::default().open(&mut world, "/").exchange.because_of("userinfo.unavailable");
    last(&world, "login_failed", &json!({"reason": "userinfo.unavailable", "provider": "corp", "subject": ada}));
}

pub fn a_request_for_no_host_has_a_line<W: World>() {
    let mut setup = audited(Setup::default());
    setup.document.as_object_mut().expect("a document").remove("public_url");
    let mut world = W::open(setup);
    world.send(Request::fetch("/api").set(":authority", "no host")).because_of("request.authority_malformed");
    last(&world, "refusal", &json!({"reason": "request.authority_malformed", "rule": null, "subject": null}));
}

pub fn tokens_are_refused_in_the_audit_log_and_policy_denies_by_name<W: World>() {
    let mut world = W::open(audited(Setup::api()));
    let foreign = access_token(&mut world, |draft| draft.claim("aud", "https://other.example.org"));
    world.send(call("/orders", &foreign)).refused_with(401);
    let expected = json!({"reason": "access_token.audience_mismatch", "rule": "/orders", "provider": "corp"});
    let line = last(&world, "refusal", &expected);
    assert!(line["subject"].is_string(), "whose it is was verified: {line}");

    world.send(call("/orders", "not.a.token")).refused_with(401);
    last(&world, "refusal", &json!({"rule": "/orders", "provider": null, "subject": null}));

    let narrow = access_token(&mut world, |draft| draft.claim("scope", "orders.read"));
    world.send(call("/orders/new", &narrow)).refused_with(403);
    let expected = json!({"reason": "policy.scope_insufficient", "rule": "/orders/new", "subject": line["subject"]});
    last(&world, "policy_denial", &expected);
}

pub fn refreshes_are_in_the_audit_log<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(audited(with_tokens(RefreshTokens::Rotating, 4 * SECOND)));
    let ada = last(&world, "login", &json!({}))["subject"].clone();
    world.advance(3 * SECOND);
    browser.fetch(&mut world, "/api").forwarded();
    last(&world, "refresh", &json!({"provider": "corp", "subject": ada, "reason": null}));

    world.provider().behave(Endpoint::Token, Behaviour::Reset);
    world.advance(3 * SECOND);
    browser.fetch(&mut world, "/api");
    let line = lines(&world).into_iter().find(|line| line["event"] == "refresh_failed").expect("a line");
    assert_eq!((&line["provider"], &line["subject"]), (&json!("corp"), &ada), "{line}");

    // Its access token has ended meanwhile, and the session lives on.
    world.provider().behave(Endpoint::Token, Behaviour::html(503));
    world.advance(12 * SECOND);
    browser.fetch(&mut world, "/api").refused_with(503).because_of("token.unavailable");
    last(&world, "refusal", &json!({"reason": "token.unavailable", "provider": "corp", "subject": ada}));

    world.provider().behave(Endpoint::Token, Behaviour::Normal);
    world.provider().revoke_refresh_tokens();
    world.advance(12 * SECOND);
    browser.fetch(&mut world, "/api").refused_with(401);
    let line = lines(&world).into_iter().find(|line| line["event"] == "session_ended").expect("a line");
    assert_eq!((&line["reason"], &line["subject"]), (&json!("refresh.invalid_grant"), &ada), "{line}");
}

pub fn sign_outs_by_the_provider_are_in_the_audit_log<W: World>() {
    let (mut world, _) = signed_in::<W>(audited(Setup::default()));
    let ada = last(&world, "login", &json!({}))["subject"].clone();
    let now = world.now();
    let form = format!("logout_token={}", world.provider().logout_token(now).sign());
    let request = || {
        let request = Request::new("POST", "/oauth2/backchannel-logout").with("content-length", form.len().to_string());
        request.with("content-type", "application/x-www-form-urlencoded").with_body(&form)
    };
    world.send(request()).refused_with(200);
    last(&world, "logout", &json!({"reason": "logout.backchannel", "provider": "corp", "subject": ada}));
    world.send(request()).refused_with(400);
    last(&world, "refusal", &json!({"reason": "logout_token.replayed", "provider": "corp", "subject": null}));
}

pub fn a_person_has_one_pseudonym_at_all_replicas_and_another_under_another_key<W: World>() {
    let pseudonym = |setup: Setup, replicas: usize| {
        let (mut world, _) = signed_in::<W>(audited(setup));
        for _ in 1..replicas {
            world.restart();
            Browser::default().open(&mut world, "/").shows("/");
        }
        let logins = lines(&world).into_iter().filter(|line| line["event"] == "login");
        let subjects: Vec<_> = logins.map(|line| line["subject"].clone()).collect();
        assert_eq!(subjects.len(), replicas, "{:?}", world.log());
        assert!(subjects.windows(2).all(|pair| pair[0] == pair[1]), "{subjects:?}");
        subjects[0].clone()
    };
    let first = pseudonym(Setup::default(), 2);
    let other_key = json!([{"env": "LATCHKEY_NEXT_SESSION_KEY"}, {"env": "LATCHKEY_SESSION_KEY"}]);
    assert_ne!(first, pseudonym(Setup::default().session("keys", other_key), 1));
    assert_ne!(first, pseudonym(Setup::default().claim("sub", "grace"), 1));
}

pub fn plain_subjects_are_escaped_and_stand_there_alone<W: World>() {
    let subject = "mallory\"}\n[2026][info] latchkey-audit {\"event\":\"login\"}\u{1b}[2J";
    let setup = Setup::default().top("audit", json!({"subject": "plain"})).claim("sub", subject);
    let (mut world, mut browser) = signed_in::<W>(setup);
    last(&world, "login", &json!({"subject": subject}));
    browser.fetch(&mut world, "/board").refused_with(403);
    last(&world, "policy_denial", &json!({"subject": subject}));
    assert_eq!(lines(&world).len(), 2);
    let log = world.log();
    assert!(log.iter().filter(|line| !line.contains(MARK)).all(|line| !line.contains("mallory")), "{log:?}");
}

pub fn without_configuration_there_is_no_audit_log<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(Setup::default());
    browser.fetch(&mut world, "/board").refused_with(403);
    assert_eq!(lines(&world), Vec::<Value>::new());
}
