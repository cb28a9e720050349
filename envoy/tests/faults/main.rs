//! Faults under load, in real Envoy: whatever happens to the provider, to Envoy, to the configuration or to the VM, nobody is admitted
//! wrongly, nobody whose session or key is valid is refused, and nobody waits for ever.
//!
//! Every test puts a constant mixed load ([`stage::Stage::mix`]) on two listeners, one for each setting of
//! `allow_on_headers_stop_iteration`, lets one kind of fault happen, and prints what it came to.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

mod clients;
mod clock;
mod crashes;
mod crashing_module;
mod endpoints;
mod provider;
mod refreshes;
mod reloads;
mod restarts;
mod rotation;
mod stage;
