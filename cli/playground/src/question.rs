//! What the fields of the page say.

use latchkey_explain::document::Document;
use latchkey_explain::judgement::{self, Environment, UnsetVariables};
use latchkey_explain::request::{self, RequestError, Sender};
use latchkey_explain::{Explanation, Identity};
use relying_party::config::Config;
use relying_party::time::UnixTime;
use serde::Deserialize;

use crate::answer::{Answer, Field, Objection};

/// What the filter would do: with this configuration, this request, from this one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The configuration, YAML or JSON
    pub configuration: String,
    /// `GET https://portal.example.org/`
    pub request: String,
    /// Header fields, a line each
    pub headers: String,
    /// Whether a program sends it, and not a person who opens a page.
    pub by_program: bool,
    /// Who sends it.
    pub who: Who,
}

/// Who sends the request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Who {
    /// Nobody that is known
    Nobody,
    /// Somebody who is signed in, or whose access token has these claims
    Claims {
        /// YAML or JSON
        claims: String,
        /// The name of the provider that says so; empty for the one that `iss` names, or the first
        provider: String,
    },
    /// Somebody with an access token
    Token(String),
}

impl Question {
    /// Asks the core.
    pub fn answer(&self, now: UnixTime) -> Answer {
        let document = match Document::parse(String::new(), self.configuration.clone()) {
            Ok(document) => document,
            Err(malformed) => return Answer::to_no_document(&malformed),
        };
        // A page has no environment: every variable is supposed to be set where the filter runs.
        let judged = judgement::judge(&document, &|_| None, UnsetVariables::AreSupposed);
        match judged.config {
            Ok(config) => {
                let explained = self.explain(&document, &config, &judged.environment, now);
                Answer::to(&document, &config, &judged.environment, explained)
            }
            Err(findings) => Answer::to_refused(&document, findings, &judged.environment),
        }
    }

    fn explain(
        &self,
        document: &Document,
        config: &Config,
        environment: &Environment,
        now: UnixTime,
    ) -> Result<Explanation, Objection> {
        let identity = self.identity(config)?;
        let is_program = self.by_program || matches!(identity, Identity::Token(_));
        let sender = if is_program { Sender::Program } else { Sender::Browser };
        let headers = self.headers.lines().filter(|line| !line.trim().is_empty());
        let request = request::fields(&self.request, headers, sender).map_err(|error| match error {
            RequestError::Header => Objection::new(Field::Headers, "expected lines such as accept: text/html"),
            error => Objection::new(Field::Request, format!("{error}; expected GET https://portal.example.org/")),
        })?;
        let question = latchkey_explain::Question { request, identity };
        latchkey_explain::explain(&document.json(), &|name| environment.value(name), question, now)
            .map_err(|_| Objection::new(Field::Configuration, "the filter does not start with it"))
    }

    fn identity(&self, config: &Config) -> Result<Identity, Objection> {
        match &self.who {
            Who::Nobody => Ok(Identity::Nobody),
            Who::Token(token) => Ok(Identity::Token(token.trim().to_owned())),
            Who::Claims { claims, provider } => {
                let claims = Document::parse(String::new(), claims.clone())
                    .map_err(|malformed| Objection::new(Field::Claims, malformed.fault.message))?
                    .members()
                    .ok_or_else(|| {
                        Objection::new(Field::Claims, "expected a mapping such as {sub: ada, groups: [finance]}")
                    })?;
                let known = config.providers.iter().find(|known| known.name == *provider);
                Ok(Identity::Claims { claims, provider: known.map(|known| known.name.clone()) })
            }
        }
    }
}
