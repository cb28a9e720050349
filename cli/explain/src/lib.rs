//! What the core says of a configuration, and what the filter would do with a request: without a proxy, a provider, a network or
//! files. The command and the playground both stand on it.
//!
//! Nobody can be asked here, so some things are supposed: that a token's signature is good, that a session with the given claims
//! exists, and that the providers are there. [`Explanation::supposed`] says so.

#![forbid(unsafe_code)]

mod decider;
pub mod document;
pub mod judgement;
mod placeholder;
mod provider;
pub mod request;
mod requirement;
mod session;
mod stage;
mod token;

use relying_party::config::{Config, ConfigErrors};
use relying_party::http::{Headers, RequestHead};
use relying_party::time::UnixTime;
use serde::Serialize;
use serde_json::{Map, Value};

use decider::Decider;
use placeholder::Placeholders;
pub use requirement::Requirement;

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
    /// The name of the rule that decides.
    pub rule: Option<String>,
    /// What decides when no rule does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instead_of_rule: Option<&'static str>,
    /// The place of that rule in the configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_path: Option<String>,
    /// What the rule requires of who sends the request, when that was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requirement: Option<Requirement>,
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
        /// Header fields of the configuration that have no value for who sends the request.
        left_out: Vec<String>,
    },
    /// The sign-in page asks whom to sign in with.
    SignInPage {
        /// The providers to choose from
        providers: Vec<String>,
    },
    /// It is answered.
    Answered {
        /// HTTP status code
        status: u16,
        /// The reason code of a refusal, or of the way to the provider.
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
            Self::SignInPage { providers } => format!("sees the sign-in page ({}), status 200", providers.join(", ")),
            Self::Answered { status: status @ (302 | 303), .. } => format!("sent elsewhere, status {status}"),
            Self::Answered { status: 200, .. } => "answered, status 200".to_owned(),
            Self::Answered { status, .. } => format!("refused, status {status}"),
            Self::Undecided => "cannot be said here: it depends on an answer from outside".to_owned(),
        }
    }

    /// Whether it came to what the rule requires.
    fn looked_at_requirements(&self) -> bool {
        match self {
            Self::Forwarded { .. } => true,
            Self::Answered { reason, .. } => reason.is_some_and(|reason| reason.starts_with("policy.")),
            Self::SignInPage { .. } | Self::Undecided => false,
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
    let head = RequestHead::new(Headers::new(request.clone()));
    let decider = Decider::of(&config, &head);
    let mut supposed = vec!["the providers are reachable, and their metadata is as usual"];
    let mut fields = request;
    let mut known = None;
    match identity {
        Identity::Nobody => {}
        Identity::Claims { claims, provider } if decider.takes_sessions => {
            let claims = issued_by(&config, provider.as_deref(), claims);
            match session::begin(&config, &head, claims, now, entropy) {
                Ok(session) => {
                    supposed.push("a session with these claims, begun now");
                    fields.push(("cookie".to_owned(), session.cookies));
                    known = Some(session.identity);
                }
                Err(none) => supposed.push(none.in_words()),
            }
        }
        Identity::Claims { claims, provider } => {
            supposed.push("an access token with these claims, correctly signed");
            let claims = issued_by(&config, provider.as_deref(), claims);
            let token = token::of_claims(&config, decider.audience.as_deref(), claims, now);
            known = token::identity(&config, &token);
            fields.push(("authorization".to_owned(), token::bearer(&token)));
        }
        Identity::Token(token) => {
            supposed.push("the token's signature is good");
            known = token::identity(&config, &token);
            fields.push(("authorization".to_owned(), token::bearer(&token)));
        }
    }
    let head = RequestHead::new(Headers::new(fields));
    let requirement = known.as_ref().and_then(|known| requirement::of(&config, document, decider.index?, known, &head));
    let choice = decider.sign_in_choice(&config);
    let config = without_store(document, environment).unwrap_or(config);
    let (verdict, log) = stage::run(config, head, known.is_some() && decider.tells_who, now, entropy);
    let verdict = match verdict {
        Verdict::Answered { status: 200, .. } if !decider.is_endpoint => Verdict::SignInPage { providers: choice },
        verdict => verdict,
    };
    Ok(Explanation {
        rule: decider.rule,
        instead_of_rule: decider.instead_of_rule,
        rule_path: decider.index.map(|index| format!("rules[{index}]")),
        requirement: requirement.filter(|_| verdict.looked_at_requirements()),
        verdict,
        log,
        supposed,
    })
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
