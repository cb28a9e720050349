//! What goes to the standard output: results, for people or for scripts.

use std::io::{self, Write as _};
use std::sync::OnceLock;

use miette::Diagnostic;
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

/// The result did not get to where it should be: a full disk, for example.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("cannot write to the standard output")]
pub struct OutputError(#[source] io::Error);

/// Writes a value as JSON.
pub fn json(value: &impl Serialize) {
    line(&serde_json::to_string_pretty(value).unwrap_or_default());
}

/// Writes a line. What goes wrong is remembered: see [`failure`].
pub fn line(text: &str) {
    if let Err(OutputError(error)) = write(format!("{text}\n").as_bytes()) {
        // The first says it all.
        drop(FAILURE.set(error));
    }
}

/// Writes bytes. A reader that has gone away, such as `head`, is no error.
pub fn write(bytes: &[u8]) -> Result<(), OutputError> {
    let mut output = io::stdout().lock();
    match output.write_all(bytes).and_then(|()| output.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(OutputError(error)),
        _ => Ok(()),
    }
}

/// Why a line was not written.
pub fn failure() -> Option<OutputError> {
    let error = FAILURE.get()?;
    Some(OutputError(io::Error::new(error.kind(), error.to_string())))
}

static FAILURE: OnceLock<io::Error> = OnceLock::new();
