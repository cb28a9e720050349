//! LemonLDAP::NG 2.16 (Debian): a single sign-on portal in Perl, as OpenID provider with its demonstration users.

use std::process::Command;

use envoy_ring::{Page, Visitor, port, tools};
use serde_json::{Value, json};
use wasm_host_tests::message::Request;

use crate::stage::{Behaviour, Findings, Plan, Provider, Stage, claims};

const AUDIENCE: &str = "https://api.example.org";

struct LemonLdap(Provider);

#[test]
fn people_and_programs_use_it() {
    let stage = set("portal");
    let mut findings = Findings::about("lemonldap", "LemonLDAP::NG 2.16");
    let mut doctor = Visitor::default();

    // Its issuer ends in a slash, and its answers do not name it; whoever may have no answer for several audiences but `azp`.
    let page = stage.sign_in(&mut doctor, "/finance/ledger?year=2026&q=a%20b", "dwho");
    assert_eq!(page.address.as_str(), stage.at("/finance/ledger?year=2026&q=a%20b"), "{page:?}");
    assert_eq!(page.response.status, 200, "{page:?}");
    let seen = stage.last_received();
    assert_eq!((seen.header("x-auth-subject"), seen.header("x-auth-name")), (Some("dwho"), Some("Doctor Who")));
    assert_eq!(seen.header("x-auth-email"), Some("dwho@badwolf.org"));
    assert_eq!(doctor.open(&stage.at("/approvals/1")).address.as_str(), stage.at("/approvals/1"));
    let mut rose = Visitor::default();
    assert_eq!(stage.sign_in(&mut rose, "/finance/ledger", "rtyler").response.status, 403, "she is somebody else");
    findings.works(Behaviour::Login);

    // No answer brings another refresh token, and the ID tokens of refreshes have no nonce.
    stage.is_refreshed(&mut doctor, 2);
    findings.works(Behaviour::Refresh);

    let token = stage.access_token();
    assert_eq!(claims(&token)["aud"], json!(["portal", AUDIENCE]));
    stage.verifies(&token);
    findings.works(Behaviour::BearerJwt);

    stage.signs_out(&mut doctor, "/oauth2/logout", &[]);
    let login = doctor.open(&stage.at("/"));
    assert!(login.response.text().contains("password"), "signed out at the provider, too: {login:?}");
    findings.works(Behaviour::Logout);

    findings.has_none(Behaviour::BackChannel);
    assert_eq!(stage.metadata()["backchannel_logout_supported"], false);

    // What it says about a token names no audience: that it says so to this client is the audience (RFC 7662 §4).
    let opaque = set("opaque");
    opaque.sign_in(&mut rose, "/", "rtyler");
    assert!(!opaque.access_token().contains('.'));
    opaque.asks_about(&opaque.access_token());
    findings.works(Behaviour::BearerOpaque);

    findings.are_complete();
}

/// Its keys have no `alg`: an RSA key is for whatever the token's header says of the algorithms that are allowed.
#[test]
fn a_key_without_alg_verifies_rs512_as_well() {
    let stage = set("rs512");
    let keys = stage.provider.0.ask(Request::get("/oauth2/jwks")).document();
    assert!(keys["keys"][0]["alg"].is_null(), "{keys}");
    let page = stage.sign_in(&mut Visitor::default(), "/", "dwho");
    assert_eq!(page.response.status, 200, "{page:?}");
}

/// Its metadata lists HS256 and `none`.
#[test]
fn an_id_token_with_a_shared_secret_is_refused() {
    let stage = set("hs256");
    let page = stage.sign_in(&mut Visitor::default(), "/", "dwho");
    assert_eq!((page.response.status, page.address.path()), (502, "/oauth2/callback"), "{page:?}");
    assert!(page.response.text().contains("id_token."), "{}", page.response.text());
    assert_eq!(stage.backend.bytes_received(), 0);
}

fn set(client: &str) -> Stage<LemonLdap> {
    Stage::set(|application| {
        let provider = start(application);
        let portal = json!({
            "issuer": format!("{}/", provider.origin()), "client_id": client, "client_secret": format!("the-secret-of-{client}"),
            "audience": [AUDIENCE],
        });
        let address = provider.address;
        let plan = Plan { asking: portal.clone(), portal, finance: "claims.preferred_username == \"dwho\"" };
        (LemonLdap(provider), address, plan)
    })
}

fn start(application: &str) -> Provider {
    let port = port::free();
    Provider::start("lemonldap", port, "/.well-known/openid-configuration", |_| {
        let keys = tools::repository().join("relying-party/src/jose/testdata/keys");
        let given = json!({"root": tools::lemonldap(), "keys": keys, "port": port, "application": application});
        let mut command = Command::new(tools::python());
        command.arg("-B").arg(tools::repository().join("envoy/providers/lemonldap-server.py")).arg(given.to_string());
        command
    })
}

impl Stage<LemonLdap> {
    fn sign_in(&self, visitor: &mut Visitor, path: &str, user: &str) -> Page {
        let login = visitor.open(&self.at(path));
        assert!(login.response.text().contains("password"), "no login page: {login:?}");
        // The demonstration's passwords are the names.
        visitor.submit(&login, &[("user", user), ("password", user)])
    }

    fn metadata(&self) -> Value {
        self.provider.0.ask(Request::get("/.well-known/openid-configuration")).document()
    }
}
