//! What the log tells an operator to do about a refusal.

use super::{Denial, LostSession};
use crate::login::attempt::LoginAttemptError;
use crate::policy::demand::StepUpError;
use crate::protocol::authorization::AuthorizationError;
use crate::protocol::id_token::IdTokenError;
use crate::protocol::introspection::IntrospectionError;
use crate::protocol::logout_token::LogoutTokenError;
use crate::protocol::refresh::Setback;
use crate::protocol::token::TokenError;
use crate::protocol::token_exchange::TokenExchangeError;
use crate::protocol::{
    ClientAuthenticationError, DiscoveryError, JwksError, ProviderFailure, PushedAuthorizationError, UserinfoError,
};

impl Denial {
    /// What the operator can do.
    pub(super) const fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Login(LoginAttemptError::AnotherBrowser(_)) => Some(
                "if everybody sees this: the browser reaches this deployment under another host than `public_url`, or cookies \
                 are blocked (`session.secure` needs https)",
            ),
            Self::LoginLoop(LostSession::Absent) => Some(
                "the session cookie does not come back: cookies are blocked, larger than a proxy in between lets pass, or set over \
                 plain http (compare `public_url` and the scheme that the load balancer reports)",
            ),
            Self::LoginLoop(LostSession::Incomplete) => Some(
                "some parts of the session cookie do not come back: together they are larger than a proxy in between lets pass; \
                 list only the claims in use in `session.claims`",
            ),
            Self::LoginLoop(LostSession::Unreadable) => Some(
                "the session cookie comes back and does not open: do all instances have the same `session.keys`, `client_id` and \
                 `public_url`?",
            ),
            Self::LoginLoop(LostSession::Ended) => {
                Some("the session comes back and has ended already: compare the clocks of all instances")
            }
            Self::InsecureScheme => Some(
                "the browser is here over plain http, where `session.secure` cookies are dropped: name the `https` origin in \
                 `public_url`, let the load balancer report the scheme (x-forwarded-proto), or redirect to https",
            ),
            Self::LoginEmbedded => {
                Some("for pages inside other sites: `session.same_site: none` and `session.partitioned: true`")
            }
            Self::FormUnreadable => Some(
                "response_mode=form_post needs `allow_on_headers_stop_iteration: true` in Envoy's filter configuration",
            ),
            Self::Introspection(IntrospectionError::MissingEndpoint) => {
                Some("the provider does not publish where to ask: name it in `metadata.introspection_endpoint`")
            }
            Self::Introspection(IntrospectionError::ClientRefused)
            | Self::Exchange(TokenExchangeError::InvalidClient)
            | Self::Token(TokenError::InvalidClient | TokenError::UnauthorizedClient)
            | Self::Refresh(Setback::ClientRefused)
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
            Self::Userinfo(UserinfoError::MissingEndpoint) => Some(
                "`userinfo: true` needs a `userinfo_endpoint`, and the provider does not publish one: name it in `metadata`, or \
                 leave `userinfo` out",
            ),
            Self::Userinfo(UserinfoError::Refused { .. }) => Some(
                "the provider refused the access token of the login at its UserInfo endpoint: is `openid` granted?",
            ),
            Self::StepUp(StepUpError::AcrNotMet) => Some(
                "the provider was asked with `acr_values` and answered with another `acr` or none: compare the rule's `acr_values` \
                 with what it knows, and let the client use them there",
            ),
            Self::StepUp(StepUpError::AuthTimeMissing) => Some(
                "the provider was asked with `max_age` and sent no `auth_time`: it cannot be used for rules with `max_age`, unless \
                 a setting of the client there adds the claim",
            ),
            Self::StepUp(StepUpError::TooOld) => Some(
                "the provider was asked with `max_age` and did not ask the person again, or the person took longer than that; \
                 compare the clocks as well",
            ),
            Self::ClaimsElsewhere(elsewhere) => Some(elsewhere.advice()),
            Self::StoreUnavailable | Self::Refresh(Setback::StoreUnavailable) => Some(
                "are Webdis and Redis up, and does `session.store.cluster` lead to Webdis? With `on_failure: local` requests go \
                 on, and what other instances end stays unnoticed meanwhile",
            ),
            Self::LogoutToken(LogoutTokenError::BodyUnreadable) => Some(
                "back-channel logout needs `allow_on_headers_stop_iteration: true` in Envoy's filter configuration",
            ),
            Self::LogoutToken(LogoutTokenError::ExpiryMissing) => Some(
                "a logout token must say when it expires (OIDC Back-Channel Logout 1.0 §2.4): older versions of Keycloak and Ory Hydra \
                 leave that out",
            ),
            Self::LogoutToken(LogoutTokenError::Expired | LogoutTokenError::IssuedInTheFuture) => {
                Some("compare the clocks of this machine and the provider; `clock_skew` is what may differ")
            }
            Self::LoginUnavailable => {
                Some("no rule matches this request, so it needs a session, but no provider has a `client_id`")
            }
            Self::SessionTooLarge { .. } => {
                Some("list only the claims in use in `session.claims`, or raise `session.max_cookies`")
            }
            Self::ProviderNotReady
            | Self::ProviderOutdated
            | Self::Refresh(Setback::NotSent | Setback::NoAnswer | Setback::ProviderNotReady)
            | Self::Provider(ProviderFailure::NotSent | ProviderFailure::NoAnswer) => {
                Some("is the provider up, and does `cluster` lead to it?")
            }
            Self::PushedAuthorization(PushedAuthorizationError::Unavailable { .. })
            | Self::Token(TokenError::Unavailable { .. })
            | Self::Refresh(Setback::Unavailable)
            | Self::Userinfo(UserinfoError::Unavailable { .. })
            | Self::Introspection(IntrospectionError::Unavailable { .. })
            | Self::Exchange(TokenExchangeError::Unavailable { .. })
            | Self::Provider(
                ProviderFailure::Discovery(DiscoveryError::Unavailable { .. })
                | ProviderFailure::Jwks(JwksError::Unavailable { .. }),
            ) => Some(
                "look for the request in the provider's log; if it is not there, Envoy did not reach the provider and answered in its \
                 place: look at the cluster, its endpoints, DNS and TLS",
            ),
            _ => None,
        }
    }
}
