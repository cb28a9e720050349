//! `providers`: the issuers, and how to be their client.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Map, Value};
use url::Url;

use super::client::{self, Client};
use super::cursor::{Cursor, Keys, Mapping};
use super::problem::{alternatives, quoted};
use super::{address, duration, metadata};
use crate::jose::JwsAlgorithm;
use crate::spelling::nearest;

/// A provider and how to be its client.
#[derive(Debug)]
pub struct Provider {
    /// `[a-z0-9-]+`, unique.
    pub name: String,
    /// For people; defaults to `name`.
    pub display_name: String,
    /// The exact issuer identifier (OIDC Discovery 1.0 §3), compared byte for byte.
    pub issuer: String,
    /// Where the discovery document is: issuer + `/.well-known/openid-configuration` (§4.1).
    pub discovery_url: Url,
    /// The host's cluster for requests to any host that `clusters` does not name.
    pub cluster: String,
    /// Endpoint host (lower case) → the host's cluster.
    pub clusters: Vec<(String, String)>,
    /// Members that override or replace those of the discovery document.
    pub metadata: Map<String, Value>,
    /// Signature algorithms accepted from this provider.
    pub algorithms: Vec<JwsAlgorithm>,
    /// Tolerated difference between this clock and the provider's.
    pub clock_skew: Duration,
    /// As a client of it.
    pub client: Client,
}

const KEYS: Keys = Keys {
    supported: &[
        "name",
        "display_name",
        "issuer",
        "cluster",
        "clusters",
        "metadata",
        "algorithms",
        "clock_skew",
        "client_id",
        "client_secret",
        "token_endpoint_auth_method",
        "client_key",
        "scope",
        "resource",
        "authorization_parameters",
        "pushed_authorization_requests",
    ],
    planned: &["userinfo", "login_hint_domains", "audience", "access_token", "token_type", "tenants"],
};

const DEFAULT_CLOCK_SKEW: Duration = Duration::from_secs(60);
const MAX_CLOCK_SKEW: Duration = Duration::from_secs(10 * 60);

const EXPECTED_NAME: &str = "a name of `a-z`, `0-9` and `-`";
const EXPECTED_ISSUER: &str = "an issuer such as `https://login.example.org/realms/corp` (no query, no fragment)";
const EXPECTED_CLUSTER: &str = "the name of the Envoy cluster that carries requests to this provider";

pub(super) fn read_all(cursor: &Cursor<'_>) -> Option<Vec<Provider>> {
    let items = cursor.list("a list of providers")?;
    if items.is_empty() {
        cursor.refuse("an empty list", "at least one provider");
    }
    let mut names = Vec::new();
    let mut providers: Vec<Provider> = Vec::new();
    for item in items {
        let Some(members) = item.mapping_of(&KEYS) else { continue };
        let name = name(&members, &mut names);
        let Some(provider) = read(&members, name) else { continue };
        // What is sealed is bound to issuer and client, so they must tell providers apart.
        let same =
            |known: &&Provider| known.issuer == provider.issuer && known.client.client_id == provider.client.client_id;
        if let Some(known) = providers.iter().find(same) {
            let found = format!("the issuer and `client_id` of `{}` again", known.name);
            members.place("client_id").refuse(found, "each registration once");
        }
        providers.push(provider);
    }
    Some(providers)
}

fn name<'a>(members: &Mapping<'a>, names: &mut Vec<&'a str>) -> Option<&'a str> {
    let cursor = members.required("name", EXPECTED_NAME)?;
    let name = cursor.text(EXPECTED_NAME)?;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
        cursor.refuse(quoted(name), EXPECTED_NAME);
        return None;
    }
    if names.contains(&name) {
        cursor.refuse(format_args!("`{name}` again"), "a name that no other provider has");
        return None;
    }
    names.push(name);
    Some(name)
}

