//! A refresh that other instances may be at as well: who claims the refresh token in the store refreshes, and leaves there what
//! came of it.

use std::rc::Rc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::config::{OnStoreFailure, StorePolicy};
use crate::flow::{Need, Scene, TaskCallout, TaskMoment, TaskProvider, TaskStep, TaskWait, stored_session};
use crate::http::CalloutOutcome;
use crate::protocol::TokenError;
use crate::protocol::refresh::RefreshError;
use crate::session::{Session, Tokens};
use crate::store::refresh::{Claim, Mark, claim, leave, mark, process_claim, process_leave};
use crate::store::{Command, Errand, StoreNames};
use crate::time::UnixTime;

use super::record::{GRACE, LEASE};
use super::task::{AskProvider, ENDED};
use super::{Refresh, registered};

/// How often another instance's refresh is looked for.
const POLL: Duration = Duration::from_millis(100);
/// How long other instances leave a token alone whose refresh has failed.
const AFTER_FAILURE: Duration = Duration::from_secs(2);

/// A refresh that is this VM's among those of its process.
pub(super) fn begin(refresh: Rc<Refresh>, scene: &mut Scene<'_>) -> TaskStep {
    AwaitInstance { refresh, until: scene.now + LEASE + LEASE }.resume(scene)
}

/// A refresh that perhaps another instance does.
pub struct AwaitInstance {
    refresh: Rc<Refresh>,
    until: UnixTime,
}

impl AwaitInstance {
    /// Claims the refresh token.
    pub(in crate::flow) fn resume(self, scene: &mut Scene<'_>) -> TaskStep {
        let Some((store, key)) = self.refresh.in_store(scene) else { return ask_provider(self.refresh, scene) };
        let request = claim(&key, &holder(scene), LEASE).request(&store.cluster);
        self.refresh.prolong(scene);
        let task = TaskCallout::Claim(AwaitClaim(self));
        TaskStep::Wait(TaskWait::Callout { request: Box::new(request), task })
    }
}

/// A claim whose answer is still to come.
pub struct AwaitClaim(AwaitInstance);

impl AwaitClaim {
    pub(in crate::flow) fn resume(self, outcome: CalloutOutcome, scene: &mut Scene<'_>) -> TaskStep {
        let Self(AwaitInstance { refresh, until }) = self;
        let on_failure = refresh.in_store(scene).map(|(store, _)| store.on_failure);
        match process_claim(outcome, &holder(scene)) {
            Ok(Claim::Ours) => ask_provider(refresh, scene),
            Ok(Claim::Elsewhere) if scene.now < until => {
                let task = TaskMoment::RefreshElsewhere(AwaitInstance { refresh, until });
                TaskStep::Wait(TaskWait::Moment { at: scene.now + POLL, task })
            }
            Ok(Claim::Refreshed(sealed)) => refresh.take_from_store(&sealed, scene),
            Ok(Claim::Spent) => refresh.fail_here(&RefreshError::Token(TokenError::InvalidGrant), scene),
            Ok(Claim::Elsewhere | Claim::Failing) => refresh.fail_here(&RefreshError::FailedElsewhere, scene),
            Err(_) if on_failure == Some(OnStoreFailure::Local) => ask_provider(refresh, scene),
            // Another instance may be using the token.
            Err(_) => refresh.fail_here(&RefreshError::StoreUnavailable, scene),
        }
    }
}

impl Refresh {
    /// Where other instances look for what comes of this.
    fn in_store<'s>(&self, scene: &Scene<'s>) -> Option<(&'s StorePolicy, String)> {
        let policy = scene.config.session.as_ref()?;
        let (provider, client) = registered(self.provider, scene)?;
        let names = StoreNames::new(provider.issuer.as_str(), &client.client_id, &policy.cookie);
        // Providers that do not rotate tokens give the same again: what is meant is the token as it was obtained then.
        let obtained_at = self.obtained_at().as_millis().to_be_bytes();
        let key = names.key_for("refresh", &[self.key.bytes().as_slice(), &obtained_at].concat());
        Some((policy.store.as_ref()?, key))
    }

    /// Leaves a refreshed session for the other instances.
    pub(super) fn leave_in_store(&self, sealed: &[u8], next: &Session, scene: &mut Scene<'_>) -> TaskStep {
        let policy = scene.config.session.as_ref();
        let stored = self.stored.as_ref().zip(policy).and_then(|(place, policy)| {
            let session = stored_session::seal(next, place.key(), policy, scene)?;
            Some((place.key(), session, next.idle_expires_at.since(scene.now)))
        });
        let stored = stored.as_ref().map(|(key, session, lifetime)| (*key, session.as_str(), *lifetime));
        let sealed = URL_SAFE_NO_PAD.encode(sealed);
        self.tell_instances(|key| leave((key, &sealed), GRACE, stored), scene)
    }

    /// Tells the other instances that nothing came of it.
    pub(super) fn mark_in_store(&self, is_over: bool, scene: &mut Scene<'_>) -> TaskStep {
        let (what, lifetime) = if is_over { (Mark::Spent, GRACE) } else { (Mark::Failing, AFTER_FAILURE) };
        self.tell_instances(|key| mark(key, what, lifetime), scene)
    }

    /// Nobody waits for it. But without it others would use a token that is spent: so again and again, as long as it is of use.
    fn tell_instances(&self, command: impl FnOnce(&str) -> Command, scene: &mut Scene<'_>) -> TaskStep {
        if let Some((store, key)) = self.in_store(scene) {
            let request = command(&key).request(&store.cluster);
            let is_done = |outcome| process_leave(outcome).is_ok();
            scene.errands.push(Errand { request, until: Some(scene.now + GRACE), is_done });
        }
        ENDED
    }

    /// Takes what another instance has left.
    fn take_from_store(&self, sealed: &str, scene: &mut Scene<'_>) -> TaskStep {
        let Some(policy) = &scene.config.session else { return ENDED };
        let sealed = URL_SAFE_NO_PAD.decode(sealed).unwrap_or_default();
        let Some(next) = self.open(&sealed, policy, scene) else {
            return self.fail_here(&RefreshError::StoreUnavailable, scene);
        };
        let token = |tokens: &Tokens| tokens.refresh.as_ref().map(|refresh| refresh.value.clone());
        let is_spent = token(&next.tokens) != token(&self.session.tokens);
        self.place().refreshed(&sealed, is_spent, scene.now, &mut scene.shared);
        ENDED
    }
}

fn ask_provider(refresh: Rc<Refresh>, scene: &mut Scene<'_>) -> TaskStep {
    refresh.prolong(scene);
    let need = Need { provider: refresh.provider, newer_than: None };
    TaskStep::Wait(TaskWait::Provider { need, task: TaskProvider::Refresh(AskProvider::new(refresh, need)) })
}

/// This VM, as the store knows it.
fn holder(scene: &mut Scene<'_>) -> String {
    let vm = scene.answers.refreshes.vm(scene.entropy);
    format!("{vm:016x}")
}
