//! The one template: every page is this document around its own content.

use std::time::Duration;

use super::markup::Markup;
use super::style::{STYLE, content_security_policy};
use crate::http::Response;

/// A complete HTML document and how it is sent.
pub(super) struct Document<'a> {
    pub(super) status: u16,
    pub(super) title: &'a str,
    /// Where the browser goes on by itself.
    pub(super) refresh: Option<&'a str>,
    pub(super) has_form: bool,
    pub(super) retry_after: Option<Duration>,
    /// What follows the heading.
    pub(super) body: Markup,
}

impl Document<'_> {
    pub(super) fn into_response(self) -> Response {
        Response { status: self.status, headers: self.headers(), body: self.html().into_bytes() }
    }

    fn headers(&self) -> Vec<(String, String)> {
        // `no-referrer` would make a form's `Origin` `null` (Fetch standard, §3.2): its receiver could not tell it from another site's.
        let referrer_policy = if self.has_form { "same-origin" } else { "no-referrer" };
        let mut headers = vec![
            header("content-type", "text/html; charset=utf-8"),
            header("cache-control", "no-store"),
            header("content-security-policy", content_security_policy()),
            header("x-content-type-options", "nosniff"),
            header("referrer-policy", referrer_policy),
        ];
        headers.extend(self.retry_after.map(retry_after));
        headers
    }

    fn html(&self) -> Markup {
        let mut html = Markup::new();
        html.literal("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">")
            .literal("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")
            .literal("<meta name=\"robots\" content=\"noindex\"><title>")
            .text(self.title)
            .literal("</title>");
        if let Some(target) = self.refresh {
            html.literal("<meta http-equiv=\"refresh\" content=\"0;url=").target(target).literal("\">");
        }
        html.literal("<style>").literal(STYLE).literal("</style></head><body><main><h1>");
        html.text(self.title).literal("</h1>").append(&self.body).literal("</main></body></html>");
        html
    }
}

pub(super) fn header(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

/// `retry-after` in whole seconds, at least one (RFC 9110 §10.2.3).
pub(super) fn retry_after(delay: Duration) -> (String, String) {
    ("retry-after".to_owned(), delay.as_secs().max(1).to_string())
}
