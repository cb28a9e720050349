//! `examples`: the configurations that people copy, and what their READMEs promise, over the core and over the release module.

use wasm_host_tests::examples::Example;

macro_rules! examples {
    ($($name:ident: $folder:literal, $count:literal;)*) => {
        mod core {
            use super::*;
            $(#[test] fn $name() {
                assert_eq!(Example::read($folder).keeps_its_promises::<wasm_host_tests::CoreWorld>(), $count);
            })*
        }
        #[cfg(feature = "wasm")]
        mod wasm {
            use super::*;
            $(#[test] fn $name() {
                assert_eq!(Example::read($folder).keeps_its_promises::<wasm_host_tests::WasmWorld>(), $count);
            })*
        }
    };
}

examples! {
    a_page_that_calls_its_own_api: "single-page-application", 11;
    an_api_for_programs_with_an_audience_for_each_part: "api-gateway", 18;
    tools_for_language_models: "mcp-server", 7;
    a_company_and_its_partner: "two-providers", 10;
    what_is_rolled_out_to_istio: "istio", 6;
    what_is_rolled_out_to_envoy_gateway: "envoy-gateway", 6;
    approvals_by_people_who_have_just_proved_who_they_are: "step-up", 9;
}
