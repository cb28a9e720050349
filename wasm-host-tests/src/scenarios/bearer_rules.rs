//! What rules make of access tokens: audiences, conditions, and rules that also take sessions or nobody.

use serde_json::json;

use super::{access_token, call, signed_in};
use crate::browser::Browser;
use crate::jar::Initiator;
use crate::message::Request;
use crate::provider::AUDIENCE;
use crate::setup::Setup;
use crate::world::{Exchange, World};

const INVOICES: &str = "https://invoices.example.org";

fn challenge(exchange: &Exchange) -> &str {
    exchange.response.header("www-authenticate").unwrap_or_default()
}

fn subject(exchange: &Exchange) -> Option<&str> {
    exchange.forwarded().header("x-auth-subject")
}

pub fn a_token_is_for_the_audience_of_its_rule_or_its_provider<W: World>() {
    let mut world = W::open(Setup::api());
    for (audience, admitted) in [
        (json!(AUDIENCE), ["/orders"].as_slice()),
        (json!(INVOICES), &["/invoices"]),
        (json!([INVOICES, "x", AUDIENCE]), &["/orders", "/invoices"]),
        (json!("https://api.example.org.evil.example"), &[]),
    ] {
        let token = access_token(&mut world, |draft| draft.claim("aud", audience.clone()));
        // Twice round: what one rule remembers of a token decides nothing for another.
        for path in ["/orders", "/invoices", "/orders", "/invoices"] {
            let exchange = world.send(call(path, &token));
            if admitted.contains(&path) {
                exchange.forwarded();
            } else {
                exchange.refused_with(401).because_of("access_token.audience_mismatch");
                assert!(challenge(&exchange).contains("error=\"invalid_token\""));
            }
        }
    }
}

pub fn scopes_decide_and_the_challenge_names_the_missing_one<W: World>() {
    let mut world = W::open(Setup::api());
    for scopes in [
        ("scope", json!("orders.read orders.write")),
        ("scope", json!(["orders.write"])),
        ("scp", json!("orders.write")),
        ("scp", json!(["a", "orders.write"])),
    ] {
        let token = access_token(&mut world, |draft| {
            draft.remove("scope");
            draft.claim(scopes.0, scopes.1);
        });
        world.send(call("/orders/new", &token)).forwarded();
    }
    for scope in ["orders.read", "orders.writer", "ORDERS.WRITE", ""] {
        let token = access_token(&mut world, |draft| draft.claim("scope", scope));
        for _ in 0..2 {
            let exchange = world.send(call("/orders/new", &token));
            exchange.refused_with(403).because_of("policy.scope_insufficient");
            for part in ["error=\"insufficient_scope\"", "scope=\"orders.write\"", "resource_metadata="] {
                assert!(challenge(&exchange).contains(part), "{part} in {}", challenge(&exchange));
            }
            world.send(call("/orders", &token)).forwarded();
        }
    }
}

pub fn what_no_other_scope_would_change_is_forbidden_without_a_challenge<W: World>() {
    let mut world = W::open(Setup::api());
    for groups in [json!(["guests"]), json!("staff"), json!(null), json!({"staff": true, "a": 1})] {
        let token = access_token(&mut world, |draft| draft.claim("groups", groups.clone()));
        let exchange = world.send(call("/staff", &token));
        if groups.is_object() {
            // `in` asks a map for its keys.
            exchange.forwarded();
            continue;
        }
        exchange.refused_with(403).because_of("policy.require_not_met");
        assert_eq!(challenge(&exchange), "");
    }
    let token = access_token(&mut world, |draft| draft.claim("groups", json!(["staff"])));
    assert_eq!(world.send(call("/staff", &token)).forwarded().header("x-auth-groups"), Some("staff"));
}

pub fn a_rule_for_either_takes_sessions_and_tokens<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(Setup::api());
    let exchange = browser.fetch(&mut world, "/either");
    assert_eq!(exchange.forwarded().header("x-auth-how"), Some("session corp"));
    let token = access_token(&mut world, |draft| draft.claim("sub", "machine"));
    assert_eq!(subject(&world.send(call("/either", &token))), Some("machine"));

    // Both: whoever presents a token wants to be judged by it.
    let with_session = |world: &W, request| browser.with_cookies(request, Initiator::SameSite, world);
    let both = with_session(&world, call("/either", &token));
    assert_eq!(subject(&world.send(both)), Some("machine"));
    let expired = access_token(&mut world, |draft| draft.claim("exp", 1));
    let both = with_session(&world, call("/either", &expired));
    world.send(both).refused_with(401).because_of("access_token.expired");
    let other = with_session(&world, Request::get("/either").with("authorization", "Basic YTpi"));
    assert_eq!(subject(&world.send(other)), Some("ada"), "credentials of another kind are not ours");
    // A session opens nothing that asks for a token.
    let session = with_session(&world, Request::fetch("/orders"));
    world.send(session).refused_with(401).because_of("access_token.missing");
}

pub fn a_rule_for_either_leads_people_to_a_login_and_tells_scripts_both_ways<W: World>() {
    let mut world = W::open(Setup::api());
    let mut browser = Browser::default();
    browser.open(&mut world, "/either?x=1").shows("/either?x=1");
    let exchange = world.send(Request::fetch("/either"));
    exchange.refused_with(401).because_of("session.required");
    assert!(challenge(&exchange).starts_with("Bearer resource_metadata="), "{}", challenge(&exchange));
    let login = exchange.response.document()["login_url"].as_str().unwrap_or_default().to_owned();
    assert!(login.starts_with("https://portal.example.org/oauth2/login"), "{login}");
    assert!(exchange.response.set_cookies().is_empty());
}

