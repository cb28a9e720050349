//! The authorization request: the browser goes to the provider (OIDC Core 1.0 §3.1.2.1).

use std::rc::Rc;

use url::Url;

use crate::config::{CookiePolicy, Provider};
use crate::denial::Denial;
use crate::http::{CalloutOutcome, Response};
use crate::login::attempt::{Beginning, LoginAttempt};
use crate::login::browser::{BrowserId, ResponseMode};
use crate::login::past::Past;
use crate::login::return_to::ReturnTarget;
use crate::policy::demand::AuthenticationDemand;
use crate::protocol::{
    AuthorizationRequest, Prompt, ProviderFailure, UserinfoError, authorization_url, authorization_url_after_push,
    process_pushed_authorization_response, pushed_authorization_request, pushes,
};
use crate::reason::Reason as _;
use crate::session::seal::Purpose;

use super::decision::{About, Decision};
use super::provider::LoadedProvider;
use super::visit::Visit;
use super::{AwaitCallout, AwaitProvider, Need, Scene, Step, Wait, home_realm, obstacles, session_cookie};

/// What the visitor chose.
#[derive(Default)]
pub(super) struct Choice {
    /// A provider's name.
    pub(super) provider: Option<String>,
    /// `login_hint` (OIDC Core §3.1.2.1).
    pub(super) login_hint: Option<String>,
    /// The names of the providers to choose from; `None`: all.
    pub(super) admitted: Option<Vec<String>>,
    /// How the login begins.
    pub(super) beginning: Beginning,
    /// How the person is to authenticate.
    pub(super) demand: AuthenticationDemand,
    /// What it begins for.
    pub(super) occasion: Occasion,
}

/// Why a browser is sent to the provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Occasion {
    /// Somebody asked for it, at the login endpoint.
    #[default]
    Asked,
    /// A request needs a session.
    SessionRequired,
    /// A rule wants a newer or a stronger authentication than the session's.
    StepUpRequired,
    /// The provider could not do without the person: a login that has begun goes on, and is not counted again.
    PersonNeeded,
}

impl Occasion {
    /// The reason code for access logs: by it, a redirect of ours is known from the application's.
    pub(super) fn reason(self) -> Option<&'static str> {
        match self {
            Self::SessionRequired => Some(Denial::LoginRequired.code()),
            Self::StepUpRequired => Some(Denial::StepUpRequired(AuthenticationDemand::default()).code()),
            Self::Asked | Self::PersonNeeded => None,
        }
    }
}

/// How a navigation begins a login: without the person, if that is configured, unless the person has just signed out.
pub(super) fn first_try(visit: &Visit, scene: &Scene<'_>) -> Beginning {
    match &scene.config.session {
        Some(policy) if policy.silent && Past::of_request(visit.head.headers(), &policy.cookie) != Past::SignedOut => {
            Beginning::Silent
        }
        Some(_) | None => Beginning::Interactive,
    }
}

/// A login that begins as soon as its provider is available.
pub struct BeginLogin {
    visit: Visit,
    need: Need,
    target: ReturnTarget,
    login_hint: Option<String>,
    beginning: Beginning,
    demand: AuthenticationDemand,
    occasion: Occasion,
}

/// Begins a login that ends at `target`.
pub(super) fn begin(visit: Visit, target: ReturnTarget, choice: Choice, scene: &mut Scene<'_>) -> Step {
    if let Some(refusal) = obstacles::before(&visit, &target, scene) {
        return refusal;
    }
    let candidates = choice.candidates(scene);
    let provider = match (candidates.as_slice(), &choice.provider) {
        ([], Some(_)) => return visit.refuse(Denial::UnknownProvider, scene),
        ([], None) => return visit.refuse(Denial::LoginUnavailable, scene),
        ([provider], _) => *provider,
        (several, _) => {
            let hint = choice.login_hint.as_deref();
            match hint.and_then(|hint| home_realm::by_login_hint(several, hint, scene)) {
                Some(provider) => provider,
                None => {
                    let page = home_realm::offer(&visit, several, &target, &choice, scene);
                    let page = page.with_cookies(visit.parting_cookies.clone());
                    return visit.reply(page, choice.occasion.reason(), scene);
                }
            }
        }
    };
    let need = Need { provider, newer_than: None };
    let Choice { login_hint, beginning, demand, occasion, .. } = choice;
    let flow = BeginLogin { visit, need, target, login_hint, beginning, demand, occasion };
    Step::Wait(Wait::Provider { need, flow: AwaitProvider::Login(flow) })
}

impl Choice {
    /// The indices of the providers that fit: people can sign in there, and nothing speaks against it.
    pub(super) fn candidates(&self, scene: &Scene<'_>) -> Vec<usize> {
        let fits = |provider: &Provider| {
            provider.client.is_some()
                && self.provider.as_ref().is_none_or(|name| *name == provider.name)
                && self.admitted.as_ref().is_none_or(|names| names.contains(&provider.name))
        };
        (0..).zip(scene.providers).filter(|(_, slot)| fits(&slot.config)).map(|(index, _)| index).collect()
    }
}

