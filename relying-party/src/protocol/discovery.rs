//! OIDC Discovery 1.0 §4: fetching a provider's metadata.

use super::MAX_RESPONSE;
use super::endpoint::is_unavailable;
use super::metadata::{MetadataError, ProviderMetadata};
use crate::config::Provider;
use crate::http::CalloutRequest;
use crate::jose::json::{self, JsonError};
use crate::reason::Reason;

/// §4.1
pub fn discovery_request(provider: &Provider) -> CalloutRequest {
    provider.callout(&provider.discovery_url)
}

/// §4.2 and §4.3. Redirects are not followed.
pub fn process_discovery_response(
    provider: &Provider,
    status: u16,
    body: &[u8],
) -> Result<ProviderMetadata, DiscoveryError> {
    match status {
        200 => {}
        status if is_unavailable(status) => return Err(DiscoveryError::Unavailable { status }),
        status => return Err(DiscoveryError::UnexpectedStatus { status }),
    }
    let document = json::parse_object(body, MAX_RESPONSE).map_err(DiscoveryError::Malformed)?;
    // §4.3, before any override: a document about somebody else is not used at all.
    if document.get("issuer").and_then(|issuer| issuer.as_str()) != Some(&provider.issuer) {
        return Err(DiscoveryError::Metadata(MetadataError::IssuerMismatch));
    }
    ProviderMetadata::from_document(provider, document).map_err(DiscoveryError::Metadata)
}

/// Why discovery failed. The provider is at fault, or unavailable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiscoveryError {
    /// Not now: 408, 429 or 5xx.
    #[error("the provider is unavailable")]
    Unavailable {
        /// The HTTP status code.
        status: u16,
    },
    /// Another status than 200.
    #[error("the provider did not answer discovery with 200")]
    UnexpectedStatus {
        /// The HTTP status code.
        status: u16,
    },
    /// No acceptable JSON object.
    #[error("the discovery document is malformed")]
    Malformed(#[source] JsonError),
    /// Metadata that cannot be used.
    #[error("the discovery document cannot be used")]
    Metadata(#[source] MetadataError),
}

impl Reason for DiscoveryError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unavailable { .. } => "discovery.unavailable",
            Self::UnexpectedStatus { .. } => "discovery.unexpected_status",
            Self::Malformed(_) => "discovery.malformed",
            Self::Metadata(error) => error.code(),
        }
    }
}
