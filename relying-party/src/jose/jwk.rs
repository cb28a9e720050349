//! Public keys of a provider (RFC 7517), read key by key: one that cannot be used does not spoil the others.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_compact::Algorithm;
use jwt_compact::alg::{Es256, RsaPublicKey, VerifyingKey as _};
use rsa::BigUint;
use serde_json::{Map, Value};

use super::JwsAlgorithm;
use super::json::{self, JsonError};
use super::jws::MAX_KEY_ID;
use crate::reason::Reason;

/// The largest key set, in bytes.
const MAX_LENGTH: usize = 256 * 1024;
/// How many keys of a set are read.
const MAX_KEYS: usize = 200;
/// RFC 7518 §3.3 and §3.5 ask for at least this many bits.
pub(super) const MIN_MODULUS_BITS: usize = 2048;
/// Beyond this a verification takes too long.
pub(super) const MAX_MODULUS_BITS: usize = 8192;
/// Members that only a private or symmetric key has (RFC 7518 §6.2.2, §6.3.2, §6.4.1).
const SECRET_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// The usable keys of a provider; at least one.
#[derive(Clone, Debug)]
pub struct JwkSet {
    keys: Vec<Jwk>,
    skipped: Vec<(usize, SkippedKey)>,
}

impl JwkSet {
    /// Reads a JWK Set (RFC 7517 §5). Keys that cannot be used are skipped and remembered.
    pub fn parse(document: &[u8]) -> Result<Self, JwkSetError> {
        let document = json::parse_object(document, MAX_LENGTH).map_err(JwkSetError::Malformed)?;
        let Some(Value::Array(entries)) = document.get("keys") else {
            return Err(JwkSetError::MissingKeys);
        };
        let mut keys = Vec::new();
        let mut skipped = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            if index == MAX_KEYS {
                skipped.push((index, SkippedKey::TooManyKeys));
                break;
            }
            match Jwk::from_value(entry) {
                Ok(key) => keys.push(key),
                Err(reason) => skipped.push((index, reason)),
            }
        }
        if keys.is_empty() {
            return Err(JwkSetError::NoUsableKey { skipped });
        }
        Ok(Self { keys, skipped })
    }

    /// The usable keys, in the order of the document.
    pub fn keys(&self) -> &[Jwk] {
        &self.keys
    }

    /// Whether there is a key here that is not in `older`.
    pub fn adds_to(&self, older: &Self) -> bool {
        self.keys.iter().any(|key| !older.keys.contains(key))
    }

    /// The position of each key that was left out, and why.
    pub fn skipped(&self) -> &[(usize, SkippedKey)] {
        &self.skipped
    }
}

/// A public key that can verify signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jwk {
    /// `kid`
    pub kid: Option<String>,
    /// `alg`: when present the only algorithm this key is for.
    pub algorithm: Option<JwsAlgorithm>,
    /// The key itself.
    pub key: VerifyingKey,
}

/// A public key, by kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VerifyingKey {
    /// RSA, 2048 to 8192 bits.
    Rsa(RsaPublicKey),
    /// A point on P-256.
    P256(<Es256 as Algorithm>::VerifyingKey),
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
        }
    }
}

impl Jwk {
    /// Whether a signature by `algorithm` may be verified with this key.
    pub fn fits(&self, algorithm: JwsAlgorithm) -> bool {
        self.algorithm.is_none_or(|own| own == algorithm) && self.key.fits(algorithm)
    }

