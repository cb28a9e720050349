//! Envoy's own files are read as Envoy reads them: by the rules of YAML 1.1, where `yes` is a truth value.

use latchkey_explain::document::is_ambiguous;
use saphyr_parser::{Event, Parser, ScalarStyle};

/// Where the parser is.
enum Within {
    Sequence,
    Mapping { is_key_next: bool },
}

/// The same text with values that every reader understands alike. What is no YAML stays as it is, for its reader to say so.
pub fn plain(text: &str) -> String {
    let offsets: Vec<usize> = text.char_indices().map(|(offset, _)| offset).chain([text.len()]).collect();
    let mut within: Vec<Within> = Vec::new();
    let mut plain = String::new();
    let mut done = 0;
    for event in Parser::new_from_str(text) {
        let Ok((event, span)) = event else { return text.to_owned() };
        if matches!(event, Event::MappingEnd | Event::SequenceEnd) {
            within.pop();
            continue;
        }
        if !matches!(event, Event::Scalar(..) | Event::Alias(_) | Event::MappingStart(..) | Event::SequenceStart(..)) {
            continue;
        }
        let is_key = match within.last_mut() {
            Some(Within::Mapping { is_key_next }) => std::mem::replace(is_key_next, !*is_key_next),
            Some(Within::Sequence) | None => false,
        };
        match event {
            Event::MappingStart(..) => within.push(Within::Mapping { is_key_next: true }),
            Event::SequenceStart(..) => within.push(Within::Sequence),
            Event::Scalar(value, ScalarStyle::Plain, _, None) if !is_key && is_ambiguous(&value) => {
                let place = offsets.get(span.start.index()).copied().zip(offsets.get(span.end.index()).copied());
                let Some((start, end)) = place else { return text.to_owned() };
                plain.push_str(text.get(done..start).unwrap_or_default());
                plain.push_str(&meant(&value));
                done = end;
            }
            _ => {}
        }
    }
    plain.push_str(text.get(done..).unwrap_or_default());
    plain
}

/// What Envoy takes such a value for. Numbers in other bases are of no filter that is carried over: texts will do.
fn meant(value: &str) -> String {
    match value.to_ascii_lowercase().as_str() {
        "y" | "yes" | "on" => "true".to_owned(),
        "n" | "no" | "off" => "false".to_owned(),
        _ => format!("\"{value}\""),
    }
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn values_are_what_envoy_takes_them_for_and_the_rest_stays() {
        for (text, meant) in [
            ("a: yes\nb: [Off, n]\n", "a: true\nb: [false, false]\n"),
            ("on: {y: no}\n- x", "on: {y: no}\n- x"),
            ("on: {y: no}\n", "on: {y: false}\n"),
            ("ä: ü # no\nb: \"no\"\nc: 0644\nd: north\n", "ä: ü # no\nb: \"no\"\nc: \"0644\"\nd: north\n"),
            (
                "a: &x {b: yes}\nc: *x\nd: [[on], {e: off, f: 1}]",
                "a: &x {b: true}\nc: *x\nd: [[true], {e: false, f: 1}]",
            ),
            ("a: |\n  no\nb: !!str no\nc: yes", "a: |\n  no\nb: !!str no\nc: true"),
            ("", ""),
        ] {
            assert_eq!(plain(text), meant);
        }
    }
}
