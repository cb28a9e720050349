//! How we prove to the provider who we are, and what we ask it for.

use std::time::Duration;

use serde_json::json;

use super::{has_session, own_cookies, signed_in};
use crate::browser::Browser;
use crate::message::{Request, Response, parameter};
use crate::provider::keys::TestKey;
use crate::provider::{Behaviour, Endpoint, ISSUER, MTLS_ISSUER};
use crate::setup::Setup;
use crate::world::World;

/// A client with `key`, which the provider knows.
pub(crate) fn with_key(key: TestKey) -> Setup {
    Setup::default()
        .without_provider_key("client_secret")
        .of_provider("token_endpoint_auth_method", "private_key_jwt")
        .of_provider("client_key", key.private_pem())
        .provider(|provider| {
            provider.client_authentication = "private_key_jwt";
            provider.client_key = key;
        })
}

pub(crate) fn pushing(setup: Setup) -> Setup {
    setup.provider(|provider| provider.requires_pushed_requests = true)
}

pub fn a_client_with_a_private_key_signs_its_assertions<W: World>() {
    for key in [TestKey::P256B, TestKey::Rsa2] {
        let (mut world, _) = signed_in::<W>(with_key(key));
        Browser::default().open(&mut world, "/again").shows("/again");
        let provider = world.provider();
        assert_eq!(provider.complaints, Vec::<String>::new());
        let request = provider.last(Endpoint::Token).expect("a token request");
        assert_eq!((request.header("authorization"), request.posted("client_secret")), (None, None));
    }
}

pub fn a_method_that_the_metadata_does_not_list_is_a_warning_and_no_more<W: World>() {
    let named =
        |world: &W| world.log().iter().filter(|line| line.contains("token_endpoint_auth_methods_supported")).count();
    let (world, _) = signed_in::<W>(Setup::default().provider(|provider| {
        provider
            .change_metadata(|document| document["token_endpoint_auth_methods_supported"] = json!(["private_key_jwt"]));
    }));
    assert!(named(&world) > 0, "{:?}", world.log());
    let (world, _) = signed_in::<W>(Setup::default());
    assert_eq!(named(&world), 0);
}

pub fn a_host_that_cannot_sign_with_rsa_says_which_keys_help<W: World>() {
    let mut world = W::open(Setup { host_cryptography: false, ..with_key(TestKey::Rsa2) });
    let mut browser = Browser::default();
    let page = browser.open(&mut world, "/");
    page.exchange.refused_with(500).because_of("client_authentication.rsa_unsupported");
    assert!(world.log().iter().any(|line| line.contains("use a P-256 or Ed25519 key")), "{:?}", world.log());
    assert!(!has_session(&mut browser, &mut world));
    assert_eq!(world.provider().count(Endpoint::Token), 0);
    let mut world = W::open(Setup { host_cryptography: false, ..with_key(TestKey::P256B) });
    Browser::default().open(&mut world, "/").shows("/");
}

pub fn a_client_with_a_certificate_goes_to_the_endpoints_that_ask_for_it<W: World>() {
    let certified = Setup::default()
        .without_provider_key("client_secret")
        .of_provider("token_endpoint_auth_method", "tls_client_auth")
        .provider(|provider| provider.client_authentication = "tls_client_auth");
    let (mut world, _) = signed_in::<W>(pushing(certified));
    let provider = world.provider();
    assert_eq!(provider.complaints, Vec::<String>::new());
    for endpoint in [Endpoint::Token, Endpoint::PushedAuthorization] {
        let request = provider.last(endpoint).expect("a request");
        assert!(request.header(":authority").is_some_and(|host| MTLS_ISSUER.contains(host)), "{request:?}");
        assert_eq!(request.posted("client_id").as_deref(), Some("portal"));
        assert!(request.posted("client_secret").is_none() && request.header("authorization").is_none());
    }
    // Browsers have no certificate, and keys are public.
    assert!(
        provider
            .last(Endpoint::Authorize)
            .is_some_and(|request| request.header(":authority") == Some("login.provider.test"))
    );
    assert!(
        provider
            .last(Endpoint::Keys)
            .is_some_and(|request| request.header(":authority") == Some("login.provider.test"))
    );
}

pub fn a_provider_that_requires_it_gets_the_request_before_the_browser<W: World>() {
    for setup in [Setup::default(), with_key(TestKey::P256B)] {
        let mut world =
            W::open(pushing(setup.of_provider("authorization_parameters", json!({"prompt": "select account"}))));
        let mut browser = Browser::default();
        let page = browser.open(&mut world, "/reports?page=2");
        page.shows("/reports?page=2");
        let authorization = page.trail.iter().find(|address| address.contains("/authorize")).expect("an address");
        let (_, query) = authorization.split_once('?').expect("a query");
        let names: Vec<_> = query.split('&').map(|pair| pair.split('=').next().unwrap_or_default()).collect();
        assert_eq!(names, ["client_id", "request_uri"]);
        let provider = world.provider();
        assert_eq!(provider.complaints, Vec::<String>::new());
        let pushed = provider.last(Endpoint::PushedAuthorization).expect("a pushed request");
        assert_eq!(pushed.posted("prompt").as_deref(), Some("select account"));
        assert!(["state", "nonce", "code_challenge"].iter().all(|name| pushed.posted(name).is_some()));
        assert!(pushed.posted("code_verifier").is_none());
    }
}

