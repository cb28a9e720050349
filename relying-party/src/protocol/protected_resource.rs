//! The metadata of a protected resource (RFC 9728 §2, §3.2).

use std::collections::BTreeSet;

use serde_json::json;

use crate::http::Response;
use crate::jose::JwsAlgorithm;

/// What a resource says of itself. Whether tokens bound to certificates work depends on the listener's TLS, so that is not said.
pub struct ProtectedResource<'a> {
    /// `resource`: its identifier, a URL.
    pub resource: &'a str,
    /// `authorization_servers`: the issuers whose tokens are accepted.
    pub authorization_servers: &'a BTreeSet<&'a str>,
    /// `scopes_supported`: those that are asked for by name.
    pub scopes: &'a BTreeSet<&'a str>,
}

impl ProtectedResource<'_> {
    /// The document.
    pub fn into_response(self) -> Response {
        let mut document = json!({
            "resource": self.resource,
            "bearer_methods_supported": ["header"],
            "dpop_signing_alg_values_supported": JwsAlgorithm::ALL.map(JwsAlgorithm::name),
        });
        for (name, values) in [("authorization_servers", self.authorization_servers), ("scopes_supported", self.scopes)]
        {
            // RFC 9728 §3.2: what has no values is left out.
            if let Some(members) = document.as_object_mut().filter(|_| !values.is_empty()) {
                members.insert(name.to_owned(), json!(values));
            }
        }
        // No secrets here, and clients in browsers come from other origins.
        let mut response = Response::json(200, &document);
        response.headers.retain(|(name, _)| name != "cache-control");
        response
            .headers
            .extend(fields(&[("cache-control", "public, max-age=3600"), ("access-control-allow-origin", "*")]));
        response
    }

    /// The answer to a browser that asks whether a script of another origin may read the document.
    pub fn preflight_response() -> Response {
        let headers = fields(&[
            ("access-control-allow-origin", "*"),
            ("access-control-allow-methods", "GET, HEAD"),
            ("access-control-allow-headers", "*"),
            ("access-control-max-age", "3600"),
        ]);
        Response { status: 204, headers, body: Vec::new() }
    }
}

fn fields(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
