//! Envoy's matchers of requests as `match`: exactly where that can be, otherwise as something that matches more.

use latchkey_explain::document::Tree;
use relying_party::policy::matcher::{Matcher, MatcherSpec};

use super::{field, same, text};
use crate::init::draft::texts;
use crate::migrate::{path_pattern, unreached};

/// What a rule is about.
pub struct Pattern {
    /// A `match` for all these requests.
    pub matched: Tree,
    /// Whether it matches no others.
    pub is_exact: bool,
    /// What each of their paths begins with.
    head: String,
    /// Whether every request whose path begins so is meant.
    is_head: bool,
}

impl Pattern {
    /// A `RouteMatch`.
    pub fn of_route(route: &Tree) -> Self {
        let case = field(route, "case_sensitive");
        let mut pattern = path(route, matches!(case, None | Some(Tree::Boolean(true))));
        pattern.is_exact &= matches!(case, None | Some(Tree::Boolean(_)));
        for header in field(route, "headers").map(Tree::items).unwrap_or_default() {
            pattern.restrict(header);
        }
        const KNOWN: [&str; 9] = [
            "prefix",
            "path",
            "path_separated_prefix",
            "safe_regex",
            "connect_matcher",
            "path_match_policy",
            "case_sensitive",
            "headers",
            "name",
        ];
        pattern.is_exact &= route.members().iter().all(|(name, _)| KNOWN.iter().any(|known| same(known, name)));
        // Whatever the parts are, the whole must be something that the filter takes.
        if pattern.matcher().is_none() { Self::everything(false) } else { pattern }
    }

    /// A `HeaderMatcher` for `:path` or `:method`. The header `:path` is the path with its query.
    pub fn of_header(header: &Tree) -> Option<Self> {
        let name = text(header, "name")?;
        let (kind, value) = only_string(header)?;
        let pattern = match (name, kind) {
            (":path", "prefix") if value == "/" => Self::everything(true),
            (":path", "prefix") if is_plain(value) => Self::head(value),
            (":method", "exact") => {
                let mut pattern = Self::everything(true);
                pattern.require("methods", texts([value]));
                pattern
            }
            _ => return None,
        };
        pattern.matcher().map(|_| pattern)
    }

    /// All requests.
    pub fn everything(is_exact: bool) -> Self {
        Self { matched: Tree::Mapping(Vec::new()), is_exact, head: String::new(), is_head: true }
    }

    /// The same, compiled.
    pub fn matcher(&self) -> Option<Matcher> {
        Matcher::compile(unreached::spec(Some(&self.matched))).ok()
    }

    /// Whether this matches every request that `other` matches, as far as that is certain.
    pub fn covers(&self, other: &Self) -> bool {
        let is_sure = || matches!((self.matcher(), other.matcher()), (Some(this), Some(other)) if this.covers(&other));
        self.is_exact && (self.is_head && other.head.starts_with(&self.head) || is_sure())
    }

    /// Whether some request may match both.
    pub fn may_meet(&self, other: &Self) -> bool {
        self.head.starts_with(&other.head) || other.head.starts_with(&self.head)
    }

    /// All paths that begin so.
    fn head(head: &str) -> Self {
        Self { is_head: true, ..Self::path_regex(&format!("{}.*", path_pattern::escaped(head)), head) }
    }

    fn path_regex(regex: &str, head: &str) -> Self {
        Self::of_key("path_regex", regex, head)
    }

    fn of_key(key: &str, value: &str, head: &str) -> Self {
        let matched = Tree::Mapping(vec![(key.to_owned(), value.into())]);
        Self { matched, is_exact: true, head: head.to_owned(), is_head: false }
    }

    fn require(&mut self, key: &str, value: Tree) {
        self.is_head = false;
        if let Tree::Mapping(members) = &mut self.matched {
            if members.iter().any(|(known, _)| known == key) {
                // Twice the same header: the first is enough to match more.
                self.is_exact = false;
            } else {
                members.push((key.to_owned(), value));
            }
        }
    }

