//! Where the provider's endpoints are.

use super::{Endpoint, ISSUER, OTHER_KEYS, PROVIDER_ORIGIN, Provider, SECOND_ISSUER};
use crate::message::Request;

impl Provider {
    /// Whether an address is this provider's.
    pub fn is_at(&self, address: &str) -> bool {
        let path = address.split('?').next().unwrap_or_default();
        address.starts_with(PROVIDER_ORIGIN) || self.places.contains_key(path)
    }

    /// Which endpoint an address leads to.
    pub fn endpoint_at(&self, address: &str) -> Endpoint {
        let rest = address.strip_prefix("https://").unwrap_or_default();
        let (authority, target) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        self.endpoint_of(&Request::default().with(":authority", authority).with(":path", target))
    }

    /// Which endpoint a request is for.
    pub(super) fn endpoint_of(&self, request: &Request) -> Endpoint {
        let authority = request.header(":authority").unwrap_or_default();
        let played = self.places.get(&format!("https://{authority}{}", request.path())).copied();
        played.unwrap_or_else(|| endpoint_of(request))
    }
}

/// Which of the two issuers a request is for.
pub(super) fn issuer_of(request: &Request) -> &'static str {
    let is_second = request.path().starts_with(SECOND_ISSUER.trim_start_matches(PROVIDER_ORIGIN));
    if is_second { SECOND_ISSUER } else { ISSUER }
}

fn endpoint_of(request: &Request) -> Endpoint {
    let base = issuer_of(request).trim_start_matches(PROVIDER_ORIGIN);
    // Some of its endpoints may be on other hosts of the provider, as Google's are.
    if !request.header(":authority").is_some_and(|authority| authority.ends_with(".provider.test")) {
        return Endpoint::Unknown;
    }
    if OTHER_KEYS.ends_with(request.path()) {
        return Endpoint::OtherKeys;
    }
    match request.path().strip_prefix(base) {
        Some("/.well-known/openid-configuration") => Endpoint::Discovery,
        Some(path) if path == "/keys" || path.starts_with("/keys/") => Endpoint::Keys,
        Some("/authorize") => Endpoint::Authorize,
        Some("/token") => Endpoint::Token,
        Some("/userinfo") => Endpoint::Userinfo,
        Some("/introspect") => Endpoint::Introspection,
        Some("/par") => Endpoint::PushedAuthorization,
        Some("/logout") => Endpoint::EndSession,
        _ => Endpoint::Unknown,
    }
}
