//! The OpenID Foundation's tests of relying parties (<https://gitlab.com/openid/conformance-suite>, 2026-08-20), each rebuilt in a
//! file under its module's own name. What the suite's provider does is done by the simulated one; what the suite expects is asserted.
//!
//! [`suite`] is what all modules share, [`watch`] what they fail a relying party for, `registry.rs` says what belongs to which plan.
#![allow(missing_docs, reason = "the name of a module says what it is, and its file more")]

#[macro_use]
mod registry;
mod fapi;
pub mod inapplicable;
mod leaving;
mod refreshing;
pub mod suite;
pub mod watch;

#[path = "fapi2-security-profile-final-client-test-discovery-issuer-mismatch.rs"]
mod fapi2_security_profile_final_client_test_discovery_issuer_mismatch;
#[path = "fapi2-security-profile-final-client-test-ensure-authorization-response-with-invalid-missing-state-fails.rs"]
mod fapi2_security_profile_final_client_test_ensure_authorization_response_with_invalid_missing_state_fails;
#[path = "fapi2-security-profile-final-client-test-ensure-authorization-response-with-invalid-state-fails.rs"]
mod fapi2_security_profile_final_client_test_ensure_authorization_response_with_invalid_state_fails;
#[path = "fapi2-security-profile-final-client-test-happy-path.rs"]
mod fapi2_security_profile_final_client_test_happy_path;
#[path = "fapi2-security-profile-final-client-test-invalid-alternate-alg.rs"]
mod fapi2_security_profile_final_client_test_invalid_alternate_alg;
#[path = "fapi2-security-profile-final-client-test-invalid-aud.rs"]
mod fapi2_security_profile_final_client_test_invalid_aud;
#[path = "fapi2-security-profile-final-client-test-invalid-authorization-response-iss.rs"]
mod fapi2_security_profile_final_client_test_invalid_authorization_response_iss;
#[path = "fapi2-security-profile-final-client-test-invalid-expired-exp.rs"]
mod fapi2_security_profile_final_client_test_invalid_expired_exp;
#[path = "fapi2-security-profile-final-client-test-invalid-iss.rs"]
mod fapi2_security_profile_final_client_test_invalid_iss;
#[path = "fapi2-security-profile-final-client-test-invalid-missing-aud.rs"]
mod fapi2_security_profile_final_client_test_invalid_missing_aud;
#[path = "fapi2-security-profile-final-client-test-invalid-missing-exp.rs"]
mod fapi2_security_profile_final_client_test_invalid_missing_exp;
#[path = "fapi2-security-profile-final-client-test-invalid-missing-iss.rs"]
mod fapi2_security_profile_final_client_test_invalid_missing_iss;
#[path = "fapi2-security-profile-final-client-test-invalid-missing-nonce.rs"]
mod fapi2_security_profile_final_client_test_invalid_missing_nonce;
#[path = "fapi2-security-profile-final-client-test-invalid-nonce.rs"]
mod fapi2_security_profile_final_client_test_invalid_nonce;
#[path = "fapi2-security-profile-final-client-test-invalid-null-alg.rs"]
mod fapi2_security_profile_final_client_test_invalid_null_alg;
#[path = "fapi2-security-profile-final-client-test-invalid-secondary-aud.rs"]
mod fapi2_security_profile_final_client_test_invalid_secondary_aud;
#[path = "fapi2-security-profile-final-client-test-remove-authorization-response-iss.rs"]
mod fapi2_security_profile_final_client_test_remove_authorization_response_iss;
#[path = "fapi2-security-profile-final-client-test-token-endpoint-response-without-expires_in.rs"]
mod fapi2_security_profile_final_client_test_token_endpoint_response_without_expires_in;
#[path = "fapi2-security-profile-final-client-test-token-type-case-insensitivity.rs"]
mod fapi2_security_profile_final_client_test_token_type_case_insensitivity;
#[path = "fapi2-security-profile-final-client-test-valid-aud-as-array.rs"]
mod fapi2_security_profile_final_client_test_valid_aud_as_array;
#[path = "oidcc-client-test.rs"]
mod oidcc_client_test;
#[path = "oidcc-client-test-3rd-party-init-login.rs"]
mod oidcc_client_test_3rd_party_init_login;
#[path = "oidcc-client-test-aggregated-claims.rs"]
mod oidcc_client_test_aggregated_claims;
#[path = "oidcc-client-test-client-secret-basic.rs"]
mod oidcc_client_test_client_secret_basic;
#[path = "oidcc-client-test-discovery-issuer-mismatch.rs"]
mod oidcc_client_test_discovery_issuer_mismatch;
#[path = "oidcc-client-test-discovery-jwks-uri-keys.rs"]
mod oidcc_client_test_discovery_jwks_uri_keys;
#[path = "oidcc-client-test-discovery-openid-config.rs"]
mod oidcc_client_test_discovery_openid_config;
#[path = "oidcc-client-test-distributed-claims.rs"]
mod oidcc_client_test_distributed_claims;
#[path = "oidcc-client-test-form-post-error.rs"]
mod oidcc_client_test_form_post_error;
#[path = "oidcc-client-test-idtoken-sig-none.rs"]
mod oidcc_client_test_idtoken_sig_none;
#[path = "oidcc-client-test-idtoken-sig-rs256.rs"]
mod oidcc_client_test_idtoken_sig_rs256;
#[path = "oidcc-client-test-ignores-unparseable-key-in-jwks.rs"]
mod oidcc_client_test_ignores_unparseable_key_in_jwks;
#[path = "oidcc-client-test-invalid-aud.rs"]
mod oidcc_client_test_invalid_aud;
#[path = "oidcc-client-test-invalid-iss.rs"]
mod oidcc_client_test_invalid_iss;
#[path = "oidcc-client-test-invalid-sig-es256.rs"]
mod oidcc_client_test_invalid_sig_es256;
#[path = "oidcc-client-test-invalid-sig-hs256.rs"]
mod oidcc_client_test_invalid_sig_hs256;
#[path = "oidcc-client-test-invalid-sig-rs256.rs"]
mod oidcc_client_test_invalid_sig_rs256;
#[path = "oidcc-client-test-kid-absent-multiple-jwks.rs"]
mod oidcc_client_test_kid_absent_multiple_jwks;
#[path = "oidcc-client-test-kid-absent-single-jwks.rs"]
mod oidcc_client_test_kid_absent_single_jwks;
#[path = "oidcc-client-test-missing-aud.rs"]
mod oidcc_client_test_missing_aud;
#[path = "oidcc-client-test-missing-iat.rs"]
mod oidcc_client_test_missing_iat;
#[path = "oidcc-client-test-missing-sub.rs"]
mod oidcc_client_test_missing_sub;
#[path = "oidcc-client-test-mtls-endpoint-aliases.rs"]
mod oidcc_client_test_mtls_endpoint_aliases;
#[path = "oidcc-client-test-nonce-invalid.rs"]
mod oidcc_client_test_nonce_invalid;
#[path = "oidcc-client-test-refresh-token.rs"]
mod oidcc_client_test_refresh_token;
#[path = "oidcc-client-test-refresh-token-invalid-issuer.rs"]
mod oidcc_client_test_refresh_token_invalid_issuer;
#[path = "oidcc-client-test-refresh-token-invalid-sub.rs"]
mod oidcc_client_test_refresh_token_invalid_sub;
#[path = "oidcc-client-test-rp-backchannel-rpinitlogout.rs"]
mod oidcc_client_test_rp_backchannel_rpinitlogout;
#[path = "oidcc-client-test-rp-backchannel-rpinitlogout-alg-none.rs"]
mod oidcc_client_test_rp_backchannel_rpinitlogout_alg_none;
#[path = "oidcc-client-test-rp-backchannel-rpinitlogout-no-event.rs"]
mod oidcc_client_test_rp_backchannel_rpinitlogout_no_event;
#[path = "oidcc-client-test-rp-backchannel-rpinitlogout-with-nonce.rs"]
mod oidcc_client_test_rp_backchannel_rpinitlogout_with_nonce;
#[path = "oidcc-client-test-rp-backchannel-rpinitlogout-wrong-alg.rs"]
mod oidcc_client_test_rp_backchannel_rpinitlogout_wrong_alg;
#[path = "oidcc-client-test-rp-backchannel-rpinitlogout-wrong-aud.rs"]
mod oidcc_client_test_rp_backchannel_rpinitlogout_wrong_aud;
#[path = "oidcc-client-test-rp-backchannel-rpinitlogout-wrong-event.rs"]
mod oidcc_client_test_rp_backchannel_rpinitlogout_wrong_event;
#[path = "oidcc-client-test-rp-backchannel-rpinitlogout-wrong-iss.rs"]
mod oidcc_client_test_rp_backchannel_rpinitlogout_wrong_iss;
#[path = "oidcc-client-test-rp-frontchannel-opinitlogout.rs"]
mod oidcc_client_test_rp_frontchannel_opinitlogout;
#[path = "oidcc-client-test-rp-frontchannel-rpinitlogout.rs"]
mod oidcc_client_test_rp_frontchannel_rpinitlogout;
#[path = "oidcc-client-test-rp-init-logout.rs"]
mod oidcc_client_test_rp_init_logout;
#[path = "oidcc-client-test-rp-init-logout-no-state.rs"]
mod oidcc_client_test_rp_init_logout_no_state;
#[path = "oidcc-client-test-rp-init-logout-other-state.rs"]
mod oidcc_client_test_rp_init_logout_other_state;
#[path = "oidcc-client-test-scope-userinfo-claims.rs"]
mod oidcc_client_test_scope_userinfo_claims;
#[path = "oidcc-client-test-signing-key-rotation.rs"]
mod oidcc_client_test_signing_key_rotation;
#[path = "oidcc-client-test-signing-key-rotation-just-before-signing.rs"]
mod oidcc_client_test_signing_key_rotation_just_before_signing;
#[path = "oidcc-client-test-userinfo-bearer-header.rs"]
mod oidcc_client_test_userinfo_bearer_header;
#[path = "oidcc-client-test-userinfo-invalid-sub.rs"]
mod oidcc_client_test_userinfo_invalid_sub;
#[path = "oidcc-client-test-userinfo-signed.rs"]
mod oidcc_client_test_userinfo_signed;

