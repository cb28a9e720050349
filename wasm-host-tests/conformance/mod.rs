//! The OpenID Foundation's tests of relying parties (<https://gitlab.com/openid/conformance-suite>, 2026-08-20), each rebuilt in a
//! file under its module's own name. What the suite's provider does is done by the simulated one; what the suite expects is asserted.
//!
//! [`suite`] is what all modules share, [`watch`] what they fail a relying party for, `registry.rs` says what belongs to which plan.
#![allow(missing_docs, reason = "the name of a module says what it is, and its file more")]

#[macro_use]
mod registry;
pub mod suite;
pub mod watch;

#[path = "oidcc-client-test.rs"]
mod oidcc_client_test;
#[path = "oidcc-client-test-client-secret-basic.rs"]
mod oidcc_client_test_client_secret_basic;
#[path = "oidcc-client-test-idtoken-sig-none.rs"]
mod oidcc_client_test_idtoken_sig_none;
#[path = "oidcc-client-test-idtoken-sig-rs256.rs"]
mod oidcc_client_test_idtoken_sig_rs256;
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
#[path = "oidcc-client-test-nonce-invalid.rs"]
mod oidcc_client_test_nonce_invalid;
#[path = "oidcc-client-test-scope-userinfo-claims.rs"]
mod oidcc_client_test_scope_userinfo_claims;
#[path = "oidcc-client-test-userinfo-invalid-sub.rs"]
mod oidcc_client_test_userinfo_invalid_sub;

use crate::world::World;

/// Makes scenarios of the modules of a plan.
macro_rules! plan {
    ($plan:ident in $mode:ident: $($module:ident),*) => {
        pub mod $plan {
            use super::{World, suite};
            $(
                pub fn $module<W: World>() {
                    super::$module::module::<W, suite::$mode>();
                }
            )*
        }
    };
}

conformance_modules! { basic, plan { basic in Query: } }
conformance_modules! { basic, plan { form_post in FormPost: } }
