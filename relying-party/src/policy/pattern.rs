//! Regular expressions: linear in time, bounded in memory, ASCII classes.

use std::cell::RefCell;
use std::collections::BTreeMap;

use regex_lite::RegexBuilder;
pub(super) use regex_lite::{Error as PatternError, Regex};

/// Bounds the memory of one compiled pattern (bytes).
const SIZE_LIMIT: usize = 256 * 1024;

pub(super) fn compile(source: &str) -> Result<Regex, PatternError> {
    RegexBuilder::new(source).size_limit(SIZE_LIMIT).build()
}

/// A pattern that must match as a whole.
pub(super) fn compile_anchored(source: &str) -> Result<Regex, PatternError> {
    // Alone first: `a)|(b` must not close the group around it.
    compile(source)?;
    compile(&format!(r"\A(?:{source})\z"))
}

/// Whether `pattern` matches somewhere in `text`. For patterns of the configuration: each is compiled once and kept.
pub(super) fn is_match(pattern: &str, text: &str) -> Result<bool, PatternError> {
    thread_local! {
        static COMPILED: RefCell<BTreeMap<String, Regex>> = const { RefCell::new(BTreeMap::new()) };
    }
    COMPILED.with_borrow_mut(|compiled| {
        if let Some(regex) = compiled.get(pattern) {
            return Ok(regex.is_match(text));
        }
        let regex = compile(pattern)?;
        let found = regex.is_match(text);
        compiled.insert(pattern.to_owned(), regex);
        Ok(found)
    })
}
