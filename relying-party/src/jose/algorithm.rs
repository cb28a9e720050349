//! The signature algorithms of RFC 7518 §3.1 and RFC 8037 §3.1 that are accepted. There is no `none` and no HS*.

use sha2::{Digest as _, Sha256, Sha384, Sha512};

/// A JWS algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwsAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512
    Rs512,
    /// RSASSA-PSS with SHA-256
    Ps256,
    /// RSASSA-PSS with SHA-384
    Ps384,
    /// RSASSA-PSS with SHA-512
    Ps512,
    /// ECDSA on P-256 with SHA-256
    Es256,
    /// ECDSA on P-384 with SHA-384
    Es384,
    /// ECDSA on P-521 with SHA-512
    Es512,
    /// Ed25519
    EdDsa,
}

impl JwsAlgorithm {
    /// All of them: what a provider may use unless `algorithms` says otherwise.
    pub const ALL: [Self; 10] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::EdDsa,
    ];

    /// The `alg` value.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm called `name`, compared exactly. EdDSA is also called `Ed25519` (RFC 9864 §2.2): no other curve is
    /// known here.
    pub fn from_name(name: &str) -> Option<Self> {
        let name = if name == "Ed25519" { Self::EdDsa.name() } else { name };
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// The left half of `text`'s hash, by the hash function of this algorithm (OIDC Core 1.0 §3.1.3.6). Ed25519 has
    /// SHA-512 inside (RFC 8032 §5.1).
    pub fn left_half_of_hash(self, text: &[u8]) -> Vec<u8> {
        let mut hash = match self {
            Self::Rs256 | Self::Ps256 | Self::Es256 => Sha256::digest(text).to_vec(),
            Self::Rs384 | Self::Ps384 | Self::Es384 => Sha384::digest(text).to_vec(),
            Self::Rs512 | Self::Ps512 | Self::Es512 | Self::EdDsa => Sha512::digest(text).to_vec(),
        };
        hash.truncate(hash.len() / 2);
        hash
    }
}
