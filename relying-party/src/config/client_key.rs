//! `client_key`: what the client signs its assertions with. Nothing of it is ever printed.

use super::cursor::Cursor;
use super::secret;
use crate::jose::SigningKey;

pub(super) const EXPECTED: &str = "a private key as PEM (PKCS#8) or JWK: P-256, Ed25519, or RSA of at least 2048 bits";

pub(super) fn read(cursor: &Cursor<'_>) -> Option<SigningKey> {
    let text = secret::read(cursor)?;
    match SigningKey::parse(text.expose()) {
        Ok(key) => Some(key),
        Err(error) => {
            cursor.refuse(error, EXPECTED);
            None
        }
    }
}
