//! The one template: every page is this document around its own content, under a policy that allows what is in it.

use std::time::Duration;

use super::markup::Markup;
use super::script::{self, SCRIPT};
use super::style::{self, STYLE};
use crate::http::Response;

/// A complete HTML document and how it is sent.
pub(super) struct Document<'a> {
    pub(super) status: u16,
    pub(super) title: &'a str,
    /// Where the browser goes on by itself. With a script, the body has the link that the script follows.
    pub(super) refresh: Option<&'a str>,
    pub(super) script: Script,
    pub(super) form: Form,
    pub(super) framing: Framing,
    pub(super) retry_after: Option<Duration>,
    /// What follows the heading.
    pub(super) body: Markup,
}

/// Whether a page runs the one script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Script {
    /// It does.
    Runs,
    /// It runs nothing.
    None,
}

/// Where the forms of a page may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// There is none.
    None,
    /// Anywhere: browsers apply `form-action` to where a posted form is redirected, and a logout is redirected to the provider.
    Redirected,
    /// As that, but with GET: it says nothing about where it comes from.
    Query,
    /// To this origin.
    SameOrigin,
}

/// Which pages may show a page of ours inside themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// None: nobody can be made to click what they do not see.
    Nowhere,
    /// Any: sessions are meant for embedded applications, and there is nothing on the page that a click could do.
    Anywhere,
}

impl Document<'_> {
    pub(super) fn into_response(self) -> Response {
        Response { status: self.status, headers: self.headers(), body: self.html().into_bytes() }
    }

    fn headers(&self) -> Vec<(String, String)> {
        // `no-referrer` would make a form's `Origin` `null` (Fetch standard, §3.2): its receiver could not tell it from another site's.
        let referrer_policy = match self.form {
            Form::None | Form::Query => "no-referrer",
            Form::Redirected | Form::SameOrigin => "same-origin",
        };
        let mut headers = vec![
            header("content-type", "text/html; charset=utf-8"),
            header("cache-control", "no-store"),
            header("content-security-policy", &self.content_security_policy()),
            header("x-content-type-options", "nosniff"),
            header("referrer-policy", referrer_policy),
        ];
        headers.extend(self.retry_after.map(retry_after));
        headers
    }

    fn content_security_policy(&self) -> String {
        let mut policy = format!("default-src 'none'; style-src {}", style::source());
        if self.script == Script::Runs {
            policy.push_str("; script-src ");
            policy.push_str(script::source());
        }
        if self.form == Form::SameOrigin {
            policy.push_str("; form-action 'self'");
        }
        policy.push_str("; base-uri 'none'");
        if self.framing == Framing::Nowhere {
            policy.push_str("; frame-ancestors 'none'");
        }
        policy
    }

    fn html(&self) -> Markup {
        let mut html = Markup::new();
        html.literal("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">")
            .literal("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")
            .literal("<meta name=\"robots\" content=\"noindex\"><title>")
            .text(self.title)
            .literal("</title>");
        if let Some(target) = self.refresh {
            // The script goes there with the fragment, which is lost this way.
            let (open, close) = if self.script == Script::Runs { ("<noscript>", "</noscript>") } else { ("", "") };
            html.literal(open).literal("<meta http-equiv=\"refresh\" content=\"0;url=").target(target);
            html.literal("\">").literal(close);
        }
        html.literal("<style>").literal(STYLE).literal("</style></head><body><main><h1>");
        html.text(self.title).literal("</h1>").append(&self.body).literal("</main>");
        if self.script == Script::Runs {
            html.literal("<script>").literal(SCRIPT).literal("</script>");
        }
        html.literal("</body></html>");
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
