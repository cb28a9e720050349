//! `latchkey explain`: what the filter would do with a request, and why.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use latchkey_explain::document::{Document, line_and_column};
use latchkey_explain::judgement::UnsetVariables;
use latchkey_explain::request::{self, RequestError, Sender};
use latchkey_explain::{Explanation, Identity, Question, Verdict};
use miette::Diagnostic;
use relying_party::time::UnixTime;

use crate::environment::{self, say_unset};
use crate::file;
use crate::output::{self, Format};
use crate::report;

/// Say what the filter would do with a request: rule, verdict, reason, and the headers to the backend
///
/// The filter's own code decides, here without a proxy, a provider or a network. What nobody can be asked about, such as whether a
/// token's signature is good, is supposed, and the answer says so.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  latchkey explain latchkey.yaml --request 'GET https://portal.example.org/'
  latchkey explain latchkey.yaml --request 'GET https://portal.example.org/approvals' --claims ada.json
  latchkey explain latchkey.yaml --request 'POST https://api.example.org/orders' --token \"$TOKEN\" --output json

A file for --claims, YAML or JSON, has what an ID token would say: {sub: ada, groups: [finance]}")]
pub struct Arguments {
    /// The configuration, YAML or JSON
    file: PathBuf,
    /// Method and URL; without a method it is GET
    #[arg(long, value_name = "METHOD URL")]
    request: String,
    /// A header field of the request; may be repeated
    #[arg(long = "header", short = 'H', value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// Claims of somebody who is signed in, or, under a rule that takes access tokens only, of the token; - for the standard input
    #[arg(long, value_name = "FILE", conflicts_with = "token")]
    claims: Option<PathBuf>,
    /// Whose claims they are: the provider's name in the configuration
    #[arg(long, value_name = "NAME", requires = "claims")]
    provider: Option<String>,
    /// An access token that is presented; - to read it from the standard input
    #[arg(long, value_name = "JWT")]
    token: Option<String>,
    /// As a script sends it, and not as a person does who opens a page
    #[arg(long)]
    script: bool,
    /// How to write the result
    #[arg(long, value_enum, default_value_t)]
    output: Format,
}

/// Why a request cannot be explained.
#[derive(Debug, thiserror::Error, Diagnostic)]
enum ExplainError {
    #[error("--request is no request: {0}")]
    #[diagnostic(help("for example: --request 'GET https://portal.example.org/approvals'"))]
    Request(#[source] RequestError),
    #[error("--header is no header field")]
    #[diagnostic(help("for example: --header 'accept: text/html'"))]
    Header,
    #[error("the claims in {name} are no mapping")]
    #[diagnostic(help("for example: {{\"sub\": \"ada\", \"groups\": [\"finance\"]}}"))]
    Claims { name: String },
    #[error("the configuration has no provider {name:?}")]
    #[diagnostic(help("it has: {known}"))]
    Provider { name: String, known: String },
}

/// Runs it.
pub fn run(arguments: &Arguments) -> miette::Result<ExitCode> {
    let document = file::document(&arguments.file).map_err(report::file)?;
    let judgement = environment::judge(&document, UnsetVariables::AreSupposed);
    let config = match &judgement.config {
        Ok(config) => config,
        Err(findings) => {
            report::findings(&document, findings);
            return Ok(ExitCode::FAILURE);
        }
    };
    if let Some(name) = &arguments.provider {
        let mut known = config.providers.iter().map(|provider| provider.name.as_str());
        if !known.any(|known| known == name) {
            let known = config.providers.iter().map(|provider| provider.name.as_str()).collect::<Vec<_>>().join(", ");
            return Err(ExplainError::Provider { name: name.clone(), known }.into());
        }
    }
    let identity = identity(arguments)?;
    let question = Question { request: request(arguments, &identity)?, identity };
    let environment = |name: &str| judgement.environment.value(name);
    let explanation = latchkey_explain::explain(&document.json(), &environment, question, now());
    let Ok(explanation) = explanation else { return Ok(ExitCode::FAILURE) };
    match arguments.output {
        Format::Json => output::json(&explanation),
        Format::Text => {
            output::line(text(&document, arguments.request.trim(), &explanation).trim_end());
            say_unset(&judgement.environment.unset());
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn identity(arguments: &Arguments) -> miette::Result<Identity> {
    if let Some(token) = &arguments.token {
        let token = if token == "-" { file::text(Path::new("-")).map_err(report::file)? } else { token.clone() };
        return Ok(Identity::Token(token.trim().to_owned()));
    }
    let Some(claims) = &arguments.claims else { return Ok(Identity::Nobody) };
    let document = file::document(claims).map_err(report::file)?;
    match document.members() {
        Some(claims) => Ok(Identity::Claims { claims, provider: arguments.provider.clone() }),
        None => Err(ExplainError::Claims { name: document.name }.into()),
    }
}

/// The fields of the request, as a proxy hands them over.
fn request(arguments: &Arguments, identity: &Identity) -> Result<Vec<(String, Vec<u8>)>, ExplainError> {
    let is_program = arguments.script || matches!(identity, Identity::Token(_));
    let sender = if is_program { Sender::Program } else { Sender::Browser };
    request::fields(&arguments.request, arguments.headers.iter().map(String::as_str), sender).map_err(|error| {
        match error {
            RequestError::Header => ExplainError::Header,
            error => ExplainError::Request(error),
        }
    })
}

fn text(document: &Document, request: &str, explanation: &Explanation) -> String {
    let mut text = format!("{request}\n\n");
    let mut say = |name: &str, value: &str| {
        text.push_str(&format!("{name:<10} {value}\n"));
    };
    let place = explanation.rule_path.as_ref().map(|path| {
        let (line, _) = line_and_column(&document.text, document.place(path).start);
        format!(" ({path}, {}:{line})", document.name)
    });
    let rule = explanation.rule.as_deref().or(explanation.instead_of_rule).unwrap_or_default();
    say("rule", &format!("{rule}{}", place.unwrap_or_default()));
    say("verdict", &explanation.verdict.summary());
    match &explanation.verdict {
        Verdict::Forwarded { added, removed, left_out } => {
            for (name, value) in added {
                say("header", &format!("{name}: {value}"));
            }
            for name in removed {
                say("removed", &format!("{name}, which the client sent"));
            }
            for name in left_out {
                say("left out", &format!("{name}: its expression has no value that can be sent"));
            }
        }
        Verdict::Answered { reason, location, challenge, .. } => {
            for (name, value) in [("reason", *reason), ("to", location.as_deref()), ("challenge", challenge.as_deref())]
            {
                if let Some(value) = value {
                    say(name, value);
                }
            }
        }
        Verdict::SignInPage { .. } | Verdict::Undecided => {}
    }
    if let Some(requirement) = &explanation.requirement {
        say("require", &format!("{} is {}", requirement.expression, requirement.outcome));
    }
    for line in &explanation.log {
        say("log", line);
    }
    for supposed in &explanation.supposed {
        say("supposed", supposed);
    }
    text
}

fn now() -> UnixTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    UnixTime::from_secs(since.as_secs())
}