    /// Reads a JWK. Whatever makes it unusable for verifying signatures is the reason to skip it.
    pub fn from_value(value: &Value) -> Result<Self, SkippedKey> {
        let Value::Object(jwk) = value else { return Err(SkippedKey::Malformed) };
        let kty = string(jwk, "kty")?.ok_or(SkippedKey::Malformed)?;
        // A key whose secret everybody can read signs for everybody.
        if SECRET_MEMBERS.iter().any(|member| jwk.contains_key(*member)) {
            return Err(SkippedKey::SecretPublished);
        }
        if string(jwk, "use")?.is_some_and(|usage| usage != "sig") {
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
        let key = match kty {
            "RSA" => rsa_key(jwk)?,
            "EC" => elliptic_curve_key(jwk)?,
            _ => return Err(SkippedKey::UnsupportedKeyType),
        };
        if algorithm.is_some_and(|algorithm| !key.fits(algorithm)) {
            return Err(SkippedKey::AlgorithmMismatch);
        }
        Ok(Self { kid, algorithm, key })
    }
}

/// RFC 7518 §6.3.1
fn rsa_key(jwk: &Map<String, Value>) -> Result<VerifyingKey, SkippedKey> {
    let modulus = BigUint::from_bytes_be(&bytes(jwk, "n")?);
    let exponent = BigUint::from_bytes_be(&bytes(jwk, "e")?);
    match modulus.bits() {
        bits if bits < MIN_MODULUS_BITS => return Err(SkippedKey::ModulusTooSmall),
        bits if bits > MAX_MODULUS_BITS => return Err(SkippedKey::ModulusTooLarge),
        _ => {}
    }
    // Even moduli and exponents that are even, 1, or over 33 bits are refused here.
    RsaPublicKey::new_with_max_size(modulus, exponent, MAX_MODULUS_BITS)
        .map(VerifyingKey::Rsa)
        .map_err(|_| SkippedKey::InvalidRsaKey)
}

/// RFC 7518 §6.2.1
fn elliptic_curve_key(jwk: &Map<String, Value>) -> Result<VerifyingKey, SkippedKey> {
    if string(jwk, "crv")?.ok_or(SkippedKey::Malformed)? != "P-256" {
        return Err(SkippedKey::UnsupportedCurve);
    }
    let (x, y) = (bytes(jwk, "x")?, bytes(jwk, "y")?);
    if x.len() != 32 || y.len() != 32 {
        return Err(SkippedKey::InvalidPoint);
    }
    // SEC 1 §2.3.3: 4 says that both coordinates follow. That the point is on the curve is checked here.
    let point = [[4].as_slice(), &x, &y].concat();
    <Es256 as Algorithm>::VerifyingKey::from_slice(&point).map(VerifyingKey::P256).map_err(|_| SkippedKey::InvalidPoint)
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
    /// `kty` is neither `RSA` nor `EC`.
    #[error("the key's type is not supported")]
    UnsupportedKeyType,
    /// `crv` is not `P-256`.
    #[error("the key's curve is not supported")]
    UnsupportedCurve,
    /// `alg` is not one of [`JwsAlgorithm`].
    #[error("the key's algorithm is not supported")]
    UnsupportedAlgorithm,
    /// `alg` is for another kind of key.
    #[error("the key's algorithm does not fit its type")]
    AlgorithmMismatch,
    /// `use` is not `sig`, or `key_ops` lacks `verify`.
    #[error("the key is not for verifying signatures")]
    NotForSignatures,
    /// A member of a private or symmetric key is there for all to see.
    #[error("the key's secret is published")]
    SecretPublished,
    /// RSA under 2048 bits.
    #[error("the RSA modulus is too small")]
    ModulusTooSmall,
    /// RSA over 8192 bits.
    #[error("the RSA modulus is too large")]
    ModulusTooLarge,
    /// An even modulus, or an exponent that is even, 1 or over 33 bits.
    #[error("the RSA key is invalid")]
    InvalidRsaKey,
    /// Coordinates of the wrong length, or a point that is not on the curve.
    #[error("the point is not on the curve")]
    InvalidPoint,
    /// `kid` is longer than 1 KiB.
    #[error("the key id is too long")]
    KeyIdTooLong,
    /// This key and all that follow are beyond the number of keys that are read.
    #[error("the key set holds too many keys")]
    TooManyKeys,
}

/// Why a key set was refused. The provider is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwkSetError {
    /// No acceptable JSON object.
    #[error("the key set is malformed")]
    Malformed(#[source] JsonError),
    /// No `keys` array.
    #[error("the key set has no list of keys")]
    MissingKeys,
    /// Nothing in it can be used.
    #[error("the key set has no usable key")]
    NoUsableKey {
        /// The position of each key, and why it was left out.
        skipped: Vec<(usize, SkippedKey)>,
    },
}

impl Reason for JwkSetError {
    fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "jwks.malformed",
            Self::MissingKeys => "jwks.keys_missing",
            Self::NoUsableKey { .. } => "jwks.no_usable_key",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::jose::test_key::{TestKey, jwk_set, with};

