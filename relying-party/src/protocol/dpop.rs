//! Demonstrating proof of possession of a key (RFC 9449): the proof in the header `dpop`, checked as §4.3 prescribes.

mod checks;
mod error;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::http::Headers;
use crate::jose::{Jwk, JwsAlgorithm, SignatureVerifier, UnverifiedJwt};
use crate::shared::SharedData;
use crate::time::UnixTime;

use self::checks::{claim, same_token, time, typ, url};
pub use self::error::DpopError;
use super::replay::{Fingerprint, remember};

/// Longer proofs are refused (bytes). One with an RSA key of 4096 bits has 2,000.
const MAX_LENGTH: usize = 8 * 1024;

/// How far from now a proof may have been made, besides the tolerated difference between the clocks.
const LIFETIME: Duration = Duration::from_secs(60);

/// What a proof must be about.
#[derive(Clone, Copy)]
pub struct ExpectedProof<'a> {
    /// The thumbprint of the key that the access token is bound to, in base64url.
    pub thumbprint: &'a str,
    /// The access token as it was presented.
    pub access_token: &'a [u8],
    /// The request's method.
    pub method: &'a str,
    /// The origin that the request came to.
    pub origin: &'a str,
    /// The request's path as it was sent, without query.
    pub path: &'a str,
    /// Tolerated difference between the clocks.
    pub clock_skew: Duration,
}

/// The proof that the client has the key that its token is bound to, for one request. There is no other way to get one than
/// [`accept`].
pub struct AcceptedProof(());

/// Checks the proof of a request, and sees to it that nobody who shares this `memory` accepts it again.
pub fn accept(
    headers: &Headers,
    expected: &ExpectedProof<'_>,
    verifier: &dyn SignatureVerifier,
    memory: &mut dyn SharedData,
    now: UnixTime,
) -> Result<AcceptedProof, DpopError> {
    let proof = in_headers(headers)?; // 1
    let proof = UnverifiedJwt::parse(proof).map_err(DpopError::of_jws)?; // 2, 5 (no symmetric algorithm is known here)
    typ::check(proof.typ())?; // 4
    let key = proof.embedded_key().ok_or(DpopError::KeyMissing)?;
    let key = Jwk::from_value(key).map_err(DpopError::of_key)?; // 7
    // 12: before the signature, which would cost more with a key of the client's choice.
    if key.thumbprint() != expected.thumbprint {
        return Err(DpopError::KeyMismatch);
    }
    let proof = proof.verify_with(&key, &JwsAlgorithm::ALL, verifier).map_err(|_| DpopError::SignatureInvalid)?; // 6
    let claims = proof.claims();
    let jti = claim::jti(claims)?; // 3
    if claim::text(claims, "htm") != Some(expected.method) {
        return Err(DpopError::MethodMismatch); // 8
    }
    url::check(claim::text(claims, "htu"), expected.origin, expected.path)?; // 9
    // 10: no nonce was asked for; one that is there says nothing.
    let window = LIFETIME.saturating_add(expected.clock_skew);
    let issued_at = time::check(claims, window, now)?; // 11
    same_token::check(claim::text(claims, "ath"), expected.access_token)?; // 12
    let fingerprint = Fingerprint::of(expected.thumbprint, jti);
    remember(memory, "dpop", fingerprint, issued_at, window).map_err(DpopError::of_memory)?; // §11.1
    Ok(AcceptedProof(()))
}

/// The only proof of a request.
fn in_headers(headers: &Headers) -> Result<&str, DpopError> {
    let mut proofs = headers.all("dpop");
    let proof = proofs.next().ok_or(DpopError::Missing)?;
    if proofs.next().is_some() {
        return Err(DpopError::Repeated);
    }
    if proof.len() > MAX_LENGTH {
        return Err(DpopError::TooLarge);
    }
    std::str::from_utf8(proof).map_err(|_| DpopError::NotText)
}
