//! Where secrets may stand in a text that is no YAML. Nothing is known of it but its lines, so rather too much is hidden.

use std::ops::Range;

use super::is_variable_name;
use super::names::{is_harmless, looks_secret};

/// What is hidden: all but keys, and the values of those that are known, on lines that they begin. On such a line, too, what stands
/// behind a word that sounds like the key of a secret, or behind an anchor; and the lines below until one begins a key that stands as
/// far to the left. What looks like a key in PEM is none.
pub(super) fn hidden(text: &str) -> Vec<Range<usize>> {
    let mut hidden = Vec::new();
    let mut below: Option<usize> = None;
    let mut open_brackets = 0_isize;
    let mut in_pem = false;
    let mut start: usize = 0;
    for line in text.split_inclusive('\n') {
        let end = start.saturating_add(line.len());
        let ends_value = below.is_some_and(|column| key(line).is_some_and(|key| key.start <= column));
        if ends_value && !in_pem && open_brackets <= 0 {
            below = None;
            open_brackets = 0;
        }
        in_pem = (in_pem || line.contains("-----BEGIN")) && !line.contains("-----END");
        let key = key(line);
        // Of several keys in one line, one may be torn apart.
        let is_known = !line.contains(['{', '[']) && key.clone().and_then(|key| line.get(key)).is_some_and(is_harmless);
        let word = telling(line);
        let shown = match &word {
            _ if below.is_some() || in_pem || line.contains("-----END") => 0,
            Some(word) if is_known => word.end,
            None if is_known => line.find('#').unwrap_or(line.len()),
            _ => key.as_ref().map_or(0, |key| key.end),
        };
        hidden.extend(all_but_variables(line, start, shown));
        if below.is_some() || word.is_some() {
            open_brackets = open_brackets.saturating_add(brackets(line.get(shown..).unwrap_or_default()));
        }
        if below.is_none()
            && let Some(word) = word
        {
            // What stands behind dashes only is as far to the left as its mapping.
            let leads = key.as_ref().is_some_and(|key| key.start == word.start);
            below = Some(if leads { word.start } else { indent(line) });
        }
        start = end;
    }
    hidden
}

/// The first word of a line after which a secret may stand.
fn telling(line: &str) -> Option<Range<usize>> {
    let is_part = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-');
    let mut start = None;
    let mut before = None;
    for (offset, character) in line.char_indices().chain([(line.len(), ' ')]) {
        match (is_part(character), start) {
            (true, None) => {
                before = line.get(..offset).and_then(|front| front.chars().next_back());
                start = Some(offset);
            }
            (false, Some(from)) => {
                let word = line.get(from..offset).unwrap_or_default();
                if before == Some('&') || looks_secret(word) {
                    return Some(from..offset);
                }
                start = None;
            }
            _ => {}
        }
    }
    None
}

/// Everything from `from` on but the names in `{env: NAME}`. `start` is where the line begins.
fn all_but_variables(line: &str, start: usize, from: usize) -> Vec<Range<usize>> {
    let mut hidden = Vec::new();
    let value = line.get(from..).unwrap_or_default().trim_start_matches(['"', '\'', ':', ' ', '\t']);
    let mut from = line.len().saturating_sub(value.len());
    while let Some(found) = line.get(from..).and_then(variable) {
        let name = from.saturating_add(found.start)..from.saturating_add(found.end);
        hidden.push(start.saturating_add(from)..start.saturating_add(name.start));
        from = name.end;
    }
    hidden.push(start.saturating_add(from)..start.saturating_add(line.len()));
    hidden
}

/// The first `{env: NAME}`.
fn variable(text: &str) -> Option<Range<usize>> {
    let (start, rest) = text.match_indices('{').find_map(|(start, _)| {
        let rest = text.get(start..)?.strip_prefix('{')?.trim_start().strip_prefix("env")?;
        Some((start, rest.trim_start().strip_prefix(':')?.trim_start()))
    })?;
    let name = rest.split(['}', ',']).next()?.trim();
    let closed = rest.strip_prefix(name)?.trim_start().strip_prefix('}')?;
    is_variable_name(name).then(|| start..text.len().saturating_sub(closed.len()))
}

/// The key that a line begins with, behind dashes and brackets.
fn key(line: &str) -> Option<Range<usize>> {
    let rest = line.trim_start_matches([' ', '-', '\t', '{', '[', '"', '\'']);
    let start = line.len().saturating_sub(rest.len());
    let length = rest.find(|character: char| !(character.is_alphanumeric() || matches!(character, '_' | '-')))?;
    let behind = rest.get(length..)?.trim_start_matches(['"', '\'']).trim_start();
    let ends = |behind: &str| behind.is_empty() || behind.starts_with(char::is_whitespace);
    let is_key = length > 0 && behind.strip_prefix(':').is_some_and(ends);
    is_key.then(|| start..start.saturating_add(length))
}

/// How many brackets are open behind a text that were not before.
fn brackets(text: &str) -> isize {
    text.bytes().fold(0, |open: isize, byte| match byte {
        b'[' | b'{' => open.saturating_add(1),
        b']' | b'}' => open.saturating_sub(1),
        _ => open,
    })
}

fn indent(line: &str) -> usize {
    line.len().saturating_sub(line.trim_start_matches([' ', '-', '\t']).len())
}
