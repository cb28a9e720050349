//! `rules`: which requests need what. The first match wins.

use std::rc::Rc;

use super::cursor::{Cursor, Keys, Mapping};
use super::demand;
use super::expressions::Expressions;
use super::problem::quoted;
use super::provider::Provider;
use crate::policy::matcher::{Matcher, MatcherSpec};
use crate::policy::rules::Rule;

pub(super) const KEYS: Keys = Keys {
    known: &[
        "name",
        "match",
        "authentication",
        "require",
        "providers",
        "audience",
        "max_age",
        "acr_values",
        "exchange",
        "preserve_form",
    ],
};

pub(super) const MATCH_KEYS: Keys = Keys { known: &["path", "path_prefix", "path_regex", "host", "methods"] };

/// Each request may run through all of them, and each is compared with all before it.
const MOST_RULES: usize = 1000;

/// Reads the rules. `base_path` is where none of them has an effect; `providers` are those of the document, if they could be
/// read.
pub(super) fn read_all<'a>(
    cursor: &Cursor<'a>,
    base_path: Option<&str>,
    providers: Option<&[Rc<Provider>]>,
    expressions: &mut Expressions<'a>,
) -> Option<Vec<Rule>> {
    let items = cursor.list("a list of rules")?;
    if items.len() > MOST_RULES {
        cursor.refuse(format_args!("{} rules", items.len()), format_args!("at most {MOST_RULES}"));
        return None;
    }
    let own = base_path.and_then(|base_path| {
        Matcher::compile(MatcherSpec { path_prefix: Some(base_path.to_owned()), ..MatcherSpec::default() }).ok()
    });
    let mut before: Vec<(String, Matcher)> = Vec::new();
    let mut rules = Vec::new();
    let mut complete = true;
    for item in &items {
        let Some(members) = item.mapping_of(&KEYS) else { continue };
        let matcher = matcher(&members);
        if let Some(matcher) = &matcher {
            if let Some((path, _)) = before.iter().find(|(_, earlier)| earlier.covers(matcher)) {
                item.refuse(
                    format_args!("a rule that is never reached: `{path}` matches all that it matches"),
                    "the more special rule first",
                );
            } else if own.as_ref().is_some_and(|own| own.covers(matcher)) {
                let own = base_path.unwrap_or_default();
                item.refuse(
                    format_args!("a rule without effect: it is only about paths below the `base_path` (`{own}`)"),
                    "paths of the application",
                );
            }
            before.push((item.path().to_owned(), matcher.clone()));
        }
        match rule(item, &members, matcher, providers, expressions) {
            Some(rule) => rules.push(rule),
            None => complete = false,
        }
    }
    complete.then_some(rules)
}

fn rule<'a>(
    cursor: &Cursor<'a>,
    members: &Mapping<'a>,
    matcher: Option<Matcher>,
    providers: Option<&[Rc<Provider>]>,
    expressions: &mut Expressions<'a>,
) -> Option<Rule> {
    let name = members.optional("name", cursor.path().to_owned(), |cursor| {
        cursor.label("a name for the log, in one line").map(str::to_owned)
    });
    let authentication = demand::read(members, providers, expressions);
    Some(Rule { name: name?, matcher: matcher?, authentication: authentication? })
}

fn matcher(rule: &Mapping<'_>) -> Option<Matcher> {
    let Some(cursor) = rule.member("match") else { return everything() };
    let members = cursor.mapping_of(&MATCH_KEYS)?;
    let mut spec = MatcherSpec::default();
    let complete = [
        read(&members, "path", &mut spec.path, |path| MatcherSpec { path, ..MatcherSpec::default() }),
        read(&members, "path_prefix", &mut spec.path_prefix, |path_prefix| MatcherSpec {
            path_prefix,
            ..MatcherSpec::default()
        }),
        read(&members, "path_regex", &mut spec.path_regex, |path_regex| MatcherSpec {
            path_regex,
            ..MatcherSpec::default()
        }),
        read(&members, "host", &mut spec.host, |host| MatcherSpec { host, ..MatcherSpec::default() }),
        read_methods(&members, &mut spec),
    ];
    if !complete.into_iter().all(|complete| complete) || has_unknown(&members) {
        return None;
    }
    if members.members().next().is_none() { everything() } else { Matcher::compile(spec).ok() }
}

/// `match: {}`
fn everything() -> Option<Matcher> {
    Matcher::compile(MatcherSpec { path_prefix: Some("/".to_owned()), ..MatcherSpec::default() }).ok()
}

/// A rule with an unknown key matches less than what can be read of it says.
fn has_unknown(members: &Mapping<'_>) -> bool {
    members.members().any(|(name, _)| !MATCH_KEYS.known.contains(&name))
}

/// Reads one key into `target`, compiled alone so that every wrong key of a `match` is reported.
fn read(
    members: &Mapping<'_>,
    name: &str,
    target: &mut Option<String>,
    alone: impl Fn(Option<String>) -> MatcherSpec,
) -> bool {
    let Some(cursor) = members.member(name) else { return true };
    let Some(text) = cursor.text("a string") else { return false };
    if name == "path_regex" && matches_no_path(text) {
        cursor.refuse(
            format_args!("{}, which matches no path", quoted(text)),
            "a regular expression that begins with `/`, as every path does",
        );
        return false;
    }
    *target = Some(text.to_owned());
    compiles(&cursor, &quoted(text), alone(target.clone()))
}

/// Whether the first character that a regular expression takes is another than `/`: one that stands for itself, is not optional, and
/// for which no other branch can come in. What is not so plain is not judged.
fn matches_no_path(regex: &str) -> bool {
    let regex = regex.trim_start_matches('^');
    let mut characters = regex.chars();
    match (characters.next(), characters.next()) {
        (None, _) | (Some('$'), None) => true,
        (Some(first), next) => {
            let is_literal = first.is_alphanumeric() || "_-~%!@&=:;,'\"<># ".contains(first);
            is_literal && !regex.contains('|') && !matches!(next, Some('?' | '*' | '{'))
        }
    }
}

fn read_methods(members: &Mapping<'_>, spec: &mut MatcherSpec) -> bool {
    let Some(cursor) = members.member("methods") else { return true };
    let Some(methods) = cursor.texts("a list of HTTP methods such as `[GET, HEAD]`") else { return false };
    spec.methods = Some(methods.iter().map(|method| (*method).to_owned()).collect());
    let shown = methods.iter().map(|method| quoted(method)).collect::<Vec<_>>().join(", ");
    compiles(&cursor, &format!("[{shown}]"), MatcherSpec { methods: spec.methods.clone(), ..MatcherSpec::default() })
}

fn compiles(cursor: &Cursor<'_>, found: &str, spec: MatcherSpec) -> bool {
    match Matcher::compile(spec) {
        Ok(_) => true,
        Err(error) => {
            cursor.report(format!("found {found}, which {error}"), None);
            false
        }
    }
}
