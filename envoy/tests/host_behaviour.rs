//! What only a real Envoy can show: how its filter chain, its workers and its admin interface see the module.

#![allow(clippy::arithmetic_side_effects, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::time::{Duration, Instant};

use envoy_ring::{Access, Connection, Envoy, EnvoyWorld, Filter, Listener, Options, Route};
use serde_json::json;
use wasm_host_tests::browser::Browser;
use wasm_host_tests::jar::Initiator;
use wasm_host_tests::message::{AUTHORITY, Request};
use wasm_host_tests::provider::id_token::Signing;
use wasm_host_tests::provider::keys::TestKey;
use wasm_host_tests::provider::{Behaviour, Endpoint};
use wasm_host_tests::setup::Setup;
use wasm_host_tests::world::World;

const SHORT: Duration = Duration::from_millis(150);
const SECOND: Duration = Duration::from_secs(1);

#[test]
fn nothing_of_a_parked_request_reaches_the_application() {
    nothing_reaches_the_application_while_the_provider_is_awaited(false);
}

#[test]
fn nothing_of_a_parked_request_reaches_the_application_when_headers_alone_may_stop() {
    nothing_reaches_the_application_while_the_provider_is_awaited(true);
}

/// The bodies come in pieces, so that Envoy asks the filter again and again while the request waits.
fn nothing_reaches_the_application_while_the_provider_is_awaited(stop_iteration: bool) {
    let slow = Setup::default()
        .provider(|provider| provider.behave(Endpoint::Discovery, Behaviour::Slow(Duration::from_secs(2))));
    let world = EnvoyWorld::with(slow, Options { stop_iteration, ..Options::default() });
    let large = vec![b'x'; 300_000];
    let bodies: [(&str, Vec<&[u8]>); 4] = [
        ("content-length: 0\r\n", vec![]),
        ("content-length: 10\r\n", vec![b"hello", b"world"]),
        ("content-length: 300000\r\n", vec![&large]),
        ("transfer-encoding: chunked\r\ntrailer: x-t\r\n", vec![b"5\r\nhello\r\n", b"0\r\n", b"x-t: 1\r\n\r\n"]),
    ];
    let start = Instant::now();
    let mut waiting: Vec<Connection> = Vec::new();
    for (framing, pieces) in bodies {
        for (method, mode) in [("GET", "navigate"), ("POST", "navigate"), ("POST", "cors"), ("PUT", "no-cors")] {
            let mut connection = world.connect();
            let head = format!(
                "{method} /private HTTP/1.1\r\nhost: {AUTHORITY}\r\naccept: text/html\r\nsec-fetch-mode: {mode}\r\n{framing}\r\n"
            );
            connection.send_raw(head.as_bytes());
            for piece in &pieces {
                std::thread::sleep(Duration::from_millis(20));
                connection.send_raw(piece);
            }
            waiting.push(connection);
        }
    }
    assert!(waiting[0].is_silent_for(SHORT), "a navigation waits for the provider ({:?})", start.elapsed());

    let statuses: Vec<u16> = waiting.iter_mut().map(|connection| connection.receive().status).collect();

    assert!(statuses.iter().all(|status| [302, 401, 503].contains(status)), "{statuses:?}");
    assert_eq!(statuses[0], 302, "a navigation that waited is decided");
    assert_eq!(world.backend().bytes_received(), 0);
    world.envoy().assert_no_crash();
}

#[test]
fn nothing_of_a_callback_reaches_the_application_while_its_token_is_fetched() {
    for stop_iteration in [false, true] {
        let mut world = EnvoyWorld::with(Setup::default(), Options { stop_iteration, ..Options::default() });
        let mut browser = Browser::default();
        let callback = browser.open_until_callback(&mut world, "/private").next;
        world.provider().behave(Endpoint::Token, Behaviour::Slow(SECOND));
        let request = browser.with_cookies(callback, Initiator::CrossSiteNavigation, &world);

        let mut connection = world.connect();
        connection.send(&request.with("content-length", "10"));
        for piece in [b"hello", b"world"] {
            assert!(connection.is_silent_for(SHORT));
            connection.send_raw(piece);
        }

        let answer = connection.receive();
        assert_eq!((answer.status, answer.location()), (302, "/private"), "{}", answer.text());
        assert_eq!(world.backend().bytes_received(), 0);
        world.envoy().assert_no_crash();
    }
}

