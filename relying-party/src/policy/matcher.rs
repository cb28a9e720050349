//! Which requests a rule is about.

/// What a rule's `match` says; all that are given must match.
#[derive(Debug)]
pub struct Matcher {}
