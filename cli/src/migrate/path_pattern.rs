//! Regular expressions of other programs as `path_regex`: only where this engine reads them as theirs (RE2 and Go's `regexp`) does.

use relying_party::policy::matcher::{Matcher, MatcherSpec};

/// Whether `path_regex` takes this expression, and means the same by it.
pub fn is_understood(regex: &str) -> bool {
    compiles(regex) && !has_other_meaning(regex)
}

/// A `path_regex`, which is about whole paths, for an expression that is looked for anywhere in a path.
pub fn anywhere(regex: &str) -> String {
    // The ends of an alternative are not those of the whole, and flags hold up to the end of their group.
    if has_alternatives(regex) || regex.starts_with("(?") {
        return format!(".*(?:{regex}).*");
    }
    let (start, body) = match regex.strip_prefix('^') {
        Some(body) if !body.starts_with(['*', '+', '?', '{', '^']) => ("", body),
        _ => (".*", regex),
    };
    let (body, end) = match body.strip_suffix('$').filter(|body| !ends_escaping(body)) {
        Some(body) => (body, ""),
        None if body.strip_suffix(".*").is_some_and(|front| !ends_escaping(front)) => (body, ""),
        None => (body, ".*"),
    };
    format!("{start}{body}{end}")
}

/// A text that stands for itself in a regular expression.
pub fn escaped(text: &str) -> String {
    let mut regex = String::new();
    for character in text.chars() {
        if r"\.+*?()|[]{}^$".contains(character) {
            regex.push('\\');
        }
        regex.push(character);
    }
    regex
}

/// The text that every match of an expression for whole paths begins with.
pub fn literal_head(regex: &str) -> &str {
    if has_alternatives(regex) {
        return "";
    }
    let regex = regex.strip_prefix('^').unwrap_or(regex);
    let end = regex.find(|character| !is_plain(character)).unwrap_or(regex.len());
    let (head, rest) = regex.split_at_checked(end).unwrap_or_default();
    // What is repeated, or may be missing, is no longer certain.
    let is_uncertain = rest.starts_with(['*', '?', '{']);
    let certain = head.char_indices().next_back().filter(|_| is_uncertain).map_or(head.len(), |(start, _)| start);
    head.get(..certain).unwrap_or_default()
}

/// Stands for itself in a path and in a regular expression.
pub fn is_plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || "/_-~!&',:@=".contains(character)
}

/// Whether `path_regex` takes this expression.
fn compiles(regex: &str) -> bool {
    Matcher::compile(MatcherSpec { path_regex: Some(regex.to_owned()), ..MatcherSpec::default() }).is_ok()
}

/// What both engines take, but not for the same. Percent signs: theirs look at the path as it was sent, `path_regex` at what it means.
fn has_other_meaning(regex: &str) -> bool {
    const OTHERS: [&str; 9] = [r"\<", r"\>", r"\b{", r"\B{", r"\u", r"\U", r"\s", "{,", "%"];
    OTHERS.iter().any(|other| regex.contains(other))
        || regex.contains(char::is_whitespace)
        || flags(regex).any(|flag| !"imsU-".contains(flag))
}

/// The letters of all groups of flags: `(?i)`, `(?i-s:…)`. The name of a group is none.
fn flags(regex: &str) -> impl Iterator<Item = char> {
    let groups = regex.split("(?").skip(1).filter(|group| !group.starts_with("P<") && !group.starts_with('<'));
    groups.flat_map(|group| group.chars().take_while(|character| !matches!(character, ':' | ')')))
}

/// Whether the last character of `front` is a backslash that escapes what follows.
fn ends_escaping(front: &str) -> bool {
    front.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}

