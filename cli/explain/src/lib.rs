//! What the core says of a configuration, and what the filter would do with a request: without a proxy, a provider, a network or
//! files. The command and the playground both stand on it.
//!
//! Nobody can be asked here, so some things are supposed: that a token's signature is good, that a session with the given claims
//! exists, and that the providers are there. [`Explanation::supposed`] says so.

#![forbid(unsafe_code)]

pub mod document;
pub mod judgement;
mod placeholder;
mod provider;
pub mod request;
mod session;
mod stage;
mod token;

use relying_party::config::{Config, ConfigErrors};
use relying_party::http::{Headers, RequestHead};
use relying_party::policy::path::RequestPath;
use relying_party::policy::rules::{self, Selection};
use relying_party::time::UnixTime;
use serde::Serialize;
use serde_json::{Map, Value};

use placeholder::Placeholders;

/// What is asked.
pub struct Question {
    /// The request's fields, pseudo-headers included.
    pub request: Vec<(String, Vec<u8>)>,
    /// Who sends it.
    pub identity: Identity,
}

/// Who sends a request.
pub enum Identity {
    /// Nobody who says so, beyond what the request's own fields say.
    Nobody,
    /// Somebody with claims: in a session, or, where only access tokens count, in an access token.
    Claims {
        /// What the provider says of them.
        claims: Map<String, Value>,
        /// The name of the provider; otherwise the one that `iss` names, or the first that fits.
        provider: Option<String>,
    },
    /// Who presents this access token.
    Token(String),
}

/// What the filter would do, and why.
#[derive(Debug, Serialize)]
pub struct Explanation {
    /// What decides: a rule's name, or what stands in for it.
    pub rule: String,
    /// The place of that rule in the configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_path: Option<String>,
    /// What becomes of the request.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// What the filter would write to the log about it.
    pub log: Vec<String>,
    /// What was taken for true because nobody can be asked here.
    pub supposed: Vec<&'static str>,
}

/// What becomes of a request.
#[derive(Debug, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// It goes on to the application.
    Forwarded {
        /// Header fields that the application gets.
        added: Vec<(String, String)>,
        /// Header fields of the request that it does not get.
        removed: Vec<String>,
    },
    /// It is answered.
    Answered {
        /// HTTP status code
        status: u16,
        /// The reason code, when that is a refusal.
        reason: Option<&'static str>,
        /// Where a redirect leads, without its parameters: they are new each time. The endpoints of providers are in words.
        #[serde(skip_serializing_if = "Option::is_none")]
        location: Option<String>,
        /// The header field `WWW-Authenticate`
        #[serde(skip_serializing_if = "Option::is_none")]
        challenge: Option<String>,
    },
    /// It waits for something that is not known here.
    Undecided,
}

impl Verdict {
    /// The verdict in some words.
    pub fn summary(&self) -> String {
        match self {
            Self::Forwarded { .. } => "goes to the application".to_owned(),
            Self::Answered { status: status @ (302 | 303), .. } => format!("sent elsewhere, status {status}"),
            Self::Answered { status: 200, .. } => "answered, status 200".to_owned(),
            Self::Answered { status, .. } => format!("refused, status {status}"),
            Self::Undecided => "cannot be said here: it depends on an answer from outside".to_owned(),
        }
    }
}

/// Asks the core, as it is configured by `document`.
pub fn explain(
    document: &[u8],
    environment: &dyn Fn(&str) -> Option<String>,
    question: Question,
    now: UnixTime,
) -> Result<Explanation, ConfigErrors> {
    let entropy = &mut Placeholders::default();
    let config = Config::parse(document, environment)?;
    let Question { request, identity } = question;
    let mut head = RequestHead::new(Headers::new(request.clone()));
    let Decider { rule, path: rule_path, takes_sessions, audience } = decided_by(&config, &head);
    let mut supposed = vec!["the providers are reachable, and their metadata is as usual"];
    let mut fields = request;
    match identity {
        Identity::Nobody => {}
        Identity::Claims { claims, provider } if takes_sessions => {
            let claims = issued_by(&config, provider.as_deref(), claims);
            match session::cookies(&config, &head, claims, now, entropy) {
                Some(cookies) => {
                    supposed.push("a session with these claims, begun now");
                    fields.push(("cookie".to_owned(), cookies));
                }
                None => {
                    supposed.push("nobody: these claims make no session (they are too large, or nobody can sign in)")
                }
            }
        }
        Identity::Claims { claims, provider } => {
            supposed.push("an access token with these claims, correctly signed");
            let claims = issued_by(&config, provider.as_deref(), claims);
            let token = token::of_claims(&config, audience.as_deref(), claims, now);
            fields.push(("authorization".to_owned(), token::bearer(&token)));
        }
        Identity::Token(token) => {
            supposed.push("the token's signature is good");
            fields.push(("authorization".to_owned(), token::bearer(&token)));
        }
    }
    head = RequestHead::new(Headers::new(fields));
    let (verdict, log) = stage::run(without_store(document, environment).unwrap_or(config), head, now, entropy);
    Ok(Explanation { rule, rule_path, verdict, log, supposed })
}

/// The claims as the provider of this name issues them.
fn issued_by(config: &Config, provider: Option<&str>, mut claims: Map<String, Value>) -> Map<String, Value> {
    let named = config.providers.iter().find(|known| Some(known.name.as_str()) == provider);
    if let Some(issuer) = named.and_then(|provider| provider.issuer.all().next()) {
        claims.insert("iss".to_owned(), issuer.into());
    }
    claims
}

/// The store is not asked: what it would say is not known here.
fn without_store(document: &[u8], environment: &dyn Fn(&str) -> Option<String>) -> Option<Config> {
    let mut document: Value = serde_json::from_slice(document).ok()?;
    document.get_mut("session")?.as_object_mut()?.remove("store")?;
    Config::parse(document.to_string().as_bytes(), environment).ok()
}

/// What decides over a request.
struct Decider {
    rule: String,
    path: Option<String>,
    takes_sessions: bool,
    /// Whom an access token must be for, when the rule itself says it.
    audience: Option<String>,
}

impl Decider {
    fn called(rule: &str, takes_sessions: bool) -> Self {
        Self { rule: rule.to_owned(), path: None, takes_sessions, audience: None }
    }
}

fn decided_by(config: &Config, head: &RequestHead) -> Decider {
    let Some(Ok(path)) = head.path_and_query().map(RequestPath::parse) else {
        return Decider::called("no rule: the path is refused", false);
    };
    match rules::select(&config.rules, &config.own_paths(), head.method(), head.authority(), &path) {
        Selection::Rule(index, rule) => {
            let demand = rule.authentication.token_demand();
            Decider {
                rule: rule.name.clone(),
                path: Some(format!("rules[{index}]")),
                takes_sessions: rule.authentication.takes_sessions(),
                audience: demand.and_then(|demand| demand.audience.as_ref()?.first().cloned()),
            }
        }
        Selection::Default => Decider::called("no rule matches: a session is needed", true),
        Selection::Endpoint => Decider::called("an endpoint of the filter", true),
        Selection::ResourceMetadata => Decider::called("the filter's resource metadata", false),
        Selection::Ambiguous => Decider::called("no rule: the path can be read in two ways", false),
    }
}