pub fn requests_are_pushed_as_configured<W: World>() {
    for (configured, required, pushes) in
        [("auto", false, 0), ("auto", true, 1), ("always", false, 1), ("always", true, 1), ("never", false, 0)]
    {
        let setup = Setup::default().of_provider("pushed_authorization_requests", configured);
        let (mut world, _) = signed_in::<W>(setup.provider(|provider| provider.requires_pushed_requests = required));
        assert_eq!(world.provider().count(Endpoint::PushedAuthorization), pushes, "{configured}, {required}");
    }
}

pub fn the_redirect_after_a_push_is_not_cached_and_has_the_login_cookie<W: World>() {
    let mut world = W::open(pushing(Setup::default()));
    let exchange = world.send(Request::navigation("/"));
    exchange.refused_with(302);
    assert_eq!(exchange.response.header("cache-control"), Some("no-store"));
    assert_eq!(exchange.response.set_cookies().len(), 1);
    assert!(exchange.response.location().starts_with(&format!("{ISSUER}/authorize?client_id=portal&request_uri=")));
}

pub fn a_push_without_an_endpoint_is_a_page_that_names_the_cause<W: World>() {
    let setup = Setup::default().of_provider("pushed_authorization_requests", "always");
    let mut world = W::open(setup.provider(|provider| {
        provider.change_metadata(|document| {
            document.as_object_mut().map(|members| members.remove("pushed_authorization_request_endpoint"));
        });
    }));
    Browser::default().open(&mut world, "/").exchange.refused_with(502).because_of("par.endpoint_missing");
    assert!(world.log().iter().any(|line| line.contains("par.endpoint_missing") && line.contains("`metadata`")));
}

pub fn a_push_that_fails_has_its_own_reason<W: World>() {
    let json = |status, document| Behaviour::Answer(Response::json(status, &document));
    for (behaviour, status, reason) in [
        (json(400, json!({"error": "invalid_request", "error_description": "<script>"})), 502, "par.invalid_request"),
        (json(401, json!({"error": "invalid_client"})), 502, "par.invalid_client"),
        (json(400, json!({"error": "invalid_target"})), 502, "par.invalid_target"),
        (json(400, json!({"error": "slow_down"})), 502, "par.refused"),
        (json(302, json!({})), 502, "par.refused"),
        (json(201, json!({"expires_in": 60})), 502, "par.request_uri_missing"),
        (json(201, json!({"request_uri": 1, "expires_in": 60})), 502, "par.request_uri_malformed"),
        (json(201, json!({"request_uri": "urn:x y\r\n", "expires_in": 60})), 502, "par.request_uri_malformed"),
        (json(201, json!({"request_uri": format!("urn:{}", "x".repeat(3000))})), 502, "par.request_uri_malformed"),
        (Behaviour::html(201), 502, "par.malformed"),
        (Behaviour::rubbish(), 502, "par.malformed"),
        (Behaviour::large(), 502, "provider.answer_too_large"),
        (Behaviour::html(503), 503, "par.unavailable"),
        (Behaviour::html(429), 503, "par.unavailable"),
    ] {
        let mut world = W::open(pushing(Setup::default()));
        world.provider().behave(Endpoint::PushedAuthorization, behaviour);
        let mut browser = Browser::default();
        let page = browser.open(&mut world, "/target?x=1");
        page.exchange.refused_with(status).because_of(reason);
        let text = page.exchange.response.text();
        assert!(page.exchange.response.runs_nothing_else() && text.contains("target"), "{text}");
        assert_eq!(own_cookies(&browser, &world), Vec::<String>::new());
        world.provider().behave(Endpoint::PushedAuthorization, Behaviour::Normal);
        browser.open(&mut world, "/target?x=1").shows("/target?x=1");
    }
}

pub fn a_push_that_is_not_answered_is_given_up<W: World>() {
    let mut world = W::open(pushing(Setup::default()));
    world.settle();
    world.provider().behave(Endpoint::PushedAuthorization, Behaviour::Hang);
    let exchange = world.send(Request::navigation("/"));
    exchange.refused_with(503).because_nobody_answered("par");
    assert!(exchange.took < Duration::from_secs(10), "{:?}", exchange.took);
    let ticket = world.start(Request::navigation("/"));
    world.abandon(ticket);
    world.provider().behave(Endpoint::PushedAuthorization, Behaviour::Slow(Duration::from_secs(1)));
    Browser::default().open(&mut world, "/").shows("/");
}

pub fn resources_are_named_in_both_requests<W: World>() {
    let resources = json!(["https://api.example.org/orders?v=1", "urn:example:grants"]);
    for setup in [Setup::default(), pushing(Setup::default())] {
        let (mut world, _) = signed_in::<W>(setup.of_provider("resource", resources.clone()));
        let provider = world.provider();
        assert_eq!(provider.complaints, Vec::<String>::new());
        let request = provider.last(Endpoint::Token).expect("a token request");
        assert_eq!(parameter(&request.body, "resource").as_deref(), Some("https://api.example.org/orders?v=1"));
        assert!(String::from_utf8_lossy(&request.body).contains("&resource=urn%3Aexample%3Agrants"));
    }
}
