//! Which modules belong to which plan of the suite, once.

/// Hands the modules of a plan to the macro `$then`, behind `$head`; with `held`, as scenarios that need a held body.
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_modules {
    (basic, $($then:tt)*) => {
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
            oidcc_client_test_invalid_sig_hs256;
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
        $crate::conformance_modules! { basic, held $crate::scenarios { @theme $how $world, conformance_form_post: } }
    };
}
