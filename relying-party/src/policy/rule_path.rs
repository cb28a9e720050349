//! The path in a rule.

use super::path::{decode, has_dot_segment, must_be_escaped};

/// The path of a rule: decoded like [`RequestPath::literal`](super::path::RequestPath::literal), and refused when a request's path could never equal it in all readings.
pub(super) fn rule_path(written: &str) -> Result<String, RulePathError> {
    if !written.starts_with('/') {
        return Err(RulePathError::NotAbsolute);
    }
    let path = decode(written, must_be_escaped).map_err(|_| RulePathError::MalformedEscape)?;
    if path.contains(['?', '#']) {
        return Err(RulePathError::Query);
    }
    let never_alike = path.contains("//")
        || path.contains(['%', ';', '\\'])
        || path.bytes().any(|byte| byte.is_ascii_control())
        || has_dot_segment(&path);
    if never_alike { Err(RulePathError::Ambiguous) } else { Ok(path) }
}

/// Why the path of a rule is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RulePathError {
    /// No slash at the beginning.
    #[error("must begin with a slash")]
    NotAbsolute,
    /// A malformed escape, or bytes that are not UTF-8.
    #[error("has a malformed escape")]
    MalformedEscape,
    /// Rules see the path alone.
    #[error("must be a path alone, without `?` or `#`")]
    Query,
    /// No request would ever match it: such paths are refused.
    #[error(
        "must be plain: no `//`, `\\`, `;`, dot segments, control characters, or escapes of characters that need none"
    )]
    Ambiguous,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_rule_is_written_plainly() {
        assert_eq!(rule_path("/caf%C3%A9/my docs"), Ok("/café/my docs".to_owned()));
        for (path, expected) in [
            ("admin", RulePathError::NotAbsolute),
            ("/a?b", RulePathError::Query),
            ("/a%3Fb", RulePathError::Query),
            ("/a#b", RulePathError::Query),
            ("/a%2", RulePathError::MalformedEscape),
            ("/a%ff", RulePathError::MalformedEscape),
            ("/%61", RulePathError::Ambiguous),
            ("/a/../b", RulePathError::Ambiguous),
            ("/a//b", RulePathError::Ambiguous),
            ("/a;b", RulePathError::Ambiguous),
            ("/a\\b", RulePathError::Ambiguous),
            ("/a%00", RulePathError::Ambiguous),
            ("/a\nb", RulePathError::Ambiguous),
        ] {
            assert_eq!(rule_path(path), Err(expected), "{path}");
        }
    }
}
