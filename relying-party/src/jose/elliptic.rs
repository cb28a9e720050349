//! ES384, ES512 (RFC 7518 §3.4) and strict Ed25519 (RFC 8037 §3.1), on jwt-compact's traits: it lacks the first two, and
//! its Ed25519 accepts keys and nonces of small order. They only verify: nobody signs with them here.

use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;
use std::num::NonZeroUsize;

use anyhow::Error;
use jwt_compact::{Algorithm, AlgorithmSignature};
use p384::ecdsa::signature::Verifier as _;

/// ECDSA on P-384 with SHA-384.
#[derive(Clone, Copy, Debug)]
pub struct Es384;

/// r and s, 48 bytes each, both in the range of the curve's order.
pub struct Es384Signature(p384::ecdsa::Signature);

impl AlgorithmSignature for Es384Signature {
    const LENGTH: Option<NonZeroUsize> = NonZeroUsize::new(96);

    fn try_from_slice(slice: &[u8]) -> Result<Self, Error> {
        p384::ecdsa::Signature::from_slice(slice).map(Self).map_err(Error::msg)
    }

    fn as_bytes(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.0.to_bytes().to_vec())
    }
}

impl Algorithm for Es384 {
    type SigningKey = Infallible;
    type VerifyingKey = p384::ecdsa::VerifyingKey;
    type Signature = Es384Signature;

    fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed("ES384")
    }

    fn sign(&self, key: &Infallible, _: &[u8]) -> Es384Signature {
        match *key {}
    }

    fn verify_signature(&self, signature: &Es384Signature, key: &Self::VerifyingKey, message: &[u8]) -> bool {
        key.verify(message, &signature.0).is_ok()
    }
}

/// ECDSA on P-521 with SHA-512.
#[derive(Clone, Copy, Debug)]
pub struct Es512;

/// A point on P-521.
#[derive(Clone)]
pub struct P521Key(p521::ecdsa::VerifyingKey);

impl P521Key {
    /// Reads a point that is on the curve (SEC 1 §2.3.4).
    pub fn from_sec1_bytes(bytes: &[u8]) -> Option<Self> {
        p521::ecdsa::VerifyingKey::from_sec1_bytes(bytes).ok().map(Self)
    }

    /// Both coordinates (SEC 1 §2.3.3).
    pub fn to_sec1_bytes(&self) -> Vec<u8> {
        self.0.to_encoded_point(false).as_bytes().to_vec()
    }
}

impl PartialEq for P521Key {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_affine() == other.0.as_affine()
    }
}

impl Eq for P521Key {}

impl fmt::Debug for P521Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("P521Key").field(self.0.as_affine()).finish()
    }
}

/// r and s, 66 bytes each, both in the range of the curve's order.
pub struct Es512Signature(p521::ecdsa::Signature);

impl AlgorithmSignature for Es512Signature {
    const LENGTH: Option<NonZeroUsize> = NonZeroUsize::new(132);

    fn try_from_slice(slice: &[u8]) -> Result<Self, Error> {
        p521::ecdsa::Signature::from_slice(slice).map(Self).map_err(Error::msg)
    }

    fn as_bytes(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.0.to_bytes().to_vec())
    }
}

impl Algorithm for Es512 {
    type SigningKey = Infallible;
    type VerifyingKey = P521Key;
    type Signature = Es512Signature;

    fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed("ES512")
    }

    fn sign(&self, key: &Infallible, _: &[u8]) -> Es512Signature {
        match *key {}
    }

    fn verify_signature(&self, signature: &Es512Signature, key: &P521Key, message: &[u8]) -> bool {
        key.0.verify(message, &signature.0).is_ok()
    }
}

/// Ed25519 without the signatures that hold for several messages or keys.
#[derive(Clone, Copy, Debug)]
pub struct StrictEd25519;

/// Reads a key that is a canonically encoded point (RFC 8032 §5.1.3) and not of small order.
pub fn ed25519_key(bytes: &[u8]) -> Option<ed25519_dalek::VerifyingKey> {
    let bytes = <&[u8; 32]>::try_from(bytes).ok()?;
    let key = ed25519_dalek::VerifyingKey::from_bytes(bytes).ok()?;
    (!key.is_weak() && key.to_edwards().compress().as_bytes() == bytes).then_some(key)
}

impl Algorithm for StrictEd25519 {
    type SigningKey = Infallible;
    type VerifyingKey = ed25519_dalek::VerifyingKey;
    type Signature = ed25519_dalek::Signature;

    fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed("EdDSA")
    }

    fn sign(&self, key: &Infallible, _: &[u8]) -> ed25519_dalek::Signature {
        match *key {}
    }

    fn verify_signature(&self, signature: &Self::Signature, key: &Self::VerifyingKey, message: &[u8]) -> bool {
        key.verify_strict(message, signature).is_ok()
    }
}
