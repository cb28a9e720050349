//! One set of scenarios, run over three rings: the core in virtual time, the release module in wasmtime, and real Envoy.
//!
//! [`world::World`] is what a ring implements; [`provider`] is the other side of every login; [`scenarios`] is what must be true.
//! Everything here is test code: it may panic, and says so loudly when it does.
#![allow(clippy::missing_panics_doc)]

#[path = "../attacks/mod.rs"]
pub mod attacks;
pub mod boot;
pub mod browser;
#[path = "../conformance/mod.rs"]
pub mod conformance;
pub mod core_world;
pub mod examples;
#[cfg(feature = "wasm")]
pub mod host;
pub mod jar;
pub mod message;
pub mod provider;
pub mod scenarios;
pub mod setup;
pub mod shared;
pub mod signing;
pub mod simulation;
pub mod webdis;
pub mod world;
pub mod yaml;

pub use core_world::CoreWorld;
#[cfg(feature = "wasm")]
pub use host::{StopAllWasmWorld, WasmWorld};
