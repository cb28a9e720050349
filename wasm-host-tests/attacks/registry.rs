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
            cve_2026_30851_who_lacks_a_claim_gets_no_forged_header_for_it,
            cve_2026_31908_a_claim_writes_no_further_header,
            mod_auth_openidc_2026_07_control_characters_in_lists_and_names_are_left_out,
            mod_auth_openidc_2026_07_forged_headers_on_the_way_through_a_login_name_nobody,
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
    };
}
