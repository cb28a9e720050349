//! A provider that is slow, down or talks rubbish. Nothing dies, hangs or opens, and everything recovers by itself.

use std::time::Duration;

use serde_json::json;

use super::{has_session, signed_in};
use crate::browser::Browser;
use crate::message::{Request, Response};
use crate::provider::{Behaviour, Endpoint};
use crate::setup::Setup;
use crate::world::{Exchange, World};

const SECOND: Duration = Duration::from_secs(1);
/// The longest that a request waits for a provider, with a little for the journey.
const PATIENCE: Duration = Duration::from_millis(3_200);
/// By then every retry after an outage must have happened.
const RECOVERY: Duration = Duration::from_secs(30);

fn faults() -> Vec<(&'static str, Behaviour)> {
    vec![
        ("reset", Behaviour::Reset),
        ("hang", Behaviour::Hang),
        ("slower than patience", Behaviour::Slow(20 * SECOND)),
        ("html 200", Behaviour::html(200)),
        ("html 404", Behaviour::html(404)),
        ("html 500", Behaviour::html(500)),
        ("html 503", Behaviour::html(503)),
        ("empty", Behaviour::Answer(Response::new(200, "application/json", ""))),
        ("empty object", Behaviour::Answer(Response::json(200, &json!({})))),
        ("list", Behaviour::Answer(Response::json(200, &json!([1, 2])))),
        ("redirect", Behaviour::Answer(Response::redirect("https://evil.example/keys"))),
        ("no content", Behaviour::Answer(Response { status: 204, ..Response::default() })),
        ("3 MB", Behaviour::large()),
        ("rubbish", Behaviour::rubbish()),
        ("deep", Behaviour::Answer(Response::new(200, "application/json", "[".repeat(100_000)))),
    ]
}

#[track_caller]
fn is_unavailable(exchange: &Exchange, fault: &str) {
    assert!(exchange.upstream.is_none(), "{fault}: forwarded");
    assert!([502, 503].contains(&exchange.status()), "{fault}: {} {}", exchange.status(), exchange.response.text());
    assert!(exchange.took <= PATIENCE, "{fault}: waited {:?}", exchange.took);
    if exchange.status() == 503 {
        assert!(exchange.response.header("retry-after").is_some(), "{fault}");
    }
}

/// With `endpoint` at fault from the start nothing is forwarded that needs a session; later everything works, without a restart.
fn withstands<W: World>(endpoint: Endpoint) {
    for (fault, behaviour) in faults() {
        let mut world = W::open(Setup::default().provider(|provider| provider.behave(endpoint, behaviour)));
        is_unavailable(&world.send(Request::navigation("/private")), fault);
        world.send(Request::fetch("/private")).refused_with(401);
        world.send(Request::fetch("/public")).forwarded();
        world.advance(5 * SECOND);
        is_unavailable(&world.send(Request::navigation("/private")), fault);
        world.provider().behave(endpoint, Behaviour::Normal);
        world.advance(RECOVERY);
        Browser::default().open(&mut world, "/private").shows("/private");
    }
}

pub fn discovery_may_fail_in_any_way<W: World>() {
    withstands::<W>(Endpoint::Discovery);
}

pub fn the_keys_may_fail_in_any_way<W: World>() {
    withstands::<W>(Endpoint::Keys);
}

pub fn a_provider_that_is_down_at_the_start_is_unavailable_and_then_not<W: World>() {
    let mut world = W::open(Setup::default().provider(|provider| provider.behave_everywhere(&Behaviour::Reset)));
    let exchange = world.send(Request::navigation("/private"));
    exchange.refused_with(503);
    assert!(exchange.response.header("retry-after").is_some());
    world.provider().behave_everywhere(&Behaviour::Normal);
    world.advance(RECOVERY);
    Browser::default().open(&mut world, "/private").shows("/private");
}

pub fn the_token_endpoint_may_fail_in_any_way<W: World>() {
    for (fault, behaviour) in faults() {
        let mut world = W::open(Setup::default());
        let mut browser = Browser::default();
        let tab = browser.open_until_callback(&mut world, "/private");
        world.provider().behave(Endpoint::Token, behaviour);
        let page = browser.follow(&mut world, tab);
        assert!(page.exchange.upstream.is_none(), "{fault}: forwarded");
        assert!(
            [502, 503].contains(&page.exchange.status()),
            "{fault}: {} {}",
            page.exchange.status(),
            page.exchange.response.text()
        );
        assert!(page.exchange.took <= 15 * SECOND, "{fault}: waited {:?}", page.exchange.took);
        assert!(!has_session(&mut browser, &mut world), "{fault}");
        world.provider().behave(Endpoint::Token, Behaviour::Normal);
        browser.open(&mut world, "/private").shows("/private");
    }
}

