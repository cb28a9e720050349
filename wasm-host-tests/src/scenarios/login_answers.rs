//! Authorization responses that are not what they should be.

use super::has_session;
use crate::browser::Browser;
use crate::message::Request;
use crate::provider::{Authorization, Endpoint};
use crate::setup::Setup;
use crate::world::World;

fn error(code: &str, description: &str) -> Authorization {
    Authorization::Error { code: code.to_owned(), description: description.to_owned() }
}

pub fn an_error_of_the_provider_becomes_a_page_with_a_way_to_try_again<W: World>() {
    let mut world = W::open(Setup::default());
    world.provider().authorization = error("access_denied", "</p><script>alert('description')</script>");
    let mut browser = Browser::default();
    let page = browser.open(&mut world, "/target?x=1");
    page.exchange.refused_with(400).because_of("authorization.access_denied");
    let text = page.exchange.response.text();
    assert!(page.exchange.response.runs_nothing_else() && !text.contains("description"), "{text}");
    assert!(text.contains("/oauth2/login?") && text.contains("target"), "{text}");
    world.provider().authorization = Authorization::Granted;
    browser.open(&mut world, "/target?x=1").shows("/target?x=1");
}

pub fn an_unknown_error_code_never_reaches_the_page<W: World>() {
    for code in ["\"><img src=x onerror=alert(1)>", "secret_vendor_code", "", "\u{0}\u{7}", "%0d%0a"] {
        let mut world = W::open(Setup::default());
        world.provider().authorization = error(code, "words");
        let page = Browser::default().open(&mut world, "/");
        page.exchange.refused_with(400);
        let text = page.exchange.response.text();
        assert!(!text.contains("<img") && !text.contains("secret_vendor_code"), "{text}");
    }
}

pub fn a_page_about_a_login_runs_nothing_and_is_not_cached<W: World>() {
    let mut world = W::open(Setup::default());
    world.provider().authorization = error("access_denied", "");
    let response = Browser::default().open(&mut world, "/").exchange.response;
    let policy = response.header("content-security-policy").unwrap_or_default();
    assert!(policy.contains("default-src 'none'"), "{policy}");
    assert!(!policy.contains("unsafe-inline"), "{policy}");
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert!(response.header("content-type").is_some_and(|kind| kind.starts_with("text/html")), "{response:?}");
}

pub fn a_response_of_another_issuer_is_refused<W: World>() {
    let mut world = W::open(Setup::default());
    world.provider().response_issuer = Some("https://evil.example".to_owned());
    let mut browser = Browser::default();
    let page = browser.open(&mut world, "/");
    page.exchange.refused_with(400).because_of("authorization_response.issuer_mismatch");
    assert_eq!(world.provider().count(Endpoint::Token), 0);
    assert!(!has_session(&mut browser, &mut world));
}

pub fn a_response_without_issuer_is_refused_when_the_provider_promises_one<W: World>() {
    let mut world = W::open(Setup::default().provider(|provider| {
        provider.response_issuer = None;
        provider.change_metadata(|document| document["authorization_response_iss_parameter_supported"] = true.into());
    }));
    let page = Browser::default().open(&mut world, "/");
    page.exchange.refused_with(400).because_of("authorization_response.issuer_missing");
    assert_eq!(world.provider().count(Endpoint::Token), 0);
}

pub fn a_response_without_issuer_is_enough_when_none_is_promised<W: World>() {
    let mut world = W::open(Setup::default().provider(|provider| provider.response_issuer = None));
    Browser::default().open(&mut world, "/").shows("/");
}

pub fn a_state_that_is_not_ours_is_refused<W: World>() {
    let mut world = W::open(Setup::default());
    let mut browser = Browser::default();
    let tab = browser.open_until_callback(&mut world, "/");
    let state = tab.next.query("state").expect("a state");
    let damaged: Vec<String> = [0, 1, state.len() / 3, state.len() / 2, state.len() - 1]
        .map(|place| {
            let mut bytes = state.clone().into_bytes();
            bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
            String::from_utf8(bytes).expect("base64url is ASCII")
        })
        .into_iter()
        .chain([String::new(), "x".to_owned(), state[..state.len() - 4].to_owned(), format!("{state}AAAA")])
        .collect();
    for state in damaged {
        let mut tab = tab.clone();
        tab.next = Request::navigation(&format!("/oauth2/callback?code=code-1&state={state}"));
        let page = browser.follow(&mut world, tab);
        page.exchange.refused_with(400);
    }
    assert_eq!(world.provider().count(Endpoint::Token), 0);
    browser.follow(&mut world, tab).shows("/");
}

pub fn a_callback_with_unusable_parameters_is_a_page<W: World>() {
    let mut world = W::open(Setup::default());
    let mut browser = Browser::default();
    let tab = browser.open_until_callback(&mut world, "/");
    let state = tab.next.query("state").expect("a state");
    let long = "x".repeat(20_000);
    for query in [
        "".to_owned(),
        "?".to_owned(),
        "?code=x".to_owned(),
        format!("?state={state}"),
        format!("?code=a&code=b&state={state}"),
        format!("?code=a&state={state}&state={state}"),
        format!("?code=a&error=access_denied&state={state}&iss=x&iss=y"),
        format!("?code=&state={state}"),
        format!("?code=%ff%fe&state={state}"),
        format!("?code={long}&state={state}"),
        format!("?code=a&state={long}"),
        "?%%%&&&===".to_owned(),
    ] {
        let exchange = browser.send(&mut world, Request::navigation(&format!("/oauth2/callback{query}")));
        exchange.refused_with(400);
    }
    assert_eq!(world.provider().count(Endpoint::Token), 0);
}

pub fn a_code_that_the_provider_refuses_is_a_page<W: World>() {
    let mut world = W::open(Setup::default());
    let mut browser = Browser::default();
    let tab = browser.open_until_callback(&mut world, "/");
    let query = tab.next.target().replace("code=code-1", "code=code-99");
    let mut forged = tab.clone();
    forged.next = tab.next.clone().set(":path", query);
    let page = browser.follow(&mut world, forged);
    page.exchange.refused_with(400).because_of("token.invalid_grant");
    assert!(!has_session(&mut browser, &mut world));
}

pub fn an_injected_code_of_another_login_is_useless<W: World>() {
    let mut world = W::open(Setup::default());
    let (mut attacker, mut victim) = (Browser::default(), Browser::default());
    let stolen = victim.open_until_callback(&mut world, "/").next.query("code").expect("a code");
    let own = attacker.open_until_callback(&mut world, "/");
    let code = own.next.query("code").expect("a code");
    let mut injected = own.clone();
    injected.next = own.next.clone().set(":path", own.next.target().replace(&code, &stolen));
    attacker.follow(&mut world, injected).exchange.refused_with(400);
    assert!(!has_session(&mut attacker, &mut world));
    assert!(world.provider().complaints.iter().any(|problem| problem.contains("code_verifier")));
}
