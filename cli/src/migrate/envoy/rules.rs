//! The rules of `jwt_authn`, behind those of `oauth2` where it stands before: none of them admits more than both filters did.

use latchkey_explain::document::Tree;

use super::field;
use super::jwt_authn::Known;
use super::pattern::Pattern;
use super::requirement::Requirement;
use crate::init::draft::{Line, texts};
use crate::migrate::{DENY, NOTHING, change};
use crate::yaml;

/// What was known before the rules are read.
pub struct Surroundings<'s> {
    /// The providers of tokens and sessions.
    pub known: &'s [Known],
    /// The filter `oauth2` before this one.
    pub oauth2: Option<SignIn<'s>>,
}

/// The filter `oauth2`: who is not let through needs a session first.
pub struct SignIn<'s> {
    /// The provider where people sign in, by its name here.
    pub provider: &'s str,
    /// Its client: whom ID tokens are for.
    pub client_id: &'s str,
    /// Requests that it lets through.
    pub passed: &'s [Pattern],
    /// Whether it lets everything through that has an Authorization header.
    pub passes_tokens: bool,
}

/// A rule as it was.
pub struct Rule<'t> {
    /// Which requests.
    pub pattern: Pattern,
    requirement: Requirement<'t>,
}

/// The rules of the filter, in their order.
pub fn read(filter: &Tree) -> Vec<Rule<'_>> {
    let named = field(filter, "requirement_map");
    let rules = field(filter, "rules").map(Tree::items).unwrap_or_default().iter();
    rules
        .map(|rule| Rule {
            pattern: field(rule, "match").map_or_else(|| Pattern::everything(false), Pattern::of_route),
            requirement: Requirement::of_rule(rule, named),
        })
        .collect()
}

