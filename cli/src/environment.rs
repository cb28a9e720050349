//! The environment of this process, as a configuration sees it.

use std::env;

use latchkey_explain::document::Document;
use latchkey_explain::judgement::{self, Judgement, UnsetVariables};

/// What the core says of a configuration here.
pub fn judge(document: &Document, unset: UnsetVariables) -> Judgement {
    judgement::judge(document, &|name| env::var(name).ok(), unset)
}

/// Says which variables were supposed.
pub fn say_unset(unset: &[&str]) {
    if !unset.is_empty() {
        eprintln!("note: not set here, so not checked: {}", unset.join(", "));
    }
}
