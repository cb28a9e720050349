//! How the client proves itself to the endpoints that it calls (OIDC Core 1.0 §9, RFC 6749 §2.3.1, RFC 7523, RFC 8705).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use form_urlencoded::{Serializer, byte_serialize};
use serde_json::json;

use super::endpoint::Endpoint;
use super::registration::Registration;
use crate::config::{Client, ClientAuthentication};
use crate::entropy::Entropy;
use crate::http::CalloutRequest;
use crate::jose::{HostSignError, HostSigner, SigningKey};
use crate::reason::Reason;
use crate::time::UnixTime;

/// How long an assertion may be used: it is made for one request.
const ASSERTION_LIFETIME: Duration = Duration::from_secs(60);
/// `client_assertion_type` (RFC 7523 §2.2)
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What a fresh proof takes.
pub struct Means<'a> {
    /// The current time.
    pub now: UnixTime,
    /// Randomness.
    pub entropy: &'a mut dyn Entropy,
    /// The host's private-key operations.
    pub signer: &'a dyn HostSigner,
}

/// A POST of `form` to one of the provider's `endpoint`s, as its client: the token request, and every request like it.
pub fn authenticated_post(
    registration: Registration<'_>,
    endpoint: &Endpoint,
    mut form: Serializer<'_, String>,
    means: &mut Means<'_>,
) -> Result<CalloutRequest, ClientAuthenticationError> {
    let authorization = authenticate(registration, endpoint, &mut form, means)?;
    let mut request = registration.provider.callout_with_form(endpoint.url(), form.finish());
    request.headers.extend(authorization.map(|value| ("authorization".to_owned(), value)));
    Ok(request)
}

/// Adds what the client's method needs to the `form`, and gives the `authorization` header if it takes one.
fn authenticate(
    registration: Registration<'_>,
    endpoint: &Endpoint,
    form: &mut Serializer<'_, String>,
    means: &mut Means<'_>,
) -> Result<Option<String>, ClientAuthenticationError> {
    let client = registration.client;
    match &client.authentication {
        ClientAuthentication::SecretBasic(secret) => return Ok(Some(basic(&client.client_id, secret.expose()))),
        ClientAuthentication::SecretPost(secret) => {
            form.append_pair("client_id", &client.client_id).append_pair("client_secret", secret.expose());
        }
        ClientAuthentication::PrivateKeyJwt(key) => {
            let assertion = assertion(client, key, audience(registration, endpoint), means)?;
            form.append_pair("client_id", &client.client_id)
                .append_pair("client_assertion_type", ASSERTION_TYPE)
                .append_pair("client_assertion", &assertion);
        }
        // RFC 8705 §2: the certificate is in the connection, which is the host's; the form says whose it is.
        ClientAuthentication::TlsClientAuth | ClientAuthentication::None => {
            form.append_pair("client_id", &client.client_id);
        }
    }
    Ok(None)
}

/// RFC 6749 §2.3.1: both parts are form-urlencoded before they are joined, so that either may contain a colon.
fn basic(client_id: &str, secret: &str) -> String {
    let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encoded(client_id), encoded(secret))))
}

/// RFC 7523 §3, OIDC Core §9.
fn assertion(
    client: &Client,
    key: &SigningKey,
    audience: &str,
    means: &mut Means<'_>,
) -> Result<String, ClientAuthenticationError> {
    let claims = json!({
        "iss": client.client_id,
        "sub": client.client_id,
        "aud": audience,
        "jti": means.entropy.token(),
        "iat": means.now.as_secs(),
        "exp": (means.now + ASSERTION_LIFETIME).as_secs(),
    });
    key.sign("JWT", &claims, means.signer).map_err(|error| match error {
        HostSignError::Unsupported => ClientAuthenticationError::RsaUnsupported,
        HostSignError::Failed => ClientAuthenticationError::SigningFailed,
    })
}

/// Whom an assertion for `endpoint` is for; a single value, never a list.
///
/// OIDC Core §9 asks for the URL of the token endpoint, and some providers take nothing else. Others must take the issuer alone
/// (FAPI 2.0 §5.3.2.1), which is known by what else that profile requires. And when `endpoint` is not where the token endpoint is,
/// the issuer is named as well: else a provider could name another one's token endpoint in its metadata, and collect assertions
/// for it elsewhere (draft-ietf-oauth-rfc7523bis §1).
fn audience<'a>(Registration { metadata, endpoints, .. }: Registration<'a>, endpoint: &Endpoint) -> &'a str {
    let is_fapi = endpoints.requires_pushed_authorization && metadata.authorization_response_issuer;
    let token_endpoint = &endpoints.token;
    if is_fapi || token_endpoint.url().origin() != endpoint.url().origin() {
        metadata.issuer.as_str()
    } else {
        token_endpoint.as_written()
    }
}

/// Why the client cannot prove who it is. The configuration is at fault, or the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientAuthenticationError {
    /// An RSA key, on a host without a `sign` function.
    #[error("this host cannot sign with an RSA key")]
    RsaUnsupported,
    /// The host would not sign with this key.
    #[error("the host did not sign with the client's key")]
    SigningFailed,
}

impl Reason for ClientAuthenticationError {
    fn code(&self) -> &'static str {
        match self {
            Self::RsaUnsupported => "client_authentication.rsa_unsupported",
            Self::SigningFailed => "client_authentication.signing_failed",
        }
    }
}
