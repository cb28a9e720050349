//! A position in the document: the value, where it stands, and where problems with it go.

use std::cell::RefCell;
use std::fmt;

use super::json::Node;
use super::problem::{Problem, alternatives, quoted};
use crate::spelling::nearest;

/// What all positions share: the problems so far, and the environment that secrets come from.
pub(super) struct Reading<'a> {
    problems: RefCell<Vec<Problem>>,
    environment: &'a dyn Fn(&str) -> Option<String>,
}

impl<'a> Reading<'a> {
    pub(super) const fn new(environment: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { problems: RefCell::new(Vec::new()), environment }
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems.into_inner()
    }
}

/// The keys of a mapping.
pub(super) struct Keys {
    /// Any other is refused, never ignored.
    pub(super) known: &'static [&'static str],
}

/// A value in the document. Reading it wrongly reports a problem and gives `None`.
#[derive(Clone)]
pub(super) struct Cursor<'a> {
    node: &'a Node,
    path: String,
    reading: &'a Reading<'a>,
}

impl<'a> Cursor<'a> {
    pub(super) const fn root(node: &'a Node, reading: &'a Reading<'a>) -> Self {
        Self { node, path: String::new(), reading }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) const fn node(&self) -> &'a Node {
        self.node
    }

    pub(super) fn environment(&self, name: &str) -> Option<String> {
        (self.reading.environment)(name)
    }

    /// Reports `found …, expected …` at this place.
    pub(super) fn refuse(&self, found: impl fmt::Display, expected: impl fmt::Display) {
        self.report(format!("found {found}, expected {expected}"), None);
    }

    /// Reports a problem at this place in other words.
    pub(super) fn report(&self, message: impl Into<String>, hint: Option<&str>) {
        self.reading.problems.borrow_mut().push(Problem {
            path: self.path.clone(),
            message: message.into(),
            hint: hint.map(str::to_owned),
        });
    }

    /// Reports a value of the wrong kind; the value itself is not shown, a secret may stand in the wrong place.
    pub(super) fn refuse_kind(&self, expected: impl fmt::Display) {
        self.refuse(self.node.kind(), expected);
    }

    pub(super) const fn is_null(&self) -> bool {
        matches!(self.node, Node::Null)
    }

    pub(super) fn text(&self, expected: &str) -> Option<&'a str> {
        if let Node::String(text) = self.node {
            return Some(text);
        }
        self.refuse_kind(expected);
        None
    }

    /// A text for people and logs: something, in one line, not endless.
    pub(super) fn label(&self, expected: &str) -> Option<&'a str> {
        const MAX_LABEL: usize = 200;
        let text = self.text(expected)?;
        if text.trim().is_empty() || text.len() > MAX_LABEL || text.chars().any(char::is_control) {
            self.refuse(quoted(text), expected);
            return None;
        }
        Some(text)
    }

    pub(super) fn boolean(&self) -> Option<bool> {
        if let Node::Bool(boolean) = self.node {
            return Some(*boolean);
        }
        self.refuse_kind("`true` or `false`");
        None
    }

    pub(super) fn integer(&self, expected: &str) -> Option<u64> {
        let integer = self.node.integer();
        match self.node {
            Node::Number(number) if integer.is_none() => self.refuse(number, expected),
            _ if integer.is_none() => self.refuse_kind(expected),
            _ => {}
        }
        integer
    }

    /// One of `accepted`.
    pub(super) fn choice<T: Copy>(&self, accepted: &[(&'static str, T)]) -> Option<T> {
        let expected = alternatives(accepted.iter().map(|(spelling, _)| *spelling));
        let text = self.text(&expected)?;
        if let Some((_, value)) = accepted.iter().find(|(spelling, _)| *spelling == text) {
            return Some(*value);
        }
        let hint = nearest(text, accepted.iter().map(|(spelling, _)| *spelling));
        self.report(format!("found {}, expected {expected}", quoted(text)), hint);
        None
    }

    pub(super) fn list(&self, expected: &str) -> Option<Vec<Self>> {
        let Node::List(items) = self.node else {
            self.refuse_kind(expected);
            return None;
        };
        let item = |(index, node)| Self { node, path: format!("{}[{index}]", self.path), reading: self.reading };
        Some(items.iter().enumerate().map(item).collect())
    }

    /// A list of distinct texts, none of them empty.
    pub(super) fn texts(&self, expected: &str) -> Option<Vec<&'a str>> {
        let mut texts = Vec::new();
        let mut complete = true;
        for item in self.list(expected)? {
            match item.text("a string") {
                Some("") => item.refuse("an empty string", "a name"),
                Some(text) if texts.contains(&text) => item.refuse(format_args!("{} again", quoted(text)), "each once"),
                Some(text) => {
                    texts.push(text);
                    continue;
                }
                None => {}
            }
            complete = false;
        }
        complete.then_some(texts)
    }

    /// A mapping with any members.
    pub(super) fn mapping(&self, expected: &str) -> Option<Mapping<'a>> {
        let Node::Mapping(members) = self.node else {
            self.refuse_kind(expected);
            return None;
        };
        Some(Mapping { cursor: self.clone(), members })
    }

    /// A mapping with these keys; others are reported.
    pub(super) fn mapping_of(&self, keys: &Keys) -> Option<Mapping<'a>> {
        let mapping = self.mapping("a mapping")?;
        for (name, member) in mapping.members() {
            if !keys.known.contains(&name) {
                member.report_unknown_key(name, keys.known);
            }
        }
        Some(mapping)
    }

    /// Reports the member at this place as unknown.
    pub(super) fn report_unknown_key(&self, name: &str, known: &[&'static str]) {
        match nearest(name, known.iter().copied()) {
            Some(hint) => self.report("found an unknown key", Some(hint)),
            None => self.refuse("an unknown key", alternatives(known.iter().copied())),
        }
    }

    /// Reports every repeated member at and below this place. RFC 8259 §4 leaves open which of them counts.
    pub(super) fn report_repeated_members(&self) {
        self.walk_repeated(false);
    }

    fn walk_repeated(&self, secret: bool) {
        match self.node {
            Node::List(_) => {
                for item in self.list("").unwrap_or_default() {
                    item.walk_repeated(secret);
                }
            }
            Node::Mapping(_) => {
                let mut seen = std::collections::HashSet::new();
                for (name, member) in self.mapping("").iter().flat_map(Mapping::members) {
                    match seen.insert(name) {
                        false if secret => self.refuse("a repeated member", "each once"),
                        false => member.refuse("a repeated member", "each once"),
                        true => {}
                    }
                    member.walk_repeated(secret || matches!(name, "client_secret" | "client_key" | "keys" | "key"));
                }
            }
            _ => {}
        }
    }
}

