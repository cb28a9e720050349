//! The page on which a person chooses where to sign in.

use super::layout::{Document, Form, Framing, Script};
use super::markup::Markup;
use super::{Action, paragraphs, write_action};
use crate::http::Response;

/// What there is to choose.
#[derive(Clone, Copy, Debug)]
pub struct SignIn<'a> {
    /// What each provider is called, and where its login starts.
    pub providers: &'a [(&'a str, &'a str)],
    /// For those who know their address better than their provider.
    pub email: Option<EmailForm<'a>>,
    /// Which pages may show this one inside themselves.
    pub framing: Framing,
}

/// A form for an e-mail address, whose domain chooses. It works without a script.
#[derive(Clone, Copy, Debug)]
pub struct EmailForm<'a> {
    /// The login endpoint.
    pub action: &'a str,
    /// What it is told besides.
    pub kept: &'a [(&'a str, &'a str)],
    /// Whether an address was tried already, and its domain is nobody's.
    pub is_unknown: bool,
}

/// The page as an answer.
pub fn sign_in(page: &SignIn<'_>) -> Response {
    let mut body = Markup::new();
    if let Some(form) = &page.email {
        write_form(&mut body, form);
        paragraphs(&mut body, &["Or choose how you want to sign in:"]);
    } else {
        paragraphs(&mut body, &["Choose how you want to sign in."]);
    }
    body.literal("<ul>");
    for (display_name, href) in page.providers {
        body.literal("<li>");
        write_action(&mut body, &Action::Login { label: display_name, href }, None);
        body.literal("</li>");
    }
    body.literal("</ul>");
    Document {
        status: 200,
        title: "Sign in",
        refresh: None,
        script: Script::Runs,
        // A login is redirected to the provider.
        form: if page.email.is_some() { Form::Query } else { Form::None },
        framing: page.framing,
        retry_after: None,
        body,
    }
    .into_response()
}

fn write_form(body: &mut Markup, form: &EmailForm<'_>) {
    if form.is_unknown {
        body.literal(r#"<p role="alert">"#);
        body.text("No sign-in service is known for this address. Is it your work address?").literal("</p>");
    }
    body.literal(r#"<form method="get" action=""#).target(form.action).literal(r#"">"#);
    for (name, value) in form.kept {
        body.literal(r#"<input type="hidden" name=""#)
            .value(name)
            .literal(r#"" value=""#)
            .value(value)
            .literal(r#"">"#);
    }
    body.literal(r#"<label for="email">Work e-mail</label><input id="email" name="login_hint" type="email" required "#)
        .literal(r#"maxlength="254" autocomplete="username" autocapitalize="none" spellcheck="false">"#)
        .literal(r#"<button class="button">Continue</button></form>"#);
}
