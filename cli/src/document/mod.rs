//! A file, YAML or JSON: the JSON that the filter would get, and where each value stands in the text.

mod reader;
#[cfg(test)]
mod tests;
mod tree;

use std::collections::HashMap;
use std::io::Read as _;
use std::ops::Range;
use std::path::Path;
use std::{fs, io};

use miette::Diagnostic;

pub use reader::is_ambiguous;
pub use tree::Tree;

/// The filter takes a configuration of 1 MiB of JSON; YAML with comments may be longer.
const LONGEST: u64 = 4 * 1024 * 1024;

/// A document that was read.
pub struct Document {
    /// The file's name, for messages.
    pub name: String,
    /// The file's text.
    pub text: String,
    /// What stands in it.
    pub tree: Tree,
    places: HashMap<String, Range<usize>>,
}

/// Why a file is no document.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum DocumentError {
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
    /// It is no YAML, or YAML of which no JSON can be made.
    #[error("{name}: {message}")]
    Malformed { message: String, name: String, text: String, place: Range<usize> },
}

impl Document {
    /// Reads a file; `-` is the standard input.
    pub fn read(path: &Path) -> Result<Self, DocumentError> {
        let name = name_of(path);
        let text = read_text(path)?;
        Self::parse(name, text)
    }

    /// Reads a text. JSON is YAML, too.
    pub fn parse(name: String, text: String) -> Result<Self, DocumentError> {
        let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
        match reader::read(&text) {
            Ok((tree, places)) => Ok(Self { tree, places, name, text }),
            Err(reader::Malformed { message, place }) => {
                let place = visible(&text, place);
                Err(DocumentError::Malformed { message, name, text, place })
            }
        }
    }

    /// What the filter would get.
    pub fn json(&self) -> Vec<u8> {
        serde_json::to_vec(&self.tree).unwrap_or_default()
    }

    /// Where the value at a path such as `rules[2].require` stands, in bytes; of one that is missing, where it should have been.
    pub fn place(&self, path: &str) -> Range<usize> {
        let mut path = path;
        loop {
            if let Some(place) = self.places.get(path) {
                return visible(&self.text, place.clone());
            }
            match path.rfind(['.', '[']) {
                Some(end) => path = path.get(..end).unwrap_or_default(),
                None => return visible(&self.text, 0..0),
            }
        }
    }
}

/// The text of a file, or of the standard input (`-`).
pub fn read_text(path: &Path) -> Result<String, DocumentError> {
    let name = name_of(path);
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        io::stdin().take(LONGEST.saturating_add(1)).read_to_end(&mut bytes)
    } else {
        fs::File::open(path).and_then(|file| file.take(LONGEST.saturating_add(1)).read_to_end(&mut bytes))
    };
    let length = read.map_err(|cause| DocumentError::Unreadable { name: name.clone(), cause })?;
    if u64::try_from(length).unwrap_or(u64::MAX) > LONGEST {
        return Err(DocumentError::TooLarge { name });
    }
    String::from_utf8(bytes).map_err(|_| DocumentError::NotText { name })
}

/// What a file is called in messages.
pub fn name_of(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() }
}

/// Line and column, both from 1, of a place in a text.
pub fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count().saturating_add(1);
    let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count());
    (line, column.saturating_add(1))
}

/// At least one character, inside the text: something to point at, and within one line.
fn visible(text: &str, place: Range<usize>) -> Range<usize> {
    let last = text.char_indices().next_back().map_or(0, |(offset, _)| offset);
    let start = place.start.min(last);
    let line_end =
        text.get(start..).and_then(|rest| rest.find('\n')).map_or(text.len(), |end| start.saturating_add(end));
    let character = text.get(start..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    start..place.end.min(line_end).max(start.saturating_add(character)).min(text.len())
}
