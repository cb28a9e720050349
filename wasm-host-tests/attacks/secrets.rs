//! Everything that the filter does, looked over the shoulder (Pomerium GO-2024-2965: an endpoint that emitted tokens; and logs that do).
//! [`Observed`] fails a scenario in which a secret comes up where it does not belong.

use std::time::Duration;

use serde_json::{Value, json};

use super::corpus::cases_of;
use super::leaks::Kind;
use super::observed::Observed;
use crate::browser::{Browser, Scripts, Tab};
use crate::jar::Initiator;
use crate::message::{AUTHORITY, ORIGIN, Request, Response};
use crate::provider::id_token::{Draft, Signing};
use crate::provider::keys::TestKey;
use crate::provider::{Authorization, Behaviour, Endpoint, ISSUER, RefreshTokens};
use crate::scenarios::client::{pushing, with_key};
use crate::scenarios::exchange::exchanging;
use crate::scenarios::introspection::asking;
use crate::scenarios::possession::{bound, call_with_proof, proof, to_key};
use crate::scenarios::{access_token, call};
use crate::setup::Setup;
use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);
const WORDS: &str = "words-of-the-provider-7301";

/// Somebody whose every claim can be recognised, at a provider that keeps nothing back.
fn secretive(setup: Setup) -> Setup {
    setup.provider(|provider| {
        provider.code_prefix = "authorization-code-";
        provider.refresh_tokens = RefreshTokens::Rotating;
        provider.user = json!({
            "sub": "subject-7301", "email": "person-7301@example.org", "name": "Name-7301 Lovelace", "sid": "session-7301",
            "groups": ["finance", "staff", "group-7301"], "address": {"street": "street-7301"},
        });
        provider.userinfo = json!({"department": "department-7301"});
    })
}

/// The application gets the access token; at a logout the provider gets the ID token.
fn passing_tokens_on(setup: Setup) -> Setup {
    let setup =
        setup.header("authorization", "\"Bearer \" + access_token").header("x-auth-department", "claims.department");
    secretive(setup.of_provider("userinfo", true).of_provider("id_token_hint", true))
}

/// A person who does what people do, until they sign out.
fn a_day<W: World>(world: &mut Observed<W>) -> Browser {
    let mut browser = Browser::default();
    browser.open(world, "/finance?x=1#fragment").shows("/finance?x=1");
    browser.fetch(world, "/api").forwarded();
    browser.fetch(world, "/public").forwarded();
    browser.fetch(world, "/welcome").forwarded();
    browser.fetch(world, "/oauth2/session").refused_with(200);
    browser.fetch(world, "/oauth2/ready").refused_with(200);
    browser.fetch(world, "/board").refused_with(403);
    browser.open(world, "/board").exchange.refused_with(403);
    browser.open(world, "/oauth2/unknown").exchange.refused_with(404);
    browser.open(world, "/public/../x").exchange.refused_with(400);
    browser.open(world, "/oauth2/login?return_to=%2Fagain&login_hint=person").shows("/again");
    let copy = browser.clone();
    browser.open(world, "/oauth2/logout?return_to=%2Fpublic");
    copy.clone().fetch(world, "/api");
    browser
}

pub fn go_2024_2965_a_login_by_any_client_authentication_leaks_nothing<W: World>() {
    let method = |name: &'static str| {
        let setup = Setup::default().of_provider("token_endpoint_auth_method", name);
        setup.provider(|provider| provider.client_authentication = name)
    };
    let without_secret = |name| method(name).without_provider_key("client_secret");
    for setup in [
        method("client_secret_basic"),
        method("client_secret_post"),
        without_secret("none"),
        without_secret("tls_client_auth"),
        with_key(TestKey::P256B),
        pushing(method("client_secret_basic")),
        pushing(with_key(TestKey::P256B)),
    ] {
        let mut world = Observed::<W>::open(passing_tokens_on(setup));
        a_day(&mut world);
        assert_eq!(world.provider().complaints, Vec::<String>::new());
        world.has_seen(&[Kind::Code, Kind::Verifier, Kind::Nonce, Kind::State, Kind::AccessToken, Kind::RefreshToken]);
        world.has_seen(&[Kind::IdToken, Kind::Cookie, Kind::Claim, Kind::Configured]);
    }
}

