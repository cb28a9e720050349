//! Where a value comes from that the filter would refuse: nobody has seen the file that was not written.

use latchkey_explain::judgement::Finding;
use miette::{MietteDiagnostic, Report};

use super::Arguments;

/// What values come from, by the place where they would stand: the longest that fits.
type Origins = &'static [(&'static str, &'static str)];

const OPTIONS: Origins = &[
    ("providers[0].issuer", "the issuer"),
    ("providers[0].name", "--name"),
    ("providers[0].client_id", "--client-id"),
    ("providers[0].audience", "--audience"),
    ("providers[0].tenants", "--tenant"),
    ("public_url", "--public-url"),
    ("session.keys", "--session-key-env"),
    ("rules[0].require", "--domain"),
];

const OAUTH2_PROXY: Origins = &[
    ("providers[0].issuer", "oidc_issuer_url"),
    ("providers[0].name", "provider"),
    ("providers[0].display_name", "provider_display_name"),
    ("providers[0].client_id", "client_id"),
    ("providers[0].audience", "oidc_extra_audiences"),
    ("providers[0].tenants", "entra_id_allowed_tenants"),
    ("providers[0].scope", "scope"),
    ("providers[0].authorization_parameters", "prompt"),
    ("providers[0].resource", "resource"),
    ("providers[0].metadata.authorization_endpoint", "login_url"),
    ("providers[0].metadata.token_endpoint", "redeem_url"),
    ("providers[0].metadata.jwks_uri", "oidc_jwks_url"),
    ("providers[0].metadata.userinfo_endpoint", "profile_url"),
    ("providers", "extra_jwt_issuers"),
    ("public_url", "redirect_url"),
    ("base_path", "proxy_prefix or redirect_url"),
    ("session.cookie", "cookie_name"),
    ("session.domain", "cookie_domains"),
    ("session.same_site", "cookie_samesite"),
    ("session.secure", "cookie_secure"),
    ("session.idle_timeout", "cookie_expire"),
    ("session.absolute_timeout", "cookie_expire"),
    ("rules", "skip_auth_routes, or who is admitted"),
    ("headers", "oidc_email_claim or oidc_groups_claim"),
];

const ENVOY: Origins = &[
    ("providers[0].client_id", "credentials.client_id"),
    ("providers[0].scope", "auth_scopes"),
    ("providers[0].resource", "resources"),
    ("providers", "providers of jwt_authn"),
    ("public_url", "redirect_uri"),
    ("base_path", "redirect_uri"),
    ("rules", "rules of jwt_authn or pass_through_matcher"),
    ("headers", "claim_to_headers or forward_payload_header"),
];

/// Shows what is wrong with the values, each by where it was said.
pub fn show(arguments: &Arguments, findings: &[Finding]) {
    for finding in findings {
        let message = format!("{}: {}", origin(arguments, &finding.path), finding.message);
        let shown = MietteDiagnostic::new(message);
        let shown = match &finding.hint {
            Some(hint) => shown.with_help(format!("did you mean `{hint}`?")),
            None => shown,
        };
        eprintln!("{:?}", Report::new(shown));
    }
}

/// An option where one was given, otherwise the setting of the other program, otherwise the place itself.
fn origin(arguments: &Arguments, path: &str) -> String {
    let of = |origins: Origins| {
        let fitting = origins.iter().filter(|(place, _)| path.starts_with(place));
        fitting.max_by_key(|(place, _)| place.len()).map(|(_, origin)| *origin)
    };
    let is_given = |option: &str| match option {
        "the issuer" => arguments.issuer.is_some(),
        "--name" => arguments.name.is_some(),
        "--client-id" => arguments.client_id.is_some(),
        "--audience" => !arguments.audience.is_empty(),
        "--tenant" => !arguments.tenants.is_empty(),
        "--public-url" => arguments.public_url.is_some(),
        "--session-key-env" => arguments.session_key_env.is_some(),
        "--domain" => arguments.domain.is_some(),
        _ => false,
    };
    if let Some(option) = of(OPTIONS).filter(|option| is_given(option)) {
        return option.to_owned();
    }
    let (file, setting) = match (&arguments.from, &arguments.from_envoy) {
        (Some(file), _) => (file, of(OAUTH2_PROXY)),
        (None, Some(file)) => (file, of(ENVOY)),
        (None, None) => return path.to_owned(),
    };
    setting.map_or_else(|| path.to_owned(), |setting| format!("{}: {setting}", file.display()))
}
