//! A key that this deployment signs with and whose public half it publishes (RFC 7517 §5).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::jwk::Jwk;
use super::signing_key::{NoHostSigner, SigningKey};

/// A P-256 key. Its `kid` is its thumbprint (RFC 7638): no other key ever has the same one, so what a backend keeps of a key set
/// cannot mislead it.
#[derive(Debug)]
pub struct PublishedKey {
    key: SigningKey,
    kid: String,
    jwk: Value,
}

impl PublishedKey {
    /// `None` when `key` is no P-256 key.
    pub fn new(key: SigningKey) -> Option<Self> {
        let point = key.p256_point()?;
        let (x, y) = point.get(1..)?.split_at_checked(32)?;
        let coordinate = |bytes: &[u8]| Value::from(URL_SAFE_NO_PAD.encode(bytes));
        let mut jwk = json!({"kty": "EC", "crv": "P-256", "x": coordinate(x), "y": coordinate(y)});
        let kid = Jwk::from_value(&jwk).ok()?.thumbprint();
        for (name, value) in [("kid", kid.as_str()), ("use", "sig"), ("alg", key.algorithm())] {
            jwk.as_object_mut()?.insert(name.to_owned(), value.into());
        }
        Some(Self { key: key.named(kid.clone()), kid, jwk })
    }

    /// The thumbprint.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public key.
    pub const fn jwk(&self) -> &Value {
        &self.jwk
    }

    /// A compact JWS of `claims` (RFC 7515 §7.1). There is always one: such a key needs no host.
    pub fn sign(&self, typ: &str, claims: &Value) -> Option<String> {
        self.key.sign(typ, claims, &NoHostSigner).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::signing_key::tests::{ED25519_JWK, P256_JWK, P256_PEM, RSA_PEM, public};
    use crate::jose::test_key::{jwk_set, with};
    use crate::jose::{JwsAlgorithm, Software, UnverifiedJwt};

    fn key(text: &str) -> Option<PublishedKey> {
        PublishedKey::new(SigningKey::parse(text).unwrap())
    }

    #[test]
    fn what_is_published_verifies_what_is_signed_and_is_public() {
        let key = key(P256_PEM).unwrap();
        assert_eq!(*key.jwk(), with(public(P256_JWK), &json!({"kid": key.kid(), "use": "sig", "alg": "ES256"})));
        let jwt = key.sign("x+jwt", &json!({"sub": "ada"})).unwrap();
        let jwt = UnverifiedJwt::parse(&jwt).unwrap();
        assert_eq!((jwt.typ(), jwt.kid()), (Some("x+jwt"), Some(key.kid())));
        let keys = jwk_set(&[key.jwk().clone()]);
        let claims = jwt.verify(&keys, &[JwsAlgorithm::Es256], &Software).unwrap().into_claims();
        assert_eq!(Value::Object(claims), json!({"sub": "ada"}));
    }

    #[test]
    fn a_key_is_named_by_its_thumbprint_whatever_its_owner_called_it() {
        let named = with(serde_json::from_str(P256_JWK).unwrap(), &json!({"kid": "2026-11"}));
        let named = key(&named.to_string()).unwrap();
        assert_eq!(named.kid(), Jwk::from_value(&public(P256_JWK)).unwrap().thumbprint());
        assert_eq!(named.kid(), key(P256_JWK).unwrap().kid());
    }

    #[test]
    fn only_p256_is_published() {
        assert!(key(ED25519_JWK).is_none() && key(RSA_PEM).is_none());
    }
}
