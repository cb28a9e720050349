//! From the events of a YAML parser to a tree, with the place of everything in it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use relying_party::config::member_path;
use saphyr::Scalar;
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};
use serde_json::Number;

use super::Tree;

/// As deep as JSON may be for the filter.
const DEEPEST: usize = 100;
/// Anchors can make much of little; a configuration has a few hundred values.
const MOST_VALUES: usize = 200_000;

/// What is wrong with a text, and where (bytes).
pub struct Refused {
    pub message: String,
    pub place: Range<usize>,
}

/// The tree of the only document in `text`, and where each of its values stands, by path.
pub fn read(text: &str) -> Result<(Tree, HashMap<String, Range<usize>>), Refused> {
    let mut reader = Reader {
        events: Parser::new_from_str(text),
        offsets: text.char_indices().map(|(offset, _)| offset).chain([text.len()]).collect(),
        anchors: HashMap::new(),
        places: HashMap::new(),
        values: 0,
    };
    let mut tree = None;
    while let Some((event, place)) = reader.next()? {
        match event {
            Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
            Event::StreamEnd => break,
            _ if tree.is_some() => return Err(refused("found a second document, expected one", place)),
            event => tree = Some(reader.value(event, place, "", 0)?.0),
        }
    }
    let tree = tree.ok_or_else(|| refused("found nothing, expected a configuration", 0..0))?;
    Ok((tree, reader.places))
}

struct Reader<'t> {
    events: Parser<'t, saphyr_parser::StrInput<'t>>,
    /// From characters, which the parser counts, to bytes.
    offsets: Vec<usize>,
    anchors: HashMap<usize, (Tree, usize)>,
    places: HashMap<String, Range<usize>>,
    values: usize,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Result<Option<(Event<'t>, Range<usize>)>, Refused> {
        match self.events.next() {
            None => Ok(None),
            Some(Ok((event, span))) => Ok(Some((event, self.bytes(span)))),
            Some(Err(error)) => Err(self.unreadable(&error)),
        }
    }

    fn unreadable(&self, error: &ScanError) -> Refused {
        let start = self.byte(error.marker().index());
        refused(error.info(), start..start)
    }

    fn bytes(&self, span: Span) -> Range<usize> {
        self.byte(span.start.index())..self.byte(span.end.index())
    }

    fn byte(&self, character: usize) -> usize {
        self.offsets.get(character).or(self.offsets.last()).copied().unwrap_or_default()
    }

    fn must_go_on(&mut self) -> Result<(Event<'t>, Range<usize>), Refused> {
        self.next()?.ok_or_else(|| refused("found the end, expected more", 0..0))
    }

    /// The value that begins with `event`, and where it stands if it is short enough to be shown as a whole.
    fn value(
        &mut self,
        event: Event<'t>,
        place: Range<usize>,
        path: &str,
        depth: usize,
    ) -> Result<(Tree, Option<Range<usize>>), Refused> {
        self.values = self.values.saturating_add(1);
        if depth > DEEPEST || self.values > MOST_VALUES {
            return Err(refused("found a document that is too deep or too large", place));
        }
        let before = self.values;
        let (tree, anchor, shown) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                (scalar(text, style, tag.as_deref(), &place)?, anchor, Some(place))
            }
            Event::Alias(anchor) => {
                let known = self.anchors.get(&anchor).cloned();
                let (tree, size) = known.ok_or_else(|| refused("found an alias of nothing", place.clone()))?;
                self.values = self.values.saturating_add(size);
                return Ok((tree, Some(place)));
            }
            Event::SequenceStart(anchor, _) => (self.list(path, depth)?, anchor, None),
            Event::MappingStart(anchor, _) => (self.mapping(path, depth)?, anchor, None),
            _ => return Err(refused("found something that is no value", place)),
        };
        if anchor > 0 {
            let size = self.values.saturating_sub(before).saturating_add(1);
            self.anchors.insert(anchor, (tree.clone(), size));
        }
        Ok((tree, shown))
    }

    fn list(&mut self, path: &str, depth: usize) -> Result<Tree, Refused> {
        let mut items = Vec::new();
        loop {
            let (event, place) = self.must_go_on()?;
            if event == Event::SequenceEnd {
                return Ok(Tree::List(items));
            }
            let path = format!("{path}[{}]", items.len());
            let start = place.start;
            let (item, shown) = self.value(event, place, &path, depth.saturating_add(1))?;
            self.places.insert(path, shown.unwrap_or(start..start.saturating_add(1)));
            items.push(item);
        }
    }

    fn mapping(&mut self, path: &str, depth: usize) -> Result<Tree, Refused> {
        let mut members: Vec<(String, Tree)> = Vec::new();
        loop {
            let (event, key) = self.must_go_on()?;
            let name = match event {
                Event::MappingEnd => return Ok(Tree::Mapping(members)),
                Event::Scalar(name, ..) => name.into_owned(),
                _ => return Err(refused("found a key that is no text", key)),
            };
            let path = member_path(path, &name);
            let (event, place) = self.must_go_on()?;
            let lies_beside = place.start > key.start;
            let (value, shown) = self.value(event, place, &path, depth.saturating_add(1))?;
            // A member's place is its key, and its value where that is short. The first of repeated ones is the one that counts.
            let place = shown
                .filter(|value| lies_beside && value.end > key.end)
                .map_or(key.clone(), |value| key.start..value.end);
            self.places.entry(path).or_insert(place);
            members.push((name, value));
        }
    }
}

fn refused(message: impl Into<String>, place: Range<usize>) -> Refused {
    Refused { message: message.into(), place }
}

fn scalar(text: Cow<'_, str>, style: ScalarStyle, tag: Option<&Tag>, place: &Range<usize>) -> Result<Tree, Refused> {
    if style == ScalarStyle::Plain && tag.is_none() && is_ambiguous(&text) {
        let message = format!(
            "found `{text}` without quotes, which Envoy, Kubernetes and this command read differently: write \"{text}\" for the text"
        );
        return Err(refused(message, place.clone()));
    }
    let tag = tag.map(|tag| Cow::Owned(tag.clone()));
    match Scalar::parse_from_cow_and_metadata(text, style, tag.as_ref()) {
        Some(Scalar::Null) => Ok(Tree::Null),
        Some(Scalar::Boolean(boolean)) => Ok(Tree::Boolean(boolean)),
        Some(Scalar::Integer(integer)) => Ok(Tree::Number(integer.into())),
        Some(Scalar::FloatingPoint(number)) => {
            let number = Number::from_f64(*number).map(Tree::Number);
            number.ok_or_else(|| refused("found a number that JSON does not have", place.clone()))
        }
        Some(Scalar::String(text)) => Ok(Tree::Text(text.into_owned())),
        None => Err(refused("found a value that does not fit its tag", place.clone())),
    }
}

/// YAML 1.1 and 1.2 disagree on these, and so do the programs that read the same file: Envoy takes `no` for a boolean.
pub fn is_ambiguous(plain: &str) -> bool {
    let word = plain.to_ascii_lowercase();
    let is_boolean = matches!(word.as_str(), "y" | "n" | "yes" | "no" | "on" | "off");
    let digits = plain.trim_start_matches(['+', '-']);
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    let has_base = digits.len() > 1
        && digits.starts_with('0')
        && digits.bytes().skip(1).all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_boolean || has_base || (is_number(digits) && digits.contains('_') && !digits.starts_with('_'))
}
