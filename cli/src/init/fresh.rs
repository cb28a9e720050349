//! A configuration for a provider and nothing else known: what most people need, the rest as comments.

use latchkey_explain::document::Tree;

use super::Arguments;
use super::draft::{Draft, Line, texts, variable};
use super::provider::{ClientAuthentication, Found};
use crate::endpoints::Address;

/// What stands where only the operator knows better.
const EXAMPLE_AUDIENCE: &str = "https://api.example.org";
const EXAMPLE_CLIENT_ID: &str = "latchkey";

/// The draft, and the variable that the client's secret comes from.
pub fn draft(arguments: &Arguments, found: &Found, domain: Option<&str>, session_key: Tree) -> (Draft, Option<String>) {
    let kind = found.kind;
    let name = arguments.name.clone().unwrap_or_else(|| kind.id.to_owned());
    let secret = secret(arguments, found, &name);
    let mut draft = Draft { intro: intro(kind.name), ..Draft::default() };
    draft.providers.push(provider(arguments, found, &name, domain, secret.as_deref()));
    match &arguments.public_url {
        Some(url) => draft.top.push(Line::explained("public_url", url.as_str(), "where browsers find the application")),
        None => draft.top.push(Line::remark(
            "public_url: https://portal.example.org   # default: the request's own scheme and host",
        )),
    }
    if found.signs_in {
        draft.session = session(session_key);
    }
    let condition = match (domain, kind.id) {
        _ if !found.signs_in => Some(kind.condition.to_owned()),
        (Some(domain), "google") => Some(format!("claims.hd == {}", literal(domain))),
        // An address that nobody verified is whatever somebody typed.
        (Some(domain), _) => {
            let end = literal(&format!("@{domain}"));
            Some(format!("claims.email_verified == true && claims.email.lowerAscii().endsWith({end})"))
        }
        (None, _) => None,
    };
    let authentication = if found.signs_in { "session" } else { "bearer" };
    if let Some(condition) = condition {
        draft.rules.push(vec![
            Line::member("authentication", authentication),
            Line::explained("require", condition.as_str(), "CEL; what cannot be evaluated denies"),
        ]);
    }
    if found.signs_in {
        draft.rules_remarks = rules_remarks(kind.condition, draft.rules.is_empty());
    }
    draft.headers = headers(found);
    (draft, secret)
}

/// The name of a variable for a provider's client secret.
pub fn secret_variable(name: &str) -> String {
    format!("{}_CLIENT_SECRET", name.to_ascii_uppercase().replace('-', "_"))
}

/// The head of every file.
pub fn intro(what: &str) -> Vec<String> {
    vec![
        format!("Latchkey in front of an application, for {what}. Written by `latchkey init`."),
        "`latchkey check FILE` says whether the filter takes it, `latchkey explain FILE --request …` what it would do,".to_owned(),
        "`latchkey render envoy|istio|envoy-gateway FILE` writes what to deploy. docs/src/generated/configuration.md has all keys.".to_owned(),
    ]
}

/// How sessions are kept.
pub fn session(key: Tree) -> Vec<Line> {
    let note = match &key {
        Tree::Text(_) => "secret; to keep it out of this file: {env: LATCHKEY_SESSION_KEY}",
        _ => "32 random bytes in base64, the same for every replica",
    };
    vec![
        Line::explained("keys", Tree::List(vec![key]), note),
        Line::explained("idle_timeout", "30m", "without a request for this long a session ends"),
        Line::explained("absolute_timeout", "8h", "counted from the login"),
    ]
}

/// The variable with what the client proves itself by, if that is something secret.
fn secret(arguments: &Arguments, found: &Found, name: &str) -> Option<String> {
    match found.authentication {
        _ if !found.signs_in || arguments.public_client => None,
        ClientAuthentication::Basic | ClientAuthentication::Post => Some(secret_variable(name)),
        ClientAuthentication::Key => Some(secret_variable(name).replace("_CLIENT_SECRET", "_CLIENT_KEY")),
        ClientAuthentication::Certificate | ClientAuthentication::Public => None,
    }
}

/// How the client proves itself.
fn authentication(arguments: &Arguments, found: &Found, secret: Option<&str>) -> Vec<Line> {
    let way = if arguments.public_client { ClientAuthentication::Public } else { found.authentication };
    let method = |comment: &str| Line::explained("token_endpoint_auth_method", way.name(), comment);
    let variable = variable(secret.unwrap_or_default());
    match way {
        ClientAuthentication::Basic => vec![Line::explained("client_secret", variable, "read from the environment")],
        ClientAuthentication::Post => {
            let usual = if found.kind.registers_post {
                "as applications are registered, unless you choose otherwise"
            } else {
                ""
            };
            vec![Line::explained("client_secret", variable, "read from the environment"), method(usual)]
        }
        ClientAuthentication::Key => vec![
            Line::explained("client_key", variable, "`latchkey keygen --client-key` makes one"),
            method("register the public key at the provider"),
        ],
        ClientAuthentication::Certificate => vec![method("the certificate is the cluster's")],
        ClientAuthentication::Public => vec![method("a public client: PKCE alone protects it")],
    }
}

