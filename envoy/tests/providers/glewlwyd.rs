//! Glewlwyd 2.7 (Debian): a single sign-on server in C whose login is a JSON API.

use std::process::Command;

use envoy_ring::{Page, Visitor, port, tools};
use serde_json::{Value, json};
use url::Url;
use wasm_host_tests::message::{Request, Response};

use crate::stage::{Behaviour, Findings, Plan, Provider, Stage, claims, header};

const AUDIENCE: &str = "https://api.example.org";
const SPECIAL: &str = "a secret: with/special+characters%";

struct Glewlwyd(Provider);

#[test]
fn people_and_programs_use_it() {
    let stage = set(&portal());
    let mut findings = Findings::about("glewlwyd", &format!("Glewlwyd {}", version()));
    let mut alice = Visitor::default();

    let page = stage.sign_in(&mut alice, "/finance/ledger?year=2026&q=a%20b", "alice");
    assert_eq!(
        (page.response.status, page.address.as_str()),
        (200, stage.at("/finance/ledger?year=2026&q=a%20b").as_str())
    );
    let seen = stage.last_received();
    assert_eq!(seen.header("x-auth-name"), Some("Alice Example"));
    assert_eq!(seen.header("x-auth-email"), Some("alice@example.org"));
    let mut bob = Visitor::default();
    assert_eq!(stage.sign_in(&mut bob, "/finance/ledger", "bob").response.status, 403, "he is no member of staff");
    findings.works(Behaviour::Login);

    // A refresh token is good once; what comes with the next says `token_type: bearer`, and no ID token comes.
    stage.is_refreshed(&mut alice, 2);
    findings.works(Behaviour::Refresh);

    let token = stage.access_token();
    assert_eq!((&header(&token)["typ"], &claims(&token)["aud"]), (&json!("at+jwt"), &json!(AUDIENCE)));
    stage.verifies(&token);
    findings.works(Behaviour::BearerJwt);
    stage.is_refreshed(&mut alice, 1);
    stage.asks_about(&stage.access_token());
    findings.works(Behaviour::BearerOpaque);

    // Its logout tokens are those of the draft: without `exp`, which the specification requires since (§2.4).
    let mut elsewhere = Visitor::default();
    stage.sign_in(&mut elsewhere, "/", "alice");
    let end = elsewhere.open(&stage.at("/oauth2/logout"));
    assert!(!stage.has_session(&mut elsewhere));
    stage.confirms_the_end(&mut elsewhere, &end.address);
    stage.refuses_a_logout_token("logout_token.exp_missing");
    assert!(stage.has_session(&mut alice), "another login of hers");
    findings.refused(Behaviour::BackChannel, "its logout tokens have no `exp`");

    let end = alice.open(&stage.at("/oauth2/logout"));
    assert_eq!((end.address.path(), parameter(&end.address, "prompt").as_str()), ("/login.html", "end_session"));
    stage.confirms_the_end(&mut alice, &end.address);
    let home = alice.open(&parameter(&end.address, "callback_url"));
    assert_eq!(home.address.as_str(), stage.at("/?state=latchkey-signed-out"), "{home:?}");
    assert!(!stage.has_session(&mut alice));
    assert_eq!(alice.open(&stage.at("/")).address.path(), "/login.html", "signed out at the provider, too");
    findings.works(Behaviour::Logout);

    stage.envoy.assert_no_crash();
    findings.are_complete();
}

/// The time is 1970 then, and nobody can sign in so that it is not: a page says so, and nothing goes round in circles.
#[test]
fn an_auth_time_of_zero_is_never_recent() {
    let stage = set(&portal());
    let mut alice = Visitor::default();
    stage.sign_in(&mut alice, "/", "alice");
    let page = alice.open(&stage.at("/approvals/1"));
    let page =
        if page.address.path() == "/login.html" { stage.goes_on(&mut alice, &page.address, "alice") } else { page };
    assert_eq!((page.response.status, page.address.path()), (502, "/oauth2/callback"), "{page:?}");
    assert!(page.response.text().contains("step_up.auth_time_too_old"), "{}", page.response.text());
    assert!(stage.has_session(&mut alice));
}

#[test]
fn es256_and_a_secret_with_special_characters_in_the_body() {
    let stage = set(
        &json!({"client_id": "es256", "client_secret": SPECIAL, "token_endpoint_auth_method": "client_secret_post"}),
    );
    let page = stage.sign_in(&mut Visitor::default(), "/", "alice");
    assert_eq!(page.response.status, 200, "{page:?}");
    assert_eq!(header(&stage.access_token())["alg"], "ES256");
}

/// Its `at_hash` is of SHA-256 then; Ed25519 hashes with SHA-512, and so does everybody else (OIDC Core 1.0 §3.1.3.6).
#[test]
fn a_hash_that_does_not_belong_to_eddsa_is_refused() {
    let stage = set(&json!({"client_id": "eddsa", "client_secret": "the-secret-of-eddsa"}));
    let page = stage.sign_in(&mut Visitor::default(), "/", "alice");
    assert_eq!(page.response.status, 502, "{page:?}");
    assert!(page.response.text().contains("id_token.at_hash_mismatch"), "{}", page.response.text());
    assert_eq!(stage.backend.bytes_received(), 0);
}

