//! Parts of `docs/` that are made from the code: a test fails when they do not say what the code does.

use std::fs;
use std::path::{Path, PathBuf};

/// A line of a file below `docs/reference`, which holds what the code does not say.
pub(crate) enum Line {
    /// `# Title`
    Heading(String),
    /// `> text`: what stands below the heading.
    Note(String),
    /// Fields, with ` | ` between them.
    Entry(Vec<String>),
}

/// The lines of `docs/reference/NAME`; empty ones are left out.
pub(crate) fn lines(name: &str) -> Vec<Line> {
    let text = fs::read_to_string(docs().join("reference").join(name)).unwrap();
    let line = |line: &str| match line.split_at(line.len().min(2)) {
        ("# ", title) => Line::Heading(title.to_owned()),
        ("> ", note) => Line::Note(note.to_owned()),
        _ => Line::Entry(line.split(" | ").map(|field| field.trim().to_owned()).collect()),
    };
    text.lines().filter(|text| !text.is_empty()).map(line).collect()
}

/// Compares with `docs/src/generated/NAME`. With `LATCHKEY_WRITE_DOCS` in the environment the file is written instead.
pub(crate) fn assert_current(name: &str, page: &str) {
    let path = docs().join("src/generated").join(name);
    if std::env::var_os("LATCHKEY_WRITE_DOCS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, page).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    let differs = committed.lines().zip(page.lines()).find(|(old, new)| old != new);
    assert!(committed == page, "docs/src/generated/{name} is not current (`scripts/docs --write`): {differs:?}");
}

/// Every source file below a folder of the repository.
pub(crate) fn sources(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    collect(&root().join(folder), &mut found);
    found
}

fn collect(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(fs::read_to_string(&path).unwrap());
        }
    }
}

/// A cell of a table.
pub(crate) fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn docs() -> PathBuf {
    root().join("docs")
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}
