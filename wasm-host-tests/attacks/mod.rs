//! What has gone wrong in systems of this kind, tried on this one. Each scenario is named after its advisory; cases are data in
//! `corpus/`. `index.rs` says which scenario answers what, and its tests fail when one is missing.
#![allow(missing_docs, reason = "the name of a scenario says what it is")]

pub mod corpus;
pub mod headers;
#[cfg(test)]
mod index;
pub mod leaks;
pub mod markup;
pub mod observed;
pub mod redirects;
mod registry;
pub mod robustness;
pub mod rules;
pub mod secrets;
pub mod sessions;
pub mod tokens;

use crate::message::Request;

/// A header field more for each name: forged, empty, repeated.
fn forge(request: Request, names: &[String], value: &str) -> Request {
    names.iter().fold(request, |request, name| request.with(name, value).with(name, "").with(name, value))
}
