//! The way back from the provider (OIDC Core 1.0 §3.1.2.5 to §3.1.3.4): callback and token request.

use std::cell::Cell;
use std::rc::Rc;

use serde_json::{Map, Value};

use crate::config::SessionPolicy;
use crate::denial::Denial;
use crate::http::CalloutOutcome;
use crate::login::attempt::{Beginning, LoginAttempt, LoginAttemptError};
use crate::login::browser::BrowserId;
use crate::protocol::{
    AuthorizationOutcome, AuthorizationResponse, ProviderFailure, TokenError, process_token_response, token_request,
};
use crate::session::seal::Purpose;
use crate::time::UnixTime;

use super::arrival::arrive;
use super::decision::About;
use super::login::Occasion;
use super::provider::LoadedProvider;
use super::sign_in::VerifyIdToken;
use super::visit::{Visit, provider_by_tag};
use super::{AwaitCallout, AwaitForm, AwaitProvider, Need, Scene, Step, Wait, login, obstacles, session_cookie};

/// The largest form post of a provider, in bytes.
const LARGEST_FORM: usize = 16 * 1024;

/// `response_mode=query`
pub(super) fn from_query(visit: Visit, scene: &mut Scene<'_>) -> Step {
    let query = visit.head.query().unwrap_or_default().to_owned();
    process(visit, &query, scene)
}

/// `response_mode=form_post`: the parameters are in the body (OAuth 2.0 Form Post Response Mode §2).
pub(super) fn from_form(visit: Visit) -> Step {
    Step::Wait(Wait::Body { limit: LARGEST_FORM, flow: AwaitForm::Callback(FormPost { visit }) })
}

/// A callback whose form is still to come.
pub struct FormPost {
    visit: Visit,
}

impl FormPost {
    pub(super) fn resume(self, body: Option<Vec<u8>>, scene: &mut Scene<'_>) -> Step {
        match body.map(String::from_utf8) {
            Some(Ok(form)) => process(self.visit, &form, scene),
            Some(Err(_)) | None => self.visit.refuse(Denial::FormUnreadable, scene),
        }
    }
}

fn process(visit: Visit, parameters: &str, scene: &mut Scene<'_>) -> Step {
    let response = match AuthorizationResponse::parse(parameters) {
        Ok(response) => response,
        Err(error) => return visit.refuse(error, scene),
    };
    let Some(session) = &scene.config.session else { return visit.refuse(Denial::LoginUnavailable, scene) };
    let browsers = BrowserId::of_request(visit.head.headers(), &session.cookie);
    let of_state = Cell::new(None);
    let attempt = {
        let binding = |tag| {
            of_state.set(provider_by_tag(tag, scene).map(|(index, ..)| index));
            visit.binding_by_tag(Purpose::Login, tag, scene)
        };
        LoginAttempt::open(&response.state, &session.keys, binding, &browsers, scene.now)
    };
    let attempt = match attempt {
        Ok(attempt) => attempt,
        Err(error) => return too_late(&visit, error, !browsers.is_empty(), session, scene),
    };
    let Some((provider, slot)) = of_state.get().and_then(|index| Some((index, scene.providers.get(index)?))) else {
        return visit.refuse(Denial::UnknownProvider, scene);
    };
    let attempt = LoginAttempt { provider: slot.config.name.clone(), ..attempt };
    let need = Need { provider, newer_than: None };
    let flow =
        TakeResponse { login: Login { visit, attempt: Box::new(attempt), came_back_at: scene.now }, need, response };
    Step::Wait(Wait::Provider { need, flow: AwaitProvider::Response(flow) })
}

/// A late or repeated callback: who is signed in already goes where the login was to lead; nothing is redeemed.
///
/// Tabs that are opened by a new browser at the same moment all get a cookie, and the last one stays: then the other logins
/// belong to no cookie any more. So where there is a cookie, the page begins the login once more, by itself but once.
fn too_late(
    visit: &Visit,
    error: LoginAttemptError,
    has_cookie: bool,
    policy: &SessionPolicy,
    scene: &mut Scene<'_>,
) -> Step {
    let Some(attempt) = error.attempt().cloned() else { return visit.refuse(error, scene) };
    let LoginAttempt { provider, return_to: target, demand, .. } = &attempt;
    // A session that is not what this login was for would begin it again, and again.
    let is_signed_in =
        session_cookie::glance(visit, scene).is_some_and(|live| live.was_authenticated(demand, scene.now));
    if is_signed_in {
        return arrive(visit, target, policy, scene).into();
    }
    let denial = match error {
        LoginAttemptError::AnotherBrowser(_) if has_cookie && attempt.beginning != Beginning::Repeated => {
            Denial::LoginOvertaken
        }
        LoginAttemptError::AnotherBrowser(_) if !has_cookie => {
            obstacles::after(visit, &attempt, &policy.cookie).unwrap_or(Denial::Login(error))
        }
        error => Denial::Login(error),
    };
    visit.refuse_demanding(denial, (Some(provider), demand), target, scene)
}

