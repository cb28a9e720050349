//! From Envoy's `jwt_authn`: its providers, its rules, and the claims that it passes on.

use latchkey_explain::document::Tree;

use super::super::{change, provider_name};
use super::{boolean, field, same, text};
use crate::init::draft::{Line, texts};

/// What stands where `jwt_authn` did not look at the audience.
const NO_AUDIENCE: &str = "SAY-WHOM-TOKENS-MUST-BE-FOR";

/// What `jwt_authn` did.
#[derive(Default)]
pub struct Verified {
    /// Providers that verify access tokens.
    pub providers: Vec<Vec<Line>>,
    /// Its rules.
    pub rules: Vec<Vec<Line>>,
    /// Headers with claims.
    pub headers: Vec<Line>,
    /// The issuer of tokens that came from cookies of the filter `oauth2`: the one where people sign in.
    pub issuer_of_sessions: Option<String>,
}

/// A provider by its name in Envoy, and what it is here.
struct Known {
    envoy_name: String,
    name: String,
    is_session: bool,
}

/// Reads the filter. `sessions`: the cluster of the filter `oauth2` before it, whose cookies and tokens it may verify.
pub fn read(filter: &Tree, sessions: Option<&str>, changes: &mut Vec<String>) -> Verified {
    let mut verified = Verified::default();
    let mut known = Vec::new();
    for (envoy_name, provider) in field(filter, "providers").map(Tree::members).unwrap_or_default() {
        let keys = field(provider, "remote_jwks").and_then(|remote| field(remote, "http_uri"));
        let cluster = keys.and_then(|uri| text(uri, "cluster"));
        let is_session = sessions.is_some() && (field(provider, "from_cookies").is_some() || cluster == sessions);
        let name = provider_name(envoy_name);
        headers(provider, &mut verified.headers, envoy_name, changes);
        if is_session {
            verified.issuer_of_sessions = text(provider, "issuer").map(str::to_owned);
            changes.push(change(envoy_name, "not needed: the ID token of a login is verified by the filter itself"));
        } else if let Some(lines) = of_tokens(provider, envoy_name, &name, changes) {
            verified.providers.push(lines);
        } else {
            continue;
        }
        known.push(Known { envoy_name: envoy_name.clone(), name, is_session });
    }
    let requirements = field(filter, "requirement_map");
    for rule in field(filter, "rules").map(Tree::items).unwrap_or_default() {
        verified.rules.extend(of_rule(rule, requirements, &known, changes));
    }
    changes.push(change("rules", "what no rule matched went through unverified; here it needs a session"));
    const NOTES: &[(&str, &str)] = &[
        ("filter_state_rules", "NOT CARRIED OVER: rules are chosen by the request, not by another filter"),
        ("bypass_cors_preflight", "a rule with match: {methods: [OPTIONS]} and authentication: none"),
        ("strip_failure_response", "not needed: an answer has a reason code, and nothing of the token"),
    ];
    for (name, note) in NOTES {
        if field(filter, name).is_some() {
            changes.push(change(name, note));
        }
    }
    if boolean(filter, "bypass_cors_preflight") {
        let preflight = Tree::Mapping(vec![("methods".to_owned(), texts(["OPTIONS"]))]);
        verified.rules.insert(0, vec![Line::member("match", preflight), Line::member("authentication", "none")]);
    }
    verified
}

