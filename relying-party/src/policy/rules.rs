//! Which rule decides over a request.

use super::matcher::host_of;
use super::path::{RequestPath, is_at_or_below};
use crate::config::{Authentication, Rule};

/// What a request's path leads to.
#[derive(Clone, Copy, Debug)]
pub enum Selection<'a> {
    /// One of the filter's own endpoints, or an unknown path below `base_path`.
    Endpoint,
    /// The first rule that matches, and its place in the configuration.
    Rule(usize, &'a Rule),
    /// No rule: a session is needed.
    Default,
    /// The readings of the path lead to different places, or a rule that admits more than a session would is reached by an
    /// ambiguous path. The answer is 400.
    Ambiguous,
}

/// Selects what decides over a request. All readings of the path must agree.
pub fn select<'a>(
    rules: &'a [Rule],
    base_path: &str,
    method: &str,
    authority: &str,
    path: &RequestPath,
) -> Selection<'a> {
    let host = host_of(authority);
    let target = |reading: &str| target(rules, base_path, method, &host, reading);
    let selected = target(path.literal());
    if path.has_one_reading() && !path.is_ambiguous() {
        return selected.into();
    }
    let agreed = path.other_readings().all(|reading| target(reading).same_as(&selected));
    if agreed && !path.is_contradictory() && selected.tolerates(path) { selected.into() } else { Selection::Ambiguous }
}

enum Target<'a> {
    Endpoint,
    Rule(usize, &'a Rule),
    Default,
}

fn target<'a>(rules: &'a [Rule], base_path: &str, method: &str, host: &str, reading: &str) -> Target<'a> {
    if is_at_or_below(reading, base_path) {
        return Target::Endpoint;
    }
    rules
        .iter()
        .enumerate()
        .find(|(_, rule)| rule.matcher.matches(method, host, reading))
        .map_or(Target::Default, |(index, rule)| Target::Rule(index, rule))
}

impl Target<'_> {
    fn same_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Endpoint, Self::Endpoint) | (Self::Default, Self::Default) => true,
            (Self::Rule(index, _), Self::Rule(other, _)) => index == other,
            _ => false,
        }
    }

    /// Whether this may be reached by a path that not everybody reads alike.
    fn tolerates(&self, path: &RequestPath) -> bool {
        match self {
            Self::Default => true,
            Self::Endpoint => !path.is_ambiguous(),
            Self::Rule(_, rule) => match &rule.authentication {
                Authentication::Session { require } => require.as_ref().is_none_or(|expression| {
                    let references = expression.references();
                    !(references.request_path || path.is_ambiguous() && references.request)
                }),
                // The expression sees one reading; the backend may see another.
                Authentication::Optional { require } => {
                    !path.is_ambiguous()
                        && require.as_ref().is_none_or(|expression| !expression.references().request_path)
                }
                Authentication::Public => !path.is_ambiguous(),
            },
        }
    }
}

impl<'a> From<Target<'a>> for Selection<'a> {
    fn from(target: Target<'a>) -> Self {
        match target {
            Target::Endpoint => Self::Endpoint,
            Target::Rule(index, rule) => Self::Rule(index, rule),
            Target::Default => Self::Default,
        }
    }
}
