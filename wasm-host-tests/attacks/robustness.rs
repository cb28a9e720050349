//! What ended, froze or opened other filters: one odd key, a callback without parameters, a provider that never answers.

use std::time::Duration;

use serde_json::{Value, json};

use super::corpus::{cases, cases_of};
use crate::browser::{Browser, Tab};
use crate::jar::Initiator;
use crate::message::Request;
use crate::provider::keys::TestKey;
use crate::provider::{Behaviour, Endpoint};
use crate::scenarios::{access_token, call, has_session, signed_in};
use crate::setup::Setup;
use crate::world::World;

const KEYS: &str = include_str!("corpus/jwks.txt");
const CALLBACKS: &str = include_str!("corpus/callbacks.txt");

const SECOND: Duration = Duration::from_secs(1);
/// How long an endpoint of the provider may take (`CALLOUT_TIMEOUT`), with a little for the journey.
const GIVEN_UP: Duration = Duration::from_millis(5_600);

/// A key set with these members, before and behind the good keys.
fn beside(before: Vec<Value>, behind: Vec<Value>) -> Setup {
    Setup::api().provider(|provider| {
        provider.change_keys(move |document| {
            let good = document["keys"].as_array().expect("a list").clone();
            document["keys"] = [before.clone(), good, behind.clone()].concat().into();
        });
    })
}

/// People sign in and tokens are verified with the good keys; nothing that the others could have signed is believed.
#[track_caller]
fn works_with<W: World>(setup: Setup, what: &str) {
    let (mut world, _) = signed_in::<W>(setup);
    let token = access_token(&mut world, |_| ());
    assert!(world.send(call("/orders", &token)).upstream.is_some(), "{what}");
    let forged = access_token(&mut world, |draft| draft.sign_with(TestKey::Rsa2));
    world.send(call("/orders", &forged)).refused_with(401);
    assert_eq!(world.provider().complaints, Vec::<String>::new());
    let log = world.log().join("\n");
    assert!(!log.contains("\nforged log line") && !log.contains('\u{1b}'), "{what}: {log}");
}

fn all(tag: &str) -> Vec<Value> {
    cases_of(KEYS, tag).into_iter().map(|case| case.value).collect()
}

pub fn mod_auth_openidc_2_4_12_malformed_members_beside_a_good_key_harm_nobody<W: World>() {
    works_with::<W>(beside(all("mod_auth_openidc-2.4.12"), Vec::new()), "before it");
    works_with::<W>(beside(Vec::new(), all("mod_auth_openidc-2.4.12")), "behind it");
}

pub fn oauth2_proxy_7_7_a_key_type_that_nobody_knows_keeps_nobody_out<W: World>() {
    works_with::<W>(beside(all("oauth2-proxy-7.7"), all("oauth2-proxy-7.7")), "on both sides");
}

pub fn a_published_wasm_filter_one_unsupported_key_ends_nothing<W: World>() {
    works_with::<W>(beside(all("published-wasm"), Vec::new()), "before it");
    // Without `alg`, as most providers publish theirs; and with it.
    for alg in [None, Some("RS256")] {
        let setup = Setup::api().provider(|provider| {
            provider.published_keys = vec![TestKey::Rsa1];
            provider.change_keys(move |document| {
                if let Some(alg) = alg {
                    document["keys"][0]["alg"] = alg.into();
                }
            });
        });
        works_with::<W>(setup, "one key");
    }
}

/// Each by itself, so that no other takes the blame.
pub fn every_odd_member_of_a_key_set_is_passed_over_by_itself<W: World>() {
    for case in cases(KEYS) {
        works_with::<W>(beside(vec![case.value.clone()], Vec::new()), &format!("{case:?}"));
        works_with::<W>(beside(Vec::new(), vec![case.value.clone(), case.value.clone()]), &format!("{case:?}"));
    }
}

