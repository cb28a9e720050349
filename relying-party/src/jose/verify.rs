//! Which key, which algorithm, and whether the signature is good (RFC 7515 §5.2, RFC 8725 §3.1).

use jwt_compact::alg::{Es256, Rsa};
use jwt_compact::{Algorithm, AlgorithmSignature};
use serde_json::{Map, Value};

use super::json::{self, JsonError};
use super::{CompactJws, Jwk, JwkSet, JwsAlgorithm, VerifyingKey};
use crate::reason::Reason;

/// The largest payload, in bytes; a token is bounded already.
const MAX_PAYLOAD: usize = 64 * 1024;
/// How many keys of one `kid` are tried: a rotation in progress needs two.
const MAX_CANDIDATES: usize = 4;

/// Something that can check a signature: this module's own code, or the host's.
pub trait SignatureVerifier {
    /// Whether `signature` over `signing_input` was made with `key`'s private half by `algorithm`.
    fn verify(&self, algorithm: JwsAlgorithm, key: &Jwk, signing_input: &[u8], signature: &[u8]) -> bool;
}

/// Checks signatures in this module.
#[derive(Clone, Copy, Debug)]
pub struct Software;

impl SignatureVerifier for Software {
    fn verify(&self, algorithm: JwsAlgorithm, key: &Jwk, signing_input: &[u8], signature: &[u8]) -> bool {
        match (algorithm, &key.key) {
            (JwsAlgorithm::Rs256, VerifyingKey::Rsa(key)) => is_good(&Rsa::rs256(), key, signing_input, signature),
            (JwsAlgorithm::Rs384, VerifyingKey::Rsa(key)) => is_good(&Rsa::rs384(), key, signing_input, signature),
            (JwsAlgorithm::Rs512, VerifyingKey::Rsa(key)) => is_good(&Rsa::rs512(), key, signing_input, signature),
            (JwsAlgorithm::Ps256, VerifyingKey::Rsa(key)) => is_good(&Rsa::ps256(), key, signing_input, signature),
            (JwsAlgorithm::Ps384, VerifyingKey::Rsa(key)) => is_good(&Rsa::ps384(), key, signing_input, signature),
            (JwsAlgorithm::Ps512, VerifyingKey::Rsa(key)) => is_good(&Rsa::ps512(), key, signing_input, signature),
            (JwsAlgorithm::Es256, VerifyingKey::P256(key)) => is_good(&Es256, key, signing_input, signature),
            (
                JwsAlgorithm::Rs256
                | JwsAlgorithm::Rs384
                | JwsAlgorithm::Rs512
                | JwsAlgorithm::Ps256
                | JwsAlgorithm::Ps384
                | JwsAlgorithm::Ps512,
                VerifyingKey::P256(_),
            )
            | (JwsAlgorithm::Es256, VerifyingKey::Rsa(_)) => false,
        }
    }
}

fn is_good<A: Algorithm>(algorithm: &A, key: &A::VerifyingKey, signing_input: &[u8], signature: &[u8]) -> bool {
    if A::Signature::LENGTH.is_some_and(|length| length.get() != signature.len()) {
        return false;
    }
    A::Signature::try_from_slice(signature)
        .is_ok_and(|signature| algorithm.verify_signature(&signature, key, signing_input))
}

impl JwkSet {
    /// Verifies `jws` with one of these keys, by one of the `allowed` algorithms, and gives its claims.
    pub fn verify(
        &self,
        jws: &CompactJws<'_>,
        allowed: &[JwsAlgorithm],
        verifier: &dyn SignatureVerifier,
    ) -> Result<Map<String, Value>, VerifyError> {
        let algorithm = jws.algorithm();
        if !allowed.contains(&algorithm) {
            return Err(VerifyError::AlgorithmNotAllowed);
        }
        let candidates = self.candidates(jws)?;
        let good = candidates
            .into_iter()
            .take(MAX_CANDIDATES)
            .any(|key| verifier.verify(algorithm, key, jws.signing_input(), jws.signature()));
        match (good, jws.kid()) {
            (true, _) => json::parse_object(jws.payload(), MAX_PAYLOAD).map_err(VerifyError::Payload),
            (false, Some(_)) => Err(VerifyError::SignatureInvalid),
            (false, None) => Err(VerifyError::SoleKeySignatureInvalid),
        }
    }

    /// With a `kid`, the keys of that name; without one, the only key that fits. Never a default.
    fn candidates(&self, jws: &CompactJws<'_>) -> Result<Vec<&Jwk>, VerifyError> {
        let fitting = |key: &&Jwk| key.fits(jws.algorithm());
        let Some(kid) = jws.kid() else {
            let keys: Vec<&Jwk> = self.keys().iter().filter(fitting).collect();
            return match keys.len() {
                0 => Err(VerifyError::NoFittingKey),
                1 => Ok(keys),
                _ => Err(VerifyError::AmbiguousKey),
            };
        };
        let named: Vec<&Jwk> = self.keys().iter().filter(|key| key.kid.as_deref() == Some(kid)).collect();
        if named.is_empty() {
            return Err(VerifyError::UnknownKey);
        }
        let keys: Vec<&Jwk> = named.into_iter().filter(fitting).collect();
        if keys.is_empty() { Err(VerifyError::NoFittingKey) } else { Ok(keys) }
    }
}

/// Why a token was not verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// A known algorithm, but none that this provider may use.
    #[error("the token's algorithm is not allowed for this provider")]
    AlgorithmNotAllowed,
    /// No key has the token's `kid`. The key may be newer than this set.
    #[error("no key has the token's key id")]
    UnknownKey,
    /// There are keys, but none for the token's algorithm. The key may be newer than this set.
    #[error("no key fits the token's algorithm")]
    NoFittingKey,
    /// The token names no key and several fit.
    #[error("the token names no key and several fit")]
    AmbiguousKey,
    /// The named key did not make this signature.
    #[error("the token's signature is invalid")]
    SignatureInvalid,
    /// The token names no key and the only one that fits did not make this signature. The key may be newer than this set.
    #[error("the token names no key and its signature is invalid")]
    SoleKeySignatureInvalid,
    /// Signed, but its payload is no acceptable JSON object.
    #[error("the token's payload is malformed")]
    Payload(#[source] JsonError),
}

impl VerifyError {
    /// Whether a newer key set could change the answer.
    pub const fn newer_keys_may_help(self) -> bool {
        matches!(self, Self::UnknownKey | Self::NoFittingKey | Self::SoleKeySignatureInvalid)
    }
}

impl Reason for VerifyError {
    fn code(&self) -> &'static str {
        match self {
            Self::AlgorithmNotAllowed => "jws.algorithm_not_allowed",
            Self::UnknownKey => "jws.key_unknown",
            Self::NoFittingKey => "jws.key_unfit",
            Self::AmbiguousKey => "jws.key_ambiguous",
            Self::SignatureInvalid => "jws.signature_invalid",
            Self::SoleKeySignatureInvalid => "jws.sole_key_signature_invalid",
            Self::Payload(_) => "jws.payload_malformed",
        }
    }
}
