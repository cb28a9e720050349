//! Clients with certificates have a token endpoint of their own (RFC 8705 §5).

use serde_json::json;

use super::suite::{self, ResponseMode};
use crate::provider::{Endpoint, MTLS_ISSUER};
use crate::world::World;

pub fn module<W: World, M: ResponseMode>() {
    let setup = suite::common::<M>()
        .without_provider_key("client_secret")
        .of_provider("token_endpoint_auth_method", "tls_client_auth")
        .provider(|provider| {
            provider.client_authentication = "tls_client_auth";
            suite::describe(provider, |metadata| {
                metadata["mtls_endpoint_aliases"] = json!({"token_endpoint": format!("{MTLS_ISSUER}/token")});
            });
        });
    let mut run = suite::completes::<W>(setup);
    let request = run.world.provider().last(Endpoint::Token).cloned().expect("a token request");
    assert_eq!(request.header(":authority"), Some("mtls.provider.test"));
}
