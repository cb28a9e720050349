//! A request that presents an access token (RFC 6750): whose it is, whether it is good, whether it may be used here.

use std::rc::Rc;

use crate::admission::{Admission, LiveToken, Onward, PendingExchange, TokenOrigin};
use crate::config::{AccessTokenPolicy, Rule};
use crate::denial::Denial;
use crate::http::credentials::{CredentialsError, PresentedToken};
use crate::peer::{KnownPeer, Peer};
use crate::policy::demand::Demand;
use crate::policy::path::RequestPath;
use crate::protocol::access_token::{AccessTokenError, NotVerified, UnverifiedAccessToken, VerifiedAccessToken};
use crate::protocol::challenge::BearerError;
use crate::protocol::confirmation::Possession;
use crate::protocol::dpop::{self, ExpectedProof};
use crate::time::UnixTime;

use super::decision::{About, Decision};
use super::exchange::Outgoing;
use super::protected::{forward, view};
use super::provider::{LoadedProvider, ProviderSlot, TrustEpoch};
use super::visit::Visit;
use super::{AwaitProvider, Need, Scene, Step, Wait, exchange, introspection};

/// Decides a request by the access token that it presents, under the rule with this index and demand.
pub(super) fn decide(
    visit: Visit,
    path: &RequestPath,
    rule: (usize, &Demand),
    peer: &dyn Peer,
    scene: &mut Scene<'_>,
) -> Step {
    let presented = match PresentedToken::of(visit.head.headers()) {
        Ok(Some(presented)) => presented,
        Ok(None) => return visit.refuse(BearerError::Missing, scene),
        Err(error) => return visit.refuse(BearerError::Credentials(error), scene),
    };
    match find(&presented, rule, scene) {
        Some(live) => {
            let admitted = admit(&visit, path, rule, (live, presented), peer, scene);
            admitted.unwrap_or_else(|pending| exchange_first(visit, path.clone(), rule.0, pending, scene))
        }
        None => {
            let (index, _) = rule;
            let request = TokenRequest { visit, path: path.clone(), rule: index, peer: KnownPeer::default() };
            request.judge(rule, peer, scene)
        }
    }
}

/// What is known of a token, as one of a provider that the rule admits.
fn find(
    presented: &PresentedToken<'_>,
    (index, demand): (usize, &Demand),
    scene: &mut Scene<'_>,
) -> Option<Rc<LiveToken>> {
    let (providers, now) = (scene.providers, scene.now);
    scene.tokens.find(presented.bytes(), |live| {
        let loaded = providers.get(live.provider()).and_then(|slot| slot.loaded.as_ref());
        live.is_valid(loaded.map(|loaded| loaded.trust), now)
            && demand.admits_provider(&live.identity().identity().provider)
            && (live.rule() == index || is_sole_of_its_issuer(live.provider(), providers))
    })
}

/// A request whose token is not known yet.
pub(super) struct TokenRequest {
    visit: Visit,
    path: RequestPath,
    /// The rule's index.
    rule: usize,
    /// By the time its token is known, the host speaks of other connections.
    peer: KnownPeer,
}

impl TokenRequest {
    /// Finds out whose token it is, before any cryptography.
    fn judge(mut self, (_, demand): (usize, &Demand), peer: &dyn Peer, scene: &mut Scene<'_>) -> Step {
        let token = match self.presented().and_then(|presented| presented.text()) {
            Ok(text) => UnverifiedAccessToken::parse(text),
            Err(error) => return self.visit.refuse(BearerError::Credentials(error), scene),
        };
        let issuing = token.as_ref().ok().and_then(|token| issuing_provider(token, demand, scene));
        if let (None, Some(provider)) = (issuing, introspection::whom_to_ask(token.as_ref().ok(), demand, scene)) {
            self.peer = KnownPeer::of(peer);
            return introspection::begin(self, provider, scene);
        }
        let error = match (token, issuing) {
            (Ok(token), Some(provider)) => {
                // The host is asked about the connection only where it may matter.
                if token.claims_to_be_bound() {
                    self.peer = KnownPeer::of(peer);
                }
                let need = Need { provider, newer_than: None };
                let flow = VerifyAccessToken { request: self, need, token };
                return Step::Wait(Wait::Provider { need, flow: AwaitProvider::AccessToken(flow) });
            }
            (Ok(token), None) if token.issuer().is_none() => AccessTokenError::IssuerMissing,
            (Ok(_), None) => AccessTokenError::IssuerMismatch,
            (Err(error), _) => error,
        };
        self.visit.refuse(BearerError::AccessToken(error), scene)
    }

