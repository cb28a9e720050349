//! What becomes of a token response: the ID token is verified (OIDC Core 1.0 §3.1.3.7), and a session begins.

use std::rc::Rc;

use serde_json::{Map, Value};

use crate::config::{ClaimSelection, Client, KeptTokens};
use crate::denial::Denial;
use crate::http::CalloutOutcome;
use crate::log::LogLine;
use crate::login::attempt::Beginning;
use crate::login::browser::ResponseMode;
use crate::login::past::Past;
use crate::protocol::{
    Expected, ExpectedNonce, IdTokenError, Registration, TokenResponse, UserinfoAnswer, VerifiedIdToken,
};
use crate::reason::Reason;
use crate::session::claims::{ClaimsElsewhere, largest_claims};
use crate::session::{IssuedTokens, Session, SignIn, Tokens};
use crate::store::sessions::process_save;

use super::arrival::arrive;
use super::callback::Login;
use super::decision::{About, Decision};
use super::provider::LoadedProvider;
use super::{AwaitCallout, AwaitProvider, Need, Scene, Step, Wait, session_cookie, userinfo};

/// How many claims the page about a session that is too large names.
const CLAIMS_NAMED: usize = 5;

/// A login whose ID token waits for newer keys.
pub struct VerifyIdToken {
    login: Login,
    need: Need,
    tokens: TokenResponse,
}

impl VerifyIdToken {
    /// With the keys of the provider that was asked for the tokens.
    pub(super) fn begin(
        login: Login,
        provider: usize,
        tokens: TokenResponse,
        loaded: &Rc<LoadedProvider>,
        scene: &mut Scene<'_>,
    ) -> Step {
        let need = Need { provider, newer_than: Some(loaded.generation) };
        Self { login, need, tokens }.conclude(loaded, true, scene)
    }

    pub(super) fn resume(self, scene: &mut Scene<'_>) -> Step {
        match scene.provider(self.need) {
            Ok(provider) => self.conclude(&provider, false, scene),
            Err(denial) => self.login.refuse(denial, scene),
        }
    }

    /// A key that is not known may be newer than what is loaded: then once more with newer keys, if that `may_wait`.
    fn conclude(self, provider: &Rc<LoadedProvider>, may_wait: bool, scene: &mut Scene<'_>) -> Step {
        let Some(registration) = provider.registration() else {
            return self.login.refuse(Denial::LoginUnavailable, scene);
        };
        match self.check(provider, registration.client, scene) {
            Ok(id_token) => {
                let Self { login, need, tokens } = self;
                let authentication = id_token.authentication(scene.now, provider.config.clock_skew);
                // 12, 13. Whoever is signed in already stays so.
                match authentication.check(&login.attempt.demand, scene.now) {
                    Ok(()) => {}
                    Err(_) if login.attempt.beginning == Beginning::Silent => {
                        return login.begin_with_the_person(scene);
                    }
                    Err(error) => return login.refuse_known(error, id_token.claims(), scene),
                }
                SignedIn { login, provider: need.provider, tokens, id_token }.ask(provider, scene)
            }
            Err(error) if may_wait && error.newer_keys_may_help() => {
                Step::Wait(Wait::Provider { need: self.need, flow: AwaitProvider::IdToken(self) })
            }
            Err(error) => self.login.refuse(error, scene),
        }
    }

    fn check(
        &self,
        provider: &LoadedProvider,
        client: &Client,
        scene: &Scene<'_>,
    ) -> Result<VerifiedIdToken, IdTokenError> {
        let expected = Expected {
            issuer: &provider.config.issuer,
            client_id: &client.client_id,
            nonce: ExpectedNonce::Same(&self.login.attempt.nonce),
            algorithms: &provider.config.algorithms,
            clock_skew: provider.config.clock_skew,
            access_token: &self.tokens.access_token,
        };
        self.tokens.id_token.verify(&expected, &provider.keys, scene.verifier, scene.now)
    }
}

/// A login whose ID token is good.
struct SignedIn {
    login: Login,
    /// The provider's index.
    provider: usize,
    tokens: TokenResponse,
    id_token: VerifiedIdToken,
}

impl SignedIn {
    /// What the provider has to add.
    fn ask(self, provider: &Rc<LoadedProvider>, scene: &mut Scene<'_>) -> Step {
        let Some(registration) = provider.registration() else {
            return self.refuse(Denial::LoginUnavailable, scene);
        };
        match userinfo::request(registration, &self.tokens.access_token) {
            Ok(Some(request)) => {
                let flow = AwaitUserinfo { signed_in: Box::new(self), provider: Rc::clone(provider) };
                Step::Wait(Wait::Callout { request: Box::new(request), flow: AwaitCallout::Userinfo(flow) })
            }
            Ok(None) => {
                let claims = self.id_token.claims().clone();
                self.begin_session(registration, claims, scene)
            }
            Err(error) => self.refuse(error, scene),
        }
    }

    fn refuse(&self, denial: impl Into<Denial>, scene: &mut Scene<'_>) -> Step {
        self.login.refuse_known(denial, self.id_token.claims(), scene)
    }

    /// The person's `sub`, and the claims of the ID token.
    fn known(&self) -> (&str, Map<String, Value>) {
        (self.id_token.subject(), self.id_token.claims().clone())
    }

