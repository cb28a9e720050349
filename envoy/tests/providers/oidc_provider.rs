//! Login, session and logout at a provider that somebody else wrote and the OpenID Foundation certified.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use envoy_ring::{Access, Backend, Envoy, Filter, Listener, OidcProvider, Page, Route, Visitor, port};
use serde_json::{Value, json};

mod behaviours;

#[test]
fn a_person_signs_in_with_client_secret_basic_and_rs256() {
    let stage = Stage::set(json!({"client_id": "basic", "client_secret": "a secret:with/reserved+characters%"}));
    stage.signs_in_and_out();
}

#[test]
fn a_person_signs_in_with_client_secret_post_and_es256() {
    let stage = Stage::set(json!({
        "client_id": "post", "client_secret": "another secret", "token_endpoint_auth_method": "client_secret_post",
    }));
    stage.signs_in_and_out();
}

#[test]
fn a_person_signs_in_with_a_public_client() {
    let stage = Stage::set(json!({"client_id": "public", "token_endpoint_auth_method": "none"}));
    stage.signs_in_and_out();
}

#[test]
fn a_client_with_a_p256_key_pushes_its_requests() {
    let key = include_str!("../../../relying-party/src/jose/testdata/keys/p256.pem");
    let stage = Stage::set(json!({
        "client_id": "p256", "token_endpoint_auth_method": "private_key_jwt", "client_key": key,
        "pushed_authorization_requests": "always",
    }));
    stage.signs_in_and_out();
}

#[test]
fn a_client_with_an_ed25519_key_is_authenticated() {
    let key = include_str!("../../../relying-party/src/jose/testdata/keys/ed25519.pem");
    let stage =
        Stage::set(json!({"client_id": "ed25519", "token_endpoint_auth_method": "private_key_jwt", "client_key": key}));
    stage.signs_in_and_out();
}

/// As a JWK, so that what the host gets to sign with is made by the filter.
#[test]
fn a_client_with_an_rsa_key_is_authenticated_with_the_signature_of_the_host() {
    let key = include_str!("../../../relying-party/src/jose/testdata/keys/rsa.json");
    let stage =
        Stage::set(json!({"client_id": "rsa", "token_endpoint_auth_method": "private_key_jwt", "client_key": key}));
    stage.signs_in_and_out();
}

#[test]
fn an_access_token_is_for_the_resource_that_was_named() {
    let stage = Stage::set(json!({
        "client_id": "basic", "client_secret": "a secret:with/reserved+characters%",
        "resource": ["https://api.example.org/orders"],
    }));
    stage.sign_in(&mut Visitor::default(), "/", "alice");
    let seen = &stage.backend.received()[0];
    let token = seen.header("x-access-token").expect("a token");
    let claims = token.split('.').nth(1).and_then(|claims| URL_SAFE_NO_PAD.decode(claims).ok()).expect("a JWT");
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["aud"], "https://api.example.org/orders");
}

#[test]
fn a_user_outside_the_group_signs_in_and_is_denied() {
    let stage = Stage::set(json!({"client_id": "public", "token_endpoint_auth_method": "none"}));
    let mut bob = Visitor::default();

    let page = stage.sign_in(&mut bob, "/finance/ledger", "bob");

    assert_eq!(page.response.status, 403, "{}", page.response.text());
    assert_eq!(stage.backend.bytes_received(), 0);
    assert_eq!(bob.open(&stage.at("/")).response.status, 200);
}

#[test]
fn a_login_that_the_person_aborts_ends_on_a_page_with_a_reason() {
    let stage = Stage::set(json!({"client_id": "public", "token_endpoint_auth_method": "none"}));
    let mut visitor = Visitor::default();
    let login = visitor.open(&stage.at("/"));
    let html = login.response.text();
    let abort = html.split('"').find(|text| text.ends_with("/abort")).expect("a link to abort");

    let page = visitor.open(login.address.join(abort).unwrap().as_str());

    assert_eq!(page.address.path(), "/oauth2/callback");
    assert!((400..500).contains(&page.response.status), "{}", page.response.status);
    assert!(page.response.text().contains("access_denied"), "{}", page.response.text());
    assert_eq!(stage.backend.bytes_received(), 0);
}