/// The login that a callback belongs to, and its request.
pub(super) struct Login {
    pub(super) visit: Visit,
    pub(super) attempt: Box<LoginAttempt>,
    /// When the browser came back. The session begins then: what the provider ends while it is asked for tokens is ended.
    pub(super) came_back_at: UnixTime,
}

impl Login {
    /// To where it was to lead, for who is signed in already.
    fn arrive(&self, scene: &mut Scene<'_>) -> Step {
        match &scene.config.session {
            Some(policy) => arrive(&self.visit, &self.attempt.return_to, policy, scene).into(),
            None => self.refuse(Denial::LoginUnavailable, scene),
        }
    }

    /// Whether there is a session already, as this login was to bring one.
    fn has_been_completed(&self, scene: &mut Scene<'_>) -> bool {
        let live = session_cookie::glance(&self.visit, scene);
        live.is_some_and(|live| live.was_authenticated(&self.attempt.demand, scene.now))
    }

    /// The same once more, now that the provider has said that it cannot do without the person.
    pub(super) fn begin_with_the_person(self, scene: &mut Scene<'_>) -> Step {
        if self.has_been_completed(scene) {
            return self.arrive(scene);
        }
        let LoginAttempt { provider, return_to, demand, .. } = *self.attempt;
        let occasion = Occasion::PersonNeeded;
        let choice = login::Choice { provider: Some(provider), demand, occasion, ..login::Choice::default() };
        login::begin(self.visit, return_to, choice, scene)
    }

    pub(super) fn refuse(&self, denial: impl Into<Denial>, scene: &mut Scene<'_>) -> Step {
        let LoginAttempt { provider, demand, return_to, .. } = &*self.attempt;
        self.visit.refuse_demanding(denial, (Some(provider), demand), return_to, scene)
    }

    /// The same once the provider has said who the person is, in these claims.
    pub(super) fn refuse_known(
        &self,
        denial: impl Into<Denial>,
        claims: &Map<String, Value>,
        scene: &mut Scene<'_>,
    ) -> Step {
        let LoginAttempt { provider, demand, return_to, .. } = &*self.attempt;
        let about = About { provider: Some(provider), ..About::default() }.whom(claims);
        self.visit.refuse_about(denial.into(), about, (Some(provider), demand), return_to, scene)
    }
}

/// An authorization response that is looked at as soon as its provider is available.
pub struct TakeResponse {
    login: Login,
    need: Need,
    response: AuthorizationResponse,
}

impl TakeResponse {
    pub(super) fn resume(self, scene: &mut Scene<'_>) -> Step {
        let provider = match scene.provider(self.need) {
            Ok(provider) => provider,
            Err(denial) => return self.login.refuse(denial, scene),
        };
        if let Err(error) = self.response.check_issuer(&provider.metadata) {
            return self.login.refuse(error, scene);
        }
        let code = match &self.response.outcome {
            AuthorizationOutcome::Code(code) => code,
            AuthorizationOutcome::Error(error)
                if self.login.attempt.beginning == Beginning::Silent && error.needs_the_person() =>
            {
                return self.login.begin_with_the_person(scene);
            }
            AuthorizationOutcome::Error(error) => return self.login.refuse(*error, scene),
        };
        let Some(registration) = provider.registration() else {
            return self.login.refuse(Denial::LoginUnavailable, scene);
        };
        let attempt = &self.login.attempt;
        let (redirect_uri, verifier) = (&attempt.redirect_uri, attempt.code_verifier.expose());
        let request = token_request(registration, code, redirect_uri, verifier, &mut scene.means());
        let request = match request {
            Ok(request) => request,
            Err(error) => return self.login.refuse(error, scene),
        };
        let flow = AwaitTokenResponse { login: self.login, need: self.need, provider };
        let flow = AwaitCallout::TokenResponse(flow);
        Step::Wait(Wait::Callout { request: Box::new(request), flow })
    }
}

/// A login whose token response is still to come.
pub struct AwaitTokenResponse {
    login: Login,
    need: Need,
    provider: Rc<LoadedProvider>,
}

impl AwaitTokenResponse {
    /// Goes on with the token endpoint's answer.
    pub fn resume(self, outcome: CalloutOutcome, scene: &mut Scene<'_>) -> Step {
        let (status, body) = match ProviderFailure::answer(outcome) {
            Ok(answer) => answer,
            Err(failure) => return self.login.refuse(Denial::Provider(failure), scene),
        };
        match process_token_response(status, &body) {
            Ok(tokens) => VerifyIdToken::begin(self.login, self.need.provider, tokens, &self.provider, scene),
            // Two callbacks for one code: the first one signed the person in.
            Err(TokenError::InvalidGrant) if self.login.has_been_completed(scene) => self.login.arrive(scene),
            Err(error) => self.login.refuse(error, scene),
        }
    }
}