    /// Why `key` is skipped beside a good one.
    fn skipped(key: Value) -> SkippedKey {
        let set = jwk_set(&[key, TestKey::p256().jwk()]);
        assert_eq!(set.keys().len(), 1);
        assert_eq!(set.keys()[0].kid.as_deref(), Some("ec"));
        let (index, reason) = set.skipped()[0];
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
        let modulus = |bytes: Vec<u8>| json!({"n": URL_SAFE_NO_PAD.encode(bytes)});
        for (key, reason) in [
            (json!(7), SkippedKey::Malformed),
            (json!({}), SkippedKey::Malformed),
            (json!({"kty": "OKP", "crv": "Ed25519", "x": "AA"}), SkippedKey::UnsupportedKeyType),
            (json!({"kty": "AKP", "alg": "RS256"}), SkippedKey::UnsupportedKeyType),
            (json!({"kty": "oct", "k": "c2VjcmV0"}), SkippedKey::SecretPublished),
            (with(rsa(), &json!({"d": "AQAB"})), SkippedKey::SecretPublished),
            (with(ec(), &json!({"d": 1})), SkippedKey::SecretPublished),
            (with(ec(), &json!({"crv": "secp256k1"})), SkippedKey::UnsupportedCurve),
            (with(ec(), &json!({"crv": "P-384"})), SkippedKey::UnsupportedCurve),
            (with(rsa(), &json!({"alg": "RSA-OAEP"})), SkippedKey::UnsupportedAlgorithm),
            (with(rsa(), &json!({"alg": "HS256"})), SkippedKey::UnsupportedAlgorithm),
            (with(rsa(), &json!({"alg": "ES256"})), SkippedKey::AlgorithmMismatch),
            (with(ec(), &json!({"alg": "RS256"})), SkippedKey::AlgorithmMismatch),
            (with(rsa(), &json!({"use": "enc"})), SkippedKey::NotForSignatures),
            (with(rsa(), &json!({"key_ops": ["sign", "encrypt"]})), SkippedKey::NotForSignatures),
            (with(rsa(), &json!({"key_ops": "verify"})), SkippedKey::Malformed),
            (with(rsa(), &json!({"kid": 1})), SkippedKey::Malformed),
            (with(rsa(), &json!({"kid": "k".repeat(1025)})), SkippedKey::KeyIdTooLong),
            (with(rsa(), &json!({"n": null})), SkippedKey::Malformed),
            (with(rsa(), &json!({"n": "AQAB=="})), SkippedKey::Malformed),
            (with(rsa(), &modulus(vec![0xff; 128])), SkippedKey::ModulusTooSmall),
            (with(rsa(), &modulus([vec![0; 200], vec![0xff; 255]].concat())), SkippedKey::ModulusTooSmall),
            (with(rsa(), &modulus(vec![0xff; 1025])), SkippedKey::ModulusTooLarge),
            (with(rsa(), &modulus(vec![0xfe; 256])), SkippedKey::InvalidRsaKey),
            (with(rsa(), &json!({"e": "AQ"})), SkippedKey::InvalidRsaKey),
            (with(rsa(), &json!({"e": "AQAA"})), SkippedKey::InvalidRsaKey),
            (with(rsa(), &json!({"e": ""})), SkippedKey::InvalidRsaKey),
            (with(rsa(), &json!({"e": "AQAAAAAAAAAAAQ"})), SkippedKey::InvalidRsaKey),
            (with(ec(), &json!({"x": "AAAA"})), SkippedKey::InvalidPoint),
            (with(ec(), &json!({"y": ec()["x"]})), SkippedKey::InvalidPoint),
        ] {
            assert_eq!(skipped(key.clone()), reason, "{key}");
        }
    }

    #[test]
    fn a_set_without_a_usable_key_is_refused() {
        let refusal = |text: &str| JwkSet::parse(text.as_bytes()).map(|_| ()).unwrap_err();
        assert_eq!(refusal(r#"{"keys":[]}"#), JwkSetError::NoUsableKey { skipped: vec![] });
        assert_eq!(
            refusal(r#"{"keys":[{"kty":"oct"}]}"#),
            JwkSetError::NoUsableKey { skipped: vec![(0, SkippedKey::UnsupportedKeyType)] }
        );
        assert_eq!(refusal(r#"{"keys":{}}"#), JwkSetError::MissingKeys);
        assert_eq!(refusal("[]"), JwkSetError::Malformed(JsonError::NotAnObject));
        assert_eq!(refusal(r#"{"keys":[],"keys":[]}"#), JwkSetError::Malformed(JsonError::DuplicateMember));
        assert_eq!(refusal(&" ".repeat(MAX_LENGTH + 1)), JwkSetError::Malformed(JsonError::TooLarge));
    }

    #[test]
    fn at_most_two_hundred_keys_are_read() {
        let set = jwk_set(&vec![TestKey::p256().jwk(); 300]);
        assert_eq!(set.keys().len(), MAX_KEYS);
        assert_eq!(set.skipped(), [(MAX_KEYS, SkippedKey::TooManyKeys)]);
    }

    proptest! {
        #[test]
        fn arbitrary_sets_do_not_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            n in "[A-Za-z0-9_-]{0,400}", e in "[A-Za-z0-9_-]{0,12}", kty in "RSA|EC|oct", crv in "P-256|P-384",
        ) {
            let _ = JwkSet::parse(&bytes);
            let key = json!({"kty": kty, "crv": crv, "n": n, "e": e, "x": n, "y": e});
            let _ = JwkSet::parse(json!({"keys": [key]}).to_string().as_bytes());
        }
    }
}
