//! Keys that sign in tests: those of RFC 7515 (Appendix A.2 and A.3), RFC 6979, RFC 7520 and RFC 8037.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_compact::alg::{Ed25519, Es256, Rsa, RsaPrivateKey};
use jwt_compact::jwk::JsonWebKey;
use jwt_compact::{Algorithm, AlgorithmSignature as _};
use p521::ecdsa::signature::{RandomizedSigner as _, Signer as _};
use p521::elliptic_curve::rand_core::{self, CryptoRng, RngCore};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha512};

use super::{JwkSet, JwsAlgorithm};

/// RFC 7515, Appendix A.2: an RSA key of 2048 bits, and a token.
pub(crate) const RFC7515_A2: &str = include_str!("testdata/rfc7515_a2.json");
/// RFC 7515, Appendix A.3: a P-256 key, and a token.
pub(crate) const RFC7515_A3: &str = include_str!("testdata/rfc7515_a3.json");

/// A private key with a `kid`.
pub(crate) struct TestKey {
    kid: &'static str,
    private: Private,
}

enum Private {
    Rsa(Box<RsaPrivateKey>),
    P256(<Es256 as Algorithm>::SigningKey),
    P384(p384::ecdsa::SigningKey),
    P521(p521::ecdsa::SigningKey),
    Ed25519(ed25519_dalek::SigningKey),
}

impl TestKey {
    /// The RSA key, called `rsa`.
    pub(crate) fn rsa() -> Self {
        let key = RsaPrivateKey::try_from(&private_jwk(RFC7515_A2)).unwrap();
        Self { kid: "rsa", private: Private::Rsa(Box::new(key)) }
    }

    /// The P-256 key, called `ec`.
    pub(crate) fn p256() -> Self {
        Self { kid: "ec", private: Private::P256((&private_jwk(RFC7515_A3)).try_into().unwrap()) }
    }

    /// The P-384 key, called `ec384` (RFC 6979, Appendix A.2.6).
    pub(crate) fn p384() -> Self {
        let secret =
            URL_SAFE_NO_PAD.decode("a509rS4bjBwFsZh1tmWfTeI8O2Z78pe6mqR3QHhxN9iW1XJOTHCoJfhyyepg0u31").unwrap();
        Self { kid: "ec384", private: Private::P384(p384::ecdsa::SigningKey::from_slice(&secret).unwrap()) }
    }

    /// The P-521 key, called `ec521` (RFC 7520 §3.2).
    pub(crate) fn p521() -> Self {
        let secret = "AAhRON2r9cqXX1hg-RoI6R1tX5p2rUAYdmpHZoC1XNM56KtscrX6zbKipQrCW9CGZH3T4ubpnoTKLDYJ_fF3_rJt";
        let secret = URL_SAFE_NO_PAD.decode(secret).unwrap();
        Self { kid: "ec521", private: Private::P521(p521::ecdsa::SigningKey::from_slice(&secret).unwrap()) }
    }

    /// The Ed25519 key, called `ed` (RFC 8037, Appendix A.1).
    pub(crate) fn ed25519() -> Self {
        let secret = URL_SAFE_NO_PAD.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
        let key = ed25519_dalek::SigningKey::from_bytes(&secret.try_into().unwrap());
        Self { kid: "ed", private: Private::Ed25519(key) }
    }

    /// One key of each kind.
    pub(crate) fn all() -> [Self; 5] {
        [Self::rsa(), Self::p256(), Self::p384(), Self::p521(), Self::ed25519()]
    }

    /// The key that `algorithm` signs with.
    pub(crate) fn for_algorithm(algorithm: JwsAlgorithm) -> Self {
        match algorithm {
            JwsAlgorithm::Es256 => Self::p256(),
            JwsAlgorithm::Es384 => Self::p384(),
            JwsAlgorithm::Es512 => Self::p521(),
            JwsAlgorithm::EdDsa => Self::ed25519(),
            _ => Self::rsa(),
        }
    }

    /// The public key, as providers publish it.
    pub(crate) fn jwk(&self) -> Value {
        let public = match &self.private {
            Private::Rsa(key) => serde_json::to_value(JsonWebKey::from(&key.to_public_key())).unwrap(),
            Private::P256(key) => serde_json::to_value(JsonWebKey::from(key.verifying_key())).unwrap(),
            Private::P384(key) => point("P-384", key.verifying_key().to_encoded_point(false).as_bytes()),
            Private::P521(key) => {
                point("P-521", p521::ecdsa::VerifyingKey::from(key).to_encoded_point(false).as_bytes())
            }
            Private::Ed25519(key) => serde_json::to_value(JsonWebKey::from(&key.verifying_key())).unwrap(),
        };
        with(public, &json!({"kid": self.kid}))
    }

    /// A token with the usual header.
    pub(crate) fn sign(&self, algorithm: JwsAlgorithm, claims: &Value) -> String {
        let header = json!({"alg": algorithm.name(), "kid": self.kid, "typ": "JWT"});
        self.sign_bytes(algorithm, &header, claims.to_string().as_bytes())
    }

    /// A token whose header and payload may be anything.
    pub(crate) fn sign_bytes(&self, algorithm: JwsAlgorithm, header: &Value, payload: &[u8]) -> String {
        self.sign_text(algorithm, &header.to_string(), payload)
    }

    /// A token whose header need not even be JSON.
    pub(crate) fn sign_text(&self, algorithm: JwsAlgorithm, header: &str, payload: &[u8]) -> String {
        let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let signature = match &self.private {
            Private::Rsa(key) => Rsa::with_name(algorithm.name()).sign(key, input.as_bytes()).as_bytes().into_owned(),
            Private::P256(key) => Es256.sign(key, input.as_bytes()).as_bytes().into_owned(),
            Private::P384(key) => {
                let signature: p384::ecdsa::Signature = key.sign(input.as_bytes());
                signature.to_bytes().to_vec()
            }
            Private::P521(key) => key.sign_with_rng(&mut Nonce::of(&input), input.as_bytes()).to_bytes().to_vec(),
            Private::Ed25519(key) => Ed25519.sign(key, input.as_bytes()).as_bytes().into_owned(),
        };
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn point(curve: &str, sec1: &[u8]) -> Value {
    let (x, y) = sec1[1..].split_at(sec1.len() / 2);
    json!({"kty": "EC", "crv": curve, "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y)})
}

/// Nonces that are the same in every run: `p521` wants randomness.
struct Nonce(Vec<u8>);

impl Nonce {
    fn of(input: &str) -> Self {
        Self(Sha512::digest(input).to_vec())
    }
}

impl RngCore for Nonce {
    fn next_u32(&mut self) -> u32 {
        rand_core::impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        rand_core::impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            self.0 = Sha512::digest(&self.0).to_vec();
            *byte = self.0[0];
        }
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl CryptoRng for Nonce {}

/// A set of `keys`, given as JSON.
pub(crate) fn jwk_set(keys: &[Value]) -> JwkSet {
    JwkSet::parse(json!({"keys": keys}).to_string().as_bytes()).unwrap()
}

/// `object` with the members of `changes`; null removes.
pub(crate) fn with(mut object: Value, changes: &Value) -> Value {
    let members = object.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    object
}

fn private_jwk(vector: &str) -> JsonWebKey<'static> {
    let vector: Value = serde_json::from_str(vector).unwrap();
    serde_json::from_value(vector["jwk"].clone()).unwrap()
}
