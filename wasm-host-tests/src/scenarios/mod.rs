//! What must be true in every ring, as sentences. One file a theme; [`scenarios!`](crate::scenarios!) lists them all once.
#![allow(missing_docs, reason = "the name of a scenario says what it is")]

pub mod assertion;
pub mod audit;
pub mod backchannel_logout;
pub mod bad_input;
pub mod bearer;
pub mod bearer_keys;
pub mod bearer_rules;
pub mod client;
pub mod endpoints;
pub mod exchange;
pub mod fragments;
pub mod frames;
pub mod frontchannel_logout;
pub mod headers;
pub mod hosts;
pub mod id_token;
pub mod introspection;
pub mod key_refresh;
pub mod login;
pub mod login_answers;
pub mod logout;
pub mod loops;
pub mod paths;
pub mod possession;
pub mod posted_forms;
pub mod programs;
pub mod provider_faults;
pub mod provider_keys;
pub mod recorded_logins;
pub mod recorded_tokens;
pub mod refresh;
pub mod refresh_failures;
pub mod refusals;
pub mod resource_metadata;
pub mod session;
pub mod session_cookies;
pub mod several_providers;
pub mod silent;
pub mod sizes;
pub mod step_up;
pub mod userinfo;

mod registry;
mod registry_of_browsers;
mod registry_of_providers;
mod registry_of_sessions;

pub use crate::attacks::{
    headers as attacks_headers, markup as attacks_markup, redirects as attacks_redirects,
    robustness as attacks_robustness, rules as attacks_rules, secrets as attacks_secrets, sessions as attacks_sessions,
    tokens as attacks_tokens,
};
pub use crate::conformance::{
    backchannel_logout as conformance_backchannel_logout, basic as conformance_basic, config as conformance_config,
    fapi_2 as conformance_fapi, form_post as conformance_form_post, logout as conformance_logout,
    sessions as conformance_sessions,
};

use crate::browser::Browser;
use crate::message::Request;
use crate::provider::id_token::Draft;
use crate::setup::Setup;
use crate::world::{Need, World};

/// The session cookie's name without configuration.
pub(crate) const SESSION_COOKIE: &str = "__Host-latchkey";

/// Runs a scenario, or declares that this ring cannot.
pub fn run<W: World>(name: &str, needs: &[Need], scenario: fn()) {
    let missing: Vec<&Need> = needs.iter().filter(|need| W::LACKS.contains(need)).collect();
    if missing.is_empty() {
        scenario();
    } else {
        println!("declared, not run: {name} needs {missing:?}, which the ring `{}` lacks", W::RING);
    }
}

/// A scenario of one ring.
pub struct Scenario {
    /// What it says.
    pub name: &'static str,
    /// What it cannot do without.
    pub needs: &'static [Need],
    /// The scenario itself; it panics when what it says is not so.
    pub tell: fn(),
}

/// Runs scenarios one after the other, to the end, and then fails if one of them did.
pub fn run_all<W: World>(scenarios: &[Scenario]) {
    let failed = scenarios.iter().filter(|Scenario { name, needs, tell }| {
        let failed = std::panic::catch_unwind(|| run::<W>(name, needs, *tell)).is_err();
        println!("{} {name}", if failed { "FAILED" } else { "done" });
        failed
    });
    let failed: Vec<&str> = failed.map(|scenario| scenario.name).collect();
    assert!(failed.is_empty(), "{} of {} scenarios failed: {failed:?}", failed.len(), scenarios.len());
}

/// An access token of the provider, changed before it is signed.
pub(crate) fn access_token<W: World>(world: &mut W, change: impl FnOnce(&mut Draft)) -> String {
    let now = world.now();
    let mut draft = world.provider().access_token(now);
    change(&mut draft);
    draft.sign()
}

/// A client's request with an access token.
pub(crate) fn call(path: &str, token: &str) -> Request {
    Request::get(path).with("authorization", format!("Bearer {token}"))
}

/// A world in which a person has signed in, and that person's browser.
pub(crate) fn signed_in<W: World>(setup: Setup) -> (W, Browser) {
    let mut world = W::open(setup);
    let mut browser = Browser::default();
    browser.open(&mut world, "/").shows("/");
    (world, browser)
}

/// The names of the cookies that the browser keeps for us, but for the one that says for a minute that a login went well.
pub(crate) fn own_cookies<W: World>(browser: &Browser, world: &W) -> Vec<String> {
    let alive = browser.jar.alive(world.now());
    let ours = alive.into_iter().filter(|cookie| cookie.name.contains("latchkey"));
    ours.filter(|cookie| !(cookie.name.ends_with("-login") && cookie.value.len() == 2))
        .map(|cookie| cookie.name.clone())
        .collect()
}

/// Whether the browser has a session.
pub(crate) fn has_session<W: World>(browser: &mut Browser, world: &mut W) -> bool {
    browser.fetch(world, "/oauth2/session").status() == 200
}