/// The provider says no in all places where it can, and repeats what it was told.
pub fn go_2024_2965_a_login_that_fails_leaks_nothing<W: World>() {
    let mut world = Observed::<W>::open(passing_tokens_on(Setup::default()));
    let fails = |world: &mut Observed<W>| {
        let page = Browser::default().open(world, "/private");
        assert!(page.exchange.upstream.is_none() && page.exchange.status() >= 400, "{:?}", page.exchange);
    };
    for code in ["access_denied", "server_error", "temporarily_unavailable", "invalid_scope", "of-its-own"] {
        world.provider().authorization = Authorization::Error { code: code.to_owned(), description: WORDS.to_owned() };
        fails(&mut world);
    }
    world.provider().authorization = Authorization::Granted;
    let answers = [
        Response::json(400, &json!({"error": "invalid_grant", "error_description": WORDS})),
        Response::json(401, &json!({"error": "invalid_client", "error_description": WORDS})),
        Response::json(400, &json!({"error": WORDS, "error_description": WORDS, "error_uri": WORDS})),
        Response::json(500, &json!({"error_description": WORDS})),
        Response::json(200, &json!({"access_token": "access-token-of-nobody-7301", "error_description": WORDS})),
        Response::json(
            200,
            &json!({"access_token": "access-token-of-nobody-7301", "token_type": "mac", "id_token": "id-token-7301.a.b"}),
        ),
        Response::new(200, "application/json", "{\"access_token\": \"access-token-of-nobody-7301\""),
        Response::new(302, "text/html", WORDS).with("location", WORDS).with("www-authenticate", WORDS),
    ];
    for answer in answers {
        world.provider().behave(Endpoint::Token, Behaviour::Answer(answer));
        fails(&mut world);
    }
    world.provider().behave(Endpoint::Token, Behaviour::Reset);
    fails(&mut world);
    world.provider().behave(Endpoint::Token, Behaviour::Normal);
    for spoil in spoils() {
        world.provider().forge(spoil);
        fails(&mut world);
    }
    world.provider().forge(|_| ());
    world.provider().change_userinfo(|draft| draft.append("sub", "-of-somebody-else"));
    fails(&mut world);
    world.provider().change_userinfo(|_| ());
    // Callbacks of others, twice, and damaged.
    let mut browser = Browser::default();
    let tab = browser.open_until_callback(&mut world, "/private");
    Browser::default().follow(&mut world, tab.clone()).exchange.refused_with(400);
    let mut damaged = tab.clone();
    damaged.next = tab.next.clone().set(":path", format!("{}x", tab.next.target()));
    browser.clone().follow(&mut world, damaged);
    browser.follow(&mut world, tab.clone()).shows("/private");
    browser.clone().follow(&mut world, tab.clone());
    browser.jar = Default::default();
    browser.follow(&mut world, tab);
    world.has_seen(&[Kind::Words, Kind::Code, Kind::Verifier, Kind::State, Kind::IdToken]);

    let mut world = Observed::<W>::open(secretive(pushing(with_key(TestKey::P256B))));
    let answer = Response::json(400, &json!({"error": "invalid_request", "error_description": WORDS}));
    world.provider().behave(Endpoint::PushedAuthorization, Behaviour::Answer(answer));
    Browser::default().open(&mut world, "/private").exchange.refused_with(502);
    world.has_seen(&[Kind::Words, Kind::Assertion]);
}

fn spoils() -> [fn(&mut Draft); 7] {
    [
        |draft| draft.append("nonce", "1"),
        |draft| draft.append("iss", "1"),
        |draft| draft.claim("aud", "audience-7301"),
        |draft| draft.claim("exp", 1),
        |draft| draft.signing = Signing::Corrupted(TestKey::Rsa1),
        |draft| draft.header["kid"] = "key-of-nobody-7301".into(),
        |draft| draft.claims_text = Some("{\"sub\": \"subject-7301".to_owned()),
    ]
}

