//! Which modules belong to which plan of the suite, once.

/// Hands the modules of a plan to the macro `$then`, behind `$head`; with `held`, as scenarios that need a held body.
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_modules {
    // oidcc-client-basic-certification-test-plan, and what oidcc-client-test-plan adds to it for the code flow
    (basic $(and $more:ident)*, $($then:tt)*) => {
        $crate::conformance_modules! { @of
            oidcc_client_test,
            oidcc_client_test_invalid_iss,
            oidcc_client_test_missing_sub,
            oidcc_client_test_invalid_aud,
            oidcc_client_test_missing_iat,
            oidcc_client_test_kid_absent_single_jwks,
            oidcc_client_test_kid_absent_multiple_jwks,
            oidcc_client_test_idtoken_sig_rs256,
            oidcc_client_test_idtoken_sig_none,
            oidcc_client_test_invalid_sig_rs256,
            oidcc_client_test_userinfo_invalid_sub,
            oidcc_client_test_nonce_invalid,
            oidcc_client_test_scope_userinfo_claims,
            oidcc_client_test_client_secret_basic,
            oidcc_client_test_missing_aud,
            oidcc_client_test_invalid_sig_es256,
            oidcc_client_test_invalid_sig_hs256,
            oidcc_client_test_ignores_unparseable_key_in_jwks,
            oidcc_client_test_userinfo_bearer_header,
            oidcc_client_test_userinfo_signed,
            oidcc_client_test_aggregated_claims,
            oidcc_client_test_distributed_claims,
            oidcc_client_test_mtls_endpoint_aliases
            $(, $more)*;
            $($then)*
        }
    };
    // oidcc-client-formpost-basic-certification-test-plan
    (form_post, $($then:tt)*) => {
        $crate::conformance_modules! { basic and oidcc_client_test_form_post_error, $($then)* }
    };
    // oidcc-client-config-certification-test-plan
    (config, $($then:tt)*) => {
        $crate::conformance_modules! { @of
            oidcc_client_test_discovery_openid_config,
            oidcc_client_test_discovery_jwks_uri_keys,
            oidcc_client_test_discovery_issuer_mismatch,
            oidcc_client_test_signing_key_rotation_just_before_signing,
            oidcc_client_test_signing_key_rotation;
            $($then)*
        }
    };
    // oidcc-client-refreshtoken-test-plan and the plan of logins that somebody else begins
    (sessions, $($then:tt)*) => {
        $crate::conformance_modules! { @of
            oidcc_client_test_refresh_token,
            oidcc_client_test_refresh_token_invalid_issuer,
            oidcc_client_test_refresh_token_invalid_sub,
            oidcc_client_test_3rd_party_init_login;
            $($then)*
        }
    };
    // The plans of RP-initiated and of front-channel logout
    (logout, $($then:tt)*) => {
        $crate::conformance_modules! { @of
            oidcc_client_test_rp_init_logout,
            oidcc_client_test_rp_init_logout_other_state,
            oidcc_client_test_rp_init_logout_no_state,
            oidcc_client_test_rp_frontchannel_rpinitlogout,
            oidcc_client_test_rp_frontchannel_opinitlogout;
            $($then)*
        }
    };
    // The plan of back-channel logout
    (backchannel_logout, $($then:tt)*) => {
        $crate::conformance_modules! { @of
            oidcc_client_test_rp_backchannel_rpinitlogout,
            oidcc_client_test_rp_backchannel_rpinitlogout_alg_none,
            oidcc_client_test_rp_backchannel_rpinitlogout_no_event,
            oidcc_client_test_rp_backchannel_rpinitlogout_with_nonce,
            oidcc_client_test_rp_backchannel_rpinitlogout_wrong_alg,
            oidcc_client_test_rp_backchannel_rpinitlogout_wrong_aud,
            oidcc_client_test_rp_backchannel_rpinitlogout_wrong_event,
            oidcc_client_test_rp_backchannel_rpinitlogout_wrong_iss;
            $($then)*
        }
    };
    // fapi2-security-profile-final-client-test-plan
    (fapi, $($then:tt)*) => {
        $crate::conformance_modules! { @of
            fapi2_security_profile_final_client_test_happy_path,
            fapi2_security_profile_final_client_test_discovery_issuer_mismatch,
            fapi2_security_profile_final_client_test_invalid_iss,
            fapi2_security_profile_final_client_test_invalid_aud,
            fapi2_security_profile_final_client_test_invalid_secondary_aud,
            fapi2_security_profile_final_client_test_invalid_null_alg,
            fapi2_security_profile_final_client_test_invalid_alternate_alg,
            fapi2_security_profile_final_client_test_invalid_expired_exp,
            fapi2_security_profile_final_client_test_invalid_missing_exp,
            fapi2_security_profile_final_client_test_invalid_missing_aud,
            fapi2_security_profile_final_client_test_invalid_missing_iss,
            fapi2_security_profile_final_client_test_valid_aud_as_array,
            fapi2_security_profile_final_client_test_invalid_nonce,
            fapi2_security_profile_final_client_test_invalid_missing_nonce,
            fapi2_security_profile_final_client_test_invalid_authorization_response_iss,
            fapi2_security_profile_final_client_test_remove_authorization_response_iss,
            fapi2_security_profile_final_client_test_ensure_authorization_response_with_invalid_state_fails,
            fapi2_security_profile_final_client_test_ensure_authorization_response_with_invalid_missing_state_fails,
            fapi2_security_profile_final_client_test_token_endpoint_response_without_expires_in,
            fapi2_security_profile_final_client_test_token_type_case_insensitivity;
            $($then)*
        }
    };
    (@of $($name:ident),*; $then:path { $($head:tt)* }) => {
        $then! { $($head)* $($name),* }
    };
    (@of $($name:ident),*; held $then:path { $($head:tt)* }) => {
        $then! { $($head)* $($name needs HeldBody),* }
    };
}

/// Part of [`scenarios!`](crate::scenarios!): each plan is a theme.
#[doc(hidden)]
#[macro_export]
macro_rules! scenarios_of_conformance {
    ($how:ident $world:ty) => {
        $crate::conformance_modules! { basic, $crate::scenarios { @theme $how $world, conformance_basic: } }
        $crate::conformance_modules! { form_post, held $crate::scenarios { @theme $how $world, conformance_form_post: } }
        $crate::conformance_modules! { config, $crate::scenarios { @theme $how $world, conformance_config: } }
        $crate::conformance_modules! { sessions, $crate::scenarios { @theme $how $world, conformance_sessions: } }
        $crate::conformance_modules! { logout, $crate::scenarios { @theme $how $world, conformance_logout: } }
        $crate::conformance_modules! {
            backchannel_logout, held $crate::scenarios { @theme $how $world, conformance_backchannel_logout: }
        }
        $crate::conformance_modules! { fapi, $crate::scenarios { @theme $how $world, conformance_fapi: } }
    };
}
