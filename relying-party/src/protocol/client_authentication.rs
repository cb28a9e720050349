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

/// A POST of `form` to one of the provider's `endpoint`s, as its client: the token request, and every request like it. `call` is what
/// it asks for, in metrics.
pub fn authenticated_post(
    call: &'static str,
    registration: Registration<'_>,
    endpoint: &Endpoint,
    mut form: Serializer<'_, String>,
    means: &mut Means<'_>,
) -> Result<CalloutRequest, ClientAuthenticationError> {
    let authorization = authenticate(registration, endpoint, &mut form, means)?;
    let mut request = registration.provider.callout_with_form(call, endpoint.url(), form.finish());
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

/// RFC 6749 §2.3.1: both parts are form-urlencoded before they are joined, so that either may contain a colon. A space is `%20`:
/// some servers (Authlib) do not read `+` as one, and all of them read this.
fn basic(client_id: &str, secret: &str) -> String {
    let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20");
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::jose::signing_key::tests::{P256_JWK, P256_PEM, RSA_PEM, TestHost, public};
    use crate::jose::test_key::jwk_set;
    use crate::jose::unverified_jwt::UnverifiedJwt;
    use crate::jose::{JwsAlgorithm, NoHostSigner, Software};
    use crate::protocol::ProviderMetadata;
    use crate::protocol::metadata::ClientEndpoints;
    use crate::protocol::test_provider::{self, ISSUER, metadata, provider};
    use crate::session::testing::TestEntropy;

    const NOW: u64 = 1_700_000_000;

    fn client(key: &str) -> Client {
        let authentication = ClientAuthentication::PrivateKeyJwt(SigningKey::parse(key).unwrap());
        Client { authentication, ..test_provider::client() }
    }

    /// The form of a request to `endpoint`.
    fn form(
        client: &Client,
        metadata: &ProviderMetadata,
        endpoint: &str,
        entropy: &mut TestEntropy,
        signer: &dyn HostSigner,
    ) -> Result<Vec<(String, String)>, ClientAuthenticationError> {
        let mut form = Serializer::new(String::new());
        let mut means = Means { now: UnixTime::from_secs(NOW), entropy, signer };
        let endpoint = Endpoint::parse(endpoint).unwrap();
        let (provider, endpoints) = (provider(), metadata.client_endpoints.as_ref().unwrap());
        let registration = Registration { provider: &provider, client, metadata, endpoints };
        assert_eq!(authenticate(registration, &endpoint, &mut form, &mut means)?, None);
        Ok(form_urlencoded::parse(form.finish().as_bytes()).into_owned().collect())
    }

    fn claims(metadata: &ProviderMetadata, endpoint: &str, entropy: &mut TestEntropy) -> Value {
        let form = form(&client(P256_PEM), metadata, endpoint, entropy, &NoHostSigner).unwrap();
        let names: Vec<_> = form.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["client_id", "client_assertion_type", "client_assertion"]);
        assert_eq!((form[0].1.as_str(), form[1].1.as_str()), ("portal", ASSERTION_TYPE));
        let jwt = UnverifiedJwt::parse(&form[2].1).unwrap();
        assert_eq!(jwt.typ(), Some("JWT"));
        let keys = jwk_set(&[public(P256_JWK)]);
        Value::Object(jwt.verify(&keys, &[JwsAlgorithm::Es256], &Software).unwrap().into_claims())
    }

    #[test]
    fn an_assertion_says_who_to_whom_and_for_how_long() {
        let entropy = &mut TestEntropy::default();
        let mut claims = claims(&metadata(), "https://login.example.org/token", entropy);
        let id = claims.as_object_mut().unwrap().remove("jti").unwrap();
        assert_eq!(id.as_str().map(str::len), Some(43));
        let expected = json!({"iss": "portal", "sub": "portal", "aud": "https://login.example.org/token",
            "iat": NOW, "exp": NOW + 60});
        assert_eq!(claims, expected);
    }

    #[test]
    fn no_two_assertions_have_the_same_id() {
        let entropy = &mut TestEntropy::default();
        let ids: BTreeSet<_> = (0..20)
            .map(|_| claims(&metadata(), "https://login.example.org/token", entropy)["jti"].to_string())
            .collect();
        assert_eq!(ids.len(), 20);
    }

    #[test]
    fn the_audience_is_what_the_provider_takes_and_nobody_else() {
        let audience = |metadata: &ProviderMetadata, endpoint: &str| {
            claims(metadata, endpoint, &mut TestEntropy::default())["aud"].as_str().unwrap().to_owned()
        };
        let usual = metadata();
        assert_eq!(audience(&usual, "https://login.example.org/par"), "https://login.example.org/token");
        // As written, not as normalised: it is compared by its letters.
        let with_token = |url| {
            let token = Endpoint::parse(url).unwrap();
            let endpoints = metadata().client_endpoints.map(|endpoints| ClientEndpoints { token, ..endpoints });
            ProviderMetadata { client_endpoints: endpoints, ..metadata() }
        };
        let written = with_token("https://login.example.org:443//token");
        assert_eq!(audience(&written, "https://login.example.org/token"), "https://login.example.org:443//token");
        // The token endpoint of another provider, and an endpoint of its own that collects assertions for it.
        assert_eq!(audience(&usual, "https://evil.example/par"), ISSUER);
        let endpoints = metadata()
            .client_endpoints
            .map(|endpoints| ClientEndpoints { requires_pushed_authorization: true, ..endpoints });
        let fapi = ProviderMetadata { client_endpoints: endpoints, authorization_response_issuer: true, ..metadata() };
        assert_eq!(audience(&fapi, "https://login.example.org/token"), ISSUER);
    }

    #[test]
    fn an_rsa_key_needs_a_host_that_signs() {
        struct Refusing;
        impl HostSigner for Refusing {
            fn sign_rs256(&self, _: &[u8], _: &[u8]) -> Result<Vec<u8>, HostSignError> {
                Err(HostSignError::Failed)
            }
        }
        let form = |signer: &dyn HostSigner| {
            let endpoint = "https://login.example.org/token";
            form(&client(RSA_PEM), &metadata(), endpoint, &mut TestEntropy::default(), signer).map(|form| form.len())
        };
        assert_eq!(form(&NoHostSigner), Err(ClientAuthenticationError::RsaUnsupported));
        assert_eq!(form(&Refusing), Err(ClientAuthenticationError::SigningFailed));
        assert_eq!(form(&TestHost), Ok(3));
    }

    #[test]
    fn a_client_with_a_certificate_sends_its_name_alone() {
        let client = Client { authentication: ClientAuthentication::TlsClientAuth, ..test_provider::client() };
        let form = form(&client, &metadata(), "https://mtls.example.org/", &mut TestEntropy::default(), &NoHostSigner);
        assert_eq!(form, Ok(vec![("client_id".to_owned(), "portal".to_owned())]));
    }
}