pub fn go_2024_2965_refreshes_and_what_ends_a_session_leak_nothing<W: World>() {
    let short = |setup: Setup| setup.provider(|provider| provider.access_token_lifetime = 2 * SECOND);
    let words = || Response::json(400, &json!({"error": "invalid_grant", "error_description": WORDS}));
    let mut world = Observed::<W>::open(short(passing_tokens_on(Setup::default())));
    let mut browser;
    for (behaviour, spoil) in [
        (Behaviour::Normal, None),
        (Behaviour::Answer(Response::json(503, &json!({"error_description": WORDS}))), None),
        (Behaviour::Answer(Response::json(401, &json!({"error": "invalid_client", "error_description": WORDS}))), None),
        (Behaviour::Answer(words()), None),
        (Behaviour::Normal, Some(spoils()[1])),
    ] {
        // A refresh that failed is not tried again at once: everybody begins anew.
        browser = Browser::default();
        browser.open(&mut world, "/").shows("/");
        world.provider().behave(Endpoint::Token, behaviour);
        if let Some(spoil) = spoil {
            world.provider().forge(spoil);
        }
        world.advance(2 * SECOND);
        browser.fetch(&mut world, "/api");
        browser.fetch(&mut world, "/board");
        world.provider().behave(Endpoint::Token, Behaviour::Normal);
        world.provider().forge(|_| ());
    }
    world.has_seen(&[Kind::RefreshToken, Kind::Words, Kind::AccessToken]);
    drop(world);

    let embedded = Setup::default().session("same_site", "none");
    let mut world = Observed::<W>::open(passing_tokens_on(embedded));
    browser = Browser::default();
    browser.open(&mut world, "/").shows("/");
    let issuer: String = form_urlencoded::byte_serialize(ISSUER.as_bytes()).collect();
    for sid in ["of-another-session", "session-7301"] {
        let path = format!("/oauth2/frontchannel-logout?iss={issuer}&sid={sid}");
        let request = Request::navigation(&path).set("sec-fetch-site", "cross-site").set("sec-fetch-dest", "iframe");
        let request = browser.with_cookies(request, Initiator::CrossSite, &world);
        world.send(request).refused_with(200);
    }
    world.advance(SECOND / 5);
    browser.fetch(&mut world, "/api").refused_with(401);
}

pub fn go_2024_2965_access_tokens_of_any_kind_leak_nothing<W: World>() {
    let mut world = Observed::<W>::open(secretive(exchanging().header("x-auth-name", "claims.name")));
    let named = |draft: &mut Draft| {
        draft.claim("sub", "subject-7301");
        draft.claim("name", "Name-7301 Lovelace");
    };
    let token = access_token(&mut world, named);
    for path in [
        "/orders",
        "/orders/new",
        "/staff",
        "/invoices",
        "/partner",
        "/either",
        "/welcome",
        "/backend",
        "/other",
        "/public",
    ] {
        world.send(call(path, &token));
    }
    world.send(Request::get(&format!("/orders?access_token={token}"))).refused_with(401);
    for change in spoils() {
        let token = access_token(&mut world, |draft| {
            named(draft);
            change(draft);
        });
        world.send(call("/orders", &token));
        world.send(Request::navigation("/orders").with("authorization", format!("Bearer {token}")));
    }
    for case in cases_of(include_str!("corpus/jose_headers.txt"), "CVE-2026-31837").into_iter().take(5) {
        let token = access_token(&mut world, |draft| draft.header["kid"] = case.value["kid"].clone());
        world.send(call("/orders", &token));
    }
    let key = TestKey::P256B;
    let token = bound(&mut world, &to_key(key));
    let good = proof(&world, key, "/orders", &token).sign();
    for request in
        [call_with_proof("/orders", &token, &good), call_with_proof("/orders", &token, &good), call("/orders", &token)]
    {
        world.send(request);
    }
    let mut bad = proof(&world, key, "/orders", &token);
    bad.claim("htu", "https://elsewhere.example/orders");
    world.send(call_with_proof("/orders", &token, &bad.sign())).refused_with(401);
    // An exchange that the provider refuses.
    let answer = Response::json(400, &json!({"error": "invalid_target", "error_description": WORDS}));
    world.provider().behave(Endpoint::Token, Behaviour::Answer(answer));
    let other = access_token(&mut world, |draft| draft.claim("jti", "another-7301"));
    assert!(world.send(call("/backend", &other)).upstream.is_none());
    world.has_seen(&[Kind::AccessToken, Kind::Proof, Kind::Words, Kind::Configured]);
    drop(world);

    let mut world = Observed::<W>::open(secretive(asking("any")));
    world.send(call("/orders", "b24a7c5e-opaque_to+us/==")).forwarded();
    world.send(call("/orders", "unknown-opaque-token-7301-7301")).refused_with(401);
    for answer in [
        Response::json(401, &json!({"error": "invalid_client", "error_description": WORDS})),
        Response::json(500, &json!({"error_description": WORDS})),
        Response::json(200, &json!({"active": true, "iss": WORDS, "sub": "subject-7301"})),
        Response::new(200, "application/json", "{\"active\": tru"),
    ] {
        world.provider().behave(Endpoint::Introspection, Behaviour::Answer(answer));
        let token = format!("another-opaque-token-7301-{}", world.provider().count(Endpoint::Introspection));
        assert!(world.send(call("/orders", &token)).upstream.is_none());
    }
    world.has_seen(&[Kind::AccessToken]);
}