/// Even where a rule lets everything through: the callback is never the application's.
fn nothing_of_it_is_forwarded<W: World>(tag: &str, method: &str) {
    for rules in [json!([]), json!([{"match": {"path_prefix": "/"}, "authentication": "none"}])] {
        let mut setup = Setup::default().top("rules", rules);
        setup.document["headers"] = json!({});
        let mut world = W::open(setup);
        let mut browser = Browser::default();
        let tab = browser.open_until_callback(&mut world, "/oauth2/login?return_to=%2Fx");
        let state = tab.next.query("state").expect("a state");
        for case in cases_of(CALLBACKS, tag) {
            let query = case.text().replace("{state}", &state);
            let request = match method {
                "POST" => {
                    let form = query.trim_start_matches('?').to_owned();
                    let request = Request::form("/oauth2/callback", &[], "cross-site").without("content-length");
                    request.with("content-length", form.len().to_string()).with_body(form)
                }
                _ => Request::navigation(&format!("/oauth2/callback{query}")).set(":method", method),
            };
            let exchange = browser.send(&mut world, request);
            assert!(exchange.upstream.is_none(), "{method} {case:?} reached {:?}", exchange.upstream);
            assert!([400, 405].contains(&exchange.status()), "{method} {case:?}: {exchange:?}");
            assert!(!has_session(&mut browser, &mut world), "{method} {case:?}");
        }
        assert_eq!(world.provider().count(Endpoint::Token), 0);
    }
}

pub fn mod_auth_openidc_2_4_12_a_failed_callback_never_reaches_the_application<W: World>() {
    nothing_of_it_is_forwarded::<W>("mod_auth_openidc-2.4.12", "GET");
}

pub fn mod_auth_openidc_2_4_12_a_failed_form_post_never_reaches_the_application<W: World>() {
    nothing_of_it_is_forwarded::<W>("mod_auth_openidc-2.4.12", "POST");
    nothing_of_it_is_forwarded::<W>("CVE-2023-27496", "POST");
}

pub fn cve_2023_27496_a_callback_without_state_is_survived<W: World>() {
    for method in ["GET", "HEAD", "PUT", "OPTIONS"] {
        nothing_of_it_is_forwarded::<W>("CVE-2023-27496", method);
    }
}

/// mod_auth_openidc and oauth2-proxy wait as long as the token endpoint likes.
pub fn a_hanging_token_endpoint_is_given_up_after_five_seconds<W: World>() {
    let mut world = W::open(Setup::default());
    let mut browser = Browser::default();
    let tab = browser.open_until_callback(&mut world, "/private");
    world.provider().behave(Endpoint::Token, Behaviour::Hang);
    let page = browser.follow(&mut world, tab);
    page.exchange.refused_with(503).because_nobody_answered("token");
    let took = page.exchange.took;
    assert!((Duration::from_millis(4_800)..=GIVEN_UP).contains(&took), "{took:?}");
    assert!(page.exchange.response.header("retry-after").is_some());
    world.provider().behave(Endpoint::Token, Behaviour::Normal);
    browser.open(&mut world, "/private").shows("/private");
}

/// There, requests that were parked for discovery were resumed: the unauthenticated POST reached the backend.
pub fn a_published_wasm_filter_what_waits_for_discovery_is_decided_and_not_resumed<W: World>() {
    let slow = |endpoint| Setup::api().provider(|provider| provider.behave(endpoint, Behaviour::Slow(SECOND)));
    for endpoint in [Endpoint::Discovery, Endpoint::Keys] {
        let mut world = W::open(slow(endpoint));
        let token = access_token(&mut world, |draft| draft.sign_with(TestKey::Rsa2));
        let body = "amount=1000000";
        let with_body = |request: Request, method: &str| {
            request.set(":method", method).with("content-length", body.len().to_string()).with_body(body)
        };
        let waiting: Vec<_> = [
            Request::navigation("/private"),
            with_body(Request::navigation("/private"), "GET"),
            with_body(Request::form("/private", &[], "same-origin").without("content-length"), "POST"),
            with_body(Request::fetch("/private"), "DELETE"),
            with_body(call("/orders", &token), "POST"),
            call("/either", &token),
            Request::navigation("/oauth2/callback?code=x&state=y"),
        ]
        .into_iter()
        .map(|request| world.start(request))
        .collect();
        world.settle();
        assert_eq!(world.application_heard(), 0, "{endpoint:?}");
        for ticket in waiting {
            let exchange = world.finish(ticket);
            assert!(exchange.upstream.is_none() && [302, 400, 401].contains(&exchange.status()), "{exchange:?}");
        }
        assert_eq!(world.application_heard(), 0, "{endpoint:?}");
    }
}

