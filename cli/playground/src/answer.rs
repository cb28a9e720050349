//! What the page shows.

use std::ops::Range;

use latchkey_explain::Explanation;
use latchkey_explain::document::{Document, Malformed};
use latchkey_explain::judgement::{self, Environment, Finding};
use relying_party::config::Config;
use serde::Serialize;

/// What there is to show; what is not known stays empty.
#[derive(Debug, Default, Serialize)]
pub struct Answer {
    /// What is wrong with the configuration.
    pub findings: Vec<Marked>,
    /// What is wrong with another field.
    pub objection: Option<Objection>,
    /// What the filter would do.
    pub explanation: Option<Explained>,
    /// The names of the providers.
    pub providers: Vec<String>,
    /// The variables that the filter will need.
    pub variables: Vec<String>,
}

/// Something that is wrong, and the characters that are meant.
#[derive(Debug, Serialize)]
pub struct Marked {
    #[serde(flatten)]
    finding: Finding,
    characters: Characters,
}

/// A part of a text as browsers count it: in UTF-16.
#[derive(Debug, Serialize)]
struct Characters {
    start: usize,
    end: usize,
}

/// What the filter would do, with what the page shows beside it.
#[derive(Debug, Serialize)]
pub struct Explained {
    #[serde(flatten)]
    explanation: Explanation,
    summary: String,
    /// Where the rule stands.
    rule_characters: Option<Characters>,
}

/// A field of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// The configuration
    Configuration,
    /// Method and address
    Request,
    /// Header fields
    Headers,
    /// The claims
    Claims,
}

/// What is wrong with a field.
#[derive(Debug, Serialize)]
pub struct Objection {
    field: Field,
    message: String,
}

impl Objection {
    pub(crate) fn new(field: Field, message: impl Into<String>) -> Self {
        Self { field, message: message.into() }
    }
}

impl Answer {
    /// The page and this program do not fit together.
    pub(crate) fn to_no_question(error: &serde_json::Error) -> Self {
        Self { objection: Some(Objection::new(Field::Configuration, error.to_string())), ..Self::default() }
    }

    pub(crate) fn to_no_document(malformed: &Malformed) -> Self {
        let findings = judgement::faults(malformed).into_iter();
        Self { findings: findings.map(|finding| Marked::new(&malformed.text, finding)).collect(), ..Self::default() }
    }

    pub(crate) fn to_refused(document: &Document, findings: Vec<Finding>, environment: &Environment) -> Self {
        Self {
            findings: findings.into_iter().map(|finding| Marked::new(&document.text, finding)).collect(),
            variables: names(environment),
            ..Self::default()
        }
    }

    pub(crate) fn to(
        document: &Document,
        config: &Config,
        environment: &Environment,
        explained: Result<Explanation, Objection>,
    ) -> Self {
        let (explanation, objection) = match explained {
            Ok(explanation) => (Some(Explained::new(document, explanation)), None),
            Err(objection) => (None, Some(objection)),
        };
        Self {
            findings: Vec::new(),
            objection,
            explanation,
            providers: config.providers.iter().map(|provider| provider.name.clone()).collect(),
            variables: names(environment),
        }
    }
}

impl Marked {
    fn new(text: &str, finding: Finding) -> Self {
        Self { characters: characters(text, &finding.place), finding }
    }
}

impl Explained {
    fn new(document: &Document, explanation: Explanation) -> Self {
        let place = explanation.rule_path.as_ref().map(|path| document.place(path));
        Self {
            summary: explanation.verdict.summary(),
            rule_characters: place.map(|place| characters(&document.text, &place)),
            explanation,
        }
    }
}

fn names(environment: &Environment) -> Vec<String> {
    environment.variables().into_iter().map(str::to_owned).collect()
}

fn characters(text: &str, bytes: &Range<usize>) -> Characters {
    let count = |offset: usize| text.get(..offset).unwrap_or(text).encode_utf16().count();
    Characters { start: count(bytes.start), end: count(bytes.end) }
}