fn read(members: &Mapping<'_>, name: Option<&str>) -> Option<Provider> {
    let display_name = members.optional("display_name", None, |cursor| {
        cursor.label("a name for people, in one line").map(|label| Some(label.to_owned()))
    });
    let issuer = members.required("issuer", EXPECTED_ISSUER).and_then(|cursor| issuer(&cursor));
    let cluster = members.required("cluster", EXPECTED_CLUSTER).and_then(|cursor| cluster(&cursor));
    let clusters = members.optional("clusters", Vec::new(), |cursor| clusters(&cursor));
    let metadata = members.optional("metadata", Map::new(), |cursor| {
        metadata::read(&cursor, issuer.as_ref().map(|(issuer, _)| issuer.as_str()))
    });
    let algorithms = members.optional("algorithms", JwsAlgorithm::ALL.to_vec(), |cursor| algorithms(&cursor));
    let clock_skew = members
        .optional("clock_skew", DEFAULT_CLOCK_SKEW, |cursor| duration::read(&cursor, Duration::ZERO..=MAX_CLOCK_SKEW));
    let client = client::read(members);

    let (issuer, discovery_url) = issuer?;
    Some(Provider {
        display_name: display_name?.unwrap_or_else(|| name.unwrap_or_default().to_owned()),
        name: name?.to_owned(),
        issuer,
        discovery_url,
        cluster: cluster?,
        clusters: clusters?,
        metadata: metadata?,
        algorithms: algorithms?,
        clock_skew: clock_skew?,
        client: client?,
    })
}

/// The issuer, and where its discovery document is: a slash at the end is left out there (OIDC Discovery 1.0 §4.1).
fn issuer(cursor: &Cursor<'_>) -> Option<(String, Url)> {
    let (text, url) = address::read(cursor, EXPECTED_ISSUER)?;
    if text.contains('?') {
        cursor.refuse(address::shown(text), EXPECTED_ISSUER);
        return None;
    }
    if text.contains(['{', '}']) {
        cursor.report_planned("an issuer that is a template (with `tenants`)");
        return None;
    }
    let mut discovery_url = url;
    let path = discovery_url.path();
    let path = format!("{}/.well-known/openid-configuration", path.strip_suffix('/').unwrap_or(path));
    discovery_url.set_path(&path);
    Some((text.to_owned(), discovery_url))
}

fn cluster(cursor: &Cursor<'_>) -> Option<String> {
    cursor.label(EXPECTED_CLUSTER).map(str::to_owned)
}

fn clusters(cursor: &Cursor<'_>) -> Option<Vec<(String, String)>> {
    let mapping = cursor.mapping("a mapping of endpoint hosts to Envoy clusters")?;
    let mut clusters = Vec::new();
    let mut seen: HashMap<String, &str> = HashMap::new();
    let mut complete = true;
    for (name, member) in mapping.members() {
        let host = name.to_ascii_lowercase();
        if !address::is_host(&host) {
            member.refuse("a key that is no host", "a host such as `www.example.org`, without scheme, port and path");
            complete = false;
            continue;
        }
        // A name repeated letter by letter is a repeated member, reported as such.
        if seen.insert(host.clone(), name).is_some_and(|other| other != name) {
            member.refuse("the same host again", "each host once");
        }
        match cluster(&member) {
            Some(cluster) => clusters.push((host, cluster)),
            None => complete = false,
        }
    }
    complete.then_some(clusters)
}

fn algorithms(cursor: &Cursor<'_>) -> Option<Vec<JwsAlgorithm>> {
    let items = cursor.list("a list of signature algorithms such as `[RS256, ES256]`")?;
    if items.is_empty() {
        cursor.refuse("an empty list", "at least one signature algorithm");
        return None;
    }
    let expected = alternatives(JwsAlgorithm::ALL.map(JwsAlgorithm::name));
    let mut algorithms = Vec::new();
    let mut complete = true;
    for item in items {
        let Some(name) = item.text(&expected) else {
            complete = false;
            continue;
        };
        match JwsAlgorithm::ALL.into_iter().find(|algorithm| algorithm.name() == name) {
            Some(algorithm) if !algorithms.contains(&algorithm) => {
                algorithms.push(algorithm);
                continue;
            }
            Some(_) => item.refuse(format_args!("`{name}` again"), "each algorithm once"),
            None if name.eq_ignore_ascii_case("none") => {
                item.refuse("`none`", format_args!("{expected}: a token without a signature proves nothing"));
            }
            None if ["HS256", "HS384", "HS512"].contains(&name) => {
                item.refuse(
                    format_args!("`{name}`"),
                    format_args!("{expected}: whoever can check an HMAC can also forge it"),
                );
            }
            None => {
                let hint = nearest(name, JwsAlgorithm::ALL.map(JwsAlgorithm::name));
                item.report(format!("found {}, expected {expected}", quoted(name)), hint);
            }
        }
        complete = false;
    }
    complete.then_some(algorithms)
}
