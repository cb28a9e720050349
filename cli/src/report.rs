//! How problems are shown: file, line, column, the line itself with a caret, what was found and what is expected.

use std::ops::Range;

use latchkey_explain::document::{Document, Malformed, line_and_column, masked};
use latchkey_explain::judgement::{self, Finding};
use miette::{
    LabeledSpan, MietteDiagnostic, MietteError, MietteHandlerOpts, MietteSpanContents, Report, SourceCode, SourceSpan,
    SpanContents,
};

use crate::file::FileError;

/// Plain characters and unbroken lines: the same in a terminal, a log and a search.
pub fn install() {
    let options = || MietteHandlerOpts::new().unicode(false).terminal_links(false).wrap_lines(false).context_lines(0);
    // Fails only when a hook is there already.
    drop(miette::set_hook(Box::new(move |_| Box::new(options().build()))));
}

/// Shows everything that is wrong with a configuration.
pub fn findings(document: &Document, findings: &[Finding]) {
    for report in of_findings(&document.name, &document.text, findings, "configuration: ") {
        eprintln!("{report:?}");
    }
}

/// Why a file is no document, with the place where there is one.
pub fn file(error: FileError) -> Report {
    match error {
        FileError::Malformed(malformed) => self::malformed(malformed),
        error => error.into(),
    }
}

/// Why a text is no document. Of several reasons all but the last are shown at once.
pub fn malformed(malformed: Malformed) -> Report {
    let mut reports = of_findings(&malformed.name, &malformed.text, &judgement::faults(&malformed), "");
    let last = reports.pop();
    for report in reports {
        eprintln!("{report:?}");
    }
    last.unwrap_or_else(|| Report::new(MietteDiagnostic::new(malformed.to_string())))
}

/// `whole` stands where a finding has no path.
fn of_findings(name: &str, text: &str, findings: &[Finding], whole: &str) -> Vec<Report> {
    if findings.is_empty() {
        return Vec::new();
    }
    let shown = masked(text);
    findings.iter().map(|finding| pointing(name, text, &shown, finding, whole)).collect()
}

/// One finding, with its line as it may be `shown`: the one line, since a secret may stand in those around it.
fn pointing(name: &str, text: &str, shown: &str, finding: &Finding, whole: &str) -> Report {
    /// Nobody reads a longer line, and a terminal breaks it.
    const LONGEST_LINE: usize = 400;
    let place = &finding.place;
    let (line, column) = line_and_column(text, place.start);
    let path = if finding.path.is_empty() { whole.to_owned() } else { format!("{}: ", finding.path) };
    let message = format!("{name}:{line}:{column} {path}{}", finding.message);
    let hint = finding.hint.as_ref().map(|hint| format!("did you mean `{hint}`?"));
    let start = shown.get(..place.start).and_then(|before| before.rfind('\n')).map_or(0, |end| end.saturating_add(1));
    let line_shown = shown.get(start..).unwrap_or_default().lines().next().unwrap_or_default();
    if line_shown.len() > LONGEST_LINE {
        return Report::new(MietteDiagnostic::new(hint.map_or(message.clone(), |hint| format!("{message}; {hint}"))));
    }
    let label = LabeledSpan::new(hint, place.start, place.len());
    let source = Line { name: name.to_owned(), text: line_shown.to_owned(), start, place: (line, column) };
    Report::new(MietteDiagnostic::new(message).with_label(label)).with_source_code(source)
}

/// A line of a document, which is all that is shown of it.
struct Line {
    name: String,
    text: String,
    /// Where it begins in the document, in bytes.
    start: usize,
    /// Line and column of what it is shown for, both from 1, in characters as in the message.
    place: (usize, usize),
}

impl SourceCode for Line {
    fn read_span<'a>(
        &'a self,
        _: &SourceSpan,
        _: usize,
        _: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let Range { start, end } = self.start..self.start.saturating_add(self.text.len());
        let (line, column) = self.place;
        let span = SourceSpan::from(start..end);
        let (line, column) = (line.saturating_sub(1), column.saturating_sub(1));
        Ok(Box::new(MietteSpanContents::new_named(self.name.clone(), self.text.as_bytes(), span, line, column, 1)))
    }
}
