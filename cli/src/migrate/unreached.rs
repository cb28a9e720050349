//! Rules behind one that matches all that they match. The other program let them stand; here they are a mistake.

use latchkey_explain::document::Tree;
use relying_party::policy::matcher::{Matcher, MatcherSpec};

use super::change;
use crate::init::draft::{Draft, Line};
use crate::yaml;

/// Takes such rules out, and says so: they never had an effect.
pub fn drop_rules(draft: &mut Draft, changes: &mut Vec<String>) {
    let mut before: Vec<Matcher> = Vec::new();
    draft.rules.retain(|rule| {
        let matched = rule.iter().find_map(|line| match line {
            Line::Member(name, value, _) if name == "match" => Some(value),
            _ => None,
        });
        // What does not compile is not ours to judge: `check` says why.
        let Ok(matcher) = Matcher::compile(spec(matched)) else { return true };
        let is_reached = !before.iter().any(|earlier| earlier.covers(&matcher));
        if is_reached {
            before.push(matcher);
        } else {
            let shown = matched.map_or_else(|| "everything else".to_owned(), yaml::inline);
            changes
                .push(change("rules", format!("without effect, so left out: {shown}: a rule above matches all of it")));
        }
        is_reached
    });
}

/// What a `match` says.
pub fn spec(matched: Option<&Tree>) -> MatcherSpec {
    let text = |name: &str| matched.and_then(|matched| matched.member(name)?.text()).map(str::to_owned);
    let methods = matched
        .and_then(|matched| matched.member("methods"))
        .map(|methods| methods.items().iter().filter_map(Tree::text).map(str::to_owned).collect());
    let spec = MatcherSpec {
        path: text("path"),
        path_prefix: text("path_prefix"),
        path_regex: text("path_regex"),
        host: text("host"),
        methods,
    };
    let is_empty = matched.is_none_or(|matched| matched.members().is_empty());
    if is_empty { MatcherSpec { path_prefix: Some("/".to_owned()), ..spec } } else { spec }
}
