//! From Envoy's `oauth2`: where people sign in, and what is let through without.

use latchkey_explain::document::Tree;

use super::pattern::Pattern;
use super::rules::{self, Rule};
use super::{Given, as_before, boolean, field, list, same, text};
use crate::init::draft::{Draft, Line, texts, variable};
use crate::migrate::{NOTHING, change};

/// The client's identifier.
pub fn client_id(config: &Tree) -> Option<&str> {
    text(field(config, "credentials")?, "client_id")
}

/// The cluster that leads to the provider.
pub fn cluster(config: &Tree) -> Option<&str> {
    text(field(config, "token_endpoint")?, "cluster")
}

/// The provider where people sign in.
pub fn provider(config: &Tree, issuer: &str, name: &str, secret: &str, changes: &mut Vec<String>) -> Vec<Line> {
    let mut lines =
        vec![Line::member("name", name), Line::explained("issuer", issuer, "exactly as the provider writes it")];
    let named = cluster(config);
    let cluster = named.map_or_else(|| format!("{name}-idp"), str::to_owned);
    lines.push(Line::explained("cluster", cluster.as_str(), as_before(named.is_some())));
    lines.push(Line::member("client_id", client_id(config).unwrap_or_default()));
    if text(config, "auth_type") == Some("TLS_CLIENT_AUTH") {
        lines.push(Line::member("token_endpoint_auth_method", "tls_client_auth"));
    } else {
        lines.push(Line::explained("client_secret", variable(secret), "read from the environment"));
        changes.push(change(
            "credentials.token_secret",
            format!("is read from the variable {secret}: put its value there"),
        ));
        if text(config, "auth_type").is_none_or(|method| method == "URL_ENCODED_BODY") {
            lines.push(Line::member("token_endpoint_auth_method", "client_secret_post"));
        }
    }
    let mut scope = list(config, "auth_scopes");
    if !scope.contains(&"openid") {
        scope.insert(0, "openid");
        changes.push(change("auth_scopes", "openid is added: people are known by an ID token, which is verified"));
    }
    lines.push(Line::member("scope", scope.join(" ").as_str()));
    let resources = list(config, "resources");
    if !resources.is_empty() {
        lines.push(Line::member("resource", texts(resources)));
    }
    changes
        .push(change("authorization_endpoint", "follows from the issuer's discovery document, as token_endpoint does"));
    lines
}

/// `redirect_uri` may be made of the request's own host.
pub fn addresses(config: &Tree, given: &Given<'_>, draft: &mut Draft, changes: &mut Vec<String>) {
    let redirect = text(config, "redirect_uri").unwrap_or_default();
    let rest = redirect.split_once("://").map_or(redirect, |(_, rest)| rest);
    let (host, path) = rest.split_once('/').map_or((rest, ""), |(host, path)| (host, path));
    let is_fixed = !redirect.contains('%') && redirect.starts_with("http");
    let origin =
        redirect.strip_suffix(path).filter(|_| is_fixed && !host.is_empty()).map(|origin| origin.trim_end_matches('/'));
    if let Some(url) = given.public_url.or(origin) {
        draft.top.push(Line::explained("public_url", url, "where browsers find the application"));
    }
    let path = format!("/{path}");
    match path.strip_suffix("/callback") {
        Some("") | None => changes.push(change(
            "redirect_uri",
            format!("the path {path} becomes /oauth2/callback: register it at the provider"),
        )),
        Some("/oauth2") => {}
        Some(base) => draft.top.push(Line::member("base_path", base)),
    }
    changes.push(change("signout_path", "/oauth2/logout below base_path, which ends the session at the provider, too"));
}

