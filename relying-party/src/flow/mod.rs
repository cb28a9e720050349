//! What happens to a request, step by step. Flows know no host: what they need from outside they return as a [`Wait`],
//! together with the state that goes on from there.

mod answers;
mod arrival;
mod backchannel_logout;
mod bearer;
mod callback;
mod decision;
mod endpoints;
mod exchange;
mod fragment;
mod frontchannel_logout;
mod home_realm;
mod introspection;
mod login;
mod logout;
mod obstacles;
mod posted_form;
mod protected;
pub mod provider;
mod refresh;
mod resource_metadata;
mod revocation;
mod session_cookie;
mod sign_in;
mod step_up;
mod stored_session;
mod task;
mod userinfo;
mod visit;

use std::rc::Rc;

use crate::admission::cache::LiveCache;
use crate::admission::{LiveSession, LiveToken};
use crate::config::{Client, Config, Provider};
use crate::denial::Denial;
use crate::entropy::Entropy;
use crate::forward::Forward;
use crate::http::{CalloutOutcome, CalloutRequest, RequestHead, Response};
use crate::jose::{HostSigner, SignatureVerifier};
use crate::log::LogLine;
use crate::metrics::Metrics;
use crate::peer::Peer;
use crate::policy::managed_headers::ManagedHeaders;
use crate::policy::path::RequestPath;
use crate::policy::rules::{self, Selection};
use crate::protocol::client_authentication::Means;
use crate::session::revocation::Revocations;
use crate::shared::SharedOrOwn;
use crate::store::{Errand, StoreStatus};
use crate::time::UnixTime;

use self::decision::{About, Decision};
use self::provider::{Generation, LoadedProvider, ProviderSlot};
use self::visit::Visit;

pub use self::answers::Answers;
pub use self::stored_session::StoredPlace;
pub use self::task::{AwaitTask, SharedKey, TaskCallout, TaskEnd, TaskMoment, TaskProvider, TaskStep, TaskWait};

/// What a flow sees and uses while it runs.
pub struct Scene<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// The providers, in the order of the configuration.
    pub providers: &'a [ProviderSlot],
    /// The names of the headers that only this filter may set.
    pub managed_headers: &'a ManagedHeaders,
    /// Sessions that were opened before.
    pub sessions: &'a mut LiveCache<LiveSession>,
    /// Access tokens that were verified before.
    pub tokens: &'a mut LiveCache<LiveToken>,
    /// What providers answered about others.
    pub answers: &'a mut Answers,
    /// The current time.
    pub now: UnixTime,
    /// Randomness.
    pub entropy: &'a mut dyn Entropy,
    /// What checks signatures.
    pub verifier: &'a dyn SignatureVerifier,
    /// The host's private-key operations.
    pub signer: &'a dyn HostSigner,
    /// What the VMs of this process share; what this VM has, where the host shares nothing.
    pub shared: SharedOrOwn<'a>,
    /// Sessions that were ended before their time.
    pub revocations: &'a mut Revocations,
    /// Whether the store can be reached that instances share; `None` without one.
    pub store: Option<StoreStatus>,
    /// Requests whose answers nobody waits for.
    pub errands: &'a mut Vec<Errand>,
    /// Lines for the host's log.
    pub log: &'a mut Vec<LogLine>,
    /// What is counted.
    pub metrics: &'a mut Metrics,
}

impl<'a> Scene<'a> {
    /// The provider that `need` asks for, or why it is not there.
    fn provider(&self, need: Need) -> Result<Rc<LoadedProvider>, Denial> {
        self.providers.get(need.provider).map_or(Err(Denial::ProviderNotReady), ProviderSlot::usable)
    }

