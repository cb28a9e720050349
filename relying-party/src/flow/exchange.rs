//! The token that an admitted request brings is exchanged for one that is meant for the backend (RFC 8693), once for all who bring
//! it.

use std::rc::Rc;
use std::time::Duration;

use crate::admission::{ExchangedToken, PendingExchange};
use crate::denial::Denial;
use crate::http::{CalloutOutcome, CalloutRequest};
use crate::policy::demand::Exchange;
use crate::policy::path::RequestPath;
use crate::protocol::ProviderFailure;
use crate::protocol::token_exchange::{TokenExchangeError, process_token_exchange_response, token_exchange_request};

use super::protected::{forward, view};
use super::provider::LoadedProvider;
use super::task::{AwaitTask, SharedKey};
use super::visit::Visit;
use super::{AwaitProvider, Need, Scene, Step, Wait};

/// How long nobody tries to exchange a token again that was not exchanged.
const FAILED_FOR: Duration = Duration::from_secs(2);

/// An admitted request that goes on with another token than its own.
pub(super) struct Outgoing {
    pub(super) visit: Visit,
    pub(super) path: RequestPath,
    /// The rule's index.
    pub(super) rule: usize,
    pub(super) pending: PendingExchange,
    pub(super) response_cookies: Vec<String>,
}

/// Passes the request on with a token that is here already, or gets one.
pub(super) fn begin(outgoing: Outgoing, scene: &mut Scene<'_>) -> Step {
    if let Some(token) = outgoing.known(scene) {
        return outgoing.forward(token, scene);
    }
    let Exchange { provider, audience, scope } = outgoing.pending.exchange();
    let targets = [Some(provider), audience.as_ref(), scope.as_ref()];
    let targets = targets.map(|text| text.map(String::as_bytes).unwrap_or_default());
    let subject = outgoing.pending.subject().expose().as_bytes();
    let key = SharedKey::new("exchange", targets.into_iter().chain([subject]));
    if let Some(error) = scene.answers.not_exchanged.find(&key, scene.now) {
        return outgoing.visit.refuse(error, scene);
    }
    let Some(provider) = scene.providers.iter().position(|slot| slot.config.name == *provider) else {
        return outgoing.visit.refuse(Denial::UnknownProvider, scene);
    };
    let need = Need { provider, newer_than: None };
    Step::Wait(Wait::Provider { need, flow: AwaitProvider::Exchange(Box::new(BeginExchange { outgoing, need, key })) })
}

impl Outgoing {
    /// A token that was issued for the same before.
    fn known(&self, scene: &mut Scene<'_>) -> Option<Rc<ExchangedToken>> {
        let now = scene.now;
        scene.answers.exchanged.find(&self.cache_key(), |token| token.is_valid(now))
    }

    /// The target and the whole token, compared as they are.
    fn cache_key(&self) -> Box<[u8]> {
        let Exchange { provider, audience, scope } = self.pending.exchange();
        let mut key = Vec::new();
        for target in [Some(provider), audience.as_ref(), scope.as_ref()] {
            // None of them holds a line break.
            key.extend_from_slice(target.map(String::as_bytes).unwrap_or_default());
            key.push(b'\n');
        }
        key.extend_from_slice(self.pending.subject().expose().as_bytes());
        key.into()
    }

    fn forward(self, token: Rc<ExchangedToken>, scene: &mut Scene<'_>) -> Step {
        let Self { visit, path, rule, pending, response_cookies } = self;
        let demand = scene.config.rules.get(rule).and_then(|rule| rule.authentication.demand());
        let request = view(&visit, &path, demand, scene);
        forward(&visit, &pending.with(token), request.as_ref(), response_cookies, scene)
    }
}

/// A request whose token is exchanged as soon as it is known where.
pub struct BeginExchange {
    outgoing: Outgoing,
    need: Need,
    key: SharedKey,
}

impl BeginExchange {
    pub(super) fn resume(self, scene: &mut Scene<'_>) -> Step {
        let Self { outgoing, need, key } = self;
        match scene.provider(need) {
            Ok(loaded) => {
                let flow = AwaitExchange { outgoing, loaded, key };
                Step::Wait(Wait::Task { key, flow: AwaitTask::Exchange(Box::new(flow)) })
            }
            Err(denial) => outgoing.visit.refuse(denial, scene),
        }
    }
}

/// A request whose token is being exchanged.
pub struct AwaitExchange {
    outgoing: Outgoing,
    loaded: Rc<LoadedProvider>,
    key: SharedKey,
}

impl AwaitExchange {
    pub(super) fn request(&self, scene: &mut Scene<'_>) -> Result<CalloutRequest, Denial> {
        let registration = self.loaded.registration().ok_or(Denial::ProviderNotReady)?;
        let pending = &self.outgoing.pending;
        Ok(token_exchange_request(registration, pending.subject(), pending.exchange(), &mut scene.means())?)
    }

    pub(super) fn refuse(self, denial: Denial, scene: &mut Scene<'_>) -> Step {
        self.outgoing.visit.refuse(denial, scene)
    }

    pub(super) fn resume(self, outcome: CalloutOutcome, scene: &mut Scene<'_>) -> Step {
        let Self { outgoing, key, .. } = self;
        if let Some(token) = outgoing.known(scene) {
            return outgoing.forward(token, scene);
        }
        let issued = ProviderFailure::answer(outcome)
            .map_err(TokenExchangeError::from)
            .and_then(|(status, body)| process_token_exchange_response(status, &body));
        match issued {
            Ok(issued) => {
                let token = Rc::new(outgoing.pending.issued(issued, scene.now));
                scene.answers.exchanged.insert(&outgoing.cache_key(), Rc::clone(&token), scene.entropy);
                outgoing.forward(token, scene)
            }
            Err(error) => {
                scene.answers.not_exchanged.insert(key, error.clone(), scene.now, FAILED_FOR);
                outgoing.visit.refuse(error, scene)
            }
        }
    }
}