/// A mapping in the document.
pub(super) struct Mapping<'a> {
    cursor: Cursor<'a>,
    members: &'a [(String, Node)],
}

impl<'a> Mapping<'a> {
    /// Every member, in the order of the document.
    pub(super) fn members(&self) -> impl Iterator<Item = (&'a str, Cursor<'a>)> {
        self.members.iter().map(|(name, node)| (name.as_str(), self.at(name, node)))
    }

    pub(super) fn member(&self, name: &str) -> Option<Cursor<'a>> {
        self.members.iter().find(|(member, _)| member == name).map(|(name, node)| self.at(name, node))
    }

    /// A member that must be there.
    pub(super) fn required(&self, name: &str, expected: &str) -> Option<Cursor<'a>> {
        let member = self.member(name);
        if member.is_none() {
            self.place(name).refuse("nothing", expected);
        }
        member
    }

    /// Where a member stands or would stand, to report it.
    pub(super) fn place(&self, name: &str) -> Cursor<'a> {
        self.member(name).unwrap_or_else(|| self.at(name, &Node::Null))
    }

    /// A member that may be missing: `default` then, else what `read` makes of it.
    pub(super) fn optional<T>(&self, name: &str, default: T, read: impl FnOnce(Cursor<'a>) -> Option<T>) -> Option<T> {
        self.member(name).map_or(Some(default), read)
    }

    fn at(&self, name: &str, node: &'a Node) -> Cursor<'a> {
        Cursor { node, path: member_path(&self.cursor.path, name), reading: self.cursor.reading }
    }
}

/// The path of a member of what stands at `path`: `rules[2].require`; a name that is no plain key stands in brackets, as it does
/// in code. Where a space or a colon is missing, a name and a value have become one name, and the value may be a secret: not shown.
pub fn member_path(path: &str, name: &str) -> String {
    let plain = !name.is_empty()
        && name.len() <= 64
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    match (plain, path.is_empty()) {
        (true, true) => name.to_owned(),
        (true, false) => format!("{path}.{name}"),
        (false, _) => format!("{path}[{}]", member_name(name)),
    }
}

/// A name, or what stands in it before the key of a secret and more, or before an anchor.
fn member_name(name: &str) -> String {
    const SECRETS: [&str; 4] = ["client_secret", "client_key", "keys", "key"];
    let looks_secret = |word: &str| {
        let folded = word.to_ascii_lowercase();
        ["secret", "key", "passw", "token"].iter().any(|part| folded.contains(part)) || nearest(word, SECRETS).is_some()
    };
    let is_part = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-');
    let mut end = 0_usize;
    for word in name.split_inclusive(|character| !is_part(character)) {
        let plain = word.trim_end_matches(|character| !is_part(character));
        let is_cut = (plain.len() < name.len() && looks_secret(plain)) || word.ends_with('&');
        end = end.saturating_add(if is_cut { plain.len() } else { word.len() });
        if is_cut {
            return quoted(&format!("{}…", name.get(..end).unwrap_or_default()));
        }
    }
    quoted(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_shows_no_value_that_became_part_of_a_name() {
        for name in [
            "client_secret hunter2",
            "client_secret:hunter2",
            "client_secret=hunter2",
            "client_secret\" \"hunter2",
            "client_secret% hunter2",
        ] {
            assert_eq!(member_path("providers[0]", name), "providers[0][\"client_secret…\"]");
        }
        assert_eq!(member_path("clusters", "www.example.org"), "clusters[\"www.example.org\"]");
        assert_eq!(member_path("headers", "x-auth"), "headers.x-auth");
    }
}
