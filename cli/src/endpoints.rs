//! What the filter talks to: the core says which endpoints and through which cluster, this says at which addresses.

use relying_party::config::{Provider, PushedAuthorizationRequests};
use relying_party::protocol::ProviderMetadata;
use sha2::{Digest as _, Sha256};
use url::Url;

/// An address that the filter sends requests to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Host as it stands in URLs: in lower case, IPv6 in brackets.
    pub host: String,
    /// Port
    pub port: u16,
    /// Whether over TLS; without it only this machine is reached.
    pub tls: bool,
}

impl Address {
    /// The address that `url` leads to.
    pub fn of(url: &Url) -> Option<Self> {
        let host = url.host_str()?.to_owned();
        Some(Self { host, port: url.port_or_known_default()?, tls: url.scheme() == "https" })
    }

    /// Whether the host is a number, and no name.
    pub fn is_number(&self) -> bool {
        self.number().parse::<std::net::IpAddr>().is_ok()
    }

    /// The host without the brackets of IPv6.
    pub fn number(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    /// The address as a part of a name in Kubernetes, another for every address, and short enough to have something before it.
    pub fn label(&self) -> String {
        const LONGEST: usize = 40;
        // A hyphen is doubled: `a-b.example` and `a.b.example` are two hosts.
        let mut label = self.number().to_ascii_lowercase().replace('-', "--").replace('.', "-");
        if self.port != if self.tls { 443 } else { 80 } {
            label.push_str(&format!("-{}", self.port));
        }
        let is_name = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if is_name && label.len() <= LONGEST {
            return label;
        }
        let digest: String = Sha256::digest(&label).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        let plain: String = label
            .chars()
            .filter(|character| character.is_ascii_alphanumeric() || *character == '-')
            .take(LONGEST)
            .collect();
        format!("{}-{digest}", plain.trim_matches('-'))
    }
}

/// Every URL that the filter itself calls of a provider; where people are sent is none of them.
pub fn called<'m>(provider: &'m Provider, metadata: Option<&'m ProviderMetadata>) -> Vec<&'m Url> {
    let mut urls = Vec::new();
    // A provider whose metadata is all configured is not asked for it.
    let is_asked = ProviderMetadata::from_overrides(provider).is_none();
    urls.extend(provider.discovery_url.as_ref().filter(|_| is_asked));
    let Some(metadata) = metadata else { return urls };
    urls.push(metadata.jwks_uri.url());
    let Some(endpoints) = &metadata.client_endpoints else { return urls };
    let client = provider.client.as_ref();
    urls.push(endpoints.token.url());
    let wants_userinfo = client.is_some_and(|client| client.userinfo);
    let introspects = provider.access_tokens.as_ref().is_some_and(|tokens| tokens.format.introspects());
    let pushes = client.is_some_and(|client| match client.pushed_authorization_requests {
        PushedAuthorizationRequests::Always => true,
        PushedAuthorizationRequests::Auto => endpoints.requires_pushed_authorization,
        PushedAuthorizationRequests::Never => false,
    });
    urls.extend(endpoints.userinfo.iter().filter(|_| wants_userinfo).map(|endpoint| endpoint.url()));
    urls.extend(endpoints.introspection.iter().filter(|_| introspects).map(|endpoint| endpoint.url()));
    urls.extend(endpoints.pushed_authorization.iter().filter(|_| pushes).map(|endpoint| endpoint.url()));
    urls
}

/// The addresses of these URLs, each once, in their order.
pub fn addresses<'u>(urls: impl IntoIterator<Item = &'u Url>) -> Vec<Address> {
    let mut addresses = Vec::new();
    for address in urls.into_iter().filter_map(Address::of) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses
}
