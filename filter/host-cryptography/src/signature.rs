//! Signatures checked by the host: its foreign function `verify_signature`, which takes a fraction of what Wasm takes.

mod self_test;

use std::sync::OnceLock;

use prost::Message;
use relying_party::jose::{Jwk, JwsAlgorithm, SignatureVerifier, Software, der};
use relying_party::log::LogLine;

use crate::foreign;

/// The host, for the algorithms for which it has shown that it tells good from bad; otherwise this module itself.
pub struct HostVerifier {
    /// Where to say, once in each VM, what the host is trusted with.
    pub log: fn(&LogLine),
}

impl SignatureVerifier for HostVerifier {
    fn verify(&self, algorithm: JwsAlgorithm, key: &Jwk, signing_input: &[u8], signature: &[u8]) -> bool {
        let answer = if of_the_host(self.log).contains(&algorithm) && key.key.fits(algorithm) {
            by_the_host(algorithm, key.spki_der(), signing_input, signature)
        } else {
            None
        };
        answer.unwrap_or_else(|| Software.verify(algorithm, key, signing_input, signature))
    }
}

/// The algorithms that the host verifies, tried once in each VM.
fn of_the_host(log: fn(&LogLine)) -> &'static [JwsAlgorithm] {
    static TRUSTED: OnceLock<Vec<JwsAlgorithm>> = OnceLock::new();
    TRUSTED.get_or_init(|| {
        let trusted = self_test::passed();
        let names: Vec<&str> = trusted.iter().map(|algorithm| algorithm.name()).collect();
        let names = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
        log(&LogLine::info(format!("latchkey: the host verifies {names}; the module verifies the rest")));
        trusted
    })
}

#[derive(Message)]
struct Arguments {
    #[prost(string, tag = "1")]
    hash_function: String,
    /// SubjectPublicKeyInfo in DER.
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
}

/// The host's word; `None` when it has none.
fn by_the_host(algorithm: JwsAlgorithm, spki_der: &[u8], text: &[u8], signature: &[u8]) -> Option<bool> {
    let hash_function = match algorithm {
        JwsAlgorithm::Rs256 | JwsAlgorithm::Es256 => "sha256",
        JwsAlgorithm::Rs384 | JwsAlgorithm::Es384 => "sha384",
        JwsAlgorithm::Rs512 | JwsAlgorithm::Es512 => "sha512",
        JwsAlgorithm::Ps256 | JwsAlgorithm::Ps384 | JwsAlgorithm::Ps512 | JwsAlgorithm::EdDsa => return None,
    };
    let signature = match algorithm {
        JwsAlgorithm::Es256 | JwsAlgorithm::Es384 | JwsAlgorithm::Es512 => der::ecdsa_signature(algorithm, signature),
        _ => Some(signature.to_vec()),
    };
    // What cannot be a signature is not the host's business.
    let Some(signature) = signature else { return Some(false) };
    let (hash_function, public_key) = (hash_function.to_owned(), spki_der.to_vec());
    let arguments = Arguments { hash_function, public_key, signature, text: text.to_vec() };
    foreign::call("verify_signature", &arguments).ok().map(|outcome: Outcome| outcome.result)
}
