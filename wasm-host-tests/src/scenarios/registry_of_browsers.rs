//! The scenarios about browsers: what they keep, lose, send by themselves, and show inside each other.

/// Part of [`scenarios!`](crate::scenarios!).
#[doc(hidden)]
#[macro_export]
macro_rules! scenarios_of_browsers {
    ($how:ident $world:ty) => {
        $crate::scenarios! { @theme $how $world, refusals:
            a_fetch_without_a_session_is_told_where_to_sign_in,
            an_xml_http_request_starts_no_login,
            a_web_socket_starts_no_login,
            a_prefetch_starts_no_login,
            a_preflight_does_not_reach_the_application,
            an_image_starts_no_login,
            a_browser_without_fetch_metadata_is_recognised_by_what_it_accepts,
            a_posted_form_without_a_session_is_a_page_with_a_link,
            what_require_does_not_allow_is_forbidden,
            a_requirement_on_a_claim_that_is_missing_denies,
            a_refusal_names_its_request,
            a_body_reaches_the_application_only_with_a_verdict,
        }
        $crate::scenarios! { @theme $how $world, hosts:
            each_host_has_its_own_callback,
            a_session_of_one_host_is_none_at_another,
            a_session_for_a_domain_is_one_for_all_its_hosts,
            a_login_of_one_host_does_not_end_at_another,
            a_host_that_is_not_ours_never_appears_in_a_redirect,
            several_providers_are_offered_on_a_page,
        }
        $crate::scenarios! { @theme $how $world, fragments:
            a_fragment_survives_a_login_that_nobody_notices,
            a_page_asks_for_the_fragment_before_the_login,
            without_a_script_the_login_goes_on_without_the_fragment,
            only_a_person_who_opens_a_page_is_asked_for_a_fragment,
            a_refusal_passes_the_fragment_on_to_the_next_try,
            a_login_that_fails_still_knows_its_fragment,
            strict_sessions_keep_the_fragment_as_well,
            no_fragment_leads_to_another_origin_or_into_the_headers,
        }
        $crate::scenarios! { @theme $how $world, posted_forms:
            a_form_that_was_posted_without_a_session_is_sent_after_the_login needs HeldBody,
            a_large_form_takes_several_cookies_and_the_application_sees_none needs HeldBody,
            a_form_of_another_site_is_never_kept needs HeldBody,
            what_is_no_small_form_is_not_kept needs HeldBody,
            the_rule_decides_over_a_kept_form_as_over_every_request needs HeldBody,
            a_form_belongs_to_its_own_login_and_is_shown_once needs HeldBody,
            a_damaged_form_is_lost_and_the_person_is_signed_in needs HeldBody,
            a_form_is_kept_for_a_quarter_of_an_hour needs HeldBody needs VirtualTime,
            a_form_survives_a_provider_that_has_to_ask_and_one_that_fails needs HeldBody,
            markup_in_a_form_stays_text needs HeldBody,
            a_form_that_needs_a_stronger_sign_in_is_sent_after_it needs HeldBody,
        }
        $crate::scenarios! { @theme $how $world, silent:
            whom_the_provider_knows_is_not_asked,
            whom_the_provider_does_not_know_is_asked,
            a_person_is_asked_once_whatever_the_provider_answers,
            another_error_of_a_silent_login_is_a_page,
            who_signed_out_is_not_signed_in_behind_their_back,
            a_silent_login_begins_where_a_login_begins_and_nowhere_else,
            the_fragment_and_the_silence_go_together,
        }
        $crate::scenarios! { @theme $how $world, loops:
            a_session_that_never_comes_back_ends_in_a_page,
            a_session_that_does_not_open_ends_in_a_page,
            a_session_whose_parts_are_missing_ends_in_a_page,
            a_session_that_has_ended_already_ends_in_a_page needs VirtualTime,
            a_loop_of_silent_logins_ends_in_a_page_too,
            who_signs_in_and_out_goes_round_in_no_circle,
            logins_that_are_a_minute_apart_are_no_loop needs VirtualTime,
            what_was_planted_in_the_login_cookie_does_not_outlive_a_login,
            the_marks_of_logins_open_nothing,
            a_browser_without_cookies_is_told_so,
            a_login_over_plain_http_ends_in_a_page_that_says_so needs PlainHttp,
            a_login_that_began_over_plain_http_is_explained needs PlainHttp,
        }
        $crate::scenarios! { @theme $how $world, frames:
            a_person_signs_in_inside_a_page_of_another_site,
            every_cookie_of_an_embedded_application_says_so,
            a_frame_whose_cookies_are_withheld_is_told_so,
            a_frame_of_the_same_site_signs_in_as_a_window_does,
            no_page_with_a_button_is_shown_inside_others,
        }
        $crate::scenarios! { @theme $how $world, programs:
            a_preflight_is_never_redirected_wherever_it_goes,
            nothing_that_is_fetched_ahead_begins_a_login,
            nothing_that_is_fetched_ahead_ends_a_session,
            a_web_socket_needs_a_session_and_gets_nothing_else,
            other_programs_are_told_and_not_led,
        }
    };
}
