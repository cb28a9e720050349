//! What people are told of a refusal.

use super::Denial;
use crate::login::attempt::LoginAttemptError;
use crate::policy::demand::StepUpError;
use crate::protocol::authorization::AuthorizationError;
use crate::protocol::challenge::BearerError;
use crate::protocol::confirmation::PossessionError;
use crate::protocol::introspection::IntrospectionError;
use crate::protocol::token::TokenError;
use crate::protocol::token_exchange::TokenExchangeError;
use crate::protocol::{PushedAuthorizationError, UserinfoError};

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
            Self::ClaimsElsewhere(_) => wording(
                403,
                "Access denied",
                "Your account has more groups or attributes than the sign-in service sends along, so it is not known whether you \
                 are allowed to do this. Tell the person who runs this application.",
                None,
            ),
            Self::StepUpRequired(_) => wording(
                401,
                "Sign in again",
                "This needs a more recent or a stronger sign-in than the one that you have.",
                Some("Sign in again"),
            ),
            Self::StepUp(StepUpError::AcrNotMet) => wording(
                403,
                "A stronger sign-in is needed",
                "The sign-in service did not sign you in as strongly as this page needs. If it did not ask you for a second \
                 factor, tell the person who runs this application.",
                TRY_AGAIN,
            ),
            Self::StepUp(StepUpError::AuthTimeMissing | StepUpError::TooOld) => wording(
                502,
                "A more recent sign-in is needed",
                "The sign-in service did not confirm that you signed in just now, or it took too long. If this happens again, \
                 tell the person who runs this application.",
                TRY_AGAIN,
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
            Self::LogoutToken(error) if error.is_ours() => {
                wording(503, "Too many requests at once", "This logout token cannot be accepted at the moment.", None)
            }
            Self::LogoutToken(_) => {
                wording(400, "Logout refused", "The logout token of this request is not accepted.", None)
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
                "This sign-in was not started in this browser, or the browser does not keep cookies of this site. If it happens \
                 again, allow cookies for this site, open it in a normal window, and leave private or embedded ones.",
                TRY_AGAIN,
            ),
            Self::LoginLoop(_) => wording(
                400,
                "Signing in goes round in circles",
                "You were signed in several times within a minute, but your browser came back without the session each time. Perhaps \
                 cookies of this site are blocked, or are too large for something between you and this site. If allowing them does \
                 not help, tell the person who runs this application: its instances may have different session keys or clocks \
                 that differ, or its address may be set up with the wrong scheme.",
                TRY_AGAIN,
            ),
            Self::InsecureScheme => wording(
                400,
                "Sign-in needs an encrypted connection",
                "This page was opened without encryption (http), where your browser keeps no sign-in of this site. Open it with \
                 https. If you did, tell the person who runs this application.",
                None,
            ),
            Self::LoginEmbedded => wording(
                400,
                "Sign-in needs a window of its own",
                "This page is shown inside another site, where your browser keeps no sign-in of this site. Open it in a window of \
                 its own.",
                None,
            ),
            Self::Authorization(error) => error_wording(*error),
            Self::Token(TokenError::InvalidGrant) => {
                wording(400, "Sign-in failed", "This sign-in was used already, or it took too long.", TRY_AGAIN)
            }
            Self::ProviderNotReady
            | Self::ProviderOutdated
            | Self::Token(TokenError::Unavailable { .. })
            | Self::Userinfo(UserinfoError::Unavailable { .. })
            | Self::PushedAuthorization(PushedAuthorizationError::Unavailable { .. }) => UNAVAILABLE,
            Self::Provider(failure) if failure.is_temporary() => UNAVAILABLE,
            Self::Refresh(_) => wording(
                503,
                "Not available at the moment",
                "You are still signed in, but the sign-in service cannot be reached to go on. Try again in a few seconds.",
                None,
            ),
            Self::StoreUnavailable => wording(
                503,
                "Not available at the moment",
                "Whether you are still signed in cannot be found out at the moment. Try again in a few seconds.",
                None,
            ),
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
            Self::Token(_) | Self::IdToken(_) | Self::Userinfo(_) | Self::PushedAuthorization(_) => wording(
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
