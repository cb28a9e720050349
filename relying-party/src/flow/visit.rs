//! One request of one browser: what every flow needs to know of it, and how it is refused.

use std::rc::Rc;

use serde_json::{Map, Value};

use crate::config::{Client, Config, Provider, PublicUrl, SameSite, SessionPolicy};
use crate::denial::Denial;
use crate::http::credentials::{PresentedToken, TokenScheme};
use crate::http::navigation::{Initiator, initiator, is_navigation};
use crate::http::origin::public_origin;
use crate::http::{RequestHead, Response};
use crate::login::return_to::ReturnTarget;
use crate::page::{self, Action, Framing, Page, Problem};
use crate::policy::demand::AuthenticationDemand;
use crate::reason::Reason;
use crate::session::seal::{self, Binding, Purpose};

use super::decision::{About, Decision};
use super::session_cookie::Patience;
use super::stored_session::Fetched;
use super::{Reply, Scene, Step, resource_metadata, step_up};

/// A request and the origin it came to.
pub struct Visit {
    pub(super) head: RequestHead,
    /// The origin as the browser sees it.
    pub(super) origin: Rc<PublicUrl>,
    /// The index of the rule that it falls under.
    pub(super) rule: Option<usize>,
    /// What it has waited for already.
    pub(super) patience: Patience,
    /// Sessions that were fetched for it.
    pub(super) fetched: Vec<Fetched>,
    /// `Set-Cookie` lines that go along with whatever the answer is: they remove a session which ended while this request waited for
    /// it, or keep a form over the login.
    pub(super) parting_cookies: Vec<String>,
}

impl Visit {
    /// Fails when the request names no usable host.
    pub(super) fn new(head: RequestHead, config: &Config) -> Result<Self, Reply> {
        match public_origin(&config.public_urls, &head) {
            Some(origin) => Ok(Self {
                head,
                origin,
                rule: None,
                patience: Patience::default(),
                fetched: Vec::new(),
                parting_cookies: Vec::new(),
            }),
            None => Err(answer(&head, &Denial::MalformedAuthority, None, &[], Framing::Nowhere)),
        }
    }

    pub(super) fn initiator(&self) -> Initiator {
        initiator(&self.head)
    }

