//! A configuration file, YAML or JSON: the JSON that the filter would get, and where each value stands in the text.

use std::collections::HashMap;
use std::io::Read;
use std::ops::Range;
use std::path::Path;
use std::{fs, io};

use saphyr::{LoadableYamlNode, MarkedYaml, Marker, Scalar, YamlData};
use serde::ser::{Error, Serialize, SerializeMap, Serializer};

/// A file that was read.
pub struct Document {
    /// The file's name, for messages.
    pub name: String,
    /// The file's text.
    pub text: String,
    json: Vec<u8>,
    places: HashMap<String, Range<usize>>,
}

/// Why a file is no document.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// It cannot be opened or read.
    #[error("cannot read {name}: {cause}")]
    Unreadable {
        /// The file's name
        name: String,
        /// What the system says.
        cause: io::Error,
    },
    /// It is not UTF-8.
    #[error("{name} is not UTF-8")]
    NotText {
        /// The file's name
        name: String,
    },
    /// It is no YAML, or YAML of which no JSON can be made.
    #[error("{message}")]
    Malformed {
        /// What is wrong.
        message: String,
        /// The file's name
        name: String,
        /// The file's text
        text: String,
        /// Where, in bytes.
        place: Range<usize>,
    },
}

impl Document {
    /// Reads a file; `-` is the standard input.
    pub fn read(path: &Path) -> Result<Self, DocumentError> {
        let is_input = path == Path::new("-");
        let name = if is_input { "standard input".to_owned() } else { path.display().to_string() };
        let bytes = if is_input {
            let mut bytes = Vec::new();
            io::stdin().read_to_end(&mut bytes).map(|_| bytes)
        } else {
            fs::read(path)
        };
        let bytes = bytes.map_err(|cause| DocumentError::Unreadable { name: name.clone(), cause })?;
        let text = String::from_utf8(bytes).map_err(|_| DocumentError::NotText { name: name.clone() })?;
        Self::parse(name, text)
    }

    /// JSON is YAML, too.
    pub fn parse(name: String, text: String) -> Result<Self, DocumentError> {
        let offsets = Offsets::of(&text);
        let malformed = |message: String, place: Range<usize>| DocumentError::Malformed {
            message,
            name: name.clone(),
            text: text.clone(),
            place,
        };
        let trees = MarkedYaml::load_from_str(&text).map_err(|error| {
            let start = offsets.byte(error.marker());
            malformed(error.info().to_owned(), start..start)
        })?;
        let [tree] = trees.as_slice() else {
            return Err(malformed(format!("found {} documents, expected one", trees.len()), 0..0));
        };
        let mut places = HashMap::new();
        note_places(tree, "", &offsets, &mut places);
        let json = serde_json::to_vec(&Json(tree)).map_err(|error| malformed(error.to_string(), 0..0))?;
        Ok(Self { places, json, name, text })
    }

    /// What the filter would get.
    pub fn json(&self) -> &[u8] {
        &self.json
    }

