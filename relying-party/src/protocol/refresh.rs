//! Refreshing tokens (RFC 6749 §6, OIDC Core 1.0 §12).

use std::time::Duration;

use form_urlencoded::Serializer;

use super::client_authentication::{ClientAuthenticationError, Means, authenticated_post};
use super::id_token::{Expected, IdTokenError, UnverifiedIdToken, VerifiedIdToken};
use super::provider_failure::ProviderFailure;
use super::registration::Registration;
use super::token::{TokenAnswer, TokenError, issued};
use super::userinfo::UserinfoError;
use crate::http::CalloutRequest;
use crate::jose::{JwkSet, SignatureVerifier};
use crate::reason::Reason;
use crate::secret::Secret;
use crate::time::UnixTime;

/// RFC 6749 §6: no `scope`, so the scope stays what it is.
pub fn refresh_request(
    registration: Registration<'_>,
    refresh_token: &Secret<String>,
    means: &mut Means<'_>,
) -> Result<CalloutRequest, ClientAuthenticationError> {
    let mut form = Serializer::new(String::new());
    form.append_pair("grant_type", "refresh_token")
        .append_pair("refresh_token", refresh_token.expose())
        .extend_pairs(registration.client.resource.iter().map(|resource| ("resource", resource)));
    authenticated_post("refresh", registration, &registration.endpoints.token, form, means)
}

/// OIDC Core §12.2: as the answer to a token request, but an ID token, another refresh token and the scope may be missing.
pub fn process_refresh_response(status: u16, body: &[u8]) -> Result<TokenAnswer, RefreshError> {
    issued(status, body).map_err(RefreshError::Token)
}

/// What the session's first ID token said.
#[derive(Clone, Copy, Debug)]
pub struct Original<'a> {
    /// `iss`
    pub issuer: &'a str,
    /// `sub`
    pub subject: &'a str,
    /// `auth_time`
    pub auth_time: Option<UnixTime>,
}

/// Validates a refreshed ID token like the first, and as OIDC Core §12.2 prescribes in addition. `aud` is this client and
/// `nonce` the first one or absent according to `expected`.
pub fn verify_refreshed(
    token: &UnverifiedIdToken,
    expected: &Expected<'_>,
    original: &Original<'_>,
    keys: &JwkSet,
    verifier: &dyn SignatureVerifier,
    now: UnixTime,
) -> Result<VerifiedIdToken, RefreshError> {
    let token = token.verify(expected, keys, verifier, now)?;
    let issuer = token.claims().get("iss").and_then(serde_json::Value::as_str);
    ensure(issuer == Some(original.issuer), RefreshError::IssuerMismatch)?;
    ensure(token.subject() == original.subject, RefreshError::SubjectMismatch)?;
    // Both are on our clock, which the provider's may have moved against since.
    let tolerance = expected.clock_skew.saturating_mul(2).saturating_add(Duration::from_secs(2));
    let auth_times = token.authentication(now, expected.clock_skew).auth_time.zip(original.auth_time);
    let is_same = |(new, old): (UnixTime, UnixTime)| new.since(old).max(old.since(new)) <= tolerance;
    ensure(auth_times.is_none_or(is_same), RefreshError::AuthTimeMismatch)?;
    Ok(token)
}

fn ensure(condition: bool, otherwise: RefreshError) -> Result<(), RefreshError> {
    if condition { Ok(()) } else { Err(otherwise) }
}

