//! Every scenario's name, once.

/// Makes a test of every scenario, for the ring `$world`: an absolute path to a [`World`](crate::world::World). With
/// `one test a theme`, where starting a world is dear and its first start in a process dearest.
#[macro_export]
macro_rules! scenarios {
    ($world:ty) => {
        $crate::scenarios! { @all each $world }
    };
    ($world:ty, one test a theme) => {
        $crate::scenarios! { @all together $world }
    };
    (@all $how:ident $world:ty) => {
        $crate::scenarios_of_attacks! { $how $world }
        $crate::scenarios_of_browsers! { $how $world }
        $crate::scenarios_of_providers! { $how $world }
        $crate::scenarios_of_sessions! { $how $world }
        $crate::scenarios_of_conformance! { $how $world }
        $crate::scenarios! { @theme $how $world, login:
            a_person_signs_in_and_comes_back_to_path_and_query,
            who_is_signed_in_is_not_asked_again,
            the_redirect_to_the_provider_is_not_cached,
            a_head_request_of_a_browser_starts_a_login,
            three_tabs_sign_in_at_once,
            abandoned_logins_leave_nothing_behind,
            the_login_cookie_is_short_lived_and_for_us_alone,
            a_login_goes_on_at_another_replica,
            a_late_callback_with_a_live_session_goes_to_its_target needs VirtualTime,
            a_late_callback_without_a_session_offers_another_try needs VirtualTime,
            a_repeated_callback_with_a_live_session_goes_to_its_target,
            a_repeated_callback_without_a_session_is_a_page,
            two_identical_callbacks_at_once_end_in_one_session,
            a_callback_from_another_browser_is_refused,
            a_login_whose_cookie_another_tab_replaced_begins_again_once,
            the_login_endpoint_leads_to_return_to,
            the_login_endpoint_passes_the_hint_on,
            no_return_target_leads_to_another_origin,
            a_form_post_callback_signs_in needs HeldBody,
            a_client_may_send_its_secret_in_the_body,
            a_public_client_signs_in_without_a_secret,
            further_authorization_parameters_are_sent,
            a_link_on_another_site_may_start_a_login,
        }
        $crate::scenarios! { @theme $how $world, audit:
            each_decision_has_a_line,
            a_request_for_no_host_has_a_line needs RawHead,
            who_has_proven_who_they_are_is_named_though_the_login_fails,
            tokens_are_refused_in_the_audit_log_and_policy_denies_by_name,
            refreshes_are_in_the_audit_log,
            sign_outs_by_the_provider_are_in_the_audit_log needs HeldBody,
            a_person_has_one_pseudonym_at_all_replicas_and_another_under_another_key,
            plain_subjects_are_escaped_and_stand_there_alone,
            without_configuration_there_is_no_audit_log,
        }
        $crate::scenarios! { @theme $how $world, possession:
            a_token_bound_to_a_certificate_needs_that_certificate needs ClientCertificate,
            a_client_that_waits_for_keys_is_known_by_its_own_certificate needs ClientCertificate,
            a_token_bound_to_a_key_comes_with_a_proof_of_it,
            a_bad_proof_is_refused_with_its_reason,
            a_bound_token_is_no_bearer_token_and_no_other_has_a_proof,
            a_token_bound_to_both_needs_both needs ClientCertificate,
            a_proof_is_used_once_in_all_vms needs VirtualTime,
            a_proof_is_remembered_until_it_is_too_old needs VirtualTime,
        }
        $crate::scenarios! { @theme $how $world, resource_metadata:
            a_client_finds_its_way_from_the_challenge_to_the_token,
            the_document_describes_the_origin_and_each_resource,
            the_document_is_read_and_nothing_else,
            without_tokens_the_path_is_the_applications,
            a_preflight_to_an_api_is_never_redirected,
        }
        $crate::scenarios! { @theme $how $world, login_answers:
            an_error_of_the_provider_becomes_a_page_with_a_way_to_try_again,
            an_unknown_error_code_never_reaches_the_page,
            a_page_about_a_login_runs_nothing_and_is_not_cached,
            a_response_of_another_issuer_is_refused,
            a_response_without_issuer_is_refused_when_the_provider_promises_one,
            a_response_without_issuer_is_enough_when_none_is_promised,
            a_state_that_is_not_ours_is_refused,
            a_callback_with_unusable_parameters_is_a_page,
            a_code_that_the_provider_refuses_is_a_page,
            an_injected_code_of_another_login_is_useless,
        }
        $crate::scenarios! { @theme $how $world, headers:
            forged_identity_headers_never_reach_the_application,
            a_person_without_the_claim_gets_no_forged_header,
            an_optional_identity_is_passed_on_when_there_is_one,
            a_public_path_needs_no_provider_and_names_nobody,
            values_with_control_characters_are_left_out,
            values_that_are_no_text_are_left_out,
            names_beyond_ascii_arrive_as_utf8,
            nested_claims_and_lists_become_headers,
            the_access_token_can_be_passed_on,
            own_cookies_stay_out_of_the_application,
            foreign_cookies_arrive_byte_for_byte,
            other_headers_arrive_byte_for_byte,
            headers_about_other_addresses_decide_nothing,
            a_bearer_token_of_anybody_is_no_session,
        }
        $crate::scenarios! { @theme $how $world, assertion:
            the_application_learns_who_it_is_in_a_way_that_it_can_verify,
            a_client_with_a_token_is_asserted_with_its_scopes,
            people_of_two_providers_with_one_name_are_two_people,
            nobody_is_asserted_where_nobody_is_known,
            one_assertion_serves_until_a_fifth_of_its_time_is_left needs VirtualTime,
            an_assertion_ends_with_the_session needs VirtualTime,
            an_exchanged_token_and_an_assertion_come_together,
            keys_are_published_for_whoever_verifies,
            without_assertions_there_are_no_keys,
        }
        $crate::scenarios! { @theme $how $world, paths:
            paths_that_can_be_read_in_two_ways_are_refused,
            ordinary_escapes_are_no_offence,
            the_query_and_the_fragment_open_nothing,
            a_prefix_matches_whole_segments,
            the_first_rule_that_matches_decides,
            a_rule_matches_by_method_host_and_pattern,
            the_endpoints_cannot_be_reached_under_another_spelling,
            another_base_path_moves_the_endpoints,
            without_public_url_the_request_says_where_we_are,
        }
        $crate::scenarios! { @theme $how $world, id_token:
            an_id_token_of_another_issuer_is_refused,
            an_id_token_for_another_client_is_refused,
            several_audiences_need_azp,
            an_id_token_without_subject_or_times_is_refused,
            an_id_token_outside_its_time_is_refused,
            a_clock_that_differs_a_little_is_tolerated,
            an_id_token_of_another_login_is_refused,
            a_bad_signature_is_refused,
            an_unsigned_id_token_is_refused,
            a_public_key_is_no_shared_secret,
            an_algorithm_that_does_not_fit_the_key_is_refused,
            a_key_in_the_header_is_never_used,
            an_unknown_critical_header_is_refused,
            a_token_of_another_kind_is_refused,
            duplicate_members_are_refused,
            what_is_no_json_object_is_refused,
            an_access_token_that_was_exchanged_is_noticed,
            what_real_providers_do_is_accepted,
        }
        $crate::scenarios! { @theme $how $world, provider_faults:
            discovery_may_fail_in_any_way needs VirtualTime,
            the_keys_may_fail_in_any_way needs VirtualTime,
            a_provider_that_is_down_at_the_start_is_unavailable_and_then_not needs VirtualTime,
            the_token_endpoint_may_fail_in_any_way,
            a_token_endpoint_that_does_not_know_us_is_a_page,
            a_token_answer_that_lacks_something_is_refused,
            a_token_answer_may_be_unusual,
            a_document_of_another_issuer_is_refused needs VirtualTime,
            endpoints_on_plain_http_are_refused,
            a_cluster_that_does_not_exist_is_unavailability needs VirtualTime,
            a_request_that_waits_is_decided_when_the_provider_is_there,
            a_request_waits_no_longer_than_three_seconds,
            one_fetch_serves_everybody_who_waits,
            a_posted_body_does_not_slip_through_while_the_provider_is_awaited,
            a_provider_slower_than_any_tick_becomes_ready needs VirtualTime,
            a_provider_that_is_down_is_not_hammered needs VirtualTime,
            a_client_that_goes_away_during_the_token_request_disturbs_nothing needs VirtualTime,
            clients_that_go_away_while_they_wait_disturb_nothing,
            metadata_in_the_configuration_replaces_discovery,
        }
        $crate::scenarios! { @theme $how $world, provider_keys:
            keys_that_nobody_understands_are_passed_over,
            a_set_without_any_usable_key_is_refused,
            a_token_without_kid_is_accepted_when_one_key_fits,
            a_token_without_kid_is_refused_when_several_keys_fit,
            an_elliptic_curve_signs_as_well,
            a_key_that_is_new_right_before_signing_is_fetched,
            keys_may_change_again_and_again,
            sixty_forged_key_ids_cause_one_fetch,
            a_withdrawn_key_is_no_longer_accepted_after_a_while needs VirtualTime,
            a_key_set_that_fails_later_leaves_the_old_keys_in_use needs VirtualTime,
        }
        $crate::scenarios! { @theme $how $world, key_refresh:
            one_fetch_serves_all_vms,
            a_slow_fetch_is_not_begun_twice,
            a_new_key_is_fetched_once_for_all_vms,
            cache_control_says_how_long_keys_are_fresh needs VirtualTime,
            keys_live_on_through_an_outage_and_not_for_ever needs VirtualTime,
            an_outage_does_not_make_every_vm_knock needs VirtualTime,
            a_withdrawn_key_stops_working_with_the_next_fetch needs VirtualTime,
            the_log_names_keys_that_come_and_go,
        }
        $crate::scenarios! { @theme $how $world, endpoints:
            the_session_endpoint_tells_scripts_who_is_signed_in,
            the_session_endpoint_says_when_nobody_is_signed_in,
            asking_for_the_session_does_not_prolong_it needs VirtualTime,
            readiness_is_when_metadata_and_keys_are_loaded needs VirtualTime,
            endpoints_that_do_not_exist_are_not_found,
            a_rule_that_opens_everything_does_not_open_the_endpoints,
        }
        $crate::scenarios! { @theme $how $world, client:
            a_client_with_a_private_key_signs_its_assertions,
            a_method_that_the_metadata_does_not_list_is_a_warning_and_no_more,
            a_host_that_cannot_sign_with_rsa_says_which_keys_help needs BareHost,
            a_client_with_a_certificate_goes_to_the_endpoints_that_ask_for_it,
            a_provider_that_requires_it_gets_the_request_before_the_browser,
            requests_are_pushed_as_configured,
            the_redirect_after_a_push_is_not_cached_and_has_the_login_cookie,
            a_push_without_an_endpoint_is_a_page_that_names_the_cause,
            a_push_that_fails_has_its_own_reason,
            a_push_that_is_not_answered_is_given_up,
            resources_are_named_in_both_requests,
        }
        $crate::scenarios! { @theme $how $world, bearer:
            a_request_without_a_token_is_told_what_is_wanted,
            a_person_who_opens_an_api_sees_a_page_and_no_login,
            a_good_token_reaches_the_application_with_its_identity,
            the_token_stays_here_or_goes_on_as_configured,
            a_bad_token_is_refused_with_its_reason,
            a_token_that_nobody_signed_is_refused,
            an_id_token_is_no_access_token,
            untyped_tokens_are_accepted_unless_the_type_is_required,
            credentials_that_no_token_looks_like_are_refused,
            two_issuers_are_told_apart_before_any_cryptography,
            no_token_reaches_the_log,
        }
        $crate::scenarios! { @theme $how $world, bearer_rules:
            a_token_is_for_the_audience_of_its_rule_or_its_provider,
            scopes_decide_and_the_challenge_names_the_missing_one,
            what_no_other_scope_would_change_is_forbidden_without_a_challenge,
            a_rule_for_either_takes_sessions_and_tokens,
            a_rule_for_either_leads_people_to_a_login_and_tells_scripts_both_ways,
            an_optional_token_names_somebody_and_a_bad_one_nobody_at_all,
            a_token_opens_nothing_where_none_is_asked_for,
            where_no_provider_issues_tokens_an_optional_one_is_not_ours,
            an_older_or_weaker_sign_in_is_challenged,
            one_token_under_two_registrations_of_one_issuer,
        }
        $crate::scenarios! { @theme $how $world, bearer_keys:
            a_key_that_signs_for_the_first_time_is_fetched_once,
            sixty_tokens_with_forged_key_ids_cause_one_fetch,
            a_withdrawn_key_ends_its_tokens_with_the_next_fetch needs VirtualTime,
            a_key_that_joins_ends_nothing needs VirtualTime,
            a_token_that_is_remembered_ends_when_it_expires needs VirtualTime,
            a_token_that_begins_later_is_refused_until_then needs VirtualTime,
            tokens_are_verified_while_the_issuer_is_down,
            without_keys_nobody_is_admitted_and_nobody_is_blamed,
            outdated_keys_admit_no_token_either needs VirtualTime,
            a_client_that_waits_for_keys_is_decided_when_they_come,
        }
        $crate::scenarios! { @theme $how $world, introspection:
            an_opaque_token_is_admitted_with_what_its_issuer_says,
            an_issuer_is_asked_once_a_minute_about_a_token,
            a_revoked_token_stops_working_within_a_minute needs VirtualTime,
            a_token_is_remembered_no_longer_than_it_lives needs VirtualTime,
            one_question_serves_all_who_present_the_token,
            an_inactive_token_is_refused_and_not_asked_about_again,
            a_token_that_becomes_known_is_admitted_soon needs VirtualTime,
            an_answer_that_is_no_answer_admits_nobody needs VirtualTime,
            an_issuer_that_hangs_makes_nobody_wait_for_ever,
            what_the_issuer_says_of_a_token_must_fit,
            a_rule_with_an_audience_needs_a_token_that_names_it,
            an_issuer_of_both_kinds_is_asked_about_what_is_no_jwt_of_its_own,
            the_token_of_one_issuer_is_not_shown_to_another,
            an_issuer_that_does_not_say_where_to_ask_is_a_reason_of_its_own,
            wrong_client_credentials_are_named_in_the_log,
            no_session_comes_from_an_opaque_token,
        }
        $crate::scenarios! { @theme $how $world, exchange:
            the_backend_gets_a_token_of_its_own,
            a_token_is_exchanged_once_for_each_target,
            one_exchange_serves_all_who_bring_the_token,
            an_exchanged_token_is_replaced_before_it_ends needs VirtualTime,
            an_exchanged_token_does_not_outlive_the_one_it_stands_for needs VirtualTime,
            without_an_exchanged_token_nothing_goes_on needs VirtualTime,
            who_is_not_admitted_causes_no_exchange,
            without_an_identity_the_backend_sees_no_credentials,
            headers_carry_the_exchanged_token_where_they_name_one,
            the_token_of_a_session_is_exchanged_until_it_ends needs VirtualTime,
            a_session_whose_token_ends_at_once_is_no_endless_login,
            an_opaque_token_is_exchanged_as_well,
        }
        $crate::scenarios! { @theme $how $world, bad_input:
            bytes_that_are_no_text_are_survived_in_every_header,
            bytes_that_are_no_text_are_survived_beside_a_session,
            bytes_that_are_no_text_are_survived_in_pseudo_headers needs RawHead,
            requests_without_pseudo_headers_are_refused needs RawHead,
            targets_that_are_no_paths_are_refused needs RawHead,
            a_huge_cookie_header_is_survived,
            a_huge_path_is_no_login,
            a_form_post_callback_takes_any_body needs HeldBody,
            markup_in_claims_never_reaches_a_page,
            markup_in_an_address_never_reaches_a_page,
        }
    };
    (@theme each $world:ty, $theme:ident: $($name:ident $(needs $need:ident)*),* $(,)?) => {
        mod $theme {
            $(
                #[test]
                fn $name() {
                    let needs = [$($crate::world::Need::$need),*];
                    $crate::scenarios::run::<$world>(stringify!($name), &needs, $crate::scenarios::$theme::$name::<$world>);
                }
            )*
        }
    };
    (@theme together $world:ty, $theme:ident: $($name:ident $(needs $need:ident)*),* $(,)?) => {
        #[test]
        fn $theme() {
            $crate::scenarios::run_all::<$world>(&[$($crate::scenarios::Scenario {
                name: stringify!($name),
                needs: &[$($crate::world::Need::$need),*],
                tell: $crate::scenarios::$theme::$name::<$world>,
            }),*]);
        }
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_scenario_is_registered_once() {
        let registry = concat!(
            include_str!("registry.rs"),
            include_str!("registry_of_browsers.rs"),
            include_str!("registry_of_providers.rs"),
            include_str!("registry_of_sessions.rs")
        );
        for source in [
            include_str!("login.rs"),
            include_str!("recorded_logins.rs"),
            include_str!("recorded_tokens.rs"),
            include_str!("sizes.rs"),
            include_str!("several_providers.rs"),
            include_str!("step_up.rs"),
            include_str!("userinfo.rs"),
            include_str!("login_answers.rs"),
            include_str!("refusals.rs"),
            include_str!("refresh.rs"),
            include_str!("refresh_failures.rs"),
            include_str!("session.rs"),
            include_str!("session_cookies.rs"),
            include_str!("headers.rs"),
            include_str!("hosts.rs"),
            include_str!("paths.rs"),
            include_str!("possession.rs"),
            include_str!("resource_metadata.rs"),
            include_str!("id_token.rs"),
            include_str!("provider_faults.rs"),
            include_str!("provider_keys.rs"),
            include_str!("exchange.rs"),
            include_str!("introspection.rs"),
            include_str!("key_refresh.rs"),
            include_str!("logout.rs"),
            include_str!("backchannel_logout.rs"),
            include_str!("frontchannel_logout.rs"),
            include_str!("endpoints.rs"),
            include_str!("bad_input.rs"),
            include_str!("client.rs"),
            include_str!("bearer.rs"),
            include_str!("bearer_rules.rs"),
            include_str!("bearer_keys.rs"),
            include_str!("fragments.rs"),
            include_str!("posted_forms.rs"),
            include_str!("silent.rs"),
            include_str!("loops.rs"),
            include_str!("frames.rs"),
            include_str!("programs.rs"),
        ] {
            for line in source.lines().filter(|line| line.contains("<W: World>()")) {
                let Some((name, _)) = line.strip_prefix("pub fn ").and_then(|rest| rest.split_once('<')) else {
                    continue;
                };
                let listed = |line: &&str| line.trim().split([' ', ',']).next() == Some(name);
                assert_eq!(registry.lines().filter(listed).count(), 1, "{name}");
            }
        }
    }
}
