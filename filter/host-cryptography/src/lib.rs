//! What the host computes with keys: signatures checked and made by Envoy's foreign functions, which take a fraction of what Wasm
//! takes. A crate of its own, so that a test can put it before published vectors in a real Envoy.

mod foreign;
mod signature;
mod signing;

pub use signature::HostVerifier;
pub use signing::HostSigning;
