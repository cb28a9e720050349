//! Expressions in the document, and which claims they make a session keep.

use std::collections::BTreeSet;
use std::rc::Rc;

use serde_json::Map;

use super::cursor::Cursor;
use super::problem::quoted;
use crate::policy::claim_selection::ClaimSelection;
use crate::policy::expression::{Expression, ExpressionError};
use crate::policy::identity::{Credential, Identity, Subject};
use crate::spelling::nearest;

/// The expressions read so far that are evaluated for sessions.
#[derive(Default)]
pub(super) struct Expressions<'a>(Vec<Used<'a>>);

/// An expression and the claims that it uses.
struct Used<'a> {
    cursor: Cursor<'a>,
    claims: ClaimSelection,
    /// Evaluated for access tokens as well, whose claims are all there.
    for_tokens: bool,
}

/// Always kept: they say whose session it is.
const ALWAYS_KEPT: [&str; 2] = ["iss", "sub"];

/// The parser's complaint quotes the text around it: not shown where that may be a string literal.
fn without_literals(source: &str, error: &ExpressionError) -> String {
    match error {
        ExpressionError::Syntax { line, column, message }
            if source.contains(['"', '\'']) && !message.contains("'<EOF>'") =>
        {
            format!("line {line}, column {column}: syntax error")
        }
        error => error.to_string(),
    }
}

impl<'a> Expressions<'a> {
    /// A condition (`require`), evaluated `for_sessions` or for access tokens alone. The access token itself is no claim about
    /// anybody, and no part of a session.
    pub(super) fn read_condition(&mut self, cursor: &Cursor<'a>, for_sessions: bool) -> Option<Expression> {
        let expression = compile(cursor)?;
        if is_constant(cursor) && expression.holds(&Subject::new(&anybody()), None).is_err() {
            cursor
                .refuse("a condition that is never true or false", "one that compares something: `claims.a == \"b\"`");
            return None;
        }
        if for_sessions {
            self.note(cursor, &expression, false);
        }
        without_access_token(expression, cursor)
    }

    /// The value of a property, evaluated for sessions and, when there are rules for them, for access tokens.
    pub(super) fn read_property(&mut self, cursor: &Cursor<'a>, for_tokens: bool) -> Option<Expression> {
        without_access_token(self.read_value(cursor, for_tokens)?, cursor)
    }

    /// The value of a header, evaluated for sessions and, when there are rules for them, for access tokens.
    pub(super) fn read_value(&mut self, cursor: &Cursor<'a>, for_tokens: bool) -> Option<Expression> {
        let expression = compile(cursor)?;
        if is_constant(cursor) && expression.text(&Subject::new(&anybody()), None).is_none() {
            cursor.refuse(
                "an expression that never has a value",
                "a text, a number or a boolean; lists need `join` or `json`",
            );
            return None;
        }
        self.note(cursor, &expression, for_tokens);
        Some(expression)
    }

    /// Claims that are used without an expression.
    pub(super) fn keep(&mut self, cursor: &Cursor<'a>, claims: ClaimSelection, for_tokens: bool) {
        self.0.push(Used { cursor: cursor.clone(), claims, for_tokens });
    }

    fn note(&mut self, cursor: &Cursor<'a>, expression: &Expression, for_tokens: bool) {
        self.keep(cursor, expression.references().claims.clone(), for_tokens);
    }

    /// What sessions keep: the `listed` claims, or those that the expressions use. A claim that is used but not listed could
    /// never be seen: reported.
    pub(super) fn claims(&self, listed: Option<BTreeSet<String>>) -> ClaimSelection {
        let Some(listed) = listed else { return self.used() };
        for Used { cursor, claims, .. } in self.0.iter().filter(|used| !used.for_tokens) {
            let ClaimSelection::Named(used) = claims else { continue };
            for claim in used.iter().filter(|claim| !listed.contains(*claim) && !ALWAYS_KEPT.contains(&claim.as_str()))
            {
                let hint = nearest(claim, listed.iter().map(String::as_str));
                cursor.report(
                    format!("found the claim {}, expected those of `session.claims` only", quoted(claim)),
                    hint,
                );
            }
        }
        ClaimSelection::Named(listed)
    }

    fn used(&self) -> ClaimSelection {
        ClaimSelection::union(self.0.iter().map(|used| &used.claims))
    }
}

fn without_access_token(expression: Expression, cursor: &Cursor<'_>) -> Option<Expression> {
    if expression.references().access_token {
        cursor.report("found `access_token`, which only `headers` may use, expected other variables", None);
        return None;
    }
    Some(expression)
}

/// Whether an expression has nothing but literals and operators: without its string literals, no word but `true`, `false` and
/// `null`. Of others this does not say that they are not.
fn is_constant(cursor: &Cursor<'_>) -> bool {
    let Some(mut rest) = cursor.text("") else { return false };
    let mut words = String::new();
    while let Some((before, behind)) = rest.split_once(['"', '\'']) {
        let quote = rest.get(before.len()..).and_then(|rest| rest.chars().next()).unwrap_or('"');
        let Some((literal, behind)) = behind.split_once(quote) else { return false };
        // Escapes, and three quotes, are more than this reads.
        if literal.contains('\\') || behind.starts_with(quote) {
            return false;
        }
        words.push_str(before);
        words.push(' ');
        rest = behind;
    }
    words.push_str(rest);
    let words = words.split(|character: char| !(character.is_alphanumeric() || character == '_'));
    let is_literal =
        |word: &str| matches!(word, "" | "true" | "false" | "null") || word.bytes().all(|byte| byte.is_ascii_digit());
    words.into_iter().all(is_literal)
}

/// A constant has the same value for everybody.
fn anybody() -> Identity {
    Identity {
        provider: String::new(),
        credential: Credential::Session,
        claims: Rc::new(Map::new()),
        scopes: Vec::new(),
        access_token: None,
    }
}

/// Any expression. Its text is not shown: a credential for the backend may stand in it.
fn compile(cursor: &Cursor<'_>) -> Option<Expression> {
    let source = cursor.text("a CEL expression, as a string")?;
    match Expression::compile(source) {
        Ok(expression) => Some(expression),
        Err(error) => {
            let error = without_literals(source, &error);
            cursor.refuse(format_args!("an expression that does not compile ({error})"), "CEL (cel.dev)");
            None
        }
    }
}
