//! Keys that this deployment signs with: PKCS#8 as PEM (RFC 5958, RFC 7468), or a private JWK (RFC 7517, 7518 §6, 8037).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::Signature;
use p256::ecdsa::signature::Signer as _;
use rsa::BigUint;
use rsa::pkcs1::der::{Decode as _, Encode as _};
use rsa::pkcs1::{self, UintRef};
use rsa::pkcs8::{self, ObjectIdentifier, PrivateKeyInfo};
use serde_json::{Map, Value, json};

use super::json;
use super::jwk::{MAX_MODULUS_BITS, MIN_MODULUS_BITS};
use super::jws::MAX_KEY_ID;
use crate::secret::Secret;

/// The longest text of a key, in bytes: RSA with 8192 bits takes 7 KiB.
const MAX_LENGTH: usize = 16 * 1024;
/// `id-Ed25519` (RFC 8410 §3)
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// `id-ecPublicKey` (RFC 5480 §2.1.1)
const ELLIPTIC_CURVE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// `secp256r1` (RFC 5480 §2.1.1.1)
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");

/// A private key, and the algorithm that it signs with.
pub struct SigningKey {
    kid: Option<String>,
    material: Material,
}

enum Material {
    /// ES256
    P256(Box<p256::ecdsa::SigningKey>),
    /// EdDSA
    Ed25519(Box<ed25519_dalek::SigningKey>),
    /// RS256, as PKCS#8 in DER for the host. There is no RSA signing in this module: it would leak the key by its timing.
    Rsa(Secret<Vec<u8>>),
}

/// The host's private-key operations.
pub trait HostSigner {
    /// The signature of `text` with the RSA key `pkcs8` (DER): RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3).
    fn sign_rs256(&self, pkcs8: &[u8], text: &[u8]) -> Result<Vec<u8>, HostSignError>;
}

/// Why the host did not sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostSignError {
    /// It has no such function.
    #[error("the host cannot sign")]
    Unsupported,
    /// It would not, with this key.
    #[error("the host did not sign")]
    Failed,
}

/// A host without private-key operations.
#[derive(Clone, Copy, Debug)]
pub struct NoHostSigner;

impl HostSigner for NoHostSigner {
    fn sign_rs256(&self, _: &[u8], _: &[u8]) -> Result<Vec<u8>, HostSignError> {
        Err(HostSignError::Unsupported)
    }
}

impl SigningKey {
    /// Reads a PEM or a JWK; white space around it does not count.
    pub fn parse(text: &str) -> Result<Self, SigningKeyError> {
        let text = text.trim();
        if text.len() > MAX_LENGTH {
            return Err(SigningKeyError::TooLong);
        }
        if text.starts_with('{') {
            let jwk = json::parse_object(text.as_bytes(), MAX_LENGTH).map_err(|_| SigningKeyError::Unreadable)?;
            return from_jwk(&jwk);
        }
        Ok(Self { kid: None, material: from_pem(text)? })
    }

    /// The `alg` value of what it signs (RFC 7518 §3.1, RFC 8037 §3.1).
    pub const fn algorithm(&self) -> &'static str {
        self.material.algorithm()
    }

    /// The public point of a P-256 key, uncompressed (SEC 1 §2.3.3).
    pub(super) fn p256_point(&self) -> Option<Vec<u8>> {
        match &self.material {
            Material::P256(key) => Some(key.verifying_key().to_encoded_point(false).as_bytes().to_vec()),
            Material::Ed25519(_) | Material::Rsa(_) => None,
        }
    }

    /// The same key under another name.
    pub(super) fn named(self, kid: String) -> Self {
        Self { kid: Some(kid), ..self }
    }

    /// A compact JWS of `claims` (RFC 7515 §7.1).
    pub fn sign(&self, typ: &str, claims: &Value, host: &dyn HostSigner) -> Result<String, HostSignError> {
        let mut header = json!({"alg": self.algorithm(), "typ": typ});
        if let (Some(kid), Some(members)) = (&self.kid, header.as_object_mut()) {
            members.insert("kid".to_owned(), kid.as_str().into());
        }
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let input = format!("{}.{}", part(&header), part(claims));
        let signature = match &self.material {
            // With the nonce of RFC 6979: it takes no randomness that could be bad.
            Material::P256(key) => {
                let signature: Signature = key.sign(input.as_bytes());
                signature.to_bytes().to_vec()
            }
            Material::Ed25519(key) => ed25519_dalek::Signer::sign(&**key, input.as_bytes()).to_bytes().to_vec(),
            Material::Rsa(key) => host.sign_rs256(key.expose(), input.as_bytes())?,
        };
        Ok(format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SigningKey({}, [redacted])", self.algorithm())
    }
}

