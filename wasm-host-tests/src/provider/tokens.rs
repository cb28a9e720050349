//! What the provider says of access tokens (RFC 7662), and issues for them (RFC 8693).

use relying_party::time::UnixTime;
use serde_json::json;

use super::Provider;
use super::client::{all, form};
use crate::message::{Request, Response};

/// `grant_type` (RFC 8693 §2.1)
pub(super) const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

impl Provider {
    /// RFC 8693 §2.1, for a client that has proved who it is.
    pub(super) fn exchange(&mut self, request: &Request) -> Response {
        let all_once = ["subject_token", "subject_token_type", "requested_token_type"]
            .iter()
            .all(|name| all(&form(&request.body), name).len() == 1);
        let is_access_token = |name| request.posted(name).as_deref() == Some(ACCESS_TOKEN);
        if !all_once || !is_access_token("subject_token_type") || !is_access_token("requested_token_type") {
            return self.complain(400, "token exchange without its parameters");
        }
        self.exchanged += 1;
        let audience = request.posted("audience").unwrap_or_default();
        let mut document = json!({
            "access_token": format!("exchanged-{}-for-{audience}", self.exchanged), "token_type": "Bearer",
            "issued_token_type": ACCESS_TOKEN, "expires_in": 600,
        });
        (self.token_answer)(&mut document);
        Response::json(200, &document)
    }

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
