//! What a provider says about itself (OIDC Discovery 1.0 §3, RFC 8414 §2).

use serde_json::{Map, Value};

use super::endpoint::{Endpoint, EndpointError};
use crate::config::{Client, ClientAuthentication, Issuer, Provider};
use crate::jose::JwsAlgorithm;
use crate::reason::Reason;

/// The members that verifying tokens cannot do without.
const REQUIRED: [&str; 1] = ["jwks_uri"];
/// Those that a client needs besides.
const REQUIRED_OF_CLIENTS: [&str; 2] = ["authorization_endpoint", "token_endpoint"];

/// Validated provider metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderMetadata {
    /// The configured issuer.
    pub issuer: Issuer,
    /// `jwks_uri`
    pub jwks_uri: Endpoint,
    /// `end_session_endpoint` (RP-Initiated Logout 1.0 §2.1)
    pub end_session_endpoint: Option<Endpoint>,
    /// What a client needs; there when this deployment is a client of the provider.
    pub client_endpoints: Option<ClientEndpoints>,
    /// Those of `id_token_signing_alg_values_supported` that exist here. For information: what is accepted is configured.
    pub id_token_algorithms: Vec<JwsAlgorithm>,
    /// `authorization_response_iss_parameter_supported` (RFC 9207 §3): then every authorization response carries `iss`.
    pub authorization_response_issuer: bool,
}

/// The endpoints that only clients use, as this client uses them: with a certificate it goes to the aliases (RFC 8705 §5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientEndpoints {
    /// `authorization_endpoint`
    pub authorization: Endpoint,
    /// `token_endpoint`
    pub token: Endpoint,
    /// `userinfo_endpoint`
    pub userinfo: Option<Endpoint>,
    /// `introspection_endpoint` (RFC 8414 §2)
    pub introspection: Option<Endpoint>,
    /// `pushed_authorization_request_endpoint` (RFC 9126 §5)
    pub pushed_authorization: Option<Endpoint>,
    /// `require_pushed_authorization_requests` (RFC 9126 §5)
    pub requires_pushed_authorization: bool,
    /// The list of the metadata that lacks what this client does: then the provider may refuse it. For information: such lists
    /// are often incomplete.
    pub unlisted: Option<&'static str>,
}

impl ClientEndpoints {
    fn from_members(client: &Client, members: &Map<String, Value>) -> Result<Self, MetadataError> {
        if present(members, "response_types_supported").is_some_and(|types| !contains(types, "code")) {
            return Err(MetadataError::CodeFlowUnsupported);
        }
        let with_certificate = matches!(client.authentication, ClientAuthentication::TlsClientAuth);
        let aliases = present(members, "mtls_endpoint_aliases").and_then(Value::as_object).filter(|_| with_certificate);
        let own = |member| match aliases.map(|aliases| endpoint(aliases, member)) {
            Some(Ok(None)) | None => endpoint(members, member),
            Some(alias) => alias,
        };
        Ok(Self {
            authorization: required(members, "authorization_endpoint")?,
            token: own("token_endpoint")?.ok_or(MetadataError::EndpointMissing { member: "token_endpoint" })?,
            userinfo: own("userinfo_endpoint")?,
            introspection: own("introspection_endpoint")?,
            pushed_authorization: own("pushed_authorization_request_endpoint")?,
            requires_pushed_authorization: is_true(members, "require_pushed_authorization_requests"),
            unlisted: unlisted(client, members),
        })
    }
}

/// Public clients are rarely listed.
fn unlisted(client: &Client, members: &Map<String, Value>) -> Option<&'static str> {
    const METHODS: &str = "token_endpoint_auth_methods_supported";
    const ALGORITHMS: &str = "token_endpoint_auth_signing_alg_values_supported";
    let lacks = |list, wanted| present(members, list).is_some_and(|list| !contains(list, wanted));
    match &client.authentication {
        ClientAuthentication::None => None,
        method if lacks(METHODS, method.name()) => Some(METHODS),
        ClientAuthentication::PrivateKeyJwt(key) if lacks(ALGORITHMS, key.algorithm()) => Some(ALGORITHMS),
        _ => None,
    }
}

