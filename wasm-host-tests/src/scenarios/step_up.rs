//! Rules that want a recent or a strong authentication (RFC 9470).

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::{has_session, signed_in};
use crate::browser::{Browser, Page, Tab};
use crate::message::{ORIGIN, Request};
use crate::provider::{Authorization, Endpoint, Obedience};
use crate::setup::Setup;
use crate::world::World;

/// `/approvals` wants an authentication of the last quarter of an hour, `/vault` a strong one, `/safe` both.
fn demanding() -> Setup {
    Setup::default()
        .rule(json!({"match": {"path_prefix": "/approvals"}, "max_age": "15m"}))
        .rule(json!({"match": {"path_prefix": "/vault"}, "acr_values": ["urn:mfa:weak", "urn:mfa"]}))
        .rule(json!({"match": {"path_prefix": "/safe"}, "max_age": "15m", "acr_values": ["urn:mfa"]}))
}

/// What the provider was asked for, on the way to `page`.
fn asked(page: &Page) -> Vec<BTreeMap<String, String>> {
    page.authorizations().iter().map(|url| url.query_pairs().into_owned().collect()).collect()
}

fn parameter<'a>(asked: &'a [BTreeMap<String, String>], name: &str) -> Vec<Option<&'a str>> {
    asked.iter().map(|parameters| parameters.get(name).map(String::as_str)).collect()
}

pub fn a_session_that_is_too_old_for_a_rule_is_renewed_at_the_provider<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(demanding());
    let page = browser.open(&mut world, "/approvals/7?x=1");
    page.shows("/approvals/7?x=1");
    let asked = asked(&page);
    assert_eq!(parameter(&asked, "max_age"), [Some("900")], "one way there and back");
    assert_eq!((parameter(&asked, "prompt"), parameter(&asked, "acr_values")), (vec![None], vec![None]));
    let again = browser.open(&mut world, "/approvals/8");
    again.shows("/approvals/8");
    assert!(!again.passed_provider());
}

pub fn a_recent_authentication_becomes_too_old<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(demanding());
    browser.open(&mut world, "/approvals").shows("/approvals");
    world.advance(Duration::from_secs(15 * 60 - 5));
    assert!(!browser.open(&mut world, "/approvals").passed_provider());
    world.advance(Duration::from_secs(10));
    browser.fetch(&mut world, "/approvals").refused_with(401).because_of("step_up.required");
    assert!(!browser.open(&mut world, "/other").passed_provider(), "good enough for everything else");
    let page = browser.open(&mut world, "/approvals");
    page.shows("/approvals");
    assert!(page.passed_provider());
}

pub fn a_rule_with_acr_values_asks_for_them_and_takes_each_of_them<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(demanding());
    let page = browser.open(&mut world, "/vault");
    page.shows("/vault");
    assert_eq!(parameter(&asked(&page), "acr_values"), [Some("urn:mfa:weak urn:mfa")]);
    assert!(!browser.open(&mut world, "/vault/2").passed_provider());
    let both = browser.open(&mut world, "/safe");
    both.shows("/safe");
    let asked = asked(&both);
    assert_eq!(
        (parameter(&asked, "acr_values"), parameter(&asked, "max_age")),
        (vec![Some("urn:mfa")], vec![Some("900")])
    );
    assert!(!browser.open(&mut world, "/vault").passed_provider(), "what is stronger is enough here as well");
}

pub fn a_person_without_a_session_is_asked_for_everything_at_once<W: World>() {
    let mut world = W::open(demanding());
    let page = Browser::default().open(&mut world, "/safe");
    page.shows("/safe");
    let asked = asked(&page);
    assert_eq!(
        (parameter(&asked, "acr_values"), parameter(&asked, "max_age")),
        (vec![Some("urn:mfa")], vec![Some("900")])
    );
}

pub fn a_script_without_a_session_is_told_what_will_be_wanted<W: World>() {
    let mut world = W::open(demanding());
    let refused = world.send(Request::fetch("/safe"));
    refused.refused_with(401).because_of("session.required");
    let login = refused.response.document()["login_url"].as_str().unwrap_or_default().to_owned();
    assert!(login.contains("max_age=900") && login.contains("acr_values=urn%3Amfa"), "{login}");
}

pub fn a_script_is_told_what_is_wanted_and_where<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(demanding());
    for request in [Request::fetch("/safe"), Request::fetch("/safe").set(":method", "POST").with_body("{}")] {
        let refused = browser.send(&mut world, request);
        refused.refused_with(401).because_of("step_up.required");
        let response = &refused.response;
        let challenge = response.header("www-authenticate").unwrap_or_default();
        for part in
            ["Bearer ", "error=\"insufficient_user_authentication\"", "max_age=\"900\"", "acr_values=\"urn:mfa\""]
        {
            assert!(challenge.contains(part), "{part} in {challenge}");
        }
        assert_eq!(response.header("content-type"), Some("application/problem+json"));
        assert_eq!(response.set_cookies(), Vec::<&str>::new());
        let document = response.document();
        assert_eq!((&document["max_age"], &document["acr_values"]), (&json!(900), &json!("urn:mfa")));
        let login = document["login_url"].as_str().unwrap_or_default();
        let login = login.strip_prefix(ORIGIN).expect("at this origin");
        browser.open(&mut world, &format!("{login}&return_to=/safe")).shows("/safe");
        browser = Browser::default();
        browser.open(&mut world, "/").shows("/");
    }
}

