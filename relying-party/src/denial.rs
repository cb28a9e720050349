//! Every refusal: its status, its fixed text, its stable reason code. Whatever goes wrong anywhere ends here.

use std::time::Duration;

use crate::admission::RequirementNotMet;
use crate::http::credentials::TokenScheme;
use crate::log::LogLine;
use crate::login::attempt::LoginAttemptError;
use crate::policy::path::PathError;
use crate::protocol::authorization::{AuthorizationError, AuthorizationResponseError};
use crate::protocol::challenge::BearerError;
use crate::protocol::confirmation::PossessionError;
use crate::protocol::id_token::IdTokenError;
use crate::protocol::introspection::IntrospectionError;
use crate::protocol::token::TokenError;
use crate::protocol::token_exchange::TokenExchangeError;
use crate::protocol::{ClientAuthenticationError, ProviderFailure, PushedAuthorizationError};
use crate::reason::Reason;

/// Why a request is answered here and not passed on.
#[derive(Debug, PartialEq, Eq)]
pub enum Denial {
    /// The host's name is missing or malformed.
    MalformedAuthority,
    /// A request without `:path` (CONNECT), or with one that is not text.
    MissingPath,
    /// The path is malformed.
    Path(PathError),
    /// Backend and rules could read the path differently.
    AmbiguousPath,
    /// No live session, and none can be begun from this request.
    LoginRequired,
    /// A session or an access token is needed.
    LoginOrTokenRequired,
    /// The access token does not admit the request, or there is none.
    Bearer(BearerError),
    /// The access token's issuer did not say whether it is good.
    Introspection(IntrospectionError),
    /// There is no token for the backend.
    Exchange(TokenExchangeError),
    /// More requests wait for answers of providers than are kept waiting.
    TooBusy,
    /// A session is needed, but no provider is configured where people can sign in.
    LoginUnavailable,
    /// The rule's `require` is not met.
    RequirementNotMet,
    /// There is no such endpoint below `base_path`.
    UnknownEndpoint,
    /// The endpoint does not take this method; it takes these.
    MethodNotAllowed(&'static str),
    /// There is no provider of this name.
    UnknownProvider,
    /// Another site asked to end the session.
    CrossSiteLogout,
    /// The form of a callback is too large, not text, or never came.
    FormUnreadable,
    /// The parameters of a callback are unusable.
    Callback(AuthorizationResponseError),
    /// The callback belongs to no login that may be completed.
    Login(LoginAttemptError),
    /// The login belongs to no cookie of this browser, which has begun another one: it is begun once more.
    LoginOvertaken,
    /// The provider reports an error instead of a code.
    Authorization(AuthorizationError),
    /// This deployment cannot prove who it is to the provider.
    ClientAuthentication(ClientAuthenticationError),
    /// The provider did not take the pushed authorization request.
    PushedAuthorization(PushedAuthorizationError),
    /// The token endpoint refused, or its answer is unusable.
    Token(TokenError),
    /// The ID token is not acceptable.
    IdToken(IdTokenError),
    /// The session does not fit into its cookies.
    SessionTooLarge {
        /// The largest claims, with their sizes in bytes.
        claims: Vec<(String, usize)>,
        /// What a session may take, in bytes.
        limit: usize,
    },
    /// The provider's metadata or keys have not arrived yet.
    ProviderNotReady,
    /// Its keys could not be fetched for so long that they are not used any more.
    ProviderOutdated,
    /// The provider could not be reached, or answered with something unusable.
    Provider(ProviderFailure),
}

/// What a person is told.
pub struct Wording {
    /// HTTP status code.
    pub status: u16,
    /// The heading.
    pub title: &'static str,
    /// What happened and what helps.
    pub explanation: &'static str,
    /// The way on, as a label for a link to the login.
    pub sign_in: Option<&'static str>,
}

const TRY_AGAIN: Option<&str> = Some("Try again");
const SIGN_IN: Option<&str> = Some("Sign in");

const fn wording(
    status: u16,
    title: &'static str,
    explanation: &'static str,
    sign_in: Option<&'static str>,
) -> Wording {
    Wording { status, title, explanation, sign_in }
}

const UNAVAILABLE: Wording = wording(
    503,
    "Sign-in is not available",
    "The sign-in service cannot be reached at the moment. Try again in a few seconds.",
    TRY_AGAIN,
);

impl Denial {
    /// Status and text of the answer.
    pub const fn wording(&self) -> Wording {
        match self {
            Self::MalformedAuthority | Self::MissingPath | Self::Path(_) => {
                wording(400, "Bad request", "The address of this request is malformed.", None)
            }
            Self::AmbiguousPath => wording(
                400,
                "Bad request",
                "The path of this request could be understood in more than one way, so it is refused.",
                None,
            ),
            Self::LoginRequired | Self::LoginOrTokenRequired => {
                wording(401, "Sign in to continue", "This page needs you to be signed in.", SIGN_IN)
            }
            Self::Bearer(error) => bearer_wording(error),
            Self::LoginUnavailable => {
                wording(401, "Access denied", "This page needs you to be signed in, but nobody can sign in here.", None)
            }
            Self::RequirementNotMet => wording(
                403,
                "Access denied",
                "You are signed in, but your account is not allowed to do this. Ask the person who runs this application.",
                None,
            ),
            Self::UnknownEndpoint => wording(404, "Not found", "There is nothing at this address.", None),
            Self::MethodNotAllowed(_) => {
                wording(405, "Method not allowed", "This address does not take requests of this kind.", None)
            }
            Self::UnknownProvider => {
                wording(400, "Unknown sign-in service", "There is no sign-in service of this name here.", SIGN_IN)
            }
            Self::CrossSiteLogout => {
                wording(403, "Sign out?", "Another site asked to sign you out. You are still signed in.", None)
            }
            Self::FormUnreadable | Self::Callback(_) | Self::Login(LoginAttemptError::Unreadable) => wording(
                400,
                "Sign-in failed",
                "The answer of the sign-in service is incomplete or does not belong to a sign-in that was started here.",
                TRY_AGAIN,
            ),
            Self::Login(LoginAttemptError::Expired(_)) => {
                wording(400, "Sign-in took too long", "This sign-in was started too long ago.", TRY_AGAIN)
            }
            Self::LoginOvertaken => wording(
                400,
                "Signing you in again",
                "Another sign-in was begun in this browser, perhaps in another tab. This one starts again.",
                TRY_AGAIN,
            ),
            Self::Login(LoginAttemptError::AnotherBrowser(_)) => wording(
                400,
                "Sign-in failed",
                "This sign-in was not started in this browser, or the browser does not accept cookies from this site.",
                TRY_AGAIN,
            ),
            Self::Authorization(error) => error_wording(*error),
            Self::Token(TokenError::InvalidGrant) => {
                wording(400, "Sign-in failed", "This sign-in was used already, or it took too long.", TRY_AGAIN)
            }
            Self::ProviderNotReady
            | Self::ProviderOutdated
            | Self::Token(TokenError::Unavailable { .. })
            | Self::PushedAuthorization(PushedAuthorizationError::Unavailable { .. }) => UNAVAILABLE,
            Self::Provider(failure) if failure.is_temporary() => UNAVAILABLE,
            Self::TooBusy
            | Self::Introspection(IntrospectionError::Unavailable { .. })
            | Self::Exchange(TokenExchangeError::Unavailable { .. }) => wording(
                503,
                "Not available at the moment",
                "Whether you may do this cannot be found out at the moment. Try again in a few seconds.",
                None,
            ),
            Self::Exchange(error) => exchange_wording(error),
            Self::Introspection(_) => wording(
                502,
                "Access cannot be decided",
                "Whether the access token is good could not be found out. Tell the person who runs this application.",
                None,
            ),
            Self::Token(_) | Self::IdToken(_) | Self::PushedAuthorization(_) => wording(
                502,
                "Sign-in failed",
                "The answer of the sign-in service could not be accepted. If this happens again, tell the person who runs \
                 this application.",
                TRY_AGAIN,
            ),
            Self::ClientAuthentication(_) => wording(
                500,
                "Sign-in is not available",
                "This application cannot identify itself to the sign-in service. Tell the person who runs it.",
                None,
            ),
            Self::SessionTooLarge { .. } => wording(
                500,
                "Sign-in failed",
                "Your account carries more information than a session can hold. Tell the person who runs this application.",
                None,
            ),
            Self::Provider(_) => wording(
                502,
                "Sign-in is not available",
                "The sign-in service gave an answer that cannot be used. Tell the person who runs this application.",
                TRY_AGAIN,
            ),
        }
    }

