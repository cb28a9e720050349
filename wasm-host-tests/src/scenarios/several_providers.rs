//! Several providers for one application.

use serde_json::json;

use super::signed_in;
use crate::browser::{Browser, Page, Tab};
use crate::message::{Request, Response};
use crate::provider::{Behaviour, Endpoint, ISSUER, SECOND_ISSUER};
use crate::setup::Setup;
use crate::world::World;

/// `corp` for addresses in example.org, `partner` for those in partner.example; `/corp` and `/partner` admit one of them.
fn two() -> Setup {
    let mut setup = Setup::default()
        .with_partner()
        .header("x-auth-provider", "provider")
        .header("x-auth-issuer", "claims.iss")
        .of_provider("login_hint_domains", json!(["example.org", "example.com"]))
        .rule(json!({"match": {"path_prefix": "/corp"}, "providers": ["corp"]}))
        .rule(json!({"match": {"path_prefix": "/partner"}, "providers": ["partner"]}))
        .rule(json!({"match": {"path_prefix": "/strong"}, "acr_values": ["urn:mfa"]}));
    setup.document["providers"][1]["login_hint_domains"] = json!(["partner.example"]);
    setup
}

/// Where an address sends somebody who is not signed in: an issuer, or nowhere (a page).
fn sent_to<W: World>(world: &mut W, path: &str) -> Option<&'static str> {
    let exchange = world.send(Request::navigation(path));
    let location = exchange.response.location();
    let issuer =
        [ISSUER, SECOND_ISSUER].into_iter().find(|issuer| location.starts_with(&format!("{issuer}/authorize?")));
    assert!(issuer.is_some() || exchange.status() == 200, "{exchange:?}");
    issuer
}

fn sign_in_page<W: World>(world: &mut W, path: &str) -> Page {
    let page = Browser::default().open(world, path);
    page.exchange.refused_with(200);
    assert!(page.exchange.response.text().contains("<h1>Sign in</h1>"), "{:?}", page.exchange);
    page
}

pub fn a_person_chooses_between_providers_and_comes_back<W: World>() {
    let mut world = W::open(two());
    for (name, issuer) in [("corp", ISSUER), ("partner", SECOND_ISSUER)] {
        let mut browser = Browser::default();
        let page = browser.open(&mut world, "/reports?year=2026");
        let text = page.exchange.response.text();
        assert!(text.contains(">Corporate login</a>") && text.contains(">Partner login</a>"), "{text}");
        let page = browser.open(&mut world, &page.login_link(&format!("provider={name}")));
        let upstream = page.shows("/reports?year=2026");
        assert_eq!(upstream.header("x-auth-provider"), Some(name));
        assert_eq!(upstream.header("x-auth-issuer"), Some(issuer));
        assert!(!browser.open(&mut world, "/other").passed_provider());
    }
    assert_eq!(world.provider().complaints, Vec::<String>::new());
}

pub fn a_rule_with_one_provider_leaves_no_choice<W: World>() {
    let mut world = W::open(two());
    assert_eq!(sent_to(&mut world, "/corp"), Some(ISSUER));
    assert_eq!(sent_to(&mut world, "/partner"), Some(SECOND_ISSUER));
    assert_eq!(sent_to(&mut world, "/oauth2/login?provider=partner"), Some(SECOND_ISSUER));
    world
        .send(Request::navigation("/oauth2/login?provider=nobody"))
        .refused_with(400)
        .because_of("login.provider_unknown");
}

/// OIDC Core 1.0 §4
pub fn a_login_that_somebody_else_begins_goes_to_the_issuer_that_they_name<W: World>() {
    let mut world = W::open(two());
    for issuer in [ISSUER, SECOND_ISSUER] {
        let encoded: String = form_urlencoded::byte_serialize(issuer.as_bytes()).collect();
        let begin = format!("/oauth2/login?iss={encoded}&target_link_uri=https%3A%2F%2Fportal.example.org%2Freports");
        assert_eq!(sent_to(&mut world, &begin), Some(issuer));
        let page = Browser::default().open(&mut world, &begin);
        assert_eq!(page.shows("/reports").header("x-auth-issuer"), Some(issuer));
    }
    let stranger = Request::navigation("/oauth2/login?iss=https%3A%2F%2Fevil.example");
    world.send(stranger).refused_with(400).because_of("login.provider_unknown");
}

