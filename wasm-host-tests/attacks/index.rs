//! That nothing is missing: every scenario is registered, every advisory has its tests, every wish its scenario, every corpus cases.

const REGISTRY: &str = include_str!("registry.rs");
/// Attacks on the start, which are no scenarios.
const STARTS: &str = include_str!("../tests/attacks.rs");
const SOURCES: [&str; 8] = [
    include_str!("headers.rs"),
    include_str!("markup.rs"),
    include_str!("redirects.rs"),
    include_str!("robustness.rs"),
    include_str!("rules.rs"),
    include_str!("secrets.rs"),
    include_str!("sessions.rs"),
    include_str!("tokens.rs"),
];

/// What has gone wrong elsewhere, in the order of the list that we keep: each is the beginning of a test's name.
const ADVISORIES: [&str; 63] = [
    "cve_2025_64484",
    "cve_2026_33433",
    "cve_2026_54763",
    "cve_2026_88011",
    "cve_2026_52845",
    "cve_2026_30851",
    "cve_2026_44087",
    "cve_2026_31908",
    "mod_auth_openidc_2026_07",
    "cve_2025_54576",
    "ghsa_pxq7_h93f_9jrg",
    "ghsa_fvhj_4qfh_q2hm",
    "cve_2026_40575",
    "cve_2026_76835",
    "cve_2026_34457",
    "cve_2022_29226",
    "cve_2026_40574",
    "ghsa_652x_m2gr_hppm",
    "cve_2021_41230",
    "go_2023_1800",
    "ghsa_qqxw_m5fj_f7gv",
    "ghsa_j7px_6hwj_hpjg",
    "ghsa_5m6c_jp6f_2vcv",
    "ghsa_4mf2_f3wh_gvf2",
    "cve_2019_14857",
    "cve_2019_20479",
    "cve_2021_32786",
    "cve_2021_39191",
    "cve_2022_23527",
    "go_2022_0783",
    "go_2022_0827",
    "cve_2024_21497",
    "cve_2026_47775",
    "cve_2023_35941",
    "cve_2025_55162",
    "cve_2024_24814",
    "cve_2023_28625",
    "cve_2024_10318",
    "ghsa_f24x_5g9q_753f",
    "lua_resty_openidc_526",
    "traefik_plugin",
    "envoy_1_40",
    "ghsa_wcvh_g65p_v576",
    "mod_auth_openidc_2_4_20",
    "lua_resty_openidc_accept_unsupported_alg",
    "cve_2025_46647",
    "cve_2026_31837",
    "a_verdict_holds_for_its_issuer_audience_and_policy_only",
    "a_logout_token_is_taken_once",
    "cve_2026_41413",
    "mod_auth_openidc_2_4_12",
    "oauth2_proxy_7_7",
    "a_hanging_token_endpoint_is_given_up",
    "a_published_wasm_filter",
    "cve_2022_29228",
    "cve_2023_27496",
    "cve_2026_48090",
    "ghsa_8vc2_jrm4_835w",
    "ghsa_59jp_rwph_878r",
    "go_2024_2965",
    "csnc_2019_001",
    "cve_2024_21496",
    "mod_auth_openidc_2026_05",
];