    /// The values of `www-authenticate`, when an access token would help. `scheme` is that of the request.
    pub fn challenges(&self, scheme: TokenScheme, resource_metadata: &str) -> Vec<String> {
        match self {
            Self::LoginOrTokenRequired => BearerError::Missing.challenges(TokenScheme::Bearer, resource_metadata),
            Self::Bearer(error) => error.challenges(scheme, resource_metadata),
            _ => Vec::new(),
        }
    }

    /// Whether another access token, or one at all, could help.
    pub const fn is_about_tokens(&self) -> bool {
        matches!(self, Self::LoginOrTokenRequired | Self::Bearer(_))
    }

    /// When to come back.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self.wording().status {
            503 => Some(Duration::from_secs(2)),
            _ => None,
        }
    }

    /// What the log says of it; `None` for what is ordinary.
    pub fn log_line(&self, provider: Option<&str>, request_id: Option<&str>) -> Option<LogLine> {
        let message = || {
            let mut line = format!("refused: {}", self.code());
            for (name, value) in [("provider", provider), ("request", request_id), ("advice", self.advice())] {
                if let Some(value) = value {
                    line.push_str(&format!("; {name}: {value}"));
                }
            }
            line
        };
        match (self, self.wording().status) {
            (Self::LoginRequired | Self::LoginOrTokenRequired | Self::Bearer(BearerError::Missing), _) => None,
            (_, 500..) => Some(LogLine::warn(message())),
            _ => Some(LogLine::info(message())),
        }
    }

    /// What the operator can do.
    const fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Login(LoginAttemptError::AnotherBrowser(_)) => Some(
                "if everybody sees this: the browser reaches this deployment under another host than `public_url`, or cookies \
                 are blocked (`session.secure` needs https)",
            ),
            Self::FormUnreadable => Some(
                "response_mode=form_post needs `allow_on_headers_stop_iteration: true` in Envoy's filter configuration",
            ),
            Self::Introspection(IntrospectionError::MissingEndpoint) => {
                Some("the provider does not publish where to ask: name it in `metadata.introspection_endpoint`")
            }
            Self::Introspection(IntrospectionError::ClientRefused)
            | Self::Exchange(TokenExchangeError::InvalidClient)
            | Self::Token(TokenError::InvalidClient | TokenError::UnauthorizedClient)
            | Self::PushedAuthorization(
                PushedAuthorizationError::InvalidClient | PushedAuthorizationError::UnauthorizedClient,
            ) => Some(
                "compare `client_id`, `token_endpoint_auth_method` and `client_secret` or `client_key` with the registration at \
                 the provider",
            ),
            Self::ClientAuthentication(ClientAuthenticationError::RsaUnsupported) => Some(
                "only the host can sign with RSA, and this one does not: use a P-256 or Ed25519 key as `client_key`",
            ),
            Self::ClientAuthentication(ClientAuthenticationError::SigningFailed) => {
                Some("is `client_key` a valid RSA key? Or use a P-256 or Ed25519 key")
            }
            Self::PushedAuthorization(PushedAuthorizationError::MissingEndpoint) => Some(
                "the metadata has no `pushed_authorization_request_endpoint`: name it in `metadata`, or set \
                 `pushed_authorization_requests: never`",
            ),
            Self::PushedAuthorization(PushedAuthorizationError::InvalidRequest) => {
                Some("compare the redirect URI with the registration at the provider")
            }
            Self::PushedAuthorization(PushedAuthorizationError::InvalidScope) => {
                Some("the provider does not know one of `scope`")
            }
            Self::PushedAuthorization(PushedAuthorizationError::InvalidTarget)
            | Self::Authorization(AuthorizationError::InvalidTarget)
            | Self::Token(TokenError::InvalidTarget) => Some("the provider does not know one of `resource`"),
            Self::Authorization(AuthorizationError::UnauthorizedClient | AuthorizationError::InvalidRequest) => {
                Some("compare `client_id` and the redirect URI with the registration at the provider")
            }
            Self::Authorization(AuthorizationError::InvalidScope) => Some("the provider does not know one of `scope`"),
            Self::IdToken(IdTokenError::Expired | IdTokenError::IssuedInTheFuture | IdTokenError::NotYetValid) => {
                Some("compare the clocks of this machine and the provider; `clock_skew` is what may differ")
            }
            Self::Exchange(TokenExchangeError::UnauthorizedClient | TokenExchangeError::UnsupportedGrantType) => {
                Some("allow the client of `exchange.provider` to exchange tokens (RFC 8693), at the provider")
            }
            Self::Exchange(TokenExchangeError::InvalidTarget | TokenExchangeError::InvalidScope) => {
                Some("compare `exchange.audience` and `exchange.scope` with what the provider knows")
            }
            Self::LoginUnavailable => {
                Some("no rule matches this request, so it needs a session, but no provider has a `client_id`")
            }
            Self::SessionTooLarge { .. } => {
                Some("list only the claims in use in `session.claims`, or raise `session.max_cookies`")
            }
            Self::ProviderNotReady
            | Self::ProviderOutdated
            | Self::Provider(ProviderFailure::NotSent | ProviderFailure::NoAnswer) => {
                Some("is the provider up, and does `cluster` lead to it?")
            }
            _ => None,
        }
    }
}

