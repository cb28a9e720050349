//! Signatures by the host: its foreign function `sign`.

use prost::Message;
use relying_party::jose::{HostSignError, HostSigner};

use crate::foreign::{self, ForeignError};

/// The proxy's own RSA: fast, and in constant time.
pub struct HostSigning;

#[derive(Message)]
struct Arguments {
    #[prost(string, tag = "1")]
    hash_function: String,
    /// PKCS#8 in DER.
    #[prost(bytes = "vec", tag = "2")]
    private_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    text: Vec<u8>,
}

#[derive(Message)]
struct Outcome {
    #[prost(bool, tag = "1")]
    result: bool,
    #[prost(bytes = "vec", tag = "2")]
    signature: Vec<u8>,
}

impl HostSigner for HostSigning {
    fn sign_rs256(&self, pkcs8: &[u8], text: &[u8]) -> Result<Vec<u8>, HostSignError> {
        let arguments =
            Arguments { hash_function: "sha256".to_owned(), private_key: pkcs8.to_vec(), text: text.to_vec() };
        match foreign::call("sign", &arguments) {
            Ok(Outcome { result: true, signature }) if !signature.is_empty() => Ok(signature),
            Ok(_) | Err(ForeignError::Failed) => Err(HostSignError::Failed),
            Err(ForeignError::Missing) => Err(HostSignError::Unsupported),
        }
    }
}
