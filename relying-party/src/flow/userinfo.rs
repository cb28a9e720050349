//! The UserInfo claims of a login or a refresh (OIDC Core 1.0 §5.3): asked for when the configuration says so, merged into those
//! of the ID token.

use serde_json::{Map, Value};

use crate::http::CalloutRequest;
use crate::protocol::{ProviderFailure, Registration, UserinfoAnswer, UserinfoError, merge_claims, userinfo_request};
use crate::secret::Secret;

use super::Scene;
use super::provider::LoadedProvider;

/// The request for the claims; `None` when those of the ID token are all that is wanted.
pub(super) fn request(
    registration: Registration<'_>,
    access_token: &Secret<String>,
) -> Result<Option<CalloutRequest>, UserinfoError> {
    registration.client.userinfo.then(|| userinfo_request(registration, access_token)).transpose()
}

/// All claims of the person with this `subject`: those that are known already, and what the answer says.
pub(super) fn claims(
    answer: &UserinfoAnswer,
    (subject, known): (&str, Map<String, Value>),
    provider: &LoadedProvider,
    scene: &Scene<'_>,
) -> Result<Map<String, Value>, UserinfoError> {
    // Whoever asked was a client, and the configuration has not changed since.
    let registration = provider.registration().ok_or(UserinfoError::Provider(ProviderFailure::NotSent))?;
    let claims = answer.claims(subject, registration, &provider.keys, scene.verifier, scene.now)?;
    Ok(merge_claims(known, claims))
}