fn provider(arguments: &Arguments, found: &Found, name: &str, domain: Option<&str>, secret: Option<&str>) -> Vec<Line> {
    let mut lines: Vec<Line> = found.kind.notes.iter().map(|note| Line::remark(*note)).collect();
    lines.push(Line::explained("name", name, "appears in logs and where people choose"));
    lines.push(Line::explained("issuer", found.issuer.as_str(), "exactly as the provider writes it"));
    if !found.tenants.is_empty() {
        lines.push(Line::explained(
            "tenants",
            texts(found.tenants.iter().map(String::as_str)),
            "whose tokens are accepted",
        ));
    }
    let cluster = format!("{name}-idp");
    lines.push(Line::explained(
        "cluster",
        cluster.as_str(),
        "the Envoy cluster that leads to the provider; `render` writes it",
    ));
    lines.extend(clusters(found, name));
    if found.signs_in {
        let (client_id, comment) = match client_id(arguments, found) {
            Some(client_id) => (client_id, "as registered at the provider"),
            None => (EXAMPLE_CLIENT_ID.to_owned(), "put here what the provider gave out"),
        };
        lines.push(Line::explained("client_id", client_id.as_str(), comment));
        lines.extend(authentication(arguments, found, secret));
        lines.push(Line::member("scope", found.kind.scope));
        for (key, value, why) in found.kind.keys {
            lines.push(Line::explained(key, parsed(value), *why));
        }
        if let (Some(domain), "google") = (domain, found.kind.id) {
            let hint = Tree::Mapping(vec![("hd".to_owned(), domain.into())]);
            lines.push(Line::explained("authorization_parameters", hint, "Google offers accounts of this domain only"));
        }
    }
    let audience: Vec<&str> = arguments.audience.iter().map(String::as_str).collect();
    match (audience.is_empty(), found.signs_in) {
        (false, _) => lines.push(Line::explained("audience", texts(audience), "access tokens must be for one of these")),
        (true, false) => {
            let audience = arguments.public_url.as_deref().unwrap_or(EXAMPLE_AUDIENCE);
            lines.push(Line::explained("audience", texts([audience]), "whom its tokens must be for"));
        }
        (true, true) => lines.push(Line::remark("audience: [https://api.example.org]   # to accept access tokens, under rules with `authentication: bearer`")),
    }
    lines
}

/// Adds what is known of the first provider's endpoints to a draft that was made without asking.
pub fn add_clusters(draft: &mut Draft, found: &Found) {
    let Some(lines) = draft.providers.first_mut() else { return };
    let name = lines.iter().find_map(|line| match line {
        Line::Member(name, Tree::Text(text), _) if name == "name" => Some(text.clone()),
        _ => None,
    });
    let place = lines.iter().position(|line| matches!(line, Line::Member(name, ..) if name == "cluster"));
    if let (Some(place), Some(line)) = (place, clusters(found, &name.unwrap_or_default())) {
        lines.insert(place.saturating_add(1), line);
    }
}

/// `clusters`, when there are endpoints on other hosts.
fn clusters(found: &Found, name: &str) -> Option<Line> {
    let cluster = |address: &Address| (address.host.clone(), format!("{name}-{}", address.label()).as_str().into());
    let clusters: Vec<(String, Tree)> = found.other_hosts.iter().map(cluster).collect();
    (!clusters.is_empty()).then(|| Line::explained("clusters", Tree::Mapping(clusters), "endpoints on other hosts"))
}

/// The client's identifier, if anything says it.
pub fn client_id(arguments: &Arguments, found: &Found) -> Option<String> {
    let of_kanidm = found.issuer.trim_end_matches('/').rsplit('/').next().filter(|_| found.kind.id == "kanidm");
    arguments.client_id.clone().or_else(|| of_kanidm.map(str::to_owned))
}

fn rules_remarks(condition: &str, stands_below_an_empty_list: bool) -> Vec<String> {
    let mut remarks = Vec::new();
    if stands_below_an_empty_list {
        remarks.push(
            "So everybody who can sign in at the provider is admitted. For example, instead of the line above:"
                .to_owned(),
        );
        remarks.push("rules:".to_owned());
    } else {
        remarks.push("Further rules belong above that one. For example:".to_owned());
    }
    remarks.extend([
        "- match: {path: /healthz, methods: [GET]}".to_owned(),
        "  authentication: none".to_owned(),
        "- match: {path_prefix: /approvals}".to_owned(),
        format!("  require: {}", crate::yaml::scalar(condition)),
    ]);
    remarks
}

fn headers(found: &Found) -> Vec<Line> {
    let mut headers = vec![Line::member("x-auth-subject", "claims.sub")];
    if found.signs_in {
        headers.push(Line::member("x-auth-name", "claims.name"));
        headers.push(Line::member("x-auth-email", "claims.email"));
    }
    if let Some(groups) = found.kind.groups.filter(|_| found.signs_in) {
        headers.push(Line::member("x-auth-groups", format!("{groups}.join(\",\")").as_str()));
    }
    headers
}

/// A string of CEL.
pub fn literal(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A value of the table, which is written in YAML.
fn parsed(value: &str) -> Tree {
    latchkey_explain::document::Document::parse(String::new(), value.to_owned())
        .map_or(Tree::Null, |document| document.tree)
}