    /// Without a header that cannot be said, the pattern matches more.
    fn restrict(&mut self, header: &Tree) {
        let spec = |methods, host| MatcherSpec { methods, host, ..MatcherSpec::default() };
        match (text(header, "name"), only_string(header)) {
            (Some(":method"), Some(("exact", method)))
                if Matcher::compile(spec(Some(vec![method.to_owned()]), None)).is_ok() =>
            {
                self.require("methods", texts([method]));
            }
            (Some(":authority" | "host"), Some(("exact", host)))
                if Matcher::compile(spec(None, Some(host.to_owned()))).is_ok() && !host.starts_with('*') =>
            {
                self.require("host", host.into());
            }
            _ => self.is_exact = false,
        }
    }
}

/// Envoy compares the path as it was sent, `match` what it means: these texts are the same in both.
fn is_plain(path: &str) -> bool {
    path.chars().all(|character| path_pattern::is_plain(character) || "+.*$()".contains(character))
}

/// The part of a `RouteMatch` that is about the path.
fn path(route: &Tree, is_case_sensitive: bool) -> Pattern {
    let given = |name: &str| field(route, name).and_then(Tree::text);
    if let Some(prefix) = given("prefix") {
        if matches!(prefix, "" | "/") {
            return Pattern::everything(true);
        }
        if is_plain(prefix) && is_case_sensitive {
            return Pattern::head(prefix);
        }
        return written(prefix, is_plain(prefix), is_case_sensitive, ".*");
    }
    if let Some(path) = given("path") {
        let exact = Pattern::of_key("path", path, path);
        if is_case_sensitive && is_plain(path) && exact.matcher().is_some() {
            return exact;
        }
        return written(path, is_plain(path), is_case_sensitive, "");
    }
    if let Some(prefix) = given("path_separated_prefix") {
        let segments = Pattern::of_key("path_prefix", prefix, prefix);
        if is_case_sensitive && is_plain(prefix) && segments.matcher().is_some() {
            return segments;
        }
        return written(prefix, is_plain(prefix), is_case_sensitive, "(?:/.*)?");
    }
    if let Some(regex) = field(route, "safe_regex").and_then(|regex| text(regex, "regex")) {
        let head = path_pattern::literal_head(regex);
        if path_pattern::is_understood(regex) {
            return Pattern::path_regex(regex, head);
        }
        return beginning_with(head);
    }
    if field(route, "connect_matcher").is_some() {
        let mut connect = Pattern::everything(false);
        connect.require("methods", texts(["CONNECT"]));
        return connect;
    }
    let template = field(route, "path_match_policy")
        .and_then(|policy| field(policy, "typed_config"))
        .and_then(|config| text(config, "path_template"));
    match template {
        Some(template) => beginning_with(template.split(['{', '*']).next().unwrap_or_default()),
        None => Pattern::everything(false),
    }
}

/// A text that paths begin with, and how they go on; as much of it as is sure.
fn written(text: &str, is_plain: bool, is_case_sensitive: bool, end: &str) -> Pattern {
    let regex = path_pattern::escaped(text);
    match (is_plain, is_case_sensitive) {
        (true, true) => Pattern::path_regex(&format!("{regex}{end}"), text),
        (true, false) => Pattern::path_regex(&format!("(?i:{regex}){end}"), ""),
        (false, true) => {
            let plain = text.find(|character| !path_pattern::is_plain(character)).unwrap_or(text.len());
            beginning_with(text.get(..plain).unwrap_or_default())
        }
        (false, false) => Pattern::everything(false),
    }
}

/// Everything that begins so, which is more than what was meant.
fn beginning_with(head: &str) -> Pattern {
    if head.len() < 2 {
        return Pattern::everything(false);
    }
    Pattern { is_exact: false, ..Pattern::head(head) }
}

/// The kind and the text of a matcher that compares with one text, as it is, and does nothing else.
fn only_string(header: &Tree) -> Option<(&'static str, &str)> {
    let mut found = None;
    for (name, value) in header.members() {
        let (kind, text) = match value {
            _ if same("name", name) => continue,
            Tree::Boolean(false) if same("invert_match", name) => continue,
            Tree::Mapping(members) if same("string_match", name) => match members.as_slice() {
                [(kind, Tree::Text(text))] => (kind.as_str(), text),
                _ => return None,
            },
            Tree::Text(text) => (name.as_str(), text),
            _ => return None,
        };
        let kind =
            ["exact", "prefix"].into_iter().find(|known| same(known, kind) || same(&format!("{known}_match"), kind));
        if found.replace((kind?, text.as_str())).is_some() {
            return None;
        }
    }
    found
}
