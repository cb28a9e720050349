//! The third ring of tests: the release module in a real Envoy, over TCP.
//!
//! [`Envoy`] writes a bootstrap configuration, starts the process and ends it; [`Server`] is anything that stands behind it;
//! [`Connection`] is anything in front of it. What runs on them is in `tests/`.
#![forbid(unsafe_code)]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a library for tests: a step that fails fails its test"
)]

pub mod backend;
pub mod bootstrap;
pub mod envoy;
pub mod message;
pub mod port;
pub mod process;
pub mod server;
pub mod tools;
pub mod wire;

pub use backend::Backend;
pub use bootstrap::{Access, Filter, Listener, Route};
pub use envoy::Envoy;
pub use server::Server;
pub use wire::Connection;