impl Material {
    const fn algorithm(&self) -> &'static str {
        match self {
            Self::P256(_) => "ES256",
            Self::Ed25519(_) => "EdDSA",
            Self::Rsa(_) => "RS256",
        }
    }
}

fn from_pem(text: &str) -> Result<Material, SigningKeyError> {
    let label = text.strip_prefix("-----BEGIN ").and_then(|rest| rest.split("-----").next());
    match label {
        Some("PRIVATE KEY") => {}
        Some("PUBLIC KEY" | "RSA PUBLIC KEY" | "CERTIFICATE") => return Err(SigningKeyError::Public),
        Some("ENCRYPTED PRIVATE KEY") => return Err(SigningKeyError::Encrypted),
        Some("RSA PRIVATE KEY" | "EC PRIVATE KEY" | "EC PARAMETERS") => return Err(SigningKeyError::NotPkcs8),
        Some(_) | None => return Err(SigningKeyError::Unreadable),
    }
    let (_, document) = pkcs8::SecretDocument::from_pem(text).map_err(|_| SigningKeyError::Unreadable)?;
    let info = PrivateKeyInfo::try_from(document.as_bytes()).map_err(|_| SigningKeyError::Unreadable)?;
    match info.algorithm.oid {
        ELLIPTIC_CURVE => {
            if info.algorithm.parameters_oid() != Ok(P256) {
                return Err(SigningKeyError::UnsupportedCurve);
            }
            let key = p256::SecretKey::try_from(info).map_err(|_| SigningKeyError::Unreadable)?;
            Ok(Material::P256(Box::new(key.into())))
        }
        // RFC 8410 §7: an octet string in the octet string.
        ED25519 => match info.private_key {
            [4, 32, seed @ ..] => ed25519(seed),
            _ => Err(SigningKeyError::Unreadable),
        },
        pkcs1::ALGORITHM_OID => {
            let key = pkcs1::RsaPrivateKey::from_der(info.private_key).map_err(|_| SigningKeyError::Unreadable)?;
            check_size(key.modulus.as_bytes())?;
            Ok(Material::Rsa(Secret::new(document.as_bytes().to_vec())))
        }
        _ => Err(SigningKeyError::UnsupportedType),
    }
}

fn from_jwk(jwk: &Map<String, Value>) -> Result<SigningKey, SigningKeyError> {
    let text = |name| match jwk.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(SigningKeyError::Unreadable),
    };
    let kty = text("kty")?.ok_or(SigningKeyError::Unreadable)?;
    if !matches!(kty, "EC" | "OKP" | "RSA") {
        return Err(SigningKeyError::UnsupportedType);
    }
    if !jwk.contains_key("d") {
        return Err(SigningKeyError::Public);
    }
    let bytes = |name| {
        let text = text(name)?.ok_or(SigningKeyError::Incomplete)?;
        URL_SAFE_NO_PAD.decode(text).map_err(|_| SigningKeyError::Unreadable)
    };
    let material = match (kty, text("crv")?) {
        ("EC", Some("P-256")) => {
            let key = p256::SecretKey::from_slice(&bytes("d")?).map_err(|_| SigningKeyError::Unreadable)?;
            let material = p256::ecdsa::SigningKey::from(key);
            let point = material.verifying_key().to_encoded_point(false);
            let (x, y) = (bytes("x")?, bytes("y")?);
            if point.x().map(|own| own.as_slice()) != Some(&x) || point.y().map(|own| own.as_slice()) != Some(&y) {
                return Err(SigningKeyError::Inconsistent);
            }
            Material::P256(Box::new(material))
        }
        ("OKP", Some("Ed25519")) => {
            let material = ed25519(&bytes("d")?)?;
            if let Material::Ed25519(key) = &material
                && key.verifying_key().as_bytes().as_slice() != bytes("x")?
            {
                return Err(SigningKeyError::Inconsistent);
            }
            material
        }
        ("RSA", _) => rsa(bytes)?,
        _ => return Err(SigningKeyError::UnsupportedCurve),
    };
    if text("use")?.is_some_and(|usage| usage != "sig") {
        return Err(SigningKeyError::NotForSignatures);
    }
    match jwk.get("key_ops") {
        None => {}
        Some(Value::Array(operations)) if operations.iter().any(|operation| operation == "sign") => {}
        Some(_) => return Err(SigningKeyError::NotForSignatures),
    }
    if text("alg")?.is_some_and(|algorithm| algorithm != material.algorithm()) {
        return Err(SigningKeyError::AlgorithmMismatch);
    }
    let kid = text("kid")?.map(str::to_owned);
    if kid.as_ref().is_some_and(|kid| kid.len() > MAX_KEY_ID) {
        return Err(SigningKeyError::Unreadable);
    }
    Ok(SigningKey { kid, material })
}

