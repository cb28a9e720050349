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
