//! The end of a refresh whose tokens are good: what the provider has to add, and the session that goes on.

use std::rc::Rc;

use serde_json::{Map, Value};

use crate::config::KeptTokens;
use crate::flow::decision::{About, Decision};
use crate::flow::provider::LoadedProvider;
use crate::flow::{Scene, TaskCallout, TaskStep, TaskWait, userinfo};
use crate::http::CalloutOutcome;
use crate::log::LogLine;
use crate::protocol::refresh::RefreshError;
use crate::protocol::token::TokenAnswer;
use crate::protocol::{UserinfoAnswer, UserinfoError, VerifiedIdToken};
use crate::reason::Reason as _;
use crate::session::IssuedTokens;
use crate::session::cookie::{PresentParts, set_cookies};
use crate::session::refreshed::Refreshed;

use super::Refresh;
use super::task::ENDED;

/// A refresh whose ID token, if there is one, is good.
pub(super) struct Verified {
    pub(super) refresh: Rc<Refresh>,
    pub(super) answer: TokenAnswer,
    pub(super) id_token: Option<VerifiedIdToken>,
}

impl Verified {
    /// Asks for the UserInfo claims, where they are wanted.
    pub(super) fn ask(self, loaded: &Rc<LoadedProvider>, scene: &mut Scene<'_>) -> TaskStep {
        let Some(registration) = loaded.registration() else {
            return self.refresh.fail(&RefreshError::ProviderNotReady, scene);
        };
        match userinfo::request(registration, &self.answer.access_token) {
            Ok(Some(request)) => {
                self.refresh.prolong(scene);
                let task = AwaitRefreshedUserinfo { verified: Box::new(self), loaded: Rc::clone(loaded) };
                let task = TaskCallout::RefreshedUserinfo(task);
                TaskStep::Wait(TaskWait::Callout { request: Box::new(request), task })
            }
            Ok(None) => {
                let claims = self.id_token.as_ref().map(|id_token| id_token.claims().clone());
                self.finish(claims, scene)
            }
            Err(error) => self.refresh.fail(&error.into(), scene),
        }
    }

    /// The session goes on with `claims`; `None`: with those that it has.
    fn finish(self, claims: Option<Map<String, Value>>, scene: &mut Scene<'_>) -> TaskStep {
        let Self { refresh, answer, id_token } = self;
        let config = scene.config;
        let client = scene.providers.get(refresh.provider).and_then(|slot| slot.config.client.as_ref());
        let (Some(policy), Some(old), Some(client)) = (&config.session, &refresh.session.tokens.refresh, client) else {
            return ENDED;
        };
        let TokenAnswer { access_token, refresh_token, expires_in, scope, id_token: received } = answer;
        let is_spent = refresh_token.as_ref().is_some_and(|new| *new != old.value);
        let issued = IssuedTokens {
            access_token,
            expires_in,
            refresh_token: refresh_token.or_else(|| Some(old.value.clone())),
            nonce: old.nonce.clone(),
            id_token: received.map(|id_token| id_token.as_received().clone()),
        };
        let brought = Refreshed {
            claims,
            scopes: scope.map(|scope| scope.split_ascii_whitespace().map(str::to_owned).collect()),
            tokens: refresh.session.tokens.replaced(issued, KeptTokens::of(config, client), scene.now),
            acr: id_token.as_ref().and_then(VerifiedIdToken::acr).map(str::to_owned),
            sid: id_token.as_ref().and_then(VerifiedIdToken::sid).map(str::to_owned),
        };
        let next = refresh.session.refreshed(brought, policy, scene.now);
        let max_age = next.expires_at.since(scene.now);
        let is_stored = refresh.stored.is_some();
        let fits = |sealed: &Vec<u8>| {
            is_stored
                || set_cookies(&policy.cookie, policy.max_cookies, sealed, max_age, PresentParts::default()).is_ok()
        };
        match refresh.seal(&next, policy, scene).filter(fits) {
            Some(sealed) => {
                let about = About { provider: Some(&next.provider), ..About::default() };
                scene.tell(Decision::Refresh, about.whom(&next.claims));
                refresh.place().refreshed(&sealed, is_spent, scene.now, &mut scene.shared);
                refresh.leave_in_store(&sealed, &next, scene)
            }
            None => refresh.fail(&RefreshError::SessionTooLarge, scene),
        }
    }
}

/// A refresh that waits for the answer of the UserInfo endpoint.
pub struct AwaitRefreshedUserinfo {
    verified: Box<Verified>,
    loaded: Rc<LoadedProvider>,
}

impl AwaitRefreshedUserinfo {
    pub(in crate::flow) fn resume(self, outcome: CalloutOutcome, scene: &mut Scene<'_>) -> TaskStep {
        let Self { verified, loaded } = self;
        let refresh = Rc::clone(&verified.refresh);
        let old = refresh.session.claims.clone();
        let known = verified.id_token.as_ref().map_or_else(|| old.clone(), |id_token| id_token.claims().clone());
        let subject = refresh.claim("sub");
        let claims = UserinfoAnswer::of(outcome)
            .and_then(|answer| userinfo::claims(&answer, (subject, known.clone()), &loaded, scene));
        match claims {
            Ok(claims) => verified.finish(Some(claims), scene),
            // The refresh token is spent already: what UserInfo said before goes for another while.
            Err(error) if may_pass(&error) => {
                let (code, provider) = (error.code(), &refresh.session.provider);
                scene.log.push(LogLine::warn(format!("refreshed without UserInfo: {code}; provider: {provider}")));
                verified.finish(Some(old.into_iter().chain(known).collect()), scene)
            }
            Err(error) => refresh.fail(&error.into(), scene),
        }
    }
}

/// Whether the next refresh may find the UserInfo endpoint better disposed.
fn may_pass(error: &UserinfoError) -> bool {
    error.is_temporary() || error.newer_keys_may_help()
}
