//! Ring three: every scenario over the release module in real Envoy.

wasm_host_tests::scenarios!(envoy_ring::EnvoyWorld, one test a theme);
