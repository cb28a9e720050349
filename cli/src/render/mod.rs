//! `latchkey render`: complete manifests for what runs the filter.

mod envoy;
mod envoy_gateway;
mod istio;
mod module;
mod plan;

use std::path::PathBuf;
use std::process::ExitCode;

use latchkey_explain::judgement::UnsetVariables;
use miette::Diagnostic;
use relying_party::config::{ClientAuthentication, Config, Provider};
use relying_party::protocol::{MetadataError, ProviderMetadata};

use crate::discovery::{Discovered, DiscoveryFailure, Document as Discovery, Source};
use crate::environment::{self, say_unset};
use crate::{file, new_file, output, report};
use module::{Module, ModuleError};
use plan::{Known, Naming, Plan, PlanError};

/// Where the operating systems that proxies run on keep the authorities that they trust.
const SYSTEM_ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Write complete manifests for Envoy, Istio or Envoy Gateway
///
/// The filter with its configuration, and a cluster with verified TLS for each host that it talks to. The hosts are those of each
/// provider's discovery document, which is fetched, unless --discovery names a file or the configuration has all of it as `metadata`.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    target: Target,
}

#[derive(clap::Subcommand)]
enum Target {
    Envoy(envoy::Arguments),
    Istio(istio::Arguments),
    EnvoyGateway(envoy_gateway::Arguments),
}

/// What every target takes.
#[derive(clap::Args)]
struct CommonArguments {
    /// The configuration, YAML or JSON
    file: PathBuf,
    /// A provider's discovery document; with several providers NAME=FILE, for each
    #[arg(long, value_name = "[NAME=]FILE")]
    discovery: Vec<String>,
    /// Where Webdis is, when the configuration has a store
    #[arg(long, value_name = "HOST:PORT")]
    store: Option<String>,
    /// The authorities that providers' certificates must lead to: a file where the proxy runs
    /// [default: those of the system, /etc/ssl/certs/ca-certificates.crt]
    #[arg(long, value_name = "FILE")]
    ca_file: Option<String>,
    /// Write into a new file that only you can read, instead of the standard output
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    module: ModuleArguments,
}

impl CommonArguments {
    fn ca_file(&self) -> &str {
        self.ca_file.as_deref().unwrap_or(SYSTEM_ROOTS)
    }
}

/// Which module.
#[derive(clap::Args)]
struct ModuleArguments {
    /// The module: a file, a URL, or oci://REGISTRY/IMAGE@sha256:DIGEST
    #[arg(long, value_name = "FILE|URL|oci://…", default_value = "latchkey.wasm")]
    module: String,
    /// Its SHA-256; otherwise it is read or fetched, to know it
    #[arg(long, value_name = "HEX")]
    sha256: Option<String>,
}