pub fn a_token_endpoint_that_does_not_know_us_is_a_page<W: World>() {
    let mut world =
        W::open(Setup::default().provider(|provider| provider.client_authentication = "client_secret_post"));
    world.provider().change_metadata(|document| {
        document.as_object_mut().map(|members| members.remove("token_endpoint_auth_methods_supported"));
    });
    let page = Browser::default().open(&mut world, "/");
    page.exchange.refused_with(502).because_of("token.invalid_client");
}

pub fn a_token_answer_that_lacks_something_is_refused<W: World>() {
    for member in ["id_token", "access_token", "token_type"] {
        let mut world = W::open(Setup::default());
        world.provider().change_token_answer(move |answer| {
            answer.as_object_mut().map(|members| members.remove(member));
        });
        let mut browser = Browser::default();
        browser.open(&mut world, "/").exchange.refused_with(502);
        assert!(!has_session(&mut browser, &mut world), "{member}");
    }
    for (member, value) in
        [("token_type", json!("mac")), ("id_token", json!(7)), ("id_token", json!("a.b")), ("access_token", json!(""))]
    {
        let mut world = W::open(Setup::default());
        world.provider().change_token_answer(move |answer| answer[member] = value.clone());
        Browser::default().open(&mut world, "/").exchange.refused_with(502);
    }
}

pub fn a_token_answer_may_be_unusual<W: World>() {
    for (member, value) in [
        ("token_type", json!("bEARER")),
        ("expires_in", json!("600")),
        ("expires_in", json!(1e9)),
        ("scope", json!("openid")),
        ("x", json!([1])),
    ] {
        let mut world = W::open(Setup::default());
        world.provider().change_token_answer(move |answer| answer[member] = value.clone());
        Browser::default().open(&mut world, "/").shows("/");
    }
    let mut world = W::open(Setup::default());
    world.provider().change_token_answer(|answer| {
        answer.as_object_mut().map(|members| members.remove("expires_in"));
    });
    Browser::default().open(&mut world, "/").shows("/");
}

pub fn a_document_of_another_issuer_is_refused<W: World>() {
    for issuer in [
        json!("https://login.provider.test/realms/corpINVALID"),
        json!("https://login.provider.test/realms/corp/"),
        json!("https://LOGIN.provider.test/realms/corp"),
        json!(7),
    ] {
        let mut world = W::open(Setup::default().provider(|provider| {
            provider.change_metadata(move |document| document["issuer"] = issuer.clone());
        }));
        let exchange = world.send(Request::navigation("/"));
        exchange.refused_with(502);
        world.advance(RECOVERY);
        assert_eq!(world.provider().count(Endpoint::Authorize), 0);
        world.send(Request::fetch("/public")).forwarded();
    }
}

pub fn endpoints_on_plain_http_are_refused<W: World>() {
    for member in ["authorization_endpoint", "token_endpoint", "jwks_uri"] {
        for url in
            ["http://login.provider.test/x", "javascript:alert(1)", "https://u:p@login.provider.test/", "", "/relative"]
        {
            let mut world = W::open(Setup::default().provider(|provider| {
                provider.change_metadata(move |document| document[member] = url.into());
            }));
            is_unavailable(&world.send(Request::navigation("/")), url);
        }
    }
}

pub fn a_cluster_that_does_not_exist_is_unavailability<W: World>() {
    let mut world = W::open(Setup::default().of_provider("cluster", "no-such-cluster"));
    is_unavailable(&world.send(Request::navigation("/")), "no cluster");
    world.send(Request::fetch("/public")).forwarded();
    world.advance(RECOVERY);
    is_unavailable(&world.send(Request::navigation("/")), "no cluster");
}

pub fn a_request_that_waits_is_decided_when_the_provider_is_there<W: World>() {
    let mut world =
        W::open(Setup::default().provider(|provider| provider.behave(Endpoint::Discovery, Behaviour::Slow(SECOND))));
    let exchange = world.send(Request::navigation("/private"));
    exchange.refused_with(302);
    assert!(exchange.took < 2 * SECOND, "{:?}", exchange.took);
}

