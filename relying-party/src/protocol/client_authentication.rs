//! How the client proves itself at the token endpoint (OIDC Core 1.0 §9, RFC 6749 §2.3.1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use form_urlencoded::{Serializer, byte_serialize};

use crate::config::{Client, ClientAuthentication};

/// Adds what the client's method needs to the `form`, and gives the `authorization` header if it takes one.
pub(super) fn authenticate(client: &Client, form: &mut Serializer<'_, String>) -> Option<String> {
    match &client.authentication {
        ClientAuthentication::SecretBasic(secret) => Some(basic(&client.client_id, secret.expose())),
        ClientAuthentication::SecretPost(secret) => {
            form.append_pair("client_id", &client.client_id).append_pair("client_secret", secret.expose());
            None
        }
        ClientAuthentication::None => {
            form.append_pair("client_id", &client.client_id);
            None
        }
    }
}

/// §2.3.1: both parts are form-urlencoded before they are joined, so that either may contain a colon.
fn basic(client_id: &str, secret: &str) -> String {
    let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encoded(client_id), encoded(secret))))
}