    fn begin_session(
        self,
        Registration { provider, client, .. }: Registration<'_>,
        claims: Map<String, Value>,
        scene: &mut Scene<'_>,
    ) -> Step {
        let Self { login, tokens, id_token, .. } = self;
        let config = scene.config;
        let Some(policy) = &config.session else { return login.refuse(Denial::LoginUnavailable, scene) };
        let granted = tokens.scope.as_deref().unwrap_or(&client.scope);
        let issued = IssuedTokens {
            access_token: tokens.access_token,
            expires_in: tokens.expires_in,
            refresh_token: tokens.refresh_token,
            nonce: login.attempt.nonce.clone(),
            id_token: Some(tokens.id_token.as_received().clone()),
        };
        let sign_in = SignIn {
            provider: provider.name.clone(),
            claims,
            scopes: granted.split_ascii_whitespace().map(str::to_owned).collect(),
            tokens: Tokens::keep(issued, KeptTokens::of(config, client), scene.now),
            authentication: id_token.authentication(scene.now, provider.clock_skew),
            sid: id_token.sid().map(str::to_owned),
        };
        let session = Session::begin(sign_in, policy, login.came_back_at, scene.entropy);
        if let Some(elsewhere) = ClaimsElsewhere::of(&session.left_elsewhere, &ClaimSelection::All) {
            let (code, name, advice) = (elsewhere.code(), &provider.name, elsewhere.advice());
            scene.log.push(LogLine::warn(format!(
                "signed in without all claims: {code}; provider: {name}; advice: {advice}"
            )));
        }
        match session_cookie::begin(&login.visit, (provider, client), &session, policy, scene) {
            Ok((to_store, mut cookies)) => {
                let past = Past::of_request(login.visit.head.headers(), &policy.cookie);
                let took = scene.now.since(login.attempt.started_at);
                cookies.push(past.after_login(took, &policy.cookie, ResponseMode::of(client)));
                let stored = AwaitStored { login, claims: session.claims, cookies };
                match to_store {
                    Some(request) => {
                        let flow = AwaitCallout::Stored(stored);
                        Step::Wait(Wait::Callout { request: Box::new(request), flow })
                    }
                    None => stored.arrive(scene),
                }
            }
            Err(_) => {
                let claims = largest_claims(&session, CLAIMS_NAMED);
                let denial = Denial::SessionTooLarge { claims, limit: policy.max_cookies.saturating_mul(4096) };
                login.refuse_known(denial, id_token.claims(), scene)
            }
        }
    }
}

/// A login whose session is about to lie in the store.
pub struct AwaitStored {
    login: Login,
    claims: Map<String, Value>,
    cookies: Vec<String>,
}

impl AwaitStored {
    pub(super) fn resume(self, outcome: CalloutOutcome, scene: &mut Scene<'_>) -> Step {
        match process_save(outcome) {
            Ok(()) => self.arrive(scene),
            // The cookie would refer to nothing: the next page would begin a login again.
            Err(_) => self.login.refuse_known(Denial::StoreUnavailable, &self.claims, scene),
        }
    }

    fn arrive(self, scene: &mut Scene<'_>) -> Step {
        let Self { login, claims, cookies } = self;
        let Some(policy) = &scene.config.session else { return login.refuse(Denial::LoginUnavailable, scene) };
        let provider = Some(login.attempt.provider.as_str());
        let about = About { provider, visit: Some(&login.visit), ..About::default() };
        scene.tell(Decision::Login, about.whom(&claims));
        arrive(&login.visit, &login.attempt.return_to, policy, scene).with_cookies(cookies).into()
    }
}

/// A login that waits for the answer of the UserInfo endpoint.
pub struct AwaitUserinfo {
    signed_in: Box<SignedIn>,
    provider: Rc<LoadedProvider>,
}

impl AwaitUserinfo {
    pub(super) fn resume(self, outcome: CalloutOutcome, scene: &mut Scene<'_>) -> Step {
        let Self { signed_in, provider } = self;
        match UserinfoAnswer::of(outcome) {
            Ok(answer) => {
                let need = Need { provider: signed_in.provider, newer_than: Some(provider.generation) };
                VerifyUserinfo { signed_in, need, answer }.conclude(&provider, true, scene)
            }
            Err(error) => signed_in.refuse(error, scene),
        }
    }
}

/// A login whose UserInfo claims wait for newer keys.
pub struct VerifyUserinfo {
    signed_in: Box<SignedIn>,
    need: Need,
    answer: UserinfoAnswer,
}

impl VerifyUserinfo {
    pub(super) fn resume(self, scene: &mut Scene<'_>) -> Step {
        match scene.provider(self.need) {
            Ok(provider) => self.conclude(&provider, false, scene),
            Err(denial) => self.signed_in.refuse(denial, scene),
        }
    }

    fn conclude(self, provider: &LoadedProvider, may_wait: bool, scene: &mut Scene<'_>) -> Step {
        let Some(registration) = provider.registration() else {
            return self.signed_in.refuse(Denial::LoginUnavailable, scene);
        };
        match userinfo::claims(&self.answer, self.signed_in.known(), provider, scene) {
            Ok(claims) => self.signed_in.begin_session(registration, claims, scene),
            Err(error) if may_wait && error.newer_keys_may_help() => {
                Step::Wait(Wait::Provider { need: self.need, flow: AwaitProvider::Userinfo(self) })
            }
            Err(error) => self.signed_in.refuse(error, scene),
        }
    }
}