/// Why a session was not refreshed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefreshError {
    /// The provider's metadata are not here.
    #[error("the provider is not ready")]
    ProviderNotReady,
    /// We cannot prove who we are.
    #[error(transparent)]
    ClientAuthentication(#[from] ClientAuthenticationError),
    /// No usable answer.
    #[error(transparent)]
    Provider(#[from] ProviderFailure),
    /// The token endpoint refused.
    #[error("the provider refused to refresh the tokens")]
    Token(#[source] TokenError),
    /// The new ID token is not acceptable.
    #[error(transparent)]
    IdToken(#[from] IdTokenError),
    /// The UserInfo claims are not acceptable.
    #[error(transparent)]
    Userinfo(#[from] UserinfoError),
    /// `iss` is not the first ID token's.
    #[error("the refreshed ID token is from another issuer than the first")]
    IssuerMismatch,
    /// `sub` is not the first ID token's.
    #[error("the refreshed ID token is about somebody else than the first")]
    SubjectMismatch,
    /// `auth_time` is not the first ID token's.
    #[error("the refreshed ID token is about another authentication than the first")]
    AuthTimeMismatch,
    /// Another instance may be using the refresh token: the store that would say so does not answer.
    #[error("the store that instances share does not answer")]
    StoreUnavailable,
    /// Another instance has tried a moment ago.
    #[error("another instance could not refresh the session")]
    FailedElsewhere,
    /// What came does not fit into the session's cookies.
    #[error("the refreshed session is larger than its cookies may be")]
    SessionTooLarge,
}

impl RefreshError {
    /// What hinders the refresh at the moment; `None` when the session is over.
    ///
    /// It is over when the provider says so, or when what it sent cannot be used: the refresh token is spent then. It is not when
    /// nobody can tell, or when the provider refuses this deployment (a secret being exchanged): that can be mended.
    pub const fn setback(&self) -> Option<Setback> {
        Some(match self {
            Self::ProviderNotReady => Setback::ProviderNotReady,
            Self::StoreUnavailable => Setback::StoreUnavailable,
            Self::FailedElsewhere => Setback::FailedElsewhere,
            Self::ClientAuthentication(_) => Setback::ClientUnauthenticated,
            Self::Provider(ProviderFailure::NotSent) => Setback::NotSent,
            Self::Provider(ProviderFailure::AnswerTooLarge) => Setback::AnswerTooLarge,
            Self::Provider(_) => Setback::NoAnswer,
            Self::Token(error) => match error {
                TokenError::InvalidGrant
                | TokenError::InvalidRequest
                | TokenError::UnsupportedGrantType
                | TokenError::InvalidScope
                | TokenError::InvalidTarget => return None,
                TokenError::InvalidClient | TokenError::UnauthorizedClient => Setback::ClientRefused,
                TokenError::Unavailable { .. } => Setback::Unavailable,
                TokenError::Refused { .. } => Setback::Refused,
                TokenError::Malformed(_)
                | TokenError::MemberMalformed { .. }
                | TokenError::MissingAccessToken
                | TokenError::MissingIdToken
                | TokenError::TokenTypeNotBearer => Setback::AnswerUnusable,
            },
            Self::IdToken(_)
            | Self::Userinfo(_)
            | Self::IssuerMismatch
            | Self::SubjectMismatch
            | Self::AuthTimeMismatch
            | Self::SessionTooLarge => return None,
        })
    }

    /// Whether a newer key set could change the answer.
    pub const fn newer_keys_may_help(&self) -> bool {
        matches!(self, Self::IdToken(error) if error.newer_keys_may_help())
    }
}

impl Reason for RefreshError {
    fn code(&self) -> &'static str {
        match self {
            Self::ProviderNotReady => "provider.not_ready",
            Self::ClientAuthentication(error) => error.code(),
            Self::Provider(failure) => failure.code(),
            Self::Token(TokenError::InvalidGrant) => "refresh.invalid_grant",
            Self::Token(error) => error.code(),
            Self::IdToken(error) => error.code(),
            Self::Userinfo(error) => error.code(),
            Self::IssuerMismatch => "refresh.issuer_mismatch",
            Self::SubjectMismatch => "refresh.subject_mismatch",
            Self::AuthTimeMismatch => "refresh.auth_time_mismatch",
            Self::StoreUnavailable => "store.unavailable",
            Self::FailedElsewhere => "refresh.failed_elsewhere",
            Self::SessionTooLarge => "session.too_large",
        }
    }
}

/// What hinders refreshes at the moment, as the VMs of a process tell each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub enum Setback {
    /// Unreachable, reset, or too slow.
    NoAnswer = 0,
    /// The host would not send the request.
    NotSent = 1,
    /// More than is ever read.
    AnswerTooLarge = 2,
    /// The provider's metadata are not here.
    ProviderNotReady = 3,
    /// We cannot prove who we are.
    ClientUnauthenticated = 4,
    /// The provider does not take us for who we are.
    ClientRefused = 5,
    /// Not now.
    Unavailable = 6,
    /// Refused for no reason that is known.
    Refused = 7,
    /// No acceptable answer.
    AnswerUnusable = 8,
    /// Another instance may be using the token, and the store does not say so.
    StoreUnavailable = 9,
    /// Another instance has tried a moment ago.
    FailedElsewhere = 10,
}

impl Reason for Setback {
    fn code(&self) -> &'static str {
        match self {
            Self::NoAnswer => "provider.unreachable",
            Self::NotSent => "provider.no_cluster",
            Self::AnswerTooLarge => "provider.answer_too_large",
            Self::ProviderNotReady => "provider.not_ready",
            Self::ClientUnauthenticated => "refresh.client_unauthenticated",
            Self::ClientRefused => "token.invalid_client",
            Self::Unavailable => "token.unavailable",
            Self::Refused => "token.refused",
            Self::AnswerUnusable => "token.malformed",
            Self::StoreUnavailable => "store.unavailable",
            Self::FailedElsewhere => "refresh.failed_elsewhere",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;
    use crate::config::Issuer;
    use crate::jose::test_key::{TestKey, jwk_set, with};
    use crate::jose::{JwsAlgorithm, NoHostSigner, Software};
    use crate::protocol::id_token::ExpectedNonce;
    use crate::protocol::test_provider::{ISSUER, metadata, provider};
    use crate::session::testing::TestEntropy;

    const NOW: u64 = 1_800_000_000;

    #[test]
    fn the_request_names_the_grant_and_the_token() {
        let (provider, metadata) = (provider(), metadata());
        let mut entropy = TestEntropy::default();
        let mut means = Means { now: UnixTime::from_secs(NOW), entropy: &mut entropy, signer: &NoHostSigner };
        let registration = Registration::of(&provider, &metadata).unwrap();
        let request = refresh_request(registration, &Secret::new("r&1".to_owned()), &mut means).unwrap();
        assert_eq!((request.method, request.path.as_str()), ("POST", "/token"));
        let form = String::from_utf8(request.body).unwrap();
        assert!(form.starts_with("grant_type=refresh_token&refresh_token=r%261"), "{form}");
        assert!(!form.contains("scope"), "{form}");
    }

    #[test]
    fn little_is_required_of_an_answer() {
        let bare = json!({"access_token": "at", "token_type": "Bearer"}).to_string();
        let response = process_refresh_response(200, bare.as_bytes()).unwrap();
        assert!(response.id_token.is_none() && response.refresh_token.is_none() && response.scope.is_none());
        let error = |status, body: &str| process_refresh_response(status, body.as_bytes()).unwrap_err();
        assert_eq!(error(200, "{}"), RefreshError::Token(TokenError::MissingAccessToken));
        assert_eq!(error(400, r#"{"error":"invalid_grant"}"#).code(), "refresh.invalid_grant");
    }

    #[test]
    fn what_the_provider_says_definitely_ends_the_session_and_what_can_be_mended_does_not() {
        for (status, body, setback) in [
            (400, r#"{"error":"invalid_grant"}"#, None),
            (400, r#"{"error":"invalid_request"}"#, None),
            (400, r#"{"error":"unsupported_grant_type"}"#, None),
            (401, r#"{"error":"invalid_client"}"#, Some(Setback::ClientRefused)),
            // Keycloak, for a wrong secret.
            (401, r#"{"error":"unauthorized_client"}"#, Some(Setback::ClientRefused)),
            (400, r#"{"error":"temporarily_unavailable"}"#, Some(Setback::Unavailable)),
            (503, "<html>", Some(Setback::Unavailable)),
            (429, "", Some(Setback::Unavailable)),
            (403, "<html>", Some(Setback::Refused)),
            (200, "<html>", Some(Setback::AnswerUnusable)),
        ] {
            assert_eq!(process_refresh_response(status, body.as_bytes()).unwrap_err().setback(), setback, "{body}");
        }
        assert_eq!(RefreshError::SubjectMismatch.setback(), None);
        assert_eq!(RefreshError::from(ProviderFailure::NoAnswer).setback(), Some(Setback::NoAnswer));
    }

    fn refreshed(changes: &Value) -> Result<VerifiedIdToken, RefreshError> {
        let claims = json!({"iss": ISSUER, "sub": "alice", "aud": "portal", "iat": NOW, "exp": NOW + 300});
        let token = TestKey::p256().sign(JwsAlgorithm::Es256, &with(claims, changes));
        let expected = Expected {
            issuer: &Issuer::exact(ISSUER.to_owned()),
            client_id: "portal",
            nonce: ExpectedNonce::SameOrNone("n1"),
            algorithms: &[JwsAlgorithm::Es256],
            clock_skew: Duration::from_secs(60),
            access_token: &Secret::new("at".to_owned()),
        };
        let original = Original { issuer: ISSUER, subject: "alice", auth_time: Some(UnixTime::from_secs(NOW - 900)) };
        let keys = jwk_set(&[TestKey::p256().jwk()]);
        let token = UnverifiedIdToken::new(token);
        verify_refreshed(&token, &expected, &original, &keys, &Software, UnixTime::from_secs(NOW))
    }

    #[test]
    fn a_refreshed_id_token_is_about_the_same_login() {
        for good in [json!({}), json!({"nonce": "n1"}), json!({"auth_time": NOW - 900})] {
            assert!(refreshed(&good).is_ok(), "{good}");
        }
        for (changes, error) in [
            (json!({"sub": "mallory"}), RefreshError::SubjectMismatch),
            (json!({"auth_time": NOW - 10}), RefreshError::AuthTimeMismatch),
            (json!({"nonce": "n2"}), IdTokenError::NonceMismatch.into()),
            (json!({"nonce": 1}), IdTokenError::NonceMismatch.into()),
            (json!({"aud": "another"}), IdTokenError::AudienceMismatch.into()),
            (json!({"iss": "https://evil.example.org"}), IdTokenError::IssuerMismatch.into()),
            (json!({"at_hash": "AAAA"}), IdTokenError::AccessTokenHashMismatch.into()),
            (json!({"exp": NOW - 100}), IdTokenError::Expired.into()),
        ] {
            assert_eq!(refreshed(&changes).unwrap_err(), error, "{changes}");
        }
    }
}
