//! The provider's UserInfo endpoint (OIDC Core 1.0 §5.3).

use serde_json::json;

use super::id_token::Draft;
use super::{CLIENT_ID, Provider};
use crate::message::{Request, Response};

impl Provider {
    /// §5.3.1: the token is in the header, and nowhere else.
    pub(super) fn userinfo(&mut self, request: &Request) -> Response {
        let known = |token: &str| token.starts_with("access-token-of-");
        if !request.header("authorization").and_then(|value| value.strip_prefix("Bearer ")).is_some_and(known) {
            self.complaints.push("UserInfo without an access token in the header".to_owned());
            return Response::new(401, "text/plain", "").with("www-authenticate", "Bearer error=\"invalid_token\"");
        }
        let mut claims = json!({"sub": self.user["sub"]});
        if let (Some(claims), Some(more)) = (claims.as_object_mut(), self.userinfo.as_object()) {
            claims.extend(more.clone());
        }
        let mut draft = Draft::new(self.signing_key, claims);
        if self.signs_userinfo {
            draft.claim("iss", self.issuer_of(request));
            draft.claim("aud", CLIENT_ID);
        }
        (self.userinfo_answer)(&mut draft);
        match self.signs_userinfo {
            true => Response::new(200, "application/jwt; charset=utf-8", draft.sign()),
            false => Response::json(200, &draft.claims),
        }
    }
}