    /// The name of the rule that it falls under.
    pub(super) fn rule_name<'a>(&self, config: &'a Config) -> Option<&'a str> {
        config.rules.get(self.rule?).map(|rule| rule.name.as_str())
    }

    /// Where this request wants to go, if a browser may be sent back there.
    pub(super) fn target(&self, config: &Config) -> ReturnTarget {
        let readable = matches!(self.head.method(), "GET" | "HEAD");
        let path = self.head.path_and_query().filter(|_| readable);
        path.and_then(|path| self.target_at(path, config)).unwrap_or_else(ReturnTarget::root)
    }

    /// The place on this origin that a path and query or a URL stand for.
    pub(super) fn target_at(&self, input: &str, config: &Config) -> Option<ReturnTarget> {
        ReturnTarget::parse(input, &self.origin, &config.base_path)
    }

    /// The absolute URL of an endpoint of ours.
    pub(super) fn endpoint(&self, config: &Config, name: &str) -> String {
        format!("{}{}/{name}", self.origin.origin, config.base_path)
    }

    /// The path of the login endpoint, with what it is told.
    pub(super) fn login_path(config: &Config, parameters: &[(&str, &str)]) -> String {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        let separator = if query.is_empty() { "" } else { "?" };
        format!("{}/login{separator}{query}", config.base_path)
    }

    /// The host that cookies belong to: with a `domain`, all of its hosts share the session.
    pub(super) fn cookie_host<'a>(&'a self, session: &'a SessionPolicy) -> &'a str {
        session.cookie.domain.as_deref().unwrap_or(&self.origin.authority)
    }

    /// Where pages of ours may be shown: anywhere, when sessions are meant for embedded applications.
    pub(super) fn framing(&self, scene: &Scene<'_>) -> Framing {
        match &scene.config.session {
            Some(session) if session.cookie.same_site == SameSite::None => Framing::Anywhere,
            Some(_) | None => Framing::Nowhere,
        }
    }

    /// What everything sealed for this visit and the client registered at `provider` is bound to.
    pub(super) fn binding<'a>(
        &'a self,
        purpose: Purpose,
        provider: &'a Provider,
        client: &'a Client,
        session: &'a SessionPolicy,
    ) -> Binding<'a> {
        Binding {
            purpose,
            issuer: provider.issuer.as_str(),
            client_id: &client.client_id,
            cookie_name: &session.cookie.name,
            host: self.cookie_host(session),
        }
    }

    /// The binding for the provider that a sealed value names by its tag.
    pub(super) fn binding_by_tag<'a>(
        &'a self,
        purpose: Purpose,
        tag: [u8; 4],
        scene: &'a Scene<'_>,
    ) -> Option<Binding<'a>> {
        let session = scene.config.session.as_ref()?;
        let (_, provider, client) = provider_by_tag(tag, scene)?;
        Some(self.binding(purpose, provider, client, session))
    }

    /// Answers the request with something that is no refusal. Access logs learn by which rule, and why, where there is a reason.
    pub(super) fn reply(&self, response: Response, reason: Option<&'static str>, scene: &Scene<'_>) -> Step {
        Reply { response, reason, rule: self.rule_name(scene.config).map(str::to_owned) }.into()
    }

    /// Refuses the request; the way to try again leads to where it wanted to go.
    pub(super) fn refuse(&self, denial: impl Into<Denial>, scene: &mut Scene<'_>) -> Step {
        let target = self.target(scene.config);
        self.refuse_login(denial, None, &target, scene)
    }

    /// The same for whoever is known to ask: somebody of this provider, with these claims.
    pub(super) fn refuse_known(
        &self,
        denial: impl Into<Denial>,
        (provider, claims): (&str, &Map<String, Value>),
        scene: &mut Scene<'_>,
    ) -> Step {
        let about = About { provider: Some(provider), ..About::default() }.whom(claims);
        self.refuse_about(
            denial.into(),
            about,
            (None, &AuthenticationDemand::default()),
            &self.target(scene.config),
            scene,
        )
    }

    /// Refuses a login that was on its way to `target`.
    pub(super) fn refuse_login(
        &self,
        denial: impl Into<Denial>,
        provider: Option<&str>,
        target: &ReturnTarget,
        scene: &mut Scene<'_>,
    ) -> Step {
        self.refuse_demanding(denial, (provider, &AuthenticationDemand::default()), target, scene)
    }

    /// Refuses what needs a login at `provider` in which the person authenticates as `demand` asks: the way on leads to one.
    pub(super) fn refuse_demanding(
        &self,
        denial: impl Into<Denial>,
        (provider, demand): (Option<&str>, &AuthenticationDemand),
        target: &ReturnTarget,
        scene: &mut Scene<'_>,
    ) -> Step {
        let about = About { provider, ..About::default() };
        self.refuse_about(denial.into(), about, (provider, demand), target, scene)
    }

    /// Refuses with all that is known: whom it is about, and what the way on is to ask for.
    pub(super) fn refuse_about(
        &self,
        denial: Denial,
        about: About<'_>,
        (provider, demand): (Option<&str>, &AuthenticationDemand),
        target: &ReturnTarget,
        scene: &mut Scene<'_>,
    ) -> Step {
        let decision = Decision::of(&denial, provider);
        // That a session is not enough was told with whose it is.
        if !matches!(denial, Denial::StepUpRequired(_)) {
            scene.tell(decision, About { reason: Some(denial.code()), visit: Some(self), ..about });
        }
        scene.log.extend(denial.log_line(about.provider, request_id(&self.head)));
        let demanded = step_up::parameters(demand);
        let mut choice: Vec<_> = provider.map(|provider| ("provider", provider)).into_iter().collect();
        choice.extend(demanded.iter().map(|(name, value)| (*name, value.as_str())));
        let mut parameters: Vec<_> = target.parameters().chain(choice.iter().copied()).collect();
        if denial == Denial::LoginOvertaken {
            parameters.push(("again", "1"));
        }
        let login_path = Self::login_path(scene.config, &parameters);
        let logout_path = format!("{}/logout", scene.config.base_path);
        let actions: Vec<_> = match denial {
            // Who is signed in with the wrong account can sign in with another one.
            Denial::CrossSiteLogout | Denial::RequirementNotMet | Denial::ClaimsElsewhere(_) => {
                vec![Action::Post { label: "Sign out", href: &logout_path }]
            }
            _ => {
                let sign_in = denial.wording().sign_in.filter(|_| scene.config.session.is_some());
                sign_in.map(|label| Action::Login { label, href: &login_path }).into_iter().collect()
            }
        };
        // A script leads people to where it wants them back.
        let login_path = Self::login_path(scene.config, &choice);
        let login_url = scene.config.session.as_ref().map(|_| format!("{}{login_path}", self.origin.origin));
        // What is said to a frame has to be seen in it.
        let framing = if denial == Denial::LoginEmbedded { Framing::Anywhere } else { self.framing(scene) };
        let mut reply = answer(&self.head, &denial, login_url.as_deref(), &actions, framing);
        if denial.is_about_tokens() {
            let scheme = PresentedToken::of(self.head.headers()).ok().flatten().map(|presented| presented.scheme);
            let challenges =
                denial.challenges(scheme.unwrap_or(TokenScheme::Bearer), &resource_metadata::address(self, scene));
            let challenges = challenges.into_iter().map(|challenge| ("www-authenticate".to_owned(), challenge));
            reply.response.headers.extend(challenges);
        }
        reply.response = reply.response.with_cookies(self.parting_cookies.clone());
        reply.rule = self.rule_name(scene.config).map(str::to_owned);
        reply.into()
    }
}