/// Whether there is a `|` outside of all groups.
fn has_alternatives(regex: &str) -> bool {
    let mut depth = 0_usize;
    let mut characters = regex.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' => drop(characters.next()),
            '(' => depth = depth.saturating_add(1),
            ')' => depth = depth.saturating_sub(1),
            '[' => {
                // A bracket that closes at once is one of the class.
                characters.next_if_eq(&'^');
                characters.next_if_eq(&']');
                while let Some(member) = characters.next() {
                    match member {
                        '\\' => drop(characters.next()),
                        ']' => break,
                        _ => {}
                    }
                }
            }
            '|' if depth == 0 => return true,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Go's `regexp.MatchString`, by an engine with the same syntax.
    fn finds(regex: &str, path: &str) -> bool {
        regex_lite::Regex::new(regex).unwrap().is_match(path)
    }

    fn admits(regex: &str, path: &str) -> bool {
        let spec = MatcherSpec { path_regex: Some(anywhere(regex)), ..MatcherSpec::default() };
        Matcher::compile(spec).unwrap().matches("GET", "h", path)
    }

    const PATTERNS: &[&str] = &[
        "/public/",
        "/healthz$",
        "^/healthz$",
        "^/healthz",
        "/health|/ready",
        "^/health$|^/ready$",
        "^/a|b$",
        "(?i)^/h",
        "(?i)/H$",
        "^/api/(v1|v2)/.*$",
        "^/x[|]y",
        "^/x[]|]y$",
        r"^/x\|y",
        r"\.css$",
        r"^/price\$",
        r"^/price\\$",
        r"^/a\.*",
        "^/a.*",
        "",
        "^",
        "$",
        "^$",
        "^/$",
        "/",
        ".",
        ".*",
        "^.*$",
        "a",
        "^a",
        "^(/a)?$",
        "^(?:/a|/b)",
        "(^/a)|(/b$)",
        "(?i:^/A)/b",
        "(?s)^/a.b$",
        "(?m)^/a$",
        "[^/]+$",
        "^/[^/]+$",
        "^/[[:alpha:]|]+$",
        "x{2}",
        "^/x{1,2}$",
        "^+/a",
        "^^/a",
        "/a$$",
        "(?U)^/a.*",
        "(?P<n>/a)/b$",
        r"\b/a",
        "^/a-b_c",
    ];
    const PATHS: &[&str] = &[
        "/",
        "/a",
        "/b",
        "/a/b",
        "/A/b",
        "/ab",
        "/a.b",
        "/a-b_c",
        "/public",
        "/public/",
        "/public/x",
        "/nonpublic/secret",
        "/x/public/y",
        "/healthz",
        "/admin/healthz",
        "/admin/xhealthz",
        "/healthzz",
        "/healthz/x",
        "/health",
        "/ready",
        "/xready",
        "/ready/x",
        "/h",
        "/H",
        "/Hx",
        "/x/h",
        "/api/v1/",
        "/api/v2/x",
        "/api/v3/x",
        "/x|y",
        "/x]y",
        "/xy",
        "/x",
        "/xx",
        "/xxx",
        "/a.css",
        "/acss",
        "/a.css/b",
        "/price$",
        r"/price\",
        "/price",
        "/b/a",
        "/a/",
        "/c/b",
    ];

    #[test]
    fn a_path_regex_matches_exactly_where_the_expression_is_found() {
        for pattern in PATTERNS {
            assert!(compiles(pattern) && compiles(&anywhere(pattern)), "{pattern}");
            for path in PATHS {
                assert_eq!(admits(pattern, path), finds(pattern, path), "{pattern} as {} at {path}", anywhere(pattern));
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn so_does_one_for_any_expression(pattern in "[ab/^$|()*.?\\[\\]\\\\]{0,9}", path in "/[ab/|$^.]{0,6}") {
            if is_understood(&pattern) {
                proptest::prop_assert_eq!(admits(&pattern, &path), finds(&pattern, &path), "{} as {}", pattern, anywhere(&pattern));
            }
        }

        #[test]
        fn every_match_begins_with_the_head(pattern in "/[ab/|()*?.{}1^$]{0,8}", path in "/[ab/|]{0,6}") {
            let spec = MatcherSpec { path_regex: Some(pattern.clone()), ..MatcherSpec::default() };
            if let Ok(matcher) = Matcher::compile(spec) && matcher.matches("GET", "h", &path) {
                proptest::prop_assert!(path.starts_with(literal_head(&pattern)), "{} at {}", pattern, path);
            }
        }

        #[test]
        fn an_escaped_text_stands_for_itself(text in "\\PC{0,12}") {
            let regex = regex_lite::Regex::new(&format!("^{}$", escaped(&text))).unwrap();
            proptest::prop_assert!(regex.is_match(&text));
        }
    }

    #[test]
    fn what_the_engines_read_differently_is_not_understood() {
        for regex in [
            r"\<a",
            r"a\>",
            r"\b{start}",
            "a{,2}",
            "(?x)a",
            "(?R)a",
            "a b",
            "%2f",
            r"\u0041",
            "(?=a)",
            "(",
            r"\pL",
            r"\Qa\E",
            "[a&&b]",
        ] {
            assert!(!is_understood(regex), "{regex}");
        }
        assert!(is_understood("(?i)^/a(?P<x>b|c)(?:d)$"));
    }
}