/// Not one byte before the verdict, whatever it will be.
pub fn ghsa_59jp_rwph_878r_the_application_hears_nothing_before_a_verdict<W: World>() {
    let mut world = W::open(Setup::api());
    let known = access_token(&mut world, |_| ());
    world.send(call("/orders", &known)).forwarded();
    let before = world.application_heard();
    // A token that waits for a new key.
    world.provider().rotate(TestKey::Rsa2);
    world.provider().behave(Endpoint::Keys, Behaviour::Slow(SECOND));
    let token = access_token(&mut world, |_| ());
    let body = "x".repeat(50_000);
    let request = call("/orders", &token).set(":method", "POST").with("content-length", "50000").with_body(&body);
    let waiting = world.start(request);
    world.settle();
    assert_eq!(world.application_heard(), before);
    let exchange = world.finish(waiting);
    let heard = world.application_heard();
    assert!(heard > before);
    assert_eq!(exchange.forwarded().body.len(), body.len());
    let large = Request::form("/private", &[], "same-origin").without("content-length");
    world.send(large.with("content-length", "50000").with_body(&body)).refused_with(401);
    world.send(call("/orders", "a.b.c").set(":method", "POST").with_body(&body)).refused_with(401);
    assert_eq!(world.application_heard(), heard);
}

/// While there are no keys nobody gets in, and nobody waits for ever.
pub fn a_published_wasm_filter_nothing_opens_while_the_verifier_is_not_ready<W: World>() {
    for endpoint in [Endpoint::Discovery, Endpoint::Keys] {
        let mut world = W::open(Setup::api().provider(|provider| provider.behave(endpoint, Behaviour::Hang)));
        let honest = access_token(&mut world, |_| ());
        let waiting: Vec<_> = ["/orders", "/either", "/welcome"].map(|path| world.start(call(path, &honest))).into();
        let person = world.start(Request::navigation("/private"));
        for ticket in waiting.into_iter().chain([person]) {
            let exchange = world.finish(ticket);
            assert!(exchange.upstream.is_none() && exchange.status() == 503, "{endpoint:?}: {exchange:?}");
            assert!(exchange.took < 4 * SECOND, "{:?}", exchange.took);
        }
        world.send(Request::fetch("/public")).forwarded();
        world.send(Request::fetch("/private")).refused_with(401);
    }
}

/// Others keep what belongs to one request where the next one finds it.
pub fn a_published_wasm_filter_requests_under_way_are_not_mixed_up<W: World>() {
    let mut world = W::open(Setup::api());
    let people = ["ada", "grace", "joan", "mary"];
    let mut browsers: Vec<Browser> = Vec::new();
    let mut callbacks: Vec<Tab> = Vec::new();
    for person in people {
        let mut browser = Browser::default();
        world.provider().user = json!({"sub": person, "email": format!("{person}@example.org"), "groups": [person]});
        callbacks.push(browser.open_until_callback(&mut world, &format!("/of/{person}")));
        browsers.push(browser);
    }
    world.provider().behave(Endpoint::Token, Behaviour::Slow(SECOND / 4));
    // The provider's user is that of the code's redemption: one login after the other, with requests of clients in between.
    for ((person, browser), callback) in people.into_iter().zip(&mut browsers).zip(callbacks) {
        world.provider().user = json!({"sub": person, "email": format!("{person}@example.org"), "groups": [person]});
        let token = access_token(&mut world, |draft| draft.claim("sub", format!("client-of-{person}")));
        let login = world.start(browser.with_cookies(callback.next, Initiator::CrossSiteNavigation, &world));
        let client = world.send(call("/orders", &token));
        assert_eq!(client.forwarded().header("x-auth-subject"), Some(format!("client-of-{person}").as_str()));
        let exchange = world.finish(login);
        assert_eq!(exchange.response.location(), format!("/of/{person}"));
        for line in exchange.response.set_cookies() {
            let now = world.now();
            browser.jar.take(line, crate::message::AUTHORITY, now);
        }
    }
    let requests =
        browsers.iter().map(|browser| browser.with_cookies(Request::fetch("/api"), Initiator::SameSite, &world));
    let requests: Vec<Request> = requests.collect();
    let tickets: Vec<_> = requests.iter().cycle().take(20).map(|request| world.start(request.clone())).collect();
    for (ticket, person) in tickets.into_iter().zip(people.iter().cycle()) {
        assert_eq!(world.finish(ticket).forwarded().header("x-auth-subject"), Some(*person));
    }
}

