//! `latchkey init`: writes a configuration, for a provider or from that of another program.

mod domain;
pub mod draft;
pub mod fresh;
mod kinds;
pub mod provider;
mod source;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use latchkey_explain::document::{Document, Tree};
use latchkey_explain::judgement::UnsetVariables;
use miette::Diagnostic;
use relying_party::config::Config;

use crate::environment;
use crate::keygen;
use crate::migrate::{self, Migration};
use crate::new_file::{self, NewFileError};
use crate::{output, report};
use draft::{Draft, Line, variable};
use provider::Found;

/// Why nobody signs in at a provider where people usually do.
const WITHOUT_CODE: &str = "Its discovery document has no authorization_endpoint, or no `code` among response_types_supported: people cannot sign in there.";

/// What these files say cannot be said beside them.
const OTHER_PROGRAMS: [&str; 2] = ["from", "from_envoy"];

/// Write a configuration for a provider, with a new session key
///
/// Asks the provider what it is like (or reads that from a file), and writes a commented latchkey.yaml that passes `check`. Never
/// overwrites a file. With --from or --from-envoy the configuration of another program is carried over, and what changes is listed.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  latchkey init https://login.example.org/realms/corp --client-id portal --public-url https://portal.example.org
  latchkey init https://accounts.google.com --client-id ID --domain example.org
  latchkey init https://login.microsoftonline.com/common/v2.0 --tenant TENANT-ID --client-id ID
  latchkey init https://token.actions.githubusercontent.com --audience https://deploy.example.org
  latchkey init --discovery openid-configuration.json --client-id portal
  latchkey init --from oauth2-proxy.cfg
  latchkey init https://login.example.org --from-envoy envoy.yaml")]
pub struct Arguments {
    /// The provider's issuer, exactly as it writes it itself
    issuer: Option<String>,
    /// Read the provider's discovery document from a file instead of asking the provider
    #[arg(long, value_name = "FILE")]
    discovery: Option<PathBuf>,
    /// Carry over a configuration file of oauth2-proxy (TOML)
    #[arg(long, value_name = "FILE", conflicts_with = "from_envoy")]
    from: Option<PathBuf>,
    /// Carry over the filters oauth2 and jwt_authn of an Envoy configuration (YAML or JSON)
    #[arg(long, value_name = "FILE")]
    from_envoy: Option<PathBuf>,
    /// Where to write it; - for the standard output
    #[arg(long, short, value_name = "FILE", default_value = "latchkey.yaml")]
    out: PathBuf,
    /// What the provider is called in the configuration
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The client identifier that the provider gave out
    #[arg(long, value_name = "ID", conflicts_with_all = OTHER_PROGRAMS)]
    client_id: Option<String>,
    /// The client has no secret
    #[arg(long, conflicts_with_all = OTHER_PROGRAMS)]
    public_client: bool,
    /// Where browsers find the application, such as https://portal.example.org
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Accept access tokens that are for this audience; may be repeated
    #[arg(long, value_name = "AUDIENCE", conflicts_with_all = OTHER_PROGRAMS)]
    audience: Vec<String>,
    /// Admit only people of this domain: by the hosted domain at Google, elsewhere by the e-mail address
    #[arg(long, value_name = "DOMAIN", conflicts_with_all = OTHER_PROGRAMS)]
    domain: Option<String>,
    /// A tenant of Entra ID whose people may come; may be repeated
    #[arg(long = "tenant", value_name = "ID")]
    tenants: Vec<String>,
    /// Refer to the session key as a variable instead of writing it into the file
    #[arg(long, value_name = "VARIABLE", num_args = 0..=1, default_missing_value = "LATCHKEY_SESSION_KEY")]
    session_key_env: Option<String>,
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error, Diagnostic)]
enum InitError {
    #[error("what was to be written would not pass `check`")]
    #[diagnostic(help(
        "the problems above name the values: correct the options, or the file that was to be carried over"
    ))]
    Refused,
    #[error("Entra ID does not verify the e-mail addresses that it sends")]
    #[diagnostic(help(
        "say whose people may come by --tenant, and who of them by app roles: require: '\"Approver\" in claims.roles'"
    ))]
    UnverifiedDomain,
    #[error("nobody signs in at {provider}: {option} would have no effect")]
    #[diagnostic(help("{why}"))]
    NobodySignsIn { provider: &'static str, option: &'static str, why: &'static str },
    #[error("this issuer is of one tenant, or not Entra ID's: --tenant would have no effect")]
    NoTemplate,
}

