//! OIDC Discovery 1.0 §4: fetching a provider's metadata.

use super::MAX_RESPONSE;
use super::endpoint::is_unavailable;
use super::metadata::{MetadataError, ProviderMetadata};
use crate::config::Provider;
use crate::http::CalloutRequest;
use crate::jose::json::{self, JsonError};
use crate::reason::Reason;

/// §4.1; `None` for a provider without a discovery document.
pub fn discovery_request(provider: &Provider) -> Option<CalloutRequest> {
    provider.discovery_url.as_ref().map(|url| provider.callout("discovery", url))
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
    let issuer = document.get("issuer").and_then(|issuer| issuer.as_str());
    if !issuer.is_some_and(|issuer| provider.issuer.publishes_as(issuer)) {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::jose::JwsAlgorithm;
    use crate::jose::test_key::with;
    use crate::protocol::endpoint::EndpointError;
    use crate::protocol::test_provider::{document, provider};

    fn process(document: &Value) -> Result<ProviderMetadata, DiscoveryError> {
        process_discovery_response(&provider(), 200, document.to_string().as_bytes())
    }

    fn metadata_refusal(changes: &Value) -> MetadataError {
        match process(&with(document(), changes)) {
            Err(DiscoveryError::Metadata(error)) => error,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn discovery_asks_at_the_well_known_path() {
        let request = discovery_request(&provider()).unwrap();
        assert_eq!((request.method, request.path.as_str()), ("GET", "/.well-known/openid-configuration"));
        assert_eq!((request.cluster.as_str(), request.authority.as_str()), ("idp", "login.example.org"));
        assert!(request.headers.contains(&("accept".to_owned(), "application/json".to_owned())));
    }

    #[test]
    fn a_document_becomes_metadata() {
        let optional = json!({"userinfo_endpoint": "https://login.example.org/me", "end_session_endpoint": null,
            "authorization_response_iss_parameter_supported": true, "unknown": {"x": [1]}});
        let metadata = process(&with(document(), &optional)).unwrap();
        assert_eq!(
            metadata.client_endpoints.as_ref().unwrap().authorization.url().as_str(),
            "https://login.example.org/authorize"
        );
        assert_eq!(metadata.client_endpoints.unwrap().userinfo.unwrap().url().path(), "/me");
        assert_eq!(metadata.end_session_endpoint, None);
        assert_eq!(metadata.id_token_algorithms, [JwsAlgorithm::Rs256, JwsAlgorithm::Es256]);
        assert!(metadata.authorization_response_issuer);
    }

    #[test]
    fn another_issuer_is_refused_however_similar() {
        for issuer in [
            json!("https://login.example.org/"),
            json!("https://LOGIN.example.org"),
            json!("https://login.example.orgINVALID"),
            json!(1),
            json!(["https://login.example.org"]),
        ] {
            assert_eq!(metadata_refusal(&json!({"issuer": issuer})), MetadataError::IssuerMismatch);
        }
        assert_eq!(metadata_refusal(&json!({"issuer": null})), MetadataError::IssuerMismatch);
        // An override does not turn a foreign document into ours.
        let mut provider = provider();
        provider.metadata.insert("issuer".to_owned(), json!(provider.issuer.as_str()));
        let foreign = with(document(), &json!({"issuer": "https://evil.example"})).to_string();
        let refused = process_discovery_response(&provider, 200, foreign.as_bytes()).unwrap_err();
        assert_eq!(refused.code(), "discovery.issuer_mismatch");
    }

    #[test]
    fn endpoints_are_required_and_checked() {
        for member in ["authorization_endpoint", "token_endpoint", "jwks_uri"] {
            assert_eq!(metadata_refusal(&json!({member: null})), MetadataError::EndpointMissing { member });
        }
        for member in
            ["authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint", "end_session_endpoint"]
        {
            let source = EndpointError::NotHttps;
            assert_eq!(
                metadata_refusal(&json!({member: "http://a.example"})),
                MetadataError::EndpointInvalid { member, source }
            );
            let source = EndpointError::Malformed;
            assert_eq!(metadata_refusal(&json!({member: 1})), MetadataError::EndpointInvalid { member, source });
        }
        assert_eq!(
            metadata_refusal(&json!({"response_types_supported": ["id_token"]})),
            MetadataError::CodeFlowUnsupported
        );
    }

    #[test]
    fn configured_members_win_and_can_replace_discovery() {
        let mut provider = provider();
        provider.metadata.insert("token_endpoint".to_owned(), json!("https://other.example/token"));
        assert!(ProviderMetadata::from_overrides(&provider).is_none());
        let metadata = process_discovery_response(&provider, 200, document().to_string().as_bytes()).unwrap();
        assert_eq!(metadata.client_endpoints.unwrap().token.url().as_str(), "https://other.example/token");

        provider.metadata.insert("authorization_endpoint".to_owned(), json!("https://other.example/authorize"));
        provider.metadata.insert("jwks_uri".to_owned(), json!("https://other.example/jwks"));
        let metadata = ProviderMetadata::from_overrides(&provider).unwrap().unwrap();
        assert_eq!((metadata.issuer.as_str(), metadata.jwks_uri.url().path()), (provider.issuer.as_str(), "/jwks"));
        provider.metadata.insert("jwks_uri".to_owned(), json!("ftp://other.example/jwks"));
        assert!(ProviderMetadata::from_overrides(&provider).unwrap().is_err());
    }

    #[test]
    fn other_answers_than_an_object_with_200_are_refused() {
        let process = |status, body: &[u8]| process_discovery_response(&provider(), status, body).unwrap_err();
        assert_eq!(process(302, b""), DiscoveryError::UnexpectedStatus { status: 302 });
        assert_eq!(process(404, b"{}"), DiscoveryError::UnexpectedStatus { status: 404 });
        assert_eq!(process(503, b""), DiscoveryError::Unavailable { status: 503 });
        assert_eq!(process(200, b"<html>"), DiscoveryError::Malformed(JsonError::Malformed));
        assert_eq!(process(200, &[b' '; MAX_RESPONSE + 1]), DiscoveryError::Malformed(JsonError::TooLarge));
    }

    proptest! {
        #[test]
        fn arbitrary_documents_do_not_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..200), status: u16, url in ".{0,60}", member in 0_usize..6,
        ) {
            let _ = process_discovery_response(&provider(), status, &bytes);
            let member = ["authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint", "issuer", "response_types_supported"][member];
            let _ = process(&with(document(), &json!({member: url})));
        }
    }
}
