//! The OpenID Connect relying party as a pure state machine: events in, effects out.
//!
//! Nothing here knows a host, a clock or a source of randomness; all of them come in through [`gateway`].
#![forbid(unsafe_code)]

pub mod admission;
pub mod audit;
pub mod config;
pub mod denial;
#[cfg(test)]
mod documentation;
pub mod entropy;
pub mod flow;
pub mod forward;
pub mod gateway;
pub mod http;
pub mod jose;
pub mod log;
pub mod login;
pub mod metrics;
pub mod page;
pub mod peer;
pub mod policy;
pub mod protocol;
pub mod reason;
pub mod secret;
pub mod session;
pub mod shared;
mod spelling;
pub mod store;
pub mod time;
