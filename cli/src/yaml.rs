//! Writing YAML that every reader understands the same way: Envoy's, Kubernetes' and ours.

use latchkey_explain::document::{Tree, is_ambiguous};
use saphyr::Scalar;

/// A value in as many lines as it takes, each indented by `indent` spaces and ended.
pub fn block(tree: &Tree, indent: usize) -> String {
    let mut text = String::new();
    write_block(tree, indent, &mut text);
    text
}

/// A value in one line.
pub fn inline(tree: &Tree) -> String {
    match tree {
        Tree::Null => "null".to_owned(),
        Tree::Boolean(boolean) => boolean.to_string(),
        Tree::Number(number) => number.to_string(),
        Tree::Text(text) => scalar(text),
        Tree::List(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Tree::Mapping(members) => {
            let member = |(name, value): &(String, Tree)| format!("{}: {}", scalar(name), inline(value));
            format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(", "))
        }
    }
}

/// A text: plain where no reader takes it for something else, otherwise in quotes.
pub fn scalar(text: &str) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    let is_printable = text.chars().all(|character| !character.is_control() && character != '\u{feff}');
    if is_printable && text.contains(['"', '\\']) && !text.contains('\'') {
        return format!("'{text}'");
    }
    serde_json::Value::from(text).to_string()
}

fn is_plain(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_./:@- ".contains(&byte);
    let starts_well =
        text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric() || first == b'/' || first == b'_');
    let starts_as_number = text.bytes().next().is_some_and(|first| first.is_ascii_digit());
    let is_duration = text.len() > 1
        && text.bytes().rev().skip(1).all(|byte| byte.is_ascii_digit())
        && text.ends_with(['s', 'm', 'h', 'd']);
    starts_well
        && text.bytes().all(allowed)
        && !text.contains(": ")
        && !text.ends_with([':', ' '])
        && (!starts_as_number || is_duration)
        && !is_ambiguous(text)
        && matches!(Scalar::parse_from_cow(text.into()), Scalar::String(_))
}

/// Short enough for one line, and easier to read so.
fn is_short(tree: &Tree) -> bool {
    let is_single = |tree: &Tree| !matches!(tree, Tree::List(_) | Tree::Mapping(_));
    match tree {
        Tree::List(items) => {
            items.iter().all(|item| is_single(item) || matches!(item, Tree::Mapping(members) if members.len() < 2))
                && inline(tree).len() < 80
        }
        Tree::Mapping(members) => {
            members.is_empty()
                || (members.len() == 1 && members.iter().all(|(_, value)| is_single(value)) && inline(tree).len() < 60)
        }
        _ => true,
    }
}

fn write_block(tree: &Tree, indent: usize, text: &mut String) {
    let space = " ".repeat(indent);
    match tree {
        Tree::Mapping(members) if !members.is_empty() => {
            for (name, value) in members {
                text.push_str(&format!("{space}{}:", scalar(name)));
                write_value(value, indent, text);
            }
        }
        Tree::List(items) if !items.is_empty() => {
            for item in items {
                let lines =
                    if is_short(item) { format!("{}\n", inline(item)) } else { block(item, indent.saturating_add(2)) };
                text.push_str(&format!("{space}- {}", lines.trim_start()));
            }
        }
        other => text.push_str(&format!("{space}{}\n", inline(other))),
    }
}

/// What stands behind a name and a colon.
fn write_value(value: &Tree, indent: usize, text: &mut String) {
    if is_short(value) {
        text.push_str(&format!(" {}\n", inline(value)));
        return;
    }
    text.push('\n');
    // A list's dashes stand below its name.
    let below = if matches!(value, Tree::List(_)) { indent } else { indent.saturating_add(2) };
    write_block(value, below, text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use latchkey_explain::document::Document;

    #[test]
    fn what_is_written_is_read_as_it_was() {
        let text = r#"
providers:
- {name: corp, issuer: "https://a.example/x", tenants: ["no", "0123", "1e3"], clock_skew: 60s}
- {name: "two words", client_secret: {env: SECRET}, clusters: {}, list: [], n: [1, 2.5, true, null, "null"]}
session: {keys: ["ab+/=", {env: A}], cookie: "it's \"so\"", domain: null}
rules:
- require: '"a" in claims.groups && request.path == "\\x"'
  match: {path_prefix: /a, methods: [GET, POST]}
- match: {host: "*.example.org", path: "/ä: #"}
headers: {x-auth: 'claims.a + ": "', "y": "- x", z: "line\nbreak", w: "12:30"}
"#;
        let document = |text: &str| Document::parse("test".to_owned(), text.to_owned());
        let Ok(read) = document(text) else { panic!("not read") };
        for indent in [0, 4] {
            let written = block(&read.tree, indent);
            match document(&written) {
                Ok(again) => assert_eq!(again.tree, read.tree, "{written}"),
                Err(error) => panic!("{written}: {error}"),
            }
        }
        assert_eq!(scalar("https://login.example.org/realms/corp"), "https://login.example.org/realms/corp");
        assert_eq!(
            (scalar("30m"), scalar("no"), scalar("")),
            ("30m".to_owned(), "\"no\"".to_owned(), "\"\"".to_owned())
        );
    }
}
