//! Who may do what: paths, rules, expressions, and the headers that carry an identity.

pub mod expression;
pub mod matcher;
