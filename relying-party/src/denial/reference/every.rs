//! Every refusal once.

use super::super::{Denial, LostSession};
use crate::http::credentials::CredentialsError;
use crate::jose::json::JsonError;
use crate::jose::jwk_set::JwkSetError;
use crate::jose::jws::JwsError;
use crate::jose::verify::VerifyError;
use crate::login::attempt::LoginAttempt;
use crate::login::attempt::LoginAttemptError;
use crate::login::browser::BrowserId;
use crate::login::return_to::ReturnTarget;
use crate::policy::demand::{AuthenticationDemand, StepUpError};
use crate::policy::path::PathError;
use crate::protocol::access_token::AccessTokenError;
use crate::protocol::authorization::{AuthorizationError, AuthorizationResponseError};
use crate::protocol::challenge::BearerError;
use crate::protocol::confirmation::{ConfirmationError, PossessionError};
use crate::protocol::discovery::DiscoveryError;
use crate::protocol::dpop::DpopError;
use crate::protocol::endpoint::EndpointError;
use crate::protocol::id_token::IdTokenError;
use crate::protocol::introspection::IntrospectionError;
use crate::protocol::jwks::JwksError;
use crate::protocol::logout_token::LogoutTokenError;
use crate::protocol::metadata::MetadataError;
use crate::protocol::refresh::Setback;
use crate::protocol::token::TokenError;
use crate::protocol::token_exchange::TokenExchangeError;
use crate::protocol::{ClientAuthenticationError, ProviderFailure, PushedAuthorizationError, UserinfoError};
use crate::session::claims::ClaimsElsewhere;
use crate::session::testing::TestEntropy;
use crate::time::UnixTime;

/// Every refusal there is, as far as codes, statuses and advice tell them apart.
pub(crate) fn every() -> Vec<Denial> {
    use Denial as D;
    let demand = || AuthenticationDemand { max_age: None, acr_values: Vec::new() };
    let mut all = vec![
        D::MalformedAuthority,
        D::MissingPath,
        D::AmbiguousPath,
        D::LoginRequired,
        D::LoginOrTokenRequired,
        D::TooBusy,
        D::LoginUnavailable,
        D::RequirementNotMet,
        D::ClaimsElsewhere(ClaimsElsewhere::Groups),
        D::ClaimsElsewhere(ClaimsElsewhere::Others),
        D::StepUpRequired(demand()),
        D::UnknownEndpoint,
        D::MethodNotAllowed("GET"),
        D::UnknownProvider,
        D::CrossSiteLogout,
        D::FormUnreadable,
        D::LoginOvertaken,
        D::LoginLoop(LostSession::Absent),
        D::InsecureScheme,
        D::LoginEmbedded,
        D::Login(LoginAttemptError::Unreadable),
        D::Login(LoginAttemptError::Expired(Box::new(attempt()))),
        D::SessionTooLarge { claims: Vec::new(), limit: 0 },
        D::StoreUnavailable,
        D::ProviderNotReady,
        D::ProviderOutdated,
        D::Bearer(BearerError::Authentication(demand())),
    ];
    all.extend(paths().map(D::Path));
    all.extend(bearer().map(D::Bearer));
    all.extend(access_tokens().map(|error| D::Bearer(error.into())));
    all.extend(proofs().map(|error| D::Bearer(PossessionError::from(error).into())));
    all.extend(introspection().map(D::Introspection));
    all.extend(setbacks().map(D::Refresh));
    all.extend(exchange().map(D::Exchange));
    all.extend([StepUpError::AuthTimeMissing, StepUpError::TooOld, StepUpError::AcrNotMet].map(D::StepUp));
    all.extend(logout_tokens().map(D::LogoutToken));
    all.extend(callbacks().map(D::Callback));
    all.extend(authorization().map(D::Authorization));
    all.extend(
        [ClientAuthenticationError::RsaUnsupported, ClientAuthenticationError::SigningFailed]
            .map(D::ClientAuthentication),
    );
    all.extend(pushed().map(D::PushedAuthorization));
    all.extend(tokens().map(D::Token));
    all.extend(id_tokens().map(D::IdToken));
    all.extend(userinfo().map(D::Userinfo));
    all.extend(failures().map(D::Provider));
    all
}

fn attempt() -> LoginAttempt {
    let mut entropy = TestEntropy::default();
    let (browser, target) = (BrowserId::random(&mut entropy), ReturnTarget::root());
    LoginAttempt::begin("corp", target, String::new(), &browser, UnixTime::from_secs(0), &mut entropy)
}

fn paths() -> impl Iterator<Item = PathError> {
    use PathError::*;
    [NotAbsolute, TooLong, ForbiddenByte, MalformedEscape, NotUtf8].into_iter()
}

