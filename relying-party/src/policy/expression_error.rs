//! Why an expression was refused, or has no answer.

use crate::reason::Reason;

/// Why an expression has no answer for an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvaluationError {
    /// A claim is missing or has another type, a function refused its argument, or it took too long.
    #[error("the expression cannot be evaluated for this identity")]
    Failed,
    /// A requirement must be true or false.
    #[error("the expression is neither true nor false")]
    NotBoolean,
}

impl Reason for EvaluationError {
    fn code(&self) -> &'static str {
        match self {
            Self::Failed => "require.not_evaluable",
            Self::NotBoolean => "require.not_boolean",
        }
    }
}

/// Why an expression was refused. The configuration is at fault; its text may be quoted to whoever wrote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    /// Over 4 KiB.
    #[error("is longer than 4096 bytes")]
    TooLong,
    /// Too many levels.
    #[error("has too many operators or is nested too deeply")]
    TooDeep,
    /// The parser's complaint; line and column count from 1.
    #[error("line {line}, column {column}: {message}")]
    Syntax {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// One line.
        message: String,
    },
    /// No such variable.
    #[error("unknown variable `{name}`{}", hint(.nearest))]
    UnknownVariable {
        /// As written.
        name: String,
        /// What was probably meant.
        nearest: Option<&'static str>,
    },
    /// No such function.
    #[error("unknown function `{name}`{}", hint(.nearest))]
    UnknownFunction {
        /// As written.
        name: String,
        /// What was probably meant.
        nearest: Option<&'static str>,
    },
    /// `request` has no such member.
    #[error("unknown `request.{name}`{}", hint(.nearest))]
    UnknownRequestMember {
        /// As written.
        name: String,
        /// What was probably meant.
        nearest: Option<&'static str>,
    },
    /// The function exists, but not called so.
    #[error("`{name}` is called with wrong arguments")]
    WrongArguments {
        /// The function.
        name: &'static str,
    },
    /// A pattern from a claim would be compiled on every evaluation.
    #[error("`matches` needs a valid pattern, written as a literal")]
    Pattern,
    /// A comprehension's variable hides another.
    #[error("`{name}` is a variable already")]
    Shadowed {
        /// The variable.
        name: String,
    },
    /// Comprehensions within comprehensions within comprehensions.
    #[error("comprehensions are nested more than twice")]
    NestedComprehensions,
    /// A part is missing that the parser did not miss.
    #[error("is incomplete")]
    Incomplete,
    /// Part of CEL, but not here.
    #[error("messages (`Type{{…}}`) are not supported")]
    Message,
}

fn hint(nearest: &Option<&'static str>) -> String {
    nearest.map_or_else(String::new, |nearest| format!(", did you mean `{nearest}`?"))
}

impl ExpressionError {
    pub(super) fn syntax(errors: &cel::ParseErrors) -> Self {
        let (position, message) = errors.errors.first().map_or(((1, 1), ""), |error| (error.pos, error.msg.as_str()));
        if message.contains("Recursion limit") {
            return Self::TooDeep;
        }
        let place = |coordinate: isize| usize::try_from(coordinate).unwrap_or(1).max(1);
        Self::Syntax { line: place(position.0), column: place(position.1), message: reworded(message) }
    }
}

/// The parser generator's message as one plain line.
fn reworded(message: &str) -> String {
    const UNEXPECTED: [&str; 4] =
        ["mismatched input ", "extraneous input ", "no viable alternative at input ", "token recognition error at: "];
    let message = message.strip_prefix("Syntax error: ").unwrap_or(message);
    let what = UNEXPECTED.iter().find_map(|prefix| message.strip_prefix(prefix));
    let reworded = match what.map(|what| what.split(" expecting ").next().unwrap_or_default()) {
        Some("'<EOF>'") => "unexpected end".to_owned(),
        Some(what) => format!("unexpected {what}"),
        None => message.lines().next().unwrap_or_default().to_owned(),
    };
    reworded.replace(char::is_control, "\u{fffd}")
}

impl Reason for ExpressionError {
    fn code(&self) -> &'static str {
        match self {
            Self::TooLong => "expression.too_long",
            Self::TooDeep => "expression.too_deep",
            Self::Syntax { .. } => "expression.syntax",
            Self::UnknownVariable { .. } => "expression.unknown_variable",
            Self::UnknownFunction { .. } => "expression.unknown_function",
            Self::UnknownRequestMember { .. } => "expression.unknown_request_member",
            Self::WrongArguments { .. } => "expression.wrong_arguments",
            Self::Pattern => "expression.pattern",
            Self::Shadowed { .. } => "expression.shadowed",
            Self::NestedComprehensions => "expression.nested_comprehensions",
            Self::Incomplete => "expression.incomplete",
            Self::Message => "expression.message",
        }
    }
}
