//! `latchkey completions` and `latchkey man`: both written from the command's own description.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Command, CommandFactory as _};
use miette::IntoDiagnostic as _;

use crate::output;

/// Write the completions for a shell
#[derive(clap::Args)]
#[command(after_help = "Examples:
  latchkey completions bash > /etc/bash_completion.d/latchkey
  latchkey completions zsh > \"${fpath[1]}/_latchkey\"
  latchkey completions fish > ~/.config/fish/completions/latchkey.fish")]
pub struct CompletionsArguments {
    /// The shell
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

/// Write the man page
#[derive(clap::Args)]
#[command(after_help = "Examples:
  latchkey man | man -l -
  latchkey man --directory /usr/local/share/man/man1")]
pub struct ManArguments {
    /// Write the pages of all commands into this folder, instead of the first to the standard output
    #[arg(long, value_name = "FOLDER")]
    directory: Option<PathBuf>,
}

/// Runs `completions`.
pub fn completions(arguments: &CompletionsArguments) -> miette::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut described(), "latchkey", &mut script);
    output::write(&script)?;
    Ok(ExitCode::SUCCESS)
}

/// Runs `man`.
pub fn man(arguments: &ManArguments) -> miette::Result<ExitCode> {
    match &arguments.directory {
        Some(folder) => clap_mangen::generate_to(described(), folder).into_diagnostic()?,
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(described()).render(&mut page).into_diagnostic()?;
            output::write(&page)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn described() -> Command {
    crate::Arguments::command()
}