pub fn the_domain_of_an_address_chooses<W: World>() {
    let mut world = W::open(two());
    for (hint, issuer) in [
        ("ada@example.org", Some(ISSUER)),
        ("Ada.Lovelace@EXAMPLE.com", Some(ISSUER)),
        ("grace@partner.example", Some(SECOND_ISSUER)),
        ("grace@sub.partner.example", None),
        ("grace@partner.example.org", None),
        ("grace@notpartner.example", None),
        ("partner.example", None),
        ("@partner.example", None),
        ("a@evil@partner.example", None),
        ("a@partner.example@evil.example", None),
        ("\"a@example.org\"@partner.example", None),
        ("a@partner.example\u{0}", None),
        ("a@partner.example ", None),
    ] {
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("login_hint", hint).finish();
        assert_eq!(sent_to(&mut world, &format!("/oauth2/login?{query}")), issuer, "{hint}");
    }
    let page = world.send(Request::navigation("/oauth2/login?login_hint=ada%40example.org&return_to=%2Fx"));
    assert!(page.response.location().contains("login_hint=ada%40example.org"), "{}", page.response.location());
    assert_eq!(sent_to(&mut world, "/oauth2/login?login_hint=ada%40example.org&provider=partner"), Some(SECOND_ISSUER));
}

pub fn the_sign_in_page_takes_an_address_without_a_script<W: World>() {
    let mut world = W::open(two());
    let page = sign_in_page(&mut world, "/strong?x=1&y=%22");
    let text = page.exchange.response.text();
    let form = text.split("<form").nth(1).and_then(|rest| rest.split("</form>").next()).expect("a form");
    assert!(form.contains("method=\"get\"") && form.contains("action=\"/oauth2/login\""), "{form}");
    assert!(form.contains("<label for=\"email\">") && form.contains("type=\"email\"") && form.contains("id=\"email\""));
    let field = |name: &str| {
        let value = form.split(&format!("name=\"{name}\" value=\"")).nth(1).and_then(|rest| rest.split('"').next());
        value.expect("a field").replace("&amp;", "&").replace("&quot;", "\"")
    };
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("return_to", &field("return_to"))
        .append_pair("acr_values", &field("acr_values"))
        .append_pair("login_hint", "grace@partner.example")
        .finish();
    let arrived = Browser::default().open(&mut world, &format!("/oauth2/login?{query}"));
    let upstream = arrived.shows("/strong?x=1&y=%22");
    assert_eq!(upstream.header("x-auth-provider"), Some("partner"));
    assert_eq!(arrived.authorizations().len(), 1, "asked for everything at once");
    let unknown = sign_in_page(&mut world, "/oauth2/login?login_hint=a%40nowhere.example");
    assert!(unknown.exchange.response.text().contains("role=\"alert\""));
}

pub fn without_domains_there_is_no_form<W: World>() {
    let mut world = W::open(Setup::default().with_partner());
    let page = sign_in_page(&mut world, "/");
    assert!(!page.exchange.response.text().contains("<form"));
}

pub fn a_session_of_a_provider_that_a_rule_does_not_admit_leads_to_one_that_it_does<W: World>() {
    let mut world = W::open(two());
    let mut browser = Browser::default();
    browser.open(&mut world, "/corp").shows("/corp");
    let refused = browser.fetch(&mut world, "/partner");
    refused.refused_with(401).because_of("session.required");
    let login_url = refused.response.document()["login_url"].clone();
    assert_eq!(login_url, "https://portal.example.org/oauth2/login?provider=partner");
    let page = browser.open(&mut world, "/partner");
    assert_eq!(page.shows("/partner").header("x-auth-provider"), Some("partner"));
    assert_eq!(page.authorizations().len(), 1);
    // One session at a time: it is the other provider's now.
    let again = browser.open(&mut world, "/other");
    assert_eq!(again.shows("/other").header("x-auth-provider"), Some("partner"));
    assert!(!again.passed_provider());
}

pub fn a_step_up_stays_at_the_providers_session<W: World>() {
    let mut world = W::open(two());
    for (path, issuer, name) in [("/corp", ISSUER, "corp"), ("/partner", SECOND_ISSUER, "partner")] {
        let mut browser = Browser::default();
        browser.open(&mut world, path).shows(path);
        let page = browser.open(&mut world, "/strong");
        assert_eq!(page.shows("/strong").header("x-auth-provider"), Some(name));
        let [authorization] = &page.authorizations()[..] else { panic!("one: {:?}", page.trail) };
        assert!(authorization.as_str().starts_with(issuer), "{authorization}");
    }
}

pub fn a_mix_up_of_providers_is_refused<W: World>() {
    let mut world = W::open(two());
    let mut browser = Browser::default();
    // The state is of a login at `corp`, the answer says that it is the partner's (RFC 9207 §2.4).
    let mut tab = browser.follow_until_callback(&mut world, Tab::new("/corp"));
    let mixed = tab.next.target().replace("realms%2Fcorp", "realms%2Fpartner");
    assert_ne!(mixed, tab.next.target());
    tab.next = tab.next.set(":path", mixed);
    let page = browser.follow(&mut world, tab);
    page.exchange.refused_with(400).because_of("authorization_response.issuer_mismatch");
    assert_eq!(world.provider().count(Endpoint::Token), 0, "no code goes anywhere");
}

pub fn an_id_token_of_the_other_provider_is_refused<W: World>() {
    let setup = two().provider(|provider| provider.forge(|draft| draft.claim("iss", SECOND_ISSUER)));
    let mut world = W::open(setup);
    Browser::default().open(&mut world, "/corp").exchange.refused_with(502).because_of("id_token.issuer_mismatch");
}

