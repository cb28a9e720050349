//! Sessions and what seals them: changed, moved, planted, replayed elsewhere, left behind.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::corpus::cases_of;
use crate::browser::Browser;
use crate::jar::{Cookie, Initiator};
use crate::message::{AUTHORITY, ORIGIN, Request, Response};
use crate::provider::{Endpoint, ISSUER, RefreshTokens};
use crate::scenarios::refresh::with_tokens;
use crate::scenarios::session_cookies::groups_of;
use crate::scenarios::{SESSION_COOKIE, has_session, own_cookies, signed_in};
use crate::setup::Setup;
use crate::world::World;

const COOKIES: &str = include_str!("corpus/cookies.txt");

/// The parts of the browser's session, in order.
fn parts<W: World>(browser: &Browser, world: &W) -> Vec<Cookie> {
    let is_part = |name: &str| {
        let number = name.strip_prefix(SESSION_COOKIE).map(|rest| rest.trim_start_matches('-'));
        number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let mut parts: Vec<Cookie> = browser.jar.alive(world.now()).into_iter().cloned().collect();
    parts.retain(|cookie| is_part(&cookie.name));
    parts.sort_by(|one, other| one.name.cmp(&other.name));
    parts
}

/// What is sealed in a session of one part.
fn sealed<W: World>(browser: &Browser, world: &W) -> String {
    let [session] = &parts(browser, world)[..] else { panic!("one cookie") };
    session.value.strip_prefix("1.").expect("one part").to_owned()
}

fn with_cookie(cookies: &str) -> Request {
    Request::fetch("/api").with("x-request-id", "one-for-all").with("cookie", cookies)
}

/// What a client can tell an answer by.
fn visible(response: &Response) -> (u16, String, Vec<String>, Option<String>) {
    let cookies = response.set_cookies().iter().map(|line| (*line).to_owned()).collect();
    (response.status, response.text(), cookies, response.header("www-authenticate").map(str::to_owned))
}

/// Not by an oracle, and not by chance: every bit of the sealed bytes, in cookie and `state`.
pub fn cve_2026_47775_every_bit_flip_gets_the_same_answer<W: World>() {
    let (mut world, browser) = signed_in::<W>(Setup::default());
    let sealed = sealed(&browser, &world);
    let bytes = URL_SAFE_NO_PAD.decode(&sealed).expect("base64url");
    world.send(with_cookie(&format!("{SESSION_COOKIE}=1.{sealed}"))).forwarded();
    let expected = visible(&world.send(with_cookie(&format!("{SESSION_COOKIE}=1.AAAA"))).response);
    assert_eq!(expected.0, 401);
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let exchange = world.send(with_cookie(&format!("{SESSION_COOKIE}=1.{}", URL_SAFE_NO_PAD.encode(flipped))));
        assert!(exchange.upstream.is_none() && visible(&exchange.response) == expected, "bit {bit}: {exchange:?}");
    }
    // Shorter and longer ones tell nothing either.
    for length in (0..bytes.len()).step_by(7) {
        let shorter = URL_SAFE_NO_PAD.encode(&bytes[..length]);
        let exchange = world.send(with_cookie(&format!("{SESSION_COOKIE}=1.{shorter}")));
        assert!(exchange.upstream.is_none() && exchange.status() == 401, "{length} bytes");
    }
}

pub fn cve_2026_47775_every_bit_flip_of_a_state_gets_the_same_answer<W: World>() {
    let mut world = W::open(Setup::default());
    let browser = Browser::default();
    let mut signing_in = browser.clone();
    let callback = signing_in.open_until_callback(&mut world, "/");
    let state = callback.next.query("state").expect("a state");
    let bytes = URL_SAFE_NO_PAD.decode(&state).expect("base64url");
    let answer = |world: &mut W, state: &str| {
        let request = Request::navigation(&format!("/oauth2/callback?code=code-1&iss={ISSUER}&state={state}"));
        let request = signing_in.with_cookies(request, Initiator::CrossSiteNavigation, world);
        let exchange = world.send(request.with("x-request-id", "one-for-all"));
        exchange.refused_with(400);
        visible(&exchange.response)
    };
    let expected = answer(&mut world, &URL_SAFE_NO_PAD.encode(vec![b'A'; bytes.len()]));
    for place in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[place] ^= 1 << (place % 8);
        assert_eq!(answer(&mut world, &URL_SAFE_NO_PAD.encode(flipped)), expected, "byte {place}");
    }
    assert_eq!(world.provider().count(Endpoint::Token), 0);
    signing_in.follow(&mut world, callback).shows("/");
}

