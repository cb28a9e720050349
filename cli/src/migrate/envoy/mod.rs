//! From Envoy's own filters: `oauth2`, which signs people in, and `jwt_authn`, which verifies tokens.

mod jwt_authn;

use latchkey_explain::document::Tree;

use super::{Given, Migration, MigrationError, change, provider_name};
use crate::init::draft::{Draft, Line, texts, variable};
use crate::init::fresh::{intro, secret_variable, session};
use jwt_authn::Verified;

const OAUTH2: &str = "envoy.extensions.filters.http.oauth2.v3.OAuth2";
const JWT: &str = "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication";

/// The filters as a configuration of Latchkey.
pub fn migrate(file: &str, tree: &Tree, given: &Given<'_>) -> Result<Migration, MigrationError> {
    let signs_in = typed(tree, OAUTH2).and_then(|filter| filter.member("config"));
    let verifies = typed(tree, JWT);
    if signs_in.is_none() && verifies.is_none() {
        return Err(MigrationError::NoFilter { name: file.to_owned() });
    }
    let mut changes = Vec::new();
    let mut secrets = Vec::new();
    let mut of_sessions = None;
    let mut draft = Draft { intro: intro(&format!("what Envoy's own filters in {file} did")), ..Draft::default() };
    let jwt = verifies
        .map(|filter| jwt_authn::read(filter, signs_in.map(|config| cluster(config).unwrap_or_default()), &mut changes))
        .unwrap_or_default();
    if let Some(config) = signs_in {
        let issuer = given.issuer.map(str::to_owned).or_else(|| jwt.issuer_of_sessions.clone());
        let issuer = issuer.ok_or_else(|| MigrationError::NoIssuer { name: file.to_owned() })?;
        let name = given.name.map_or_else(|| provider_name(cluster(config).unwrap_or("idp")), str::to_owned);
        let secret = secret_variable(&name);
        draft.providers.push(provider(config, &issuer, &name, &secret, &mut changes));
        of_sessions = Some(issuer);
        addresses(config, given, &mut draft, &mut changes);
        draft.session = session(given.session_key.clone());
        draft.rules.extend(passes_through(config, &mut changes));
        if boolean(config, "forward_bearer_token") {
            draft.headers.push(Line::member("authorization", "\"Bearer \" + access_token"));
            changes
                .push(change("forward_bearer_token", "headers.authorization: the access token, and no cookie with it"));
        }
        say_the_rest(config, &mut changes);
        changes.push(change("cookies of oauth2", "one sealed cookie; everybody signs in once more"));
        secrets.push(secret);
    } else if let Some(url) = given.public_url {
        draft.top.push(Line::member("public_url", url));
    }
    let Verified { providers, rules, headers, .. } = jwt;
    draft.providers.extend(providers);
    draft.rules.extend(rules);
    for header in headers {
        let is_known =
            |line: &Line| matches!((line, &header), (Line::Member(known, ..), Line::Member(name, ..)) if known == name);
        if !draft.headers.iter().any(is_known) {
            draft.headers.push(header);
        }
    }
    Ok(Migration { draft, issuer: of_sessions, changes, warnings: Vec::new(), secrets })
}

/// The first `typed_config` of this type, wherever it stands.
fn typed<'t>(tree: &'t Tree, kind: &str) -> Option<&'t Tree> {
    if tree.member("@type").and_then(Tree::text).is_some_and(|text| text.ends_with(kind)) {
        return Some(tree);
    }
    let members = tree.members().iter().find_map(|(_, value)| typed(value, kind));
    members.or_else(|| tree.items().iter().find_map(|item| typed(item, kind)))
}

/// A member, in the spelling of the prototype or of JSON.
pub fn field<'t>(tree: &'t Tree, name: &str) -> Option<&'t Tree> {
    tree.member(name).or_else(|| {
        let mut words = name.split('_');
        let first = words.next().unwrap_or_default().to_owned();
        let capital =
            |word: &str| word.get(..1).unwrap_or_default().to_ascii_uppercase() + word.get(1..).unwrap_or_default();
        tree.member(&words.fold(first, |name, word| name + &capital(word)))
    })
}

/// The text of a member.
pub fn text<'t>(tree: &'t Tree, name: &str) -> Option<&'t str> {
    field(tree, name).and_then(Tree::text).filter(|text| !text.is_empty())
}

/// Whether a member is true, also in a wrapper.
pub fn boolean(tree: &Tree, name: &str) -> bool {
    field(tree, name) == Some(&Tree::Boolean(true))
}

fn list<'t>(tree: &'t Tree, name: &str) -> Vec<&'t str> {
    field(tree, name).map(Tree::items).unwrap_or_default().iter().filter_map(Tree::text).collect()
}

fn cluster(config: &Tree) -> Option<&str> {
    text(field(config, "token_endpoint")?, "cluster")
}

fn provider(config: &Tree, issuer: &str, name: &str, secret: &str, changes: &mut Vec<String>) -> Vec<Line> {
    let credentials = field(config, "credentials");
    let mut lines =
        vec![Line::member("name", name), Line::explained("issuer", issuer, "exactly as the provider writes it")];
    let cluster = cluster(config).map_or_else(|| format!("{name}-idp"), str::to_owned);
    lines.push(Line::explained("cluster", cluster.as_str(), "as before"));
    lines.push(Line::member(
        "client_id",
        credentials.and_then(|credentials| text(credentials, "client_id")).unwrap_or("latchkey"),
    ));
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
fn addresses(config: &Tree, given: &Given<'_>, draft: &mut Draft, changes: &mut Vec<String>) {
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

/// `pass_through_matcher`: requests that `oauth2` lets through.
fn passes_through(config: &Tree, changes: &mut Vec<String>) -> Vec<Vec<Line>> {
    let mut rules = Vec::new();
    for matcher in field(config, "pass_through_matcher").map(Tree::items).unwrap_or_default() {
        let string = field(matcher, "string_match");
        let exact = string.and_then(|string| text(string, "exact")).or(text(matcher, "exact_match"));
        let prefix = string.and_then(|string| text(string, "prefix")).or(text(matcher, "prefix_match"));
        let is_inverted = boolean(matcher, "invert_match");
        let found = match (text(matcher, "name"), exact, prefix, is_inverted) {
            (Some(":path"), Some(path), _, false) => Some(("path", Tree::from(path))),
            (Some(":path"), _, Some(path), false) if path.len() > 1 => {
                Some(("path_prefix", path.trim_end_matches('/').into()))
            }
            (Some(":method"), Some(method), _, false) => Some(("methods", texts([method]))),
            _ => None,
        };
        match found {
            Some((key, value)) => {
                rules.push(vec![
                    Line::member("match", Tree::Mapping(vec![(key.to_owned(), value)])),
                    Line::explained("authentication", "none", "passed through without a sign-in before"),
                ]);
            }
            None => {
                let name = text(matcher, "name").unwrap_or("?");
                changes.push(change(
                    "pass_through_matcher",
                    format!(
                        "NOT CARRIED OVER: nobody is let through by the header {name}; for tokens: authentication: any"
                    ),
                ));
            }
        }
    }
    rules
}

fn say_the_rest(config: &Tree, changes: &mut Vec<String>) {
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

/// Whether two spellings are of one field.
pub fn same(known: &str, name: &str) -> bool {
    known
        .bytes()
        .filter(|byte| *byte != b'_')
        .map(|byte| byte.to_ascii_lowercase())
        .eq(name.bytes().filter(|byte| *byte != b'_').map(|byte| byte.to_ascii_lowercase()))
}
