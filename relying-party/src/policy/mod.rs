//! Who may do what: paths, rules, expressions, and the headers that carry an identity.

mod analysis;
mod budget;
pub mod claim_selection;
pub mod demand;
mod direct;
pub mod expression;
mod expression_error;
mod functions;
pub mod identity;
pub mod managed_headers;
pub mod matcher;
pub mod path;
mod pattern;
pub mod request_view;
pub mod rule_path;
pub mod rules;
