//! The same as with every other provider.

use envoy_ring::{OidcProvider, Page, Visitor};
use serde_json::json;

use crate::stage::{Behaviour, Findings, Plan, Stage, claims, header, token};

#[test]
fn people_and_programs_use_it() {
    let stage = set();
    let mut findings = Findings::about("oidc-provider", "oidc-provider 9.13.3");
    let mut alice = Visitor::default();

    let page = stage.sign_in(&mut alice, "/finance/ledger?year=2026", "alice");
    assert_eq!((page.response.status, page.address.as_str()), (200, stage.at("/finance/ledger?year=2026").as_str()));
    assert_eq!(stage.last_received().header("x-auth-groups"), Some("staff,finance"));
    let mut bob = Visitor::default();
    assert_eq!(stage.sign_in(&mut bob, "/finance/ledger", "bob").response.status, 403, "he is not in the group");
    findings.works(Behaviour::Login);

    stage.is_refreshed(&mut alice, 2);
    findings.works(Behaviour::Refresh);

    stage.signs_out(&mut alice, "/session/end", &[("logout", "yes")]);
    findings.works(Behaviour::Logout);

    stage.sign_in(&mut alice, "/", "alice");
    assert!(stage.has_session(&mut alice));
    let confirm = alice.open(&format!("{}/session/end", stage.provider.issuer()));
    alice.submit(&confirm, &[("logout", "yes")]);
    stage.is_signed_out(&mut alice);
    assert!(stage.has_session(&mut bob), "nobody else");
    findings.works(Behaviour::BackChannel);

    let verified = stage.token_for("https://api.example.org/orders");
    assert_eq!((&header(&verified)["typ"], &claims(&verified)["client_id"]), (&json!("at+jwt"), &json!("machine")));
    stage.verifies(&verified);
    findings.works(Behaviour::BearerJwt);

    let opaque = stage.token_for("https://api.example.org/opaque");
    assert!(!opaque.contains('.'), "{opaque}");
    stage.asks_about(&opaque);
    findings.works(Behaviour::BearerOpaque);

    findings.are_complete();
}

fn set() -> Stage<OidcProvider> {
    Stage::set(|application| {
        let provider = OidcProvider::start(application);
        let portal = json!({
            "issuer": provider.issuer(), "client_id": "brief", "client_secret": "a brief secret",
            "scope": "openid profile email offline_access", "authorization_parameters": {"prompt": "consent"},
            "audience": ["https://api.example.org/orders", "https://api.example.org/opaque"],
        });
        let address = provider.address();
        (provider, address, Plan { asking: portal.clone(), portal, finance: "\"finance\" in claims.groups" })
    })
}

impl Stage<OidcProvider> {
    fn sign_in(&self, visitor: &mut Visitor, path: &str, user: &str) -> Page {
        let login = visitor.open(&self.at(path));
        let consent = visitor.submit(&login, &[("login", user), ("password", "any")]);
        assert!(consent.response.text().contains("consent"), "no consent page: {consent:?}");
        visitor.submit(&consent, &[])
    }

    fn token_for(&self, resource: &str) -> String {
        let client = [("client_id", "machine"), ("client_secret", "a machine's secret")];
        let asked = [("grant_type", "client_credentials"), ("resource", resource), ("scope", "orders.read")];
        let answer = token(self.provider.address(), "/token", None, &[asked.as_slice(), client.as_slice()].concat());
        answer["access_token"].as_str().expect("a token").to_owned()
    }
}
