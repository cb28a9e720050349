//! The authorization request and its response (OIDC Core 1.0 §3.1.2, RFC 7636, RFC 9207).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use form_urlencoded::{Serializer, Target};
use sha2::{Digest as _, Sha256};
use url::Url;

use super::metadata::ProviderMetadata;
use super::registration::Registration;
use crate::config::Client;
use crate::policy::demand::AuthenticationDemand;
use crate::reason::Reason;
use crate::secret::Secret;

/// The longest response, in bytes of query or form.
const MAX_RESPONSE: usize = 16 * 1024;

/// What one login adds to the authorization request.
#[derive(Clone, Copy)]
pub struct AuthorizationRequest<'a> {
    /// `redirect_uri`
    pub redirect_uri: &'a str,
    /// `state`
    pub state: &'a str,
    /// `nonce`
    pub nonce: &'a str,
    /// Its SHA-256 becomes `code_challenge` (RFC 7636 §4.2).
    pub code_verifier: &'a str,
    /// `login_hint`
    pub login_hint: Option<&'a str>,
    /// `prompt`
    pub prompt: Option<Prompt>,
    /// `max_age` and `acr_values`
    pub demand: &'a AuthenticationDemand,
}

/// `prompt`: what the provider may ask the person (OIDC Core §3.1.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// `none`: nothing at all.
    None,
}

impl AuthorizationRequest<'_> {
    /// Adds the parameters of OIDC Core §3.1.2.1 to a query or form, all but `client_id`: it is the client's way to say who it is.
    pub(super) fn append_to<T: Target>(&self, client: &Client, parameters: &mut Serializer<'_, T>) {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(self.code_verifier));
        parameters
            .append_pair("response_type", "code")
            .append_pair("redirect_uri", self.redirect_uri)
            .append_pair("scope", &client.scope)
            .append_pair("state", self.state)
            .append_pair("nonce", self.nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        if let Some(hint) = self.login_hint {
            parameters.append_pair("login_hint", hint);
        }
        if let Some(Prompt::None) = self.prompt {
            parameters.append_pair("prompt", "none");
        }
        if let Some(max_age) = self.demand.max_age {
            parameters.append_pair("max_age", &max_age.as_secs().to_string());
        }
        if !self.demand.acr_values.is_empty() {
            parameters.append_pair("acr_values", &self.demand.acr_values.join(" "));
        }
        // RFC 8707 §2
        parameters.extend_pairs(client.resource.iter().map(|resource| ("resource", resource)));
        parameters.extend_pairs(&client.authorization_parameters);
    }
}

/// Where to send the browser to sign in (OIDC Core §3.1.2.1). A query that the endpoint already has is kept.
pub fn authorization_url(registration: Registration<'_>, request: &AuthorizationRequest<'_>) -> Url {
    let Registration { client, endpoints, .. } = registration;
    let mut url = endpoints.authorization.url().clone();
    request.append_to(client, url.query_pairs_mut().append_pair("client_id", &client.client_id));
    url
}

/// What the browser brings back (OIDC Core §3.1.2.5, §3.1.2.6). It is only as trustworthy as its `state`.
#[derive(Debug)]
pub struct AuthorizationResponse {
    /// `state`
    pub state: String,
    /// `iss` (RFC 9207 §2)
    issuer: Option<String>,
    /// How the sign-in ended.
    pub outcome: AuthorizationOutcome,
}

/// How a sign-in ended at the provider.
#[derive(Debug)]
pub enum AuthorizationOutcome {
    /// `code`
    Code(Secret<String>),
    /// `error`
    Error(AuthorizationError),
}

