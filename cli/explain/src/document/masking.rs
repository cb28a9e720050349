//! What of a text may be shown: all but what stands where a secret may stand. No secret is ever printed.

mod guess;
mod names;
#[cfg(test)]
mod tests;

use std::mem::take;
use std::ops::Range;

use saphyr_parser::{Event, Parser, Span};

use names::is_harmless;
pub(super) use names::looks_secret;

/// The same text, as long in bytes and with the same lines, with stars for what is a secret or may be one: the values of keys whose
/// names say so, literal credentials in URLs, and comments, where old secrets like to stay.
pub fn masked(text: &str) -> String {
    let mut hidden = hidden_by_structure(text).unwrap_or_else(|| guess::hidden(text));
    hidden.extend(in_addresses(text));
    hidden.extend(in_pem(text));
    hidden.sort_by_key(|range| range.start);
    let mut shown = String::with_capacity(text.len());
    let mut ranges = hidden.into_iter().peekable();
    for (offset, character) in text.char_indices() {
        while ranges.next_if(|range| range.end <= offset).is_some() {}
        let is_hidden = ranges.peek().is_some_and(|range| range.contains(&offset));
        match character {
            '\n' | '\r' => shown.push(character),
            _ if is_hidden => (0..character.len_utf8()).for_each(|_| shown.push('*')),
            _ => shown.push(character),
        }
    }
    shown
}

/// What the events of a whole text say; `None` for a text that is no YAML.
fn hidden_by_structure(text: &str) -> Option<Vec<Range<usize>>> {
    let offsets: Vec<usize> = text.char_indices().map(|(offset, _)| offset).chain([text.len()]).collect();
    let byte = |character: usize| offsets.get(character).or(offsets.last()).copied().unwrap_or_default();
    let mut walk = Walk::default();
    for event in Parser::new_from_str(text) {
        let (event, Span { start, end, .. }) = event.ok()?;
        let (start, end) = (byte(start.index()), byte(end.index()));
        // A block scalar lasts until what comes next.
        let length = text.get(start..end).map_or(0, |text| text.trim_end().len());
        walk.event(event, start..start.saturating_add(length));
    }
    let Walk { mut hidden, scalars, .. } = walk;
    hidden.extend(comments(text, &scalars));
    Some(hidden)
}

/// What is known of the text so far.
#[derive(Default)]
struct Walk {
    frames: Vec<Frame>,
    hidden: Vec<Range<usize>>,
    scalars: Vec<Range<usize>>,
}

/// A list or a mapping that is not at its end.
struct Frame {
    is_secret: bool,
    /// Its keys may have any names, and those of the lists and mappings in it.
    is_free: bool,
    /// The last key of a secret had no value: the next line may be it, under a key that got between.
    is_torn: bool,
    kind: Kind,
}

enum Kind {
    List,
    /// With the key whose value comes next.
    Mapping(Option<Key>),
}

#[derive(Clone, Copy)]
struct Key {
    is_secret: bool,
    is_free: bool,
    is_env: bool,
}

/// What the next value is to what it stands in.
enum Role {
    Key { in_secret: bool },
    Value(Key),
}

impl Walk {
    fn event(&mut self, event: Event<'_>, place: Range<usize>) {
        match event {
            Event::Scalar(text, _, anchor, _) => {
                self.scalars.push(place.clone());
                let role = self.role(Some(&text));
                if let (Role::Value(Key { is_secret: true, .. }), Some(frame)) = (&role, self.frames.last_mut()) {
                    frame.is_torn = text.is_empty();
                }
                let is_shown = match role {
                    Role::Key { in_secret: true } => text == "env",
                    Role::Key { .. } => is_only_a_key(&text),
                    Role::Value(Key { is_secret, is_env, .. }) => !is_secret || (is_env && is_variable_name(&text)),
                };
                // What has an anchor may be meant for any place; a key and its value may have become one text.
                if !is_shown || anchor > 0 || is_key_and_value(&text) {
                    self.hidden.push(place);
                }
            }
            Event::Alias(_) => {
                self.role(None);
            }
            Event::SequenceStart(anchor, _) => self.open(Kind::List, anchor),
            Event::MappingStart(anchor, _) => self.open(Kind::Mapping(None), anchor),
            Event::SequenceEnd | Event::MappingEnd => drop(self.frames.pop()),
            _ => {}
        }
    }

