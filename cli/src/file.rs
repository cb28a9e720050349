//! Files that people name: read as a whole, `-` from the standard input.

use std::io::Read as _;
use std::path::Path;
use std::{fs, io};

use latchkey_explain::document::{Document, Malformed};
use miette::Diagnostic;

/// The filter takes a configuration of 1 MiB of JSON; YAML with comments may be longer.
const LONGEST: u64 = 4 * 1024 * 1024;

/// Why a file is no document.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum FileError {
    /// It cannot be opened or read.
    #[error("cannot read {name}")]
    Unreadable {
        name: String,
        #[source]
        cause: io::Error,
    },
    /// It is far larger than a configuration.
    #[error("{name} is larger than 4 MiB")]
    #[diagnostic(help("a configuration has some kilobytes: is it the right file?"))]
    TooLarge { name: String },
    /// It is not UTF-8.
    #[error("{name} is not text in UTF-8")]
    #[diagnostic(help("is it the right file?"))]
    NotText { name: String },
    /// It is neither YAML nor JSON.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

/// The document in a file.
pub fn document(path: &Path) -> Result<Document, FileError> {
    Ok(Document::parse(name(path), text(path)?)?)
}

/// The text of a file.
pub fn text(path: &Path) -> Result<String, FileError> {
    let name = name(path);
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        io::stdin().take(LONGEST.saturating_add(1)).read_to_end(&mut bytes)
    } else {
        fs::File::open(path).and_then(|file| file.take(LONGEST.saturating_add(1)).read_to_end(&mut bytes))
    };
    let length = read.map_err(|cause| FileError::Unreadable { name: name.clone(), cause })?;
    if u64::try_from(length).unwrap_or(u64::MAX) > LONGEST {
        return Err(FileError::TooLarge { name });
    }
    String::from_utf8(bytes).map_err(|_| FileError::NotText { name })
}

/// What a file is called in messages.
pub fn name(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() }
}
