//! Every attack's name, once.

/// Part of [`scenarios!`](crate::scenarios!).
#[doc(hidden)]
#[macro_export]
macro_rules! scenarios_of_attacks {
    ($how:ident $world:ty) => {
        $crate::scenarios! { @theme $how $world, attacks_headers:
            cve_2025_64484_a_header_with_underscores_reaches_nobody,
            cve_2026_33433_a_header_in_another_case_reaches_nobody,
            cve_2026_54763_an_underscore_in_any_place_reaches_nobody,
            cve_2026_88011_a_dot_for_a_hyphen_reaches_nobody,
            cve_2026_52845_what_fastcgi_reads_alike_reaches_nobody,
            cve_2026_44087_the_names_themselves_reach_nobody_on_any_route,
            every_spelling_is_deleted_for_itself,
            an_assertion_from_elsewhere_reaches_nobody_on_any_route,
            cve_2026_30851_who_lacks_a_claim_gets_no_forged_header_for_it,
            cve_2026_31908_a_claim_writes_no_further_header,
            mod_auth_openidc_2026_07_control_characters_in_lists_and_names_are_left_out,
            mod_auth_openidc_2026_07_forged_headers_on_the_way_through_a_login_name_nobody,
        }
        $crate::scenarios! { @theme $how $world, attacks_rules:
            cve_2025_54576_the_query_opens_nothing,
            ghsa_pxq7_h93f_9jrg_a_fragment_opens_nothing,
            ghsa_fvhj_4qfh_q2hm_no_spelling_of_a_path_opens_another,
            go_2023_1800_what_is_decided_on_is_what_is_routed,
            cve_2026_40575_forwarded_headers_decide_nothing,
            cve_2026_76835_headers_about_an_original_request_decide_nothing,
            cve_2026_34457_no_user_agent_is_a_health_check,
            cve_2022_29226_garbage_is_no_session_and_no_token,
            cve_2026_40574_an_address_with_two_at_signs_is_in_no_domain,
            cve_2021_41230_claims_that_changed_change_the_decision,
        }
        $crate::scenarios! { @theme $how $world, attacks_redirects:
            ghsa_qqxw_m5fj_f7gv_a_backslash_leads_nowhere,
            ghsa_j7px_6hwj_hpjg_white_space_leads_nowhere,
            ghsa_5m6c_jp6f_2vcv_dots_before_two_slashes_lead_nowhere,
            ghsa_4mf2_f3wh_gvf2_a_host_that_ends_like_ours_leads_nowhere,
            cve_2019_14857_slashes_upon_slashes_lead_nowhere,
            cve_2019_20479_a_slash_and_a_backslash_lead_nowhere,
            cve_2021_32786_what_parsers_and_browsers_read_differently_leads_nowhere,
            cve_2021_39191_an_address_of_elsewhere_leads_nowhere,
            cve_2022_23527_a_tab_between_slashes_leads_nowhere,
            go_2022_0783_user_information_leads_nowhere,
            go_2022_0827_another_port_or_scheme_leads_nowhere,
            cve_2024_21497_line_ends_and_unicode_dots_lead_nowhere,
            no_host_of_a_request_becomes_a_redirect,
        }
        $crate::scenarios! { @theme $how $world, attacks_sessions:
            cve_2026_47775_every_bit_flip_gets_the_same_answer,
            cve_2026_47775_every_bit_flip_of_a_state_gets_the_same_answer,
            cve_2023_35941_bytes_that_move_between_parts_make_no_other_session,
            cve_2023_35941_what_is_sealed_for_one_purpose_serves_no_other,
            lua_resty_openidc_526_a_cookie_of_one_host_client_or_issuer_is_none_elsewhere,
            cve_2025_55162_nothing_is_left_after_a_logout,
            cve_2024_24814_a_number_of_parts_is_not_taken_at_its_word,
            cve_2023_28625_a_crafted_cookie_header_is_survived,
            envoy_1_40_a_bare_refresh_token_is_not_redeemed,
            ghsa_f24x_5g9q_753f_a_planted_session_does_not_survive_a_login,
            cve_2024_10318_a_planted_login_does_not_survive_a_login,
        }
        $crate::scenarios! { @theme $how $world, attacks_tokens:
            ghsa_wcvh_g65p_v576_an_id_token_with_wrong_claims_signs_nobody_in,
            ghsa_wcvh_g65p_v576_an_access_token_with_wrong_claims_opens_nothing,
            ghsa_wcvh_g65p_v576_claims_that_two_readers_read_differently_are_refused,
            mod_auth_openidc_2_4_20_a_refreshed_id_token_is_validated_like_the_first needs VirtualTime,
            lua_resty_openidc_accept_unsupported_alg_no_such_id_token_signs_anybody_in,
            lua_resty_openidc_accept_unsupported_alg_no_such_access_token_opens_anything,
            cve_2025_46647_a_token_of_another_issuer_with_the_same_key_is_refused,
            cve_2026_31837_a_strangers_key_is_never_the_default,
            cve_2026_31837_a_strangers_key_signs_nobody_in,
            cve_2026_31837_without_keys_there_is_no_default_key,
            a_verdict_holds_for_its_issuer_audience_and_policy_only,
            a_logout_token_is_taken_once_without_a_nonce_and_alone needs HeldBody,
            cve_2026_41413_no_redirect_is_followed_when_something_is_fetched,
        }
        $crate::scenarios! { @theme $how $world, attacks_robustness:
            mod_auth_openidc_2_4_12_malformed_members_beside_a_good_key_harm_nobody,
            oauth2_proxy_7_7_a_key_type_that_nobody_knows_keeps_nobody_out,
            a_published_wasm_filter_one_unsupported_key_ends_nothing,
            every_odd_member_of_a_key_set_is_passed_over_by_itself needs VirtualTime,
            mod_auth_openidc_2_4_12_a_failed_callback_never_reaches_the_application,
            mod_auth_openidc_2_4_12_a_failed_form_post_never_reaches_the_application needs HeldBody,
            cve_2023_27496_a_callback_without_state_is_survived,
            a_hanging_token_endpoint_is_given_up_after_five_seconds,
            a_published_wasm_filter_what_waits_for_discovery_is_decided_and_not_resumed,
            ghsa_59jp_rwph_878r_the_application_hears_nothing_before_a_verdict,
            a_published_wasm_filter_nothing_opens_while_the_verifier_is_not_ready,
            a_published_wasm_filter_requests_under_way_are_not_mixed_up,
            a_published_wasm_filter_a_byte_that_is_no_text_ends_nothing,
            a_published_wasm_filter_a_slow_discovery_is_waited_for needs VirtualTime,
            cve_2022_29228_nothing_goes_on_after_an_answer_of_the_filter,
            cve_2026_48090_a_token_answer_after_the_stream_is_gone_finds_nobody,
            ghsa_8vc2_jrm4_835w_connect_without_a_path_is_refused needs RawHead,
        }
        $crate::scenarios! { @theme $how $world, attacks_markup:
            csnc_2019_001_what_would_end_a_script_stays_text,
            cve_2024_21496_markup_in_answers_of_the_provider_stays_text,
            mod_auth_openidc_2026_05_markup_in_any_disguise_stays_text,
        }
        $crate::scenarios! { @theme $how $world, attacks_secrets:
            go_2024_2965_a_login_by_any_client_authentication_leaks_nothing,
            go_2024_2965_a_login_that_fails_leaks_nothing,
            go_2024_2965_refreshes_and_what_ends_a_session_leak_nothing,
            go_2024_2965_access_tokens_of_any_kind_leak_nothing,
            go_2024_2965_forms_and_notices_of_the_provider_leak_nothing needs HeldBody,
            go_2024_2965_further_sign_ins_leak_nothing,
        }
    };
}
