//! What people and scripts see when the filter answers by itself: small HTML pages and problem documents.
//!
//! Pages load nothing, run at most the one script, and show only fixed text, a reason code and the request id; the few
//! values that come from elsewhere pass through [`Markup::text`], the only way to write them.

mod layout;
mod markup;
mod onward;
mod problem;
mod script;
mod sign_in;
mod style;

use std::time::Duration;

pub use layout::Framing;
pub use onward::{begin_login, continue_to, form_lost, send_form};
pub use problem::Problem;
pub use sign_in::{EmailForm, SignIn, sign_in};

use crate::http::Response;
use layout::{Document, Form, Script};
use markup::Markup;

/// How many claims [`session_too_large`] names.
const CLAIMS_SHOWN: usize = 8;

/// A page of fixed text: why something was refused, and what a person can do now.
#[derive(Clone, Debug)]
pub struct Page<'a> {
    /// HTTP status code.
    pub status: u16,
    /// The heading, also the document's title.
    pub title: &'a str,
    /// What happened and what to do, a paragraph each.
    pub paragraphs: &'a [&'a str],
    /// The stable reason code of a refusal.
    pub reason: Option<&'static str>,
    /// The request's id; left out when it does not look like one (see [`shown_request_id`]).
    pub request_id: Option<&'a str>,
    /// What a person can do; the first is the obvious choice.
    pub actions: &'a [Action<'a>],
    /// `retry-after` (RFC 9110 §10.2.3), in whole seconds.
    pub retry_after: Option<Duration>,
    /// Where the page leads by itself: the target of one of its actions.
    pub refresh: Option<&'a str>,
    /// Which pages may show this one inside themselves.
    pub framing: Framing,
}

/// Something a person can do on a page. A target that is neither a path nor an http(s) URL leads to `/`.
#[derive(Clone, Copy, Debug)]
pub enum Action<'a> {
    /// Go there.
    Link {
        /// What the button says.
        label: &'a str,
        /// Where it leads.
        href: &'a str,
    },
    /// Begin a login there: it gets the fragment of the page's address, if the browser runs the script.
    Login {
        /// What the button says.
        label: &'a str,
        /// Where it leads: the login endpoint, with what it is told.
        href: &'a str,
    },
    /// Send an empty form there.
    Post {
        /// What the button says.
        label: &'a str,
        /// Where the form goes.
        href: &'a str,
    },
}

/// The page as an answer.
pub fn render(page: &Page<'_>) -> Response {
    let mut body = Markup::new();
    paragraphs(&mut body, page.paragraphs);
    for action in page.actions {
        write_action(&mut body, action, page.refresh);
    }
    footer(&mut body, page.reason, page.request_id);
    let has_form = page.actions.iter().any(|action| matches!(action, Action::Post { .. }));
    let leads_to_login = page.actions.iter().any(|action| matches!(action, Action::Login { .. }));
    Document {
        status: page.status,
        title: page.title,
        refresh: page.refresh,
        script: if leads_to_login { Script::Runs } else { Script::None },
        form: if has_form { Form::Redirected } else { Form::None },
        framing: if has_form { Framing::Nowhere } else { page.framing },
        retry_after: page.retry_after,
        body,
    }
    .into_response()
}

/// After a logout that ended here.
pub fn signed_out(login_href: &str) -> Response {
    render(&Page {
        status: 200,
        title: "You are signed out",
        paragraphs: &["You can close this page or sign in again."],
        reason: None,
        request_id: None,
        actions: &[Action::Login { label: "Sign in", href: login_href }],
        retry_after: None,
        refresh: None,
        framing: Framing::Nowhere,
    })
}

/// The session does not fit into the cookies allowed for it: which claims take how much, largest first.
pub fn session_too_large(
    claims: &[(String, usize)],
    limit_bytes: usize,
    reason: &'static str,
    request_id: Option<&str>,
) -> Response {
    let mut largest: Vec<&(String, usize)> = claims.iter().collect();
    largest.sort_by(|(name, size), (other_name, other_size)| other_size.cmp(size).then(name.cmp(other_name)));
    let mut body = Markup::new();
    paragraphs(
        &mut body,
        &[
            "Your sign-in worked, but what your account brings along does not fit into a session.",
            "Please show this page to whoever runs this site.",
        ],
    );
    body.literal("<table><caption>Largest claims</caption><tbody>");
    for (name, size) in largest.into_iter().take(CLAIMS_SHOWN) {
        body.literal("<tr><th scope=\"row\">")
            .name(name)
            .literal("</th><td>")
            .number(*size)
            .literal(" bytes</td></tr>");
    }
    body.literal("</tbody></table><p>The session may take ").number(limit_bytes).literal(" bytes. ");
    body.literal("<code>session.claims</code> selects what it keeps.</p>");
    footer(&mut body, Some(reason), request_id);
    Document {
        status: 500,
        title: "Your session is too large",
        refresh: None,
        script: Script::None,
        form: Form::None,
        framing: Framing::Nowhere,
        retry_after: None,
        body,
    }
    .into_response()
}

/// `request_id` if it looks like one: the header is the client's to choose, so anything else is not repeated.
pub fn shown_request_id(request_id: &str) -> Option<&str> {
    let plausible = (1..=128).contains(&request_id.len())
        && request_id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    plausible.then_some(request_id)
}

fn paragraphs(body: &mut Markup, paragraphs: &[&str]) {
    for paragraph in paragraphs {
        body.literal("<p>").text(paragraph).literal("</p>");
    }
}

/// `refresh` is where the page leads by itself.
fn write_action(body: &mut Markup, action: &Action<'_>, refresh: Option<&str>) {
    match action {
        Action::Link { label, href } => {
            body.literal(r#"<a class="button" href=""#).target(href).literal(r#"">"#).text(label).literal("</a>");
        }
        Action::Login { label, href } => {
            let goes_on = if refresh == Some(*href) { " data-go" } else { "" };
            body.literal(r#"<a class="button" data-fragment"#).literal(goes_on).literal(r#" href=""#).target(href);
            body.literal(r#"">"#).text(label).literal("</a>");
        }
        Action::Post { label, href } => {
            body.literal(r#"<form method="post" action=""#).target(href).literal(r#""><button class="button">"#);
            body.text(label).literal("</button></form>");
        }
    }
}

/// What to quote when asking for help.
fn footer(body: &mut Markup, reason: Option<&str>, request_id: Option<&str>) {
    let request_id = request_id.and_then(shown_request_id);
    if reason.is_none() && request_id.is_none() {
        return;
    }
    body.literal("<dl>");
    for (term, value) in [("Reason", reason), ("Request", request_id)] {
        if let Some(value) = value {
            body.literal("<dt>").literal(term).literal("</dt><dd><code>").text(value).literal("</code></dd>");
        }
    }
    body.literal("</dl>");
}

#[cfg(test)]
mod tests;