    /// The token, if it is one.
    pub(super) fn text(&self) -> Option<&str> {
        self.presented().and_then(|presented| presented.text()).ok()
    }

    pub(super) fn refuse(&self, denial: impl Into<Denial>, scene: &mut Scene<'_>) -> Step {
        self.visit.refuse(denial, scene)
    }

    fn demand<'s>(&self, scene: &Scene<'s>) -> Option<&'s Demand> {
        scene.config.rules.get(self.rule).and_then(|rule: &Rule| rule.authentication.demand())
    }

    fn presented(&self) -> Result<PresentedToken<'_>, CredentialsError> {
        PresentedToken::of(self.visit.head.headers())?.ok_or(CredentialsError::Malformed)
    }

    /// The token was verified: remembered, and looked at as this request's.
    pub(super) fn conclude(
        self,
        verified: VerifiedAccessToken,
        (provider, loaded, trust): (usize, &LoadedProvider, Option<TrustEpoch>),
        valid_until: UnixTime,
        scene: &mut Scene<'_>,
    ) -> Step {
        let presented = match self.presented() {
            Ok(presented) => presented,
            Err(error) => return self.visit.refuse(BearerError::Credentials(error), scene),
        };
        let origin = TokenOrigin { provider, name: &loaded.config.name, trust, rule: self.rule };
        scene.tell(Decision::TokenVerified, About { provider: Some(origin.name), ..About::default() });
        let text = presented.text().unwrap_or_default();
        let live = Rc::new(LiveToken::new(verified, text, origin, valid_until));
        scene.tokens.insert(presented.bytes(), Rc::clone(&live), scene.entropy);
        self.admit(live, scene)
    }

    /// Looks at a token that is known as this request's.
    fn admit(self, live: Rc<LiveToken>, scene: &mut Scene<'_>) -> Step {
        match (self.presented(), self.demand(scene)) {
            (Ok(presented), Some(demand)) => {
                let admitted =
                    admit(&self.visit, &self.path, (self.rule, demand), (live, presented), &self.peer, scene);
                admitted.unwrap_or_else(|pending| exchange_first(self.visit, self.path, self.rule, pending, scene))
            }
            (Err(error), _) => self.visit.refuse(BearerError::Credentials(error), scene),
            (Ok(_), None) => self.visit.refuse(BearerError::Missing, scene),
        }
    }
}

/// Of the providers that the rule admits, the one whose JWT this claims to be; of several with one issuer, the one that it claims
/// to be for.
fn issuing_provider(token: &UnverifiedAccessToken, demand: &Demand, scene: &Scene<'_>) -> Option<usize> {
    let policy = |index: &usize| -> Option<&AccessTokenPolicy> {
        scene.providers.get(*index).and_then(|slot| slot.config.access_tokens.as_ref())
    };
    let issued = |index: &usize| {
        let slot = scene.providers.get(*index);
        slot.is_some_and(|slot| {
            token.claims_to_come_from(&slot.config.issuer) && demand.admits_provider(&slot.config.name)
        }) && policy(index).is_some_and(|policy| policy.format.verifies_jwts())
    };
    let is_for = |index: &usize| policy(index).is_some_and(|policy| token.claims_to_be_for(&policy.audience));
    let mut candidates = (0..scene.providers.len()).filter(issued);
    candidates.clone().find(is_for).or_else(|| candidates.next())
}

/// Whether every rule would find the same provider for a token of this one.
fn is_sole_of_its_issuer(provider: usize, providers: &[ProviderSlot]) -> bool {
    let Some(own) = providers.get(provider).map(|slot| &slot.config.issuer) else { return false };
    providers.iter().enumerate().all(|(index, other)| index == provider || !other.config.issuer.overlaps(own))
}

/// An access token that waits for its issuer's keys, or for newer ones.
pub struct VerifyAccessToken {
    request: TokenRequest,
    need: Need,
    token: UnverifiedAccessToken,
}

impl VerifyAccessToken {
    pub(super) fn resume(self, scene: &mut Scene<'_>) -> Step {
        let Self { request, need, token } = self;
        let loaded = match scene.provider(need) {
            Ok(loaded) => loaded,
            Err(denial) => return request.visit.refuse(denial, scene),
        };
        match verify(token, &loaded, scene) {
            Ok(verified) => {
                let valid_until = verified.good_until(loaded.config.clock_skew);
                request.conclude(verified, (need.provider, &loaded, Some(loaded.trust)), valid_until, scene)
            }
            // A key that is not known may be newer than what is loaded: then once more with newer keys.
            Err(NotVerified { token: Some(token), .. }) if need.newer_than.is_none() => {
                let need = Need { newer_than: Some(loaded.generation), ..need };
                let flow = AwaitProvider::AccessToken(Self { request, need, token });
                Step::Wait(Wait::Provider { need, flow })
            }
            Err(NotVerified { error, .. }) => request.visit.refuse(BearerError::AccessToken(error), scene),
        }
    }
}

