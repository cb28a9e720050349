//! Redirects to elsewhere: every parameter that can become a `Location`, a link or a refresh, with every address of the corpus.

use url::{Origin, Url};

use super::corpus::{Case, cases_of};
use crate::browser::{Browser, Tab};
use crate::jar::Initiator;
use crate::message::{ORIGIN, Request, Response};
use crate::provider::{Endpoint, PROVIDER_ORIGIN};
use crate::scenarios::signed_in;
use crate::setup::Setup;
use crate::world::World;

const TARGETS: &str = include_str!("corpus/return_targets.txt");

fn without_end_session() -> Setup {
    Setup::default().provider(|provider| {
        provider.change_metadata(|document| {
            document.as_object_mut().map(|members| members.remove("end_session_endpoint"));
        });
    })
}

fn origin(url: &str) -> Origin {
    Url::parse(url).unwrap_or_else(|error| panic!("{url}: {error}")).origin()
}

/// Where an answer can lead a browser: its `Location`, and the links, forms and refreshes of its page.
fn leads(response: &Response) -> Vec<String> {
    let text = response.text();
    let after = |mark: &str| -> Vec<String> {
        let values = text.split(mark).skip(1).filter_map(|rest| rest.split('"').next());
        values.map(|value| value.replace("&amp;", "&").replace("&quot;", "\"").replace("&#39;", "'")).collect()
    };
    let location = response.header("location").map(str::to_owned);
    let marks = ["href=\"", "action=\"", "content=\"0;url=", "src=\""];
    location.into_iter().chain(marks.into_iter().flat_map(after)).collect()
}

/// Nothing in the answer leads elsewhere than to this deployment or its provider, and nothing of the address has become a header.
#[track_caller]
fn leads_nowhere_else(response: &Response, case: &Case) {
    let here = Url::parse(ORIGIN).expect("a URL");
    for lead in leads(response) {
        let led = here.join(&lead).unwrap_or_else(|error| panic!("{case:?}: {lead}: {error}"));
        assert!([ORIGIN, PROVIDER_ORIGIN].map(origin).contains(&led.origin()), "{case:?} leads to {lead}");
        assert!(
            lead.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\'),
            "{case:?}: browsers differ on {lead:?}"
        );
        for (name, value) in led.query_pairs().filter(|(name, _)| name.ends_with("redirect_uri")) {
            assert_eq!(origin(&value), origin(ORIGIN), "{case:?} makes {name} {value}");
        }
    }
    for name in ["refresh", "content-location", "link"] {
        assert_eq!(response.header(name), None, "{case:?}");
    }
    let cookies = response.set_cookies();
    assert!(!cookies.iter().any(|line| line.contains("evil")), "{case:?}: {cookies:?}");
}

/// The whole login, from `begin` to the page that it ends at.
#[track_caller]
fn ends_here<W: World>(world: &mut W, begin: &str, case: &Case) {
    let page = Browser::default().open(world, begin);
    assert_eq!(origin(&page.address), origin(ORIGIN), "{case:?} through {begin}");
    assert!(page.passed_provider(), "{case:?} through {begin}: no login");
    for address in &page.trail {
        assert!([ORIGIN, PROVIDER_ORIGIN].map(origin).contains(&origin(address)), "{case:?}: {:?}", page.trail);
    }
    leads_nowhere_else(&page.exchange.response, case);
}

fn leads_nobody_away<W: World>(advisory: &str) {
    let (mut world, browser) = signed_in::<W>(Setup::default());
    let (mut alone, other) = signed_in::<W>(without_end_session());
    for case in cases_of(TARGETS, advisory) {
        let encoded: String = form_urlencoded::byte_serialize(case.text().as_bytes()).collect();
        ends_here(&mut world, &format!("/oauth2/login?return_to={encoded}"), &case);
        ends_here(&mut world, &format!("/oauth2/login?return_to=%2F&fragment={encoded}"), &case);
        asks_the_provider_about_nothing_else(&mut world, &browser, &encoded, &case);
        for method in ["GET", "POST"] {
            let logout = |browser: &Browser, world: &W| {
                let request =
                    Request::navigation(&format!("/oauth2/logout?return_to={encoded}")).set(":method", method);
                browser.with_cookies(request.set("sec-fetch-site", "same-origin"), Initiator::SameSite, world)
            };
            let request = logout(&other, &alone).with("origin", ORIGIN);
            leads_nowhere_else(&alone.send(request).response, &case);
            let request = logout(&Browser::default(), &world).with("origin", ORIGIN);
            leads_nowhere_else(&world.send(request).response, &case);
        }
        // Parameters that are no addresses, and names that others give to theirs.
        for path in [
            format!("/oauth2/login?login_hint={encoded}"),
            format!("/oauth2/login?provider={encoded}"),
            format!("/oauth2/login?rd={encoded}&target_link_uri={encoded}&redirect_uri={encoded}&next={encoded}"),
            format!("/oauth2/callback?code=x&state={encoded}"),
            format!("/oauth2/callback?error=access_denied&error_uri={encoded}&state={encoded}&iss={encoded}"),
            format!("/oauth2/frontchannel-logout?iss={encoded}&sid={encoded}"),
        ] {
            leads_nowhere_else(&world.send(Request::navigation(&path)).response, &case);
        }
        // The address that is asked for is where a person returns to.
        if case.text().starts_with('/') && case.text().bytes().all(|byte| byte.is_ascii_graphic()) {
            let first = world.send(Request::navigation(case.text()));
            leads_nowhere_else(&first.response, &case);
            if first.status() == 302 {
                ends_here(&mut world, case.text(), &case);
            }
            leads_nowhere_else(&world.send(Request::fetch(case.text())).response, &case);
        }
    }
}

