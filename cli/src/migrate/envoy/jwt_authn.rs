//! From Envoy's `jwt_authn`: its providers, its rules, and the claims that it passes on.

use latchkey_explain::document::Tree;

use super::super::{DENY, NOTHING, change, provider_name, selected};
use super::{as_before, boolean, field, list, same, text};
use crate::init::draft::{Line, texts};
use crate::init::fresh::literal;

/// What stands where `jwt_authn` did not look at the audience.
const NO_AUDIENCE: &str = "SAY-WHOM-TOKENS-MUST-BE-FOR";

/// What `jwt_authn` did.
#[derive(Default)]
pub struct Verified {
    /// Providers that verify access tokens.
    pub providers: Vec<Vec<Line>>,
    /// All of its providers that are known here.
    pub known: Vec<Known>,
    /// Headers with claims.
    pub headers: Vec<Line>,
    /// The issuer of tokens that came from cookies of the filter `oauth2`: the one where people sign in.
    pub issuer_of_sessions: Option<String>,
}

/// A provider by its name in Envoy, and what it is here.
pub struct Known {
    /// Its name in Envoy.
    pub envoy_name: String,
    /// Its name here.
    pub name: String,
    /// Whether its tokens are those of the filter `oauth2`.
    pub is_session: bool,
    /// Whom its tokens must be for.
    pub audiences: Vec<String>,
    /// What else is required of them: `subjects`, `max_lifetime`.
    conditions: Vec<String>,
}

impl Known {
    /// What is required of its identities: in a rule for it alone, or for several.
    pub fn condition(&self, is_alone: bool) -> Option<String> {
        let all = self.conditions.join(" && ");
        match (all.is_empty(), is_alone) {
            (true, _) => None,
            (false, true) => Some(all),
            (false, false) => Some(format!("(provider != {} || {all})", literal(&self.name))),
        }
    }
}

/// Reads the filter. `sessions`: the cluster of the filter `oauth2` before it, whose cookies and tokens it may verify.
pub fn read(filter: &Tree, sessions: Option<&str>, changes: &mut Vec<String>) -> Verified {
    let mut verified = Verified::default();
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
        let audiences = list(provider, "audiences").into_iter().map(str::to_owned).collect();
        let conditions = conditions(provider, envoy_name, changes);
        verified.known.push(Known { envoy_name: envoy_name.clone(), name, is_session, audiences, conditions });
    }
    changes.push(change(
        "rules",
        if sessions.is_some() {
            "what no rule matched went through with a session only, and does"
        } else {
            "what no rule matched went through unverified; here nobody comes through"
        },
    ));
    const NOTES: &[(&str, &str)] = &[
        (
            "filter_state_rules",
            "NOT CARRIED OVER: rules are chosen by the request, not by another filter; what no rule matches is refused",
        ),
        ("strip_failure_response", "not needed: an answer has a reason code, and nothing of the token"),
    ];
    if boolean(filter, "bypass_cors_preflight") {
        let becomes = if sessions.is_some() {
            "not needed: oauth2 wanted a session of preflight requests, too"
        } else {
            "a rule with match: {methods: [OPTIONS]} and authentication: none"
        };
        changes.push(change("bypass_cors_preflight", becomes));
    }
    for (name, note) in NOTES {
        if field(filter, name).is_some() {
            changes.push(change(name, note));
        }
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
    lines.push(Line::explained("cluster", cluster.as_str(), as_before(remote.is_some())));
    match remote.and_then(|uri| text(uri, "uri")) {
        Some(uri) => lines.push(Line::member("metadata", Tree::Mapping(vec![("jwks_uri".to_owned(), uri.into())]))),
        None => changes.push(change(
            "local_jwks",
            format!("NOT CARRIED OVER: the keys of {envoy_name} are fetched from its issuer, and renewed"),
        )),
    }
    let audiences = list(provider, "audiences");
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
    const KNOWN: [&str; 11] = [
        "issuer",
        "audiences",
        "remote_jwks",
        "local_jwks",
        "clock_skew_seconds",
        "forward",
        "from_headers",
        "claim_to_headers",
        "forward_payload_header",
        "max_lifetime",
        "subjects",
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

/// What is required of a provider's tokens besides their audience. What cannot be said, no token fulfils.
fn conditions(provider: &Tree, envoy_name: &str, changes: &mut Vec<String>) -> Vec<String> {
    let mut conditions = Vec::new();
    if let Some(subjects) = field(provider, "subjects") {
        let condition = match subjects.members() {
            [(kind, Tree::Text(text))] if same("exact", kind) => Some(format!("claims.sub == {}", literal(text))),
            [(kind, Tree::Text(text))] if same("prefix", kind) => {
                Some(format!("claims.sub.startsWith({})", literal(text)))
            }
            [(kind, Tree::Text(text))] if same("suffix", kind) => {
                Some(format!("claims.sub.endsWith({})", literal(text)))
            }
            [(kind, Tree::Text(text))] if same("contains", kind) => {
                Some(format!("claims.sub.contains({})", literal(text)))
            }
            _ => None,
        };
        let said = condition.as_ref().map_or_else(
            || format!("{NOTHING}: the subjects of {envoy_name}: no rule admits its tokens until `require` says whose may come"),
            |condition| format!("require: {condition} in the rules of {envoy_name}"),
        );
        changes.push(change("subjects", said));
        conditions.push(condition.unwrap_or_else(|| DENY.to_owned()));
    }
    if let Some(lifetime) = field(provider, "max_lifetime") {
        let seconds = lifetime.text().and_then(|text| text.strip_suffix('s')?.parse::<u32>().ok());
        let said = match seconds {
            Some(_) => format!("require: counted from `iat`, in the rules of {envoy_name}"),
            None => format!(
                "{NOTHING}: the max_lifetime of {envoy_name}: no rule admits its tokens until `require` says how long"
            ),
        };
        changes.push(change("max_lifetime", said));
        conditions
            .push(seconds.map_or_else(|| DENY.to_owned(), |seconds| format!("claims.exp - claims.iat <= {seconds}")));
    }
    conditions
}

fn headers(provider: &Tree, headers: &mut Vec<Line>, envoy_name: &str, changes: &mut Vec<String>) {
    for claim in field(provider, "claim_to_headers").map(Tree::items).unwrap_or_default() {
        if let (Some(header), Some(claim)) = (text(claim, "header_name"), text(claim, "claim_name")) {
            headers.push(Line::member(&header.to_ascii_lowercase(), selected(claim).as_str()));
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
