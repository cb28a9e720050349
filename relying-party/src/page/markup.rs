//! A writer of HTML into which text from elsewhere cannot get unescaped.

use std::fmt::Write as _;

/// Characters of a [`Markup::name`] that are shown.
const NAME_SHOWN: usize = 48;

/// HTML under construction. Markup can only come from literals of this program; everything else is escaped, for
/// element content and quoted attributes alike.
#[derive(Clone, Debug, Default)]
pub(super) struct Markup(String);

impl Markup {
    pub(super) const fn new() -> Self {
        Self(String::new())
    }

    /// Markup of this program.
    pub(super) fn literal(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Another piece, already escaped.
    pub(super) fn append(&mut self, markup: &Self) -> &mut Self {
        self.0.push_str(&markup.0);
        self
    }

    /// Any text. Control characters become U+FFFD: HTML cannot express them.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        for character in text.chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                control if control.is_control() => self.0.push('\u{FFFD}'),
                other => self.0.push(other),
            }
        }
        self
    }

    /// The value of a form's field, in a quoted attribute: as [`Self::text`], but lines and tabs stay what they are.
    pub(super) fn value(&mut self, value: &str) -> &mut Self {
        for piece in value.split_inclusive(['\n', '\r', '\t']) {
            let text = piece.trim_end_matches(['\n', '\r', '\t']);
            self.text(text);
            self.0.push_str(piece.get(text.len()..).unwrap_or_default());
        }
        self
    }

    /// A name that somebody else chose: shortened, and unable to turn the direction of the text around it.
    pub(super) fn name(&mut self, name: &str) -> &mut Self {
        let shown: String = name.chars().take(NAME_SHOWN).collect();
        self.literal("<bdi>").text(&shown);
        if shown.len() < name.len() {
            self.literal("…");
        }
        self.literal("</bdi>")
    }

    /// A number.
    pub(super) fn number(&mut self, number: usize) -> &mut Self {
        // Writing into a String does not fail.
        let _ = write!(self.0, "{number}");
        self
    }

    /// Where a link or form leads, as the value of a quoted attribute. What is neither a path of this origin nor an
    /// http(s) URL becomes `/`: `javascript:`, and `//host` in all the spellings that browsers accept.
    pub(super) fn target(&mut self, target: &str) -> &mut Self {
        self.text(if is_safe_target(target) { target } else { "/" })
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0.into_bytes()
    }
}

/// Browsers drop tabs and newlines from URLs and read `\` as `/` (URL standard, §4.4), so `/\t/host` is `//host`.
fn is_safe_target(target: &str) -> bool {
    if target.chars().any(char::is_control) {
        return false;
    }
    match target.strip_prefix('/') {
        Some(rest) => !rest.starts_with(['/', '\\']),
        None => target.starts_with("https://") || target.starts_with("http://"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(write: impl FnOnce(&mut Markup)) -> String {
        let mut markup = Markup::new();
        write(&mut markup);
        String::from_utf8(markup.into_bytes()).unwrap()
    }

    #[test]
    fn text_cannot_leave_its_element_or_attribute() {
        let written = html(|markup| {
            markup.text("<b a=\"x\" b='y'>&\0\u{85}");
        });
        assert_eq!(written, "&lt;b a=&quot;x&quot; b=&#39;y&#39;&gt;&amp;\u{FFFD}\u{FFFD}");
    }

    #[test]
    fn a_value_keeps_its_lines_and_cannot_leave_its_attribute() {
        let written = html(|markup| _ = markup.value("a\r\n\tb\n\n\"><script>\0\n"));
        assert_eq!(written, "a\r\n\tb\n\n&quot;&gt;&lt;script&gt;\u{FFFD}\n");
        assert_eq!(html(|markup| _ = markup.value("")), "");
    }

    #[test]
    fn a_target_leads_to_a_path_or_a_web_page_and_nowhere_else() {
        for kept in ["/", "/a?b=c", "https://login.example.org/x", "http://localhost:8080/"] {
            assert_eq!(html(|markup| _ = markup.target(kept)), kept);
        }
        for refused in [
            "",
            "a",
            "//evil.example",
            "/\\evil.example",
            "/\t/evil.example",
            "\\\\evil.example",
            "javascript:alert(1)",
            " javascript:alert(1)",
            "data:text/html,x",
        ] {
            assert_eq!(html(|markup| _ = markup.target(refused)), "/", "{refused:?}");
        }
    }

    #[test]
    fn a_name_is_isolated_and_shortened() {
        assert_eq!(html(|markup| _ = markup.name("\u{202E}groups")), "<bdi>\u{202E}groups</bdi>");
        let long = "é".repeat(1000);
        assert_eq!(html(|markup| _ = markup.name(&long)), format!("<bdi>{}…</bdi>", "é".repeat(NAME_SHOWN)));
    }
}
