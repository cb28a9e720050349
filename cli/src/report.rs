//! How problems are shown: file, line, column, the line itself with a caret, what was found and what is expected.

use std::ops::Range;

use latchkey_explain::document::{Document, Malformed, line_and_column};
use latchkey_explain::judgement::Finding;
use miette::{LabeledSpan, MietteDiagnostic, MietteHandlerOpts, NamedSource, Report};

use crate::file::FileError;

/// Plain characters and unbroken lines: the same in a terminal, a log and a search.
pub fn install() {
    let options = || MietteHandlerOpts::new().unicode(false).terminal_links(false).wrap_lines(false).context_lines(1);
    // Fails only when a hook is there already.
    drop(miette::set_hook(Box::new(move |_| Box::new(options().build()))));
}

/// Shows everything that is wrong with a configuration.
pub fn findings(document: &Document, findings: &[Finding]) {
    for finding in findings {
        eprintln!("{:?}", of_finding(document, finding));
    }
}

fn of_finding(document: &Document, finding: &Finding) -> Report {
    let path = if finding.path.is_empty() { "configuration" } else { &finding.path };
    let hint = finding.hint.as_ref().map(|hint| format!("did you mean `{hint}`?"));
    pointing(&document.name, &document.text, finding.place.clone(), &format!("{path}: {}", finding.message), hint)
}

/// Why a file is no document, with the place where there is one.
pub fn file(error: FileError) -> Report {
    match error {
        FileError::Malformed(malformed) => self::malformed(malformed),
        error => error.into(),
    }
}

/// Why a text is no document.
pub fn malformed(malformed: Malformed) -> Report {
    let Malformed { message, name, text, place } = malformed;
    pointing(&name, &text, place, &message, None)
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
