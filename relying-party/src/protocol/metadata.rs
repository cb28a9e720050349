//! What a provider says about itself (OIDC Discovery 1.0 §3, RFC 8414 §2).

use serde_json::{Map, Value};

use super::endpoint::{Endpoint, EndpointError};
use crate::config::{Client, ClientAuthentication, Provider};
use crate::jose::JwsAlgorithm;
use crate::reason::Reason;

/// The members that a login cannot do without.
const REQUIRED_ENDPOINTS: [&str; 3] = ["authorization_endpoint", "token_endpoint", "jwks_uri"];

/// Validated provider metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderMetadata {
    /// `issuer`, equal to the configured one.
    pub issuer: String,
    /// `authorization_endpoint`
    pub authorization_endpoint: Endpoint,
    /// `token_endpoint`
    pub token_endpoint: Endpoint,
    /// `jwks_uri`
    pub jwks_uri: Endpoint,
    /// `userinfo_endpoint`
    pub userinfo_endpoint: Option<Endpoint>,
    /// `end_session_endpoint` (RP-Initiated Logout 1.0 §2.1)
    pub end_session_endpoint: Option<Endpoint>,
    /// `introspection_endpoint` (RFC 8414 §2)
    pub introspection_endpoint: Option<Endpoint>,
    /// `pushed_authorization_request_endpoint` (RFC 9126 §5)
    pub pushed_authorization_request_endpoint: Option<Endpoint>,
    /// `require_pushed_authorization_requests` (RFC 9126 §5)
    pub require_pushed_authorization_requests: bool,
    /// `mtls_endpoint_aliases` (RFC 8705 §5)
    pub mtls_endpoint_aliases: MtlsEndpointAliases,
    /// Those of `id_token_signing_alg_values_supported` that exist here. For information: what is accepted is configured.
    pub id_token_algorithms: Vec<JwsAlgorithm>,
    /// `authorization_response_iss_parameter_supported` (RFC 9207 §3): then every authorization response carries `iss`.
    pub authorization_response_issuer: bool,
}

/// Where clients with a certificate go instead (RFC 8705 §5). Only endpoints that the client itself calls are of interest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MtlsEndpointAliases {
    token_endpoint: Option<Endpoint>,
    introspection_endpoint: Option<Endpoint>,
    pushed_authorization_request_endpoint: Option<Endpoint>,
}

impl ProviderMetadata {
    /// The token endpoint that `client` uses.
    pub fn token_endpoint_for(&self, client: &Client) -> &Endpoint {
        self.aliases_for(client).and_then(|aliases| aliases.token_endpoint.as_ref()).unwrap_or(&self.token_endpoint)
    }

    /// The introspection endpoint that `client` uses.
    pub fn introspection_endpoint_for(&self, client: &Client) -> Option<&Endpoint> {
        let alias = self.aliases_for(client).and_then(|aliases| aliases.introspection_endpoint.as_ref());
        alias.or(self.introspection_endpoint.as_ref())
    }

    /// The pushed authorization request endpoint that `client` uses.
    pub fn pushed_authorization_request_endpoint_for(&self, client: &Client) -> Option<&Endpoint> {
        let alias = self.aliases_for(client).and_then(|aliases| aliases.pushed_authorization_request_endpoint.as_ref());
        alias.or(self.pushed_authorization_request_endpoint.as_ref())
    }

    const fn aliases_for(&self, client: &Client) -> Option<&MtlsEndpointAliases> {
        match client.authentication {
            ClientAuthentication::TlsClientAuth => Some(&self.mtls_endpoint_aliases),
            _ => None,
        }
    }

    /// The metadata when the configuration alone holds all that is required, so that discovery is unnecessary.
    pub fn from_overrides(provider: &Provider) -> Option<Result<Self, MetadataError>> {
        let complete = REQUIRED_ENDPOINTS.iter().all(|member| provider.metadata.contains_key(*member));
        complete.then(|| Self::from_members(provider, &provider.metadata))
    }

    /// A document fetched from the provider, with the configured overrides laid over it. Its own issuer has been checked.
    pub(super) fn from_document(provider: &Provider, mut document: Map<String, Value>) -> Result<Self, MetadataError> {
        document.extend(provider.metadata.clone());
        Self::from_members(provider, &document)
    }

