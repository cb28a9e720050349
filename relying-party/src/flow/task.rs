//! Work that belongs to no request: begun for one, shared by all who wait for the same, and carried to its end even when
//! nobody waits any more. What a provider gave once (a rotated refresh token) must not be lost with a closed tab.

use std::fmt;

use sha2::{Digest as _, Sha256};

use super::{Need, Scene, Step, exchange, introspection, refresh, session_cookie};
use crate::denial::Denial;
use crate::http::{CalloutOutcome, CalloutRequest};
use crate::time::UnixTime;

/// What is waited for, as a digest: a token in it is neither kept nor shown. Costs a hash of the whole token, so it is made only
/// when nothing is known of the token yet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SharedKey([u8; 32]);

impl SharedKey {
    /// The key of those who want the same `purpose` fulfilled for the same `parts`.
    pub(crate) fn new<'a>(purpose: &'a str, parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut digest = Sha256::new();
        for part in std::iter::once(purpose.as_bytes()).chain(parts) {
            digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            digest.update(part);
        }
        Self(digest.finalize().into())
    }

    /// The digest.
    pub(crate) const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for SharedKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SharedKey")
    }
}

/// How far a task has come.
pub enum TaskStep {
    /// It waits.
    Wait(TaskWait),
    /// Its result is where those who wait will look for it.
    Ended(TaskEnd),
}

/// What a task waits for, and what goes on when it is there.
pub enum TaskWait {
    /// The answer to a request.
    Callout {
        /// The request.
        request: Box<CalloutRequest>,
        /// What goes on.
        task: TaskCallout,
    },
    /// A provider's metadata and keys, for seconds at most.
    Provider {
        /// Which, and how new.
        need: Need,
        /// What goes on, whether they are here or not.
        task: TaskProvider,
    },
    /// That time passes.
    Moment {
        /// Until then.
        at: UnixTime,
        /// What goes on.
        task: TaskMoment,
    },
}

/// How a task has ended.
pub enum TaskEnd {
    /// With an answer that each who waits looks at.
    Answered(CalloutOutcome),
    /// With something in the scene: whoever looks there again, sees it.
    Published,
}

impl TaskEnd {
    pub(super) fn answer(&self) -> CalloutOutcome {
        match self {
            Self::Answered(outcome) => outcome.clone(),
            Self::Published => CalloutOutcome::Failed,
        }
    }
}

/// A task that waits for an answer.
pub enum TaskCallout {
    /// The answer is all that is wanted.
    Answer,
    /// What UserInfo says after a refresh.
    RefreshedUserinfo(refresh::AwaitRefreshedUserinfo),
    /// The token endpoint's answer to a refresh.
    Refresh(refresh::AwaitRefreshResponse),
    /// Whether this instance is the one to refresh.
    Claim(refresh::AwaitClaim),
}

impl TaskCallout {
    /// Goes on with the answer, or with what came instead of one.
    pub fn resume(self, outcome: CalloutOutcome, scene: &mut Scene<'_>) -> TaskStep {
        match self {
            Self::Answer => TaskStep::Ended(TaskEnd::Answered(outcome)),
            Self::Refresh(task) => task.resume(outcome, scene),
            Self::Claim(task) => task.resume(outcome, scene),
            Self::RefreshedUserinfo(task) => task.resume(outcome, scene),
        }
    }
}

/// A task that waits for a provider.
pub enum TaskProvider {
    /// A session is to be refreshed there.
    Refresh(refresh::AskProvider),
    /// A refreshed ID token is to be verified with newer keys.
    RefreshedIdToken(refresh::VerifyRefreshed),
}

impl TaskProvider {
    /// Goes on, whether the provider has become available or not.
    pub fn resume(self, scene: &mut Scene<'_>) -> TaskStep {
        match self {
            Self::Refresh(task) => task.resume(scene),
            Self::RefreshedIdToken(task) => task.resume(scene),
        }
    }
}

/// A task that lets time pass.
pub enum TaskMoment {
    /// Another VM refreshes a session.
    Refresh(refresh::AwaitOther),
    /// Another instance does.
    RefreshElsewhere(refresh::AwaitInstance),
}

impl TaskMoment {
    /// Goes on.
    pub fn resume(self, scene: &mut Scene<'_>) -> TaskStep {
        match self {
            Self::Refresh(task) => task.resume(scene),
            Self::RefreshElsewhere(task) => task.resume(scene),
        }
    }
}

/// A flow that waits for the end of a task, and knows how it begins.
pub enum AwaitTask {
    /// What the issuer says of an access token.
    Introspection(introspection::AwaitIntrospection),
    /// A token for the backend.
    Exchange(Box<exchange::AwaitExchange>),
    /// A session that cannot be read yet.
    Session(session_cookie::ReadAgain),
}

impl AwaitTask {
    /// The task's first step, if nobody has begun it yet.
    pub fn begin(&self, scene: &mut Scene<'_>) -> Result<TaskStep, Denial> {
        let request = match self {
            Self::Introspection(flow) => flow.request(scene)?,
            Self::Exchange(flow) => flow.request(scene)?,
            Self::Session(flow) => return flow.begin(scene),
        };
        Ok(TaskStep::Wait(TaskWait::Callout { request: Box::new(request), task: TaskCallout::Answer }))
    }

    /// Goes on with what the task brought, or with what the first of those who waited made of it.
    pub fn resume(self, end: &TaskEnd, scene: &mut Scene<'_>) -> Step {
        match self {
            Self::Introspection(flow) => flow.resume(end.answer(), scene),
            Self::Exchange(flow) => flow.resume(end.answer(), scene),
            Self::Session(flow) => flow.resume(end, scene),
        }
    }

    /// Ends without the task.
    pub fn refuse(self, denial: Denial, scene: &mut Scene<'_>) -> Step {
        match self {
            Self::Introspection(flow) => flow.refuse(denial, scene),
            Self::Exchange(flow) => flow.refuse(denial, scene),
            Self::Session(flow) => flow.refuse(denial, scene),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_different_things_do_not_meet() {
        let key = |purpose: &str, parts: &[&[u8]]| SharedKey::new(purpose, parts.iter().copied());
        assert_eq!(key("a", &[b"b", b"c"]), key("a", &[b"b", b"c"]));
        for other in [key("ab", &[b"c"]), key("a", &[b"bc"]), key("a", &[b"c", b"b"]), key("a", &[b"b", b"c", b""])] {
            assert_ne!(key("a", &[b"b", b"c"]), other);
        }
        assert_eq!(format!("{:?}", key("a", &[b"secret"])), "SharedKey");
    }
}