    /// What proving ourselves to a provider takes.
    fn means(&mut self) -> Means<'_> {
        Means { now: self.now, entropy: self.entropy, signer: self.signer }
    }

    /// A provider where people sign in, and us as its client.
    fn registered(&self, provider: usize) -> Option<(&'a Provider, &'a Client)> {
        let config: &Provider = &self.providers.get(provider)?.config;
        Some((config, config.client.as_ref()?))
    }

    /// Whether a session may be used that may have been ended at another instance.
    fn admits_sessions(&self) -> bool {
        self.store.is_none_or(|store| store.admits_sessions(self.now))
    }

    fn provider_name(&self, need: Need) -> Option<String> {
        self.providers.get(need.provider).map(|slot| slot.config.name.clone())
    }
}

/// How far a flow has come.
#[allow(
    clippy::large_enum_variant,
    reason = "a step is carried out at once: to keep it elsewhere would cost every request"
)]
pub enum Step {
    /// It waits.
    Wait(Wait),
    /// It has decided.
    Done(Verdict),
}

/// What a flow waits for, and what goes on when it is there. A need can only be met by what it asks for.
pub enum Wait {
    /// A provider's metadata and keys; shared: one fetch serves all who wait. What is here already is given at once.
    Provider {
        /// Which, and how new.
        need: Need,
        /// What goes on.
        flow: AwaitProvider,
    },
    /// The answer to a request of its own.
    Callout {
        /// The request.
        request: Box<CalloutRequest>,
        /// What goes on.
        flow: AwaitCallout,
    },
    /// The end of a task on behalf of all who wait for the same: who comes first begins it.
    Task {
        /// What is waited for.
        key: SharedKey,
        /// What goes on, and knows how to begin.
        flow: AwaitTask,
    },
    /// The body of the browser's request.
    Body {
        /// The largest body of interest, in bytes.
        limit: usize,
        /// What goes on.
        flow: AwaitForm,
    },
}

/// A provider's metadata and keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// The provider's index in the configuration.
    pub provider: usize,
    /// Keys newer than these; `None`: any.
    pub newer_than: Option<Generation>,
}

/// A flow that waits for a provider.
pub enum AwaitProvider {
    /// A login is to begin.
    Login(login::BeginLogin),
    /// An authorization response is to be taken.
    Response(callback::TakeResponse),
    /// An ID token is to be verified with newer keys.
    IdToken(sign_in::VerifyIdToken),
    /// UserInfo claims are to be verified with newer keys.
    Userinfo(sign_in::VerifyUserinfo),
    /// A session is to end, at its provider too.
    Logout(logout::EndSession),
    /// A logout token is to be verified.
    LogoutToken(backchannel_logout::VerifyLogoutToken),
    /// An access token is to be verified.
    AccessToken(bearer::VerifyAccessToken),
    /// The issuer of an access token is to be asked.
    Introspection(introspection::Introspect),
    /// A token is to be exchanged for the backend.
    Exchange(Box<exchange::BeginExchange>),
}

impl AwaitProvider {
    /// Goes on, whether the provider has become available or not.
    pub fn resume(self, scene: &mut Scene<'_>) -> Step {
        match self {
            Self::Login(flow) => flow.resume(scene),
            Self::Response(flow) => flow.resume(scene),
            Self::IdToken(flow) => flow.resume(scene),
            Self::Userinfo(flow) => flow.resume(scene),
            Self::Logout(flow) => flow.resume(scene),
            Self::LogoutToken(flow) => flow.resume(scene),
            Self::AccessToken(flow) => flow.resume(scene),
            Self::Introspection(flow) => flow.resume(scene),
            Self::Exchange(flow) => flow.resume(scene),
        }
    }
}

/// A flow that waits for the answer to a request of its own.
pub enum AwaitCallout {
    /// The provider's answer to a pushed authorization request.
    PushedAuthorization(login::AwaitPushedAuthorization),
    /// The token endpoint's answer.
    TokenResponse(callback::AwaitTokenResponse),
    /// The UserInfo endpoint's answer to a login.
    Userinfo(sign_in::AwaitUserinfo),
    /// Whether a new session lies in the store.
    Stored(sign_in::AwaitStored),
}

