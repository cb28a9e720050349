//! Cases as data, so that one more needs no code: a line has tags (advisories, or what is expected), a space, and a JSON value.
//! `#` begins a comment. Bytes beyond ASCII in a JSON string stand for themselves: `"\u00ff"` is the byte FF.

use serde_json::Value;

/// One line.
#[derive(Clone, Debug)]
pub struct Case {
    tags: &'static str,
    /// What is sent, or from what it is made.
    pub value: Value,
}

/// All cases. Panics when there are none, or one that cannot be read: an empty corpus would prove nothing.
#[track_caller]
pub fn cases(corpus: &'static str) -> Vec<Case> {
    let lines = corpus.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let cases: Vec<Case> = lines.map(Case::read).collect();
    assert!(!cases.is_empty(), "a corpus without cases");
    cases
}

/// The cases that have this tag. Panics when there are none.
#[track_caller]
pub fn cases_of(corpus: &'static str, tag: &str) -> Vec<Case> {
    let cases: Vec<Case> = cases(corpus).into_iter().filter(|case| case.is(tag)).collect();
    assert!(!cases.is_empty(), "no case for {tag}");
    cases
}

impl Case {
    fn read(line: &'static str) -> Self {
        let (tags, value) = line.split_once(' ').unwrap_or_else(|| panic!("no value: {line}"));
        let value = serde_json::from_str(value).unwrap_or_else(|error| panic!("{line}: {error}"));
        Self { tags, value }
    }

    /// Whether it has this tag; tags stand side by side with commas.
    pub fn is(&self, tag: &str) -> bool {
        self.tags.split(',').any(|own| own == tag)
    }

    /// The value, which is text.
    pub fn text(&self) -> &str {
        self.value.as_str().unwrap_or_else(|| panic!("no text: {}", self.value))
    }

    /// The value, whose characters are bytes.
    pub fn bytes(&self) -> Vec<u8> {
        self.text().chars().map(|byte| u8::try_from(byte).expect("a byte")).collect()
    }
}