/// The provider whose registration a sealed value names by its tag, and its index. What is sealed is bound to issuer and client:
/// the names in the configuration may have changed since, even have been exchanged.
pub(super) fn provider_by_tag<'a>(tag: [u8; 4], scene: &Scene<'a>) -> Option<(usize, &'a Provider, &'a Client)> {
    let mut providers = scene.providers.iter().enumerate().filter_map(|(index, slot)| {
        let provider: &Provider = &slot.config;
        Some((index, provider, provider.client.as_ref()?))
    });
    providers.find(|(_, provider, client)| seal::provider_tag(provider.issuer.as_str(), &client.client_id) == tag)
}

/// A page for a person, a problem document for a script.
fn answer(
    head: &RequestHead,
    denial: &Denial,
    login_url: Option<&str>,
    actions: &[Action<'_>],
    framing: Framing,
) -> Reply {
    let wording = denial.wording();
    let reason = denial.code();
    let mut response = match denial {
        _ if !is_navigation(head) => Problem {
            status: wording.status,
            title: wording.title,
            detail: wording.explanation,
            reason,
            request_id: request_id(head),
            login_url: login_url.filter(|_| wording.sign_in.is_some()),
            retry_after: denial.retry_after(),
            extensions: denial.problem_members(),
        }
        .into_response(),
        Denial::SessionTooLarge { claims, limit } => page::session_too_large(claims, *limit, reason, request_id(head)),
        _ => page::render(&Page {
            status: wording.status,
            title: wording.title,
            paragraphs: &[wording.explanation],
            reason: Some(reason),
            request_id: request_id(head),
            actions,
            retry_after: denial.retry_after(),
            refresh: match (denial, actions) {
                (Denial::LoginOvertaken, [Action::Login { href, .. }]) => Some(href),
                _ => None,
            },
            framing,
        }),
    };
    if let Denial::MethodNotAllowed(allowed) = denial {
        response.headers.push(("allow".to_owned(), (*allowed).to_owned()));
    }
    Reply { response, reason: Some(reason), rule: None }
}

pub(super) fn request_id(head: &RequestHead) -> Option<&str> {
    head.headers().first_str("x-request-id").and_then(page::shown_request_id)
}