#[test]
fn a_request_that_envoy_itself_gives_up_is_not_answered_twice() {
    let mut world = EnvoyWorld::with(Setup::default(), Options { patience: SECOND, ..Options::default() });
    let mut browser = Browser::default();
    let callback = browser.open_until_callback(&mut world, "/private").next;
    world.provider().behave(Endpoint::Token, Behaviour::Slow(2 * SECOND));
    let request = browser.with_cookies(callback, Initiator::CrossSiteNavigation, &world);

    let mut connection = world.connect();
    connection.send(&request);
    let answer = connection.receive();
    assert!([408, 504].contains(&answer.status), "{}", answer.status);

    world.provider().behave(Endpoint::Token, Behaviour::Normal);
    std::thread::sleep(2 * SECOND);
    browser.open(&mut world, "/private").shows("/private");
    world.envoy().assert_no_crash();
}

#[test]
fn bytes_that_are_no_text_do_not_kill_the_module() {
    let (mut world, browser) = signed_in(Setup::default());
    let session = browser.jar.header(AUTHORITY, "/", Initiator::SameSite, world.now()).expect("a session");
    let forwarded = world.backend().received().len();
    let names = [
        "accept",
        "cookie",
        "user-agent",
        "origin",
        "referer",
        "sec-fetch-mode",
        "sec-fetch-site",
        "sec-purpose",
        "content-type",
        "authorization",
        "x-requested-with",
        "x-forwarded-proto",
        "x-request-id",
        "x-auth-subject",
        "x-odd",
    ];
    for name in names {
        for path in ["/private", "/oauth2/callback?state=a", "/oauth2/login", "/oauth2/logout", "/oauth2/session"] {
            let request = Request::get(path).with(name, b"\xff\xfe\x80 \xc3\x28");
            let answer = world.connect().exchange(&request);
            assert!((200..500).contains(&answer.status), "{name} {path}: {}", answer.status);
        }
    }
    for head in [
        &b"GET /\xff\xfe HTTP/1.1\r\nhost: a\r\n\r\n"[..],
        b"GET / HTTP/1.1\r\nhost: \xff\xfe\r\n\r\n",
        b"\xff / HTTP/1.1\r\nhost: a\r\n\r\n",
    ] {
        let answer = world.connect().send_raw(head).receive();
        assert!((300..500).contains(&answer.status), "{}: {}", head.escape_ascii(), answer.status);
    }
    assert_eq!(world.backend().received().len(), forwarded);
    let beside = Request::get("/private").with("cookie", session).with("x-odd", b"\xff").with("accept", b"\xfe");
    assert_eq!(world.send(beside).forwarded().header("x-auth-subject"), Some("ada"));
    world.envoy().assert_no_crash();
}

#[test]
fn a_tunnel_is_not_opened_without_a_session() {
    let world = EnvoyWorld::open(Setup::default());
    for head in [
        "CONNECT portal.example.org:443 HTTP/1.1\r\nhost: portal.example.org:443\r\n\r\n",
        "CONNECT / HTTP/1.1\r\nhost: a\r\n\r\n",
    ] {
        let answer = world.connect().send_raw(head.as_bytes()).receive();
        assert!((400..500).contains(&answer.status), "{head}: {}", answer.status);
    }
    let upgrade = Request::get("/private").with("connection", "upgrade").with("upgrade", "websocket");
    assert_eq!(world.connect().exchange(&upgrade).status, 401);
    assert_eq!(world.backend().bytes_received(), 0);
    world.envoy().assert_no_crash();
}

#[test]
fn a_browser_that_goes_away_while_its_token_is_fetched_disturbs_nobody() {
    let mut world = EnvoyWorld::open(Setup::default());
    let mut browser = Browser::default();
    let callback = browser.open_until_callback(&mut world, "/private").next;
    world.provider().behave(Endpoint::Token, Behaviour::Slow(SECOND / 2));
    for _ in 0..5 {
        let gone = browser.with_cookies(callback.clone(), Initiator::CrossSiteNavigation, &world);
        let ticket = world.start(gone);
        world.advance(SHORT);
        world.abandon(ticket);
    }
    world.advance(SECOND);
    world.provider().behave(Endpoint::Token, Behaviour::Normal);

    Browser::default().open(&mut world, "/other").shows("/other");
    world.envoy().assert_no_crash();
}

#[test]
fn a_cluster_that_envoy_does_not_know_is_unavailability() {
    let world = EnvoyWorld::open(Setup::default().of_provider("cluster", "nowhere"));
    let answer = world.connect().exchange(&Request::navigation("/private"));
    assert_eq!(answer.status, 503);
    assert!(answer.header("retry-after").is_some());
    assert_eq!(world.connect().exchange(&Request::get("/oauth2/ready")).status, 503);
    assert_eq!(world.backend().bytes_received(), 0);
    world.envoy().assert_no_crash();
}