fn bearer() -> impl Iterator<Item = BearerError> {
    use BearerError::*;
    let possession = [
        PossessionError::Bound,
        PossessionError::NotBound,
        PossessionError::CertificateMissing,
        PossessionError::CertificateMismatch,
    ];
    let others = [
        Missing,
        Credentials(CredentialsError::Repeated),
        Credentials(CredentialsError::Malformed),
        InsufficientScope(Vec::new()),
        RequirementNotMet,
    ];
    possession.map(Possession).into_iter().chain(others)
}

fn access_tokens() -> impl Iterator<Item = AccessTokenError> {
    use AccessTokenError::*;
    let malformed = [
        JwsError::TooLarge,
        JwsError::NotThreeParts,
        JwsError::NotBase64Url,
        JwsError::Header(JsonError::Malformed),
        JwsError::HeaderMember,
        JwsError::MissingAlgorithm,
        JwsError::UnsupportedAlgorithm,
        JwsError::CriticalExtension,
        JwsError::KeyIdTooLong,
        JwsError::Payload(JsonError::Malformed),
    ];
    let others = [
        NotTyped,
        WrongType,
        IdToken,
        Inactive,
        IssuerMissing,
        IssuerMismatch,
        TenantMismatch,
        AudienceMalformed,
        AudienceMismatch,
        ExpiryMissing,
        ExpiryMalformed,
        Expired,
        NotBeforeMalformed,
        NotYetValid,
        IssuedAtMalformed,
        IssuedInTheFuture,
        AuthTimeMalformed,
        ScopeMalformed,
        Confirmation(ConfirmationError::Malformed),
        Confirmation(ConfirmationError::Unsupported),
    ];
    malformed.map(Malformed).into_iter().chain(signatures().map(Signature)).chain(others)
}

fn signatures() -> impl Iterator<Item = VerifyError> {
    use VerifyError::*;
    [AlgorithmNotAllowed, UnknownKey, NoFittingKey, AmbiguousKey, SignatureInvalid, SoleKeySignatureInvalid].into_iter()
}

fn proofs() -> impl Iterator<Item = DpopError> {
    use DpopError::*;
    [
        Missing,
        Repeated,
        TooLarge,
        NotText,
        Malformed(JwsError::NotThreeParts),
        UnsupportedAlgorithm,
        WrongType,
        KeyMissing,
        SecretKey,
        KeyUnusable(crate::jose::jwk::SkippedKey::Malformed),
        KeyMismatch,
        SignatureInvalid,
        IdentifierMalformed,
        MethodMismatch,
        UrlMismatch,
        IssuedAtMalformed,
        TooOld,
        IssuedInTheFuture,
        TokenMismatch,
        Replayed,
        MemoryFull,
        MemoryContended,
    ]
    .into_iter()
}

fn introspection() -> impl Iterator<Item = IntrospectionError> {
    use IntrospectionError::*;
    let json = [
        JsonError::TooLarge,
        JsonError::Malformed,
        JsonError::NotAnObject,
        JsonError::DuplicateMember,
        JsonError::TooDeep,
    ];
    let others =
        [MissingEndpoint, ClientRefused, Refused { status: 400 }, Unavailable { status: 503 }, ActiveMalformed];
    json.map(Malformed).into_iter().chain(others)
}

fn setbacks() -> impl Iterator<Item = Setback> {
    use Setback::*;
    [
        NoAnswer,
        NotSent,
        AnswerTooLarge,
        ProviderNotReady,
        ClientUnauthenticated,
        ClientRefused,
        Unavailable,
        Refused,
        AnswerUnusable,
        StoreUnavailable,
        FailedElsewhere,
    ]
    .into_iter()
}

fn exchange() -> impl Iterator<Item = TokenExchangeError> {
    use TokenExchangeError::*;
    [
        SubjectTokenMissing,
        InvalidGrant,
        InvalidRequest,
        InvalidTarget,
        InvalidScope,
        AccessDenied,
        InvalidClient,
        UnauthorizedClient,
        UnsupportedGrantType,
        Refused { status: 400 },
        Unavailable { status: 503 },
        Malformed(JsonError::Malformed),
        TokenMissing,
        TokenMalformed,
        IssuedTokenType,
        TokenTypeNotBearer,
        LifetimeMalformed,
    ]
    .into_iter()
}

fn logout_tokens() -> impl Iterator<Item = LogoutTokenError> {
    use LogoutTokenError::*;
    let others = [
        BodyUnreadable,
        Missing,
        Repeated,
        Malformed(JwsError::NotThreeParts),
        UnsupportedAlgorithm,
        CriticalExtension,
        WrongType,
        IssuerMismatch,
        AudienceMismatch,
        IssuedAtMalformed,
        IssuedInTheFuture,
        ExpiryMissing,
        ExpiryMalformed,
        Expired,
        SubjectMalformed,
        SidMalformed,
        NobodyNamed,
        NoLogoutEvent,
        NoncePresent,
        IdentifierMalformed,
        Replayed,
        MemoryFull,
        MemoryContended,
    ];
    signatures().map(Signature).chain(others)
}

