//! The provider signs people out, without their browsers.

use std::time::Duration;

use serde_json::{Value, json};

use super::{has_session, signed_in};
use crate::browser::Browser;
use crate::jar::Initiator;
use crate::message::{AUTHORITY, Request};
use crate::provider::id_token::{Draft, Signing};
use crate::provider::keys::TestKey;
use crate::provider::{BACKCHANNEL_LOGOUT, Behaviour, CLUSTER, Endpoint, ISSUER};
use crate::setup::Setup;
use crate::world::{Exchange, World};

const PATH: &str = "/oauth2/backchannel-logout";
/// How soon every worker knows what one of them has ended.
const EVERYWHERE: Duration = Duration::from_millis(100);
const SECOND: Duration = Duration::from_secs(1);

/// A logout token of the provider for its current user, changed before it is signed.
fn logout_token<W: World>(world: &mut W, change: impl FnOnce(&mut Draft)) -> String {
    let now = world.now();
    let mut draft = world.provider().logout_token(now);
    change(&mut draft);
    draft.sign()
}

fn request(form: &str) -> Request {
    let request = Request::new("POST", PATH).with("content-type", "application/x-www-form-urlencoded");
    request.with("content-length", form.len().to_string()).with_body(form)
}

fn notify<W: World>(world: &mut W, token: &str) -> Exchange {
    world.send(request(&format!("logout_token={token}")))
}

/// Signs in with `sid`, in a browser of its own.
fn sign_in_with<W: World>(world: &mut W, sid: Option<&str>) -> Browser {
    match sid {
        Some(sid) => world.provider().user["sid"] = sid.into(),
        None => drop(world.provider().user.as_object_mut().map(|user| user.remove("sid"))),
    }
    let mut browser = Browser::default();
    browser.open(world, "/").shows("/");
    browser
}

fn alive<W: World>(browser: &Browser, world: &mut W) -> bool {
    has_session(&mut browser.clone(), world)
}

pub fn by_session_id_only_what_came_of_that_session_ends<W: World>() {
    let mut world = W::open(Setup::default().in_vms(3));
    let (first, second) = (sign_in_with(&mut world, Some("s1")), sign_in_with(&mut world, Some("s2")));
    world.advance(SECOND);
    for _ in 0..3 {
        assert!(alive(&first, &mut world) && alive(&second, &mut world));
    }
    let token = logout_token(&mut world, |token| token.claim("sid", "s1"));
    let answer = notify(&mut world, &token);
    assert_eq!(answer.refused_with(200).response.header("cache-control"), Some("no-store"));
    world.advance(EVERYWHERE);
    for _ in 0..3 {
        assert!(!alive(&first, &mut world) && alive(&second, &mut world));
        first.clone().send(&mut world, Request::navigation("/private")).refused_with(302);
    }
}

pub fn by_person_all_sessions_of_that_person_end<W: World>() {
    let mut world = W::open(Setup::default().in_vms(3));
    let (first, second) = (sign_in_with(&mut world, Some("s1")), sign_in_with(&mut world, None));
    world.provider().user["sub"] = "grace".into();
    let another = sign_in_with(&mut world, Some("s3"));
    world.advance(SECOND);
    let token = logout_token(&mut world, |token| {
        token.claim("sub", "ada");
        token.remove("sid");
    });
    notify(&mut world, &token).refused_with(200);
    world.advance(EVERYWHERE);
    for _ in 0..3 {
        assert!(!alive(&first, &mut world) && !alive(&second, &mut world) && alive(&another, &mut world));
    }
}

pub fn by_both_a_session_of_which_the_provider_gave_no_id_ends_too<W: World>() {
    let mut world = W::open(Setup::default());
    let nameless = sign_in_with(&mut world, None);
    let (named, other) = (sign_in_with(&mut world, Some("s1")), sign_in_with(&mut world, Some("s2")));
    world.advance(SECOND);
    let token = logout_token(&mut world, |token| token.claim("sid", "s1"));
    notify(&mut world, &token).refused_with(200);
    world.advance(EVERYWHERE);
    assert!(!alive(&nameless, &mut world) && !alive(&named, &mut world) && alive(&other, &mut world));
}

