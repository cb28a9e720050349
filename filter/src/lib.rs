//! The proxy-wasm shell around the relying party.