pub fn one_provider_that_is_down_does_not_keep_the_other_from_working<W: World>() {
    let setup = two().provider(|provider| {
        provider.behave(Endpoint::Discovery, Behaviour::Normal);
        let of_partner = Response::json(404, &json!({}));
        provider.change_metadata(move |document| {
            if document["issuer"] == SECOND_ISSUER {
                *document = of_partner.document();
            }
        });
    });
    let mut world = W::open(setup);
    let mut browser = Browser::default();
    browser.open(&mut world, "/corp").shows("/corp");
    let page = Browser::default().open(&mut world, "/partner");
    assert!([502, 503].contains(&page.exchange.status()), "{:?}", page.exchange);
    browser.open(&mut world, "/corp/2").shows("/corp/2");
}

pub fn claims_are_mapped_for_each_provider<W: World>() {
    let email = "provider == \"corp\" ? claims.email : claims.upn";
    let setup = two()
        .header("x-auth-email", email)
        .header("x-auth-groups", "(provider == \"corp\" ? claims.groups : claims.roles).join(\",\")")
        .rule(
            json!({"match": {"path_prefix": "/staff"}, "require": "provider == \"corp\" || \"guest\" in claims.roles"}),
        );
    let (mut world, _) = (W::open(setup.claim("upn", "ada@partner.example").claim("roles", json!(["guest"]))), ());
    for (path, email, groups) in
        [("/corp", "ada@example.org", "finance,staff"), ("/partner", "ada@partner.example", "guest")]
    {
        let mut browser = Browser::default();
        let page = browser.open(&mut world, path);
        let upstream = page.shows(path);
        assert_eq!(upstream.header("x-auth-email"), Some(email));
        assert_eq!(upstream.header("x-auth-groups"), Some(groups));
        browser.open(&mut world, "/staff").shows("/staff");
    }
}

pub fn a_single_provider_is_no_choice_whatever_the_hint<W: World>() {
    let setup = Setup::default().of_provider("login_hint_domains", json!(["example.org"]));
    let (mut world, _) = signed_in::<W>(setup);
    assert_eq!(sent_to(&mut world, "/oauth2/login?login_hint=a%40nowhere.example"), Some(ISSUER));
}

/// The deployment after a change of its configuration; the browser keeps what it has.
fn redeployed<W: World>(rename: &[(&str, &str)]) -> W {
    let mut setup = two();
    setup.document["rules"] = json!([{"match": {"path_prefix": "/corp"}, "providers": ["corp"]}]);
    for provider in setup.document["providers"].as_array_mut().expect("a list") {
        let new = rename.iter().find(|(old, _)| provider["name"] == *old).map(|(_, new)| *new);
        provider["name"] = new.map_or_else(|| provider["name"].clone(), Into::into);
    }
    W::open(setup)
}

pub fn a_session_stays_with_its_issuer_when_names_change<W: World>() {
    let mut world = W::open(two());
    let mut browser = Browser::default();
    browser.open(&mut world, "/partner").shows("/partner");
    // Renamed: nobody is signed out, and everything sees the new name.
    let mut renamed = redeployed::<W>(&[("partner", "guests")]);
    let upstream = browser.fetch(&mut renamed, "/other");
    assert_eq!(upstream.forwarded().header("x-auth-provider"), Some("guests"));
    // Exchanged: the issuer says whose session it is, and the configuration what that is called.
    let mut exchanged = redeployed::<W>(&[("partner", "corp"), ("corp", "partner")]);
    let upstream = browser.fetch(&mut exchanged, "/other");
    assert_eq!(upstream.forwarded().header("x-auth-issuer"), Some(SECOND_ISSUER));
    assert_eq!(upstream.forwarded().header("x-auth-provider"), Some("corp"));
}

pub fn a_login_under_way_stays_with_its_issuer_when_names_change<W: World>() {
    let mut world = W::open(two());
    let mut browser = Browser::default();
    let tab = browser.follow_until_callback(&mut world, Tab::new("/partner"));
    let mut exchanged = redeployed::<W>(&[("partner", "corp"), ("corp", "partner")]);
    // The answer says whose it is, so only the right one gets as far as its token endpoint, which does not know the code here.
    let page = browser.follow(&mut exchanged, tab);
    page.exchange.refused_with(400).because_of("token.invalid_grant");
    let asked = exchanged.provider().last(Endpoint::Token).expect("asked").target().to_owned();
    assert!(SECOND_ISSUER.ends_with(asked.trim_end_matches("/token")), "{asked}");
}

pub fn sessions_of_a_provider_that_is_gone_are_none<W: World>() {
    let mut world = W::open(two());
    let mut browser = Browser::default();
    browser.open(&mut world, "/partner").shows("/partner");
    let mut without = W::open(Setup::default());
    browser.fetch(&mut without, "/").refused_with(401).because_of("session.required");
    browser.open(&mut without, "/").shows("/");
}
