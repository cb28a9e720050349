//! How problems are shown: file, line, column, the line itself with a caret, what was found and what is expected.

use std::ops::Range;

use miette::{LabeledSpan, MietteDiagnostic, MietteHandlerOpts, NamedSource, Report};
use relying_party::config::Problem;

use crate::document::{Document, DocumentError, line_and_column};

/// Plain characters and unbroken lines: the same in a terminal, a log and a search.
pub fn install() {
    let options = || MietteHandlerOpts::new().unicode(false).terminal_links(false).wrap_lines(false).context_lines(1);
    // Fails only when a hook is there already.
    drop(miette::set_hook(Box::new(move |_| Box::new(options().build()))));
}

/// A problem with its place in the document.
pub fn problem(document: &Document, problem: &Problem) -> Report {
    let path = if problem.path.is_empty() { "configuration" } else { &problem.path };
    let hint = problem.hint.as_ref().map(|hint| format!("did you mean `{hint}`?"));
    let message = format!("{path}: {}", problem.message);
    pointing(&document.name, &document.text, document.place(&problem.path), &message, hint)
}

/// Why a file is no document, with the place where there is one.
pub fn document(error: DocumentError) -> Report {
    match error {
        DocumentError::Malformed { message, name, text, place } => pointing(&name, &text, place, &message, None),
        error => error.into(),
    }
}

fn pointing(name: &str, text: &str, place: Range<usize>, message: &str, hint: Option<String>) -> Report {
    /// Nobody reads a longer line, and a terminal breaks it.
    const LONGEST_LINE: usize = 400;
    let (line, column) = line_and_column(text, place.start);
    let message = format!("{name}:{line}:{column} {message}");
    let around = line.saturating_sub(2)..line.saturating_add(1);
    let shown = text.lines().enumerate().filter(|(index, _)| around.contains(index));
    if shown.map(|(_, text)| text.len()).max().unwrap_or_default() > LONGEST_LINE {
        let hint = hint.map_or(message.clone(), |hint| format!("{message}; {hint}"));
        return Report::new(MietteDiagnostic::new(hint));
    }
    let label = LabeledSpan::new(hint, place.start, place.len());
    let source = NamedSource::new(name, text.to_owned());
    Report::new(MietteDiagnostic::new(message).with_label(label)).with_source_code(source)
}

/// The problems in the order of the document.
pub fn in_order<'p>(document: &Document, problems: &'p [Problem]) -> Vec<&'p Problem> {
    let mut problems: Vec<_> = problems.iter().collect();
    problems.sort_by_key(|problem| document.place(&problem.path).start);
    problems
}
