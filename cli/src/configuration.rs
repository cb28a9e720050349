//! A configuration as the filter would read it. Variables that are not set here may be supposed.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::env;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::pkcs8::{EncodePrivateKey as _, LineEnding};
use relying_party::config::{Config, ConfigErrors, Problem};
use sha2::{Digest as _, Sha256};

use crate::document::Document;

/// What becomes of a variable that is not set here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnsetVariables {
    /// It will be set where the filter runs: something that fits its place stands for it.
    AreSupposed,
    /// It is missing, as it would be for the filter.
    AreMissing,
}

/// The environment of this process, and what stands for variables that it has not.
#[derive(Debug, Default)]
pub struct Environment {
    asked: BTreeSet<String>,
    supposed: BTreeMap<String, String>,
}

impl Environment {
    /// The value of a variable.
    pub fn value(&self, name: &str) -> Option<String> {
        env::var(name).ok().or_else(|| self.supposed.get(name).cloned())
    }

    /// The variables that the configuration names.
    pub fn variables(&self) -> Vec<&str> {
        self.asked.iter().map(String::as_str).collect()
    }

    /// The variables that are not set here.
    pub fn unset(&self) -> Vec<&str> {
        self.supposed.keys().map(String::as_str).collect()
    }
}

/// What the core says of a document.
pub struct Judgement {
    /// The configuration, or every problem in it.
    pub config: Result<Config, ConfigErrors>,
    /// What it was read with.
    pub environment: Environment,
}

/// Asks the core.
pub fn judge(document: &Document, unset: UnsetVariables) -> Judgement {
    let json = document.json();
    let asked = RefCell::new(BTreeSet::new());
    let here = |name: &str| {
        asked.borrow_mut().insert(name.to_owned());
        env::var(name).ok()
    };
    let config = Config::parse(&json, &here);
    let mut environment = Environment { asked: asked.into_inner(), supposed: BTreeMap::new() };
    let Err(errors) = &config else { return Judgement { config, environment } };
    if unset == UnsetVariables::AreSupposed {
        environment.supposed = errors.problems().iter().filter_map(|problem| stand_in(document, problem)).collect();
    }
    if environment.supposed.is_empty() {
        return Judgement { config, environment };
    }
    let config = Config::parse(&json, &|name| environment.value(name));
    Judgement { config, environment }
}

/// What stands for the variable that `problem` misses: a key where a key is expected, and no key twice.
fn stand_in(document: &Document, problem: &Problem) -> Option<(String, String)> {
    let place = problem.path.strip_suffix(".env")?;
    let name = document.tree.at(&problem.path)?.text()?;
    let digest = Sha256::digest(name.as_bytes());
    let value = if place.starts_with("session.keys[") {
        STANDARD.encode(digest)
    } else if place.ends_with("key") {
        let key = p256::SecretKey::from_slice(&digest).ok()?;
        key.to_pkcs8_pem(LineEnding::LF).ok()?.to_string()
    } else {
        format!("stands for {name}")
    };
    env::var(name).is_err().then(|| (name.to_owned(), value))
}
