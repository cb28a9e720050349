//! What the core says of a configuration. Variables that are not set here may be supposed.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::mem::take;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::pkcs8::{EncodePrivateKey as _, LineEnding};
use relying_party::config::{Config, ConfigErrors, Problem};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::document::{Document, Fault, Malformed, line_and_column};

/// What becomes of a variable that is not set here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnsetVariables {
    /// It will be set where the filter runs: something that fits its place stands for it.
    AreSupposed,
    /// It is missing, as it would be for the filter.
    AreMissing,
}

/// The variables that a configuration names, and what stands for those that are not set here.
#[derive(Debug, Default)]
pub struct Environment {
    asked: BTreeMap<String, Option<String>>,
    supposed: BTreeMap<String, String>,
}

impl Environment {
    /// The value of a variable.
    pub fn value(&self, name: &str) -> Option<String> {
        self.asked.get(name).cloned().flatten().or_else(|| self.supposed.get(name).cloned())
    }

    /// The variables that the configuration names.
    pub fn variables(&self) -> Vec<&str> {
        self.asked.keys().map(String::as_str).collect()
    }

    /// The variables that are not set here.
    pub fn unset(&self) -> Vec<&str> {
        self.supposed.keys().map(String::as_str).collect()
    }
}

/// Something that is wrong with a document, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Where in the configuration: `rules[2].require`; empty for the whole.
    pub path: String,
    /// What was found, and what is expected.
    pub message: String,
    /// The nearest valid spelling.
    pub hint: Option<String>,
    /// Line, from 1
    pub line: usize,
    /// Column, from 1, in characters
    pub column: usize,
    /// The same place in bytes of the text.
    #[serde(skip)]
    pub place: Range<usize>,
}

impl Finding {
    fn of(document: &Document, problem: &Problem) -> Self {
        let Problem { path, message, hint } = problem.clone();
        let place = document.place(&path);
        let (line, column) = line_and_column(&document.text, place.start);
        Self { path, message, hint, line, column, place }
    }

    fn of_fault(text: &str, fault: &Fault) -> Self {
        let (line, column) = line_and_column(text, fault.place.start);
        let Fault { path, message, place } = fault;
        Self { path: path.clone(), message: message.clone(), hint: None, line, column, place: place.clone() }
    }
}

/// Everything that is wrong with a text that is no document.
pub fn faults(malformed: &Malformed) -> Vec<Finding> {
    malformed.faults().map(|fault| Finding::of_fault(&malformed.text, fault)).collect()
}

/// What the core says of a document.
pub struct Judgement {
    /// The configuration, or everything that is wrong with it, in the order of the document.
    pub config: Result<Config, Vec<Finding>>,
    /// What it was read with.
    pub environment: Environment,
}

/// Asks the core. `set` has the variables that are set here.
pub fn judge(document: &Document, set: &dyn Fn(&str) -> Option<String>, unset: UnsetVariables) -> Judgement {
    let json = document.json();
    let mut environment = Environment::default();
    // What is wrong with a configuration may hide a variable: each turn finds at least one, or is the last.
    loop {
        let asked = RefCell::new(take(&mut environment.asked));
        let config = Config::parse(&json, &|name| {
            let known = asked.borrow_mut().entry(name.to_owned()).or_insert_with(|| set(name)).clone();
            known.or_else(|| environment.supposed.get(name).cloned())
        });
        environment.asked = asked.into_inner();
        let before = environment.supposed.len();
        if let (UnsetVariables::AreSupposed, Err(errors)) = (unset, &config) {
            let missing = errors.problems().iter().filter_map(|problem| stand_in(document, problem));
            let missing: Vec<_> = missing.filter(|(name, _)| environment.value(name).is_none()).collect();
            environment.supposed.extend(missing);
        }
        if environment.supposed.len() == before {
            return Judgement { config: config.map_err(|errors| findings(document, &errors)), environment };
        }
    }
}

fn findings(document: &Document, errors: &ConfigErrors) -> Vec<Finding> {
    let mut findings: Vec<_> = errors.problems().iter().map(|problem| Finding::of(document, problem)).collect();
    findings.sort_by_key(|finding| finding.place.start);
    findings
}

/// What stands for the variable that `problem` misses: a key where a key is expected, and no key twice.
fn stand_in(document: &Document, problem: &Problem) -> Option<(String, String)> {
    let place = problem.path.strip_suffix(".env")?;
    let name = document.tree.at(&problem.path)?.text()?;
    let digest = Sha256::digest(name.as_bytes());
    // An item of a list stands for one of what the list's name says.
    let list = place.strip_suffix(']').and_then(|place| place.rsplit_once('['));
    let value = if place.starts_with("session.keys[") {
        STANDARD.encode(digest)
    } else if list.map_or(place.ends_with("key"), |(list, _)| list.ends_with("keys")) {
        let key = p256::SecretKey::from_slice(&digest).ok()?;
        key.to_pkcs8_pem(LineEnding::LF).ok()?.to_string()
    } else {
        format!("stands for {name}")
    };
    Some((name.to_owned(), value))
}
