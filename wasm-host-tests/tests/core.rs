//! Ring one: every scenario over the core, in virtual time.

wasm_host_tests::scenarios!(wasm_host_tests::CoreWorld);
