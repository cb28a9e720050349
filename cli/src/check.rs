//! `latchkey check`: whether the filter would start with a configuration.

use std::path::PathBuf;
use std::process::ExitCode;

use relying_party::config::Problem;
use serde_json::{Value, json};

use crate::configuration::{self, UnsetVariables};
use crate::document::{self, Document, DocumentError, line_and_column};
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
    let document = match Document::read(&arguments.file) {
        Ok(document) => document,
        Err(error) if arguments.output == Format::Json => {
            output::json(&unreadable(&document::name_of(&arguments.file), &error));
            return Ok(ExitCode::FAILURE);
        }
        Err(error) => return Err(report::document(error)),
    };
    let judgement = configuration::judge(&document, unset);
    let problems = judgement.config.as_ref().err().map(|errors| report::in_order(&document, errors.problems()));
    let problems = problems.unwrap_or_default();
    let unset = judgement.environment.unset();
    match arguments.output {
        Format::Json => output::json(&json!({
            "file": document.name,
            "valid": problems.is_empty(),
            "problems": problems.iter().map(|problem| shown(&document, problem)).collect::<Vec<_>>(),
            "unset_variables": unset,
        })),
        Format::Text => {
            for problem in &problems {
                eprintln!("{:?}", report::problem(&document, problem));
            }
            say_unset(&unset);
            match problems.len() {
                0 => output::line(&format!("{}: valid", document.name)),
                1 => eprintln!("{}: 1 problem", document.name),
                count => eprintln!("{}: {count} problems", document.name),
            }
        }
    }
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Says which variables were supposed.
pub fn say_unset(unset: &[&str]) {
    if !unset.is_empty() {
        eprintln!("note: not set here, so not checked: {}", unset.join(", "));
    }
}

fn shown(document: &Document, problem: &Problem) -> Value {
    let (line, column) = line_and_column(&document.text, document.place(&problem.path).start);
    json!({"path": problem.path, "message": problem.message, "hint": problem.hint, "line": line, "column": column})
}

fn unreadable(name: &str, error: &DocumentError) -> Value {
    let mut problem = json!({"path": "", "message": error.to_string(), "hint": null});
    if let (DocumentError::Malformed { text, place, message, .. }, Some(members)) = (error, problem.as_object_mut()) {
        let (line, column) = line_and_column(text, place.start);
        members.insert("message".to_owned(), message.as_str().into());
        members.insert("line".to_owned(), line.into());
        members.insert("column".to_owned(), column.into());
    }
    json!({"file": name, "valid": false, "problems": [problem], "unset_variables": []})
}
