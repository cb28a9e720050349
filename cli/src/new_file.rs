//! Files that hold secrets: for their owner alone, and never over another file.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use miette::Diagnostic;

/// Why a file was not written.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum NewFileError {
    /// There is one already.
    #[error("{} exists already", path.display())]
    #[diagnostic(help("nothing was changed: move it away, or name another file with --out"))]
    Exists { path: PathBuf },
    /// The system refuses.
    #[error("cannot write {}", path.display())]
    Unwritable {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
}

/// Writes a new file that only its owner can read.
pub fn write(path: &Path, text: &str) -> Result<(), NewFileError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written =
        options.open(path).and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    written.map_err(|cause| match cause.kind() {
        io::ErrorKind::AlreadyExists => NewFileError::Exists { path: path.to_owned() },
        _ => NewFileError::Unwritable { path: path.to_owned(), cause },
    })
}
