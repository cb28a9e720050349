//! The foreign function `verify_signature`, as Envoy has it (package `envoy.source.extensions.common.wasm`).

use p256::ecdsa::signature::Verifier as _;
use prost::Message;
use rsa::pkcs1v15::{Signature, VerifyingKey};
use rsa::pkcs8::DecodePublicKey as _;
use rsa::sha2::{Sha256, Sha384, Sha512};

use crate::simulation::Verification;

#[derive(Message)]
struct Arguments {
    #[prost(string, tag = "1")]
    hash_function: String,
    #[prost(bytes = "vec", tag = "2")]
    public_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    signature: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    text: Vec<u8>,
}

#[derive(Message)]
struct Outcome {
    #[prost(bool, tag = "1")]
    result: bool,
    #[prost(string, tag = "2")]
    error: String,
}

/// The function's result; `None` where there is no such function.
pub fn verify_signature(verification: Verification, arguments: &[u8]) -> Option<Vec<u8>> {
    let result = match verification {
        Verification::Absent => return None,
        Verification::Right => is_good(&Arguments::decode(arguments).expect("arguments of `verify_signature`")),
        Verification::AlwaysYes => true,
        Verification::AlwaysNo => false,
    };
    Some(Outcome { result, error: String::new() }.encode_to_vec())
}

/// RSASSA-PKCS1-v1_5, or ECDSA with a DER signature; the key is SubjectPublicKeyInfo in DER.
fn is_good(arguments: &Arguments) -> bool {
    let Arguments { hash_function, public_key, signature, text } = arguments;
    // An uncompressed point ends the encoding.
    let point = |length: usize| &public_key[public_key.len() - length..];
    match (hash_function.as_str(), public_key.len()) {
        ("sha256", 91) => {
            let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(point(65)).expect("a key");
            p256::ecdsa::Signature::from_der(signature).is_ok_and(|signature| key.verify(text, &signature).is_ok())
        }
        ("sha384", 120) => {
            let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(point(97)).expect("a key");
            p384::ecdsa::Signature::from_der(signature).is_ok_and(|signature| key.verify(text, &signature).is_ok())
        }
        ("sha512", 158) => {
            let key = p521::ecdsa::VerifyingKey::from_sec1_bytes(point(133)).expect("a key");
            p521::ecdsa::Signature::from_der(signature).is_ok_and(|signature| key.verify(text, &signature).is_ok())
        }
        (hash_function, _) => {
            let key = rsa::RsaPublicKey::from_public_key_der(public_key).expect("a key");
            let Ok(signature) = Signature::try_from(signature.as_slice()) else { return false };
            match hash_function {
                "sha256" => VerifyingKey::<Sha256>::new(key).verify(text, &signature).is_ok(),
                "sha384" => VerifyingKey::<Sha384>::new(key).verify(text, &signature).is_ok(),
                "sha512" => VerifyingKey::<Sha512>::new(key).verify(text, &signature).is_ok(),
                other => panic!("no hash function of this host: {other}"),
            }
        }
    }
}
