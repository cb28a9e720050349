//! `latchkey explain`: what the filter would do with a request, and why.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use latchkey_explain::{Explanation, Identity, Question, Verdict};
use miette::Diagnostic;
use relying_party::entropy::Entropy;
use relying_party::time::UnixTime;
use serde_json::{Map, Value};
use url::Url;

use crate::check::say_unset;
use crate::configuration::{self, UnsetVariables};
use crate::document::{self, Document, line_and_column};
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
    #[error("--request is no request: {found}")]
    #[diagnostic(help("for example: --request 'GET https://portal.example.org/approvals'"))]
    Request { found: &'static str },
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
    let document = Document::read(&arguments.file).map_err(report::document)?;
    let judgement = configuration::judge(&document, UnsetVariables::AreSupposed);
    let config = match &judgement.config {
        Ok(config) => config,
        Err(errors) => {
            for problem in report::in_order(&document, errors.problems()) {
                eprintln!("{:?}", report::problem(&document, problem));
            }
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
    let explanation = latchkey_explain::explain(&document.json(), &environment, question, now(), &mut System);
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
        let token = if token == "-" {
            document::read_text(Path::new("-")).map_err(report::document)?.trim().to_owned()
        } else {
            token.clone()
        };
        return Ok(Identity::Token(token));
    }
    let Some(file) = &arguments.claims else { return Ok(Identity::Nobody) };
    let document = Document::read(file).map_err(report::document)?;
    match serde_json::from_slice::<Map<String, Value>>(&document.json()) {
        Ok(claims) => Ok(Identity::Claims { claims, provider: arguments.provider.clone() }),
        Err(_) => Err(ExplainError::Claims { name: document.name }.into()),
    }
}

/// The fields of the request, as a proxy hands them over.
fn request(arguments: &Arguments, identity: &Identity) -> Result<Vec<(String, Vec<u8>)>, ExplainError> {
    let text = arguments.request.trim();
    let (method, address) = text.split_once(char::is_whitespace).unwrap_or(("GET", text));
    let url = Url::parse(address.trim()).map_err(|_| ExplainError::Request { found: "the address is no URL" })?;
    let refused = |found| Err(ExplainError::Request { found });
    if !matches!(url.scheme(), "http" | "https") {
        return refused("the address begins with neither https:// nor http://");
    }
    if method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-') {
        return refused("the method is no word");
    }
    let Some(host) = url.host_str() else { return refused("the address has no host") };
    let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let mut fields = vec![
        (":method", method.to_ascii_uppercase()),
        (":scheme", url.scheme().to_owned()),
        (":authority", authority),
        (":path", target(address.trim())),
    ];
    let mut given = Vec::new();
    for header in &arguments.headers {
        let (name, value) = header.split_once(':').ok_or(ExplainError::Header)?;
        let name = name.trim().to_ascii_lowercase();
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) || value.chars().any(char::is_control) {
            return Err(ExplainError::Header);
        }
        given.push((name, value.trim().to_owned()));
    }
    let says = |name: &str| given.iter().any(|(given, _)| given == name);
    let is_page = !arguments.script && !matches!(identity, Identity::Token(_));
    if is_page && !["accept", "sec-fetch-mode", "x-requested-with"].into_iter().any(says) {
        fields.extend([("accept", "text/html".to_owned()), ("sec-fetch-mode", "navigate".to_owned())]);
        fields.extend([("sec-fetch-dest", "document".to_owned()), ("sec-fetch-site", "none".to_owned())]);
    }
    let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value.into_bytes()));
    Ok(fields.chain(given.into_iter().map(|(name, value)| (name, value.into_bytes()))).collect())
}

/// Path and query as they are written: an ambiguous path must not be made plain on the way.
fn target(address: &str) -> String {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let rest = rest.split('#').next().unwrap_or_default();
    match rest.find(['/', '?', '\\']) {
        Some(start) => {
            let target = rest.get(start..).unwrap_or_default();
            if target.starts_with('?') { format!("/{target}") } else { target.to_owned() }
        }
        None => "/".to_owned(),
    }
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
    say("rule", &format!("{}{}", explanation.rule, place.unwrap_or_default()));
    match &explanation.verdict {
        Verdict::Forwarded { added, removed } => {
            say("verdict", "goes to the application");
            for (name, value) in added {
                say("header", &format!("{name}: {value}"));
            }
            for name in removed {
                say("removed", &format!("{name}, which the client sent"));
            }
        }
        Verdict::Answered { status, reason, location, challenge } => {
            let what = match status {
                302 | 303 => "sent elsewhere",
                200 => "answered",
                _ => "refused",
            };
            say("verdict", &format!("{what}, status {status}"));
            let location = location.as_deref().map(|location| match location.strip_suffix("/explain/authorize") {
                Some(issuer) => format!("the authorization endpoint of {issuer}"),
                None => location.to_owned(),
            });
            for (name, value) in
                [("reason", reason.map(str::to_owned)), ("to", location), ("challenge", challenge.clone())]
            {
                if let Some(value) = value {
                    say(name, &value);
                }
            }
        }
        Verdict::Undecided => say("verdict", "cannot be said here: it depends on an answer from outside"),
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

/// The system's randomness.
struct System;

impl Entropy for System {
    fn fill(&mut self, buffer: &mut [u8]) {
        // Only placeholders are made of it here: nothing that is sealed leaves the process.
        let _ = getrandom::fill(buffer);
    }
}
