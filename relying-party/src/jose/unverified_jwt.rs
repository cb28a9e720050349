//! A JWT on its way from text to claims that can be relied on (RFC 7519 §7.2).

use std::fmt;

use serde_json::{Map, Value};

use super::{CompactJws, Jwk, JwkSet, JwsAlgorithm, JwsError, SignatureVerifier, VerifyError, json};

/// The largest payload, in bytes; a token is bounded already.
const MAX_PAYLOAD: usize = 64 * 1024;

/// A JWT that has been read once and not verified. Of its claims only those can be seen that choose the keys: what they
/// say is not known to be true.
pub struct UnverifiedJwt {
    jws: CompactJws<'static>,
    claims: Map<String, Value>,
}

impl UnverifiedJwt {
    /// Reads `token`, whose payload must be a JSON object.
    pub fn parse(token: &str) -> Result<Self, JwsError> {
        let jws = CompactJws::parse(token)?;
        let claims = json::parse_object(jws.payload(), MAX_PAYLOAD).map_err(JwsError::Payload)?;
        Ok(Self { jws: jws.into_owned(), claims })
    }

    /// `alg` (RFC 7515 §4.1.1)
    pub const fn algorithm(&self) -> JwsAlgorithm {
        self.jws.algorithm()
    }

    /// `kid` (RFC 7515 §4.1.4)
    pub fn kid(&self) -> Option<&str> {
        self.jws.kid()
    }

    /// `typ` (RFC 7515 §4.1.9), as it was written.
    pub fn typ(&self) -> Option<&str> {
        self.jws.typ()
    }

    /// `jwk`: see [`CompactJws::embedded_key`].
    pub const fn embedded_key(&self) -> Option<&Value> {
        self.jws.embedded_key()
    }

    /// `iss`, if it is a string: only to choose the keys.
    pub fn issuer(&self) -> Option<&str> {
        self.claims.get("iss").and_then(Value::as_str)
    }

    /// `sub`, if it is a string: only to choose the keys (a SPIFFE ID names its trust domain there).
    pub fn subject(&self) -> Option<&str> {
        self.claims.get("sub").and_then(Value::as_str)
    }

    /// Whether `aud` names one of `audience`: only to choose among providers.
    pub fn claims_audience(&self, audience: &[String]) -> bool {
        let is_ours = |value: &Value| value.as_str().is_some_and(|text| audience.iter().any(|own| own == text));
        match self.claims.get("aud") {
            Some(Value::Array(several)) => several.iter().any(is_ours),
            Some(one) => is_ours(one),
            None => false,
        }
    }

    /// Whether there is a `cnf` (RFC 7800 §3.1): only to know whether the connection matters.
    pub fn has_confirmation(&self) -> bool {
        self.claims.contains_key("cnf")
    }

    /// Verifies the signature with one of `keys`, by one of the `allowed` algorithms. What is refused is given back, to be
    /// tried again when [newer keys may help](VerifyError::newer_keys_may_help).
    pub fn verify<'k>(
        self,
        keys: &'k JwkSet,
        allowed: &[JwsAlgorithm],
        verifier: &dyn SignatureVerifier,
    ) -> Result<VerifiedJwt<'k>, NotVerified> {
        match keys.check(&self.jws, allowed, verifier) {
            Ok(key) => Ok(VerifiedJwt { algorithm: self.jws.algorithm(), key, claims: self.claims }),
            Err(error) => Err(NotVerified { error, token: Box::new(self) }),
        }
    }

    /// Verifies the signature with `key`, which was chosen otherwise than by `kid`.
    pub fn verify_with<'k>(
        self,
        key: &'k Jwk,
        allowed: &[JwsAlgorithm],
        verifier: &dyn SignatureVerifier,
    ) -> Result<VerifiedJwt<'k>, NotVerified> {
        match key.check(&self.jws, allowed, verifier) {
            Ok(()) => Ok(VerifiedJwt { algorithm: self.jws.algorithm(), key, claims: self.claims }),
            Err(error) => Err(NotVerified { error, token: Box::new(self) }),
        }
    }
}

impl fmt::Debug for UnverifiedJwt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("UnverifiedJwt").field("algorithm", &self.algorithm()).finish_non_exhaustive()
    }
}

/// A JWT whose signature is good. There is no other way to get one than [`UnverifiedJwt::verify`] and its sibling.
pub struct VerifiedJwt<'k> {
    algorithm: JwsAlgorithm,
    key: &'k Jwk,
    claims: Map<String, Value>,
}

impl<'k> VerifiedJwt<'k> {
    /// What it was signed with.
    pub const fn algorithm(&self) -> JwsAlgorithm {
        self.algorithm
    }

    /// The key that signed it.
    pub const fn key(&self) -> &'k Jwk {
        self.key
    }

    /// Every claim.
    pub const fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// Every claim, taken out.
    pub fn into_claims(self) -> Map<String, Value> {
        self.claims
    }
}

impl fmt::Debug for VerifiedJwt<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("VerifiedJwt").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// A JWT that was not verified, and why.
#[derive(Debug)]
pub struct NotVerified {
    error: VerifyError,
    token: Box<UnverifiedJwt>,
}

impl NotVerified {
    /// Why.
    pub const fn error(&self) -> VerifyError {
        self.error
    }

    /// The token, to try again.
    pub fn into_token(self) -> UnverifiedJwt {
        *self.token
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::jose::Software;
    use crate::jose::test_key::{TestKey, jwk_set};

    const ALL: &[JwsAlgorithm] = &JwsAlgorithm::ALL;

    #[test]
    fn what_chooses_the_keys_is_known_before_verification() {
        let token = TestKey::p256().sign(JwsAlgorithm::Es256, &json!({"iss": "https://a.example", "sub": "alice"}));
        let token = UnverifiedJwt::parse(&token).unwrap();
        assert_eq!((token.issuer(), token.subject()), (Some("https://a.example"), Some("alice")));
        assert_eq!((token.algorithm(), token.kid(), token.typ()), (JwsAlgorithm::Es256, Some("ec"), Some("JWT")));
        assert_eq!(format!("{token:?}"), "UnverifiedJwt { algorithm: Es256, .. }");
    }

    #[test]
    fn a_token_that_is_refused_can_be_tried_again_with_newer_keys() {
        let token = TestKey::p256().sign(JwsAlgorithm::Es256, &json!({"sub": "alice"}));
        let (old, new) = (jwk_set(&[TestKey::rsa().jwk()]), jwk_set(&[TestKey::p256().jwk()]));
        let refused = UnverifiedJwt::parse(&token).unwrap().verify(&old, ALL, &Software).unwrap_err();
        assert!(refused.error().newer_keys_may_help());
        let verified = refused.into_token().verify(&new, ALL, &Software).unwrap();
        assert_eq!(verified.key(), &new.keys()[0]);
        assert_eq!(verified.into_claims()["sub"], "alice");
    }
}