/// The provider gives access tokens for four seconds, another refresh token with each, and ends everything when one comes twice.
#[test]
fn requests_at_once_in_several_workers_cause_one_refresh_and_nobody_notices() {
    let stage = Stage::set(json!({
        "client_id": "brief", "client_secret": "a brief secret", "scope": "openid profile email offline_access",
        "authorization_parameters": {"prompt": "consent"},
    }));
    let mut alice = Visitor::default();
    stage.sign_in(&mut alice, "/", "alice");
    let mut tokens = vec![stage.tokens()];
    for _ in 0..3 {
        let before = stage.backend.received().len();
        let old_jar = alice.jar.clone();
        std::thread::sleep(Duration::from_millis(4200));
        let at_once = |_| {
            let (address, jar) = (stage.at("/api"), old_jar.clone());
            std::thread::spawn(move || {
                let mut tab = Visitor { jar };
                (tab.fetch(&address).status, tab.jar)
            })
        };
        let tabs: Vec<_> = (0..40).map(at_once).collect();
        for tab in tabs {
            let (status, jar) = tab.join().unwrap();
            assert_eq!(status, 200);
            alice.jar = jar;
        }
        let mut new = stage.tokens().split_off(before);
        new.dedup();
        assert_eq!(new.len(), 1, "forty requests, one refresh");
        let mut late = Visitor { jar: old_jar };
        assert_eq!(late.fetch(&stage.at("/late")).status, 200, "an old cookie is good for a while");
        assert_eq!(stage.tokens().last(), new.last());
        tokens.push(new);
    }
    tokens.dedup();
    assert_eq!(tokens.len(), 4, "a new token with every refresh");
    stage.envoy.assert_no_crash();
}

#[test]
fn a_rule_asks_for_a_recent_sign_in_and_gets_it() {
    let stage = Stage::set(json!({"client_id": "public", "token_endpoint_auth_method": "none"}));
    let mut alice = Visitor::default();
    stage.sign_in(&mut alice, "/", "alice");
    // The session is new, but the provider did not say when she authenticated: it was not asked.
    assert_eq!(alice.open(&stage.at("/approvals/1")).address.as_str(), stage.at("/approvals/1"));
    std::thread::sleep(Duration::from_secs(6));

    let script = alice.fetch(&stage.at("/approvals/2"));
    assert_eq!(script.status, 401);
    let challenge = script.header("www-authenticate").unwrap_or_default();
    assert!(
        challenge.contains("insufficient_user_authentication") && challenge.contains("max_age=\"5\""),
        "{challenge}"
    );
    assert_eq!(alice.fetch(&stage.at("/")).status, 200, "good enough for everything else");

    let login = alice.open(&stage.at("/approvals/3?x=1"));
    assert!(login.response.text().contains("password"), "asked again: {login:?}");
    let page = alice.submit(&login, &[("login", "alice"), ("password", "any")]);
    assert_eq!((page.response.status, page.address.as_str()), (200, stage.at("/approvals/3?x=1").as_str()));
    assert_eq!(alice.fetch(&stage.at("/approvals/4")).status, 200);
    stage.envoy.assert_no_crash();
}

#[test]
fn a_rule_asks_for_a_strong_sign_in_and_who_has_none_sees_a_page() {
    let stage = Stage::set(json!({
        "client_id": "p256", "token_endpoint_auth_method": "private_key_jwt", "pushed_authorization_requests": "always",
        "client_key": include_str!("../../../relying-party/src/jose/testdata/keys/p256.pem"),
    }));
    let (mut alice, mut bob) = (Visitor::default(), Visitor::default());
    // Everything is asked for at once.
    let page = stage.sign_in(&mut alice, "/vault/keys", "alice");
    assert_eq!((page.response.status, page.address.as_str()), (200, stage.at("/vault/keys").as_str()));

    stage.sign_in(&mut bob, "/", "bob");
    let login = bob.open(&stage.at("/vault/keys"));
    assert!(login.response.text().contains("password"), "asked again: {login:?}");
    let page = bob.submit(&login, &[("login", "bob"), ("password", "any")]);
    assert_eq!((page.response.status, page.address.path()), (403, "/oauth2/callback"), "{page:?}");
    assert!(page.response.text().contains("step_up.acr_not_met"), "{}", page.response.text());
    assert_eq!(bob.fetch(&stage.at("/")).status, 200, "he is still signed in");
    assert_eq!(bob.fetch(&stage.at("/vault/keys")).status, 401);
    stage.envoy.assert_no_crash();
}