/// What users of such systems ask for most, and the scenario that shows it: `theme::name`.
const WISHES: [(&str, &str); 18] = [
    ("parallel tabs do not break each other's login", "login::three_tabs_sign_in_at_once"),
    (
        "a session over 4 KB never ends in a silent redirect loop",
        "session_cookies::a_session_that_is_too_large_is_a_page_that_names_the_largest_claims",
    ),
    ("abandoned logins leave no pile of cookies", "login::abandoned_logins_leave_nothing_behind"),
    (
        "concurrent refreshes with a rotating refresh token do not log out",
        "refresh::fifty_requests_with_an_ended_token_cause_one_refresh",
    ),
    ("fetch and XHR get 401, not a redirect", "refusals::a_fetch_without_a_session_is_told_where_to_sign_in"),
    ("back-channel logout", "backchannel_logout::by_session_id_only_what_came_of_that_session_ends"),
    ("several providers for one application", "several_providers::a_person_chooses_between_providers_and_comes_back"),
    ("nested and list claims as headers", "headers::nested_claims_and_lists_become_headers"),
    ("rules per path", "paths::the_first_rule_that_matches_decides"),
    (
        "Entra's group overage is reported, not silently empty",
        "sizes::groups_that_the_provider_left_elsewhere_are_reported_and_deny",
    ),
    ("idle and absolute timeouts as different things", "session::timeouts_are_configurable"),
    ("opaque access tokens", "introspection::an_opaque_token_is_admitted_with_what_its_issuer_says"),
    (
        "the provider being down at start is no crash",
        "provider_faults::a_provider_that_is_down_at_the_start_is_unavailable_and_then_not",
    ),
    ("forged key ids do not cause a fetch each", "provider_keys::sixty_forged_key_ids_cause_one_fetch"),
    ("the URL's fragment survives a login", "fragments::a_fragment_survives_a_login_that_nobody_notices"),
    (
        "rotation of the session key without logging everybody out",
        "session::a_new_session_key_signs_nobody_out_and_then_the_old_one_can_go",
    ),
    ("the proxy's own cookies stay out of the backend", "headers::own_cookies_stay_out_of_the_application"),
    ("refusals say why", "bearer::a_bad_token_is_refused_with_its_reason"),
];

/// Wishes with a second half.
const FURTHER: [&str; 3] = [
    "refresh::an_old_cookie_is_good_for_a_while_and_then_leads_to_a_login",
    "provider_keys::a_key_that_is_new_right_before_signing_is_fetched",
    "loops::a_session_whose_parts_are_missing_ends_in_a_page",
];

/// The name of the scenario that a line declares.
fn declared(line: &str) -> Option<&str> {
    let (name, rest) = line.strip_prefix("pub fn ")?.split_once('<')?;
    rest.starts_with("W: World>()").then_some(name)
}

#[test]
fn every_attack_is_registered_once() {
    for name in SOURCES.iter().flat_map(|source| source.lines()).filter_map(declared) {
        let listed = |line: &&str| line.trim().split([' ', ',']).next() == Some(name);
        assert_eq!(REGISTRY.lines().filter(listed).count(), 1, "{name}");
    }
}

#[test]
fn every_advisory_has_its_tests() {
    let starts = STARTS.lines().filter_map(|line| line.trim().strip_prefix("fn ")?.split('(').next());
    let names: Vec<&str> =
        SOURCES.iter().flat_map(|source| source.lines()).filter_map(declared).chain(starts).collect();
    for advisory in ADVISORIES {
        assert!(names.iter().any(|name| name.starts_with(advisory)), "{advisory}");
    }
    println!("figure: attacks.tests = {} tests for {} advisories and reports", names.len(), ADVISORIES.len());
}

#[test]
fn every_wish_has_its_scenario() {
    for scenario in WISHES.iter().map(|(_, scenario)| scenario).chain(&FURTHER) {
        let (theme, name) = scenario.split_once("::").expect("a theme and a name");
        let file = format!("{}/src/scenarios/{theme}.rs", env!("CARGO_MANIFEST_DIR"));
        let source = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(source.lines().filter_map(declared).any(|own| own == name), "{scenario}");
    }
}

#[test]
fn every_corpus_has_cases_that_can_be_read() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/attacks/corpus");
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the corpora") {
        let path = entry.expect("a file").path();
        let text = std::fs::read_to_string(&path).expect("text");
        cases.push((super::corpus::cases(text.leak()).len(), path));
    }
    assert!(cases.len() >= 14, "{cases:?}");
    println!(
        "figure: attacks.corpora = {} cases in {} files",
        cases.iter().map(|(count, _)| count).sum::<usize>(),
        cases.len()
    );
}