    fn from_members(provider: &Provider, members: &Map<String, Value>) -> Result<Self, MetadataError> {
        if members.get("issuer").is_some_and(|issuer| issuer.as_str() != Some(&provider.issuer)) {
            return Err(MetadataError::IssuerMismatch);
        }
        if present(members, "response_types_supported").is_some_and(|types| !contains(types, "code")) {
            return Err(MetadataError::CodeFlowUnsupported);
        }
        let required = |member| endpoint(members, member)?.ok_or(MetadataError::EndpointMissing { member });
        Ok(Self {
            issuer: provider.issuer.clone(),
            authorization_endpoint: required("authorization_endpoint")?,
            token_endpoint: required("token_endpoint")?,
            jwks_uri: required("jwks_uri")?,
            userinfo_endpoint: endpoint(members, "userinfo_endpoint")?,
            end_session_endpoint: endpoint(members, "end_session_endpoint")?,
            introspection_endpoint: endpoint(members, "introspection_endpoint")?,
            pushed_authorization_request_endpoint: endpoint(members, "pushed_authorization_request_endpoint")?,
            require_pushed_authorization_requests: is_true(members, "require_pushed_authorization_requests"),
            mtls_endpoint_aliases: match present(members, "mtls_endpoint_aliases") {
                Some(Value::Object(aliases)) => MtlsEndpointAliases {
                    token_endpoint: endpoint(aliases, "token_endpoint")?,
                    introspection_endpoint: endpoint(aliases, "introspection_endpoint")?,
                    pushed_authorization_request_endpoint: endpoint(aliases, "pushed_authorization_request_endpoint")?,
                },
                _ => MtlsEndpointAliases::default(),
            },
            id_token_algorithms: algorithms(members),
            authorization_response_issuer: is_true(members, "authorization_response_iss_parameter_supported"),
        })
    }
}

/// A member, unless it is absent or null: some providers write null for what they do not have.
fn present<'m>(members: &'m Map<String, Value>, name: &str) -> Option<&'m Value> {
    members.get(name).filter(|value| !value.is_null())
}

fn is_true(members: &Map<String, Value>, name: &str) -> bool {
    members.get(name) == Some(&Value::Bool(true))
}

fn contains(list: &Value, wanted: &str) -> bool {
    list.as_array().is_some_and(|list| list.iter().any(|value| value == wanted))
}

fn endpoint(members: &Map<String, Value>, member: &'static str) -> Result<Option<Endpoint>, MetadataError> {
    let Some(value) = present(members, member) else { return Ok(None) };
    let refused = |source| MetadataError::EndpointInvalid { member, source };
    let url = value.as_str().ok_or_else(|| refused(EndpointError::Malformed))?;
    Endpoint::parse(url).map(Some).map_err(refused)
}

fn algorithms(members: &Map<String, Value>) -> Vec<JwsAlgorithm> {
    let names = members.get("id_token_signing_alg_values_supported").and_then(Value::as_array);
    names.into_iter().flatten().filter_map(Value::as_str).filter_map(JwsAlgorithm::from_name).collect()
}

/// Why metadata was refused. The provider is at fault, or the configured overrides are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// `issuer` is missing or another than the configured one (Discovery §4.3).
    #[error("the metadata is from another issuer")]
    IssuerMismatch,
    /// A required endpoint is missing.
    #[error("the metadata has no {member}")]
    EndpointMissing {
        /// Which one.
        member: &'static str,
    },
    /// An endpoint is not a URL that may be used.
    #[error("the metadata's {member} cannot be used")]
    EndpointInvalid {
        /// Which one.
        member: &'static str,
        /// What is wrong with it.
        source: EndpointError,
    },
    /// `response_types_supported` lacks `code`.
    #[error("the provider does not offer the code flow")]
    CodeFlowUnsupported,
}

impl Reason for MetadataError {
    fn code(&self) -> &'static str {
        match self {
            Self::IssuerMismatch => "discovery.issuer_mismatch",
            Self::EndpointMissing { .. } => "discovery.endpoint_missing",
            Self::EndpointInvalid { .. } => "discovery.endpoint_invalid",
            Self::CodeFlowUnsupported => "discovery.code_flow_unsupported",
        }
    }
}