    /// Where the value at a path such as `rules[2].require` stands, in bytes; of one that is missing, where it should have been.
    pub fn place(&self, path: &str) -> Range<usize> {
        let mut path = path;
        loop {
            if let Some(place) = self.places.get(path) {
                return place.clone();
            }
            match path.rfind(['.', '[']) {
                Some(end) => path = path.get(..end).unwrap_or_default(),
                None => return 0..0,
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

/// From characters, which the parser counts, to bytes.
struct Offsets(Vec<usize>);

impl Offsets {
    fn of(text: &str) -> Self {
        Self(text.char_indices().map(|(offset, _)| offset).chain([text.len()]).collect())
    }

    fn byte(&self, marker: &Marker) -> usize {
        self.0.get(marker.index()).or(self.0.last()).copied().unwrap_or_default()
    }

    fn of_node(&self, node: &MarkedYaml<'_>) -> Range<usize> {
        self.byte(&node.span.start)..self.byte(&node.span.end)
    }
}

/// A member's place is its key, and its value where that is on the same line.
fn note_places(node: &MarkedYaml<'_>, path: &str, offsets: &Offsets, places: &mut HashMap<String, Range<usize>>) {
    match &node.data {
        YamlData::Mapping(members) => {
            for (key, value) in members {
                let name = key.data.as_str().unwrap_or_default();
                let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
                let (key, at) = (offsets.of_node(key), offsets.of_node(value));
                let is_short = matches!(value.data, YamlData::Value(_)) && value.span.start.line() == value.span.end.line();
                places.insert(path.clone(), if is_short { key.start..at.end.max(key.end) } else { key });
                note_places(value, &path, offsets, places);
            }
        }
        YamlData::Sequence(items) => {
            for (index, item) in items.iter().enumerate() {
                let path = format!("{path}[{index}]");
                let at = offsets.of_node(item);
                let end = if matches!(item.data, YamlData::Value(_)) { at.end } else { at.start.saturating_add(1) };
                places.insert(path.clone(), at.start..end);
                note_places(item, &path, offsets, places);
            }
        }
        YamlData::Tagged(_, inner) => note_places(inner, path, offsets, places),
        YamlData::Value(_) | YamlData::Representation(..) | YamlData::Alias(_) | YamlData::BadValue => {}
    }
}

/// The tree as JSON, its members in the order of the document.
struct Json<'a, 'input>(&'a MarkedYaml<'input>);

impl Serialize for Json<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0.data {
            YamlData::Value(Scalar::Null) => serializer.serialize_unit(),
            YamlData::Value(Scalar::Boolean(boolean)) => serializer.serialize_bool(*boolean),
            YamlData::Value(Scalar::Integer(integer)) => serializer.serialize_i64(*integer),
            YamlData::Value(Scalar::FloatingPoint(number)) if number.is_finite() => serializer.serialize_f64(**number),
            YamlData::Value(Scalar::FloatingPoint(_)) => Err(S::Error::custom("found a number that JSON does not have")),
            YamlData::Value(Scalar::String(text)) => serializer.serialize_str(text),
            YamlData::Sequence(items) => serializer.collect_seq(items.iter().map(Json)),
            YamlData::Mapping(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                for (key, value) in members {
                    let name = key.data.as_str().ok_or_else(|| S::Error::custom("found a key that is no text"))?;
                    map.serialize_entry(name, &Json(value))?;
                }
                map.end()
            }
            YamlData::Tagged(_, inner) => Json(inner).serialize(serializer),
            YamlData::Representation(..) | YamlData::Alias(_) | YamlData::BadValue => {
                Err(S::Error::custom("found a value that JSON does not have"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;

    fn document(text: &str) -> Document {
        Document::parse("test".to_owned(), text.to_owned()).unwrap()
    }

    #[test]
    fn yaml_becomes_the_json_that_the_filter_gets_in_its_order() {
        let yaml = document("b: 1\na: [x, 2.5, null, true]\nc:\n  d: |\n    text\n");
        assert_eq!(yaml.json(), br#"{"b":1,"a":["x",2.5,null,true],"c":{"d":"text\n"}}"#);
        assert_eq!(document(r#"{"a": {"b": "c"}}"#).json(), br#"{"a":{"b":"c"}}"#);
    }

    #[test]
    fn a_place_is_found_by_its_path_and_a_missing_one_by_what_is_around_it() {
        let yaml = document("ä: ü\nrules:\n  - name: one\n    match: {path: /x}\n  - name: two\n");
        let at = |path: &str| &yaml.text[yaml.place(path)];
        assert_eq!(at("ä"), "ä: ü");
        assert_eq!(at("rules"), "rules");
        assert_eq!(at("rules[1].name"), "name: two");
        assert_eq!(at("rules[0].match.path"), "path: /x");
        assert_eq!(at("rules[0].match.host"), "match");
        assert_eq!(line_and_column(&yaml.text, yaml.place("rules[1].name").start), (5, 5));
    }

    #[test]
    fn what_is_no_document_is_refused_with_its_place() {
        for (text, part) in [("a: [", ""), ("a: 1\na: 2\n", "duplicated key"), ("a: 1\n---\nb: 2\n", "2 documents"), ("a: .nan", "JSON")] {
            match Document::parse("test".to_owned(), text.to_owned()) {
                Err(DocumentError::Malformed { message, .. }) => assert!(message.contains(part), "{message}"),
                _ => panic!("{text}"),
            }
        }
    }
}