/// What stands in the cookies is one sealed value: where it is cut means nothing, and in which order everything.
pub fn cve_2023_35941_bytes_that_move_between_parts_make_no_other_session<W: World>() {
    let (mut world, browser) = signed_in::<W>(Setup::default().claim("groups", groups_of(6000)));
    let session = parts(&browser, &world);
    assert!(session.len() > 2, "{} parts", session.len());
    let send = |world: &mut W, parts: &[Cookie]| {
        let pairs: Vec<String> = parts.iter().map(|part| format!("{}={}", part.name, part.value)).collect();
        world.send(with_cookie(&pairs.join("; ")))
    };
    let honest = send(&mut world, &session).forwarded().clone();
    for moved in [1, 2, 7, 40] {
        for (from, to) in [(0, 1), (1, 2), (1, 0), (2, 0), (2, 1)] {
            let mut changed = session.clone();
            let at = changed[from].value.len() - moved;
            let bytes = changed[from].value.split_off(at);
            changed[to].value.insert_str(if to == 0 { 2 } else { 0 }, &bytes);
            let exchange = send(&mut world, &changed);
            if let Some(upstream) = &exchange.upstream {
                assert_eq!((from + 1, upstream), (to, &honest), "the very same bytes in the same order, or nothing");
            }
        }
    }
    let mut swapped = session.clone();
    let other = swapped[2].value.clone();
    swapped[2].value = std::mem::replace(&mut swapped[1].value, other);
    send(&mut world, &swapped).refused_with(401);
    for count in ["1.", "2.", "4."] {
        let mut counted = session.clone();
        counted[0].value.replace_range(..2, count);
        if counted[0].value != session[0].value {
            send(&mut world, &counted).refused_with(401);
        }
    }
}

/// Name, host, client, issuer and purpose are bound as associated data.
pub fn cve_2023_35941_what_is_sealed_for_one_purpose_serves_no_other<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(Setup::default());
    let session = sealed(&browser, &world);
    let callback = browser.open_until_callback(&mut world, "/oauth2/login");
    let state = callback.next.query("state").expect("a state");
    for cookies in [
        format!("{SESSION_COOKIE}=1.{state}"),
        format!("{SESSION_COOKIE}={state}"),
        format!("{SESSION_COOKIE}-login={session}"),
        format!("{SESSION_COOKIE}-form=1.{session}"),
        format!("__Secure-latchkey=1.{session}"),
    ] {
        world.send(with_cookie(&cookies)).refused_with(401);
    }
    for value in [&session, &format!("1.{session}")] {
        let request = Request::navigation(&format!("/oauth2/callback?code=code-1&iss={ISSUER}&state={value}"));
        let request = browser.with_cookies(request, Initiator::CrossSiteNavigation, &world);
        world.send(request).refused_with(400);
    }
    assert_eq!(world.provider().count(Endpoint::Token), 1, "only the login of the beginning");
}

pub fn lua_resty_openidc_526_a_cookie_of_one_host_client_or_issuer_is_none_elsewhere<W: World>() {
    const OTHER_HOST: &str = "reports.example.org";
    let both = |setup: Setup| setup.top("public_url", json!([ORIGIN, format!("https://{OTHER_HOST}")]));
    let (mut world, browser) = signed_in::<W>(both(Setup::default()));
    let cookie = format!("{SESSION_COOKIE}=1.{}", sealed(&browser, &world));
    world.send(with_cookie(&cookie)).forwarded();
    world.send(with_cookie(&cookie).set(":authority", OTHER_HOST)).refused_with(401);
    drop(world);
    for (key, value) in [("client_id", "another-client"), ("issuer", "https://login.provider.test/realms/partner")] {
        let mut other = W::open(Setup::default().of_provider(key, value));
        other.send(with_cookie(&cookie)).refused_with(401);
    }
    let mut other = W::open(Setup::default().session("cookie", "__Host-other"));
    other.send(with_cookie(&cookie.replace(SESSION_COOKIE, "__Host-other"))).refused_with(401);
    let mut same = W::open(Setup::default());
    same.send(with_cookie(&cookie)).forwarded();
}

/// A large session, a login under way in another tab, and parts of a session that was larger once.
pub fn cve_2025_55162_nothing_is_left_after_a_logout<W: World>() {
    for (setup, name) in [
        (Setup::default(), SESSION_COOKIE),
        (Setup::default().session("domain", "example.org").session("cookie", "__Secure-latchkey"), "__Secure-latchkey"),
    ] {
        let (mut world, mut browser) = signed_in::<W>(setup.claim("groups", groups_of(6000)));
        let copy = browser.clone();
        browser.send(&mut world, Request::navigation("/oauth2/login"));
        for left in [3, 7, 40] {
            let domain = if name.starts_with("__Secure") { "; Domain=example.org" } else { "" };
            let line = format!("{name}-{left}=left; Path=/; Secure{domain}; Max-Age=3600");
            browser.jar.take(&line, AUTHORITY, world.now());
        }
        assert!(own_cookies(&browser, &world).len() > 5, "{:?}", own_cookies(&browser, &world));
        browser.send(&mut world, Request::navigation("/oauth2/logout"));
        assert_eq!(own_cookies(&browser, &world), Vec::<String>::new());
        world.advance(Duration::from_millis(100));
        assert!(!has_session(&mut copy.clone(), &mut world), "nor does a copy work");
    }
}