pub fn a_posted_form_is_a_page_with_a_way_to_sign_in_again<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(demanding());
    let form = Request::navigation("/safe").set(":method", "POST").with_body("a=1");
    let refused = browser.send(&mut world, form);
    refused.refused_with(401).because_of("step_up.required");
    let page = Page { exchange: refused, address: String::new(), fragment: None, trail: Vec::new() };
    browser.open(&mut world, &page.login_link("max_age=900")).shows("/");
    assert!(!browser.open(&mut world, "/safe").passed_provider());
}

/// Whatever the provider does instead, it ends in one page with a reason, and who was signed in still is.
fn ends_in_a_page<W: World>(
    path: &str,
    (status, reason): (u16, &str),
    instead: impl FnOnce(&mut crate::provider::Provider),
) {
    let (mut world, mut browser) = signed_in::<W>(demanding());
    let now = world.now();
    world.provider().authenticated_at = Some(now - Duration::from_secs(7200));
    instead(&mut world.provider());
    let page = browser.open(&mut world, path);
    page.exchange.refused_with(status).because_of(reason);
    assert_eq!(page.authorizations().len(), 1, "{:#?}", page.trail);
    assert!(!browser.open(&mut world, "/other").passed_provider(), "who was signed in still is");
    // Once the provider does as it is asked, the page's link leads on.
    world.provider().max_age = Obedience::Obeys;
    world.provider().acr_values = Obedience::Obeys;
    world.provider().forge(|_| ());
    let again = browser.open(&mut world, &page.login_link(""));
    again.shows(path);
    assert_eq!(again.authorizations().len(), 1);
}

pub fn a_provider_that_ignores_max_age_ends_in_a_page<W: World>() {
    ends_in_a_page::<W>("/approvals", (502, "step_up.auth_time_too_old"), |provider| {
        provider.max_age = Obedience::Ignores
    });
}

pub fn a_provider_that_does_not_say_when_ends_in_a_page<W: World>() {
    ends_in_a_page::<W>("/approvals", (502, "step_up.auth_time_missing"), |provider| {
        provider.max_age = Obedience::IsSilent
    });
    ends_in_a_page::<W>("/safe", (502, "step_up.auth_time_missing"), |provider| {
        provider.forge(|draft| draft.claim("auth_time", Value::Null));
    });
    ends_in_a_page::<W>("/safe", (502, "id_token.auth_time_malformed"), |provider| {
        provider.forge(|draft| draft.claim("auth_time", "now"));
    });
}

pub fn a_provider_that_ignores_acr_values_ends_in_a_page<W: World>() {
    ends_in_a_page::<W>("/vault", (403, "step_up.acr_not_met"), |provider| provider.acr_values = Obedience::Ignores);
    ends_in_a_page::<W>("/vault", (403, "step_up.acr_not_met"), |provider| provider.acr_values = Obedience::IsSilent);
    ends_in_a_page::<W>("/vault", (403, "step_up.acr_not_met"), |provider| {
        provider.forge(|draft| draft.claim("acr", json!(["urn:mfa"])));
    });
}

pub fn a_first_login_that_brings_too_little_leaves_no_session<W: World>() {
    let mut world = W::open(demanding());
    world.provider().acr_values = Obedience::Ignores;
    let mut browser = Browser::default();
    browser.open(&mut world, "/vault").exchange.refused_with(403).because_of("step_up.acr_not_met");
    assert!(!has_session(&mut browser, &mut world));
}

pub fn a_person_who_cancels_stays_signed_in<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(demanding());
    world.provider().authorization =
        Authorization::Error { code: "access_denied".to_owned(), description: String::new() };
    let page = browser.open(&mut world, "/vault");
    page.exchange.refused_with(400).because_of("authorization.access_denied");
    assert!(page.login_link("acr_values=").contains("return_to=%2Fvault"));
    assert!(has_session(&mut browser, &mut world));
}

pub fn a_code_that_is_refused_is_a_page_and_no_circle<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(demanding());
    let refusal = crate::message::Response::json(400, &json!({"error": "invalid_grant"}));
    world.provider().behave(Endpoint::Token, crate::provider::Behaviour::Answer(refusal));
    let page = browser.open(&mut world, "/vault");
    page.exchange.refused_with(400).because_of("token.invalid_grant");
    assert_eq!(page.authorizations().len(), 1);
}