    fn open(&mut self, kind: Kind, anchor: usize) {
        let (is_secret, is_free) = match self.role(None) {
            Role::Value(Key { is_secret, is_free, .. }) => (is_secret, is_free),
            // A key that is no text says nothing about its value.
            Role::Key { .. } => (true, false),
        };
        self.frames.push(Frame { is_secret: is_secret || anchor > 0, is_free, is_torn: false, kind });
    }

    /// The next value's role; `name` is its text, if it is one.
    fn role(&mut self, name: Option<&str>) -> Role {
        let Some(Frame { is_secret: in_secret, is_free, is_torn, kind }) = self.frames.last_mut() else {
            // A text alone may be a key and a value with nothing between them.
            return Role::Value(Key { is_secret: name.is_some(), is_free: false, is_env: false });
        };
        let (in_secret, in_free) = (*in_secret, *is_free);
        match kind {
            Kind::List => Role::Value(Key { is_secret: in_secret, is_free: in_free, is_env: false }),
            Kind::Mapping(key) => match key.take() {
                Some(key) => Role::Value(key),
                None => {
                    let may_be_secret = |name: &str| if in_free { looks_secret(name) } else { !is_harmless(name) };
                    *key = Some(Key {
                        is_secret: in_secret || take(is_torn) || name.is_none_or(may_be_secret),
                        is_free: in_free || name.is_some_and(names::is_free),
                        is_env: in_secret && name == Some("env"),
                    });
                    Role::Key { in_secret }
                }
            },
        }
    }
}

/// Whether a key is not the key of a secret and more.
fn is_only_a_key(text: &str) -> bool {
    let mut words = text.split(|character: char| !(character.is_alphanumeric() || matches!(character, '_' | '-')));
    !words.any(|word| word.len() < text.len() && looks_secret(word))
}

/// Whether a text begins with the key of a secret, or a comment in it has one.
fn is_key_and_value(text: &str) -> bool {
    let is_part = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-');
    let comment = text.split_once('#').map_or("", |(_, comment)| comment);
    comment.split(|character| !is_part(character)).any(looks_secret)
        || text.trim_start().split_once(|character| !is_part(character)).is_some_and(|(first, _)| looks_secret(first))
}

/// What stands in `{env: NAME}` and may be shown.
fn is_variable_name(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.bytes().all(is_plain) && !text.starts_with(|first: char| first.is_ascii_digit())
}

/// The comments: what a `#` begins outside of all scalars.
fn comments(text: &str, scalars: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut comments: Vec<Range<usize>> = Vec::new();
    let mut scalars = scalars.iter().peekable();
    let mut before = '\n';
    let mut end_of_last = 0;
    for (offset, character) in text.char_indices() {
        while scalars.next_if(|scalar| scalar.end <= offset).is_some() {}
        let in_scalar = scalars.peek().is_some_and(|scalar| scalar.contains(&offset));
        if character == '#' && before.is_whitespace() && !in_scalar && offset >= end_of_last {
            let rest = text.get(offset..).unwrap_or_default();
            end_of_last = offset.saturating_add(rest.find(['\n', '\r']).unwrap_or(rest.len()));
            comments.push(offset..end_of_last);
        }
        before = character;
    }
    comments
}

/// Keys in PEM, whatever got between their lines.
fn in_pem(text: &str) -> impl Iterator<Item = Range<usize>> {
    text.match_indices("-----BEGIN").filter_map(|(start, _)| {
        let length = text.get(start..)?.find("-----END")?;
        Some(start..start.saturating_add(length))
    })
}

/// In URLs: user information, and queries, where credentials like to stand.
fn in_addresses(text: &str) -> Vec<Range<usize>> {
    let mut hidden = Vec::new();
    let start_of = |word: &str| (word.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    for word in text.split_whitespace() {
        let start = start_of(word);
        let scheme = word.find("://").map(|at| at.saturating_add(3));
        let authority = scheme.unwrap_or_default();
        if let Some(at) = word.rfind('@').filter(|at| *at >= authority)
            && word.get(..at).is_some_and(|before| before.contains(':') || !before.contains(['"', '\'', '(']))
        {
            hidden.push(start.saturating_add(authority)..start.saturating_add(at));
        }
        let query = scheme.and_then(|scheme| word.get(scheme..)?.find('?').map(|at| scheme.saturating_add(at)));
        if let Some(query) = query {
            let rest = word.get(query..).unwrap_or_default();
            let end = query.saturating_add(rest.find(['"', '\'']).unwrap_or(rest.len()));
            hidden.push(start.saturating_add(query).saturating_add(1)..start.saturating_add(end));
        }
    }
    hidden
}
