//! How problems are shown: file, line, column, the line itself with a caret, what was found and what is expected.

use miette::{LabeledSpan, MietteDiagnostic, MietteHandlerOpts, NamedSource, Report};
use relying_party::config::Problem;

use crate::document::{Document, line_and_column};

/// Plain characters and unbroken lines: the same in a terminal, a log and a search.
pub fn install() {
    let options = || MietteHandlerOpts::new().unicode(false).terminal_links(false).wrap_lines(false).context_lines(1);
    // Fails only when a hook is there already.
    drop(miette::set_hook(Box::new(move |_| Box::new(options().build()))));
}

/// A problem with its place in the document.
pub fn problem(document: &Document, problem: &Problem) -> Report {
    let place = document.place(&problem.path);
    let (line, column) = line_and_column(&document.text, place.start);
    let path = if problem.path.is_empty() { "configuration" } else { &problem.path };
    let hint = problem.hint.as_ref().map(|hint| format!("did you mean `{hint}`?"));
    let message = format!("{}:{line}:{column} {path}: {}", document.name, problem.message);
    let diagnostic = MietteDiagnostic::new(message).with_label(LabeledSpan::new(hint, place.start, place.len()));
    Report::new(diagnostic).with_source_code(NamedSource::new(&document.name, document.text.clone()))
}

/// The problems in the order of the document.
pub fn in_order<'p>(document: &Document, problems: &'p [Problem]) -> Vec<&'p Problem> {
    let mut problems: Vec<_> = problems.iter().collect();
    problems.sort_by_key(|problem| document.place(&problem.path).start);
    problems
}