const fn bearer_wording(error: &BearerError) -> Wording {
    let status = error.status();
    match error {
        BearerError::Missing => wording(status, "Access token needed", "This address needs an access token.", None),
        BearerError::Authentication(_) => wording(
            status,
            "Another sign-in is needed",
            "This needs a more recent or a stronger sign-in than the one that the access token stands for.",
            None,
        ),
        BearerError::InsufficientScope(_) => {
            wording(status, "Access denied", "The access token does not have the scope that this needs.", None)
        }
        BearerError::RequirementNotMet => {
            wording(status, "Access denied", "The owner of this access token is not allowed to do this.", None)
        }
        BearerError::Possession(PossessionError::Proof(error)) if error.is_ours() => wording(
            status,
            "Too many requests at once",
            "This request cannot be accepted at the moment. Try again in a few seconds, with a new proof.",
            None,
        ),
        BearerError::Credentials(_) | BearerError::AccessToken(_) | BearerError::Possession(_) => {
            wording(status, "Access token refused", "The access token of this request is not accepted.", None)
        }
    }
}

const fn exchange_wording(error: &TokenExchangeError) -> Wording {
    match error {
        TokenExchangeError::SubjectTokenMissing => {
            wording(401, "Sign in to continue", "This page needs you to sign in again.", SIGN_IN)
        }
        TokenExchangeError::InvalidGrant
        | TokenExchangeError::InvalidRequest
        | TokenExchangeError::InvalidTarget
        | TokenExchangeError::InvalidScope
        | TokenExchangeError::AccessDenied => wording(
            403,
            "Access denied",
            "You are known here, but not allowed to use the service behind this address.",
            None,
        ),
        _ => wording(
            502,
            "Not available",
            "The service behind this address cannot be used on your behalf. Tell the person who runs this application.",
            None,
        ),
    }
}

