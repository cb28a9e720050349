//! What is wrong with a configuration document: all of it at once, each with its place.

use std::fmt;

use crate::reason::Reason;

/// Names and values from the document are cut here: a message stays readable, and a suggestion cheap.
const SHOWN_CHARACTERS: usize = 64;

/// One thing wrong with a configuration document. Nothing in it comes from a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where: `rules[2].require`; empty for the document itself.
    pub path: String,
    /// What was found and what is expected.
    pub message: String,
    /// The nearest valid spelling.
    pub hint: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.path.is_empty() { "configuration" } else { &self.path };
        write!(formatter, "{place}: {}", self.message)?;
        match &self.hint {
            Some(hint) => write!(formatter, "; did you mean `{hint}`?"),
            None => Ok(()),
        }
    }
}

/// Why a document was refused: every problem in it, never none. Prints one a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigErrors(Vec<Problem>);

impl ConfigErrors {
    /// `None` when there is no problem.
    pub(super) fn from_problems(problems: Vec<Problem>) -> Option<Self> {
        (!problems.is_empty()).then_some(Self(problems))
    }

    /// One problem with the document as a whole.
    pub(super) fn of_document(message: impl fmt::Display) -> Self {
        Self(vec![Problem { path: String::new(), message: message.to_string(), hint: None }])
    }

    /// The problems, in the order of the document where it has one; at least one.
    pub fn problems(&self) -> &[Problem] {
        &self.0
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, problem) in self.0.iter().enumerate() {
            if position > 0 {
                formatter.write_str("\n")?;
            }
            write!(formatter, "{problem}")?;
        }
        Ok(())
    }
}

impl Reason for ConfigErrors {
    fn code(&self) -> &'static str {
        "configuration.invalid"
    }
}

/// A text from the document, fit for a message: in quotes, without control characters, not endless.
pub(super) fn quoted(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARACTERS) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}…", text.get(..end).unwrap_or_default()),
    }
}

/// Spellings for a message: `` `a`, `b` or `c` ``.
pub(super) fn alternatives<'a>(spellings: impl IntoIterator<Item = &'a str>) -> String {
    let mut quoted: Vec<String> = spellings.into_iter().map(|spelling| format!("`{spelling}`")).collect();
    match quoted.pop() {
        Some(last) if !quoted.is_empty() => format!("{} or {last}", quoted.join(", ")),
        last => last.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_prints_its_place_and_the_suggestion() {
        let problem = Problem { path: "a.b".into(), message: "found x, expected y".into(), hint: Some("y".into()) };
        assert_eq!(problem.to_string(), "a.b: found x, expected y; did you mean `y`?");
        assert_eq!(ConfigErrors::of_document("found rubbish").to_string(), "configuration: found rubbish");
    }

    #[test]
    fn a_shown_value_is_short_and_has_no_control_characters() {
        assert_eq!(quoted("a\nb\u{1b}"), r#""a\nb\u{1b}""#);
        assert!(quoted(&"ä".repeat(5_000)).chars().count() < 70);
    }
}