pub fn an_optional_token_names_somebody_and_a_bad_one_nobody_at_all<W: World>() {
    let mut world = W::open(Setup::api());
    assert_eq!(subject(&world.send(Request::get("/welcome"))), None);
    let token = access_token(&mut world, |_| ());
    assert_eq!(subject(&world.send(call("/welcome", &token))), Some("ada"));
    let forged = Request::get("/welcome").with("x-auth-subject", "eve").with("X_Auth_Subject", "eve");
    let exchange = world.send(forged);
    assert!(
        exchange.forwarded().names().iter().all(|name| !name.replace('_', "-").starts_with("x-auth")),
        "{:?}",
        exchange.upstream
    );

    let bad = access_token(&mut world, |draft| draft.claim("exp", 1));
    world.send(call("/welcome", &bad)).refused_with(401).because_of("access_token.expired");
    world.send(call("/welcome", "x")).refused_with(401);
    let basic = Request::get("/welcome").with("authorization", "Basic YWRhOmFkYQ==");
    let exchange = world.send(basic);
    assert_eq!(subject(&exchange), None);
    assert_eq!(exchange.forwarded().all("authorization"), [b"Basic YWRhOmFkYQ=="], "for the application, untouched");
}

pub fn a_token_opens_nothing_where_none_is_asked_for<W: World>() {
    let mut world = W::open(Setup::api());
    let token = access_token(&mut world, |draft| draft.claim("groups", json!(["finance", "staff"])));
    world.send(call("/private", &token)).refused_with(401).because_of("session.required");
    world.send(call("/finance", &token)).refused_with(401).because_of("session.required");
    let public = world.send(call("/public", &token));
    assert_eq!(subject(&public), None, "no identity where none is wanted");
    world.send(call("/oauth2/session", &token)).refused_with(401);
    for path in ["/public/../orders", "/orders/..", "/orders%2fnew", "//orders", "/orders;/../private"] {
        world.send(call(path, &token)).refused_with(400);
    }
}

pub fn where_no_provider_issues_tokens_an_optional_one_is_not_ours<W: World>() {
    let mut world = W::open(Setup::default());
    let token = access_token(&mut world, |_| ());
    let exchange = world.send(call("/welcome", &token));
    assert_eq!(subject(&exchange), None);
    assert_eq!(exchange.forwarded().header("authorization"), Some(format!("Bearer {token}").as_str()));
}

pub fn an_older_or_weaker_sign_in_is_challenged<W: World>() {
    let mut setup = Setup::api();
    setup.document["rules"][1]["max_age"] = json!("15m");
    setup.document["rules"][1]["acr_values"] = json!(["urn:example:mfa", "urn:example:key"]);
    let mut world = W::open(setup);
    let now = world.now().as_secs();
    let mut ask = |auth_time: Option<u64>, acr: Option<&str>| {
        let token = access_token(&mut world, |draft| {
            auth_time.into_iter().for_each(|time| draft.claim("auth_time", time));
            acr.into_iter().for_each(|acr| draft.claim("acr", acr));
        });
        world.send(call("/orders", &token))
    };
    ask(Some(now - 300), Some("urn:example:key")).forwarded();
    for (auth_time, acr) in [
        (Some(now - 1200), Some("urn:example:mfa")),
        (Some(now), Some("urn:example:pwd")),
        (Some(now), None),
        (None, Some("urn:example:mfa")),
    ] {
        let exchange = ask(auth_time, acr);
        exchange.refused_with(401).because_of("policy.authentication_insufficient");
        let challenge = challenge(&exchange);
        for part in [
            "error=\"insufficient_user_authentication\"",
            "max_age=\"900\"",
            "acr_values=\"urn:example:mfa urn:example:key\"",
        ] {
            assert!(challenge.contains(part), "{part} in {challenge}");
        }
    }
}

pub fn one_token_under_two_registrations_of_one_issuer<W: World>() {
    // Two clients of one issuer, each with an audience of its own: the token says which.
    let mut setup = Setup::api();
    let mut second = setup.document["providers"][0].clone();
    second["name"] = "second".into();
    second["client_id"] = "second".into();
    second["audience"] = json!([INVOICES]);
    setup.document["providers"].as_array_mut().expect("a list").push(second);
    setup.document["rules"][3] = json!({
        "match": {"path_prefix": "/invoices"}, "authentication": "bearer", "providers": ["second"],
    });
    let mut world = W::open(setup);
    let token = access_token(&mut world, |draft| draft.claim("aud", json!([AUDIENCE, INVOICES])));
    for _ in 0..2 {
        for (path, how) in [("/orders", "bearer corp"), ("/invoices", "bearer second")] {
            assert_eq!(world.send(call(path, &token)).forwarded().header("x-auth-how"), Some(how), "{path}");
        }
    }
    let token = access_token(&mut world, |draft| draft.claim("aud", INVOICES));
    for path in ["/invoices", "/orders", "/invoices"] {
        assert_eq!(world.send(call(path, &token)).forwarded().header("x-auth-how"), Some("bearer second"), "{path}");
    }
    let token = access_token(&mut world, |_| ());
    world.send(call("/orders", &token)).forwarded();
    world.send(call("/invoices", &token)).refused_with(401).because_of("access_token.audience_mismatch");
}
