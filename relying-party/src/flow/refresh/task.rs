//! A refresh, step by step. It belongs to no request: once the provider was asked, what it answers is for all who have the session.

use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;

use crate::flow::decision::{About, Decision};
use crate::flow::provider::LoadedProvider;
use crate::flow::{Need, Scene, TaskCallout, TaskEnd, TaskMoment, TaskProvider, TaskStep, TaskWait};
use crate::http::CalloutOutcome;
use crate::log::LogLine;
use crate::protocol::refresh::{Original, RefreshError, process_refresh_response, refresh_request, verify_refreshed};
use crate::protocol::token::TokenAnswer;
use crate::protocol::{Expected, ExpectedNonce, ProviderFailure, VerifiedIdToken};
use crate::reason::Reason as _;
use crate::session::RefreshToken;
use crate::time::UnixTime;

use super::conclusion::Verified;
use super::record::{Found, LEASE, Place};
use super::{Refresh, among_instances};

/// How often another VM's refresh is looked for.
const POLL: Duration = Duration::from_millis(50);

/// Everything that is here by now is where those who wait look for it.
pub(super) const ENDED: TaskStep = TaskStep::Ended(TaskEnd::Published);

/// Begins, unless somebody else has.
pub(in crate::flow) fn begin(refresh: &Rc<Refresh>, scene: &mut Scene<'_>) -> TaskStep {
    // One who holds the lease and is gone is waited for; after that it is our turn.
    AwaitOther { refresh: Rc::clone(refresh), until: scene.now + LEASE + LEASE }.resume(scene)
}

/// A refresh that perhaps another VM does.
pub struct AwaitOther {
    refresh: Rc<Refresh>,
    until: UnixTime,
}

impl AwaitOther {
    /// Takes the lease, if it is free.
    pub(in crate::flow) fn resume(self, scene: &mut Scene<'_>) -> TaskStep {
        let Self { refresh, until } = self;
        let vm = scene.answers.refreshes.vm(scene.entropy);
        match refresh.place().claim(refresh.obtained_at(), vm, scene.now, &mut scene.shared) {
            Ok(()) => among_instances::begin(refresh, scene),
            Err(Found::UnderWay) if scene.now < until => {
                let task = TaskMoment::Refresh(Self { refresh, until });
                TaskStep::Wait(TaskWait::Moment { at: scene.now + POLL, task })
            }
            Err(_) => ENDED,
        }
    }
}

/// A refresh that is this VM's, as soon as the provider is available.
pub struct AskProvider {
    refresh: Rc<Refresh>,
    need: Need,
}

impl AskProvider {
    pub(super) const fn new(refresh: Rc<Refresh>, need: Need) -> Self {
        Self { refresh, need }
    }

    pub(in crate::flow) fn resume(self, scene: &mut Scene<'_>) -> TaskStep {
        let Self { refresh, need } = self;
        let Ok(loaded) = scene.provider(need) else { return refresh.fail(&RefreshError::ProviderNotReady, scene) };
        let token = refresh.session.tokens.refresh.as_ref();
        let Some((registration, RefreshToken { value, .. })) = loaded.registration().zip(token) else {
            return refresh.fail(&RefreshError::ProviderNotReady, scene);
        };
        match refresh_request(registration, value, &mut scene.means()) {
            Ok(request) => {
                let task = TaskCallout::Refresh(AwaitRefreshResponse { refresh, loaded });
                TaskStep::Wait(TaskWait::Callout { request: Box::new(request), task })
            }
            Err(error) => refresh.fail(&error.into(), scene),
        }
    }
}

/// A refresh whose answer is still to come.
pub struct AwaitRefreshResponse {
    refresh: Rc<Refresh>,
    loaded: Rc<LoadedProvider>,
}

impl AwaitRefreshResponse {
    pub(in crate::flow) fn resume(self, outcome: CalloutOutcome, scene: &mut Scene<'_>) -> TaskStep {
        let Self { refresh, loaded } = self;
        let answer = ProviderFailure::answer(outcome).map_err(RefreshError::from);
        match answer.and_then(|(status, body)| process_refresh_response(status, &body)) {
            Ok(answer) => {
                let need = Need { provider: refresh.provider, newer_than: Some(loaded.generation) };
                VerifyRefreshed { refresh, need, answer }.conclude(&loaded, true, scene)
            }
            Err(error) => refresh.fail(&error, scene),
        }
    }
}

