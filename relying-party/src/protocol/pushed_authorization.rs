//! Pushed authorization requests (RFC 9126): the parameters go to the provider directly, the browser carries a reference.

use form_urlencoded::Serializer;
use serde_json::{Map, Value};
use url::Url;

use super::MAX_RESPONSE;
use super::authorization::AuthorizationRequest;
use super::client_authentication::{ClientAuthenticationError, Means, authenticated_post};
use super::endpoint::is_unavailable;
use super::registration::Registration;
use crate::config::{ClientAuthentication, PushedAuthorizationRequests};
use crate::http::{CalloutRequest, uri};
use crate::jose::json::{self, JsonError};
use crate::reason::Reason;

/// The longest `request_uri`, in bytes: it must fit into a redirect.
const MAX_REQUEST_URI: usize = 2048;

/// Whether `client` pushes its requests to this provider.
pub const fn pushes(registration: Registration<'_>) -> bool {
    match registration.client.pushed_authorization_requests {
        PushedAuthorizationRequests::Auto => registration.endpoints.requires_pushed_authorization,
        PushedAuthorizationRequests::Always => true,
        PushedAuthorizationRequests::Never => false,
    }
}

/// RFC 9126 §2.1
pub fn pushed_authorization_request(
    registration: Registration<'_>,
    request: &AuthorizationRequest<'_>,
    means: &mut Means<'_>,
) -> Result<CalloutRequest, PushedAuthorizationError> {
    let Registration { client, endpoints, .. } = registration;
    let endpoint = endpoints.pushed_authorization.as_ref().ok_or(PushedAuthorizationError::MissingEndpoint)?;
    let mut form = Serializer::new(String::new());
    request.append_to(client, &mut form);
    // Part of the request; every other method puts it into the form by itself.
    if let ClientAuthentication::SecretBasic(_) = client.authentication {
        form.append_pair("client_id", &client.client_id);
    }
    Ok(authenticated_post("pushed_authorization", registration, endpoint, form, means)?)
}

/// RFC 9126 §2.2: the `request_uri`. How long it may be used does not matter to a browser that is sent there at once.
pub fn process_pushed_authorization_response(status: u16, body: &[u8]) -> Result<String, PushedAuthorizationError> {
    let answer = json::parse_object(body, MAX_RESPONSE);
    // §2.2 says 201; some providers say 200.
    if !matches!(status, 200 | 201) {
        return Err(refusal(status, answer.as_ref().ok()));
    }
    let answer = answer.map_err(PushedAuthorizationError::Malformed)?;
    match answer.get("request_uri") {
        None | Some(Value::Null) => Err(PushedAuthorizationError::MissingRequestUri),
        Some(Value::String(uri)) if is_uri(uri) => Ok(uri.clone()),
        Some(_) => Err(PushedAuthorizationError::RequestUriMalformed),
    }
}

/// RFC 9126 §4: where to send the browser with `request_uri`.
pub fn authorization_url_after_push(registration: Registration<'_>, request_uri: &str) -> Url {
    let mut url = registration.endpoints.authorization.url().clone();
    url.query_pairs_mut()
        .append_pair("client_id", &registration.client.client_id)
        .append_pair("request_uri", request_uri);
    url
}

fn is_uri(text: &str) -> bool {
    text.len() <= MAX_REQUEST_URI && uri::is_absolute(text)
}

/// RFC 9126 §2.3: the errors of the authorization endpoint and of the token endpoint.
fn refusal(status: u16, answer: Option<&Map<String, Value>>) -> PushedAuthorizationError {
    match answer.and_then(|answer| answer.get("error")).and_then(Value::as_str) {
        Some("invalid_client") => PushedAuthorizationError::InvalidClient,
        Some("unauthorized_client") => PushedAuthorizationError::UnauthorizedClient,
        Some("invalid_request") => PushedAuthorizationError::InvalidRequest,
        Some("invalid_scope") => PushedAuthorizationError::InvalidScope,
        Some("invalid_target") => PushedAuthorizationError::InvalidTarget,
        Some("server_error" | "temporarily_unavailable") => PushedAuthorizationError::Unavailable { status },
        _ if is_unavailable(status) => PushedAuthorizationError::Unavailable { status },
        _ if status == 401 => PushedAuthorizationError::InvalidClient,
        _ => PushedAuthorizationError::Refused { status },
    }
}

