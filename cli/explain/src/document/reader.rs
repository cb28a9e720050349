//! From the events of a YAML parser to a tree, with the place of everything in it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use relying_party::config::member_path;
use saphyr::Scalar;
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};
use serde_json::Number;

use super::masking::looks_secret;
use super::{Fault, Tree};

/// As deep as JSON may be for the filter.
const DEEPEST: usize = 100;
/// Anchors can make much of little; a configuration has a few hundred values.
const MOST_VALUES: usize = 200_000;

/// What was read.
pub struct Understood {
    pub tree: Tree,
    /// Where each of its values stands, by path.
    pub places: HashMap<String, Range<usize>>,
}

/// The only document in `text`; or what is wrong, and what else is.
pub fn read(text: &str) -> Result<Understood, (Fault, Vec<Fault>)> {
    let mut reader = Reader {
        text,
        events: Parser::new_from_str(text),
        offsets: text.char_indices().map(|(offset, _)| offset).chain([text.len()]).collect(),
        anchors: HashMap::new(),
        places: HashMap::new(),
        values: 0,
        ambiguous: Vec::new(),
    };
    let tree = reader.document().map_err(|fault| (fault, Vec::new()))?;
    let mut ambiguous = reader.ambiguous.into_iter();
    match ambiguous.next() {
        Some(first) => Err((first, ambiguous.collect())),
        None => Ok(Understood { tree, places: reader.places }),
    }
}

struct Reader<'t> {
    text: &'t str,
    events: Parser<'t, saphyr_parser::StrInput<'t>>,
    /// From characters, which the parser counts, to bytes.
    offsets: Vec<usize>,
    anchors: HashMap<usize, (Tree, usize)>,
    places: HashMap<String, Range<usize>>,
    values: usize,
    /// What programs read differently.
    ambiguous: Vec<Fault>,
}

impl<'t> Reader<'t> {
    fn document(&mut self) -> Result<Tree, Fault> {
        let mut tree = None;
        while let Some((event, place)) = self.next()? {
            match event {
                Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
                Event::StreamEnd => break,
                _ if tree.is_some() => return Err(refused("found a second document, expected one", place)),
                event => tree = Some(self.value(event, place, "", 0)?.0),
            }
        }
        tree.ok_or_else(|| refused("found nothing, expected a configuration", 0..0))
    }

    fn next(&mut self) -> Result<Option<(Event<'t>, Range<usize>)>, Fault> {
        match self.events.next() {
            None => Ok(None),
            Some(Ok((event, span))) => Ok(Some((event, self.bytes(span)))),
            Some(Err(error)) => Err(self.unreadable(&error)),
        }
    }

    fn unreadable(&self, error: &ScanError) -> Fault {
        let start = self.byte(error.marker().index());
        match tab(self.text, start) {
            Some(tab) => refused("found a tab, which not every program takes between values: write spaces", tab..tab),
            None => refused(error.info(), start..start),
        }
    }

    fn bytes(&self, span: Span) -> Range<usize> {
        self.byte(span.start.index())..self.byte(span.end.index())
    }

    fn byte(&self, character: usize) -> usize {
        self.offsets.get(character).or(self.offsets.last()).copied().unwrap_or_default()
    }

    fn must_go_on(&mut self) -> Result<(Event<'t>, Range<usize>), Fault> {
        self.next()?.ok_or_else(|| refused("found the end, expected more", 0..0))
    }

