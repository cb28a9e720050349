//! `latchkey check`: whether the filter would start with a configuration.

use std::error::Error as _;
use std::path::PathBuf;
use std::process::ExitCode;

use latchkey_explain::judgement::{self, UnsetVariables};
use miette::Diagnostic as _;
use serde_json::{Value, json};

use crate::environment::{self, say_unset};
use crate::file::{self, FileError};
use crate::output::{self, Format};
use crate::report;

/// Validate a configuration exactly as the filter does
///
/// Every problem is shown at once, with its place. Exits with 0 when the filter would start with this configuration, with 1 when not.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  latchkey check latchkey.yaml
  kubectl get wasmplugin latchkey -o jsonpath='{.spec.pluginConfig}' | latchkey check -
  latchkey check latchkey.yaml --output json | jq -r '.problems[].path'")]
pub struct Arguments {
    /// The configuration, YAML or JSON; - for the standard input
    #[arg(value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
    /// Refuse variables ({env: NAME}) that are not set here, as the filter refuses those that it does not have
    #[arg(long)]
    require_env: bool,
    /// How to write the result
    #[arg(long, value_enum, default_value_t)]
    output: Format,
}

/// Runs it.
pub fn run(arguments: &Arguments) -> miette::Result<ExitCode> {
    let unset = if arguments.require_env { UnsetVariables::AreMissing } else { UnsetVariables::AreSupposed };
    let document = match file::document(&arguments.file) {
        Ok(document) => document,
        Err(error) if arguments.output == Format::Json => {
            say(&file::name(&arguments.file), unreadable(&error), &[]);
            return Ok(ExitCode::FAILURE);
        }
        Err(error) => return Err(report::file(error)),
    };
    let judgement = environment::judge(&document, unset);
    let findings = judgement.config.err().unwrap_or_default();
    let unset = judgement.environment.unset();
    match arguments.output {
        Format::Json => say(&document.name, findings.iter().map(|finding| json!(finding)).collect(), &unset),
        Format::Text => {
            report::findings(&document, &findings);
            say_unset(&unset);
            match findings.len() {
                0 => output::line(&format!("{}: valid", document.name)),
                1 => eprintln!("{}: 1 problem", document.name),
                count => eprintln!("{}: {count} problems", document.name),
            }
        }
    }
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn say(file: &str, problems: Vec<Value>, unset: &[&str]) {
    let valid = problems.is_empty();
    output::json(&json!({"file": file, "valid": valid, "problems": problems, "unset_variables": unset}));
}

/// What is wrong with a file that is no document: places in it, if it could be read, otherwise the cause and what may help.
fn unreadable(error: &FileError) -> Vec<Value> {
    if let FileError::Malformed(malformed) = error {
        return judgement::faults(malformed).iter().map(|finding| json!(finding)).collect();
    }
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    let help = error.help().map(|help| help.to_string());
    vec![json!({"path": "", "message": format!("{error}{cause}"), "hint": null, "help": help})]
}
