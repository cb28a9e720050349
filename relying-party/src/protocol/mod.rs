//! OpenID Connect and OAuth 2.0 exchanges, each a pair of pure functions: the request, and what is made of the answer.

pub mod access_token;
pub mod authorization;
pub mod challenge;
pub mod client_authentication;
pub mod confirmation;
pub mod discovery;
pub mod dpop;
pub mod end_session;
pub mod endpoint;
pub mod id_token;
pub mod introspection;
pub mod jwks;
pub mod logout_token;
pub mod metadata;
mod numeric_date;
pub mod protected_resource;
pub mod provider_failure;
pub mod pushed_authorization;
pub mod refresh;
pub mod registration;
mod replay;
pub mod token;
pub mod token_exchange;
pub mod userinfo;

#[cfg(test)]
pub(crate) mod test_provider;

pub use authorization::{
    AuthorizationError, AuthorizationOutcome, AuthorizationRequest, AuthorizationResponse, AuthorizationResponseError,
    Prompt, authorization_url,
};
pub use client_authentication::{ClientAuthenticationError, Means};
pub use discovery::{DiscoveryError, discovery_request, process_discovery_response};
pub use end_session::{EndSessionRequest, end_session_url};
pub use endpoint::{CALLOUT_TIMEOUT, Endpoint, EndpointError};
pub use id_token::{Expected, ExpectedNonce, IdTokenError, UnverifiedIdToken, VerifiedIdToken};
pub use introspection::{IntrospectionError, introspection_request, process_introspection_response};
pub use jwks::{JwksError, jwks_request, process_jwks_response};
pub use logout_token::LogoutTokenError;
pub use metadata::{ClientEndpoints, MetadataError, ProviderMetadata};
pub use provider_failure::ProviderFailure;
pub use pushed_authorization::{
    PushedAuthorizationError, authorization_url_after_push, process_pushed_authorization_response,
    pushed_authorization_request, pushes,
};
pub use registration::Registration;
pub use token::{TokenError, TokenResponse, process_token_response, token_request};
pub use userinfo::{UserinfoAnswer, UserinfoError, merge_claims, userinfo_request};

/// The largest answer that is read from a provider, in bytes.
pub const MAX_RESPONSE: usize = 256 * 1024;
