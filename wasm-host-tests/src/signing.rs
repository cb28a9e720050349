//! RSA signatures, as a host makes them for its modules.

use relying_party::jose::{HostSignError, HostSigner};
use rsa::pkcs1v15::SigningKey;
use rsa::pkcs8::DecodePrivateKey as _;
use rsa::sha2::Sha256;
use rsa::signature::{SignatureEncoding as _, Signer as _};

/// The signature of `text` with an RSA key (PKCS#8 in DER); `None` when it is none.
pub fn rs256(pkcs8: &[u8], text: &[u8]) -> Option<Vec<u8>> {
    let key = rsa::RsaPrivateKey::from_pkcs8_der(pkcs8).ok()?;
    Some(SigningKey::<Sha256>::new(key).sign(text).to_vec())
}

/// A host with cryptography.
pub struct Signing;

impl HostSigner for Signing {
    fn sign_rs256(&self, pkcs8: &[u8], text: &[u8]) -> Result<Vec<u8>, HostSignError> {
        rs256(pkcs8, text).ok_or(HostSignError::Failed)
    }
}
