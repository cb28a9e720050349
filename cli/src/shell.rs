//! `latchkey completions` and `latchkey man`: both written from the command's own description.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, io};

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use miette::{Context as _, IntoDiagnostic as _};

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
    let mut command = described().disable_help_subcommand(true);
    command.build();
    match &arguments.directory {
        Some(folder) => write_all(&command, folder)?,
        None => output::write(page(&command).into_diagnostic()?.as_bytes())?,
    }
    Ok(ExitCode::SUCCESS)
}

fn described() -> Command {
    crate::Arguments::command()
}

/// Writes the pages of a command and of all below it.
fn write_all(command: &Command, folder: &Path) -> miette::Result<()> {
    for command in command.get_subcommands() {
        write_all(command, folder)?;
    }
    let path = folder.join(Man::new(command.clone()).get_filename());
    let text = page(command).into_diagnostic()?;
    fs::write(&path, text).into_diagnostic().wrap_err_with(|| format!("cannot write {}", path.display()))
}

/// The page of one command, in ASCII: not every groff takes more.
fn page(command: &Command) -> io::Result<String> {
    let man = Man::new(command.clone()).source(concat!("latchkey ", env!("CARGO_PKG_VERSION"))).manual("Latchkey");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    let mut page = String::from_utf8_lossy(&page).into_owned();
    page.push_str(
        ".SH EXIT STATUS\n0: done, and what was asked about is valid. 1: not. 2: the command line is none.\n",
    );
    if let Some(examples) = command.get_after_help() {
        page.push_str(&as_written(&examples.to_string()));
    }
    Ok(page.chars().map(in_ascii).collect())
}

/// A section whose lines stay lines and whose words nobody hyphenates.
fn as_written(examples: &str) -> String {
    let lines = examples.trim_start_matches("Examples:").trim_start_matches('\n').lines();
    let escaped = |line: &str| format!("\\&{}\n", line.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq"));
    format!(".SH EXAMPLES\n.nf\n{}.fi\n", lines.map(escaped).collect::<String>())
}

fn in_ascii(character: char) -> String {
    if character.is_ascii() { character.to_string() } else { format!("\\[u{:04X}]", u32::from(character)) }
}