fn open_nothing<W: World>(advisory: &str, setup: Setup) {
    let (mut world, mut browser) = signed_in::<W>(setup);
    let session = sealed(&browser, &world);
    let asked = world.provider().count(Endpoint::Token);
    for case in cases_of(COOKIES, advisory) {
        let cookies: Vec<u8> = String::from_utf8(case.bytes())
            .map_or_else(|_| case.bytes(), |text| text.replace("{session}", &session).into_bytes());
        let with = |request: Request| request.with("cookie", &cookies);
        for path in ["/private", "/finance/x", "/oauth2/session"] {
            let exchange = world.send(with(Request::fetch(path)));
            assert!(exchange.upstream.is_none(), "{path} {case:?}");
            assert!([400, 401].contains(&exchange.status()), "{path} {case:?}: {}", exchange.status());
            assert!(exchange.took < Duration::from_secs(1), "{path} {case:?}: {:?}", exchange.took);
        }
        for path in ["/", "/oauth2/callback?code=x&state=y", "/oauth2/login", "/oauth2/logout"] {
            let exchange = world.send(with(Request::navigation(path)));
            assert!(exchange.upstream.is_none() && exchange.status() < 500, "{path} {case:?}: {exchange:?}");
        }
        for path in ["/public", "/welcome"] {
            let exchange = world.send(with(Request::fetch(path)));
            let named = exchange.upstream.as_ref().and_then(|upstream| upstream.header("x-auth-subject"));
            assert!(named.is_none() && [200, 400].contains(&exchange.status()), "{path} {case:?}: {exchange:?}");
        }
    }
    assert_eq!(world.provider().count(Endpoint::Token), asked, "nobody was asked because of them");
    browser.fetch(&mut world, "/api").forwarded();
}

pub fn cve_2024_24814_a_number_of_parts_is_not_taken_at_its_word<W: World>() {
    open_nothing::<W>("CVE-2024-24814", Setup::default());
}

pub fn cve_2023_28625_a_crafted_cookie_header_is_survived<W: World>() {
    open_nothing::<W>("CVE-2023-28625", Setup::default());
}

/// The provider knows that refresh token; who brings it has proved nothing.
pub fn envoy_1_40_a_bare_refresh_token_is_not_redeemed<W: World>() {
    let setup = with_tokens(RefreshTokens::Rotating, Duration::from_secs(600));
    open_nothing::<W>("Envoy-1.40", setup);
}

/// An attacker's session, in all its parts, in the browser of somebody who then signs in.
pub fn ghsa_f24x_5g9q_753f_a_planted_session_does_not_survive_a_login<W: World>() {
    let (mut world, attacker) = signed_in::<W>(Setup::default().claim("groups", groups_of(6000)));
    world.provider().user = json!({"sub": "victim", "email": "victim@example.org", "groups": ["staff"]});
    let mut victim = attacker.clone();
    let planted: Vec<String> = parts(&attacker, &world).into_iter().map(|part| part.value).collect();
    victim.open(&mut world, "/oauth2/login?return_to=%2Fmine").shows("/mine");
    let left = parts(&victim, &world);
    assert!(left.iter().all(|part| !planted.contains(&part.value)), "{left:?}");
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(victim.fetch(&mut world, "/api").forwarded().header("x-auth-subject"), Some("victim"));
    assert_eq!(victim.fetch(&mut world, "/oauth2/session").response.document()["claims"]["sub"], "victim");
}

/// An attacker's login under way in the victim's browser: neither its cookie nor its nonce outlives a login there, and nobody is
/// signed in as somebody else behind their back.
pub fn cve_2024_10318_a_planted_login_does_not_survive_a_login<W: World>() {
    let mut world = W::open(Setup::default());
    let mut attacker = Browser::default();
    world.provider().user["sub"] = "attacker".into();
    let theirs = attacker.open_until_callback(&mut world, "/theirs");
    world.provider().user["sub"] = "victim".into();
    let mut victim = attacker.clone();
    let planted: Vec<String> = victim.jar.alive(world.now()).iter().map(|cookie| cookie.value.clone()).collect();
    victim.open(&mut world, "/mine").shows("/mine");
    let left = victim.jar.alive(world.now());
    assert!(left.iter().all(|cookie| !planted.contains(&cookie.value)), "{left:?}");
    victim.follow(&mut world, theirs);
    assert_eq!(victim.fetch(&mut world, "/api").forwarded().header("x-auth-subject"), Some("victim"));
    // The nonce of the attacker's login, in an ID token for the victim's.
    let begun = attacker.open_until_callback(&mut world, "/theirs");
    let nonce = world.provider().last(Endpoint::Authorize).and_then(|request| request.query("nonce"));
    world.provider().forge(move |draft| draft.claim("nonce", nonce.clone().expect("a nonce")));
    let mut other = Browser::default();
    other.open(&mut world, "/").exchange.refused_with(502).because_of("id_token.nonce_mismatch");
    assert!(!has_session(&mut other, &mut world));
    drop(begun);
}