#[test]
fn claims_of_userinfo_are_merged() {
    let stage = Stage::set(json!({
        "client_id": "basic", "client_secret": "a secret:with/reserved+characters%", "userinfo": true,
    }));
    stage.signs_in_and_out();
}

/// The logout token names the session.
#[test]
fn signing_out_at_the_provider_ends_that_session_in_all_workers() {
    let stage = Stage::set(json!({"client_id": "public", "token_endpoint_auth_method": "none"}));
    stage.is_signed_out_by_the_provider();
}

/// The logout token names the person.
#[test]
fn signing_out_at_the_provider_ends_all_sessions_of_that_person() {
    let stage = Stage::set(json!({
        "client_id": "post", "client_secret": "another secret", "token_endpoint_auth_method": "client_secret_post",
    }));
    let mut elsewhere = Visitor::default();
    stage.sign_in(&mut elsewhere, "/", "alice");
    stage.is_signed_out_by_the_provider();
    assert_eq!(elsewhere.fetch(&stage.at("/oauth2/session")).status, 401);
}

#[test]
fn the_provider_gets_back_the_id_token_that_it_issued() {
    let stage = Stage::set(json!({
        "client_id": "public", "token_endpoint_auth_method": "none", "id_token_hint": true,
    }));
    stage.signs_in_and_out();
}

/// Provider, Envoy and application.
struct Stage {
    provider: OidcProvider,
    envoy: Envoy,
    backend: Backend,
    origin: String,
}

impl Stage {
    /// `client` is the client's part of the provider's configuration.
    fn set(client: Value) -> Self {
        let port = port::free();
        let origin = format!("http://localhost:{port}");
        let provider = OidcProvider::start(&origin);
        let mut corp = json!({
            "name": "corp", "issuer": provider.issuer(), "cluster": "provider", "scope": "openid profile email",
        });
        corp.as_object_mut().unwrap().extend(client.as_object().unwrap().clone());
        let configuration = json!({
            "providers": [corp],
            "public_url": origin,
            "session": {"keys": [{"env": "LATCHKEY_SESSION_KEY"}], "secure": false, "cookie": "latchkey"},
            "rules": [
                {"name": "finance", "match": {"path_prefix": "/finance"}, "require": "\"finance\" in claims.groups"},
                {"name": "approvals", "match": {"path_prefix": "/approvals"}, "max_age": "5s"},
                {"name": "vault", "match": {"path_prefix": "/vault"}, "acr_values": ["urn:example:mfa"]},
            ],
            "headers": {
                "x-auth-subject": "claims.sub", "x-auth-name": "claims.name", "x-auth-email": "claims.email",
                "x-auth-groups": "claims.groups.join(\",\")", "x-access-token": "access_token",
            },
        });
        let backend = Backend::start();
        // The provider posts its logout tokens.
        let filter = Filter::latchkey(configuration)
            .stop_iteration(true)
            .environment_variable("LATCHKEY_SESSION_KEY", "Mv6p2vCqVJ3oQ0k1mX0m8cR5j0cQn7yq1bq2h9d0f3s");
        let envoy = Envoy::builder()
            .listener(Listener::new("main", filter, Route::Backend, Access::Logged).on_port(port))
            .cluster("backend", backend.address())
            .cluster("provider", provider.address())
            .workers(4)
            .start();
        Self { provider, envoy, backend, origin }
    }

