//! What goes to the standard output: results, for people or for scripts.

use std::io::{self, Write as _};

use serde::Serialize;

/// How a result is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// For scripts
    Json,
}

/// Writes a value as JSON.
pub fn json(value: &impl Serialize) {
    line(&serde_json::to_string_pretty(value).unwrap_or_default());
}

/// Writes a line. A reader that has gone away, such as `head`, is no error.
pub fn line(text: &str) {
    let mut output = io::stdout().lock();
    drop(writeln!(output, "{text}").and_then(|()| output.flush()));
}
