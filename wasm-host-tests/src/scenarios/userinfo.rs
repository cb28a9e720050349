//! Claims of the UserInfo endpoint (OIDC Core 1.0 §5.3).

use serde_json::json;

use super::has_session;
use crate::browser::Browser;
use crate::provider::id_token::Draft;
use crate::provider::keys::TestKey;
use crate::provider::{Behaviour, Endpoint};
use crate::setup::Setup;
use crate::world::World;

fn asking() -> Setup {
    let setup = Setup::default().of_provider("userinfo", true).header("x-auth-department", "claims.department");
    setup.provider(|provider| provider.userinfo = json!({"department": "finance", "email": "ada@new.example.org"}))
}

pub fn claims_of_userinfo_are_merged_at_login<W: World>() {
    let mut world = W::open(asking());
    let mut browser = Browser::default();
    let page = browser.open(&mut world, "/");
    let upstream = page.shows("/");
    assert_eq!(upstream.header("x-auth-department"), Some("finance"));
    assert_eq!(upstream.header("x-auth-email"), Some("ada@new.example.org"));
    assert_eq!(upstream.header("x-auth-groups"), Some("finance,staff"), "those of the ID token stay");
    let provider = world.provider();
    assert_eq!((provider.count(Endpoint::Userinfo), provider.complaints.clone()), (1, Vec::new()));
}

pub fn nobody_asks_for_what_is_not_wanted<W: World>() {
    let mut world = W::open(Setup::default());
    Browser::default().open(&mut world, "/").shows("/");
    assert_eq!(world.provider().count(Endpoint::Userinfo), 0);
}

/// The login ends with this status and reason, and without a session.
fn refused<W: World>((status, reason): (u16, &str), setup: Setup) {
    let mut world = W::open(setup);
    let mut browser = Browser::default();
    browser.open(&mut world, "/target").exchange.refused_with(status).because_of(reason);
    assert!(!has_session(&mut browser, &mut world));
}

pub fn userinfo_about_somebody_else_is_refused<W: World>() {
    let says = |change: fn(&mut Draft)| asking().provider(|provider| provider.change_userinfo(change));
    refused::<W>((502, "userinfo.subject_mismatch"), says(|draft| draft.append("sub", "invalid")));
    refused::<W>((502, "userinfo.subject_missing"), says(|draft| draft.remove("sub")));
}

pub fn signed_userinfo_is_verified<W: World>() {
    let signed = |change: fn(&mut Draft)| {
        asking().provider(|provider| {
            provider.signs_userinfo = true;
            provider.change_userinfo(change);
        })
    };
    let mut world = W::open(signed(|_| ()));
    let page = Browser::default().open(&mut world, "/");
    assert_eq!(page.shows("/").header("x-auth-department"), Some("finance"));
    refused::<W>((502, "userinfo.signature_invalid"), signed(|draft| draft.sign_with(TestKey::P256B)));
    refused::<W>((502, "userinfo.issuer_mismatch"), signed(|draft| draft.append("iss", "1")));
    refused::<W>((502, "userinfo.audience_mismatch"), signed(|draft| draft.claim("aud", "other")));
    refused::<W>((502, "userinfo.subject_mismatch"), signed(|draft| draft.append("sub", "1")));
}

pub fn userinfo_never_speaks_for_the_id_token<W: World>() {
    let setup = asking().header("x-auth-acr", "claims.acr").provider(|provider| {
        provider.user["acr"] = json!("basic");
        provider.change_userinfo(|draft| {
            draft.claim("acr", "urn:mfa");
            draft.claim("iss", "https://evil.example.org");
        });
    });
    let setup = setup.rule(json!({"match": {"path_prefix": "/vault"}, "acr_values": ["urn:mfa"]}));
    let mut world = W::open(setup);
    let mut browser = Browser::default();
    let page = browser.open(&mut world, "/");
    assert_eq!(page.shows("/").header("x-auth-acr"), Some("basic"));
    browser.fetch(&mut world, "/vault").refused_with(401).because_of("step_up.required");
}

pub fn userinfo_that_cannot_be_had_refuses_the_login<W: World>() {
    let does = |behaviour| asking().provider(|provider| provider.behave(Endpoint::Userinfo, behaviour));
    refused::<W>((503, "userinfo.unavailable"), does(Behaviour::html(503)));
    refused::<W>((502, "userinfo.refused"), does(Behaviour::html(403)));
    refused::<W>((502, "userinfo.malformed"), does(Behaviour::rubbish()));
    refused::<W>((502, ""), does(Behaviour::large()));
}

pub fn a_provider_without_userinfo_is_named_before_anybody_signs_in<W: World>() {
    let setup = asking().provider(|provider| {
        provider.change_metadata(|document| document["userinfo_endpoint"] = json!(null));
    });
    let mut world = W::open(setup);
    let page = Browser::default().open(&mut world, "/");
    page.exchange.refused_with(502).because_of("userinfo.endpoint_missing");
    assert_eq!(world.provider().count(Endpoint::Authorize), 0);
    assert!(
        world.log().iter().any(|line| line.contains("userinfo.endpoint_missing; provider: corp")),
        "{:?}",
        world.log()
    );
}