impl AuthorizationResponse {
    /// Reads the query of a redirect, or the body of a form post.
    pub fn parse(query_or_form: &str) -> Result<Self, AuthorizationResponseError> {
        if query_or_form.len() > MAX_RESPONSE {
            return Err(AuthorizationResponseError::TooLarge);
        }
        let mut parameters = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(query_or_form.as_bytes()) {
            // RFC 6749 §3.1: no parameter more than once.
            if parameters.insert(name, value).is_some() {
                return Err(AuthorizationResponseError::DuplicateParameter);
            }
        }
        // RFC 6749 §3.1: a parameter without a value counts as omitted. Appendix A.5 and A.11: visible ASCII.
        let parameter = |name: &str| match parameters.get(name).filter(|value| !value.is_empty()) {
            Some(value) if value.bytes().any(|byte| !matches!(byte, 0x20..=0x7e)) => {
                Err(AuthorizationResponseError::MalformedParameter)
            }
            value => Ok(value.map(|value| value.clone().into_owned())),
        };
        let state = parameter("state")?.ok_or(AuthorizationResponseError::MissingState)?;
        let outcome = match (parameter("code")?, parameter("error")?) {
            (Some(code), None) => AuthorizationOutcome::Code(Secret::new(code)),
            (None, Some(error)) => AuthorizationOutcome::Error(AuthorizationError::from_name(&error)),
            (Some(_), Some(_)) => return Err(AuthorizationResponseError::CodeAndError),
            (None, None) => return Err(AuthorizationResponseError::MissingCode),
        };
        Ok(Self { state, issuer: parameter("iss")?, outcome })
    }

    /// RFC 9207 §2.4: the response is from the provider that was asked. `iss` must match when it is there, and must be
    /// there when the metadata promises it.
    pub fn check_issuer(&self, metadata: &ProviderMetadata) -> Result<(), AuthorizationResponseError> {
        match &self.issuer {
            Some(issuer) if metadata.issuer.accepts(issuer) => Ok(()),
            Some(_) => Err(AuthorizationResponseError::IssuerMismatch),
            None if metadata.authorization_response_issuer => Err(AuthorizationResponseError::MissingIssuer),
            None => Ok(()),
        }
    }
}

/// Why a callback was refused. The browser is at fault, or whoever sent it here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthorizationResponseError {
    /// Longer than 16 KiB.
    #[error("the authorization response is too large")]
    TooLarge,
    /// A parameter occurs twice.
    #[error("a parameter of the authorization response occurs twice")]
    DuplicateParameter,
    /// A parameter has characters that it cannot have.
    #[error("a parameter of the authorization response is malformed")]
    MalformedParameter,
    /// No `state`.
    #[error("the authorization response has no state")]
    MissingState,
    /// Neither `code` nor `error`.
    #[error("the authorization response has no code")]
    MissingCode,
    /// Both `code` and `error`.
    #[error("the authorization response has both a code and an error")]
    CodeAndError,
    /// `iss` is another provider's.
    #[error("the authorization response is from another issuer")]
    IssuerMismatch,
    /// No `iss`, although the provider always sends it.
    #[error("the authorization response has no issuer")]
    MissingIssuer,
}

impl Reason for AuthorizationResponseError {
    fn code(&self) -> &'static str {
        match self {
            Self::TooLarge => "authorization_response.too_large",
            Self::DuplicateParameter => "authorization_response.duplicate_parameter",
            Self::MalformedParameter => "authorization_response.malformed_parameter",
            Self::MissingState => "authorization_response.state_missing",
            Self::MissingCode => "authorization_response.code_missing",
            Self::CodeAndError => "authorization_response.code_and_error",
            Self::IssuerMismatch => "authorization_response.issuer_mismatch",
            Self::MissingIssuer => "authorization_response.issuer_missing",
        }
    }
}

/// `error` of an authorization response (RFC 6749 §4.1.2.1, OIDC Core §3.1.2.6). The provider's own words are not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthorizationError {
    /// `access_denied`: the person or the provider said no.
    #[error("the sign-in was denied")]
    AccessDenied,
    /// `login_required`
    #[error("the provider requires a login")]
    LoginRequired,
    /// `interaction_required`
    #[error("the provider requires interaction")]
    InteractionRequired,
    /// `consent_required`
    #[error("the provider requires consent")]
    ConsentRequired,
    /// `account_selection_required`
    #[error("the provider requires the selection of an account")]
    AccountSelectionRequired,
    /// `invalid_request`
    #[error("the provider refused the authorization request as invalid")]
    InvalidRequest,
    /// `unauthorized_client`
    #[error("the client is not authorized for this request")]
    UnauthorizedClient,
    /// `unsupported_response_type`
    #[error("the provider does not support the code flow")]
    UnsupportedResponseType,
    /// `invalid_scope`
    #[error("the provider refused the scope")]
    InvalidScope,
    /// `invalid_target` (RFC 8707 §2)
    #[error("the provider refused the resource")]
    InvalidTarget,
    /// `server_error`
    #[error("the provider has an internal error")]
    ServerError,
    /// `temporarily_unavailable`
    #[error("the provider is temporarily unavailable")]
    TemporarilyUnavailable,
    /// `invalid_request_uri`, `invalid_request_object`, `request_not_supported`, `request_uri_not_supported` or
    /// `registration_not_supported`: answers to what this client does not send.
    #[error("the provider refused a feature that was not used")]
    UnusedFeature,
    /// Any other.
    #[error("the provider reported an unknown error")]
    Other,
}

