//! Markup where somebody else can put words: claims, `state`, errors and their descriptions. It stays text, or is not shown.

use serde_json::json;

use super::corpus::cases_of;
use crate::browser::Browser;
use crate::message::{Request, Response};
use crate::provider::{Authorization, Behaviour, Endpoint};
use crate::scenarios::signed_in;
use crate::setup::Setup;
use crate::world::{Exchange, World};

const MARKUP: &str = include_str!("corpus/markup.txt");

/// The text runs nowhere, and stands nowhere but where a page repeats the address that was asked for, escaped.
#[track_caller]
fn runs_nothing(exchange: &Exchange, what: &str) {
    let response = &exchange.response;
    let text = response.text();
    let kind = response.header("content-type").unwrap_or_default();
    if kind.starts_with("text/html") {
        assert!(response.runs_nothing_else(), "{what}: {text}");
        for sign in ["<img", "<svg", "alert(7301)<", "'alert(7301)", "=alert(7301)", "href=\"javascript:"] {
            assert!(!text.contains(sign), "{what}: {sign} in {text}");
        }
        let policy = response.header("content-security-policy").unwrap_or_default();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{what}: {policy}");
    }
    assert_eq!(response.header("x-content-type-options"), Some("nosniff"), "{what}: {kind}");
    let in_fields = response.fields.iter().any(|(name, value)| {
        let value = String::from_utf8_lossy(value);
        name != "location" && value.contains("alert(7301)")
    });
    assert!(!in_fields, "{what}: {:?}", response.fields);
}

fn markup_stays_text<W: World>(tag: &str) {
    for case in cases_of(MARKUP, tag) {
        let text = case.text();
        let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let claims = json!({"sub": "ada", "email": text, "name": text, "groups": [text]});
        let (mut world, mut browser) = signed_in::<W>(Setup::default().provider(|provider| provider.user = claims));
        // claims
        for path in ["/board", "/oauth2/unknown", "/oauth2/session"] {
            let exchange = browser.open(&mut world, path).exchange;
            runs_nothing(&exchange, &format!("{path} {case:?}"));
        }
        // state, code, parameters of our own endpoints
        for path in [
            format!("/oauth2/callback?code={encoded}&state={encoded}"),
            format!("/oauth2/callback?error={encoded}&error_description={encoded}&error_uri={encoded}&state={encoded}"),
            format!("/oauth2/login?provider={encoded}&return_to={encoded}"),
            format!("/oauth2/frontchannel-logout?iss={encoded}&sid={encoded}"),
        ] {
            let exchange = world.send(Request::navigation(&path).with("x-request-id", "r"));
            assert!(!exchange.response.text().contains("7301"), "{path}: {}", exchange.response.text());
            if exchange.status() >= 400 {
                runs_nothing(&exchange, &path);
            }
        }
        // error and error_description of a login that is really under way
        world.provider().authorization = Authorization::Error { code: text.to_owned(), description: text.to_owned() };
        let page = Browser::default().open(&mut world, "/private");
        page.exchange.refused_with(400);
        runs_nothing(&page.exchange, &format!("error {case:?}"));
        assert!(!page.exchange.response.text().contains("7301"), "{}", page.exchange.response.text());
        // error of the token endpoint
        world.provider().authorization = Authorization::Granted;
        let answer = json!({"error": text, "error_description": text});
        world.provider().behave(Endpoint::Token, Behaviour::Answer(Response::json(400, &answer)));
        let page = Browser::default().open(&mut world, "/private");
        assert!(!page.exchange.response.text().contains("7301"), "{}", page.exchange.response.text());
        runs_nothing(&page.exchange, &format!("token endpoint {case:?}"));
        let log = world.log().join("\n");
        assert!(!log.contains("7301"), "{log}");
    }
}

pub fn csnc_2019_001_what_would_end_a_script_stays_text<W: World>() {
    markup_stays_text::<W>("CSNC-2019-001");
}

pub fn cve_2024_21496_markup_in_answers_of_the_provider_stays_text<W: World>() {
    markup_stays_text::<W>("CVE-2024-21496");
}

pub fn mod_auth_openidc_2026_05_markup_in_any_disguise_stays_text<W: World>() {
    markup_stays_text::<W>("mod_auth_openidc-2026-05");
}