/// At a logout the provider is told where to lead people afterwards.
fn asks_the_provider_about_nothing_else<W: World>(world: &mut W, browser: &Browser, encoded: &str, case: &Case) {
    let mut leaving = browser.clone();
    let before = world.provider().count(Endpoint::EndSession);
    let page = leaving.open(world, &format!("/oauth2/logout?return_to={encoded}"));
    assert_eq!(origin(&page.address), origin(ORIGIN), "{case:?}");
    if world.provider().count(Endpoint::EndSession) > before {
        let told = world.provider().last(Endpoint::EndSession).and_then(|told| told.query("post_logout_redirect_uri"));
        assert!(told.as_deref().is_none_or(|told| origin(told) == origin(ORIGIN)), "{case:?}: {told:?}");
    }
    leads_nowhere_else(&page.exchange.response, case);
}

pub fn ghsa_qqxw_m5fj_f7gv_a_backslash_leads_nowhere<W: World>() {
    leads_nobody_away::<W>("GHSA-qqxw-m5fj-f7gv");
}

pub fn ghsa_j7px_6hwj_hpjg_white_space_leads_nowhere<W: World>() {
    leads_nobody_away::<W>("GHSA-j7px-6hwj-hpjg");
}

pub fn ghsa_5m6c_jp6f_2vcv_dots_before_two_slashes_lead_nowhere<W: World>() {
    leads_nobody_away::<W>("GHSA-5m6c-jp6f-2vcv");
}

pub fn ghsa_4mf2_f3wh_gvf2_a_host_that_ends_like_ours_leads_nowhere<W: World>() {
    leads_nobody_away::<W>("GHSA-4mf2-f3wh-gvf2");
}

pub fn cve_2019_14857_slashes_upon_slashes_lead_nowhere<W: World>() {
    leads_nobody_away::<W>("CVE-2019-14857");
}

pub fn cve_2019_20479_a_slash_and_a_backslash_lead_nowhere<W: World>() {
    leads_nobody_away::<W>("CVE-2019-20479");
}

pub fn cve_2021_32786_what_parsers_and_browsers_read_differently_leads_nowhere<W: World>() {
    leads_nobody_away::<W>("CVE-2021-32786");
}

pub fn cve_2021_39191_an_address_of_elsewhere_leads_nowhere<W: World>() {
    leads_nobody_away::<W>("CVE-2021-39191");
}

pub fn cve_2022_23527_a_tab_between_slashes_leads_nowhere<W: World>() {
    leads_nobody_away::<W>("CVE-2022-23527");
}

pub fn go_2022_0783_user_information_leads_nowhere<W: World>() {
    leads_nobody_away::<W>("GO-2022-0783");
}

pub fn go_2022_0827_another_port_or_scheme_leads_nowhere<W: World>() {
    leads_nobody_away::<W>("GO-2022-0827");
}

pub fn cve_2024_21497_line_ends_and_unicode_dots_lead_nowhere<W: World>() {
    leads_nobody_away::<W>("CVE-2024-21497");
}

/// The host of the request, and what headers say of it, is no way out either.
pub fn no_host_of_a_request_becomes_a_redirect<W: World>() {
    let mut world = W::open(Setup::default());
    let said =
        ["x-forwarded-host", "x-original-host", "x-host", "forwarded", "x-forwarded-server", "x-forwarded-prefix"];
    for path in ["/", "/oauth2/login?return_to=%2Fa", "/oauth2/logout"] {
        let request = said.into_iter().fold(Request::navigation(path), |request, name| {
            request.with(name, if name == "forwarded" { "host=evil.example;proto=https" } else { "evil.example" })
        });
        let exchange = world.send(request.with("x-forwarded-port", "8443").with("referer", "https://evil.example/"));
        let all: String = leads(&exchange.response).join("\n");
        assert!(exchange.upstream.is_none() && !all.contains("evil") && !all.contains("8443"), "{all}");
    }
    let tab = Tab::at("evil.example", "/oauth2/login?return_to=https%3A%2F%2Fevil.example%2F");
    let all = leads(&world.send(tab.next).response).join("\n");
    assert!(!all.contains("evil.example"), "{all}");
}
