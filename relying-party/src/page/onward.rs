//! Pages that nobody reads: they lead on by themselves, with what only the browser knows or keeps.

use super::layout::{Document, Form, Framing, Script};
use super::markup::Markup;
use super::paragraphs;
use crate::http::Response;

/// Goes on to `target` from this very origin: a redirect would count as coming from the provider's site, and
/// `SameSite=Strict` cookies would stay behind (RFC 6265bis §5.2). The fragment of this page's address goes along, unless
/// `target` has one.
pub fn continue_to(target: &str, framing: Framing) -> Response {
    let mut body = Markup::new();
    paragraphs(&mut body, &["The page you asked for opens by itself."]);
    body.literal(r#"<a class="button" data-fragment="own" data-go href=""#).target(target);
    body.literal(r#"">Continue</a>"#);
    onward("You are signed in", Some(target), Form::None, framing, body)
}

/// Goes on to the login at `login_href`, with the fragment of the address that was opened.
pub fn begin_login(login_href: &str, framing: Framing) -> Response {
    let mut body = Markup::new();
    paragraphs(&mut body, &["The sign-in opens by itself."]);
    body.literal(r#"<a class="button" data-fragment data-go href=""#).target(login_href).literal(r#"">Sign in</a>"#);
    onward("Sign in to continue", Some(login_href), Form::None, framing, body)
}

/// Sends a form that was kept over a login to `action`, a path of this origin.
pub fn send_form(action: &str, fields: &[(String, String)], framing: Framing) -> Response {
    let mut body = Markup::new();
    paragraphs(&mut body, &["What you entered before is sent by itself."]);
    body.literal(r#"<form method="post" data-go action=""#).target(action).literal(r#"">"#);
    for (name, value) in fields {
        body.literal(r#"<input type="hidden" name=""#)
            .value(name)
            .literal(r#"" value=""#)
            .value(value)
            .literal(r#"">"#);
    }
    body.literal(r#"<button class="button">Send</button></form>"#);
    onward("You are signed in", None, Form::SameOrigin, framing, body)
}

/// A form was to be sent after the login, but the browser does not keep it: it expired, or was sent already. `target` is where the
/// person can go on.
pub fn form_lost(target: &str, framing: Framing) -> Response {
    let mut body = Markup::new();
    paragraphs(
        &mut body,
        &["What you entered before is not kept any more. If it was not sent, please go back and send it again."],
    );
    body.literal(r#"<a class="button" href=""#).target(target).literal(r#"">Continue</a>"#);
    Document {
        status: 200,
        title: "You are signed in",
        refresh: None,
        script: Script::None,
        form: Form::None,
        framing,
        retry_after: None,
        body,
    }
    .into_response()
}

fn onward(title: &str, refresh: Option<&str>, form: Form, framing: Framing, body: Markup) -> Response {
    Document { status: 200, title, refresh, script: Script::Runs, form, framing, retry_after: None, body }
        .into_response()
}
