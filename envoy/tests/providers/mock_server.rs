//! oauth2-mock-server 9.3 (npm): a provider for tests, with single faults on demand.

use std::process::Command;

use envoy_ring::{Page, Visitor, port, tools};
use serde_json::{Value, json};
use wasm_host_tests::message::Request;

use crate::stage::{Behaviour, Findings, Plan, Provider, Stage, token};

struct MockServer(Provider);

#[test]
fn people_and_programs_use_it() {
    let stage = set(json!({}));
    let mut findings = Findings::about("mock_server", "oauth2-mock-server 9.3.0");
    let mut visitor = Visitor::default();

    let page = visitor.open(&stage.at("/ledger?year=2026"));
    assert_eq!((page.response.status, page.address.as_str()), (200, stage.at("/ledger?year=2026").as_str()));
    assert_eq!(stage.last_received().header("x-auth-subject"), Some("johndoe"));
    findings.works(Behaviour::Login);

    // The ID token of a refresh has no nonce.
    stage.is_refreshed(&mut visitor, 2);
    findings.works(Behaviour::Refresh);

    let home = visitor.open(&stage.at("/oauth2/logout"));
    assert_eq!(home.address.as_str(), stage.at("/?state=latchkey-signed-out"), "{home:?}");
    assert!(!stage.has_session(&mut visitor));
    findings.works(Behaviour::Logout);
    findings.has_none(Behaviour::BackChannel);

    let fields = [("grant_type", "client_credentials"), ("scope", "orders.read"), ("aud", "https://api.example.org")];
    let answer = token(stage.provider.0.address, "/token", None, &fields);
    stage.verifies(answer["access_token"].as_str().expect("a token"));
    findings.works(Behaviour::BearerJwt);

    // It calls everything active; the faults say otherwise below.
    assert_eq!(stage.call_asking("whatever").status, 200);
    findings.works(Behaviour::BearerOpaque);

    findings.are_complete();
}

/// Each time a login ends on a page that names the reason, nothing reaches the application, and the next login is as always.
#[test]
fn one_fault_costs_one_login_and_no_more() {
    let stage = set(json!({}));
    let mut surprises = Vec::new();
    for (fault, status, reason) in [
        ("another issuer", 502, "id_token.issuer_mismatch"),
        ("another audience", 502, "id_token.audience_mismatch"),
        ("several audiences", 502, "id_token.azp_missing"),
        ("another nonce", 502, "id_token.nonce_mismatch"),
        ("no nonce", 502, "id_token.nonce_missing"),
        ("no subject", 502, "id_token.sub_missing"),
        ("expired", 502, "id_token.expired"),
        ("from the future", 502, "id_token.issued_in_the_future"),
        ("no ID token", 502, "token.id_token_missing"),
        ("no access token", 502, "token.access_token_missing"),
        ("another token type", 502, "token.token_type_not_bearer"),
        ("no object", 502, "token.malformed"),
        ("invalid grant", 400, "token.invalid_grant"),
        ("internal error", 503, "token.unavailable"),
        ("another state", 400, "login.state_invalid"),
        ("no code", 400, "authorization_response.code_missing"),
        ("access denied", 400, "authorization.access_denied"),
    ] {
        let before = stage.backend.received().len();
        let mut visitor = Visitor::default();
        let page = stage.open_with(fault, &mut visitor);
        assert_eq!(page.address.path(), "/oauth2/callback", "{fault}: {page:?}");
        if page.response.status != status || !page.response.text().contains(reason) {
            surprises.push(format!("{fault}: {} {}", page.response.status, page.response.text()));
        }
        assert_eq!(stage.backend.received().len(), before, "{fault}");
        assert!(!stage.has_session(&mut visitor), "{fault}");
        assert_eq!(visitor.open(&stage.at("/")).response.status, 200, "after {fault}");
    }
    assert_eq!(surprises, Vec::<String>::new());
    stage.envoy.assert_no_crash();
}

#[test]
fn userinfo_of_somebody_else_is_never_merged() {
    let stage = set(json!({"userinfo": true}));
    for (fault, status) in [("userinfo of somebody else", 502), ("no userinfo", 503)] {
        let mut visitor = Visitor::default();
        let page = stage.open_with(fault, &mut visitor);
        assert_eq!(page.response.status, status, "{fault}: {}", page.response.text());
        assert!(page.response.text().contains("userinfo."), "{fault}: {}", page.response.text());
        assert_eq!(visitor.open(&stage.at("/")).response.status, 200, "after {fault}");
    }
}

#[test]
fn a_token_that_nobody_calls_active_is_not() {
    let stage = set(json!({}));
    for (number, (fault, status)) in
        [("inactive", 401), ("perhaps active", 502), ("introspection error", 503)].into_iter().enumerate()
    {
        // Another token each time: answers are relied on for a while.
        let token = format!("token-{number}");
        stage.fault(fault);
        let refused = stage.call_asking(&token);
        assert_eq!(refused.status, status, "{fault}: {refused:?}");
        assert_eq!(stage.backend.bytes_received(), 0, "{fault}");
    }
    assert_eq!(stage.call_asking("another-token").status, 200);
}

fn set(more: Value) -> Stage<MockServer> {
    Stage::set(|_| {
        let provider = start();
        let mut portal = json!({
            "issuer": provider.origin(), "client_id": "portal", "token_endpoint_auth_method": "none", "scope": "openid",
            "audience": ["https://api.example.org"],
        });
        let mut asking = portal.clone();
        asking["token_endpoint_auth_method"] = "client_secret_post".into();
        asking["client_secret"] = "any will do".into();
        portal.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        let address = provider.address;
        (MockServer(provider), address, Plan { portal, asking, finance: "true" })
    })
}

fn start() -> Provider {
    let port = port::free();
    Provider::start("mock-server", port, "/.well-known/openid-configuration", |_| {
        let mut command = Command::new(tools::node());
        command.arg(tools::repository().join("envoy/providers/mock-server.mjs")).arg(json!({"port": port}).to_string());
        command.current_dir(tools::mock_server());
        command
    })
}

impl Stage<MockServer> {
    fn fault(&self, name: &str) {
        let request = Request::new("POST", "/fault").with("content-type", "application/json");
        let answer = self.provider.0.ask(request.with_body(json!({"fault": name}).to_string()));
        assert_eq!(answer.status, 204, "{name}: {answer:?}");
    }

    fn open_with(&self, fault: &str, visitor: &mut Visitor) -> Page {
        self.fault(fault);
        visitor.open(&self.at("/"))
    }
}
