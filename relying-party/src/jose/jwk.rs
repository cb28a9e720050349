//! Public keys (RFC 7517 §4, RFC 7518 §6, RFC 8037 §2) that verify signatures.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_compact::Algorithm;
use jwt_compact::alg::{Es256, RsaPublicKey, VerifyingKey as _};
use rsa::BigUint;
use rsa::traits::PublicKeyParts as _;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::elliptic::{Es384, P521Key, StrictEd25519, ed25519_key};
use super::jws::MAX_KEY_ID;
use super::{JwsAlgorithm, der, roca};
use crate::reason::Reason;

/// RFC 7518 §3.3 and §3.5 ask for at least this many bits.
pub(super) const MIN_MODULUS_BITS: usize = 2048;
/// Beyond this a verification takes too long.
pub(super) const MAX_MODULUS_BITS: usize = 8192;
/// Beyond this a verification takes too long; in use are 3 and 65537.
const MAX_EXPONENT_BITS: usize = 32;
/// Members that only a private key has (RFC 7518 §6.2.2, §6.3.2; RFC 8037 §2).
const PRIVATE_MEMBERS: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "oth"];

/// A public key that can verify signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jwk {
    /// `kid`
    pub kid: Option<String>,
    /// `alg`: when present the only algorithm this key is for.
    pub algorithm: Option<JwsAlgorithm>,
    /// `issuer`: when present the only issuer this key is for, possibly a template with `{tenantid}`. Not a registered
    /// member; Entra ID publishes one set for all its tenants.
    pub issuer: Option<String>,
    /// The key itself.
    pub key: VerifyingKey,
    spki_der: Vec<u8>,
}

/// A public key, by kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VerifyingKey {
    /// RSA, 2048 to 8192 bits.
    Rsa(RsaPublicKey),
    /// A point on P-256.
    P256(<Es256 as Algorithm>::VerifyingKey),
    /// A point on P-384.
    P384(<Es384 as Algorithm>::VerifyingKey),
    /// A point on P-521.
    P521(P521Key),
    /// A point on edwards25519.
    Ed25519(<StrictEd25519 as Algorithm>::VerifyingKey),
}

impl VerifyingKey {
    /// Whether `algorithm` works with keys of this kind.
    pub const fn fits(&self, algorithm: JwsAlgorithm) -> bool {
        match algorithm {
            JwsAlgorithm::Rs256
            | JwsAlgorithm::Rs384
            | JwsAlgorithm::Rs512
            | JwsAlgorithm::Ps256
            | JwsAlgorithm::Ps384
            | JwsAlgorithm::Ps512 => matches!(self, Self::Rsa(_)),
            JwsAlgorithm::Es256 => matches!(self, Self::P256(_)),
            JwsAlgorithm::Es384 => matches!(self, Self::P384(_)),
            JwsAlgorithm::Es512 => matches!(self, Self::P521(_)),
            JwsAlgorithm::EdDsa => matches!(self, Self::Ed25519(_)),
        }
    }

    fn spki_der(&self) -> Vec<u8> {
        match self {
            Self::Rsa(key) => der::rsa_public_key(&key.n().to_bytes_be(), &key.e().to_bytes_be()),
            Self::P256(key) => der::public_key(der::P256, key.to_encoded_point(false).as_bytes()),
            Self::P384(key) => der::public_key(der::P384, key.to_encoded_point(false).as_bytes()),
            Self::P521(key) => der::public_key(der::P521, &key.to_sec1_bytes()),
            Self::Ed25519(key) => der::public_key(der::ED25519, key.as_bytes()),
        }
    }
}