pub fn go_2024_2965_forms_and_notices_of_the_provider_leak_nothing<W: World>() {
    let mut setup = Setup::default().of_provider("authorization_parameters", json!({"response_mode": "form_post"}));
    setup = setup.rule(json!({"match": {"path_prefix": "/keep"}, "preserve_form": true}));
    let mut world = Observed::<W>::open(passing_tokens_on(setup));
    let fields = [("account", "account-number-7301"), ("note", "a-note-that-is-private-7301")];
    let form = Request::form("/keep?x=1", &fields, "same-origin").with("origin", ORIGIN);
    let mut browser = Browser::default();
    let page = browser.follow(&mut world, Tab::sending(form.clone()));
    browser.follow(&mut world, page.leads_on(Scripts::Run)).shows("/keep?x=1");
    Browser::default().send(&mut world, form.without("origin").with("origin", "https://evil.example"));
    let notify = |world: &mut Observed<W>, token: &str| {
        let body = format!("logout_token={token}");
        let request = Request::new("POST", "/oauth2/backchannel-logout").with("content-length", body.len().to_string());
        world.send(request.with("content-type", "application/x-www-form-urlencoded").with_body(body))
    };
    world.advance(SECOND);
    let now = world.now();
    let draft = world.provider().logout_token(now);
    for change in spoils() {
        let mut bad = draft.clone();
        change(&mut bad);
        notify(&mut world, &bad.sign());
    }
    notify(&mut world, &draft.sign()).refused_with(200);
    notify(&mut world, &draft.sign()).refused_with(400);
    world.advance(SECOND / 5);
    browser.fetch(&mut world, "/api").refused_with(401);
    world.has_seen(&[Kind::Field, Kind::IdToken, Kind::Claim, Kind::Cookie]);
}

pub fn go_2024_2965_further_sign_ins_leak_nothing<W: World>() {
    let demanding = Setup::default()
        .rule(json!({"match": {"path_prefix": "/vault"}, "acr_values": ["urn:mfa"], "max_age": "15m"}))
        .session("silent", true);
    let mut world = Observed::<W>::open(passing_tokens_on(demanding));
    world.provider().authorization = Authorization::NeedsTheUser("login_required".to_owned());
    let mut browser = Browser::default();
    browser.open(&mut world, "/").shows("/");
    browser.fetch(&mut world, "/vault").refused_with(401);
    browser.open(&mut world, "/vault").shows("/vault");
    world.provider().authorization =
        Authorization::Error { code: "access_denied".to_owned(), description: WORDS.to_owned() };
    browser.clone().open(&mut world, "/oauth2/login?return_to=%2Fvault");
    drop(world);

    let mut setup = Setup::default().with_partner();
    setup.document["providers"][0]["login_hint_domains"] = json!(["example.org"]);
    let mut world = Observed::<W>::open(passing_tokens_on(setup));
    let page = browser_page(&mut world);
    assert!(page.contains("Partner login"), "{page}");
    for path in
        ["/oauth2/login?provider=partner&return_to=%2Fx", "/oauth2/login?login_hint=a%40example.org&return_to=%2Fx"]
    {
        let mut browser = Browser::default();
        browser.open(&mut world, path).shows("/x");
        browser.open(&mut world, "/oauth2/logout");
    }
    drop(world);

    // A session that is too large, and one whose cookies never come back.
    let groups: Vec<Value> = (0..900)
        .map(|number| json!(format!("group-{:x}", u64::pow(number + 7, 6).wrapping_mul(0x9e37_79b9))))
        .collect();
    let setup = passing_tokens_on(Setup::default()).session("max_cookies", 1);
    let mut world = Observed::<W>::open(setup.claim("groups", groups));
    Browser::default().open(&mut world, "/").exchange.refused_with(500);
    world.provider().user["groups"] = json!(["group-7301"]);
    let mut forgetful = Browser::default();
    for _ in 0..4 {
        forgetful.open(&mut world, "/");
        forgetful.jar.cookies_mut().retain(|cookie| cookie.name.ends_with("-login"));
    }
    let marked: Vec<_> = forgetful.jar.alive(world.now()).into_iter().map(|cookie| cookie.domain.clone()).collect();
    assert!(marked.iter().all(|domain| domain == AUTHORITY));
}

fn browser_page<W: World>(world: &mut Observed<W>) -> String {
    Browser::default().open(world, "/private").exchange.response.text()
}
