//! Expressions in the document, and which claims they make a session keep.

use std::collections::BTreeSet;

use super::cursor::Cursor;
use super::problem::quoted;
use crate::policy::claim_selection::ClaimSelection;
use crate::policy::expression::{Expression, ExpressionError};
use crate::spelling::nearest;

/// The expressions read so far: where they stand and which claims they use.
#[derive(Default)]
pub(super) struct Expressions<'a>(Vec<(Cursor<'a>, ClaimSelection)>);

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
    /// A condition (`require`). The access token is no claim about anybody, and no part of a session.
    pub(super) fn read_condition(&mut self, cursor: &Cursor<'a>) -> Option<Expression> {
        let expression = self.read(cursor)?;
        if expression.references().access_token {
            cursor.report("found `access_token`, which only `headers` may use, expected other variables", None);
            return None;
        }
        Some(expression)
    }

    /// Any expression. Its text is not shown: a credential for the backend may stand in it.
    pub(super) fn read(&mut self, cursor: &Cursor<'a>) -> Option<Expression> {
        let source = cursor.text("a CEL expression, as a string")?;
        match Expression::compile(source) {
            Ok(expression) => {
                self.0.push((cursor.clone(), expression.references().claims.clone()));
                Some(expression)
            }
            Err(error) => {
                let error = without_literals(source, &error);
                cursor.refuse(format_args!("an expression that does not compile ({error})"), "CEL (cel.dev)");
                None
            }
        }
    }

    /// What sessions keep: the `listed` claims, or those that the expressions use. A claim that is used but not listed could
    /// never be seen: reported.
    pub(super) fn claims(&self, listed: Option<BTreeSet<String>>) -> ClaimSelection {
        let Some(listed) = listed else { return self.used() };
        for (cursor, claims) in &self.0 {
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
        let mut all = BTreeSet::new();
        for (_, claims) in &self.0 {
            match claims {
                ClaimSelection::All => return ClaimSelection::All,
                ClaimSelection::Named(used) => all.extend(used.iter().cloned()),
            }
        }
        ClaimSelection::Named(all)
    }
}