/// A byte that is no text, a malformed cookie: there the VM died of one.
pub fn a_published_wasm_filter_a_byte_that_is_no_text_ends_nothing<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(Setup::api());
    for name in ["cookie", "authorization", "accept", "user-agent", "x-auth-subject", "dpop", "origin"] {
        for value in [&b"\xff"[..], b"__Host-latchkey=\xff", b"Bearer \xff.\xff.\xff", b"\xc0\xaf", b"=\xff;\xff="] {
            for path in ["/private", "/orders", "/either", "/oauth2/callback?code=\u{1}", "/oauth2/logout"] {
                let exchange = world.send(Request::navigation(&path.replace('\u{1}', "x")).with(name, value));
                assert!(
                    exchange.upstream.is_none() && exchange.status() < 500,
                    "{name} {value:?} {path}: {exchange:?}"
                );
            }
        }
    }
    browser.fetch(&mut world, "/private").forwarded();
}

/// Discovery that is slower than the filter's clock: there it never became ready.
pub fn a_published_wasm_filter_a_slow_discovery_is_waited_for<W: World>() {
    let setup = Setup::default().provider(|provider| {
        provider.behave(Endpoint::Discovery, Behaviour::Slow(4 * SECOND));
        provider.behave(Endpoint::Keys, Behaviour::Slow(4 * SECOND));
    });
    let mut world = W::open(setup);
    world.advance(9 * SECOND);
    assert_eq!(world.send(Request::fetch("/oauth2/ready")).status(), 200);
    assert_eq!(world.provider().count(Endpoint::Discovery), 1, "asked once, and waited for");
    world.send(Request::navigation("/private")).refused_with(302);
}

/// What a local answer has decided, nothing decides again: bodies that arrive, clients that go, answers that come late.
pub fn cve_2022_29228_nothing_goes_on_after_an_answer_of_the_filter<W: World>() {
    let mut world = W::open(Setup::default());
    let body = "x".repeat(30_000);
    for request in [
        Request::fetch("/private").set(":method", "POST"),
        Request::navigation("/private").set(":method", "POST"),
        Request::fetch("/oauth2/unknown").set(":method", "POST"),
        Request::fetch("/public/../private").set(":method", "POST"),
        Request::fetch("/oauth2/session").set(":method", "POST"),
    ] {
        let exchange = world.send(request.with("content-length", "30000").with_body(&body));
        assert!(exchange.upstream.is_none() && (400..500).contains(&exchange.status()), "{exchange:?}");
    }
    assert_eq!(world.application_heard(), 0);
    let exchange =
        world.send(Request::fetch("/public").set(":method", "POST").with("content-length", "30000").with_body(&body));
    assert_eq!(exchange.forwarded().body.len(), body.len());
}

/// The answer of the token endpoint finds nobody, or a stream with the same number that is somebody else's.
pub fn cve_2026_48090_a_token_answer_after_the_stream_is_gone_finds_nobody<W: World>() {
    let mut world = W::open(Setup::default());
    let mut browser = Browser::default();
    let tab = browser.open_until_callback(&mut world, "/");
    world.provider().behave(Endpoint::Token, Behaviour::Slow(SECOND));
    for _ in 0..3 {
        let request = browser.with_cookies(tab.next.clone(), Initiator::CrossSiteNavigation, &world);
        let gone = world.start(request);
        world.settle();
        world.abandon(gone);
        let stranger = world.start(Request::fetch("/private"));
        world.finish(stranger).refused_with(401);
    }
    world.advance(2 * SECOND);
    world.send(Request::fetch("/private")).refused_with(401);
    assert_eq!(world.application_heard(), 0);
    world.provider().behave(Endpoint::Token, Behaviour::Normal);
    browser.open(&mut world, "/").shows("/");
}

pub fn ghsa_8vc2_jrm4_835w_connect_without_a_path_is_refused<W: World>() {
    let (mut world, browser) = signed_in::<W>(Setup::api());
    let token = access_token(&mut world, |_| ());
    let heard = world.application_heard();
    let connect = Request::new("CONNECT", "/").without(":path").without(":scheme");
    for request in [
        connect.clone(),
        connect.clone().set(":authority", "portal.example.org:443"),
        connect.clone().with("authorization", format!("Bearer {token}")),
        connect.clone().with(":protocol", "websocket"),
        browser.with_cookies(connect.clone(), Initiator::SameSite, &world),
    ] {
        let exchange = world.send(request);
        assert!(exchange.upstream.is_none() && (400..500).contains(&exchange.status()), "{exchange:?}");
    }
    assert_eq!(world.application_heard(), heard);
    world.send(call("/orders", &token)).forwarded();
}