impl Jwk {
    /// Reads a JWK. Whatever makes it unusable for verifying signatures is the reason to skip it.
    pub fn from_value(value: &Value) -> Result<Self, SkippedKey> {
        let Value::Object(jwk) = value else { return Err(SkippedKey::Malformed) };
        let kty = string(jwk, "kty")?.ok_or(SkippedKey::Malformed)?;
        // A key whose secret everybody can read signs for everybody.
        if PRIVATE_MEMBERS.iter().any(|member| jwk.contains_key(*member)) {
            return Err(SkippedKey::PrivateKey);
        }
        if kty == "oct" || jwk.contains_key("k") {
            return Err(SkippedKey::SymmetricKey);
        }
        // `jwt-svid`: SPIFFE Trust Domain and Bundle §4.2.2.
        if string(jwk, "use")?.is_some_and(|usage| !["sig", "jwt-svid"].contains(&usage)) {
            return Err(SkippedKey::NotForSignatures);
        }
        match jwk.get("key_ops") {
            None => {}
            Some(Value::Array(operations)) if operations.iter().any(|operation| operation == "verify") => {}
            Some(Value::Array(_)) => return Err(SkippedKey::NotForSignatures),
            Some(_) => return Err(SkippedKey::Malformed),
        }
        let algorithm = match string(jwk, "alg")? {
            None => None,
            Some(name) => Some(JwsAlgorithm::from_name(name).ok_or(SkippedKey::UnsupportedAlgorithm)?),
        };
        let kid = string(jwk, "kid")?.map(str::to_owned);
        if kid.as_ref().is_some_and(|kid| kid.len() > MAX_KEY_ID) {
            return Err(SkippedKey::KeyIdTooLong);
        }
        let issuer = string(jwk, "issuer")?.map(str::to_owned);
        let key = match kty {
            "RSA" => rsa_key(jwk)?,
            "EC" => elliptic_curve_key(jwk)?,
            "OKP" => octet_key_pair(jwk)?,
            _ => return Err(SkippedKey::UnsupportedKeyType),
        };
        if algorithm.is_some_and(|algorithm| !key.fits(algorithm)) {
            return Err(SkippedKey::AlgorithmMismatch);
        }
        let spki_der = key.spki_der();
        Ok(Self { kid, algorithm, issuer, key, spki_der })
    }

    /// Whether a signature by `algorithm` may be verified with this key.
    pub fn fits(&self, algorithm: JwsAlgorithm) -> bool {
        self.algorithm.is_none_or(|own| own == algorithm) && self.key.fits(algorithm)
    }

    /// The key as DER of SubjectPublicKeyInfo (RFC 5280 §4.1.2.7), as hosts want it.
    pub fn spki_der(&self) -> &[u8] {
        &self.spki_der
    }

    /// The SHA-256 thumbprint in base64url (RFC 7638 §3, RFC 8037 §2).
    pub fn thumbprint(&self) -> String {
        let point = |curve, point: &[u8]| {
            let (x, y) = point.split_at_checked(point.len() / 2).unwrap_or_default();
            let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
            format!(r#"{{"crv":"{curve}","kty":"EC","x":"{x}","y":"{y}"}}"#)
        };
        let coordinates = |sec1: &[u8]| sec1.get(1..).unwrap_or_default().to_vec();
        let members = match &self.key {
            VerifyingKey::Rsa(key) => {
                let (e, n) = (key.e().to_bytes_be(), key.n().to_bytes_be());
                format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, URL_SAFE_NO_PAD.encode(e), URL_SAFE_NO_PAD.encode(n))
            }
            VerifyingKey::P256(key) => point("P-256", &coordinates(key.to_encoded_point(false).as_bytes())),
            VerifyingKey::P384(key) => point("P-384", &coordinates(key.to_encoded_point(false).as_bytes())),
            VerifyingKey::P521(key) => point("P-521", &coordinates(&key.to_sec1_bytes())),
            VerifyingKey::Ed25519(key) => {
                format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, URL_SAFE_NO_PAD.encode(key.as_bytes()))
            }
        };
        URL_SAFE_NO_PAD.encode(Sha256::digest(members))
    }
}

