//! Ring two once more, as Envoy is without `allow_on_headers_stop_iteration`.
#![cfg(feature = "wasm")]

wasm_host_tests::scenarios!(wasm_host_tests::StopAllWasmWorld);
