//! Fixed keys, so that no test waits for a key generation. They sign nothing outside these tests.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::pkcs8::{DecodePrivateKey as _, EncodePublicKey as _, LineEnding};
use rsa::rand_core::{CryptoRng, RngCore};
use rsa::signature::{RandomizedSigner as _, SignatureEncoding as _, Signer as _, Verifier as _};
use rsa::traits::PublicKeyParts as _;
use rsa::{pkcs1v15, pss};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// A signing key of the simulated provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestKey {
    /// RSA, 2048 bits
    Rsa1,
    /// RSA, 2048 bits
    Rsa2,
    /// P-256
    P256A,
    /// P-256
    P256B,
}

impl TestKey {
    /// Every key.
    pub const ALL: [Self; 4] = [Self::Rsa1, Self::Rsa2, Self::P256A, Self::P256B];

    /// The `kid` under which the provider publishes it.
    pub const fn kid(self) -> &'static str {
        match self {
            Self::Rsa1 => "rsa-1",
            Self::Rsa2 => "rsa-2",
            Self::P256A => "p256-a",
            Self::P256B => "p256-b",
        }
    }

    /// The algorithm it signs with.
    pub const fn algorithm(self) -> &'static str {
        match self {
            Self::Rsa1 | Self::Rsa2 => "RS256",
            Self::P256A | Self::P256B => "ES256",
        }
    }

    /// The JWS signature of `message`.
    pub fn sign(self, message: &[u8]) -> Vec<u8> {
        match self.material() {
            Material::Rsa(key) => pkcs1v15::SigningKey::<Sha256>::new(key.as_ref().clone()).sign(message).to_vec(),
            Material::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                signature.to_vec()
            }
        }
    }

    /// The JWS signature of `message` with PS256 (RFC 7518 §3.5). Panics for a key that is not RSA.
    pub fn sign_pss(self, message: &[u8]) -> Vec<u8> {
        match self.material() {
            Material::Rsa(key) => {
                pss::SigningKey::<Sha256>::new(key.as_ref().clone()).sign_with_rng(&mut NoSalt, message).to_vec()
            }
            Material::P256(_) => panic!("{self:?} is no RSA key"),
        }
    }

    /// Whether `signature` over `message` was made with this key.
    pub fn verify(self, message: &[u8], signature: &[u8]) -> bool {
        match self.material() {
            Material::Rsa(key) => pkcs1v15::Signature::try_from(signature).is_ok_and(|signature| {
                pkcs1v15::VerifyingKey::<Sha256>::new(key.to_public_key()).verify(message, &signature).is_ok()
            }),
            Material::P256(key) => p256::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verifying_key().verify(message, &signature).is_ok()),
        }
    }

    /// The private key as PKCS#8 in PEM.
    pub const fn private_pem(self) -> &'static str {
        match self {
            Self::Rsa1 => include_str!("../../keys/rsa-1.pem"),
            Self::Rsa2 => include_str!("../../keys/rsa-2.pem"),
            Self::P256A => include_str!("../../keys/p256-1.pem"),
            Self::P256B => include_str!("../../keys/p256-2.pem"),
        }
    }

    /// The public key as a JWK with `kid` and without `alg`, as many providers publish it.
    pub fn jwk(self) -> Value {
        match self.material() {
            Material::Rsa(key) => json!({
                "kty": "RSA", "use": "sig", "kid": self.kid(),
                "n": URL_SAFE_NO_PAD.encode(key.n().to_bytes_be()), "e": URL_SAFE_NO_PAD.encode(key.e().to_bytes_be()),
            }),
            Material::P256(key) => {
                let point = key.verifying_key().to_encoded_point(false);
                let (x, y) = (point.x().expect("a point"), point.y().expect("a point"));
                json!({
                    "kty": "EC", "use": "sig", "kid": self.kid(), "crv": "P-256",
                    "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
                })
            }
        }
    }

    /// The public key as PEM: what the classical RS256/HS256 confusion uses as the HMAC key.
    pub fn public_pem(self) -> String {
        match self.material() {
            Material::Rsa(key) => key.to_public_key().to_public_key_pem(LineEnding::LF),
            Material::P256(key) => key.verifying_key().to_public_key_pem(LineEnding::LF),
        }
        .expect("a public key has a PEM form")
    }

    fn material(self) -> &'static Material {
        static KEYS: [OnceLock<Material>; 4] = [const { OnceLock::new() }; 4];
        KEYS[self as usize].get_or_init(|| match self {
            Self::Rsa1 | Self::Rsa2 => Material::rsa(self.private_pem()),
            Self::P256A | Self::P256B => Material::p256(self.private_pem()),
        })
    }
}

/// In tests a salt need not be random.
struct NoSalt;

impl RngCore for NoSalt {
    fn next_u32(&mut self) -> u32 {
        0
    }

    fn next_u64(&mut self) -> u64 {
        0
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        bytes.fill(0);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rsa::rand_core::Error> {
        bytes.fill(0);
        Ok(())
    }
}

impl CryptoRng for NoSalt {}

enum Material {
    Rsa(Box<rsa::RsaPrivateKey>),
    P256(p256::ecdsa::SigningKey),
}

impl Material {
    fn rsa(pem: &str) -> Self {
        Self::Rsa(Box::new(rsa::RsaPrivateKey::from_pkcs8_pem(pem).expect("a test key")))
    }

    fn p256(pem: &str) -> Self {
        Self::P256(p256::ecdsa::SigningKey::from_pkcs8_pem(pem).expect("a test key"))
    }
}

/// HMAC-SHA-256 (RFC 2104), for the tokens that must be refused.
pub fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = [0_u8; 64];
    if key.len() > 64 {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let inner = Sha256::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize().to_vec()
}