/// Whether all that `pattern` matches goes through these rules without a token, for certain.
pub fn are_open_to(rules: &[Rule<'_>], pattern: &Pattern) -> bool {
    for rule in rules.iter().filter(|rule| rule.pattern.may_meet(pattern)) {
        match rule.requirement {
            Requirement::Nothing if rule.pattern.covers(pattern) => return true,
            Requirement::Nothing => {}
            _ => return false,
        }
    }
    // What no rule matches is not looked at.
    true
}

/// A rule with all that stands below its `match`, or why not.
enum Becomes {
    Rule(Vec<Line>),
    Denied(String),
}

/// A rule as one of Latchkey. What cannot be said becomes one that denies, so that no later rule admits it.
pub fn carry_over(
    rule: &Rule<'_>,
    around: &Surroundings<'_>,
    changes: &mut Vec<String>,
    warnings: &mut Vec<String>,
) -> Option<Vec<Line>> {
    let shown = if rule.pattern.matched.members().is_empty() {
        "every path".to_owned()
    } else {
        yaml::inline(&rule.pattern.matched)
    };
    let becomes = match (&rule.requirement, rule.pattern.is_exact) {
        (Requirement::Nothing, false) => {
            changes.push(change(
                "rules",
                format!("{NOTHING}: a rule without a requirement, of which `match` can say only {shown}"),
            ));
            return None;
        }
        (Requirement::Nothing, true) if around.oauth2.is_some() => {
            Becomes::Rule(vec![Line::member("authentication", "session")])
        }
        (Requirement::Nothing, true) => {
            Becomes::Rule(vec![Line::explained("authentication", "none", "nothing was required before")])
        }
        (Requirement::Unclear(what), _) => Becomes::Denied((*what).to_owned()),
        (_, false) => Becomes::Denied("its `match` cannot be said exactly".to_owned()),
        (Requirement::OneOf { providers, may_be_missing }, true) => {
            demand(providers, *may_be_missing, &rule.pattern, around)
        }
    };
    let mut lines = Vec::new();
    if !rule.pattern.matched.members().is_empty() {
        lines.push(Line::member("match", rule.pattern.matched.clone()));
    }
    match becomes {
        Becomes::Rule(demand) => lines.extend(demand),
        Becomes::Denied(why) => {
            changes.push(change(
                "rules",
                format!("{NOTHING}: {why}: {shown} is closed to everybody until you say who may"),
            ));
            warnings.push(format!("{shown} is closed to everybody: {why}"));
            let authentication = if around.oauth2.is_some() { "session" } else { "bearer" };
            lines.push(Line::member("authentication", authentication));
            lines.push(Line::explained("require", DENY, format!("nobody, until you say who: {why}")));
        }
    }
    Some(lines)
}

/// What a rule demands of an identity.
fn demand(
    providers: &[(&str, Vec<&str>)],
    may_be_missing: bool,
    pattern: &Pattern,
    around: &Surroundings<'_>,
) -> Becomes {
    let find = |name: &str| around.known.iter().find(|known| known.envoy_name == name);
    let here: Vec<(&Known, &Vec<&str>)> =
        providers.iter().filter_map(|(name, audiences)| Some((find(name)?, audiences))).collect();
    if here.is_empty() && !providers.is_empty() {
        return Becomes::Denied("none of its providers is carried over".to_owned());
    }
    let (sessions, mut tokens): (Vec<_>, Vec<_>) = here.into_iter().partition(|(known, _)| known.is_session);
    // `oauth2` wants a session besides the token, unless it lets the request through.
    let reaches = around
        .oauth2
        .as_ref()
        .is_none_or(|sign_in| sign_in.passes_tokens || sign_in.passed.iter().any(|passed| passed.covers(pattern)));
    if !reaches {
        if sessions.is_empty() && !may_be_missing {
            return Becomes::Denied("it wanted a session and a token at once".to_owned());
        }
        tokens.clear();
    }
    // A session has an ID token, which is for the client and nobody else.
    let is_for_client = |(known, audiences): &(&Known, &Vec<&str>)| {
        let own: Vec<&str> = known.audiences.iter().map(String::as_str).collect();
        let wanted = if audiences.is_empty() { &own } else { *audiences };
        wanted.is_empty() || around.oauth2.as_ref().is_some_and(|sign_in| wanted.contains(&sign_in.client_id))
    };
    if !sessions.iter().all(is_for_client) {
        return Becomes::Denied("it wanted a session's token for another audience".to_owned());
    }
    let Some(audience) = common_audience(&tokens) else {
        return Becomes::Denied("each of its providers has audiences of its own".to_owned());
    };
    // Who passed without a token still had to sign in.
    let needs_session = around.oauth2.is_some();
    let authentication = match (may_be_missing, needs_session, sessions.is_empty(), tokens.is_empty()) {
        (true, false, ..) => "optional",
        (true, true, _, true) | (false, _, false, true) => "session",
        (true, true, _, false) | (false, _, false, false) => "any",
        (false, _, true, _) => "bearer",
    };
    let mut lines = vec![Line::member("authentication", authentication)];
    let mut names: Vec<&str> =
        around.oauth2.iter().filter(|_| authentication == "any").map(|sign_in| sign_in.provider).collect();
    for (known, _) in &tokens {
        if !names.contains(&known.name.as_str()) {
            names.push(&known.name);
        }
    }
    if !names.is_empty() {
        lines.push(Line::member("providers", texts(names)));
    }
    if !audience.is_empty() {
        lines.push(Line::member("audience", texts(audience)));
    }
    let is_alone = matches!(authentication, "bearer" | "session") && names_are_one(&sessions, &tokens);
    let mut conditions: Vec<String> = Vec::new();
    for condition in sessions.iter().chain(&tokens).filter_map(|(known, _)| known.condition(is_alone)) {
        if !conditions.contains(&condition) {
            conditions.push(condition);
        }
    }
    if !conditions.is_empty() {
        lines.push(Line::member("require", conditions.join(" && ").as_str()));
    }
    Becomes::Rule(lines)
}

/// Whether all identities of a rule are of one provider.
fn names_are_one(sessions: &[(&Known, &Vec<&str>)], tokens: &[(&Known, &Vec<&str>)]) -> bool {
    let mut names = sessions.iter().chain(tokens).map(|(known, _)| &known.name);
    let first = names.next();
    names.all(|name| Some(name) == first)
}

/// The audiences of all, when they are the same for each: a rule has them for all its providers.
fn common_audience<'t>(tokens: &[(&Known, &Vec<&'t str>)]) -> Option<Vec<&'t str>> {
    let mut audience: Vec<&str> = tokens.iter().flat_map(|(_, audiences)| audiences.iter().copied()).collect();
    audience.sort_unstable();
    audience.dedup();
    let is_one = tokens.iter().all(|(known, _)| tokens.first().is_some_and(|(first, _)| first.name == known.name));
    let has_all = |(_, audiences): &(&Known, &Vec<&str>)| audience.iter().all(|one| audiences.contains(one));
    // Without audiences of its own, one of the alternatives takes all that the provider does.
    let is_sure = if is_one {
        tokens.iter().all(|(_, audiences)| !audiences.is_empty()) || audience.is_empty()
    } else {
        tokens.iter().all(has_all)
    };
    is_sure.then_some(audience)
}