fn of_tokens(provider: &Tree, envoy_name: &str, name: &str, changes: &mut Vec<String>) -> Option<Vec<Line>> {
    let Some(issuer) =
        text(provider, "issuer").filter(|issuer| issuer.starts_with("https://") || issuer.starts_with("http://"))
    else {
        changes.push(change(
            envoy_name,
            "NOT CARRIED OVER: its issuer is no URL; whose token it is must be said by `iss`",
        ));
        return None;
    };
    let remote = field(provider, "remote_jwks").and_then(|remote| field(remote, "http_uri"));
    let mut lines = vec![Line::member("name", name), Line::member("issuer", issuer)];
    let cluster = remote.and_then(|uri| text(uri, "cluster")).map_or_else(|| format!("{name}-idp"), str::to_owned);
    lines.push(Line::explained("cluster", cluster.as_str(), "as before"));
    match remote.and_then(|uri| text(uri, "uri")) {
        Some(uri) => lines.push(Line::member("metadata", Tree::Mapping(vec![("jwks_uri".to_owned(), uri.into())]))),
        None => changes.push(change(
            "local_jwks",
            format!("NOT CARRIED OVER: the keys of {envoy_name} are fetched from its issuer, and renewed"),
        )),
    }
    let audiences: Vec<&str> =
        field(provider, "audiences").map(Tree::items).unwrap_or_default().iter().filter_map(Tree::text).collect();
    if audiences.is_empty() {
        lines.push(Line::explained("audience", texts([NO_AUDIENCE]), "until this is right, no token is accepted"));
        changes.push(change(
            "audiences",
            format!("{envoy_name} took tokens that were for anybody; here `audience` must say for whom"),
        ));
    } else {
        lines.push(Line::member("audience", texts(audiences)));
    }
    if let Some(Tree::Number(skew)) = field(provider, "clock_skew_seconds") {
        lines.push(Line::member("clock_skew", format!("{skew}s").as_str()));
    }
    const NOTES: &[(&str, &str)] = &[
        ("from_params", "NOT CARRIED OVER: tokens in addresses end up in logs (RFC 9700 §4.3.2)"),
        ("from_cookies", "NOT CARRIED OVER: access tokens come in the Authorization header"),
        ("subjects", "write it as require: claims.sub.startsWith(\"…\")"),
        ("max_lifetime", "write it as require: claims.exp - claims.iat <= 3600"),
        ("require_expiration", "not needed: `exp` is always required"),
        ("payload_in_metadata", "NOT CARRIED OVER: other filters see the headers"),
        ("header_in_metadata", "NOT CARRIED OVER: other filters see the headers"),
        ("failed_status_in_metadata", "the reason code is in the filter state wasm.latchkey.reason"),
        ("jwt_cache_config", "not needed: verified tokens are always remembered"),
        ("clear_route_cache", "NOT CARRIED OVER: routes are not chosen anew"),
    ];
    for (field_name, note) in NOTES {
        if field(provider, field_name).is_some() {
            changes.push(change(field_name, note));
        }
    }
    let elsewhere =
        |header: &Tree| text(header, "name").is_some_and(|name| !name.eq_ignore_ascii_case("authorization"));
    if field(provider, "from_headers").map(Tree::items).unwrap_or_default().iter().any(elsewhere) {
        changes.push(change(
            "from_headers",
            "NOT CARRIED OVER: access tokens come in the Authorization header (RFC 6750)",
        ));
    }
    if !boolean(provider, "forward") {
        changes.push(change(
            "forward",
            "the application sees the token that was presented, unless `headers` has authorization",
        ));
    }
    const KNOWN: [&str; 9] = [
        "issuer",
        "audiences",
        "remote_jwks",
        "local_jwks",
        "clock_skew_seconds",
        "forward",
        "from_headers",
        "claim_to_headers",
        "forward_payload_header",
    ];
    const KNOWN_ALONG: [&str; 2] = ["pad_forward_payload_header", "normalize_payload_in_metadata"];
    let is_known = |name: &str| {
        KNOWN.iter().chain(&KNOWN_ALONG).chain(NOTES.iter().map(|(name, _)| name)).any(|known| same(known, name))
    };
    for (member, _) in provider.members().iter().filter(|(name, _)| !is_known(name)) {
        changes
            .push(change(member, "NOT CARRIED OVER: this version of latchkey does not know this field of jwt_authn"));
    }
    Some(lines)
}

fn headers(provider: &Tree, headers: &mut Vec<Line>, envoy_name: &str, changes: &mut Vec<String>) {
    for claim in field(provider, "claim_to_headers").map(Tree::items).unwrap_or_default() {
        if let (Some(header), Some(claim)) = (text(claim, "header_name"), text(claim, "claim_name")) {
            headers.push(Line::member(&header.to_ascii_lowercase(), format!("claims.{claim}").as_str()));
        }
    }
    if let Some(header) = text(provider, "forward_payload_header") {
        headers.push(Line::member(&header.to_ascii_lowercase(), "base64url(json(claims))"));
        changes.push(change(
            "forward_payload_header",
            format!("headers.{header} for every provider, not for {envoy_name} only; without padding"),
        ));
    }
}

/// What a requirement asks for.
#[derive(Default)]
struct Asked<'t> {
    providers: Vec<&'t str>,
    audiences: Vec<&'t str>,
    may_be_missing: bool,
    cannot: Option<&'static str>,
}