/// A refresh whose ID token waits for newer keys.
pub struct VerifyRefreshed {
    refresh: Rc<Refresh>,
    need: Need,
    answer: TokenAnswer,
}

impl VerifyRefreshed {
    pub(in crate::flow) fn resume(self, scene: &mut Scene<'_>) -> TaskStep {
        match scene.provider(Need { newer_than: None, ..self.need }) {
            Ok(loaded) => self.conclude(&loaded, false, scene),
            Err(_) => self.refresh.fail(&RefreshError::ProviderNotReady, scene),
        }
    }

    /// A key that is not known may be newer than what is loaded: then once more with newer keys, if that `may_wait`.
    fn conclude(self, loaded: &Rc<LoadedProvider>, may_wait: bool, scene: &mut Scene<'_>) -> TaskStep {
        match self.check(loaded, scene) {
            Ok(id_token) => {
                let Self { refresh, answer, .. } = self;
                Verified { refresh, answer, id_token }.ask(loaded, scene)
            }
            Err(error) if may_wait && error.newer_keys_may_help() => {
                self.refresh.prolong(scene);
                let need = self.need;
                TaskStep::Wait(TaskWait::Provider { need, task: TaskProvider::RefreshedIdToken(self) })
            }
            Err(error) => self.refresh.fail(&error, scene),
        }
    }

    fn check(&self, loaded: &LoadedProvider, scene: &Scene<'_>) -> Result<Option<VerifiedIdToken>, RefreshError> {
        let Some(id_token) = &self.answer.id_token else { return Ok(None) };
        let session = &self.refresh.session;
        let (client, kept) =
            loaded.config.client.as_ref().zip(session.tokens.refresh.as_ref()).ok_or(RefreshError::ProviderNotReady)?;
        let expected = Expected {
            issuer: &loaded.config.issuer,
            client_id: &client.client_id,
            nonce: ExpectedNonce::SameOrNone(&kept.nonce),
            algorithms: &loaded.config.algorithms,
            clock_skew: loaded.config.clock_skew,
            access_token: &self.answer.access_token,
        };
        let original = Original {
            issuer: self.refresh.claim("iss"),
            subject: self.refresh.claim("sub"),
            auth_time: session.authentication.auth_time,
        };
        verify_refreshed(id_token, &expected, &original, &loaded.keys, scene.verifier, scene.now).map(Some)
    }
}

impl Refresh {
    pub(super) fn place(&self) -> Place {
        Place::of(&self.key)
    }

    /// A claim that every session has.
    pub(super) fn claim(&self, name: &str) -> &str {
        self.session.claims.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// Goes on holding the lease, for another step.
    pub(super) fn prolong(&self, scene: &mut Scene<'_>) {
        let vm = scene.answers.refreshes.vm(scene.entropy);
        self.place().prolong(vm, scene.now, &mut scene.shared);
    }

    /// Ends the attempt, or the session, for all instances.
    pub(super) fn fail(&self, error: &RefreshError, scene: &mut Scene<'_>) -> TaskStep {
        self.fail_here(error, scene);
        self.mark_in_store(error.setback().is_none(), scene)
    }

    /// The same for this process alone.
    pub(super) fn fail_here(&self, error: &RefreshError, scene: &mut Scene<'_>) -> TaskStep {
        let (code, provider) = (error.code(), &self.session.provider);
        let about =
            About { provider: Some(provider), reason: Some(code), ..About::default() }.whom(&self.session.claims);
        match error.setback() {
            Some(setback) => {
                scene.tell(Decision::RefreshFailed, about);
                let vm = scene.answers.refreshes.vm(scene.entropy);
                self.place().failed(vm, setback, scene.now, &mut scene.shared);
                scene.log.push(LogLine::warn(format!("session not refreshed: {code}; provider: {provider}")));
            }
            None => {
                scene.tell(Decision::SessionEnded, about);
                self.place().ended(scene.now, &mut scene.shared);
                scene.log.push(LogLine::info(format!("session ended by its refresh: {code}; provider: {provider}")));
            }
        }
        ENDED
    }
}