pub fn a_request_waits_no_longer_than_three_seconds<W: World>() {
    let mut world = W::open(Setup::default().provider(|provider| provider.behave(Endpoint::Keys, Behaviour::Hang)));
    let exchange = world.send(Request::navigation("/private"));
    exchange.refused_with(503);
    assert!(exchange.took <= PATIENCE, "{:?}", exchange.took);
    assert!(exchange.response.header("retry-after").is_some());
}

pub fn one_fetch_serves_everybody_who_waits<W: World>() {
    let slow = |provider: &mut crate::provider::Provider| provider.behave(Endpoint::Discovery, Behaviour::Slow(SECOND));
    let mut world = W::open(Setup::default().provider(slow));
    let tickets: Vec<_> =
        (0..25).map(|number| world.start(Request::navigation(&format!("/private/{number}")))).collect();
    for ticket in tickets {
        world.finish(ticket).refused_with(302);
    }
    assert_eq!(world.provider().count(Endpoint::Discovery), 1);
    assert_eq!(world.provider().count(Endpoint::Keys), 1);
}

pub fn a_posted_body_does_not_slip_through_while_the_provider_is_awaited<W: World>() {
    let mut world =
        W::open(Setup::default().provider(|provider| provider.behave(Endpoint::Discovery, Behaviour::Slow(SECOND))));
    let form = world.start(Request::form("/oauth2/callback", &[("code", "x"), ("state", "y")], "cross-site"));
    let post = world.start(Request::form("/private", &[("amount", "1")], "same-origin"));
    let navigation = world.start(Request::navigation("/private").set(":method", "GET").with_body("unusual"));
    for ticket in [form, post, navigation] {
        assert!(world.finish(ticket).upstream.is_none());
    }
}

pub fn a_provider_slower_than_any_tick_becomes_ready<W: World>() {
    let mut world = W::open(Setup::default().provider(|provider| {
        provider.behave(Endpoint::Discovery, Behaviour::Slow(4 * SECOND));
        provider.behave(Endpoint::Keys, Behaviour::Slow(4 * SECOND));
    }));
    world.advance(12 * SECOND);
    assert_eq!(world.send(Request::fetch("/oauth2/ready")).status(), 200);
}

pub fn a_provider_that_is_down_is_not_hammered<W: World>() {
    let mut world = W::open(Setup::default().provider(|provider| provider.behave_everywhere(&Behaviour::Reset)));
    world.advance(120 * SECOND);
    for _ in 0..50 {
        world.send(Request::navigation("/"));
    }
    let attempts = world.provider().count(Endpoint::Discovery);
    assert!((6..60).contains(&attempts), "{attempts} attempts in two minutes and for fifty requests");
}

pub fn a_client_that_goes_away_during_the_token_request_disturbs_nothing<W: World>() {
    let mut world = W::open(Setup::default());
    let mut browser = Browser::default();
    let tab = browser.open_until_callback(&mut world, "/");
    world.provider().behave(Endpoint::Token, Behaviour::Slow(2 * SECOND));
    let request = browser.with_cookies(tab.next, crate::jar::Initiator::CrossSiteNavigation, &world);
    let ticket = world.start(request);
    world.advance(SECOND);
    world.abandon(ticket);
    world.advance(10 * SECOND);
    world.provider().behave(Endpoint::Token, Behaviour::Normal);
    browser.open(&mut world, "/").shows("/");
}

pub fn clients_that_go_away_while_they_wait_disturb_nothing<W: World>() {
    let mut world =
        W::open(Setup::default().provider(|provider| provider.behave(Endpoint::Discovery, Behaviour::Slow(SECOND))));
    let waiting: Vec<_> = (0..9).map(|_| world.start(Request::navigation("/private"))).collect();
    for (number, ticket) in waiting.into_iter().enumerate() {
        if number % 2 == 0 {
            world.abandon(ticket);
        } else {
            world.finish(ticket).refused_with(302);
        }
    }
}

pub fn metadata_in_the_configuration_replaces_discovery<W: World>() {
    use crate::provider::ISSUER;
    let metadata = json!({
        "issuer": ISSUER, "authorization_endpoint": format!("{ISSUER}/authorize"),
        "token_endpoint": format!("{ISSUER}/token"), "jwks_uri": format!("{ISSUER}/keys"),
    });
    let setup = Setup::default().of_provider("metadata", metadata);
    let (mut world, _) =
        signed_in::<W>(setup.provider(|provider| provider.behave(Endpoint::Discovery, Behaviour::html(404))));
    assert_eq!(world.provider().complaints, Vec::<String>::new());
}