pub fn a_login_after_it_works<W: World>() {
    let mut world = W::open(Setup::default().in_vms(2));
    let old = sign_in_with(&mut world, Some("s1"));
    world.advance(SECOND);
    let token = logout_token(&mut world, |_| ());
    notify(&mut world, &token).refused_with(200);
    let everything = logout_token(&mut world, |token| token.remove("sid"));
    notify(&mut world, &everything).refused_with(200);
    world.advance(EVERYWHERE);
    let new = sign_in_with(&mut world, Some("s1"));
    for _ in 0..2 {
        assert!(alive(&new, &mut world) && !alive(&old, &mut world));
    }
}

/// With the names of the OpenID Foundation's modules, and more.
/// The code has been redeemed, the tokens are on their way: nothing says to whom they belong yet.
pub fn a_login_under_way_ends_with_it<W: World>() {
    let mut world = W::open(Setup::default());
    let mut browser = Browser::default();
    let tab = browser.open_until_callback(&mut world, "/");
    world.provider().behave(Endpoint::Token, Behaviour::Slow(SECOND));
    let callback = browser.with_cookies(tab.next, Initiator::CrossSiteNavigation, &world);
    let login = world.start(callback);
    world.advance(SECOND / 2);
    let token = logout_token(&mut world, |_| ());
    notify(&mut world, &token).refused_with(200);
    let signed_in = world.finish(login);
    assert_eq!(signed_in.refused_with(302).response.header("location"), Some("/"));
    signed_in.response.set_cookies().into_iter().for_each(|line| browser.jar.take(line, AUTHORITY, world.now()));
    assert!(!alive(&browser, &mut world));
}

pub fn a_bad_token_is_refused_with_its_reason_and_ends_nothing<W: World>() {
    let mut world = W::open(Setup::default());
    let browser = sign_in_with(&mut world, Some("s1"));
    world.advance(SECOND);
    type Spoil = fn(&mut Draft);
    let cases: [(&str, Spoil); 14] = [
        ("algorithm_unsupported", |token| {
            token.header["alg"] = "none".into();
            token.signing = Signing::Unsigned;
        }),
        ("algorithm_unsupported", |token| {
            token.header["alg"] = "HS256".into();
            token.signing = Signing::HmacOfPublicKey(TestKey::Rsa1);
        }),
        ("no_logout_event", |token| token.remove("events")),
        ("nonce_present", |token| token.claim("nonce", "n")),
        ("audience_mismatch", |token| token.append("aud", "1")),
        ("no_logout_event", |token| token.claim("events", json!({"http://schemas.openid.net/event/wrong": {}}))),
        ("issuer_mismatch", |token| token.append("iss", "1")),
        ("signature_invalid", |token| token.signing = Signing::Corrupted(TestKey::Rsa1)),
        ("wrong_type", |token| token.header["typ"] = "at+jwt".into()),
        ("exp_missing", |token| token.remove("exp")),
        ("jti_malformed", |token| token.remove("jti")),
        ("nobody_named", |token| {
            token.remove("sub");
            token.remove("sid");
        }),
        ("critical_extension", |token| token.header["crit"] = json!(["exp"])),
        ("malformed", |token| token.claims_text = Some("[]".to_owned())),
    ];
    for (reason, change) in cases {
        let token = logout_token(&mut world, change);
        let answer = notify(&mut world, &token);
        let reason = format!("logout_token.{reason}");
        answer.refused_with(400).because_of(&reason);
        assert_eq!(answer.response.document()["error"], "invalid_request");
        assert_eq!(answer.response.header("cache-control"), Some("no-store"));
        assert!(world.log().join("\n").contains(&reason));
    }
    world.advance(EVERYWHERE);
    assert!(alive(&browser, &mut world));
    let lenient = logout_token(&mut world, |token| {
        token.header["typ"] = "JWT".into();
        token.claim("unknown", json!({"a": 1}));
    });
    world.send(request(&format!("unknown=1&logout_token={lenient}"))).refused_with(200);
    assert!(!alive(&browser, &mut world));
}

pub fn an_id_token_is_no_logout_token<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(Setup::default().of_provider("id_token_hint", true));
    let copy = browser.clone();
    let leave = browser.send(&mut world, Request::navigation("/oauth2/logout"));
    let url = url::Url::parse(leave.response.location()).expect("a URL");
    let (_, id_token) = url.query_pairs().find(|(name, _)| name == "id_token_hint").expect("a hint");
    notify(&mut world, &id_token).refused_with(400).because_of("logout_token.");
    assert!(!alive(&copy, &mut world));
}