use crate::world::World;

/// Makes scenarios of the modules of a plan, in the variant of the response mode that it is for.
macro_rules! plan {
    ($plan:ident in $mode:ident: $($module:ident),*) => {
        plan! { @made $plan: $($module => super::$module::module::<W, super::suite::$mode>),* }
    };
    ($plan:ident: $($module:ident),*) => {
        plan! { @made $plan: $($module => super::$module::module::<W>),* }
    };
    (@made $plan:ident: $($module:ident => $run:expr),*) => {
        pub mod $plan {
            /// The modules' names, with underscores.
            pub const MODULES: &[&str] = &[$(stringify!($module)),*];

            $(
                pub fn $module<W: super::World>() {
                    $run();
                }
            )*
        }
    };
}

conformance_modules! { basic, plan { basic in Query: } }
conformance_modules! { form_post, plan { form_post in FormPost: } }
conformance_modules! { config, plan { config in Query: } }
conformance_modules! { sessions, plan { sessions in Query: } }
conformance_modules! { logout, plan { logout in Query: } }
conformance_modules! { backchannel_logout, plan { backchannel_logout in Query: } }
conformance_modules! { fapi, plan { fapi_2: } }

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::inapplicable::INAPPLICABLE;
    use super::suite::{self, Query};
    use crate::CoreWorld;

    /// The modules of each plan that are rebuilt.
    const PLANS: [(&str, &[&str]); 7] = [
        ("basic", super::basic::MODULES),
        ("form post", super::form_post::MODULES),
        ("configuration", super::config::MODULES),
        ("refresh and third-party login", super::sessions::MODULES),
        ("RP-initiated and front-channel logout", super::logout::MODULES),
        ("back-channel logout", super::backchannel_logout::MODULES),
        ("FAPI 2.0 security profile", super::fapi_2::MODULES),
    ];

    #[test]
    fn every_file_is_a_module_of_a_plan() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/conformance");
        let entries = std::fs::read_dir(directory).expect("the directory of the modules");
        let names = entries.filter_map(|entry| entry.expect("an entry").file_name().into_string().ok());
        let files: BTreeSet<String> = names
            .filter(|name| name.starts_with("oidcc-") || name.starts_with("fapi2-"))
            .map(|name| name.trim_end_matches(".rs").replace('-', "_"))
            .collect();
        let planned: BTreeSet<String> =
            PLANS.iter().flat_map(|(_, names)| *names).map(|name| (*name).to_owned()).collect();
        assert_eq!(files, planned);
        let inapplicable = INAPPLICABLE.iter().flat_map(|(_, names)| *names);
        assert!(inapplicable.clone().all(|name| !files.contains(&name.replace('-', "_"))));
    }

    #[test]
    fn a_module_fails_when_the_relying_party_does_the_opposite() {
        let fails = |module: fn()| std::panic::catch_unwind(module).is_err();
        assert!(fails(|| drop(suite::stops::<CoreWorld>(suite::common::<Query>(), ""))));
        assert!(fails(|| suite::stops_at_id_token::<CoreWorld, Query>("id_token.sub_missing", |_| ())));
        assert!(fails(|| drop(suite::completes::<CoreWorld>(suite::forging::<Query>(|token| token.remove("sub"))))));
        assert!(fails(|| super::leaving::is_told::<CoreWorld, Query>(|token| token.remove("events"))));
        let setup = super::leaving::setup::<Query>;
        let told = || super::leaving::is_not_told::<CoreWorld, Query>(setup(), "logout_token.", |_| ());
        assert!(std::panic::catch_unwind(told).is_err());
        assert!(fails(|| super::refreshing::ends::<CoreWorld, Query>("refresh.", |_| ())));
        assert!(fails(|| super::fapi::stops_at_response::<CoreWorld>("", |name, value| {
            Some(if name == "code" { format!("{value}1") } else { value })
        })));
    }

    #[test]
    fn what_is_rebuilt_and_what_is_not() {
        for (plan, names) in PLANS {
            println!("{plan}: {} modules", names.len());
        }
        println!("not applicable:");
        for (reason, names) in INAPPLICABLE {
            names.iter().for_each(|name| println!("  {name}"));
            println!("    {reason}");
        }
        let modules: BTreeSet<&str> = PLANS.iter().flat_map(|(_, names)| *names).copied().collect();
        let runs: usize = PLANS.iter().map(|(_, names)| names.len()).sum();
        let inapplicable: usize = INAPPLICABLE.iter().map(|(_, names)| names.len()).sum();
        println!(
            "figure: conformance.modules = {} modules of the OpenID Foundation's relying-party tests in {runs} variants, each in \
             every ring; {inapplicable} not applicable",
            modules.len()
        );
    }
}
