//! Every refusal: its status, its fixed text, its stable reason code. Whatever goes wrong anywhere ends here.

mod advice;
#[cfg(test)]
pub(crate) mod reference;
mod wording;

use std::time::Duration;

use serde_json::{Map, Value};

use crate::admission::NotAdmitted;
use crate::http::credentials::TokenScheme;
use crate::log::LogLine;
use crate::login::attempt::LoginAttemptError;
use crate::policy::demand::{AuthenticationDemand, StepUpError};
use crate::policy::path::PathError;
use crate::protocol::authorization::{AuthorizationError, AuthorizationResponseError};
use crate::protocol::challenge::{BearerError, step_up_challenge};
use crate::protocol::id_token::IdTokenError;
use crate::protocol::introspection::IntrospectionError;
use crate::protocol::logout_token::LogoutTokenError;
use crate::protocol::refresh::Setback;
use crate::protocol::token::TokenError;
use crate::protocol::token_exchange::TokenExchangeError;
use crate::protocol::{ClientAuthenticationError, ProviderFailure, PushedAuthorizationError, UserinfoError};
use crate::reason::Reason;
use crate::session::claims::ClaimsElsewhere;

pub use self::wording::Wording;

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
    /// The session's tokens have ended, and no others can be had at the moment.
    Refresh(Setback),
    /// There is no token for the backend.
    Exchange(TokenExchangeError),
    /// More requests wait for answers of providers than are kept waiting.
    TooBusy,
    /// A session is needed, but no provider is configured where people can sign in.
    LoginUnavailable,
    /// The rule's `require` is not met.
    RequirementNotMet,
    /// It is not met, and the provider did not send the claims that it looks at.
    ClaimsElsewhere(ClaimsElsewhere),
    /// The rule wants a more recent or a stronger authentication than the session's.
    StepUpRequired(AuthenticationDemand),
    /// The login did not bring the authentication that was asked for.
    StepUp(StepUpError),
    /// There is no such endpoint below `base_path`.
    UnknownEndpoint,
    /// The endpoint does not take this method; it takes these.
    MethodNotAllowed(&'static str),
    /// There is no provider of this name.
    UnknownProvider,
    /// Another site asked to end the session.
    CrossSiteLogout,
    /// A provider's logout token is not acceptable.
    LogoutToken(LogoutTokenError),
    /// The form of a callback is too large, not text, or never came.
    FormUnreadable,
    /// The parameters of a callback are unusable.
    Callback(AuthorizationResponseError),
    /// The callback belongs to no login that may be completed.
    Login(LoginAttemptError),
    /// The login belongs to no cookie of this browser, which has begun another one: it is begun once more.
    LoginOvertaken,
    /// Logins end well, one after the other, and the browser still comes without a session.
    LoginLoop(LostSession),
    /// The browser is here without TLS, where it keeps no `Secure` cookie.
    InsecureScheme,
    /// The page is shown inside another site, where the browser keeps none of our cookies.
    LoginEmbedded,
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
    /// The UserInfo claims cannot be had.
    Userinfo(UserinfoError),
    /// The session does not fit into its cookies.
    SessionTooLarge {
        /// The largest claims, with their sizes in bytes.
        claims: Vec<(String, usize)>,
        /// What a session may take, in bytes.
        limit: usize,
    },
    /// The store that instances share cannot be reached: whether a session was ended elsewhere is not known.
    StoreUnavailable,
    /// The provider's metadata or keys have not arrived yet.
    ProviderNotReady,
    /// Its keys could not be fetched for so long that they are not used any more.
    ProviderOutdated,
    /// The provider could not be reached, or answered with something unusable.
    Provider(ProviderFailure),
}

/// What became of the session that a login has just left in the browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LostSession {
    /// No cookie of it comes back.
    Absent,
    /// Some of its cookies come back, but not all.
    Incomplete,
    /// It comes back, but no key of ours opens it here.
    Unreadable,
    /// It comes back, and has ended by this instance's clock.
    Ended,
}

