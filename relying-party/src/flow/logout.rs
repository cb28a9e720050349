//! Signing out: here, and at the provider (RP-Initiated Logout 1.0).

use crate::denial::Denial;
use crate::http::Response;
use crate::http::navigation::is_same_origin_or_direct;
use crate::login::return_to::ReturnTarget;
use crate::page;
use crate::protocol::end_session_url;

use super::provider::LoadedProvider;
use super::session_cookie::{Reading, Use};
use super::visit::Visit;
use super::{AwaitProvider, Need, Scene, Step, Wait, revocation, session_cookie};

/// Ends the session, unless another site asks for it.
pub(super) fn end_session(visit: Visit, scene: &mut Scene<'_>) -> Step {
    if !is_same_origin_or_direct(&visit.head, &visit.origin) {
        return visit.refuse(Denial::CrossSiteLogout, scene);
    }
    let live = match session_cookie::read(&visit, Use::Ending, scene) {
        Reading::Live(live) => Some(live),
        Reading::Pending(pending) => return pending.wait(visit),
        // Whatever hinders its use, its cookies are removed.
        Reading::Absent | Reading::Refused(_) => None,
    };
    if let Some(live) = &live {
        revocation::end(live, scene);
    }
    let provider =
        live.and_then(|live| scene.providers.iter().position(|slot| slot.config.name == live.session().provider));
    match provider {
        // This worker may not have met the provider yet.
        Some(provider) => {
            let need = Need { provider, newer_than: None };
            Step::Wait(Wait::Provider { need, flow: AwaitProvider::Logout(EndSession { visit, need }) })
        }
        None => leave(&visit, None, scene),
    }
}

/// A session that ends as soon as its provider is available, or is known not to be.
pub struct EndSession {
    visit: Visit,
    need: Need,
}

impl EndSession {
    pub(super) fn resume(self, scene: &mut Scene<'_>) -> Step {
        let provider = scene.provider(self.need).ok();
        leave(&self.visit, provider.as_deref(), scene)
    }
}

/// Removes the session here, and leads on: to the provider that it is from, or to where the visitor wants to go.
fn leave(visit: &Visit, provider: Option<&LoadedProvider>, scene: &mut Scene<'_>) -> Step {
    let target = return_target(visit, scene);
    let after = target.as_ref().map_or("/", ReturnTarget::as_str);
    let at_provider = provider.and_then(|provider| {
        let back = format!("{}{after}", visit.origin.origin);
        end_session_url(&provider.metadata, &provider.registration()?.client.client_id, &back, None)
    });
    let response = match (at_provider, &target) {
        (Some(url), _) => Response::redirect(url.as_str()),
        (None, Some(target)) => Response::redirect(target.as_str()),
        (None, None) => page::signed_out(&Visit::login_path(scene.config, &[])),
    };
    response.with_cookies(session_cookie::sign_out(visit, scene)).into()
}

fn return_target(visit: &Visit, scene: &Scene<'_>) -> Option<ReturnTarget> {
    let query = visit.head.query().unwrap_or_default();
    let (_, value) = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "return_to")?;
    ReturnTarget::parse(&value, &visit.origin, &scene.config.base_path)
}