#[test]
fn a_provider_that_comes_up_after_envoy_is_found() {
    let mut world = EnvoyWorld::with(Setup::default(), Options { provider_down: true, ..Options::default() });
    let early = world.connect().exchange(&Request::navigation("/private"));
    assert_eq!(early.status, 503);
    assert!(early.header("retry-after").is_some());

    world.provider_comes_up();
    let start = Instant::now();
    while world.connect().exchange(&Request::get("/oauth2/ready")).status != 200 {
        assert!(start.elapsed() < Duration::from_secs(30), "the provider is not noticed");
        std::thread::sleep(SHORT);
    }

    Browser::default().open(&mut world, "/private").shows("/private");
    assert_eq!(world.backend().received().len(), 1);
    world.envoy().assert_no_crash();
}

#[test]
fn the_access_log_has_the_reason_of_a_refusal() {
    let mut world = EnvoyWorld::open(Setup::default());
    let page = world.send(Request::navigation("/oauth2/callback?state=forged&code=c"));
    let problem = world.send(Request::fetch("/private"));

    let log = world.access_log(2);
    let reasons: Vec<&str> = log.iter().filter_map(|line| line.rsplit(' ').next()).collect();
    assert_eq!((page.status(), problem.status()), (400, 401));
    for (reason, exchange) in reasons.iter().zip([page, problem]) {
        assert!(reason.contains('.'), "no reason code: {log:?}");
        exchange.because_of(reason);
    }
}

#[test]
fn any_worker_may_begin_a_login_and_any_other_end_it() {
    let mut world = EnvoyWorld::with(Setup::default(), Options { workers: 4, ..Options::default() });
    // Every request has a connection of its own, which may land on another worker.
    for _ in 0..10 {
        let mut browser = Browser::default();
        browser.open(&mut world, "/private").shows("/private");
        assert_eq!(browser.fetch(&mut world, "/oauth2/session").status(), 200);
    }
    world.envoy().assert_no_crash();
}

#[test]
fn one_of_many_workers_fetches_for_all() {
    let slow = Setup::default().provider(|provider| provider.behave(Endpoint::Keys, Behaviour::Slow(SECOND)));
    let mut world = EnvoyWorld::with(slow, Options { workers: 4, ..Options::default() });
    // Every request has a connection of its own, which may land on another worker.
    let waiting: Vec<_> = (0..24).map(|_| world.start(Request::navigation("/private"))).collect();
    for ticket in waiting {
        let exchange = world.finish(ticket);
        exchange.refused_with(302);
        assert!(exchange.took < 3 * SECOND, "{:?}", exchange.took);
    }
    for endpoint in [Endpoint::Discovery, Endpoint::Keys] {
        assert_eq!(world.provider().count(endpoint), 1, "{endpoint:?}");
    }

    world.provider().behave(Endpoint::Keys, Behaviour::Normal);
    let mut number = 0;
    world.provider().forge(move |draft| {
        number += 1;
        draft.header["kid"] = format!("forged-{number}").into();
    });
    for _ in 0..30 {
        Browser::default().open(&mut world, "/").exchange.refused_with(502).because_of("id_token.key_unknown");
    }
    assert_eq!(world.provider().count(Endpoint::Keys), 2, "forged key ids, whichever worker sees them");
    world.envoy().assert_no_crash();
}

#[test]
fn envoy_itself_verifies_signatures_and_refuses_forged_ones() {
    let (world, _) = signed_in(Setup::default());
    let verified = "the host verifies RS256, RS384, RS512, ES256, ES384, ES512;";
    assert!(world.log().iter().any(|line| line.contains(verified)), "{}", world.log().join("\n"));
    for signing in [Signing::Corrupted(TestKey::Rsa1), Signing::With(TestKey::Rsa2)] {
        let forge = Setup::default().provider(|provider| provider.forge(move |draft| draft.signing = signing));
        let page = Browser::default().open(&mut EnvoyWorld::open(forge), "/target");
        page.exchange.refused_with(502).because_of("id_token.signature_invalid");
    }
}

#[test]
fn a_configuration_with_a_mistake_is_refused_at_the_start() {
    let mut document = Setup::default().document;
    document["rules"][1]["match"] = json!({"path_prefx": "/admin"});
    document["session"]["idle_timeout"] = json!("soon");
    let (status, log) = Envoy::builder()
        .listener(Listener::new("main", Filter::latchkey(document), Route::Direct, Access::Silent))
        .refuse();

    assert!(!status.success());
    for part in ["rules[1].match.path_prefx", "path_prefix", "session.idle_timeout"] {
        assert!(log.contains(part), "the log does not say {part}: {log}");
    }
    assert!(!log.contains("Mv6p2vCqVJ3oQ0k1mX0m8cR5j0cQn7yq1bq2h9d0f3s"), "no secret in the log");
}

fn signed_in(setup: Setup) -> (EnvoyWorld, Browser) {
    let mut world = EnvoyWorld::open(setup);
    let mut browser = Browser::default();
    browser.open(&mut world, "/").shows("/");
    (world, browser)
}
