//! Where the provider's endpoints are.

use super::{Endpoint, ISSUER, OTHER_KEYS, PROVIDER_ORIGIN, Provider, SECOND_ISSUER};
use crate::message::Request;

impl Provider {
    /// Whether an address is this provider's.
    pub fn is_at(&self, address: &str) -> bool {
        let path = address.split('?').next().unwrap_or_default();
        let of_issuer = |issuer: &String| path.strip_prefix(issuer.as_str()).is_some_and(|rest| rest.starts_with('/'));
        address.starts_with(PROVIDER_ORIGIN) || self.issuers.iter().any(of_issuer) || self.places.contains_key(path)
    }

    /// Which endpoint an address leads to.
    pub fn endpoint_at(&self, address: &str) -> Endpoint {
        let rest = address.strip_prefix("https://").unwrap_or_default();
        let (authority, target) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        self.endpoint_of(&Request::default().with(":authority", authority).with(":path", target))
    }

    /// Which endpoint a request is for.
    pub(super) fn endpoint_of(&self, request: &Request) -> Endpoint {
        let address = address_of(request);
        let played = self.places.get(&address).copied();
        let further = || self.issuers.iter().find_map(|issuer| below(address.strip_prefix(issuer.as_str())?));
        played.or_else(further).unwrap_or_else(|| endpoint_of(request))
    }

    /// Which of its issuers a request is for.
    pub(super) fn issuer_of(&self, request: &Request) -> String {
        let address = address_of(request);
        let is_for = |issuer: &&String| address.strip_prefix(issuer.as_str()).is_some_and(|rest| rest.starts_with('/'));
        self.issuers.iter().find(is_for).cloned().unwrap_or_else(|| own_issuer_of(request).to_owned())
    }
}

fn address_of(request: &Request) -> String {
    format!("https://{}{}", request.header(":authority").unwrap_or_default(), request.path())
}

fn own_issuer_of(request: &Request) -> &'static str {
    let is_second = request.path().starts_with(SECOND_ISSUER.trim_start_matches(PROVIDER_ORIGIN));
    if is_second { SECOND_ISSUER } else { ISSUER }
}

fn endpoint_of(request: &Request) -> Endpoint {
    let base = own_issuer_of(request).trim_start_matches(PROVIDER_ORIGIN);
    // Some of its endpoints may be on other hosts of the provider, as Google's are.
    if !request.header(":authority").is_some_and(|authority| authority.ends_with(".provider.test")) {
        return Endpoint::Unknown;
    }
    if OTHER_KEYS.ends_with(request.path()) {
        return Endpoint::OtherKeys;
    }
    request.path().strip_prefix(base).and_then(below).unwrap_or(Endpoint::Unknown)
}

/// What is at a path below an issuer.
fn below(path: &str) -> Option<Endpoint> {
    match path {
        "/.well-known/openid-configuration" => Some(Endpoint::Discovery),
        path if path == "/keys" || path.starts_with("/keys/") => Some(Endpoint::Keys),
        "/authorize" => Some(Endpoint::Authorize),
        "/token" => Some(Endpoint::Token),
        "/userinfo" => Some(Endpoint::Userinfo),
        "/introspect" => Some(Endpoint::Introspection),
        "/par" => Some(Endpoint::PushedAuthorization),
        "/logout" => Some(Endpoint::EndSession),
        _ => None,
    }
}
