//! Which key, which algorithm, and whether the signature is good (RFC 7515 §5.2, RFC 8725 §3.1).

use jwt_compact::alg::{Es256, Rsa};
use jwt_compact::{Algorithm, AlgorithmSignature};

use super::elliptic::{Es384, Es512, StrictEd25519};
use super::{CompactJws, Jwk, JwkSet, JwsAlgorithm, VerifyingKey};
use crate::reason::Reason;

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
        match &key.key {
            VerifyingKey::Rsa(key) => {
                let algorithm = match algorithm {
                    JwsAlgorithm::Rs256 => Rsa::rs256(),
                    JwsAlgorithm::Rs384 => Rsa::rs384(),
                    JwsAlgorithm::Rs512 => Rsa::rs512(),
                    JwsAlgorithm::Ps256 => Rsa::ps256(),
                    JwsAlgorithm::Ps384 => Rsa::ps384(),
                    JwsAlgorithm::Ps512 => Rsa::ps512(),
                    JwsAlgorithm::Es256 | JwsAlgorithm::Es384 | JwsAlgorithm::Es512 | JwsAlgorithm::EdDsa => {
                        return false;
                    }
                };
                is_good(&algorithm, key, signing_input, signature)
            }
            VerifyingKey::P256(key) => {
                algorithm == JwsAlgorithm::Es256 && is_good(&Es256, key, signing_input, signature)
            }
            VerifyingKey::P384(key) => {
                algorithm == JwsAlgorithm::Es384 && is_good(&Es384, key, signing_input, signature)
            }
            VerifyingKey::P521(key) => {
                algorithm == JwsAlgorithm::Es512 && is_good(&Es512, key, signing_input, signature)
            }
            VerifyingKey::Ed25519(key) => {
                algorithm == JwsAlgorithm::EdDsa && is_good(&StrictEd25519, key, signing_input, signature)
            }
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

impl Jwk {
    /// Whether this key made the signature of `jws`, by one of the `allowed` algorithms. For keys that are chosen otherwise
    /// than by `kid`.
    pub fn check(
        &self,
        jws: &CompactJws<'_>,
        allowed: &[JwsAlgorithm],
        verifier: &dyn SignatureVerifier,
    ) -> Result<(), VerifyError> {
        let algorithm = jws.algorithm();
        if !allowed.contains(&algorithm) {
            return Err(VerifyError::AlgorithmNotAllowed);
        }
        if !self.fits(algorithm) {
            return Err(VerifyError::NoFittingKey);
        }
        let good = verifier.verify(algorithm, self, jws.signing_input(), jws.signature());
        if good { Ok(()) } else { Err(VerifyError::SignatureInvalid) }
    }
}

impl JwkSet {
    /// Which of these keys made the signature of `jws`, by one of the `allowed` algorithms.
    pub fn check(
        &self,
        jws: &CompactJws<'_>,
        allowed: &[JwsAlgorithm],
        verifier: &dyn SignatureVerifier,
    ) -> Result<&Jwk, VerifyError> {
        let algorithm = jws.algorithm();
        if !allowed.contains(&algorithm) {
            return Err(VerifyError::AlgorithmNotAllowed);
        }
        let mut candidates = self.candidates(jws)?.into_iter().take(MAX_CANDIDATES);
        let good = candidates.find(|key| verifier.verify(algorithm, key, jws.signing_input(), jws.signature()));
        good.ok_or(match jws.kid() {
            Some(_) => VerifyError::SignatureInvalid,
            None => VerifyError::SoleKeySignatureInvalid,
        })
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
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::jose::test_key::{RFC7515_A2, RFC7515_A3, TestKey, jwk_set, with};
    use crate::jose::{JsonError, JwsError, UnverifiedJwt, VerifiedJwt};

    const ALL: &[JwsAlgorithm] = &JwsAlgorithm::ALL;

    fn verify(keys: &[Value], token: &str) -> Result<Map<String, Value>, VerifyError> {
        let token = UnverifiedJwt::parse(token).unwrap();
        token.verify(&jwk_set(keys), ALL, &Software).map(VerifiedJwt::into_claims).map_err(|refused| refused.error())
    }

    fn both() -> [Value; 2] {
        [TestKey::rsa().jwk(), TestKey::p256().jwk()]
    }

    fn all() -> Vec<Value> {
        TestKey::all().iter().map(TestKey::jwk).collect()
    }

    /// `token` with the bytes of its signature changed.
    fn with_signature(token: &str, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> String {
        let (input, signature) = token.rsplit_once('.').unwrap();
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(change(URL_SAFE_NO_PAD.decode(signature).unwrap())))
    }

    #[test]
    fn the_examples_of_rfc_7515_are_verified() {
        for vector in [RFC7515_A2, RFC7515_A3] {
            let vector: Value = serde_json::from_str(vector).unwrap();
            let key = with(vector["jwk"].clone(), &json!({"d": null, "p": null, "q": null}));
            let claims = verify(&[key], vector["token"].as_str().unwrap()).unwrap();
            assert_eq!(
                Value::from(claims),
                json!({"iss": "joe", "exp": 1_300_819_380, "http://example.com/is_root": true})
            );
        }
    }

    #[test]
    fn every_algorithm_verifies_and_no_changed_signature_does() {
        for algorithm in JwsAlgorithm::ALL {
            let token = TestKey::for_algorithm(algorithm).sign(algorithm, &json!({"sub": "alice"}));
            assert_eq!(verify(&all(), &token).unwrap()["sub"], "alice");
            let flip = |mut signature: Vec<u8>| {
                signature[10] ^= 1;
                signature
            };
            for forged in [
                with_signature(&token, flip),
                with_signature(&token, |_| Vec::new()),
                with_signature(&token, |signature| [signature, vec![0]].concat()),
                with_signature(&token, |signature| vec![0; signature.len()]), // CVE-2022-21449
                with_signature(&token, |signature| vec![0xff; signature.len()]),
            ] {
                assert_eq!(verify(&all(), &forged), Err(VerifyError::SignatureInvalid), "{algorithm:?}");
            }
        }
    }

    /// Keys and tokens made with OpenSSL, one a line.
    #[test]
    fn rsa_keys_of_many_sizes_are_verified() {
        let vectors: Vec<Value> = serde_json::from_str(include_str!("testdata/rsa_sizes.json")).unwrap();
        assert_eq!(vectors.iter().map(|vector| vector["bits"].as_u64().unwrap()).max(), Some(8192));
        for vector in vectors {
            let claims = verify(&[vector["jwk"].clone()], vector["token"].as_str().unwrap());
            assert_eq!(claims.unwrap()["sub"], "alice", "{} {}", vector["bits"], vector["alg"]);
        }
    }

    #[test]
    fn an_algorithm_that_is_not_allowed_is_refused_though_the_key_fits() {
        let token = TestKey::rsa().sign(JwsAlgorithm::Rs256, &json!({}));
        let (keys, jws) = (jwk_set(&both()), CompactJws::parse(&token).unwrap());
        assert_eq!(keys.check(&jws, &[JwsAlgorithm::Ps256], &Software), Err(VerifyError::AlgorithmNotAllowed));
    }

    #[test]
    fn the_key_is_the_one_that_the_token_names() {
        let token = TestKey::rsa().sign(JwsAlgorithm::Rs256, &json!({}));
        let renamed = |kid| with(TestKey::rsa().jwk(), &json!({"kid": kid}));
        assert_eq!(verify(&[renamed("other"), TestKey::p256().jwk()], &token), Err(VerifyError::UnknownKey));
        assert_eq!(
            verify(&[with(TestKey::p256().jwk(), &json!({"kid": "rsa"}))], &token),
            Err(VerifyError::NoFittingKey)
        );
        assert_eq!(
            verify(&[with(TestKey::rsa().jwk(), &json!({"alg": "PS256"}))], &token),
            Err(VerifyError::NoFittingKey)
        );
        // Two keys of one name: a rotation that forgot to rename.
        let vectors: Vec<Value> = serde_json::from_str(include_str!("testdata/rsa_sizes.json")).unwrap();
        let namesake = with(vectors[0]["jwk"].clone(), &json!({"kid": "rsa"}));
        assert!(verify(&[namesake.clone(), TestKey::rsa().jwk()], &token).is_ok());
        assert_eq!(verify(&[namesake], &token), Err(VerifyError::SignatureInvalid));
    }

    #[test]
    fn a_token_that_names_no_key_needs_exactly_one_that_fits() {
        let sign = |key: &TestKey, algorithm: JwsAlgorithm| {
            key.sign_bytes(algorithm, &json!({"alg": algorithm.name()}), b"{}")
        };
        let token = sign(&TestKey::rsa(), JwsAlgorithm::Rs256);
        assert!(verify(&both(), &token).is_ok());
        let unnamed = with(TestKey::rsa().jwk(), &json!({"kid": null}));
        assert_eq!(verify(&[TestKey::rsa().jwk(), unnamed], &token), Err(VerifyError::AmbiguousKey));
        assert_eq!(verify(&[TestKey::p256().jwk()], &token), Err(VerifyError::NoFittingKey));
        let forged = with_signature(&token, |signature| vec![1; signature.len()]);
        let refused = verify(&both(), &forged).unwrap_err();
        assert_eq!(refused, VerifyError::SoleKeySignatureInvalid);
        assert!(refused.newer_keys_may_help());
    }

    #[test]
    fn a_payload_must_be_an_object_without_duplicates_though_it_is_signed() {
        let header = json!({"alg": "ES256", "kid": "ec"});
        for (payload, cause) in [
            (&b"{\"sub\":\"a\",\"sub\":\"b\"}"[..], JsonError::DuplicateMember),
            (b"[]", JsonError::NotAnObject),
            (b"{}{}", JsonError::Malformed),
            (b"\xef\xbb\xbf{}", JsonError::Malformed),
        ] {
            let token = TestKey::p256().sign_bytes(JwsAlgorithm::Es256, &header, payload);
            assert_eq!(UnverifiedJwt::parse(&token).unwrap_err(), JwsError::Payload(cause));
        }
    }
}
