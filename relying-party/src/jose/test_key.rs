//! Keys that sign in tests: those of RFC 7515, Appendix A.2 and A.3.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_compact::alg::{Es256, Rsa, RsaPrivateKey};
use jwt_compact::jwk::JsonWebKey;
use jwt_compact::{Algorithm, AlgorithmSignature as _};
use serde_json::{Value, json};

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

    /// The public key, as providers publish it.
    pub(crate) fn jwk(&self) -> Value {
        let public = match &self.private {
            Private::Rsa(key) => serde_json::to_value(JsonWebKey::from(&key.to_public_key())).unwrap(),
            Private::P256(key) => serde_json::to_value(JsonWebKey::from(key.verifying_key())).unwrap(),
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
        let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(payload));
        let signature = match &self.private {
            Private::Rsa(key) => Rsa::with_name(algorithm.name()).sign(key, input.as_bytes()).as_bytes().into_owned(),
            Private::P256(key) => Es256.sign(key, input.as_bytes()).as_bytes().into_owned(),
        };
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

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
