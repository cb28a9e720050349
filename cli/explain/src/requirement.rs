//! What a rule requires, and whether it holds.

use relying_party::config::Config;
use relying_party::http::RequestHead;
use relying_party::policy::expression::EvaluationError;
use relying_party::policy::identity::{Identity, Subject};
use relying_party::policy::managed_headers::ManagedHeaders;
use relying_party::policy::path::RequestPath;
use relying_party::policy::request_view::RequestView;
use serde::Serialize;
use serde_json::Value;

/// A rule's `require`, and what it comes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Requirement {
    /// As it is written
    pub expression: String,
    /// What it comes to, in words
    pub outcome: &'static str,
}

/// What rule number `index` requires of this one; `None` when it requires nothing.
pub fn of(config: &Config, document: &[u8], index: usize, known: &Identity, head: &RequestHead) -> Option<Requirement> {
    let require = config.rules.get(index)?.authentication.demand()?.require.as_ref()?;
    let document: Value = serde_json::from_slice(document).ok()?;
    let expression = document.get("rules")?.get(index)?.get("require")?.as_str()?.to_owned();
    let managed = ManagedHeaders::new(config.managed_headers());
    let path = RequestPath::parse(head.path_and_query()?).ok()?;
    let outcome = match require.holds(&Subject::new(known), Some(&RequestView::new(head, &path, &managed))) {
        Ok(true) => "true",
        Ok(false) => "false",
        Err(EvaluationError::Failed) => "not evaluable: a claim is missing or has another type",
        Err(EvaluationError::NotBoolean) => "neither true nor false",
    };
    Some(Requirement { expression, outcome })
}
