//! Which claims somebody looks at or keeps.

use std::collections::BTreeSet;

/// A set of claims, by their top-level names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimSelection {
    /// Every claim: an expression uses `claims` as a whole.
    All,
    /// These, and always `iss` and `sub`.
    Named(BTreeSet<String>),
}

impl ClaimSelection {
    /// What is in any of `selections`.
    pub fn union<'a>(selections: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut all = BTreeSet::new();
        for selection in selections {
            match selection {
                Self::All => return Self::All,
                Self::Named(names) => all.extend(names.iter().cloned()),
            }
        }
        Self::Named(all)
    }

    /// Whether a claim of this name is in it, `iss` and `sub` aside.
    pub fn names(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Named(names) => names.contains(name),
        }
    }
}