fn of_rule(rule: &Tree, requirements: Option<&Tree>, known: &[Known], changes: &mut Vec<String>) -> Option<Vec<Line>> {
    let matched = field(rule, "match")?;
    let Some(pattern) = pattern(matched, changes) else {
        changes.push(change(
            "rules",
            "NOT CARRIED OVER: a rule whose `match` is neither prefix, path nor regex; what it matched needs a session",
        ));
        return None;
    };
    let mut lines = Vec::new();
    if !pattern.members().is_empty() {
        lines.push(Line::member("match", pattern));
    }
    let named = text(rule, "requirement_name").and_then(|name| requirements.and_then(|map| map.member(name)));
    let Some(requirement) = field(rule, "requires").or(named).filter(|requirement| !requirement.members().is_empty())
    else {
        lines.push(Line::explained("authentication", "none", "nothing was required before"));
        return Some(lines);
    };
    let mut asked = Asked::default();
    collect(requirement, &mut asked);
    if let Some(cannot) = asked.cannot {
        changes.push(change("requires", format!("NOT CARRIED OVER: {cannot}; what the rule matched needs a session")));
        return None;
    }
    let of = |name: &&str| known.iter().find(|known| known.envoy_name == **name);
    let here: Vec<&Known> = asked.providers.iter().filter_map(of).collect();
    let (sessions, tokens): (Vec<&Known>, Vec<&Known>) = here.into_iter().partition(|known| known.is_session);
    let authentication = match (asked.may_be_missing, sessions.is_empty(), tokens.is_empty()) {
        (true, ..) => "optional",
        (false, true, false) => "bearer",
        (false, false, false) => "any",
        (false, _, true) => "session",
    };
    lines.push(Line::member("authentication", authentication));
    if authentication == "bearer" && !tokens.is_empty() {
        lines.push(Line::member("providers", texts(tokens.iter().map(|known| known.name.as_str()))));
    }
    if !asked.audiences.is_empty() && authentication != "session" {
        lines.push(Line::member("audience", texts(asked.audiences)));
    }
    Some(lines)
}

fn pattern(matched: &Tree, changes: &mut Vec<String>) -> Option<Tree> {
    let mut members = Vec::new();
    if let Some(prefix) = text(matched, "prefix").or(text(matched, "path_separated_prefix")) {
        let path = prefix.trim_end_matches('/');
        if !path.is_empty() {
            members.push(("path_prefix".to_owned(), path.into()));
            if field(matched, "prefix").is_some() && !prefix.ends_with('/') {
                changes.push(change(
                    "match.prefix",
                    format!("{prefix} matches whole segments: {prefix} and {prefix}/…, no longer {prefix}x"),
                ));
            }
        }
    } else if let Some(path) = text(matched, "path") {
        members.push(("path".to_owned(), path.into()));
    } else if let Some(regex) = field(matched, "safe_regex").and_then(|regex| text(regex, "regex")) {
        members.push(("path_regex".to_owned(), regex.into()));
    } else {
        return None;
    }
    for header in field(matched, "headers").map(Tree::items).unwrap_or_default() {
        let string = field(header, "string_match");
        let exact = string.and_then(|string| text(string, "exact")).or(text(header, "exact_match"));
        match (text(header, "name"), exact) {
            (Some(":method"), Some(method)) => members.push(("methods".to_owned(), texts([method]))),
            (Some(":authority" | "host"), Some(host)) => members.push(("host".to_owned(), host.into())),
            _ => return None,
        }
    }
    let has_parameters = field(matched, "query_parameters").is_some() || field(matched, "grpc").is_some();
    (!has_parameters).then_some(Tree::Mapping(members))
}

fn collect<'t>(requirement: &'t Tree, asked: &mut Asked<'t>) {
    if let Some(name) = text(requirement, "provider_name") {
        asked.providers.push(name);
    }
    if let Some(both) = field(requirement, "provider_and_audiences") {
        asked.providers.extend(text(both, "provider_name"));
        asked
            .audiences
            .extend(field(both, "audiences").map(Tree::items).unwrap_or_default().iter().filter_map(Tree::text));
    }
    if let Some(any) = field(requirement, "requires_any") {
        for one in field(any, "requirements").map(Tree::items).unwrap_or_default() {
            collect(one, asked);
        }
    }
    if field(requirement, "requires_all").is_some() {
        asked.cannot = Some("requires_all: a request has one token");
    }
    if field(requirement, "allow_missing").is_some() || field(requirement, "allow_missing_or_failed").is_some() {
        asked.may_be_missing = true;
    }
}