/// Runs it.
pub fn run(arguments: &Arguments) -> miette::Result<ExitCode> {
    let goes_out = arguments.out == Path::new("-");
    if !goes_out && arguments.out.exists() {
        return Err(NewFileError::Exists { path: arguments.out.clone() }.into());
    }
    let domain = arguments.domain.as_deref().map(domain::parse).transpose()?;
    let key = keygen::session_key()?;
    let session_key = arguments.session_key_env.as_deref().map_or_else(|| key.as_str().into(), variable);
    let mut steps = Steps::default();
    let draft = match migration(arguments, &session_key)? {
        Some(Migration { mut draft, issuer, tenants, mut changes, warnings, secrets }) => {
            // What is lost must not drown in what only changes.
            changes.sort_by_key(|change| !change.contains(migrate::NOTHING));
            steps.changes = changes;
            steps.warnings = warnings;
            steps.secrets = secrets;
            if let (Some(issuer), Some(file)) = (issuer, &arguments.discovery) {
                let found = provider::find(Some(&issuer), Some(file), &tenants)?;
                fresh::add_clusters(&mut draft, &found);
            }
            draft
        }
        None => {
            let found =
                provider::find(arguments.issuer.as_deref(), arguments.discovery.as_deref(), &arguments.tenants)?;
            fits(arguments, &found)?;
            let (draft, secret) = fresh::draft(arguments, &found, domain.as_deref(), session_key);
            steps.secrets.extend(secret);
            steps.kind = Some(found.kind.name);
            steps.needs_client_id = found.signs_in && fresh::client_id(arguments, &found).is_none();
            steps.warnings.extend(found.kind.warning.filter(|_| domain.is_none()).map(str::to_owned));
            if found.kind.signs_in && !found.signs_in {
                steps.warnings.push(format!("{WITHOUT_CODE} Only access tokens are verified."));
            }
            draft
        }
    };
    let names_tenants = |line: &Line| matches!(line, Line::Member(name, ..) if name == "tenants");
    if !arguments.tenants.is_empty() && !draft.providers.iter().flatten().any(names_tenants) {
        return Err(InitError::NoTemplate.into());
    }
    let text = draft.write();
    let config = checked(&draft, &text, arguments)?;
    if goes_out {
        output::line(text.trim_end());
    } else {
        new_file::write(&arguments.out, &text)?;
    }
    steps.key = arguments.session_key_env.as_ref().map(|name| (name.clone(), key));
    // The file itself goes to the standard output, or nothing does.
    let said = steps.say(&arguments.out, &config);
    if goes_out {
        eprint!("{said}")
    } else {
        output::line(said.trim_end())
    }
    Ok(ExitCode::SUCCESS)
}

/// Options that would have no effect at this provider are mistakes.
fn fits(arguments: &Arguments, found: &Found) -> Result<(), InitError> {
    if found.kind.id == "entra" && arguments.domain.is_some() {
        return Err(InitError::UnverifiedDomain);
    }
    if found.signs_in {
        return Ok(());
    }
    let given = [
        ("--client-id", arguments.client_id.is_some()),
        ("--public-client", arguments.public_client),
        ("--domain", arguments.domain.is_some()),
    ];
    let why =
        if found.kind.signs_in { WITHOUT_CODE } else { "workloads present tokens of it: --audience says for whom" };
    match given.into_iter().find(|(_, is_given)| *is_given) {
        Some((option, _)) => Err(InitError::NobodySignsIn { provider: found.kind.name, option, why }),
        None => Ok(()),
    }
}

fn migration(arguments: &Arguments, session_key: &Tree) -> miette::Result<Option<Migration>> {
    let given = migrate::Given {
        issuer: arguments.issuer.as_deref(),
        name: arguments.name.as_deref(),
        public_url: arguments.public_url.as_deref(),
        tenants: &arguments.tenants,
        session_key: session_key.clone(),
    };
    match (&arguments.from, &arguments.from_envoy) {
        (Some(file), _) => migrate::from_oauth2_proxy(file, &given).map(Some),
        (None, Some(file)) => migrate::from_envoy(file, &given).map(Some),
        (None, None) => Ok(None),
    }
}

/// Nothing is written that the filter would refuse.
fn checked(draft: &Draft, text: &str, arguments: &Arguments) -> miette::Result<Config> {
    let name = arguments.out.display().to_string();
    let document = Document::parse(name, text.to_owned()).map_err(report::malformed)?;
    debug_assert!(!draft.providers.is_empty(), "a configuration has a provider");
    match environment::judge(&document, UnsetVariables::AreSupposed).config {
        Ok(config) => Ok(config),
        Err(findings) => {
            source::show(arguments, &findings);
            Err(InitError::Refused.into())
        }
    }
}

/// What to say when it is written.
#[derive(Default)]
struct Steps {
    kind: Option<&'static str>,
    warnings: Vec<String>,
    changes: Vec<String>,
    secrets: Vec<String>,
    needs_client_id: bool,
    key: Option<(String, String)>,
}

impl Steps {
    fn say(&self, out: &Path, config: &Config) -> String {
        let file = out.display();
        let file = if out == Path::new("-") { "latchkey.yaml".to_owned() } else { file.to_string() };
        let mut text = String::new();
        let kind = self.kind.map(|kind| format!(", for {kind}")).unwrap_or_default();
        if out != Path::new("-") {
            text.push_str(&format!("Wrote {file}{kind}. Only you can read it.\n"));
        }
        if !self.changes.is_empty() {
            text.push_str("\nWhat changes:\n");
            for change in &self.changes {
                text.push_str(&format!("  {change}\n"));
            }
        }
        let lost = self.changes.iter().filter(|change| change.contains(migrate::NOTHING)).count();
        if lost > 0 {
            text.push_str(&format!("\nWARNING: NOT CARRIED OVER: {lost}, above: read them before you deploy\n"));
        }
        for warning in &self.warnings {
            text.push_str(&format!("\nWARNING: {warning}\n"));
        }
        text.push_str("\nNext:\n");
        if self.needs_client_id {
            text.push_str(&format!("  put the client's identifier into {file}: client_id (it says `latchkey`)\n"));
        }
        let origin = config.public_urls.first().map_or("https://YOUR-HOST", |url| url.origin.as_str());
        if config.session.is_some() {
            let base = &config.base_path;
            text.push_str(&format!("  register at the provider the redirect URI   {origin}{base}/callback\n"));
            text.push_str(&format!("                      and, for signing out,   {origin}/\n"));
        }
        if let Some((name, key)) = &self.key {
            text.push_str(&format!("  export {name}={key}\n"));
        }
        for secret in &self.secrets {
            text.push_str(&format!("  export {secret}=…\n"));
        }
        text.push_str(&format!("  latchkey check {file}\n"));
        text.push_str(&format!("  latchkey explain {file} --request 'GET {origin}/'\n"));
        text.push_str(&format!("  latchkey render envoy {file} > envoy.yaml      (or istio, envoy-gateway)\n"));
        text
    }
}