pub fn a_token_works_once_in_all_workers<W: World>() {
    let mut world = W::open(Setup::default().in_vms(2));
    sign_in_with(&mut world, Some("s1"));
    world.advance(SECOND);
    let token = logout_token(&mut world, |token| token.remove("sid"));
    notify(&mut world, &token).refused_with(200);
    world.advance(EVERYWHERE);
    let again = sign_in_with(&mut world, Some("s1"));
    world.advance(EVERYWHERE);
    for _ in 0..3 {
        notify(&mut world, &token).refused_with(400).because_of("logout_token.replayed");
    }
    assert!(alive(&again, &mut world));
}

pub fn a_form_that_is_not_one_token_is_refused<W: World>() {
    let mut world = W::open(Setup::default());
    let browser = sign_in_with(&mut world, Some("s1"));
    world.advance(SECOND);
    let token = logout_token(&mut world, |_| ());
    for (form, reason) in [
        (String::new(), "logout_token.missing"),
        (format!("token={token}"), "logout_token.missing"),
        (format!("logout_token={token}&logout_token={token}"), "logout_token.repeated"),
        (format!("logout_token={}", "a".repeat(20_000)), "logout_token.body_unreadable"),
        ("logout_token=a.b.c".to_owned(), "logout_token.malformed"),
    ] {
        world.send(request(&form)).refused_with(400).because_of(reason);
    }
    world.advance(EVERYWHERE);
    assert!(alive(&browser, &mut world));
}

pub fn it_is_posted_and_nothing_else<W: World>() {
    let mut world = W::open(Setup::default());
    for method in ["GET", "PUT", "DELETE"] {
        let answer = world.send(Request::new(method, PATH));
        assert_eq!(answer.refused_with(405).response.header("allow"), Some("POST"));
    }
}

pub fn it_needs_no_session_and_no_rule_lets_it_through<W: World>() {
    for authentication in ["none", "session"] {
        let rules = json!([{"match": {"path_prefix": "/"}, "authentication": authentication}]);
        let mut world = W::open(Setup::default().top("rules", rules).top("headers", json!({})));
        let token = logout_token(&mut world, |_| ());
        notify(&mut world, &token).refused_with(200);
        world.send(request("logout_token=x")).refused_with(400);
    }
}

pub fn a_provider_that_cannot_be_reached_may_be_asked_again_later<W: World>() {
    let mut world = W::open(Setup::default().provider(|provider| provider.behave_everywhere(&Behaviour::Reset)));
    let token = logout_token(&mut world, |_| ());
    let answer = notify(&mut world, &token);
    assert!(answer.refused_with(503).response.header("retry-after").is_some());
    let document: Value = answer.response.document();
    assert_eq!(document["error"], "temporarily_unavailable", "{document}");
}

pub fn a_new_key_is_fetched_for_it<W: World>() {
    let mut world = W::open(Setup::default());
    let browser = sign_in_with(&mut world, Some("s1"));
    world.advance(60 * SECOND);
    world.provider().rotate(TestKey::Rsa2);
    let token = logout_token(&mut world, |_| ());
    notify(&mut world, &token).refused_with(200);
    assert!(!alive(&browser, &mut world));
    let forged = logout_token(&mut world, |token| token.header["kid"] = "nobody's".into());
    notify(&mut world, &forged).refused_with(400).because_of("logout_token.key_unknown");
    assert!(world.provider().count(Endpoint::Keys) <= 3);
}

pub fn of_two_clients_at_one_issuer_only_the_one_that_is_meant<W: World>() {
    let mut setup = Setup::default();
    let second = json!({
        "name": "second", "issuer": ISSUER, "cluster": CLUSTER, "client_id": "second", "client_secret": "of the second",
    });
    setup.document["providers"].as_array_mut().expect("a list").push(second);
    let mut world = W::open(setup.claim("sid", "s1"));
    let mut browser = Browser::default();
    browser.open(&mut world, "/oauth2/login?provider=corp&return_to=%2Fpublic").shows("/public");
    world.advance(SECOND);
    let for_second = logout_token(&mut world, |token| token.claim("aud", "second"));
    notify(&mut world, &for_second).refused_with(200);
    assert!(alive(&browser, &mut world), "a session of another client");
    let for_both = logout_token(&mut world, |token| {
        token.claim("aud", json!(["portal", "elsewhere"]));
        token.claim("events", json!({BACKCHANNEL_LOGOUT: {}}));
    });
    notify(&mut world, &for_both).refused_with(200);
    assert!(!alive(&browser, &mut world));
}
