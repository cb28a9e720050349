//! Whether the host tells good signatures from bad ones, algorithm by algorithm. A host that always says yes would be the end
//! of everything; one that always says no, of every login.

use std::cell::Cell;

use relying_party::jose::{CompactJws, Jwk, JwkSet, JwsAlgorithm, SignatureVerifier};

use super::by_the_host;

/// Keys and tokens made with OpenSSL for this test; nobody has their private halves.
const KEYS: &str = include_str!("known_keys.json");
const TOKENS: &str = include_str!("known_tokens.txt");

/// The algorithms of which the host knew a good signature and a bad one.
pub(super) fn passed() -> Vec<JwsAlgorithm> {
    let Ok(keys) = JwkSet::parse(KEYS.as_bytes()) else { return Vec::new() };
    TOKENS.lines().filter_map(|token| tells_apart(&keys, token)).collect()
}

/// The algorithm of `token`, when the host accepts it and refuses its signature under another payload.
fn tells_apart(keys: &JwkSet, token: &str) -> Option<JwsAlgorithm> {
    let (signing_input, signature) = token.rsplit_once('.')?;
    let (header, _) = signing_input.split_once('.')?;
    let forged = format!("{header}.e30.{signature}");
    let right = answer(keys, token)? && !answer(keys, &forged)?;
    right.then(|| CompactJws::parse(token).ok().map(|token| token.algorithm())).flatten()
}

fn answer(keys: &JwkSet, token: &str) -> Option<bool> {
    let token = CompactJws::parse(token).ok()?;
    let host = HostAlone { said: Cell::new(None) };
    let _ = keys.check(&token, &[token.algorithm()], &host);
    host.said.get()
}

/// Remembers what the host said, if anything.
struct HostAlone {
    said: Cell<Option<bool>>,
}

impl SignatureVerifier for HostAlone {
    fn verify(&self, algorithm: JwsAlgorithm, key: &Jwk, signing_input: &[u8], signature: &[u8]) -> bool {
        self.said.set(by_the_host(algorithm, key.spki_der(), signing_input, signature));
        self.said.get() == Some(true)
    }
}