/// What is not carried over, and what nobody knows.
pub fn say_the_rest(config: &Tree, changes: &mut Vec<String>) {
    const NOTES: &[(&str, &str)] = &[
        ("deny_redirect_matcher", "not needed: what is no navigation (scripts, fetch) gets 401 anyway"),
        (
            "use_refresh_token",
            "tokens are renewed when something uses them; to follow the provider's session: session.refresh_before",
        ),
        ("default_expires_in", "not needed: an access token without a lifetime is renewed when it is refused"),
        ("default_refresh_token_expires_in", "not needed: sessions end by session.idle_timeout and absolute_timeout"),
        (
            "preserve_authorization_header",
            "a header of the client's own is passed on, unless `headers` has authorization",
        ),
        ("disable_id_token_set_cookie", "not needed: no token is in a cookie of its own"),
        ("disable_access_token_set_cookie", "not needed: no token is in a cookie of its own"),
        ("disable_refresh_token_set_cookie", "not needed: no token is in a cookie of its own"),
        ("disable_token_encryption", "not needed: everything in cookies is sealed"),
        ("cookie_configs", "session.same_site, session.domain and session.partitioned hold for the one cookie"),
        ("retry_policy", "the clusters' own: a request to the provider is not repeated by the filter"),
        ("end_session_endpoint", "follows from the issuer's discovery document"),
        ("stat_prefix", "not needed"),
        ("csrf_token_expires_in", "not needed: a login may take 15 minutes"),
        ("code_verifier_token_expires_in", "not needed: a login may take 15 minutes"),
    ];
    for (name, note) in NOTES {
        if field(config, name).is_some() {
            changes.push(change(name, note));
        }
    }
    const KNOWN: [&str; 14] = [
        "token_endpoint",
        "authorization_endpoint",
        "credentials",
        "redirect_uri",
        "redirect_path_matcher",
        "signout_path",
        "forward_bearer_token",
        "pass_through_matcher",
        "auth_scopes",
        "resources",
        "auth_type",
        "cookie_names",
        "cookie_domain",
        "stat_prefix",
    ];
    let is_known = |name: &str| KNOWN.iter().chain(NOTES.iter().map(|(name, _)| name)).any(|known| same(known, name));
    for (name, _) in config.members().iter().filter(|(name, _)| !is_known(name)) {
        changes.push(change(name, "NOT CARRIED OVER: this version of latchkey does not know this field of oauth2"));
    }
}

/// The requests that `pass_through_matcher` lets through, as far as that can be said exactly.
pub fn passed(config: &Tree, changes: &mut Vec<String>) -> Vec<Pattern> {
    let mut passed = Vec::new();
    for matcher in field(config, "pass_through_matcher").map(Tree::items).unwrap_or_default() {
        if let Some(pattern) = Pattern::of_header(matcher) {
            passed.push(pattern);
            continue;
        }
        let name = text(matcher, "name").unwrap_or("?");
        let why = match name {
            ":path" => "the header :path has the query, too: a path alone is match: {path: …}, authentication: none",
            "authorization" => "nobody is let through by a header; for tokens: authentication: any",
            _ => "nobody is let through by a header",
        };
        changes.push(change("pass_through_matcher", format!("{NOTHING}: {name}: {why}")));
    }
    passed
}

/// Whether everything that comes with a token is let through.
pub fn passes_tokens(config: &Tree) -> bool {
    let matchers = field(config, "pass_through_matcher").map(Tree::items).unwrap_or_default();
    matchers.iter().any(|matcher| {
        let string = field(matcher, "string_match");
        let prefix = string.and_then(|string| text(string, "prefix")).or(text(matcher, "prefix_match"));
        text(matcher, "name").is_some_and(|name| name.eq_ignore_ascii_case("authorization"))
            && !boolean(matcher, "invert_match")
            && (prefix.is_some_and(|prefix| "Bearer ".starts_with(prefix)) || boolean(matcher, "present_match"))
    })
}

/// A rule for what is let through, unless `jwt_authn` wanted a token there.
pub fn pass(pattern: &Pattern, verified: &[Rule<'_>], changes: &mut Vec<String>) -> Option<Vec<Line>> {
    if !rules::are_open_to(verified, pattern) {
        let shown = crate::yaml::inline(&pattern.matched);
        changes
            .push(change("pass_through_matcher", format!("{NOTHING}: {shown}: jwt_authn has rules there, which hold")));
        return None;
    }
    let mut lines = Vec::new();
    if !pattern.matched.members().is_empty() {
        lines.push(Line::member("match", pattern.matched.clone()));
    }
    lines.push(Line::explained("authentication", "none", "passed through without a sign-in before"));
    Some(lines)
}