impl Denial {
    /// The values of `www-authenticate`, when an access token would help. `scheme` is that of the request.
    pub fn challenges(&self, scheme: TokenScheme, resource_metadata: &str) -> Vec<String> {
        match self {
            Self::LoginOrTokenRequired => BearerError::Missing.challenges(TokenScheme::Bearer, resource_metadata),
            Self::Bearer(error) => error.challenges(scheme, resource_metadata),
            Self::StepUpRequired(demand) => vec![step_up_challenge(demand)],
            _ => Vec::new(),
        }
    }

    /// Whether there is a challenge: another access token, one at all, or another authentication could help.
    pub const fn is_about_tokens(&self) -> bool {
        matches!(self, Self::LoginOrTokenRequired | Self::Bearer(_) | Self::StepUpRequired(_))
    }

    /// Further members of the problem document.
    pub fn problem_members(&self) -> Map<String, Value> {
        let mut members = Map::new();
        if let Self::StepUpRequired(AuthenticationDemand { max_age, acr_values }) = self {
            members.insert("error".to_owned(), "insufficient_user_authentication".into());
            members.extend(max_age.map(|max_age| ("max_age".to_owned(), max_age.as_secs().into())));
            if !acr_values.is_empty() {
                members.insert("acr_values".to_owned(), acr_values.join(" ").into());
            }
        }
        members
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
            (
                Self::LoginRequired
                | Self::LoginOrTokenRequired
                | Self::StepUpRequired(_)
                | Self::Bearer(BearerError::Missing),
                _,
            ) => None,
            (Self::LoginLoop(_) | Self::InsecureScheme, _) | (_, 500..) => Some(LogLine::warn(message())),
            _ => Some(LogLine::info(message())),
        }
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
            Self::Refresh(setback) => setback.code(),
            Self::TooBusy => "provider.too_busy",
            Self::LoginUnavailable => "session.login_unavailable",
            Self::RequirementNotMet => "policy.require_not_met",
            Self::ClaimsElsewhere(claims) => claims.code(),
            Self::StepUpRequired(_) => "step_up.required",
            Self::StepUp(error) => error.code(),
            Self::UnknownEndpoint => "endpoint.unknown",
            Self::MethodNotAllowed(_) => "endpoint.method_not_allowed",
            Self::UnknownProvider => "login.provider_unknown",
            Self::CrossSiteLogout => "logout.cross_site",
            Self::LogoutToken(error) => error.code(),
            Self::FormUnreadable => "callback.form_unreadable",
            Self::Callback(error) => error.code(),
            Self::LoginOvertaken => "login.another_browser",
            Self::LoginLoop(_) => "login.loop",
            Self::InsecureScheme => "login.insecure_scheme",
            Self::LoginEmbedded => "login.embedded",
            Self::Login(error) => error.code(),
            Self::Authorization(error) => error.code(),
            Self::ClientAuthentication(error) => error.code(),
            Self::PushedAuthorization(error) => error.code(),
            Self::Token(error) => error.code(),
            Self::IdToken(error) => error.code(),
            Self::Userinfo(error) => error.code(),
            Self::SessionTooLarge { .. } => "session.too_large",
            Self::StoreUnavailable => "store.unavailable",
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

impl From<NotAdmitted> for Denial {
    fn from(refused: NotAdmitted) -> Self {
        match refused {
            NotAdmitted::Authentication(demand) => Self::StepUpRequired(demand),
            NotAdmitted::Requirement => Self::RequirementNotMet,
            NotAdmitted::ClaimsElsewhere(claims) => Self::ClaimsElsewhere(claims),
        }
    }
}

impl From<StepUpError> for Denial {
    fn from(error: StepUpError) -> Self {
        Self::StepUp(error)
    }
}

impl From<AuthorizationResponseError> for Denial {
    fn from(error: AuthorizationResponseError) -> Self {
        Self::Callback(error)
    }
}

impl From<LogoutTokenError> for Denial {
    fn from(error: LogoutTokenError) -> Self {
        Self::LogoutToken(error)
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

impl From<UserinfoError> for Denial {
    fn from(error: UserinfoError) -> Self {
        match error {
            UserinfoError::Provider(failure) => Self::Provider(failure),
            error => Self::Userinfo(error),
        }
    }
}

impl From<IdTokenError> for Denial {
    fn from(error: IdTokenError) -> Self {
        Self::IdToken(error)
    }
}
