//! What this deployment says of itself as a protected resource (RFC 9728), so that clients find whom to ask for a token.

use std::collections::BTreeSet;

use crate::config::{Config, Rule};
use crate::denial::Denial;
use crate::http::Response;
use crate::policy::demand::Demand;
use crate::policy::path::{RequestPath, is_at_or_below};
use crate::policy::rules::{self, RESOURCE_METADATA, Selection};
use crate::protocol::protected_resource::ProtectedResource;

use super::visit::Visit;
use super::{Scene, Step};

/// Rules may be about methods, resources are not.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Answers a request for a document: that of the whole origin, or that of the resource whose path follows (RFC 9728 §3.1).
pub(super) fn answer(visit: &Visit, scene: &mut Scene<'_>) -> Step {
    match visit.head.method() {
        "GET" | "HEAD" => {}
        // A client in a browser sends fields of its own, such as `mcp-protocol-version`, and so asks before.
        "OPTIONS" if visit.head.headers().first("access-control-request-method").is_some() => {
            return ProtectedResource::preflight_response().into();
        }
        _ => return visit.refuse(Denial::MethodNotAllowed("GET, HEAD"), scene),
    }
    let path = visit.head.path().and_then(|path| path.strip_prefix(RESOURCE_METADATA)).unwrap_or_default();
    match describe(visit, path, scene.config) {
        Some(response) => response.into(),
        None => visit.refuse(Denial::UnknownEndpoint, scene),
    }
}

/// The address of the document about what this request asked for: the resource that tokens are for which are accepted there, when
/// it has an address of this origin, as clients compare (RFC 9728 §3.3); else the whole origin.
pub(super) fn address(visit: &Visit, scene: &Scene<'_>) -> String {
    let config = scene.config;
    let origin = &visit.origin.origin;
    let requested = visit.head.path().unwrap_or_default();
    let demands = demands_at(visit, requested, config);
    let audiences = demands.iter().flat_map(|demand| {
        let of_providers = config.token_issuers(demand).filter_map(|provider| provider.access_tokens.as_ref());
        let of_providers = of_providers.flat_map(|policy| &policy.audience).filter(|_| demand.audience.is_none());
        demand.audience.iter().flatten().chain(of_providers)
    });
    let paths = audiences.filter_map(|audience| audience.strip_prefix(origin.as_str()));
    let resource = paths
        .filter(|path| path.starts_with('/') && *path != "/" && is_at_or_below(requested, path))
        .filter(|path| !demands_at(visit, path, config).is_empty())
        .max_by_key(|path| path.len());
    format!("{origin}{RESOURCE_METADATA}{}", resource.unwrap_or_default())
}

fn describe(visit: &Visit, path: &str, config: &Config) -> Option<Response> {
    let demands = match path {
        "" | "/" => config.rules.iter().filter_map(|rule| token_demand(rule, config)).collect(),
        path => demands_at(visit, path, config),
    };
    if demands.is_empty() {
        return None;
    }
    let path = if path == "/" { "" } else { path };
    let issuers = demands.iter().flat_map(|demand| config.token_issuers(demand)).map(|provider| &provider.issuer);
    // A trust domain is no authorization server: nobody can ask it for a token over OAuth.
    let issuers: BTreeSet<&str> =
        issuers.filter(|issuer| !issuer.is_trust_domain()).flat_map(|issuer| issuer.all()).collect();
    let requirements = demands.iter().filter_map(|demand| demand.require.as_ref());
    let scopes: BTreeSet<&str> =
        requirements.flat_map(|require| &require.references().scopes).map(String::as_str).collect();
    let resource = format!("{}{path}", visit.origin.origin);
    Some(ProtectedResource { resource: &resource, authorization_servers: &issuers, scopes: &scopes }.into_response())
}

/// What access tokens must be at `path`, by whatever method.
fn demands_at<'a>(visit: &Visit, path: &str, config: &'a Config) -> Vec<&'a Demand> {
    let Ok(path) = RequestPath::parse(path) else { return Vec::new() };
    let select = |method| rules::select(&config.rules, &config.own_paths(), method, visit.head.authority(), &path);
    let mut selected: Vec<(usize, &Demand)> = METHODS
        .into_iter()
        .filter_map(|method| match select(method) {
            Selection::Rule(index, rule) => Some((index, token_demand(rule, config)?)),
            Selection::Endpoint | Selection::ResourceMetadata | Selection::Default | Selection::Ambiguous => None,
        })
        .collect();
    selected.sort_by_key(|(index, _)| *index);
    selected.dedup_by_key(|(index, _)| *index);
    selected.into_iter().map(|(_, demand)| demand).collect()
}

fn token_demand<'a>(rule: &'a Rule, config: &Config) -> Option<&'a Demand> {
    rule.authentication.token_demand().filter(|demand| config.accepts_tokens(demand))
}