impl AwaitCallout {
    /// Goes on with the answer, or with what came instead of one.
    pub fn resume(self, outcome: CalloutOutcome, scene: &mut Scene<'_>) -> Step {
        match self {
            Self::PushedAuthorization(flow) => flow.resume(outcome, scene),
            Self::TokenResponse(flow) => flow.resume(outcome, scene),
            Self::Userinfo(flow) => flow.resume(outcome, scene),
            Self::Stored(flow) => flow.resume(outcome, scene),
        }
    }
}

/// A flow that waits for the body of its request.
pub enum AwaitForm {
    /// A callback whose parameters are in it.
    Callback(callback::FormPost),
    /// A form that is to be kept over a login.
    Kept(posted_form::KeepForm),
    /// A logout request of a provider.
    Logout(backchannel_logout::ReadLogoutToken),
}

impl AwaitForm {
    /// Goes on with the body; `None` when it is larger than the limit, or never came.
    pub fn resume(self, body: Option<Vec<u8>>, scene: &mut Scene<'_>) -> Step {
        match self {
            Self::Callback(flow) => flow.resume(body, scene),
            Self::Kept(flow) => flow.resume(body, scene),
            Self::Logout(flow) => flow.resume(body, scene),
        }
    }
}

/// What becomes of a request.
pub enum Verdict {
    /// It goes on to the backend.
    Forward(Forward),
    /// It is answered here.
    Respond(Reply),
}

/// An answer, and what access logs learn of it: why and by which rule. An endpoint's own answer has neither.
pub struct Reply {
    /// The answer.
    pub response: Response,
    /// The reason code of a refusal, or why a browser is sent to the provider.
    pub reason: Option<&'static str>,
    /// The rule's name.
    pub rule: Option<String>,
}

impl Step {
    /// The same with these `Set-Cookie` lines, if it is an answer.
    fn with_cookies(self, lines: Vec<String>) -> Self {
        match self {
            Self::Done(Verdict::Respond(reply)) => {
                Reply { response: reply.response.with_cookies(lines), ..reply }.into()
            }
            other => other,
        }
    }
}

impl From<Reply> for Step {
    fn from(reply: Reply) -> Self {
        Self::Done(Verdict::Respond(reply))
    }
}

impl From<Response> for Step {
    fn from(response: Response) -> Self {
        Reply { response, reason: None, rule: None }.into()
    }
}

/// Decides a request, or says what is needed to decide it. What `peer` knows is only there while the request itself is handled.
pub fn begin(head: RequestHead, peer: &dyn Peer, scene: &mut Scene<'_>) -> Step {
    let visit = match Visit::new(head, scene.config) {
        Ok(visit) => visit,
        Err(refusal) => {
            scene.tell(Decision::Refusal, About { reason: refusal.reason, ..About::default() });
            return refusal.into();
        }
    };
    decide(visit, peer, scene)
}

/// Decides a visit by the rules.
fn decide(mut visit: Visit, peer: &dyn Peer, scene: &mut Scene<'_>) -> Step {
    let path = match visit.head.path_and_query().map(RequestPath::parse) {
        Some(Ok(path)) => path,
        Some(Err(error)) => return visit.refuse(error, scene),
        None => return visit.refuse(Denial::MissingPath, scene),
    };
    let config = scene.config;
    match rules::select(&config.rules, &config.own_paths(), visit.head.method(), visit.head.authority(), &path) {
        Selection::Endpoint => endpoints::answer(visit, &path, scene),
        Selection::ResourceMetadata => resource_metadata::answer(&visit, scene),
        Selection::Rule(index, rule) => {
            visit.rule = Some(index);
            protected::decide(visit, &path, Some((index, rule)), peer, scene)
        }
        Selection::Default => protected::decide(visit, &path, None, peer, scene),
        Selection::Ambiguous => visit.refuse(Denial::AmbiguousPath, scene),
    }
}
