//! This deployment as a client of a provider: what every request to a client's endpoint needs.

use super::metadata::{ClientEndpoints, ProviderMetadata};
use crate::config::{Client, Provider};

/// A provider that this deployment is a client of, loaded.
#[derive(Clone, Copy)]
pub struct Registration<'a> {
    /// The provider.
    pub provider: &'a Provider,
    /// How it knows us.
    pub client: &'a Client,
    /// What the provider says about itself.
    pub metadata: &'a ProviderMetadata,
    /// Where clients go.
    pub endpoints: &'a ClientEndpoints,
}

impl<'a> Registration<'a> {
    /// `None` when this deployment is no client of `provider`.
    pub fn of(provider: &'a Provider, metadata: &'a ProviderMetadata) -> Option<Self> {
        let (client, endpoints) = (provider.client.as_ref()?, metadata.client_endpoints.as_ref()?);
        Some(Self { provider, client, metadata, endpoints })
    }
}
