//! The configuration: parsed once into validated types. Nothing validates later.
//!
//! A document is read through a [`cursor`], which knows the path of every value; each section has its own file. Reading goes
//! on after a problem, so that all of them are reported together.

mod access_tokens;
mod address;
mod assertion;
mod audit;
mod client;
mod client_key;
mod cookie;
mod cursor;
mod demand;
mod duration;
mod exchange;
mod expressions;
mod headers;
mod issuer;
mod json;
mod kept_tokens;
mod login_hint_domains;
mod metadata;
mod origin;
mod problem;
mod properties;
mod protobuf;
mod provider;
mod rules;
mod secret;
mod session;
mod session_key;
mod store;
#[cfg(test)]
mod tests;

pub use crate::audit::AuditPolicy;
pub use access_tokens::{AccessTokenPolicy, TokenFormat};
pub use assertion::{AssertionPolicy, OWN_CLAIMS};
pub use client::{Client, ClientAuthentication, PushedAuthorizationRequests};
pub use cursor::member_path;
pub use headers::IdentityHeader;
pub use issuer::Issuer;
pub use kept_tokens::KeptTokens;
pub use origin::PublicUrl;
pub use problem::{ConfigErrors, Problem};
pub use provider::Provider;
pub use session::{CookiePolicy, SameSite, SessionPolicy};
pub use store::{OnStoreFailure, StorePolicy};

pub use crate::policy::claim_selection::ClaimSelection;
pub use crate::policy::rules::{Authentication, Rule};

use std::rc::Rc;
use std::time::Duration;

use cursor::{Cursor, Keys, Mapping, Reading};
use expressions::Expressions;
use json::Node;

use crate::policy::demand::Demand;
use crate::policy::rules::OwnPaths;

/// A validated configuration. See the interface document, §1, for the keys and their defaults.
#[derive(Debug)]
pub struct Config {
    /// The issuers this deployment trusts, in the order of the document; at least one.
    pub providers: Vec<Rc<Provider>>,
    /// The origins under which browsers reach this deployment; empty: the request's own scheme and authority.
    pub public_urls: Vec<Rc<PublicUrl>>,
    /// Where the filter's own endpoints live, such as `/oauth2`: begins with a slash, does not end with one.
    pub base_path: String,
    /// How sessions are kept; `None` when nobody can sign in.
    pub session: Option<SessionPolicy>,
    /// The rules, first match wins; what none matches needs a session.
    pub rules: Vec<Rule>,
    /// Headers to the backend, in the order of the document: lower-case name and the expression for its value.
    pub headers: Vec<IdentityHeader>,
    /// What the host is told of identities, as `wasm.latchkey.NAME`: the name and the expression for its value.
    pub properties: Vec<IdentityHeader>,
    /// Whether a header or a property is made of the request.
    pub looks_at_request: bool,
    /// What the audit log says; `None`: there is none.
    pub audit: Option<AuditPolicy>,
    /// The signed identity that backends get.
    pub assertion: Option<AssertionPolicy>,
    /// Whether a rule takes access tokens that somebody issues: then this deployment describes itself (RFC 9728).
    pub describes_resources: bool,
}

const KEYS: Keys = Keys {
    known: &["providers", "public_url", "base_path", "session", "rules", "headers", "properties", "assertion", "audit"],
};

impl Config {
    /// Reads a JSON document. `environment` looks up the variables that secrets may come from.
    pub fn parse(document: &[u8], environment: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigErrors> {
        let tree = Node::parse(document)?;
        let reading = Reading::new(environment);
        let config = read(&Cursor::root(&tree, &reading));
        let config = config.map(|config| Self { describes_resources: config.takes_tokens(), ..config });
        match (config, ConfigErrors::from_problems(reading.into_problems())) {
            (_, Some(errors)) => Err(errors),
            (Some(config), None) => Ok(config),
            (None, None) => Err(ConfigErrors::of_document("found a document that cannot be used")),
        }
    }

    /// The paths that are answered here, whatever the rules.
    pub fn own_paths(&self) -> OwnPaths<'_> {
        OwnPaths { base_path: &self.base_path, resource_metadata: self.describes_resources }
    }

    /// The names of the headers that only this filter may set.
    pub fn managed_headers(&self) -> impl Iterator<Item = &str> {
        let assertion = self.assertion.iter().map(|assertion| &*assertion.header);
        self.headers.iter().map(|header| header.name.as_str()).chain(assertion)
    }

    /// Whether a rule's demand can be met by an access token at all.
    pub fn accepts_tokens(&self, demand: &Demand) -> bool {
        self.token_issuers(demand).next().is_some()
    }

    /// The providers whose access tokens meet a rule's demand.
    pub fn token_issuers<'a>(&'a self, demand: &'a Demand) -> impl Iterator<Item = &'a Provider> {
        let providers = self.providers.iter().map(Rc::as_ref);
        providers.filter(|provider| provider.access_tokens.is_some() && demand.admits_provider(&provider.name))
    }

    fn takes_tokens(&self) -> bool {
        let mut demands = self.rules.iter().filter_map(|rule| rule.authentication.token_demand());
        demands.any(|demand| self.accepts_tokens(demand))
    }
}