    /// The access tokens that the application has got.
    fn tokens(&self) -> Vec<String> {
        let received = self.backend.received();
        received.iter().map(|seen| seen.header("x-access-token").unwrap_or_default().to_owned()).collect()
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// Opens `path`, signs in as `user` at the provider, consents, and comes to rest somewhere.
    fn sign_in(&self, visitor: &mut Visitor, path: &str, user: &str) -> Page {
        let login = visitor.open(&self.at(path));
        assert!(login.response.text().contains("password"), "no login page: {login:?}");
        let consent = visitor.submit(&login, &[("login", user), ("password", "any")]);
        assert!(consent.response.text().contains("consent"), "no consent page: {consent:?}");
        visitor.submit(&consent, &[])
    }

    /// The statuses of as many requests at once as reach every worker.
    fn statuses(&self, visitor: &Visitor) -> Vec<u16> {
        let requests = (0..40).map(|_| {
            let (address, jar) = (self.at("/oauth2/session"), visitor.jar.clone());
            std::thread::spawn(move || Visitor { jar }.fetch(&address).status)
        });
        let requests: Vec<_> = requests.collect();
        let mut statuses: Vec<_> = requests.into_iter().map(|request| request.join().unwrap()).collect();
        statuses.sort_unstable();
        statuses.dedup();
        statuses
    }

    fn is_signed_out_by_the_provider(&self) {
        let (mut alice, mut bob) = (Visitor::default(), Visitor::default());
        self.sign_in(&mut alice, "/", "alice");
        self.sign_in(&mut bob, "/", "bob");
        assert_eq!((self.statuses(&alice), self.statuses(&bob)), (vec![200], vec![200]));

        let confirm = alice.open(&format!("{}/session/end", self.provider.issuer()));
        let end = alice.submit(&confirm, &[("logout", "yes")]);
        assert_eq!(end.address.path(), "/session/end/success", "{end:?}");
        std::thread::sleep(Duration::from_millis(100));

        assert_eq!((self.statuses(&alice), self.statuses(&bob)), (vec![401], vec![200]));
        self.sign_in(&mut alice, "/", "alice");
        assert_eq!(self.statuses(&alice), [200], "a login after it works");
        self.envoy.assert_no_crash();
    }

    fn signs_in_and_out(&self) {
        let mut alice = Visitor::default();

        let page = self.sign_in(&mut alice, "/finance/ledger?year=2026&q=a%20b", "alice");
        assert_eq!(page.address.as_str(), self.at("/finance/ledger?year=2026&q=a%20b"));
        let seen = &self.backend.received()[0];
        assert_eq!(seen.header("x-auth-subject"), Some("alice"));
        assert_eq!(seen.header("x-auth-name"), Some("Alice Example"));
        assert_eq!(seen.header("x-auth-email"), Some("alice@example.org"));
        assert_eq!(seen.header("x-auth-groups"), Some("staff,finance"));
        assert!(!seen.header("cookie").unwrap_or_default().contains("latchkey"), "{:?}", seen.header("cookie"));

        let session = alice.fetch(&self.at("/oauth2/session")).document();
        assert_eq!((&session["authenticated"], &session["provider"]), (&json!(true), &json!("corp")), "{session}");

        let confirm = alice.open(&self.at("/oauth2/logout"));
        assert_eq!(confirm.address.path(), "/session/end", "no RP-initiated logout: {confirm:?}");
        let home = alice.submit(&confirm, &[("logout", "yes")]);
        assert_eq!(home.address.as_str(), self.at("/?state=latchkey-signed-out"));
        assert!(home.response.text().contains("You are signed out"), "no login begins by itself: {home:?}");
        let login = alice.open(&self.at("/"));
        assert!(login.response.text().contains("password"), "signed out at the provider, too: {login:?}");
        assert_eq!(alice.fetch(&self.at("/oauth2/session")).status, 401);
        assert_eq!(alice.fetch(&self.at("/")).status, 401);
        assert_eq!(self.backend.received().len(), 1);
        self.envoy.assert_no_crash();
    }
}
