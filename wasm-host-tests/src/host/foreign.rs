//! Foreign functions as Envoy has them (package `envoy.source.extensions.common.wasm`).

use prost::Message;

use crate::signing;

/// The result of the function `name`; `None` when there is none of that name.
pub fn call(name: &[u8], arguments: &[u8]) -> Option<Vec<u8>> {
    match name {
        b"sign" => Some(sign(arguments)),
        _ => None,
    }
}

#[derive(Message)]
struct SignArguments {
    #[prost(string, tag = "1")]
    hash_function: String,
    #[prost(bytes = "vec", tag = "2")]
    private_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    text: Vec<u8>,
}

#[derive(Message)]
struct SignResult {
    #[prost(bool, tag = "1")]
    result: bool,
    #[prost(bytes = "vec", tag = "2")]
    signature: Vec<u8>,
    #[prost(string, tag = "3")]
    error: String,
}

fn sign(arguments: &[u8]) -> Vec<u8> {
    let arguments = SignArguments::decode(arguments).expect("arguments of `sign`");
    assert_eq!(arguments.hash_function, "sha256");
    let result = match signing::rs256(&arguments.private_key, &arguments.text) {
        Some(signature) => SignResult { result: true, signature, error: String::new() },
        None => SignResult { result: false, signature: Vec::new(), error: "no key".to_owned() },
    };
    result.encode_to_vec()
}
