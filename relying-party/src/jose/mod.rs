//! JOSE: compact JWS, keys, signatures (RFC 7515, 7517, 7518, 8037).

pub mod algorithm;
pub mod der;
mod elliptic;
pub mod json;
pub mod jwk;
pub mod jwk_set;
pub mod jws;
pub mod published_key;
mod roca;
pub mod signing_key;
pub mod unverified_jwt;
pub mod verify;

#[cfg(test)]
mod attacks;
#[cfg(test)]
pub(crate) mod test_key;
#[cfg(test)]
mod vectors;

pub use algorithm::JwsAlgorithm;
pub use elliptic::P521Key;
pub use json::JsonError;
pub use jwk::{Jwk, SkippedKey, VerifyingKey};
pub use jwk_set::{JwkSet, JwkSetError, Skipped};
pub use jws::{CompactJws, JwsError};
pub use published_key::PublishedKey;
pub use signing_key::{HostSignError, HostSigner, NoHostSigner, SigningKey, SigningKeyError};
pub use unverified_jwt::{NotVerified, UnverifiedJwt, VerifiedJwt};
pub use verify::{SignatureVerifier, Software, VerifyError};