/// RFC 7518 §6.3.1
fn rsa_key(jwk: &Map<String, Value>) -> Result<VerifyingKey, SkippedKey> {
    let modulus_bytes = bytes(jwk, "n")?;
    if roca::is_fingerprinted(&modulus_bytes) {
        return Err(SkippedKey::RocaModulus);
    }
    let modulus = BigUint::from_bytes_be(&modulus_bytes);
    let exponent = BigUint::from_bytes_be(&bytes(jwk, "e")?);
    let is_odd = |number: &BigUint| number.to_bytes_be().last().is_some_and(|last| last & 1 == 1);
    match modulus.bits() {
        bits if bits < MIN_MODULUS_BITS => return Err(SkippedKey::ModulusTooSmall),
        bits if bits > MAX_MODULUS_BITS => return Err(SkippedKey::ModulusTooLarge),
        _ if !is_odd(&modulus) => return Err(SkippedKey::InvalidModulus),
        _ => {}
    }
    // With an exponent of 1 every text is its own signature; an even one has no inverse.
    if exponent.bits() < 2 || exponent.bits() > MAX_EXPONENT_BITS || !is_odd(&exponent) {
        return Err(SkippedKey::InvalidExponent);
    }
    RsaPublicKey::new_with_max_size(modulus, exponent, MAX_MODULUS_BITS)
        .map(VerifyingKey::Rsa)
        .map_err(|_| SkippedKey::InvalidModulus)
}

/// RFC 7518 §6.2.1
fn elliptic_curve_key(jwk: &Map<String, Value>) -> Result<VerifyingKey, SkippedKey> {
    let curve = string(jwk, "crv")?.ok_or(SkippedKey::Malformed)?;
    let length = match curve {
        "P-256" => 32,
        "P-384" => 48,
        "P-521" => 66,
        _ => return Err(SkippedKey::UnsupportedCurve),
    };
    let (x, y) = (bytes(jwk, "x")?, bytes(jwk, "y")?);
    if x.len() != length || y.len() != length {
        return Err(SkippedKey::InvalidPoint);
    }
    // SEC 1 §2.3.3: 4 says that both coordinates follow. That the point is on the curve is checked here.
    let point = [[4].as_slice(), &x, &y].concat();
    match curve {
        "P-256" => <Es256 as Algorithm>::VerifyingKey::from_slice(&point).ok().map(VerifyingKey::P256),
        "P-384" => <Es384 as Algorithm>::VerifyingKey::from_sec1_bytes(&point).ok().map(VerifyingKey::P384),
        _ => P521Key::from_sec1_bytes(&point).map(VerifyingKey::P521),
    }
    .ok_or(SkippedKey::InvalidPoint)
}

/// RFC 8037 §2
fn octet_key_pair(jwk: &Map<String, Value>) -> Result<VerifyingKey, SkippedKey> {
    if string(jwk, "crv")?.ok_or(SkippedKey::Malformed)? != "Ed25519" {
        return Err(SkippedKey::UnsupportedCurve);
    }
    ed25519_key(&bytes(jwk, "x")?).map(VerifyingKey::Ed25519).ok_or(SkippedKey::InvalidPoint)
}

fn bytes(jwk: &Map<String, Value>, name: &str) -> Result<Vec<u8>, SkippedKey> {
    let text = string(jwk, name)?.ok_or(SkippedKey::Malformed)?;
    URL_SAFE_NO_PAD.decode(text).map_err(|_| SkippedKey::Malformed)
}

fn string<'k>(jwk: &'k Map<String, Value>, name: &str) -> Result<Option<&'k str>, SkippedKey> {
    match jwk.get(name) {
        None => Ok(None),
        Some(Value::String(value)) => Ok(Some(value)),
        Some(_) => Err(SkippedKey::Malformed),
    }
}