    /// The value that begins with `event`, and where it stands if it is short enough to be shown as a whole.
    fn value(
        &mut self,
        event: Event<'t>,
        place: Range<usize>,
        path: &str,
        depth: usize,
    ) -> Result<(Tree, Option<Range<usize>>), Fault> {
        self.values = self.values.saturating_add(1);
        if depth > DEEPEST || self.values > MOST_VALUES {
            return Err(refused("found a document that is too deep or too large", place));
        }
        let before = self.values;
        let (tree, anchor, shown) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                if style == ScalarStyle::Plain && tag.is_none() && is_ambiguous(&text) {
                    let message = ambiguity(&text);
                    self.ambiguous.push(Fault { path: shown(path).to_owned(), message, place: place.clone() });
                }
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

    fn list(&mut self, path: &str, depth: usize) -> Result<Tree, Fault> {
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

    fn mapping(&mut self, path: &str, depth: usize) -> Result<Tree, Fault> {
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

fn refused(message: impl Into<String>, place: Range<usize>) -> Fault {
    Fault { path: String::new(), message: message.into(), place }
}

/// The tab that stands where the parser gave up at `start`, or just around it: YAML allows more of them (1.2.2 §6.2) than it does.
fn tab(text: &str, start: usize) -> Option<usize> {
    let line_start = text.get(..start)?.rfind('\n').map_or(0, |end| end.saturating_add(1));
    let here = text.get(line_start..)?;
    let here_end = here.find('\n').map_or(text.len(), |end| line_start.saturating_add(end));
    let next_end = text.get(here_end..)?.get(1..).and_then(|rest| rest.find('\n'));
    let next_end = next_end.map_or(text.len(), |end| here_end.saturating_add(1).saturating_add(end));
    [line_start..here_end, here_end..next_end].into_iter().find_map(|line| {
        let from = line.start;
        separating_tab(text.get(line)?).map(|tab| from.saturating_add(tab))
    })
}

/// The first tab of a line that is not within a text: in front of it, or behind a colon or a dash.
fn separating_tab(line: &str) -> Option<usize> {
    line.match_indices('\t').map(|(offset, _)| offset).find(|offset| {
        let before = line.get(..*offset).unwrap_or_default().trim_end();
        before.is_empty() || before.ends_with([':', '-', ',', '[', '{', '?'])
    })
}

fn scalar(text: Cow<'_, str>, style: ScalarStyle, tag: Option<&Tag>, place: &Range<usize>) -> Result<Tree, Fault> {
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

/// The path as far as no secret may be a name in it.
fn shown(path: &str) -> &str {
    let ends = path.match_indices(['.', '[']).map(|(end, _)| end).chain([path.len()]);
    let mut fronts = ends.filter_map(|end| path.get(..end));
    fronts.find(|front| front.rsplit('.').next().is_some_and(looks_secret)).unwrap_or(path)
}

/// What is wrong with a text that programs read differently. A number is not shown: a secret may be one.
fn ambiguity(text: &str) -> String {
    const READ: &str = "without quotes, which Envoy, Kubernetes and this command read differently";
    match boolean(text) {
        Some(boolean) => format!("found `{text}` {READ}: write `{boolean}`, or \"{text}\" for the text"),
        None => format!("found a number {READ}: write it in another form, or in quotes for the text"),
    }
}

/// What YAML 1.1 takes a word for.
fn boolean(word: &str) -> Option<bool> {
    match word.to_ascii_lowercase().as_str() {
        "y" | "yes" | "on" => Some(true),
        "n" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// YAML 1.1 and 1.2 disagree on these, and so do the programs that read the same file: Envoy takes `no` for a boolean and `0123` for
/// 83, Kubernetes `1_000` for 1000.
pub fn is_ambiguous(plain: &str) -> bool {
    let digits = plain.strip_prefix(['+', '-']).unwrap_or(plain);
    let is_number = |digits: &str, is_digit: fn(&u8) -> bool| {
        digits.bytes().any(|byte| is_digit(&byte)) && digits.bytes().all(|byte| byte == b'_' || is_digit(&byte))
    };
    let of_base = |prefix: [char; 2], is_digit: fn(&u8) -> bool| {
        let rest = digits.strip_prefix('0').and_then(|rest| rest.strip_prefix(prefix));
        rest.is_some_and(|rest| is_number(rest, is_digit))
    };
    let is_decimal = !digits.starts_with('_') && is_number(digits, u8::is_ascii_digit);
    boolean(plain).is_some()
        || of_base(['x', 'X'], u8::is_ascii_hexdigit)
        || of_base(['o', 'O'], |byte| (b'0'..=b'7').contains(byte))
        || of_base(['b', 'B'], |byte| matches!(byte, b'0' | b'1'))
        || (is_decimal && digits.contains('_'))
        || (is_decimal && digits.len() > 1 && digits.starts_with('0'))
}