/// Why there is no `request_uri`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PushedAuthorizationError {
    /// Requests are to be pushed, and the metadata does not say where: the configuration's fault, or the provider's.
    #[error("the metadata has no pushed_authorization_request_endpoint")]
    MissingEndpoint,
    /// The request cannot be made.
    #[error(transparent)]
    ClientAuthentication(#[from] ClientAuthenticationError),
    /// The client's authentication was refused: the configuration's fault.
    #[error("the provider refused the client's authentication")]
    InvalidClient,
    /// The client may not push requests, or not use the code flow: the registration's fault.
    #[error("the client is not authorized for this request")]
    UnauthorizedClient,
    /// The request was refused as invalid; often it is the redirect URI.
    #[error("the provider refused the pushed authorization request as invalid")]
    InvalidRequest,
    /// The scope was refused.
    #[error("the provider refused the scope")]
    InvalidScope,
    /// The `resource` was refused (RFC 8707 §2).
    #[error("the provider refused the resource")]
    InvalidTarget,
    /// Refused for another reason, or for none.
    #[error("the provider refused the pushed authorization request")]
    Refused {
        /// The HTTP status code.
        status: u16,
    },
    /// Not now: 408, 429, 5xx, or the provider says so.
    #[error("the pushed authorization request endpoint is unavailable")]
    Unavailable {
        /// The HTTP status code.
        status: u16,
    },
    /// No acceptable JSON object.
    #[error("the answer to the pushed authorization request is malformed")]
    Malformed(#[source] JsonError),
    /// No `request_uri`.
    #[error("the answer to the pushed authorization request has no request_uri")]
    MissingRequestUri,
    /// A `request_uri` that is no URI, or too long to be passed on.
    #[error("the request_uri is malformed")]
    RequestUriMalformed,
}

impl Reason for PushedAuthorizationError {
    fn code(&self) -> &'static str {
        match self {
            Self::MissingEndpoint => "par.endpoint_missing",
            Self::ClientAuthentication(error) => error.code(),
            Self::InvalidClient => "par.invalid_client",
            Self::UnauthorizedClient => "par.unauthorized_client",
            Self::InvalidRequest => "par.invalid_request",
            Self::InvalidScope => "par.invalid_scope",
            Self::InvalidTarget => "par.invalid_target",
            Self::Refused { .. } => "par.refused",
            Self::Unavailable { .. } => "par.unavailable",
            Self::Malformed(_) => "par.malformed",
            Self::MissingRequestUri => "par.request_uri_missing",
            Self::RequestUriMalformed => "par.request_uri_malformed",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::Client;
    use crate::jose::NoHostSigner;
    use crate::policy::demand::AuthenticationDemand;
    use crate::protocol::metadata::ClientEndpoints;
    use crate::protocol::test_provider::{client, metadata, provider};
    use crate::protocol::{Endpoint, ProviderMetadata};
    use crate::session::testing::TestEntropy;
    use crate::time::UnixTime;

    const REQUEST: AuthorizationRequest<'static> = AuthorizationRequest {
        redirect_uri: "https://portal.example.org/oauth2/callback",
        state: "s1",
        nonce: "n1",
        // RFC 7636, Appendix B
        code_verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        login_hint: None,
        prompt: None,
        demand: &AuthenticationDemand { max_age: None, acr_values: Vec::new() },
    };

    fn with_endpoint() -> ProviderMetadata {
        let pushed_authorization = Endpoint::parse("https://login.example.org/par?v=1").ok();
        let endpoints =
            metadata().client_endpoints.map(|endpoints| ClientEndpoints { pushed_authorization, ..endpoints });
        ProviderMetadata { client_endpoints: endpoints, ..metadata() }
    }

    fn push(client: &Client, metadata: &ProviderMetadata) -> Result<CalloutRequest, PushedAuthorizationError> {
        let mut entropy = TestEntropy::default();
        let mut means = Means { now: UnixTime::from_secs(0), entropy: &mut entropy, signer: &NoHostSigner };
        let (provider, endpoints) = (provider(), metadata.client_endpoints.as_ref().unwrap());
        let registration = Registration { provider: &provider, client, metadata, endpoints };
        pushed_authorization_request(registration, &REQUEST, &mut means)
    }

    #[test]
    fn the_whole_request_is_pushed_and_the_client_named_once() {
        let mut client = client();
        let request = push(&client, &with_endpoint()).unwrap();
        assert_eq!((request.method, request.path.as_str()), ("POST", "/par?v=1"));
        assert!(request.headers.iter().any(|(name, value)| name == "authorization" && value.starts_with("Basic ")));
        let parameters = "response_type=code&redirect_uri=https%3A%2F%2Fportal.example.org%2Foauth2%2Fcallback\
             &scope=openid+email&state=s1&nonce=n1&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM\
             &code_challenge_method=S256&client_id=portal";
        assert_eq!(String::from_utf8(request.body).unwrap(), parameters);
        client.authentication = ClientAuthentication::None;
        assert_eq!(String::from_utf8(push(&client, &with_endpoint()).unwrap().body).unwrap(), parameters);
        assert_eq!(push(&client, &metadata()).map(|_| ()), Err(PushedAuthorizationError::MissingEndpoint));
    }

    #[test]
    fn the_browser_carries_the_reference_alone() {
        let mut metadata = metadata();
        let authorization = Endpoint::parse("https://login.example.org/authorize?p=1").unwrap();
        metadata.client_endpoints =
            metadata.client_endpoints.map(|endpoints| ClientEndpoints { authorization, ..endpoints });
        let provider = provider();
        let registration = Registration::of(&provider, &metadata).unwrap();
        let url = authorization_url_after_push(registration, "urn:x:a&b");
        assert_eq!(
            url.as_str(),
            "https://login.example.org/authorize?p=1&client_id=portal&request_uri=urn%3Ax%3Aa%26b"
        );
    }

    #[test]
    fn an_answer_is_a_reference_or_an_error() {
        let process = |status, body: &str| process_pushed_authorization_response(status, body.as_bytes());
        assert_eq!(process(201, r#"{"request_uri":"urn:x:1","expires_in":60}"#).as_deref(), Ok("urn:x:1"));
        assert_eq!(process(200, r#"{"request_uri":"https://a.example/r"}"#).as_deref(), Ok("https://a.example/r"));
        for (status, body, refused) in [
            (201, "", PushedAuthorizationError::Malformed(JsonError::Malformed)),
            (201, "{}", PushedAuthorizationError::MissingRequestUri),
            (201, r#"{"request_uri":""}"#, PushedAuthorizationError::RequestUriMalformed),
            (201, r#"{"request_uri":"no-scheme"}"#, PushedAuthorizationError::RequestUriMalformed),
            (400, r#"{"error":"unauthorized_client"}"#, PushedAuthorizationError::UnauthorizedClient),
            (400, r#"{"error":"invalid_scope"}"#, PushedAuthorizationError::InvalidScope),
            (400, r#"{"error":"server_error"}"#, PushedAuthorizationError::Unavailable { status: 400 }),
            (401, "", PushedAuthorizationError::InvalidClient),
            (404, "<html>", PushedAuthorizationError::Refused { status: 404 }),
            (413, "", PushedAuthorizationError::Refused { status: 413 }),
            (429, "", PushedAuthorizationError::Unavailable { status: 429 }),
        ] {
            assert_eq!(process(status, body), Err(refused), "{status} {body}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_answers_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), status: u16, uri in ".{0,80}") {
            let _ = process_pushed_authorization_response(status, &bytes);
            let answer = serde_json::json!({"request_uri": uri}).to_string();
            if let Ok(uri) = process_pushed_authorization_response(201, answer.as_bytes()) {
                prop_assert!(uri.bytes().all(|byte| byte.is_ascii_graphic()));
            }
        }
    }
}
