//! A document, YAML or JSON: the JSON that the filter would get, and where each value stands in the text.

mod masking;
mod reader;
#[cfg(test)]
mod tests;
mod tree;

use std::collections::HashMap;
use std::ops::Range;

use serde_json::{Map, Value};

pub use masking::masked;
pub use reader::is_ambiguous;
pub use tree::Tree;

/// A document that was read.
pub struct Document {
    /// What it is called in messages: its file's name.
    pub name: String,
    /// Its text.
    pub text: String,
    /// What stands in it.
    pub tree: Tree,
    places: HashMap<String, Range<usize>>,
}

/// A text that is no YAML, or YAML of which no JSON can be made.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {}", fault.message)]
pub struct Malformed {
    /// What the document is called in messages.
    pub name: String,
    /// Its text; see [`masked`] before showing it.
    pub text: String,
    /// What is wrong.
    pub fault: Box<Fault>,
    /// What is wrong as well, in the order of the text.
    pub further: Vec<Fault>,
}

/// What is wrong with a text, and where.
#[derive(Debug)]
pub struct Fault {
    /// The path of the value, where it has one.
    pub path: String,
    /// What is wrong; no secret is in it.
    pub message: String,
    /// In bytes.
    pub place: Range<usize>,
}

impl Malformed {
    /// Everything that is wrong.
    pub fn faults(&self) -> impl Iterator<Item = &Fault> {
        std::iter::once(&*self.fault).chain(&self.further)
    }
}

impl Document {
    /// Reads a text. JSON is YAML, too.
    pub fn parse(name: String, text: String) -> Result<Self, Malformed> {
        let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
        match reader::read(&text) {
            Ok((tree, places)) => Ok(Self { tree, places, name, text }),
            Err(reader::Refused { fault, further }) => {
                let seen = |fault: Fault| Fault { place: visible(&text, fault.place.clone()), ..fault };
                let (fault, further) = (Box::new(seen(fault)), further.into_iter().map(seen).collect());
                Err(Malformed { name, fault, further, text })
            }
        }
    }

    /// What the filter would get.
    pub fn json(&self) -> Vec<u8> {
        serde_json::to_vec(&self.tree).unwrap_or_default()
    }

    /// Its members, when it is a mapping.
    pub fn members(&self) -> Option<Map<String, Value>> {
        serde_json::from_slice(&self.json()).ok()
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
