//! The filter's own endpoints, below `base_path`.

use std::rc::Rc;

use serde_json::json;

use crate::config::Provider;
use crate::denial::Denial;
use crate::http::Response;
use crate::http::navigation::Initiator;
use crate::login::attempt::Beginning;
use crate::login::fragment::Fragment;
use crate::login::posted_form::FormId;
use crate::login::return_to::ReturnTarget;
use crate::policy::path::RequestPath;
use crate::reason::Reason;

use super::session_cookie::{Reading, Use};
use super::visit::Visit;
use super::{Scene, Step, backchannel_logout, callback, frontchannel_logout, login, logout, session_cookie, step_up};

/// Answers a request to an endpoint.
pub(super) fn answer(visit: Visit, path: &RequestPath, scene: &mut Scene<'_>) -> Step {
    let name = path.literal().strip_prefix(scene.config.base_path.as_str()).unwrap_or_default();
    match (name, visit.head.method()) {
        ("/callback", "GET") => callback::from_query(visit, scene),
        ("/callback", "POST") => callback::from_form(visit),
        ("/login", "GET" | "HEAD") => start_login(visit, scene),
        ("/logout", "GET" | "POST") => logout::end_session(visit, scene),
        ("/backchannel-logout", "POST") => backchannel_logout::take(visit),
        ("/frontchannel-logout", "GET") => frontchannel_logout::answer(visit, scene),
        ("/session", "GET" | "HEAD") => describe_session(visit, scene),
        ("/ready", "GET" | "HEAD") => readiness(scene),
        ("/jwks.json", method) if let Some(policy) = &scene.config.assertion => match method {
            "GET" | "HEAD" => Response::key_set(&policy.key_set()).into(),
            _ => visit.refuse(Denial::MethodNotAllowed("GET, HEAD"), scene),
        },
        ("/callback" | "/logout", _) => visit.refuse(Denial::MethodNotAllowed("GET, POST"), scene),
        ("/login" | "/session" | "/ready", _) => visit.refuse(Denial::MethodNotAllowed("GET, HEAD"), scene),
        ("/backchannel-logout", _) => visit.refuse(Denial::MethodNotAllowed("POST"), scene),
        ("/frontchannel-logout", _) => visit.refuse(Denial::MethodNotAllowed("GET"), scene),
        _ => visit.refuse(Denial::UnknownEndpoint, scene),
    }
}

fn start_login(visit: Visit, scene: &mut Scene<'_>) -> Step {
    let mut choice = login::Choice::default();
    let (mut target, mut fragment, mut form) = (None, None, None);
    for (name, value) in form_urlencoded::parse(visit.head.query().unwrap_or_default().as_bytes()) {
        match &*name {
            // `iss` and `target_link_uri`: a login that somebody else begins (OIDC Core 1.0 §4).
            "return_to" | "target_link_uri" => {
                target = ReturnTarget::parse(&value, &visit.origin, &scene.config.base_path)
            }
            "provider" => choice.provider = Some(value.into_owned()),
            "iss" => choice.provider = Some(name_of_issuer(&value, scene)),
            "login_hint" => choice.login_hint = Some(value.into_owned()),
            "fragment" => fragment = Fragment::parse(&value),
            "form" => form = FormId::parse(&value),
            "silent" => choice.beginning = login::first_try(&visit, scene),
            "again" => choice.beginning = Beginning::Repeated,
            name => step_up::take_parameter(&mut choice.demand, name, &value),
        }
    }
    let target = target.unwrap_or_else(ReturnTarget::root).with(fragment, form);
    if visit.initiator() == Initiator::Navigation {
        login::begin(visit, target, choice, scene)
    } else {
        visit.refuse_demanding(Denial::LoginRequired, (choice.provider.as_deref(), &choice.demand), &target, scene)
    }
}

/// The name of the provider where people of this issuer sign in. Of one that is not known, what nobody is called.
fn name_of_issuer(issuer: &str, scene: &Scene<'_>) -> String {
    let of_issuer = |provider: &&Rc<Provider>| provider.client.is_some() && provider.issuer.accepts(issuer);
    let mut providers = scene.providers.iter().map(|slot| &slot.config);
    providers.find(of_issuer).map_or(issuer, |provider| &provider.name).to_owned()
}

/// For scripts: who is signed in and for how long. Never a token, and no renewal: polling must not keep a session alive.
fn describe_session(visit: Visit, scene: &mut Scene<'_>) -> Step {
    match session_cookie::read(&visit, Use::Inspection, scene) {
        Reading::Live(live) => {
            let session = live.session();
            let document = json!({
                "authenticated": true,
                "provider": session.provider,
                "claims": session.claims,
                "expires_in": session.expires_at.since(scene.now).as_secs(),
                "idle_expires_in": session.idle_expires_at.since(scene.now).as_secs(),
            });
            Response::json(200, &document).into()
        }
        Reading::Absent => Response::json(401, &json!({ "authenticated": false })).into(),
        Reading::Pending(pending) => pending.wait(visit),
        Reading::Refused(unusable) => unusable.refuse(&visit, scene),
    }
}

/// Whether every provider's metadata and keys are loaded, and the store does not keep sessions from being used.
fn readiness(scene: &Scene<'_>) -> Step {
    let providers: serde_json::Map<_, _> = scene
        .providers
        .iter()
        .map(|slot| {
            let reason = slot.failure.as_ref().map(Reason::code);
            let state = match &slot.loaded {
                Some(loaded) => json!({
                    "state": if loaded.is_stale(scene.now) { "stale" } else { "ready" },
                    "reason": reason,
                    "key_ids": loaded.keys.keys().iter().map(|key| &key.kid).collect::<Vec<_>>(),
                    "age": scene.now.since(loaded.loaded_at).as_secs(),
                }),
                None => json!({
                    "state": if slot.is_outdated() { "outdated" } else if reason.is_some() { "failing" } else { "loading" },
                    "reason": reason,
                }),
            };
            (slot.config.name.clone(), state)
        })
        .collect();
    let is_ready = scene.providers.iter().all(|slot| slot.loaded.is_some()) && scene.admits_sessions();
    let store = scene.store.map(|store| {
        json!({
            "state": if store.is_reached(scene.now) { "ready" } else if store.failure.is_some() { "failing" } else { "loading" },
            "reason": store.failure.as_ref().map(Reason::code),
            "age": store.reached_at.map(|reached_at| scene.now.since(reached_at).as_secs()),
        })
    });
    let mut document =
        serde_json::Map::from_iter([("ready".to_owned(), json!(is_ready)), ("providers".to_owned(), json!(providers))]);
    document.extend(store.map(|store| ("store".to_owned(), store)));
    let document = serde_json::Value::Object(document);
    Response::json(if is_ready { 200 } else { 503 }, &document).into()
}
