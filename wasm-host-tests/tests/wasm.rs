//! Ring two: every scenario over the release module in wasmtime.
#![cfg(feature = "wasm")]

wasm_host_tests::scenarios!(wasm_host_tests::WasmWorld);
