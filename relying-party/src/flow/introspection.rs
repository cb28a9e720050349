//! An access token that is not verified here: its issuer is asked (RFC 7662), once for all who present it.

use std::rc::Rc;
use std::time::Duration;

use crate::denial::Denial;
use crate::http::{CalloutOutcome, CalloutRequest};
use crate::policy::demand::Demand;
use crate::protocol::access_token::{RELY_ON_ANSWER, UnverifiedAccessToken};
use crate::protocol::introspection::{IntrospectionError, introspection_request, process_introspection_response};
use crate::protocol::{ProviderFailure, Registration};

use super::bearer::{TokenRequest, expected};
use super::provider::LoadedProvider;
use super::task::{AwaitTask, SharedKey};
use super::{AwaitProvider, Need, Scene, Step, Wait};

/// How long a token that its issuer does not vouch for is refused without asking again.
const REFUSED_FOR: Duration = Duration::from_secs(10);
/// How long nobody asks about a token again after the provider failed to answer.
const FAILED_FOR: Duration = Duration::from_secs(2);

/// The provider to ask about a token that none of the rule's issuers of JWTs claims: the one that introspects, if the rule has one.
///
/// A JWT that names another issuer of the configuration is not shown: that issuer's tokens are none of its business.
pub(super) fn whom_to_ask(token: Option<&UnverifiedAccessToken>, demand: &Demand, scene: &Scene<'_>) -> Option<usize> {
    let introspects = |index: &usize| {
        scene.providers.get(*index).is_some_and(|slot| {
            slot.config.access_tokens.as_ref().is_some_and(|policy| policy.format.introspects())
                && demand.admits_provider(&slot.config.name)
        })
    };
    let asked = (0..scene.providers.len()).find(introspects)?;
    let is_of = |index: usize| {
        let slot = scene.providers.get(index);
        token.zip(slot).is_some_and(|(token, slot)| token.claims_to_come_from(&slot.config.issuer))
    };
    let is_of_another = (0..scene.providers.len()).any(is_of) && !is_of(asked);
    (!is_of_another).then_some(asked)
}

/// Asks `provider`, unless it has answered lately.
pub(super) fn begin(request: TokenRequest, provider: usize, scene: &mut Scene<'_>) -> Step {
    let Some(token) = request.text() else { return request.refuse(Denial::ProviderNotReady, scene) };
    let key = SharedKey::new("introspection", [provider.to_be_bytes().as_slice(), token.as_bytes()]);
    if let Some(error) = scene.answers.not_introspected.find(&key, scene.now) {
        return request.refuse(error, scene);
    }
    let need = Need { provider, newer_than: None };
    Step::Wait(Wait::Provider { need, flow: AwaitProvider::Introspection(Introspect { request, need, key }) })
}

/// An access token whose issuer is to be asked as soon as it is known where.
pub struct Introspect {
    request: TokenRequest,
    need: Need,
    key: SharedKey,
}

impl Introspect {
    pub(super) fn resume(self, scene: &mut Scene<'_>) -> Step {
        let Self { request, need, key } = self;
        match scene.provider(need) {
            Ok(loaded) => {
                let flow = AwaitIntrospection { request, provider: need.provider, loaded, key };
                Step::Wait(Wait::Task { key, flow: AwaitTask::Introspection(flow) })
            }
            Err(denial) => request.refuse(denial, scene),
        }
    }
}

/// An access token whose issuer is being asked.
pub struct AwaitIntrospection {
    request: TokenRequest,
    /// The provider's index.
    provider: usize,
    loaded: Rc<LoadedProvider>,
    key: SharedKey,
}

impl AwaitIntrospection {
    pub(super) fn request(&self, scene: &mut Scene<'_>) -> Result<CalloutRequest, Denial> {
        let registration: Option<Registration<'_>> = self.loaded.registration();
        let (registration, token) = registration.zip(self.request.text()).ok_or(Denial::ProviderNotReady)?;
        Ok(introspection_request(registration, token, &mut scene.means())?)
    }

    pub(super) fn refuse(self, denial: Denial, scene: &mut Scene<'_>) -> Step {
        self.request.refuse(denial, scene)
    }

    pub(super) fn resume(self, outcome: CalloutOutcome, scene: &mut Scene<'_>) -> Step {
        let Self { request, provider, loaded, key } = self;
        if let Some(error) = scene.answers.not_introspected.find(&key, scene.now) {
            return request.refuse(error, scene);
        }
        let client_ids = expected::client_ids(&loaded.config, scene.config);
        let expected = expected::token(&loaded.config, &client_ids);
        let verified = ProviderFailure::answer(outcome)
            .map_err(IntrospectionError::from)
            .and_then(|(status, body)| process_introspection_response(status, &body, &expected, scene.now));
        match verified {
            Ok(verified) => {
                let valid_until = verified.good_until(loaded.config.clock_skew).min(scene.now + RELY_ON_ANSWER);
                request.conclude(verified, (provider, &loaded, None), valid_until, scene)
            }
            Err(error) => {
                let lifetime = if matches!(error, IntrospectionError::Token(_)) { REFUSED_FOR } else { FAILED_FOR };
                scene.answers.not_introspected.insert(key, error.clone(), scene.now, lifetime);
                request.refuse(error, scene)
            }
        }
    }
}