impl AuthorizationError {
    /// Whether the provider cannot answer without the person (OIDC Core §3.1.2.6).
    pub const fn needs_the_person(self) -> bool {
        matches!(
            self,
            Self::LoginRequired | Self::InteractionRequired | Self::ConsentRequired | Self::AccountSelectionRequired
        )
    }

    fn from_name(name: &str) -> Self {
        match name {
            "access_denied" => Self::AccessDenied,
            "login_required" => Self::LoginRequired,
            "interaction_required" => Self::InteractionRequired,
            "consent_required" => Self::ConsentRequired,
            "account_selection_required" => Self::AccountSelectionRequired,
            "invalid_request" => Self::InvalidRequest,
            "unauthorized_client" => Self::UnauthorizedClient,
            "unsupported_response_type" => Self::UnsupportedResponseType,
            "invalid_scope" => Self::InvalidScope,
            "invalid_target" => Self::InvalidTarget,
            "server_error" => Self::ServerError,
            "temporarily_unavailable" => Self::TemporarilyUnavailable,
            "invalid_request_uri"
            | "invalid_request_object"
            | "request_not_supported"
            | "request_uri_not_supported"
            | "registration_not_supported" => Self::UnusedFeature,
            _ => Self::Other,
        }
    }
}

impl Reason for AuthorizationError {
    fn code(&self) -> &'static str {
        match self {
            Self::AccessDenied => "authorization.access_denied",
            Self::LoginRequired => "authorization.login_required",
            Self::InteractionRequired => "authorization.interaction_required",
            Self::ConsentRequired => "authorization.consent_required",
            Self::AccountSelectionRequired => "authorization.account_selection_required",
            Self::InvalidRequest => "authorization.invalid_request",
            Self::UnauthorizedClient => "authorization.unauthorized_client",
            Self::UnsupportedResponseType => "authorization.unsupported_response_type",
            Self::InvalidScope => "authorization.invalid_scope",
            Self::InvalidTarget => "authorization.invalid_target",
            Self::ServerError => "authorization.server_error",
            Self::TemporarilyUnavailable => "authorization.temporarily_unavailable",
            Self::UnusedFeature => "authorization.unused_feature",
            Self::Other => "authorization.other",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::protocol::test_provider::{metadata, provider};
    use crate::protocol::{Endpoint, ProviderMetadata};

    fn parse(query: &str) -> Result<AuthorizationResponse, AuthorizationResponseError> {
        AuthorizationResponse::parse(query)
    }

    #[test]
    fn the_browser_is_sent_to_sign_in_with_pkce() {
        let mut metadata = metadata();
        let endpoints = metadata.client_endpoints.as_mut().unwrap();
        endpoints.authorization = Endpoint::parse("https://login.example.org/authorize?p=policy%2F1").unwrap();
        let mut provider = provider();
        let client = provider.client.as_mut().unwrap();
        client.authorization_parameters = vec![("prompt".to_owned(), "select account".to_owned())];
        client.resource = vec!["https://a.example/".to_owned(), "urn:b".to_owned()];
        // RFC 7636, Appendix B
        let url = authorization_url(
            Registration::of(&provider, &metadata).unwrap(),
            &AuthorizationRequest {
                redirect_uri: "https://portal.example.org/oauth2/callback",
                state: "s1",
                nonce: "n1",
                code_verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
                login_hint: Some("a&b@example.org"),
                prompt: None,
                demand: &AuthenticationDemand {
                    max_age: Some(Duration::from_secs(900)),
                    acr_values: vec!["urn:a".to_owned(), "urn:b".to_owned()],
                },
            },
        );
        assert_eq!(
            url.as_str(),
            "https://login.example.org/authorize?p=policy%2F1&client_id=portal&response_type=code\
             &redirect_uri=https%3A%2F%2Fportal.example.org%2Foauth2%2Fcallback&scope=openid+email&state=s1&nonce=n1\
             &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256\
             &login_hint=a%26b%40example.org&max_age=900&acr_values=urn%3Aa+urn%3Ab&resource=https%3A%2F%2Fa.example%2F&resource=urn%3Ab\
             &prompt=select+account"
        );
    }

    #[test]
    fn a_response_is_a_code_or_an_error_with_its_state() {
        let response = parse("code=c%2F1&state=s+1&session_state=x&scope=").unwrap();
        assert_eq!(response.state, "s 1");
        assert!(matches!(&response.outcome, AuthorizationOutcome::Code(code) if code.expose() == "c/1"));
        assert!(!format!("{response:?}").contains("c/1"));
        let response = parse("error=access_denied&error_description=%3Cscript%3E&state=s&code=").unwrap();
        assert!(matches!(response.outcome, AuthorizationOutcome::Error(AuthorizationError::AccessDenied)));
        let response = parse("error=%3Cscript%3E&state=s").unwrap();
        let AuthorizationOutcome::Error(error) = response.outcome else { panic!() };
        assert_eq!((error.code(), error.to_string().contains("script")), ("authorization.other", false));
    }

    #[test]
    fn other_responses_are_refused() {
        for (query, refused) in [
            ("", AuthorizationResponseError::MissingState),
            ("code=c", AuthorizationResponseError::MissingState),
            ("code=c&state=", AuthorizationResponseError::MissingState),
            ("error=access_denied", AuthorizationResponseError::MissingState),
            ("state=s", AuthorizationResponseError::MissingCode),
            ("state=s&code=", AuthorizationResponseError::MissingCode),
            ("state=s&code=c&error=e", AuthorizationResponseError::CodeAndError),
            ("state=s&code=c&code=c", AuthorizationResponseError::DuplicateParameter),
            ("state=s&code=c&st%61te=s", AuthorizationResponseError::DuplicateParameter),
            ("state=s&code=c&x=1&x=2", AuthorizationResponseError::DuplicateParameter),
            ("state=s&code=c%00", AuthorizationResponseError::MalformedParameter),
            ("state=%ff&code=c", AuthorizationResponseError::MalformedParameter),
        ] {
            assert_eq!(parse(query).map(|_| ()), Err(refused), "{query}");
        }
        let long = format!("state=s&code={}", "c".repeat(MAX_RESPONSE));
        assert_eq!(parse(&long).map(|_| ()), Err(AuthorizationResponseError::TooLarge));
    }

    #[test]
    fn the_issuer_must_match_and_must_be_there_when_promised() {
        let check = |query: &str, promised: bool| {
            let metadata = ProviderMetadata { authorization_response_issuer: promised, ..metadata() };
            parse(query).unwrap().check_issuer(&metadata)
        };
        for promised in [false, true] {
            assert_eq!(check("code=c&state=s&iss=https%3A%2F%2Flogin.example.org", promised), Ok(()));
            let other = check("error=access_denied&state=s&iss=https%3A%2F%2Flogin.example.org%2F", promised);
            assert_eq!(other, Err(AuthorizationResponseError::IssuerMismatch));
        }
        assert_eq!(check("code=c&state=s", false), Ok(()));
        assert_eq!(check("code=c&state=s", true), Err(AuthorizationResponseError::MissingIssuer));
    }

    proptest! {
        #[test]
        fn arbitrary_queries_do_not_panic(query in ".{0,200}", pairs in "((state|code|error|iss)=[%0-9a-f]{0,6}&){0,5}") {
            let _ = parse(&query);
            let _ = parse(&pairs);
        }
    }
}
