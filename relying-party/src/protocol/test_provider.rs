//! A provider for tests, and what it says about itself.

use std::time::Duration;

use serde_json::{Map, Value, json};
use url::Url;

use super::metadata::ProviderMetadata;
use crate::config::{Client, ClientAuthentication, Issuer, Provider, PushedAuthorizationRequests};
use crate::jose::JwsAlgorithm;
use crate::secret::Secret;

/// The issuer of the tests.
pub(crate) const ISSUER: &str = "https://login.example.org";

/// A configured provider, carried by the cluster `idp`.
pub(crate) fn provider() -> Provider {
    Provider {
        name: "corp".to_owned(),
        display_name: "Corporate login".to_owned(),
        issuer: Issuer::exact(ISSUER.to_owned()),
        discovery_url: Url::parse("https://login.example.org/.well-known/openid-configuration").ok(),
        cluster: "idp".to_owned(),
        clusters: Vec::new(),
        metadata: Map::new(),
        algorithms: JwsAlgorithm::ALL.to_vec(),
        clock_skew: Duration::from_secs(60),
        client: Some(client()),
        access_tokens: None,
    }
}

/// How it knows us.
pub(crate) fn client() -> Client {
    Client {
        client_id: "portal".to_owned(),
        authentication: ClientAuthentication::SecretBasic(Secret::new("s3cret".to_owned())),
        scope: "openid email".to_owned(),
        resource: Vec::new(),
        authorization_parameters: Vec::new(),
        userinfo: false,
        id_token_hint: false,
        login_hint_domains: Vec::new(),
        pushed_authorization_requests: PushedAuthorizationRequests::Auto,
    }
}

/// A discovery document of [`ISSUER`].
pub(crate) fn document() -> Value {
    json!({
        "issuer": ISSUER,
        "authorization_endpoint": "https://login.example.org/authorize",
        "token_endpoint": "https://login.example.org/token",
        "jwks_uri": "https://login.example.org/jwks",
        "end_session_endpoint": "https://login.example.org/logout",
        "response_types_supported": ["id_token code", "code"],
        "id_token_signing_alg_values_supported": ["none", "RS256", "ES256"],
    })
}

/// [`document`] as metadata.
pub(crate) fn metadata() -> ProviderMetadata {
    super::process_discovery_response(&provider(), 200, document().to_string().as_bytes()).unwrap()
}
