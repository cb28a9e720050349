//! Signing out: here, and at the provider (RP-Initiated Logout 1.0).

use std::rc::Rc;

use crate::admission::LiveSession;
use crate::denial::Denial;
use crate::http::Response;
use crate::http::navigation::is_same_origin_or_direct;
use crate::login::return_to::ReturnTarget;
use crate::page;
use crate::protocol::{EndSessionRequest, end_session_url};

use super::decision::{About, Decision};
use super::provider::LoadedProvider;
use super::session_cookie::{Reading, Use};
use super::visit::Visit;
use super::{AwaitProvider, Need, Scene, Step, Wait, revocation, session_cookie, stored_session};

/// `state` of every logout: where a person arrives with it, a logout came to its end. Nothing depends on its coming back.
const SIGNED_OUT: &str = "latchkey-signed-out";

/// Ends the session, unless another site asks for it.
pub(super) fn end_session(visit: Visit, scene: &mut Scene<'_>) -> Step {
    if !is_same_origin_or_direct(&visit.head, &visit.origin) {
        return visit.refuse(Denial::CrossSiteLogout, scene);
    }
    let live = match session_cookie::read(&visit, Use::Ending, scene) {
        Reading::Live(live) => Some(live),
        Reading::Pending(pending) => return pending.wait(visit),
        // Whatever hinders its use, its cookies are removed.
        Reading::Absent => None,
        Reading::Refused(_) => {
            session_cookie::end_unread(&visit, scene);
            tell("logout.requested", &visit, None, scene);
            None
        }
    };
    if let Some(live) = &live {
        revocation::end(live, scene);
        tell("logout.requested", &visit, Some(live), scene);
        if let Some(place) = live.stored() {
            stored_session::remove(place, scene);
        }
    }
    let of_provider = live.and_then(|live| {
        let provider = scene.providers.iter().position(|slot| slot.config.name == live.session().provider)?;
        Some((provider, live))
    });
    match of_provider {
        // This worker may not have met the provider yet.
        Some((provider, live)) => {
            let need = Need { provider, newer_than: None };
            Step::Wait(Wait::Provider { need, flow: AwaitProvider::Logout(EndSession { visit, need, live }) })
        }
        None => leave(&visit, None, scene),
    }
}

/// Tells that a session has ended, which may not be known.
pub(super) fn tell(reason: &'static str, visit: &Visit, live: Option<&LiveSession>, scene: &mut Scene<'_>) {
    let about = About { reason: Some(reason), visit: Some(visit), ..About::default() };
    let about = live
        .map(LiveSession::session)
        .map_or(about, |session| About { provider: Some(&session.provider), ..about }.whom(&session.claims));
    scene.tell(Decision::Logout, about);
}

/// A session that has ended here, and ends at its provider as soon as that is available, or is known not to be.
pub struct EndSession {
    visit: Visit,
    need: Need,
    live: Rc<LiveSession>,
}

impl EndSession {
    pub(super) fn resume(self, scene: &mut Scene<'_>) -> Step {
        let provider = scene.provider(self.need).ok();
        leave(&self.visit, provider.as_deref().map(|provider| (provider, &*self.live)), scene)
    }
}

/// Removes the cookies, and leads on: to the provider that the session is from, or to where the visitor wants to go.
fn leave(visit: &Visit, of_provider: Option<(&LoadedProvider, &LiveSession)>, scene: &mut Scene<'_>) -> Step {
    let target = return_target(visit, scene);
    let after = target.as_ref().map_or("/", ReturnTarget::as_str);
    let at_provider = of_provider.and_then(|(provider, live)| {
        let request = EndSessionRequest {
            client_id: &provider.registration()?.client.client_id,
            id_token_hint: live.session().tokens.id_token.as_ref(),
            post_logout_redirect_uri: &format!("{}{after}", visit.origin.origin),
            state: SIGNED_OUT,
        };
        end_session_url(&provider.metadata, &request)
    });
    let response = match (at_provider, &target) {
        (Some(url), _) => Response::redirect(url.as_str()),
        (None, Some(target)) => Response::redirect(&with_state(target.as_str())),
        (None, None) => page::signed_out(&Visit::login_path(scene.config, &[])),
    };
    response.with_cookies(session_cookie::sign_out(visit, scene)).into()
}

fn return_target(visit: &Visit, scene: &Scene<'_>) -> Option<ReturnTarget> {
    let query = visit.head.query().unwrap_or_default();
    let (_, value) = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "return_to")?;
    ReturnTarget::parse(&value, &visit.origin, &scene.config.base_path)
}

/// What a person sees who arrives after a logout where a session is needed: that they are signed out. A login that begins by
/// itself would sign them in again, wherever the provider's session lives on.
pub(super) fn landing(visit: &Visit, scene: &mut Scene<'_>) -> Option<Response> {
    let target = without_state(visit.head.path_and_query()?)?;
    if session_cookie::glance(visit, scene).is_some() {
        return None;
    }
    let target = ReturnTarget::parse(&target, &visit.origin, &scene.config.base_path)?;
    Some(page::signed_out(&Visit::login_path(scene.config, &[("return_to", target.as_str())])))
}

fn with_state(path_and_query: &str) -> String {
    let separator = if path_and_query.contains('?') { '&' } else { '?' };
    format!("{path_and_query}{separator}state={SIGNED_OUT}")
}

/// The same place as before [`with_state`]; `None` where it was not.
fn without_state(path_and_query: &str) -> Option<String> {
    let (path, query) = path_and_query.split_once('?')?;
    let is_ours = |parameter: &&str| parameter.strip_prefix("state=") == Some(SIGNED_OUT);
    query.split('&').find(is_ours)?;
    let others: Vec<_> = query.split('&').filter(|parameter| !is_ours(parameter)).collect();
    let separator = if others.is_empty() { "" } else { "?" };
    Some(format!("{path}{separator}{}", others.join("&")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_of_a_logout_is_added_and_taken_away() {
        for (place, with) in [
            ("/", "/?state=latchkey-signed-out"),
            ("/a?b=c", "/a?b=c&state=latchkey-signed-out"),
            ("/a?state=its-own", "/a?state=its-own&state=latchkey-signed-out"),
        ] {
            assert_eq!(with_state(place), with);
            assert_eq!(without_state(with).as_deref(), Some(place));
        }
        for other in ["/", "/?state=", "/?state=latchkey", "/?x=latchkey-signed-out", "/latchkey-signed-out"] {
            assert_eq!(without_state(other), None, "{other}");
        }
    }
}