/// Why a key was left out. Not an error: sets hold keys for other purposes too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SkippedKey {
    /// Not an object, or a member is missing, of the wrong type, or not base64url.
    #[error("the key is malformed")]
    Malformed,
    /// `kty` is none of `RSA`, `EC`, `OKP`.
    #[error("the key's type is not supported")]
    UnsupportedKeyType,
    /// `crv` is none of `P-256`, `P-384`, `P-521`, `Ed25519`.
    #[error("the key's curve is not supported")]
    UnsupportedCurve,
    /// `alg` is not one of [`JwsAlgorithm`].
    #[error("the key's algorithm is not supported")]
    UnsupportedAlgorithm,
    /// `alg` is for another kind of key.
    #[error("the key's algorithm does not fit its type")]
    AlgorithmMismatch,
    /// `use` is neither `sig` nor `jwt-svid`, or `key_ops` lacks `verify`.
    #[error("the key is not for verifying signatures")]
    NotForSignatures,
    /// A member of a private key is there for all to see.
    #[error("the private key is published")]
    PrivateKey,
    /// `oct`, or a member of a symmetric key: whoever can verify with it can also sign.
    #[error("the key is symmetric")]
    SymmetricKey,
    /// RSA under 2048 bits.
    #[error("the RSA modulus is too small")]
    ModulusTooSmall,
    /// RSA over 8192 bits.
    #[error("the RSA modulus is too large")]
    ModulusTooLarge,
    /// An even modulus.
    #[error("the RSA modulus is invalid")]
    InvalidModulus,
    /// The modulus bears the fingerprint of a faulty library: [`roca`].
    #[error("the RSA modulus can be factored (ROCA)")]
    RocaModulus,
    /// An exponent that is 1, even or over 32 bits.
    #[error("the RSA exponent is invalid")]
    InvalidExponent,
    /// Coordinates of the wrong length, a point that is not on the curve, or one of small order.
    #[error("the point is not on the curve")]
    InvalidPoint,
    /// `kid` is longer than 1 KiB.
    #[error("the key id is too long")]
    KeyIdTooLong,
    /// This key and all that follow are beyond the number of keys that are read.
    #[error("the key set holds too many keys")]
    TooManyKeys,
}

impl Reason for SkippedKey {
    fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "jwk.malformed",
            Self::UnsupportedKeyType => "jwk.type_unsupported",
            Self::UnsupportedCurve => "jwk.curve_unsupported",
            Self::UnsupportedAlgorithm => "jwk.algorithm_unsupported",
            Self::AlgorithmMismatch => "jwk.algorithm_mismatch",
            Self::NotForSignatures => "jwk.not_for_signatures",
            Self::PrivateKey => "jwk.private",
            Self::SymmetricKey => "jwk.symmetric",
            Self::ModulusTooSmall => "jwk.modulus_too_small",
            Self::ModulusTooLarge => "jwk.modulus_too_large",
            Self::InvalidModulus => "jwk.modulus_invalid",
            Self::RocaModulus => "jwk.modulus_roca",
            Self::InvalidExponent => "jwk.exponent_invalid",
            Self::InvalidPoint => "jwk.point_invalid",
            Self::KeyIdTooLong => "jwk.kid_too_long",
            Self::TooManyKeys => "jwk.too_many",
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::jose::Skipped;
    use crate::jose::test_key::{TestKey, jwk_set, with};

    /// Why `key` is skipped beside a good one.
    fn skipped(key: Value) -> SkippedKey {
        let set = jwk_set(&[key, TestKey::p256().jwk()]);
        assert_eq!(set.keys().len(), 1);
        assert_eq!(set.keys()[0].kid.as_deref(), Some("ec"));
        let Skipped { index, reason } = set.skipped()[0];
        assert_eq!(index, 0);
        reason
    }

    #[test]
    fn keys_are_read_with_their_names_and_algorithms() {
        let rsa =
            with(TestKey::rsa().jwk(), &json!({"use": "sig", "alg": "PS256", "key_ops": ["verify"], "x5c": ["?"]}));
        let set = jwk_set(&[rsa, with(TestKey::p256().jwk(), &json!({"kid": null}))]);
        assert!(set.skipped().is_empty());
        assert_eq!((set.keys()[0].kid.as_deref(), set.keys()[0].algorithm), (Some("rsa"), Some(JwsAlgorithm::Ps256)));
        assert!(set.keys()[0].fits(JwsAlgorithm::Ps256) && !set.keys()[0].fits(JwsAlgorithm::Rs256));
        assert_eq!((set.keys()[1].kid.as_deref(), set.keys()[1].algorithm), (None, None));
        assert!(set.keys()[1].fits(JwsAlgorithm::Es256) && !set.keys()[1].fits(JwsAlgorithm::Rs256));
    }

