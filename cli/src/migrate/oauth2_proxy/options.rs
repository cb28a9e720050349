//! Every documented option of oauth2-proxy (docs/docs/configuration/overview.md and the provider pages, version 7.13), and what
//! becomes of those that are not carried over.

/// What becomes of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is carried over; what changes is said there.
    Carried,
    /// There is no need for it any more.
    Needless(&'static str),
    /// It belongs to something else than the filter.
    Elsewhere(&'static str),
    /// Nothing does the same.
    Missing(&'static str),
}

use Fate::{Carried, Elsewhere, Missing, Needless};

const ENVOY_LISTENER: Fate = Elsewhere("Envoy's listener (render envoy --listen, its TLS context)");
const ENVOY_ROUTE: Fate = Elsewhere("Envoy's routes and clusters (render envoy --upstream)");
const ENVOY_LOG: Fate =
    Elsewhere("Envoy's access log, with %FILTER_STATE(wasm.latchkey.reason:PLAIN)%, and Envoy's log");
const NO_PAGES: Fate = Missing("the pages have no templates: they are fixed text under a strict policy");
const NO_PASSWORDS: Fate = Missing("nobody signs in with a password here: that is the provider's part");
const REDIS: Fate = Elsewhere(
    "Webdis in front of the Redis that is there, and session.store: {cluster: webdis, kind: webdis, sessions: true}",
);
const PROVIDER_API: Fate =
    Missing("only claims are judged: let the provider put it into the token, and require it in a rule");

/// What becomes of an option; `None` when oauth2-proxy's documentation does not have it either.
pub fn fate(option: &str) -> Option<Fate> {
    OPTIONS.iter().find(|(name, _)| *name == option).map(|(_, fate)| *fate)
}

/// The option that was meant: arguments of the command are in the singular and have hyphens, the file has neither.
pub fn nearest(option: &str) -> Option<&'static str> {
    let plain = |name: &str| name.replace('-', "_").trim_end_matches('s').to_owned();
    let wanted = plain(option);
    OPTIONS.iter().map(|(name, _)| *name).find(|name| plain(name) == wanted)
}

/// Each option by its name in the file.
pub const OPTIONS: &[(&str, Fate)] = &[
    // General provider options
    ("acr_values", Carried),
    ("allowed_groups", Carried),
    ("allowed_roles", Carried),
    ("approval_prompt", Needless("a parameter of OAuth providers before OpenID Connect; `prompt` is carried over")),
    ("backend_logout_url", Needless("/oauth2/logout ends the session at the provider, too (RP-initiated logout)")),
    ("client_id", Carried),
    ("client_secret", Carried),
    ("client_secret_file", Carried),
    ("code_challenge_method", Needless("PKCE with S256 is always used")),
    ("insecure_oidc_allow_unverified_email", Carried),
    (
        "insecure_oidc_skip_issuer_verification",
        Missing("the issuer is always verified; for several tenants of Entra ID: `tenants`"),
    ),
    ("insecure_oidc_skip_nonce", Missing("the nonce is always verified")),
    ("jwt_key", Missing("private_key_jwt: set token_endpoint_auth_method and client_key: {env: NAME}")),
    ("jwt_key_file", Missing("private_key_jwt: set token_endpoint_auth_method and client_key: {env: NAME}")),
    ("login_url", Carried),
    ("oidc_audience_claims", Missing("the audience is `aud` (OpenID Connect Core)")),
    ("oidc_email_claim", Carried),
    ("oidc_extra_audiences", Carried),
    ("oidc_groups_claim", Carried),
    ("oidc_issuer_url", Carried),
    ("oidc_jwks_url", Carried),
    ("oidc_public_key_files", Missing("keys are fetched from the provider, and renewed")),
    ("profile_url", Carried),
    ("prompt", Carried),
    ("provider", Carried),
    ("provider_ca_files", Elsewhere("the trusted authorities of the provider's cluster: render --ca-file")),
    ("provider_display_name", Carried),
    ("pubjwk_url", Needless("the provider learns the client's public key when it is registered")),
    ("redeem_url", Carried),
    ("resource", Carried),
    ("scope", Carried),
    ("skip_claims_from_profile_url", Needless("UserInfo is asked only with userinfo: true")),
    ("skip_oidc_discovery", Carried),
    ("use_system_trust_store", Elsewhere("the trusted authorities of the provider's cluster: render --ca-file")),
    ("validate_url", Needless("tokens are verified by their signatures, or by introspection")),
    // Of particular providers
    ("azure_tenant", Carried),
    ("azure_graph_group_field", PROVIDER_API),
    ("entra_id_allowed_tenants", Carried),
    ("entra_id_federated_token_auth", Missing("use a secret, or private_key_jwt with client_key")),
    ("keycloak_groups", Carried),
    ("google_groups", PROVIDER_API),
    ("google_admin_email", PROVIDER_API),
    ("google_service_account_json", PROVIDER_API),
    ("google_use_application_default_credentials", PROVIDER_API),
    ("google_use_organization_id", PROVIDER_API),
    ("google_target_principal", PROVIDER_API),
    ("gitlab_groups", PROVIDER_API),
    ("gitlab_projects", PROVIDER_API),
    ("github_org", PROVIDER_API),
    ("github_team", PROVIDER_API),
    ("github_repo", PROVIDER_API),
    ("github_token", PROVIDER_API),
    ("github_users", PROVIDER_API),
    ("bitbucket_team", PROVIDER_API),
    ("bitbucket_repository", PROVIDER_API),
    // Cookies
    ("cookie_csrf_expire", Needless("a login may take 15 minutes")),
    ("cookie_csrf_per_request", Needless("any number of logins may be in progress")),
    ("cookie_csrf_per_request_limit", Needless("logins in progress take one cookie altogether")),
    ("cookie_domains", Carried),
    ("cookie_expire", Carried),
    ("cookie_httponly", Needless("cookies are always HttpOnly")),
    ("cookie_name", Carried),
    ("cookie_path", Missing("the cookie is for the whole host, as its prefix __Host- demands")),
    ("cookie_refresh", Carried),
    ("cookie_samesite", Carried),
    (
        "cookie_secret",
        Needless("there is a new session key: the old one sealed something else, so people sign in once more"),
    ),
    (
        "cookie_secret_file",
        Needless("there is a new session key: the old one sealed something else, so people sign in once more"),
    ),
    ("cookie_secure", Carried),
    // Headers
    ("basic_auth_password", Missing("no Authorization: Basic is made up: the application gets plain headers")),
    ("pass_access_token", Carried),
    ("pass_authorization_header", Carried),
    ("pass_basic_auth", Carried),
    ("pass_user_headers", Carried),
    ("prefer_email_to_user", Carried),
    ("set_authorization_header", Needless("for nginx auth_request: here the application gets the header itself")),
    ("set_basic_auth", Needless("for nginx auth_request: here the application gets the header itself")),
    ("set_xauthrequest", Carried),
    ("skip_auth_strip_headers", Needless("what clients send under the names of `headers` is always deleted")),
    // Logging
    ("auth_logging", ENVOY_LOG),
    ("auth_logging_format", ENVOY_LOG),
    ("errors_to_info_log", ENVOY_LOG),
    ("exclude_logging_paths", ENVOY_LOG),
    ("logging_compress", ENVOY_LOG),
    ("logging_filename", ENVOY_LOG),
    ("logging_local_time", ENVOY_LOG),
    ("logging_max_age", ENVOY_LOG),
    ("logging_max_backups", ENVOY_LOG),
    ("logging_max_size", ENVOY_LOG),
    ("request_id_header", ENVOY_LOG),
    ("request_logging", ENVOY_LOG),
    ("request_logging_format", ENVOY_LOG),
    ("silence_ping_logging", ENVOY_LOG),
    ("standard_logging", ENVOY_LOG),
    ("standard_logging_format", ENVOY_LOG),
    // Pages
    ("banner", NO_PAGES),
    ("custom_sign_in_logo", NO_PAGES),
    ("custom_templates_dir", NO_PAGES),
    ("display_htpasswd_form", NO_PASSWORDS),
    ("footer", NO_PAGES),
    ("show_debug_on_error", Needless("pages carry a reason code and the request id; the log says more")),
    // Probes
    ("gcp_healthchecks", Elsewhere("a rule with authentication: none for the application's own health check")),
    ("ping_path", Elsewhere("Envoy's own /ready at its administration address")),
    ("ping_user_agent", Elsewhere("Envoy's own /ready at its administration address")),
    ("ready_path", Needless("/oauth2/ready says whether every provider is loaded")),
    // Proxy
    ("allow_query_semicolons", Needless("queries are passed on as they are")),
    ("api_routes", Needless("what is no navigation (scripts, fetch) gets 401 and problem+json anyway")),
    (
        "authenticated_emails_file",
        Missing("write the addresses into a rule: require: claims.email in [\"ada@example.org\"]"),
    ),
    ("email_domains", Carried),
    ("encode_state", Needless("the state has only characters that survive everywhere")),
    ("extra_jwt_issuers", Carried),
    ("force_https", Elsewhere("an Envoy listener that redirects: redirect: {https_redirect: true}")),
    ("force_json_errors", Needless("scripts get problem+json, people get pages")),
    ("htpasswd_file", NO_PASSWORDS),
    ("htpasswd_user_groups", NO_PASSWORDS),
    ("proxy_prefix", Carried),
    ("real_client_ip_header", Elsewhere("Envoy's use_remote_address and xff_num_trusted_hops")),
    ("redirect_url", Carried),
    ("relative_redirect_url", Needless("without public_url the redirect URI is of the request's own host")),
    ("reverse_proxy", Elsewhere("Envoy's use_remote_address and xff_num_trusted_hops")),
    ("signature_key", Missing("requests to the application are not signed (GAP-Signature)")),
    ("skip_auth_preflight", Carried),
    ("skip_auth_regex", Carried),
    ("skip_auth_routes", Carried),
    ("skip_jwt_bearer_tokens", Carried),
    ("bearer_token_login_fallback", Needless("a bad token is always refused, never followed by a login")),
    ("skip_provider_button", Needless("with one provider nobody has to choose")),
    ("ssl_insecure_skip_verify", Missing("certificates of providers are always verified")),
    ("trusted_ips", Missing("nobody is admitted by an address; Envoy's RBAC filter can refuse by one")),
    ("trusted_proxy_ips", Elsewhere("Envoy's use_remote_address and xff_num_trusted_hops")),
    ("whitelist_domains", Missing("after a login people come back to the origin that they came from, and no other")),
    // Server
    ("http_address", ENVOY_LISTENER),
    ("https_address", ENVOY_LISTENER),
    ("metrics_address", Elsewhere("Envoy's /stats/prometheus at its administration address")),
    ("metrics_secure_address", Elsewhere("Envoy's /stats/prometheus at its administration address")),
    ("metrics_tls_cert_file", Elsewhere("Envoy's /stats/prometheus at its administration address")),
    ("metrics_tls_key_file", Elsewhere("Envoy's /stats/prometheus at its administration address")),
    ("tls_cert_file", ENVOY_LISTENER),
    ("tls_cipher_suites", ENVOY_LISTENER),
    ("tls_key_file", ENVOY_LISTENER),
    ("tls_min_version", ENVOY_LISTENER),
    // Sessions
    (
        "session_cookie_minimal",
        Needless("the cookie holds what rules and headers use, and tokens only when something uses them"),
    ),
    ("session_store_type", Carried),
    ("redis_ca_path", REDIS),
    ("redis_cluster_connection_urls", REDIS),
    ("redis_connection_idle_timeout", REDIS),
    ("redis_connection_url", REDIS),
    ("redis_insecure_skip_tls_verify", REDIS),
    ("redis_password", REDIS),
    ("redis_sentinel_connection_urls", REDIS),
    ("redis_sentinel_master_name", REDIS),
    ("redis_sentinel_password", REDIS),
    ("redis_use_cluster", REDIS),
    ("redis_use_sentinel", REDIS),
    ("redis_username", REDIS),
    // Upstreams
    ("disable_keep_alives", ENVOY_ROUTE),
    ("flush_interval", ENVOY_ROUTE),
    ("pass_host_header", ENVOY_ROUTE),
    ("proxy_websockets", ENVOY_ROUTE),
    ("ssl_upstream_insecure_skip_verify", ENVOY_ROUTE),
    ("upstream_timeout", ENVOY_ROUTE),
    ("upstreams", ENVOY_ROUTE),
];