/// Why nothing is rendered.
#[derive(Debug, thiserror::Error, Diagnostic)]
enum RenderError {
    #[error("the configuration has problems")]
    #[diagnostic(help("nothing is rendered that the filter would refuse"))]
    Configuration,
    #[error("--discovery names no provider of the configuration: {name}")]
    #[diagnostic(help("it has: {known}"))]
    UnknownProvider { name: String, known: String },
    #[error("--discovery does not say whose document it is")]
    #[diagnostic(help("with several providers: --discovery NAME=FILE"))]
    WhoseDocument,
    #[error("the metadata of the provider {provider} cannot be used")]
    Metadata {
        provider: String,
        #[source]
        cause: MetadataError,
    },
    #[error("the provider {provider} is not known well enough")]
    Discovery {
        provider: String,
        #[source]
        #[diagnostic_source]
        cause: DiscoveryFailure,
    },
    #[error(transparent)]
    #[diagnostic(transparent)]
    Plan(#[from] PlanError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Module(#[from] ModuleError),
}

/// Runs it.
pub fn run(arguments: &Arguments) -> miette::Result<ExitCode> {
    let (common, text) = match &arguments.target {
        Target::Envoy(arguments) => (&arguments.common, envoy::render(arguments)?),
        Target::Istio(arguments) => (&arguments.common, istio::render(arguments)?),
        Target::EnvoyGateway(arguments) => (&arguments.common, envoy_gateway::render(arguments)?),
    };
    match &common.out {
        Some(path) => new_file::write(path, &text)?,
        None => output::line(text.trim_end()),
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads the configuration, asks the providers, and names the clusters as the target does.
fn plan(common: &CommonArguments, naming: &Naming<'_>) -> miette::Result<Plan> {
    let document = file::document(&common.file).map_err(report::file)?;
    let judgement = environment::judge(&document, UnsetVariables::AreSupposed);
    let config = match judgement.config {
        Ok(config) => config,
        Err(findings) => {
            report::findings(&document, &findings);
            return Err(RenderError::Configuration.into());
        }
    };
    let known = known(&config, &common.discovery)?;
    let mut configuration = document.tree.clone();
    let upstreams = plan::clusters(&mut configuration, &config, &known, common.store.as_deref(), naming)
        .map_err(RenderError::from)?;
    let variables = judgement.environment.variables().into_iter().map(str::to_owned).collect();
    let module = Module::find(&common.module).map_err(RenderError::from)?;
    say_unset(&judgement.environment.unset());
    for provider in config.providers.iter().filter(|provider| shows_a_certificate(provider)) {
        eprintln!(
            "WARNING: add the client's certificate to the cluster of {}: tls_client_auth needs it",
            provider.name
        );
    }
    Ok(Plan {
        file: document.name,
        upstreams,
        variables,
        holds_secrets: plan::holds_secrets(&configuration),
        takes_forms: plan::takes_forms(&configuration),
        configuration,
        module,
    })
}

/// Whether the client proves itself by a certificate, which the cluster has to show (RFC 8705 §2.1).
fn shows_a_certificate(provider: &Provider) -> bool {
    let authentication = provider.client.as_ref().map(|client| &client.authentication);
    matches!(authentication, Some(ClientAuthentication::TlsClientAuth))
}

/// What is known of each provider.
fn known<'c>(config: &'c Config, documents: &[String]) -> Result<Vec<Known<'c>>, RenderError> {
    let mut files: Vec<(&str, PathBuf)> = Vec::new();
    for text in documents {
        let named =
            text.split_once('=').filter(|(name, _)| config.providers.iter().any(|provider| provider.name == *name));
        match (named, config.providers.as_slice()) {
            (Some((name, file)), _) => files.push((name, file.into())),
            (None, [only]) => files.push((&only.name, text.into())),
            (None, _) => {
                let known =
                    config.providers.iter().map(|provider| provider.name.as_str()).collect::<Vec<_>>().join(", ");
                return Err(match text.split_once('=') {
                    Some((name, _)) => RenderError::UnknownProvider { name: name.to_owned(), known },
                    None => RenderError::WhoseDocument,
                });
            }
        }
    }
    let of = |provider: &'c std::rc::Rc<Provider>| {
        let file = files.iter().find(|(name, _)| *name == provider.name).map(|(_, file)| file.as_path());
        metadata(provider, &file.map_or(Source::Provider, Source::File)).map(|metadata| (&**provider, metadata))
    };
    config.providers.iter().map(of).collect()
}

fn metadata(provider: &Provider, source: &Source<'_>) -> Result<Option<ProviderMetadata>, RenderError> {
    let name = || provider.name.clone();
    if let Some(metadata) = ProviderMetadata::from_overrides(provider) {
        return metadata.map(Some).map_err(|cause| RenderError::Metadata { provider: name(), cause });
    }
    let discovered = Discovery::load(provider, source).and_then(|document| document.judge(provider));
    let discovered: Result<Discovered, DiscoveryFailure> = discovered;
    discovered
        .map(|discovered| Some(discovered.metadata))
        .map_err(|cause| RenderError::Discovery { provider: name(), cause })
}

/// A name of Kubernetes (RFC 1123 label).
fn name(text: &str) -> Result<String, &'static str> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let fits = !text.is_empty()
        && text.len() <= 63
        && text.bytes().all(plain)
        && !text.starts_with('-')
        && !text.ends_with('-');
    fits.then(|| text.to_owned()).ok_or("expected lower-case letters, digits and -")
}

fn say_secrets(plan: &Plan, lines: &mut Vec<String>) {
    if plan.holds_secrets {
        lines.push(String::new());
        lines.push("This manifest holds secrets of that file, for everybody who may read it: better {env: NAME} there, and the value".to_owned());
        lines.push("in the proxy's environment, from a Secret.".to_owned());
    }
}

fn comment(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{}\n", format!("# {line}").trim_end())).collect()
}
