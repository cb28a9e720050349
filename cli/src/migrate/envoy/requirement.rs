//! What a rule of `jwt_authn` requires.

use latchkey_explain::document::Tree;

use super::{field, same, text};

/// What a request needs.
#[derive(Debug, PartialEq, Eq)]
pub enum Requirement<'t> {
    /// Nothing: no token is looked at.
    Nothing,
    /// A token of one of these.
    OneOf {
        /// Each with the audiences that go before its own.
        providers: Vec<(&'t str, Vec<&'t str>)>,
        /// Whether there may be no token, too.
        may_be_missing: bool,
    },
    /// Something that is not said here, with what it is.
    Unclear(&'static str),
}

impl<'t> Requirement<'t> {
    /// That of a rule. `named` are those that rules refer to.
    pub fn of_rule(rule: &'t Tree, named: Option<&'t Tree>) -> Self {
        if let Some(requirement) = field(rule, "requires") {
            return Self::read(requirement);
        }
        match field(rule, "requirement_name") {
            None => Self::Nothing,
            Some(name) => name
                .text()
                .and_then(|name| named?.member(name))
                .map_or(Self::Unclear("a requirement_name that is not in requirement_map"), Self::read),
        }
    }

    fn read(requirement: &'t Tree) -> Self {
        let Tree::Mapping(members) = requirement else { return Self::Unclear("a requirement that is no mapping") };
        let (name, value) = match members.as_slice() {
            [] => return Self::Nothing,
            [member] => member,
            _ => return Self::Unclear("several requirements in one"),
        };
        let is = |known: &str| same(known, name);
        match value.text() {
            Some(provider) if is("provider_name") => {
                Self::OneOf { providers: vec![(provider, Vec::new())], may_be_missing: false }
            }
            None if is("provider_and_audiences") => match text(value, "provider_name") {
                Some(provider) => {
                    let audiences = field(value, "audiences").map(Tree::items).unwrap_or_default();
                    let audiences = audiences.iter().filter_map(Tree::text).collect();
                    Self::OneOf { providers: vec![(provider, audiences)], may_be_missing: false }
                }
                None => Self::Unclear("provider_and_audiences without a provider"),
            },
            None if is("requires_any") => Self::any(field(value, "requirements").map(Tree::items).unwrap_or_default()),
            None if is("allow_missing") || is("allow_missing_or_failed") => {
                Self::OneOf { providers: Vec::new(), may_be_missing: true }
            }
            _ if is("requires_all") => Self::Unclear("requires_all: a request has one token"),
            _ => Self::Unclear("a requirement that this version of latchkey does not know"),
        }
    }

    /// One of several is enough: without those that cannot be said, fewer are admitted.
    fn any(requirements: &'t [Tree]) -> Self {
        let mut all = Vec::new();
        let mut may_all_be_missing = false;
        for requirement in requirements {
            match Self::read(requirement) {
                Self::OneOf { providers, may_be_missing } => {
                    all.extend(providers);
                    may_all_be_missing |= may_be_missing;
                }
                Self::Nothing => return Self::Unclear("requires_any with an empty requirement"),
                Self::Unclear(_) if requirements.len() > 1 => {}
                unclear @ Self::Unclear(_) => return unclear,
            }
        }
        if all.is_empty() {
            Self::Unclear("requires_any of nothing that can be said")
        } else {
            Self::OneOf { providers: all, may_be_missing: may_all_be_missing }
        }
    }
}