fn read(root: &Cursor<'_>) -> Option<Config> {
    root.report_repeated_members();
    let document = root.mapping_of(&KEYS)?;
    let providers: Option<Vec<_>> = document
        .required("providers", "at least one provider")
        .and_then(|cursor| provider::read_all(&cursor))
        .map(|providers| providers.into_iter().map(Rc::new).collect());
    let public_urls = document.optional("public_url", Vec::new(), |cursor| origin::read_public_urls(&cursor));
    let base_path =
        document.optional("base_path", origin::DEFAULT_BASE_PATH.to_owned(), |cursor| origin::read_base_path(&cursor));
    let has_clients = providers.iter().flatten().any(|provider| provider.client.is_some());
    let session = match document.member("session") {
        None if !has_clients => Some(None),
        _ => document
            .required("session", "a mapping with at least `keys`")
            .and_then(|cursor| cursor.mapping_of(&session::KEYS))
            .map(Some),
    };
    let mut expressions = Expressions::default();
    let rules = document.optional("rules", Vec::new(), |cursor| {
        rules::read_all(&cursor, base_path.as_deref(), providers.as_deref(), &mut expressions)
    });
    let for_tokens = rules.iter().flatten().any(|rule| rule.authentication.takes_tokens());
    let headers =
        document.optional("headers", Vec::new(), |cursor| headers::read_all(&cursor, for_tokens, &mut expressions));
    let properties = document
        .optional("properties", Vec::new(), |cursor| properties::read_all(&cursor, for_tokens, &mut expressions));
    let assertion = document.optional("assertion", None, |cursor| {
        let surroundings = assertion::Surroundings {
            public_urls: public_urls.as_deref(),
            headers: headers.as_deref().unwrap_or_default(),
            sole_provider: providers.as_ref().is_none_or(|providers| providers.len() == 1),
            for_tokens,
        };
        assertion::read(&cursor, &surroundings, &mut expressions).map(Some)
    });
    let session = session.and_then(|session| match session {
        Some(session) => read_session(&session, public_urls.as_deref(), providers.as_deref(), &expressions).map(Some),
        None => Some(None),
    });

    let audit =
        document.optional("audit", None, |cursor| audit::read(&cursor, document.member("session").is_some()).map(Some));

    let (headers, properties) = (headers?, properties?);
    let looks_at_request = headers.iter().chain(&properties).any(|header| header.value.references().request);
    let (session, assertion) = (session?, assertion?);
    let idle_timeout = session.as_ref().map_or(Duration::MAX, |session| session.idle_timeout);

    Some(Config {
        providers: providers?,
        public_urls: public_urls?,
        base_path: base_path?,
        session,
        rules: rules?,
        headers,
        properties,
        looks_at_request,
        assertion: assertion.map(|assertion| assertion.within(idle_timeout)),
        audit: audit?,
        describes_resources: false,
    })
}

fn read_session(
    session: &Mapping<'_>,
    public_urls: Option<&[Rc<PublicUrl>]>,
    providers: Option<&[Rc<Provider>]>,
    expressions: &Expressions<'_>,
) -> Option<SessionPolicy> {
    let policy = session::read(session);
    let claims = session::read_claims(session).map(|listed| expressions.claims(listed));
    if let (Some(policy), Some(public_urls)) = (&policy, public_urls) {
        check_cookie_reaches(session, policy.cookie(), public_urls);
    }
    if policy.as_ref().is_some_and(session::SessionDocument::is_silent) {
        check_nothing_prompts(session, providers.unwrap_or_default());
    }
    Some(policy?.with_claims(claims?))
}

/// `prompt` is a single parameter, and `none` stands alone (OIDC Core 1.0 §3.1.2.1).
fn check_nothing_prompts(session: &Mapping<'_>, providers: &[Rc<Provider>]) {
    let prompts = |provider: &&Rc<Provider>| {
        let parameters = provider.client.iter().flat_map(|client| &client.authorization_parameters);
        parameters.into_iter().any(|(name, _)| name == "prompt")
    };
    if let Some(provider) = providers.iter().find(prompts) {
        session.place("silent").refuse(
            format_args!("`true` with `prompt` in the `authorization_parameters` of `{}`", provider.name),
            "one of them: `silent` asks with `prompt=none`",
        );
    }
}

/// The cookie's attributes must fit the origins that browsers see, or no browser would send it back.
fn check_cookie_reaches(session: &Mapping<'_>, cookie: &CookiePolicy, public_urls: &[Rc<PublicUrl>]) {
    if !cookie.secure && public_urls.iter().any(|url| url.is_https()) {
        session.place("secure").refuse("`false` with an `https` origin in `public_url`", "`true`");
    }
    let Some(domain) = &cookie.domain else { return };
    for url in public_urls {
        let host = url.host();
        let below = host.strip_suffix(domain.as_str()).is_some_and(|front| front.is_empty() || front.ends_with('.'));
        if !below {
            session.place("domain").refuse(
                format_args!("`{domain}`, which `{host}` of `public_url` does not belong to"),
                "a domain of all origins, or `null`",
            );
        }
    }
}
