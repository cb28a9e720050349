//! Problem documents (RFC 9457): what a script sees where a person sees a page.

use std::time::Duration;

use serde_json::{Map, Value};

use super::layout::{header, retry_after};
use super::shown_request_id;
use crate::http::Response;

/// A problem of type `about:blank` (RFC 9457 §4.2.1) with the members that every refusal has.
#[derive(Clone, Debug)]
pub struct Problem<'a> {
    /// HTTP status code.
    pub status: u16,
    /// Short and fixed for a kind of problem.
    pub title: &'a str,
    /// What happened and what to do.
    pub detail: &'a str,
    /// The stable reason code.
    pub reason: &'static str,
    /// The request's id; left out when it does not look like one (see [`shown_request_id`]).
    pub request_id: Option<&'a str>,
    /// Where a person can sign in.
    pub login_url: Option<&'a str>,
    /// `retry-after` (RFC 9110 §10.2.3), in whole seconds.
    pub retry_after: Option<Duration>,
    /// Further members; those above win over one of the same name.
    pub extensions: Map<String, Value>,
}

impl Problem<'_> {
    /// The problem as an answer.
    pub fn into_response(self) -> Response {
        let mut headers = vec![
            header("content-type", "application/problem+json"),
            header("cache-control", "no-store"),
            header("x-content-type-options", "nosniff"),
        ];
        headers.extend(self.retry_after.map(retry_after));
        let status = self.status;
        Response { status, headers, body: self.into_json().to_string().into_bytes() }
    }

    fn into_json(self) -> Value {
        let mut members = self.extensions;
        members.insert("type".to_owned(), "about:blank".into());
        members.insert("title".to_owned(), self.title.into());
        members.insert("status".to_owned(), self.status.into());
        members.insert("detail".to_owned(), self.detail.into());
        members.insert("reason".to_owned(), self.reason.into());
        for (name, value) in [("request_id", self.request_id.and_then(shown_request_id)), ("login_url", self.login_url)]
        {
            match value {
                Some(value) => members.insert(name.to_owned(), value.into()),
                None => members.remove(name),
            };
        }
        Value::Object(members)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_problem_says_what_where_and_how_to_sign_in() {
        let extensions = json!({"max_age": 900, "status": 200}).as_object().cloned().unwrap();
        let response = Problem {
            status: 401,
            title: "Sign-in required",
            detail: "This request needs a session.",
            reason: "session.missing",
            request_id: Some("5f0c-1.a_b"),
            login_url: Some("https://portal.example.org/oauth2/login"),
            retry_after: None,
            extensions,
        }
        .into_response();
        assert_eq!(response.status, 401);
        assert!(response.headers.contains(&header("content-type", "application/problem+json")));
        assert!(response.headers.contains(&header("cache-control", "no-store")));
        assert_eq!(
            serde_json::from_slice::<Value>(&response.body).unwrap(),
            json!({
                "type": "about:blank", "title": "Sign-in required", "status": 401,
                "detail": "This request needs a session.", "reason": "session.missing", "request_id": "5f0c-1.a_b",
                "login_url": "https://portal.example.org/oauth2/login", "max_age": 900,
            })
        );
    }

    #[test]
    fn what_is_not_known_is_not_a_member_and_retry_after_is_never_zero() {
        let response = Problem {
            status: 503,
            title: "Sign-in is unavailable",
            detail: "Please try again.",
            reason: "provider.not_ready",
            request_id: Some("\"},{\""),
            login_url: None,
            retry_after: Some(Duration::from_millis(10)),
            extensions: Map::new(),
        }
        .into_response();
        let members = serde_json::from_slice::<Value>(&response.body).unwrap();
        assert_eq!((members.get("request_id"), members.get("login_url")), (None, None));
        assert!(response.headers.contains(&header("retry-after", "1")));
    }
}