fn callbacks() -> impl Iterator<Item = AuthorizationResponseError> {
    use AuthorizationResponseError::*;
    [
        TooLarge,
        DuplicateParameter,
        MalformedParameter,
        MissingState,
        MissingCode,
        CodeAndError,
        IssuerMismatch,
        MissingIssuer,
    ]
    .into_iter()
}

fn authorization() -> impl Iterator<Item = AuthorizationError> {
    use AuthorizationError::*;
    [
        AccessDenied,
        LoginRequired,
        InteractionRequired,
        ConsentRequired,
        AccountSelectionRequired,
        InvalidRequest,
        UnauthorizedClient,
        UnsupportedResponseType,
        InvalidScope,
        InvalidTarget,
        ServerError,
        TemporarilyUnavailable,
        UnusedFeature,
        Other,
    ]
    .into_iter()
}

fn pushed() -> impl Iterator<Item = PushedAuthorizationError> {
    use PushedAuthorizationError::*;
    [
        MissingEndpoint,
        InvalidClient,
        UnauthorizedClient,
        InvalidRequest,
        InvalidScope,
        InvalidTarget,
        Refused { status: 400 },
        Unavailable { status: 503 },
        Malformed(JsonError::Malformed),
        MissingRequestUri,
        RequestUriMalformed,
    ]
    .into_iter()
}

fn tokens() -> impl Iterator<Item = TokenError> {
    use TokenError::*;
    [
        InvalidGrant,
        InvalidClient,
        InvalidRequest,
        UnauthorizedClient,
        UnsupportedGrantType,
        InvalidScope,
        InvalidTarget,
        Refused { status: 400 },
        Unavailable { status: 503 },
        Malformed(JsonError::Malformed),
        MemberMalformed { member: "expires_in" },
        MissingAccessToken,
        MissingIdToken,
        TokenTypeNotBearer,
    ]
    .into_iter()
}

fn id_tokens() -> impl Iterator<Item = IdTokenError> {
    use IdTokenError::*;
    let malformed = [
        JwsError::NotThreeParts,
        JwsError::UnsupportedAlgorithm,
        JwsError::CriticalExtension,
        JwsError::Payload(JsonError::Malformed),
    ];
    let others = [
        WrongType,
        IssuerMismatch,
        TenantMismatch,
        AudienceMissing,
        AudienceMalformed,
        AudienceMismatch,
        AuthorizedPartyMissing,
        AuthorizedPartyMismatch,
        ExpiryMissing,
        ExpiryMalformed,
        Expired,
        IssuedAtMissing,
        IssuedAtMalformed,
        IssuedInTheFuture,
        IssuedTooLongAgo,
        NotBeforeMalformed,
        NotYetValid,
        NonceMissing,
        NonceMismatch,
        AccessTokenHashMismatch,
        SubjectMissing,
        SubjectMalformed,
        AuthTimeMalformed,
    ];
    malformed.map(Malformed).into_iter().chain(signatures().map(Signature)).chain(others)
}

fn userinfo() -> impl Iterator<Item = UserinfoError> {
    use UserinfoError::*;
    [
        MissingEndpoint,
        Unavailable { status: 503 },
        Refused { status: 401 },
        Malformed(JsonError::Malformed),
        Jwt(JwsError::NotThreeParts),
        Signature(VerifyError::SignatureInvalid),
        IssuerMismatch,
        AudienceMismatch,
        Expired,
        SubjectMissing,
        SubjectMismatch,
    ]
    .into_iter()
}

fn failures() -> impl Iterator<Item = ProviderFailure> {
    use ProviderFailure::*;
    let metadata = [
        MetadataError::IssuerMismatch,
        MetadataError::EndpointMissing { member: "token_endpoint" },
        MetadataError::EndpointInvalid { member: "token_endpoint", source: EndpointError::Malformed },
        MetadataError::CodeFlowUnsupported,
    ];
    let discovery = [
        DiscoveryError::Unavailable { status: 503 },
        DiscoveryError::UnexpectedStatus { status: 404 },
        DiscoveryError::Malformed(JsonError::Malformed),
    ];
    let sets = [
        JwkSetError::Malformed(JsonError::Malformed),
        JwkSetError::MissingKeys,
        JwkSetError::NoUsableKey { skipped: Vec::new() },
    ];
    let keys = [JwksError::Unavailable { status: 503 }, JwksError::UnexpectedStatus { status: 404 }];
    let discovery = metadata.map(DiscoveryError::Metadata).into_iter().chain(discovery);
    let keys = sets.map(JwksError::KeySet).into_iter().chain(keys);
    [NotSent, NoAnswer, AnswerTooLarge].into_iter().chain(discovery.map(Discovery)).chain(keys.map(Jwks))
}