pub fn two_tabs_step_up_at_once<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(demanding());
    let tabs = ["/safe/1", "/safe/2"].map(|path| (path, browser.follow_until_callback(&mut world, Tab::new(path))));
    for (path, tab) in tabs {
        browser.follow(&mut world, tab).shows(path);
    }
    assert_eq!(world.provider().complaints, Vec::<String>::new());
}

pub fn a_short_max_age_ends_in_no_circle<W: World>() {
    let setup = demanding().rule(json!({"match": {"path_prefix": "/now"}, "max_age": "1s"}));
    let (mut world, mut browser) = signed_in::<W>(setup);
    let page = browser.open(&mut world, "/now");
    page.shows("/now");
    assert_eq!(page.authorizations().len(), 1);
    world.advance(Duration::from_secs(3));
    browser.fetch(&mut world, "/now").refused_with(401).because_of("step_up.required");
    // Who takes long on the way back is told so, once.
    let tab = browser.follow_until_callback(&mut world, Tab::new("/now"));
    world.advance(Duration::from_secs(3));
    let page = browser.follow(&mut world, tab);
    page.exchange.refused_with(502).because_of("step_up.auth_time_too_old");
}

pub fn a_provider_whose_clock_is_wrong_is_understood<W: World>() {
    let skewed = |seconds: i64| {
        move |draft: &mut crate::provider::id_token::Draft| {
            for name in ["iat", "exp", "auth_time"] {
                if let Some(time) = draft.claims[name].as_i64() {
                    draft.claim(name, time + seconds);
                }
            }
        }
    };
    for seconds in [-50, 50] {
        let setup = demanding().rule(json!({"match": {"path_prefix": "/now"}, "max_age": "30s"}));
        let (mut world, mut browser) = signed_in::<W>(setup.provider(|provider| provider.forge(skewed(seconds))));
        let page = browser.open(&mut world, "/now");
        page.shows("/now");
        assert_eq!(page.authorizations().len(), 1, "{seconds}");
    }
}

pub fn another_person_may_come_back_and_must_meet_the_rule_too<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(demanding());
    world.provider().user["sub"] = json!("grace");
    let page = browser.open(&mut world, "/vault");
    assert_eq!(page.shows("/vault").header("x-auth-subject"), Some("grace"));
    world.provider().user["sub"] = json!("mallory");
    world.provider().acr_values = Obedience::Ignores;
    browser.open(&mut world, "/oauth2/login?acr_values=other&return_to=/vault").exchange.refused_with(403);
    let upstream = browser.open(&mut world, "/vault");
    assert_eq!(upstream.shows("/vault").header("x-auth-subject"), Some("grace"));
}

pub fn a_demand_holds_for_optional_and_mixed_rules_too<W: World>() {
    let setup = demanding()
        .of_provider("audience", json!(["https://api.example.org"]))
        .rule(json!({"match": {"path_prefix": "/shop"}, "authentication": "optional", "acr_values": ["urn:mfa"]}))
        .rule(json!({"match": {"path_prefix": "/mixed"}, "authentication": "any", "acr_values": ["urn:mfa"]}));
    let mut world = W::open(setup);
    let mut browser = Browser::default();
    browser.open(&mut world, "/shop").shows("/shop");
    browser.open(&mut world, "/").shows("/");
    for path in ["/shop", "/mixed"] {
        browser.fetch(&mut world, path).refused_with(401).because_of("step_up.required");
    }
    let page = browser.open(&mut world, "/mixed");
    page.shows("/mixed");
    assert_eq!(parameter(&asked(&page), "acr_values"), [Some("urn:mfa")]);
    browser.open(&mut world, "/shop").shows("/shop");
}

pub fn a_pushed_request_says_what_is_wanted<W: World>() {
    let setup = demanding().provider(|provider| provider.requires_pushed_requests = true);
    let (mut world, mut browser) = signed_in::<W>(setup);
    browser.open(&mut world, "/safe").shows("/safe");
    let provider = world.provider();
    let pushed = provider.last(Endpoint::PushedAuthorization).expect("pushed");
    assert_eq!(
        (pushed.posted("max_age").as_deref(), pushed.posted("acr_values").as_deref()),
        (Some("900"), Some("urn:mfa"))
    );
}

pub fn what_a_silent_sign_in_does_not_bring_the_person_is_asked_for<W: World>() {
    let mut world = W::open(demanding().session("silent", true));
    let mut browser = Browser::default();
    let once_silent = |draft: &mut crate::provider::id_token::Draft| draft.claim("acr", "0");
    let mut silent = Some(once_silent);
    world.provider().forge(move |draft| {
        if let Some(change) = silent.take() {
            change(draft);
        }
    });
    let page = browser.open(&mut world, "/vault");
    page.shows("/vault");
    assert_eq!(parameter(&asked(&page), "prompt"), [Some("none"), None]);
    assert_eq!(parameter(&asked(&page), "acr_values"), [Some("urn:mfa:weak urn:mfa"); 2]);
}
