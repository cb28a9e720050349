//! Endpoints of a provider, and requests to them.

use std::time::Duration;

use url::Url;

use crate::config::Provider;
use crate::http::{CalloutRequest, uri};
use crate::reason::Reason;

/// How long a provider may take to answer.
pub const CALLOUT_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest URL of an endpoint, in bytes.
const MAX_LENGTH: usize = 2048;

/// The URL of an endpoint: `https`, or `http` to this machine; no user, no fragment (RFC 6749 §3.1, §3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    url: Url,
    text: String,
}

impl Endpoint {
    /// Takes `url` if it may be an endpoint.
    pub fn parse(text: &str) -> Result<Self, EndpointError> {
        if text.len() > MAX_LENGTH {
            return Err(EndpointError::TooLong);
        }
        if !uri::is_plain(text) {
            return Err(EndpointError::Malformed);
        }
        let url = Url::parse(text).map_err(|_| EndpointError::Malformed)?;
        match url.scheme() {
            "https" => {}
            "http" if uri::is_loopback(&url) => {}
            _ => return Err(EndpointError::NotHttps),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(EndpointError::UserInfo);
        }
        if url.fragment().is_some() {
            return Err(EndpointError::Fragment);
        }
        Ok(Self { url, text: text.to_owned() })
    }

    /// The URL.
    pub const fn url(&self) -> &Url {
        &self.url
    }

    /// The URL as the provider writes it, for comparisons by its letters: [`Endpoint::url`] leaves out a default port.
    pub fn as_written(&self) -> &str {
        &self.text
    }
}

/// Why a URL cannot be an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Longer than 2 KiB.
    #[error("the URL is too long")]
    TooLong,
    /// No URL.
    #[error("the text is not a URL")]
    Malformed,
    /// Neither `https` nor `http` to this machine.
    #[error("the URL is not https")]
    NotHttps,
    /// With a user name or password.
    #[error("the URL contains a user name")]
    UserInfo,
    /// With a fragment.
    #[error("the URL contains a fragment")]
    Fragment,
}

impl Reason for EndpointError {
    fn code(&self) -> &'static str {
        match self {
            Self::TooLong => "endpoint.too_long",
            Self::Malformed => "endpoint.malformed",
            Self::NotHttps => "endpoint.not_https",
            Self::UserInfo => "endpoint.user_info",
            Self::Fragment => "endpoint.fragment",
        }
    }
}

impl Provider {
    /// A GET for JSON at `url`, through the cluster that carries its host. `call` is what it asks for, in metrics.
    pub fn callout(&self, call: &'static str, url: &Url) -> CalloutRequest {
        let host = url.host_str().unwrap_or_default();
        let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let named = self.clusters.iter().find(|(name, _)| name.as_str() == host).map(|(_, cluster)| cluster);
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        CalloutRequest {
            call,
            cluster: named.unwrap_or(&self.cluster).clone(),
            method: "GET",
            authority,
            scheme: url.scheme().to_owned(),
            path: format!("{}{query}", url.path()),
            headers: vec![
                ("accept".to_owned(), "application/json".to_owned()),
                ("user-agent".to_owned(), concat!("latchkey/", env!("CARGO_PKG_VERSION")).to_owned()),
            ],
            body: Vec::new(),
            timeout: CALLOUT_TIMEOUT,
        }
    }

    /// A POST of a form to `url`, through the cluster that carries its host.
    pub(super) fn callout_with_form(&self, call: &'static str, url: &Url, form: String) -> CalloutRequest {
        let mut request = self.callout(call, url);
        request.method = "POST";
        request.headers.push(("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()));
        request.body = form.into_bytes();
        request
    }
}

/// Whether a status says "not now" rather than "no": the provider is unavailable, not misbehaving.
pub(super) const fn is_unavailable(status: u16) -> bool {
    matches!(status, 408 | 429 | 500..=599)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::test_provider::provider;

    #[test]
    fn only_https_or_this_machine_can_be_an_endpoint() {
        for url in [
            "https://a.example/t",
            "https://a.example:8443/t?p=1",
            "http://localhost:5000/t",
            "http://127.0.0.1/",
            "http://[::1]:9/",
            "http://idp.localhost/",
        ] {
            assert!(Endpoint::parse(url).is_ok(), "{url}");
        }
        for (url, refused) in [
            ("http://a.example/t", EndpointError::NotHttps),
            ("http://localhost.evil.example/", EndpointError::NotHttps),
            ("javascript:alert(1)", EndpointError::NotHttps),
            ("file:///etc/passwd", EndpointError::NotHttps),
            ("/token", EndpointError::Malformed),
            ("https://", EndpointError::Malformed),
            ("https://user@a.example/", EndpointError::UserInfo),
            ("https://:secret@a.example/", EndpointError::UserInfo),
            ("https://a.example/#", EndpointError::Fragment),
        ] {
            assert_eq!(Endpoint::parse(url), Err(refused), "{url}");
        }
        assert_eq!(Endpoint::parse(&format!("https://a.example/{}", "x".repeat(2048))), Err(EndpointError::TooLong));
    }

    #[test]
    fn a_request_goes_to_the_cluster_of_its_host() {
        let mut provider = provider();
        provider.clusters = vec![("keys.example.org".to_owned(), "keys".to_owned())];
        let request = provider.callout("test", &Url::parse("https://KEYS.example.org:8443/a/../jwks?v=1").unwrap());
        assert_eq!(
            (request.cluster.as_str(), request.authority.as_str(), request.path.as_str(), request.scheme.as_str()),
            ("keys", "keys.example.org:8443", "/jwks?v=1", "https")
        );
        let request = provider.callout("test", &Url::parse("http://[::1]/t").unwrap());
        assert_eq!((request.cluster.as_str(), request.authority.as_str()), ("idp", "[::1]"));
    }
}