/// It wants its token endpoint as the audience, and refuses the issuer. Where requests are pushed it wants that endpoint's URL,
/// which nobody else does: there a secret works.
#[test]
fn a_client_with_a_key_redeems_its_codes_and_one_with_a_secret_pushes_its_requests() {
    let key = include_str!("../../../relying-party/src/jose/testdata/keys/p256.pem");
    let mut with_key =
        json!({"client_id": "assertion", "token_endpoint_auth_method": "private_key_jwt", "client_key": key});
    let page = set(&with_key).sign_in(&mut Visitor::default(), "/", "alice");
    assert_eq!(page.response.status, 200, "{page:?}");

    let mut with_secret = portal();
    with_secret["pushed_authorization_requests"] = "always".into();
    let page = set(&with_secret).sign_in(&mut Visitor::default(), "/", "alice");
    assert_eq!(page.response.status, 200, "{page:?}");

    with_key["pushed_authorization_requests"] = "always".into();
    let stage = set(&with_key);
    let page = Visitor::default().open(&stage.at("/"));
    assert_eq!(page.response.status, 502, "{page:?}");
    assert!(page.response.text().contains("par.invalid_client"), "{}", page.response.text());
}

/// What it answers then has no body at all. It does not decode what Basic authentication must encode (RFC 6749 §2.3.1), either.
#[test]
fn a_refusal_without_a_body_is_a_page_with_a_reason() {
    for (client, secret) in [("portal", "another-secret"), ("special", SPECIAL)] {
        let stage = set(&json!({"client_id": client, "client_secret": secret}));
        let page = stage.sign_in(&mut Visitor::default(), "/", "alice");
        assert_eq!((page.response.status, page.address.path()), (502, "/oauth2/callback"), "{page:?}");
        assert!(page.response.text().contains("token."), "{}", page.response.text());
        assert_eq!(stage.backend.bytes_received(), 0);
        stage.envoy.assert_no_crash();
    }
}

#[test]
fn endpoints_with_two_slashes_are_called_as_they_are() {
    let stage = set_with_slash(&portal(), "/");
    let metadata = stage.provider.0.ask(Request::get("/api/oidc/.well-known/openid-configuration")).document();
    assert!(metadata["token_endpoint"].as_str().is_some_and(|endpoint| endpoint.contains("//api/")), "{metadata}");
    let page = stage.sign_in(&mut Visitor::default(), "/", "alice");
    assert_eq!(page.response.status, 200, "{page:?}");
}

fn portal() -> Value {
    json!({"client_id": "portal", "client_secret": "the-secret-of-portal"})
}

fn set(client: &Value) -> Stage<Glewlwyd> {
    set_with_slash(client, "")
}

fn set_with_slash(client: &Value, slash: &str) -> Stage<Glewlwyd> {
    Stage::set(|application| {
        let provider = start(application, slash);
        let mut portal = json!({
            "issuer": format!("{}/api/oidc", provider.origin()), "scope": "openid staff orders", "audience": [AUDIENCE],
            "resource": [AUDIENCE], "id_token_hint": true,
        });
        portal.as_object_mut().expect("an object").extend(client.as_object().expect("an object").clone());
        let plan = Plan { asking: portal.clone(), portal, finance: "\"staff\" in claims.scope" };
        let address = provider.address;
        (Glewlwyd(provider), address, plan)
    })
}

fn start(application: &str, slash: &str) -> Provider {
    let port = port::free();
    Provider::start("glewlwyd", port, "/api/oidc/.well-known/openid-configuration", |_| {
        let keys = tools::repository().join("relying-party/src/jose/testdata/keys");
        let mut command = Command::new(tools::python());
        command.arg("-B").arg(tools::repository().join("envoy/providers/glewlwyd-server.py")).arg(
            json!({
                "root": tools::glewlwyd(), "keys": keys, "port": port, "application": application, "slash": slash,
            })
            .to_string(),
        );
        command
    })
}

fn version() -> String {
    let output = Command::new(tools::glewlwyd().join("bin/glewlwyd")).arg("--version").output().expect("Glewlwyd");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn parameter(address: &Url, name: &str) -> String {
    let found = address.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    found.unwrap_or_else(|| panic!("no {name} in {address}"))
}

impl Stage<Glewlwyd> {
    fn sign_in(&self, visitor: &mut Visitor, path: &str, user: &str) -> Page {
        let login = visitor.open(&self.at(path));
        assert!(login.address.path().ends_with("/login.html"), "no login page: {login:?}");
        self.goes_on(visitor, &login.address, user)
    }

    /// What the login page does: it tells the server who is there, and goes on where it was told.
    fn goes_on(&self, visitor: &mut Visitor, login: &Url, user: &str) -> Page {
        let body = json!({"username": user, "password": format!("the password of {user}")});
        let signed_in = self.script(visitor, "POST", "/api/auth/", Some(&body));
        assert_eq!(signed_in.status, 200, "{signed_in:?}");
        visitor.open(&format!("{}&g_continue", parameter(login, "callback_url")))
    }

    /// What the page that asks whether the session is to end does when the person says yes.
    fn confirms_the_end(&self, visitor: &mut Visitor, page: &Url) {
        let path = format!("/api/{}/session/{}", parameter(page, "plugin"), parameter(page, "sid"));
        let ended = self.script(visitor, "DELETE", &path, None);
        assert_eq!(ended.status, 200, "{ended:?}");
    }

    fn script(&self, visitor: &mut Visitor, method: &str, path: &str, body: Option<&Value>) -> Response {
        let mut request = Request::new(method, path).set(":authority", self.provider.0.address.to_string());
        if let Some(body) = body {
            request = request.with("content-type", "application/json").with_body(body.to_string());
        }
        visitor.send(&format!("{}{path}", self.provider.0.origin()).parse().expect("an address"), request)
    }
}