const fn error_wording(error: AuthorizationError) -> Wording {
    match error {
        AuthorizationError::AccessDenied => wording(
            400,
            "Sign-in was cancelled",
            "The sign-in service did not let you in, or you cancelled.",
            TRY_AGAIN,
        ),
        AuthorizationError::LoginRequired
        | AuthorizationError::InteractionRequired
        | AuthorizationError::ConsentRequired
        | AuthorizationError::AccountSelectionRequired => {
            wording(400, "Sign-in is not complete", "The sign-in service needs you to do something first.", TRY_AGAIN)
        }
        AuthorizationError::TemporarilyUnavailable => UNAVAILABLE,
        AuthorizationError::InvalidRequest
        | AuthorizationError::UnauthorizedClient
        | AuthorizationError::UnsupportedResponseType
        | AuthorizationError::InvalidScope
        | AuthorizationError::InvalidTarget
        | AuthorizationError::ServerError
        | AuthorizationError::UnusedFeature
        | AuthorizationError::Other => wording(
            400,
            "Sign-in failed",
            "The sign-in service reports an error. If this happens again, tell the person who runs this application.",
            TRY_AGAIN,
        ),
    }
}

impl Reason for Denial {
    fn code(&self) -> &'static str {
        match self {
            Self::MalformedAuthority => "request.authority_malformed",
            Self::MissingPath => "request.path_missing",
            Self::Path(error) => error.code(),
            Self::AmbiguousPath => "request.path_ambiguous",
            Self::LoginRequired | Self::LoginOrTokenRequired => "session.required",
            Self::Bearer(error) => error.code(),
            Self::Introspection(error) => error.code(),
            Self::Exchange(error) => error.code(),
            Self::TooBusy => "provider.too_busy",
            Self::LoginUnavailable => "session.login_unavailable",
            Self::RequirementNotMet => "policy.require_not_met",
            Self::UnknownEndpoint => "endpoint.unknown",
            Self::MethodNotAllowed(_) => "endpoint.method_not_allowed",
            Self::UnknownProvider => "login.provider_unknown",
            Self::CrossSiteLogout => "logout.cross_site",
            Self::FormUnreadable => "callback.form_unreadable",
            Self::Callback(error) => error.code(),
            Self::LoginOvertaken => "login.another_browser",
            Self::Login(error) => error.code(),
            Self::Authorization(error) => error.code(),
            Self::ClientAuthentication(error) => error.code(),
            Self::PushedAuthorization(error) => error.code(),
            Self::Token(error) => error.code(),
            Self::IdToken(error) => error.code(),
            Self::SessionTooLarge { .. } => "session.too_large",
            Self::ProviderNotReady => "provider.not_ready",
            Self::ProviderOutdated => "provider.keys_outdated",
            Self::Provider(failure) => failure.code(),
        }
    }
}