impl ProviderMetadata {
    /// The metadata when the configuration alone holds all that is required, so that discovery is unnecessary.
    pub fn from_overrides(provider: &Provider) -> Option<Result<Self, MetadataError>> {
        let of_clients = REQUIRED_OF_CLIENTS.iter().filter(|_| provider.client.is_some());
        let asks = provider.client.as_ref().is_some_and(|client| client.userinfo);
        let required = REQUIRED.iter().chain(of_clients).chain(asks.then_some(&"userinfo_endpoint"));
        let complete = required.into_iter().all(|member| provider.metadata.contains_key(*member));
        complete.then(|| Self::from_members(provider, &provider.metadata))
    }

    /// A document fetched from the provider, with the configured overrides laid over it. Its own issuer has been checked.
    pub(super) fn from_document(provider: &Provider, mut document: Map<String, Value>) -> Result<Self, MetadataError> {
        document.extend(provider.metadata.clone());
        Self::from_members(provider, &document)
    }

    fn from_members(provider: &Provider, members: &Map<String, Value>) -> Result<Self, MetadataError> {
        let issuer = members.get("issuer").map(Value::as_str);
        if issuer.is_some_and(|issuer| !issuer.is_some_and(|issuer| provider.issuer.publishes_as(issuer))) {
            return Err(MetadataError::IssuerMismatch);
        }
        let of_client = |client| ClientEndpoints::from_members(client, members);
        Ok(Self {
            issuer: provider.issuer.clone(),
            jwks_uri: required(members, "jwks_uri")?,
            client_endpoints: provider.client.as_ref().map(of_client).transpose()?,
            end_session_endpoint: endpoint(members, "end_session_endpoint")?,
            id_token_algorithms: algorithms(members),
            authorization_response_issuer: is_true(members, "authorization_response_iss_parameter_supported"),
        })
    }
}

fn required(members: &Map<String, Value>, member: &'static str) -> Result<Endpoint, MetadataError> {
    endpoint(members, member)?.ok_or(MetadataError::EndpointMissing { member })
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::jose::SigningKey;
    use crate::jose::signing_key::tests::P256_PEM;
    use crate::jose::test_key::with;
    use crate::protocol::test_provider::{client, document, provider};

    fn endpoints(authentication: ClientAuthentication, changes: &Value) -> ClientEndpoints {
        let provider = Provider { client: Some(Client { authentication, ..client() }), ..provider() };
        let Value::Object(members) = with(document(), changes) else { panic!() };
        ProviderMetadata::from_document(&provider, members).unwrap().client_endpoints.unwrap()
    }

    fn key() -> ClientAuthentication {
        ClientAuthentication::PrivateKeyJwt(SigningKey::parse(P256_PEM).unwrap())
    }

    #[test]
    fn what_the_metadata_does_not_list_is_known() {
        let unlisted = |methods: Value, algorithms: Value| {
            let lists = json!({
                "token_endpoint_auth_methods_supported": methods,
                "token_endpoint_auth_signing_alg_values_supported": algorithms,
            });
            endpoints(key(), &lists).unlisted
        };
        assert_eq!(unlisted(json!(null), json!(null)), None);
        assert_eq!(unlisted(json!(["private_key_jwt"]), json!(["RS256", "ES256"])), None);
        assert_eq!(unlisted(json!(["none"]), json!(["ES256"])), Some("token_endpoint_auth_methods_supported"));
        let algorithms = Some("token_endpoint_auth_signing_alg_values_supported");
        assert_eq!(unlisted(json!(["private_key_jwt"]), json!(["RS256"])), algorithms);
    }

    #[test]
    fn aliases_are_for_clients_with_a_certificate_alone() {
        let aliases = json!({"introspection_endpoint": "https://login.example.org/introspect", "mtls_endpoint_aliases": {
            "token_endpoint": "https://mtls.example.org/token",
            "pushed_authorization_request_endpoint": "https://mtls.example.org/par",
            "authorization_endpoint": "https://mtls.example.org/authorize",
        }});
        let own = endpoints(ClientAuthentication::TlsClientAuth, &aliases);
        assert_eq!(own.token.as_written(), "https://mtls.example.org/token");
        assert_eq!(own.pushed_authorization.unwrap().as_written(), "https://mtls.example.org/par");
        assert_eq!(own.introspection.unwrap().as_written(), "https://login.example.org/introspect");
        assert_eq!(own.authorization.as_written(), "https://login.example.org/authorize");
        let other = endpoints(key(), &aliases);
        assert_eq!((other.token.as_written(), other.pushed_authorization), ("https://login.example.org/token", None));
    }
}
