//! What the provider says of access tokens (RFC 7662).

use relying_party::time::UnixTime;
use serde_json::json;

use super::Provider;
use crate::message::{Request, Response};

impl Provider {
    /// RFC 7662 §2.1: for clients that prove who they are.
    pub(super) fn introspect(&mut self, request: &Request, now: UnixTime) -> Response {
        if request.method() != "POST" {
            return self.complain(405, "introspection request is not POST");
        }
        if let Err(problem) = self.authenticate(request, now) {
            self.complaints.push(problem.to_owned());
            return Response::json(401, &json!({"error": "invalid_client"}));
        }
        let Some(token) = request.posted("token") else { return self.complain(400, "no token") };
        let said = self.opaque_tokens.get(&token).cloned();
        Response::json(200, &said.unwrap_or_else(|| json!({"active": false})))
    }
}