impl From<BearerError> for Denial {
    fn from(error: BearerError) -> Self {
        Self::Bearer(error)
    }
}

impl From<IntrospectionError> for Denial {
    fn from(error: IntrospectionError) -> Self {
        match error {
            IntrospectionError::Token(error) => Self::Bearer(error.into()),
            IntrospectionError::ClientAuthentication(error) => Self::ClientAuthentication(error),
            IntrospectionError::Provider(failure) => Self::Provider(failure),
            error => Self::Introspection(error),
        }
    }
}

impl From<TokenExchangeError> for Denial {
    fn from(error: TokenExchangeError) -> Self {
        match error {
            TokenExchangeError::ClientAuthentication(error) => Self::ClientAuthentication(error),
            TokenExchangeError::Provider(failure) => Self::Provider(failure),
            error => Self::Exchange(error),
        }
    }
}

impl From<PathError> for Denial {
    fn from(error: PathError) -> Self {
        Self::Path(error)
    }
}

impl From<RequirementNotMet> for Denial {
    fn from(_: RequirementNotMet) -> Self {
        Self::RequirementNotMet
    }
}

impl From<AuthorizationResponseError> for Denial {
    fn from(error: AuthorizationResponseError) -> Self {
        Self::Callback(error)
    }
}

impl From<LoginAttemptError> for Denial {
    fn from(error: LoginAttemptError) -> Self {
        Self::Login(error)
    }
}

impl From<AuthorizationError> for Denial {
    fn from(error: AuthorizationError) -> Self {
        Self::Authorization(error)
    }
}

impl From<ClientAuthenticationError> for Denial {
    fn from(error: ClientAuthenticationError) -> Self {
        Self::ClientAuthentication(error)
    }
}

impl From<PushedAuthorizationError> for Denial {
    fn from(error: PushedAuthorizationError) -> Self {
        match error {
            PushedAuthorizationError::ClientAuthentication(error) => Self::ClientAuthentication(error),
            error => Self::PushedAuthorization(error),
        }
    }
}

impl From<TokenError> for Denial {
    fn from(error: TokenError) -> Self {
        Self::Token(error)
    }
}

impl From<IdTokenError> for Denial {
    fn from(error: IdTokenError) -> Self {
        Self::IdToken(error)
    }
}
