//! `providers`: the issuers, how to be their client, and which of their access tokens are accepted.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Map, Value};
use url::Url;

use super::access_tokens::{self, AccessTokenPolicy, TokenFormat};
use super::client::{self, Client};
use super::cursor::{Cursor, Keys, Mapping};
use super::issuer::{self, Issuer};
use super::problem::{alternatives, quoted};
use super::{address, duration, login_hint_domains, metadata};
use crate::jose::JwsAlgorithm;
use crate::spelling::nearest;

/// A provider: whom this deployment trusts, as an issuer of logins, of access tokens, or of both.
#[derive(Debug)]
pub struct Provider {
    /// `[a-z0-9-]+`, unique.
    pub name: String,
    /// For people; defaults to `name`.
    pub display_name: String,
    /// Who issues.
    pub issuer: Issuer,
    /// Where the discovery document is (OIDC Discovery 1.0 §4.1); `None` when the configuration says all there is.
    pub discovery_url: Option<Url>,
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
    /// As a client of it; `None` when it only verifies access tokens.
    pub client: Option<Client>,
    /// Which of its access tokens are accepted; `None`: none.
    pub access_tokens: Option<AccessTokenPolicy>,
}

pub(super) const KEYS: Keys = Keys {
    known: &[
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
        "id_token_hint",
        "audience",
        "access_token",
        "token_type",
        "tenants",
        "userinfo",
        "login_hint_domains",
    ],
};

const DEFAULT_CLOCK_SKEW: Duration = Duration::from_secs(60);
const MAX_CLOCK_SKEW: Duration = Duration::from_secs(10 * 60);

const EXPECTED_NAME: &str = "a name of `a-z`, `0-9` and `-`";
const EXPECTED_CLUSTER: &str = "the name of the Envoy cluster that carries requests to this provider";

pub(super) fn read_all(cursor: &Cursor<'_>) -> Option<Vec<Provider>> {
    let items = cursor.list("a list of providers")?;
    if items.is_empty() {
        cursor.refuse("an empty list", "at least one provider");
    }
    let mut names = Vec::new();
    let mut providers: Vec<Provider> = Vec::new();
    let mut stand_ins = Vec::new();
    for item in items {
        let Some(members) = item.mapping_of(&KEYS) else {
            stand_ins.push(stand_in(None, true, true));
            continue;
        };
        let name = name(&members, &mut names);
        let Some(provider) = read(&members, name) else {
            let declares = |key: &str| members.member(key).is_some();
            stand_ins.push(stand_in(name, declares("client_id"), declares("audience")));
            continue;
        };
        // What is sealed is bound to issuer and client, so they must tell providers apart.
        let registration = |provider: &Provider| provider.client.as_ref().map(|client| client.client_id.clone());
        let same = |known: &&Provider| {
            known.issuer.as_str() == provider.issuer.as_str() && registration(known) == registration(&provider)
        };
        if let Some(known) = providers.iter().find(same) {
            let found = format!("the issuer and `client_id` of `{}` again", known.name);
            members.place("client_id").refuse(found, "each registration once");
        }
        login_hint_domains::report_shared(&members, &provider, &providers);
        providers.push(provider);
    }
    providers.append(&mut stand_ins);
    Some(providers)
}

/// Stands for a provider that could not be read, which is reported, so that rules that name it or need what it declares are not
/// reported as well. No configuration has one.
fn stand_in(name: Option<&str>, is_client: bool, issues_tokens: bool) -> Provider {
    let tokens = || AccessTokenPolicy { audience: Vec::new(), format: TokenFormat::Jwt, must_be_typed: false };
    Provider {
        name: name.unwrap_or(UNKNOWN).to_owned(),
        display_name: String::new(),
        issuer: Issuer::exact(String::new()),
        discovery_url: None,
        cluster: String::new(),
        clusters: Vec::new(),
        metadata: Map::new(),
        algorithms: Vec::new(),
        clock_skew: DEFAULT_CLOCK_SKEW,
        client: is_client.then(Client::stand_in),
        access_tokens: issues_tokens.then(tokens),
    }
}

/// The name of a provider whose name could not be read: it may be any.
const UNKNOWN: &str = "";

/// Whether `provider` is called so, or may be.
pub(super) fn may_be_called(provider: &Provider, name: &str) -> bool {
    provider.name == name || provider.name == UNKNOWN
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
    let issuer = issuer::read(members);
    let cluster = members.required("cluster", EXPECTED_CLUSTER).and_then(|cursor| cluster(&cursor));
    let clusters = members.optional("clusters", Vec::new(), |cursor| clusters(&cursor));
    let metadata = members.optional("metadata", Map::new(), |cursor| {
        metadata::read(&cursor, issuer.as_ref().map(|(issuer, _)| issuer.as_str()))
    });
    let algorithms = members.optional("algorithms", JwsAlgorithm::ALL.to_vec(), |cursor| algorithms(&cursor));
    let clock_skew = members
        .optional("clock_skew", DEFAULT_CLOCK_SKEW, |cursor| duration::read(&cursor, Duration::ZERO..=MAX_CLOCK_SKEW));
    let access_tokens = access_tokens::read(members);
    let client = client::read(members);
    if members.member("client_id").is_none() && matches!(access_tokens, Some(None)) {
        members
            .place("client_id")
            .refuse("neither `client_id` nor `audience`", "one of them, or there is no use for it");
    }

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
        access_tokens: access_tokens?,
    })
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
