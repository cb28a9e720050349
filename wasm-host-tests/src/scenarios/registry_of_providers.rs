//! The scenarios about providers that cannot be run here.

/// Part of [`scenarios!`](crate::scenarios!).
#[doc(hidden)]
#[macro_export]
macro_rules! scenarios_of_providers {
    ($how:ident $world:ty) => {
        $crate::scenarios! { @theme $how $world, recorded_logins:
            roles_of_keycloak_are_read_where_they_are,
            hundreds_of_roles_of_keycloak_make_a_large_session_and_no_loop,
            a_logout_token_of_keycloak_ends_the_session_that_it_names needs HeldBody,
            a_logout_token_without_exp_is_refused_and_the_log_says_so needs HeldBody,
            an_issuer_of_authentik_ends_in_a_slash needs HeldBody,
            people_of_a_known_tenant_of_entra_id_sign_in_and_of_others_do_not,
            a_key_of_another_tenant_of_entra_id_signs_for_nobody_else,
            a_refresh_at_entra_id_brings_no_id_token,
            groups_that_entra_id_keeps_to_itself_admit_nobody_and_the_log_says_why,
            an_id_token_of_an_okta_refresh_has_no_nonce,
            google_has_its_endpoints_at_four_hosts_and_no_way_to_sign_out,
            a_refresh_token_of_google_is_used_again_and_again,
            each_client_of_kanidm_has_an_issuer_of_its_own,
            userinfo_of_dex_repeats_nonce_and_hash,
        }
        $crate::scenarios! { @theme $how $world, recorded_tokens:
            a_token_of_keycloak_is_for_account_and_its_client_is_azp,
            a_token_of_authentik_has_the_slash_of_its_issuer,
            tokens_of_entra_id_name_their_scopes_scp,
            version_one_tokens_of_entra_id_need_their_own_issuer,
            a_custom_server_of_okta_lists_scopes_and_its_organisation_is_somebody_else,
            a_token_of_a_google_service_account_is_taken_for_its_audience,
            a_token_of_kanidm_is_of_its_client_and_has_a_type,
            an_access_token_of_dex_is_an_id_token_and_refused,
            a_workflow_of_github_is_admitted_by_repository_and_environment,
            an_account_of_kubernetes_is_admitted_by_namespace_and_name,
            a_workload_of_a_trust_domain_has_no_issuer_but_its_name,
        }
    };
}
