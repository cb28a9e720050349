//! Keys of a provider that come and go: generations, each under a key id of its own.

use serde_json::{Value, json};
use wasm_host_tests::provider::Provider;
use wasm_host_tests::provider::id_token::Draft;
use wasm_host_tests::provider::keys::TestKey;

/// How many generations are published at once, beside the keys that stay.
const PUBLISHED: usize = 8;
/// The keys that stay.
const STAYING: [TestKey; 2] = [TestKey::Rsa1, TestKey::P256A];

/// Publishes the key of this generation and those of the generations before it.
pub fn publish(provider: &mut Provider, generation: usize) {
    let coming = (generation.saturating_sub(PUBLISHED - 1)..=generation).map(|generation| {
        let mut jwk = key(generation).jwk();
        jwk["kid"] = kid(generation).into();
        jwk
    });
    let published: Vec<_> = coming.chain(STAYING.map(TestKey::jwk)).collect();
    provider.change_keys(move |document| *document = json!({"keys": published}));
}

/// Lets this generation's key sign.
pub fn sign_with(draft: &mut Draft, generation: usize) {
    draft.sign_with(key(generation));
    draft.header["kid"] = kid(generation).into();
}

/// An access token that this generation's key signs.
pub fn token(generation: usize, claims: Value) -> String {
    let mut draft = Draft::access_token(key(generation), claims);
    sign_with(&mut draft, generation);
    draft.sign()
}

/// An access token that a key signs which stays.
pub fn lasting_token(claims: Value) -> String {
    Draft::access_token(STAYING[1], claims).sign()
}

fn key(generation: usize) -> TestKey {
    [TestKey::P256B, TestKey::Rsa2, TestKey::P256A][generation % 3]
}

fn kid(generation: usize) -> String {
    format!("generation-{generation}")
}
