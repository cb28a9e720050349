//! Tokens of the provider, honest and otherwise.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::keys::{TestKey, hmac_sha256};

/// An ID token or access token before it is signed: what a test may change.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The JOSE header.
    pub header: Value,
    /// The claims.
    pub claims: Value,
    /// Instead of `header`, for documents that are not what a JSON library would write.
    pub header_text: Option<String>,
    /// Instead of `claims`, for documents that are not what a JSON library would write.
    pub claims_text: Option<String>,
    /// How it is signed.
    pub signing: Signing,
}

/// How a token is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signing {
    /// With this key.
    With(TestKey),
    /// With this key, then every byte XOR 0x5A (as the OpenID Foundation's suite does).
    Corrupted(TestKey),
    /// With this RSA key and PSS (PS256).
    Pss(TestKey),
    /// Not at all: an empty signature.
    Unsigned,
    /// HMAC with this key's public PEM as the secret.
    HmacOfPublicKey(TestKey),
    /// HMAC with this secret.
    Hmac(&'static str),
    /// HMAC with this secret, then every byte XOR 0x5A.
    CorruptedHmac(&'static str),
}

impl Draft {
    /// An honest access token (RFC 9068 §2) that `key` signs.
    pub fn access_token(key: TestKey, claims: Value) -> Self {
        let mut draft = Self::new(key, claims);
        draft.header["typ"] = "at+jwt".into();
        draft
    }

    /// Signs with another key, and says so.
    pub fn sign_with(&mut self, key: TestKey) {
        self.header["alg"] = key.algorithm().into();
        self.header["kid"] = key.kid().into();
        self.signing = Signing::With(key);
    }

    /// An honest draft for `key`.
    pub fn new(key: TestKey, claims: Value) -> Self {
        let header = serde_json::json!({"alg": key.algorithm(), "kid": key.kid(), "typ": "JWT"});
        Self { header, claims, header_text: None, claims_text: None, signing: Signing::With(key) }
    }

    /// Sets a claim.
    pub fn claim(&mut self, name: &str, value: impl Into<Value>) {
        self.claims[name] = value.into();
    }

    /// Removes a claim.
    pub fn remove(&mut self, name: &str) {
        if let Some(claims) = self.claims.as_object_mut() {
            claims.remove(name);
        }
    }

    /// Appends to a claim that is text.
    pub fn append(&mut self, name: &str, suffix: &str) {
        let value = format!("{}{suffix}", self.claims[name].as_str().unwrap_or_default());
        self.claim(name, value);
    }

    /// The compact serialisation.
    pub fn sign(&self) -> String {
        let header = self.header_text.clone().unwrap_or_else(|| self.header.to_string());
        let claims = self.claims_text.clone().unwrap_or_else(|| self.claims.to_string());
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = match self.signing {
            Signing::With(key) => key.sign(message.as_bytes()),
            Signing::Corrupted(key) => corrupted(&key.sign(message.as_bytes())),
            Signing::Pss(key) => key.sign_pss(message.as_bytes()),
            Signing::Unsigned => Vec::new(),
            Signing::HmacOfPublicKey(key) => hmac_sha256(key.public_pem().as_bytes(), message.as_bytes()),
            Signing::Hmac(secret) => hmac_sha256(secret.as_bytes(), message.as_bytes()),
            Signing::CorruptedHmac(secret) => corrupted(&hmac_sha256(secret.as_bytes(), message.as_bytes())),
        };
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn corrupted(signature: &[u8]) -> Vec<u8> {
    signature.iter().map(|byte| byte ^ 0x5a).collect()
}