impl BeginLogin {
    pub(super) fn resume(self, scene: &mut Scene<'_>) -> Step {
        match scene.provider(self.need) {
            Ok(provider) => self.redirect(provider, scene),
            Err(denial) => {
                let name = scene.provider_name(self.need);
                self.visit.refuse_demanding(denial, (name.as_deref(), &self.demand), &self.target, scene)
            }
        }
    }

    fn redirect(self, provider: Rc<LoadedProvider>, scene: &mut Scene<'_>) -> Step {
        let config = scene.config;
        let (Some(registration), Some(session)) = (provider.registration(), &config.session) else {
            return self.visit.refuse(Denial::LoginUnavailable, scene);
        };
        let (client, cookie) = (registration.client, &session.cookie);
        // Said before people have typed their passwords.
        if client.userinfo && registration.endpoints.userinfo.is_none() {
            let wanted = (Some(provider.config.name.as_str()), &self.demand);
            return self.visit.refuse_demanding(UserinfoError::MissingEndpoint, wanted, &self.target, scene);
        }
        let browser = BrowserId::of_login(self.visit.head.headers(), cookie, scene.entropy);
        let redirect_uri = self.visit.endpoint(config, "callback");
        let name = &provider.config.name;
        let attempt = LoginAttempt {
            beginning: self.beginning,
            demand: self.demand,
            over_plain_http: self.visit.head.scheme() == "http",
            ..LoginAttempt::begin(name, self.target, redirect_uri, &browser, scene.now, scene.entropy)
        };
        let binding = self.visit.binding(Purpose::Login, &provider.config, client, session);
        let request = AuthorizationRequest {
            redirect_uri: &attempt.redirect_uri,
            state: &attempt.seal(&session.keys, &binding, scene.entropy),
            nonce: &attempt.nonce,
            code_verifier: attempt.code_verifier.expose(),
            login_hint: self.login_hint.as_deref(),
            prompt: (attempt.beginning == Beginning::Silent).then_some(Prompt::None),
            demand: &attempt.demand,
        };
        let mut cookies = self.visit.parting_cookies.clone();
        cookies.push(browser.set_cookie(cookie, ResponseMode::of(client), past(&self.visit, cookie, scene)));
        if !pushes(registration) {
            let url = authorization_url(registration, &request);
            return leave(&self.visit, (name, self.occasion), &url, cookies, scene);
        }
        match pushed_authorization_request(registration, &request, &mut scene.means()) {
            Ok(request) => {
                let flow = AwaitPushedAuthorization {
                    visit: self.visit,
                    provider: Rc::clone(&provider),
                    target: attempt.return_to,
                    cookies,
                    occasion: self.occasion,
                };
                let flow = AwaitCallout::PushedAuthorization(flow);
                Step::Wait(Wait::Callout { request: Box::new(request), flow })
            }
            Err(error) => self.visit.refuse_login(error, Some(name), &attempt.return_to, scene),
        }
    }
}

/// A login whose authorization request has been pushed to the provider, which is to answer with a reference to it (RFC 9126).
pub struct AwaitPushedAuthorization {
    visit: Visit,
    provider: Rc<LoadedProvider>,
    target: ReturnTarget,
    cookies: Vec<String>,
    occasion: Occasion,
}

impl AwaitPushedAuthorization {
    pub(super) fn resume(self, outcome: CalloutOutcome, scene: &mut Scene<'_>) -> Step {
        let name = self.provider.config.name.as_str();
        let Some(registration) = self.provider.registration() else {
            return self.visit.refuse_login(Denial::LoginUnavailable, Some(name), &self.target, scene);
        };
        let request_uri = ProviderFailure::answer(outcome).map_err(Denial::Provider).and_then(|(status, body)| {
            process_pushed_authorization_response(status, &body).map_err(Denial::PushedAuthorization)
        });
        match request_uri {
            Ok(request_uri) => {
                let url = authorization_url_after_push(registration, &request_uri);
                leave(&self.visit, (name, self.occasion), &url, self.cookies, scene)
            }
            Err(denial) => self.visit.refuse_login(denial, Some(name), &self.target, scene),
        }
    }
}

/// What is known of a browser that has no session. Who has one does not go round in circles.
fn past(visit: &Visit, policy: &CookiePolicy, scene: &mut Scene<'_>) -> Past {
    match session_cookie::glance(visit, scene) {
        Some(_) => Past::Unknown,
        None => Past::of_request(visit.head.headers(), policy),
    }
}

/// To the provider, with the cookies that the way back needs.
fn leave(
    visit: &Visit,
    (provider, occasion): (&str, Occasion),
    url: &Url,
    cookies: Vec<String>,
    scene: &mut Scene<'_>,
) -> Step {
    if occasion != Occasion::PersonNeeded {
        scene.tell(Decision::LoginBegun, About { provider: Some(provider), ..About::default() });
    }
    let redirect = if visit.head.method() == "POST" { Response::see_other } else { Response::redirect };
    visit.reply(redirect(url.as_str()).with_cookies(cookies), occasion.reason(), scene)
}