    #[test]
    fn a_key_that_cannot_be_used_does_not_spoil_the_others() {
        let rsa = || TestKey::rsa().jwk();
        let ec = || TestKey::p256().jwk();
        let ed = |bytes: &[u8; 2]| {
            let mut point = [bytes[1]; 32];
            (point[0], point[31]) = (bytes[0], bytes[1] & 0x7f);
            json!({"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(point)})
        };
        let modulus = |bytes: Vec<u8>| json!({"n": URL_SAFE_NO_PAD.encode(bytes)});
        for (key, reason) in [
            (json!(7), SkippedKey::Malformed),
            (json!({}), SkippedKey::Malformed),
            (json!({"kty": "OKP", "crv": "Ed25519", "x": "AA"}), SkippedKey::InvalidPoint),
            (json!({"kty": "OKP", "crv": "X25519", "x": "AA"}), SkippedKey::UnsupportedCurve),
            // The points of order 1 and 4, and the first again as y = p + 1, which is not canonical.
            (ed(&[1, 0]), SkippedKey::InvalidPoint),
            (ed(&[0, 0]), SkippedKey::InvalidPoint),
            (ed(&[0xee, 0xff]), SkippedKey::InvalidPoint),
            (json!({"kty": "AKP", "alg": "RS256"}), SkippedKey::UnsupportedKeyType),
            (json!({"kty": "oct", "k": "c2VjcmV0"}), SkippedKey::SymmetricKey),
            (with(rsa(), &json!({"k": "c2VjcmV0"})), SkippedKey::SymmetricKey),
            (with(rsa(), &json!({"d": "AQAB"})), SkippedKey::PrivateKey),
            (with(ec(), &json!({"d": 1})), SkippedKey::PrivateKey),
            (with(ec(), &json!({"crv": "secp256k1"})), SkippedKey::UnsupportedCurve),
            (with(ec(), &json!({"crv": "P-384"})), SkippedKey::InvalidPoint),
            (with(rsa(), &json!({"alg": "RSA-OAEP"})), SkippedKey::UnsupportedAlgorithm),
            (with(rsa(), &json!({"alg": "HS256"})), SkippedKey::UnsupportedAlgorithm),
            (with(rsa(), &json!({"alg": "ES256"})), SkippedKey::AlgorithmMismatch),
            (with(ec(), &json!({"alg": "RS256"})), SkippedKey::AlgorithmMismatch),
            (with(rsa(), &json!({"use": "enc"})), SkippedKey::NotForSignatures),
            (with(rsa(), &json!({"use": "x509-svid"})), SkippedKey::NotForSignatures),
            (with(rsa(), &json!({"issuer": 1})), SkippedKey::Malformed),
            (with(rsa(), &json!({"key_ops": ["sign", "encrypt"]})), SkippedKey::NotForSignatures),
            (with(rsa(), &json!({"key_ops": "verify"})), SkippedKey::Malformed),
            (with(rsa(), &json!({"kid": 1})), SkippedKey::Malformed),
            (with(rsa(), &json!({"kid": "k".repeat(1025)})), SkippedKey::KeyIdTooLong),
            (with(rsa(), &json!({"n": null})), SkippedKey::Malformed),
            (with(rsa(), &json!({"n": "AQAB=="})), SkippedKey::Malformed),
            (with(rsa(), &modulus(vec![0xff; 128])), SkippedKey::ModulusTooSmall),
            (with(rsa(), &modulus([vec![0; 200], vec![0xff; 255]].concat())), SkippedKey::ModulusTooSmall),
            (with(rsa(), &modulus(vec![0xff; 1025])), SkippedKey::ModulusTooLarge),
            (with(rsa(), &modulus(vec![0xfe; 256])), SkippedKey::InvalidModulus),
            (with(rsa(), &json!({"e": "AQ"})), SkippedKey::InvalidExponent),
            (with(rsa(), &json!({"e": "AQAA"})), SkippedKey::InvalidExponent),
            (with(rsa(), &json!({"e": ""})), SkippedKey::InvalidExponent),
            (with(rsa(), &json!({"e": "AQAAAAAAAAAAAQ"})), SkippedKey::InvalidExponent),
            (with(ec(), &json!({"x": "AAAA"})), SkippedKey::InvalidPoint),
            (with(ec(), &json!({"y": ec()["x"]})), SkippedKey::InvalidPoint),
        ] {
            assert_eq!(skipped(key.clone()), reason, "{key}");
        }
    }
}
