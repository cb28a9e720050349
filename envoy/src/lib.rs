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
pub mod load;
pub mod node;
pub mod port;
pub mod process;
pub mod provider;
pub mod rotation;
pub mod server;
pub mod sessions;
pub mod store;
pub mod tools;
pub mod visitor;
pub mod way;
pub mod wire;
pub mod world;

pub use backend::Backend;
pub use bootstrap::{Access, Cluster, Connection as ClusterConnection, Filter, Listener, Route, key_file};
pub use envoy::Envoy;
pub use load::{Application, Caller, Expected, Figures, Load};
pub use node::OidcProvider;
pub use server::Server;
pub use store::Store;
pub use visitor::{Page, Visitor};
pub use way::Way;
pub use wire::Connection;
pub use world::{EnvoyWorld, Options};
