//! Canaille 0.3.6 (`PyPI`): a single sign-on server of a French cooperative, on Authlib.

use std::process::Command;

use envoy_ring::{Page, Visitor, port, tools};
use serde_json::{Value, json};
use wasm_host_tests::message::Request;

use crate::stage::{Behaviour, Findings, Plan, Provider, Stage, claims, header};

const TOKEN: &str = "/oauth/token";

struct Canaille(Provider);

#[test]
fn people_and_programs_use_it() {
    let stage = set("portal");
    let mut findings = Findings::about("canaille", "Canaille 0.3.6");
    let mut alice = Visitor::default();

    let page = stage.sign_in(&mut alice, "/finance/ledger?year=2026&q=a%20b", "alice");
    assert_eq!(
        (page.response.status, page.address.as_str()),
        (200, stage.at("/finance/ledger?year=2026&q=a%20b").as_str())
    );
    let seen = stage.last_received();
    assert_eq!((seen.header("x-auth-subject"), seen.header("x-auth-name")), (Some("alice"), Some("Alice Abel")));
    assert_eq!(seen.header("x-auth-email"), Some("alice@example.org"));
    let groups = seen.header("x-auth-groups").expect("groups");
    assert!(["finance,staff", "staff,finance"].contains(&groups), "{groups}");
    // RS512, because nothing else was said; `auth_time` is a number with a fraction somewhere, and a rule needs it.
    assert_eq!(header(&stage.access_token())["alg"], "RS512");
    assert_eq!(alice.open(&stage.at("/approvals/1")).address.as_str(), stage.at("/approvals/1"));
    let mut bob = Visitor::default();
    assert_eq!(stage.sign_in(&mut bob, "/finance/ledger", "bob").response.status, 403, "he is not in the group");
    findings.works(Behaviour::Login);

    // Its answers to refreshes bring another refresh token each, and no ID token.
    stage.is_refreshed(&mut alice, 2);
    findings.works(Behaviour::Refresh);

    stage.signs_out(&mut alice, "/oauth/end_session", &[("answer", "logout")]);
    let login = alice.open(&stage.at("/"));
    assert_eq!(login.address.path(), "/login", "signed out at the provider, too: {login:?}");
    findings.works(Behaviour::Logout);

    findings.has_none(Behaviour::BackChannel);
    assert!(stage.metadata()["backchannel_logout_supported"].is_null());

    let token = stage.token_of_a_person();
    assert_eq!(claims(&token)["aud"], json!(["orders-api"]));
    stage.verifies(&token);
    assert_eq!(stage.last_received().header("x-auth-subject"), Some("alice"));
    findings.works(Behaviour::BearerJwt);

    // Authlib's introspection says `exp` and `iat` with fractions of seconds.
    let token =
        stage.provider.0.token(TOKEN, ("machine", "the secret of machine"), &[("grant_type", "client_credentials")]);
    let token = token["access_token"].as_str().expect("a token");
    let api = ("orders-api", "the secret of orders-api");
    let said = stage.provider.0.token("/oauth/introspect", api, &[("token", token)]);
    assert!(said["exp"].is_f64(), "{said}");
    stage.asks_about(token);
    findings.works(Behaviour::BearerOpaque);

    findings.are_complete();
}

/// `canaille create client` leaves the audience empty.
#[test]
fn tokens_for_nobody_are_refused() {
    let stage = set("unfinished");
    let page = stage.sign_in(&mut Visitor::default(), "/", "alice");
    assert_eq!((page.response.status, page.address.path()), (502, "/oauth2/callback"), "{page:?}");
    assert!(page.response.text().contains("id_token.audience_mismatch"), "{}", page.response.text());
    assert_eq!(stage.backend.bytes_received(), 0);
}

/// Canaille's access tokens differ from its ID tokens in nothing but the nonce and the hash.
#[test]
fn a_token_of_a_person_for_our_own_client_could_be_an_id_token() {
    let stage = set("portal");
    stage.sign_in(&mut Visitor::default(), "/", "alice");
    let refused = stage.call(&stage.access_token());
    assert_eq!(refused.status, 401, "{refused:?}");
}

#[test]
fn es256_and_a_secret_in_the_body_work_as_well() {
    for (client, algorithm) in [("es256", "ES256"), ("post", "RS256")] {
        let stage = set(client);
        let mut bob = Visitor::default();
        let page = stage.sign_in(&mut bob, "/", "bob");
        assert_eq!(page.response.status, 200, "{page:?}");
        assert_eq!(header(&stage.access_token())["alg"], algorithm);
        stage.envoy.assert_no_crash();
    }
}

/// Its metadata offers `none`, of which nothing is made.
#[test]
fn an_unsigned_access_token_is_refused_although_the_metadata_lists_none() {
    let stage = set("portal");
    let algorithms = &stage.metadata()["id_token_signing_alg_values_supported"];
    assert!(algorithms.as_array().expect("a list").contains(&json!("none")), "{algorithms}");
    let signed = stage.token_of_a_person();
    let payload = signed.split('.').nth(1).expect("a JWT");
    // {"alg":"none"}
    assert_eq!(stage.call(&format!("eyJhbGciOiJub25lIn0.{payload}.")).status, 401);
}

fn set(client: &str) -> Stage<Canaille> {
    Stage::set(|application| {
        let provider = start(application);
        let as_client = |id: &str| {
            json!({
                "issuer": provider.origin(), "client_id": id, "client_secret": format!("the secret of {id}"),
                "scope": "openid profile email groups", "audience": ["orders-api"],
            })
        };
        let mut portal = as_client(client);
        if client == "post" {
            portal["token_endpoint_auth_method"] = "client_secret_post".into();
        }
        let plan = Plan { portal, asking: as_client("orders-api"), finance: "\"finance\" in claims.groups" };
        let address = provider.address;
        (Canaille(provider), address, plan)
    })
}

fn start(application: &str) -> Provider {
    let port = port::free();
    Provider::start("canaille", port, "/.well-known/openid-configuration", |_| {
        let mut command = Command::new(tools::python());
        let script = tools::repository().join("envoy/providers/canaille-server.py");
        command.arg("-B").arg(script).arg(json!({"port": port, "application": application}).to_string());
        command
    })
}

impl Stage<Canaille> {
    fn sign_in(&self, visitor: &mut Visitor, path: &str, user: &str) -> Page {
        let name = visitor.open(&self.at(path));
        let password = visitor.submit(&name, &[("login", user)]);
        assert!(password.response.text().contains("password"), "no login page: {password:?}");
        visitor.submit(&password, &[("username", user), ("password", &format!("the password of {user}"))])
    }

    fn metadata(&self) -> Value {
        self.provider.0.ask(Request::get("/.well-known/openid-configuration")).document()
    }

    /// From another client than ours, for the API.
    fn token_of_a_person(&self) -> String {
        let fields = [("grant_type", "password"), ("username", "alice"), ("password", "the password of alice")];
        let fields = [fields.as_slice(), &[("scope", "openid profile email groups")]].concat();
        let answer = self.provider.0.token(TOKEN, ("cli", "the secret of cli"), &fields);
        answer["access_token"].as_str().expect("a token").to_owned()
    }
}
