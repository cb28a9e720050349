//! A configuration that is being written: values with the comments that explain them.

use latchkey_explain::document::Tree;

use crate::yaml;

/// Where comments behind a value begin.
const COMMENT_COLUMN: usize = 56;

/// A whole configuration.
#[derive(Default)]
pub struct Draft {
    /// What stands above everything.
    pub intro: Vec<String>,
    /// `providers`
    pub providers: Vec<Vec<Line>>,
    /// `public_url`, `base_path`
    pub top: Vec<Line>,
    /// `session`, when people sign in
    pub session: Vec<Line>,
    /// `rules`
    pub rules: Vec<Vec<Line>>,
    /// What stands below the rules, as comments
    pub rules_remarks: Vec<String>,
    /// `headers`
    pub headers: Vec<Line>,
}

/// A line, or a value that takes several.
pub enum Line {
    /// A comment alone.
    Remark(String),
    /// A member of a mapping, and what it is for.
    Member(String, Tree, String),
}

impl Line {
    /// A comment.
    pub fn remark(text: impl Into<String>) -> Self {
        Self::Remark(text.into())
    }

    /// A member that explains itself.
    pub fn member(name: &str, value: impl Into<Tree>) -> Self {
        Self::Member(name.to_owned(), value.into(), String::new())
    }

    /// A member with a comment.
    pub fn explained(name: &str, value: impl Into<Tree>, comment: impl Into<String>) -> Self {
        Self::Member(name.to_owned(), value.into(), comment.into())
    }
}

/// `{env: NAME}`
pub fn variable(name: &str) -> Tree {
    Tree::Mapping(vec![("env".to_owned(), name.into())])
}

/// A list of texts.
pub fn texts<'t>(texts: impl IntoIterator<Item = &'t str>) -> Tree {
    Tree::List(texts.into_iter().map(Tree::from).collect())
}

impl Draft {
    /// The text of the file.
    pub fn write(&self) -> String {
        let mut text = String::new();
        for line in &self.intro {
            text.push_str(format!("# {line}").trim_end());
            text.push('\n');
        }
        text.push_str("\nproviders:\n");
        for provider in &self.providers {
            write_item(provider, &mut text);
        }
        if !self.top.is_empty() {
            text.push('\n');
            write_lines(&self.top, 0, &mut text);
        }
        if !self.session.is_empty() {
            text.push_str("\nsession:\n");
            write_lines(&self.session, 2, &mut text);
        }
        // Without a client nobody can have a session.
        let otherwise = if self.session.is_empty() { "is refused" } else { "needs a session" };
        if self.rules.is_empty() {
            text.push_str(&format!(
                "\n# The first rule that matches wins; what none matches {otherwise}.\nrules: []\n"
            ));
        } else {
            let comment = format!("# the first that matches wins; what none matches {otherwise}");
            text.push_str(&format!("\n{:<40} {comment}\n", "rules:"));
            for rule in &self.rules {
                write_item(rule, &mut text);
            }
        }
        for line in &self.rules_remarks {
            text.push_str(format!("# {line}").trim_end());
            text.push('\n');
        }
        if !self.headers.is_empty() {
            text.push_str("\nheaders:                                 # to the application; whoever sends these from outside is not believed\n");
            write_lines(&self.headers, 2, &mut text);
        }
        text
    }
}

/// An item of a list: its first member stands behind the dash.
fn write_item(lines: &[Line], text: &mut String) {
    let first = lines.iter().position(|line| matches!(line, Line::Member(..))).unwrap_or(lines.len());
    let (before, members) = lines.split_at(first);
    write_lines(before, 0, text);
    let mut item = String::new();
    write_lines(members, 2, &mut item);
    text.push_str(&format!("- {}", item.trim_start()));
}

fn write_lines(lines: &[Line], indent: usize, text: &mut String) {
    let space = " ".repeat(indent);
    for line in lines {
        match line {
            Line::Remark(remark) => text.push_str(&format!("{}\n", format!("{space}# {remark}").trim_end())),
            Line::Member(name, value, comment) => {
                let member = yaml::block(&Tree::Mapping(vec![(name.clone(), value.clone())]), indent);
                let is_one_line = member.matches('\n').count() == 1;
                match (comment.is_empty(), is_one_line) {
                    (true, _) => text.push_str(&member),
                    (false, true) => text.push_str(&format!("{:<COMMENT_COLUMN$} # {comment}\n", member.trim_end())),
                    (false, false) => text.push_str(&format!("{space}# {comment}\n{member}")),
                }
            }
        }
    }
}