fn verify(
    token: UnverifiedAccessToken,
    loaded: &LoadedProvider,
    scene: &Scene<'_>,
) -> Result<VerifiedAccessToken, NotVerified> {
    let client_ids = expected::client_ids(&loaded.config, scene.config);
    let expected = expected::token(&loaded.config, &client_ids);
    token.verify(&expected, &loaded.keys, scene.verifier, scene.now)
}

/// What a token of a provider must be.
pub(super) mod expected {
    use crate::config::{Config, Provider};
    use crate::protocol::access_token::ExpectedAccessToken;

    /// The clients that this deployment is at the provider's issuer, which may be configured more than once.
    pub(in super::super) fn client_ids<'a>(provider: &Provider, config: &'a Config) -> Vec<&'a str> {
        let same_issuer = config.providers.iter().filter(|other| other.issuer.overlaps(&provider.issuer));
        same_issuer.filter_map(|provider| provider.client.as_ref()).map(|client| client.client_id.as_str()).collect()
    }

    pub(in super::super) fn token<'a>(provider: &'a Provider, client_ids: &'a [&'a str]) -> ExpectedAccessToken<'a> {
        ExpectedAccessToken {
            issuer: &provider.issuer,
            client_ids,
            must_be_typed: provider.access_tokens.as_ref().is_some_and(|policy| policy.must_be_typed),
            algorithms: &provider.algorithms,
            clock_skew: provider.clock_skew,
        }
    }
}

/// A verified token: may its presenter use it, and does it meet the rule's demand? `Err`: yes, after an exchange.
fn admit(
    visit: &Visit,
    path: &RequestPath,
    (rule, demand): (usize, &Demand),
    (live, presented): (Rc<LiveToken>, PresentedToken<'_>),
    peer: &dyn Peer,
    scene: &mut Scene<'_>,
) -> Result<Step, PendingExchange> {
    let request = view(visit, path, Some(demand), scene);
    let slot = scene.providers.get(live.provider());
    let accept_proof = |thumbprint: &str| {
        let expected = ExpectedProof {
            thumbprint,
            access_token: presented.bytes(),
            method: visit.head.method(),
            origin: &visit.origin.origin,
            path: visit.head.path().unwrap_or_default(),
            clock_skew: slot.map(|slot| slot.config.clock_skew).unwrap_or_default(),
        };
        dpop::accept(visit.head.headers(), &expected, scene.verifier, &mut scene.shared, scene.now)
    };
    let possession = Possession::shown(live.confirmation(), presented.scheme, peer, accept_proof);
    let (audience, known) = (audience(slot, demand), Rc::clone(&live));
    let admission = possession.map_err(BearerError::from).and_then(|possession| {
        Admission::by_token(live, &possession, (rule, demand), audience, request.as_ref(), scene.now)
    });
    Ok(match admission.map(Admission::onward) {
        Ok(Onward::Open(passage)) => forward(visit, &passage, request.as_ref(), Vec::new(), scene),
        Ok(Onward::Exchange(pending)) => return Err(pending),
        Ok(Onward::TokenMissing) => visit.refuse(BearerError::Missing, scene),
        Err(error) => {
            let identity = known.identity().identity();
            visit.refuse_known(Denial::Bearer(error), (&identity.provider, identity.claims.by_name()), scene)
        }
    })
}

fn exchange_first(
    visit: Visit,
    path: RequestPath,
    rule: usize,
    pending: PendingExchange,
    scene: &mut Scene<'_>,
) -> Step {
    exchange::begin(Outgoing { visit, path, rule, pending, response_cookies: Vec::new() }, scene)
}

/// For whom a token must be: what the rule says, or its provider.
fn audience<'a>(slot: Option<&'a ProviderSlot>, demand: &'a Demand) -> &'a [String] {
    let of_provider =
        || slot.and_then(|slot| slot.config.access_tokens.as_ref()).map(|policy| policy.audience.as_slice());
    demand.audience.as_deref().or_else(of_provider).unwrap_or_default()
}