fn ed25519(seed: &[u8]) -> Result<Material, SigningKeyError> {
    let seed = seed.try_into().map_err(|_| SigningKeyError::Unreadable)?;
    Ok(Material::Ed25519(Box::new(ed25519_dalek::SigningKey::from_bytes(seed))))
}

/// RFC 7518 §6.3.2 as PKCS#8.
fn rsa(bytes: impl Fn(&'static str) -> Result<Vec<u8>, SigningKeyError>) -> Result<Material, SigningKeyError> {
    let (n, e, d) = (bytes("n")?, bytes("e")?, bytes("d")?);
    let (p, q) = (bytes("p")?, bytes("q")?);
    let (dp, dq, qi) = (bytes("dp")?, bytes("dq")?, bytes("qi")?);
    check_size(&n)?;
    let encode = || {
        let key = pkcs1::RsaPrivateKey {
            modulus: UintRef::new(&n)?,
            public_exponent: UintRef::new(&e)?,
            private_exponent: UintRef::new(&d)?,
            prime1: UintRef::new(&p)?,
            prime2: UintRef::new(&q)?,
            exponent1: UintRef::new(&dp)?,
            exponent2: UintRef::new(&dq)?,
            coefficient: UintRef::new(&qi)?,
            other_prime_infos: None,
        };
        PrivateKeyInfo::new(pkcs1::ALGORITHM_ID, &key.to_der()?).to_der()
    };
    let der: Vec<u8> = encode().map_err(|_: pkcs1::der::Error| SigningKeyError::Unreadable)?;
    Ok(Material::Rsa(Secret::new(der)))
}

fn check_size(modulus: &[u8]) -> Result<(), SigningKeyError> {
    match BigUint::from_bytes_be(modulus).bits() {
        bits if bits < MIN_MODULUS_BITS => Err(SigningKeyError::RsaTooSmall),
        bits if bits > MAX_MODULUS_BITS => Err(SigningKeyError::RsaTooLarge),
        _ => Ok(()),
    }
}

/// Why a text is no key to sign with. Each fits into «found …»; none shows anything of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SigningKeyError {
    /// Longer than 16 KiB.
    #[error("a text that is too long for a key")]
    TooLong,
    /// Neither a PEM nor a JWK, or one that is damaged.
    #[error("a text that is no key (are its line breaks intact?)")]
    Unreadable,
    /// A public key or a certificate, or a JWK without `d`.
    #[error("a public key")]
    Public,
    /// A key that asks for a password.
    #[error("an encrypted key")]
    Encrypted,
    /// `RSA PRIVATE KEY` or `EC PRIVATE KEY`.
    #[error("a key in its older format (`openssl pkcs8 -topk8 -nocrypt` converts it)")]
    NotPkcs8,
    /// Another kind of key, a symmetric one for example.
    #[error("a key of another type")]
    UnsupportedType,
    /// An elliptic curve other than P-256 and Ed25519.
    #[error("a key on another curve")]
    UnsupportedCurve,
    /// RSA under 2048 bits.
    #[error("an RSA key of less than 2048 bits")]
    RsaTooSmall,
    /// RSA over 8192 bits.
    #[error("an RSA key of more than 8192 bits")]
    RsaTooLarge,
    /// A JWK that lacks a member: an RSA key needs its primes as well.
    #[error("a JWK without all of its members (RSA: `n`, `e`, `d`, `p`, `q`, `dp`, `dq`, `qi`)")]
    Incomplete,
    /// A JWK whose public half belongs to another key.
    #[error("a JWK whose public and private halves do not belong together")]
    Inconsistent,
    /// `use` or `key_ops` forbid it.
    #[error("a JWK that is not for signing")]
    NotForSignatures,
    /// `alg` is not what a key of this type signs with here.
    #[error("a JWK whose `alg` is not `ES256`, `EdDSA` or `RS256`, as its type asks for")]
    AlgorithmMismatch,
}

#[cfg(test)]
pub(crate) mod tests;
