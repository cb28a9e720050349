//! A provider's discovery document, from the provider or from a file; the core judges it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use miette::Diagnostic;
use relying_party::config::Provider;
use relying_party::jose::JsonError;
use relying_party::protocol::{DiscoveryError, MetadataError, ProviderMetadata, process_discovery_response};
use serde_json::{Map, Value};
use ureq::tls::{RootCerts, TlsConfig};

/// As long as the filter's own patience with a provider, twice.
const PATIENCE: Duration = Duration::from_secs(10);
/// What the filter reads of an answer.
const LONGEST: u64 = 1024 * 1024;

/// Where a document is, seen from the issuer (OpenID Connect Discovery 1.0 §4).
const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// Where a document comes from.
pub enum Source<'s> {
    /// The provider.
    Provider,
    /// A file.
    File(&'s Path),
}

/// What a provider says about itself.
pub struct Discovered {
    /// As the core understands it.
    pub metadata: ProviderMetadata,
    /// Every member, for what only this command wants to know.
    pub members: Map<String, Value>,
}

/// Why nothing is known about a provider.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum DiscoveryFailure {
    /// No answer.
    #[error("cannot fetch {url}")]
    #[diagnostic(help("without a network: save the document elsewhere and name it with --discovery FILE"))]
    Unreachable {
        url: String,
        #[source]
        cause: Box<ureq::Error>,
    },
    /// No answer in time.
    #[error("{url} did not answer within {} seconds", PATIENCE.as_secs())]
    #[diagnostic(help("without a network: save the document elsewhere and name it with --discovery FILE"))]
    TimedOut { url: String },
    /// The issuer is the address of its document.
    #[error("{url} is where a discovery document is, and not an issuer")]
    #[diagnostic(help("the issuer is what stands before {WELL_KNOWN}"))]
    NoIssuer { url: String },
    /// Another status than 200.
    #[error("{origin} answered with status {status}{}", location.as_ref().map(|to| format!(", which leads to {to}")).unwrap_or_default())]
    #[diagnostic(help("{}", of_status(*status)))]
    Status { origin: String, status: u16, location: Option<String> },
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        cause: std::io::Error,
    },
    /// The provider has no document at all.
    #[error("the provider has no discovery document")]
    #[diagnostic(help("write its endpoints under `metadata`, or name a document with --discovery"))]
    None,
    /// A document about another issuer (OpenID Connect Discovery 1.0 §4.3).
    #[error("{origin} is about another issuer: {found}")]
    #[diagnostic(help(
        "the issuer must be written exactly as the provider writes it, with or without a slash at its end"
    ))]
    AnotherIssuer { origin: String, found: String },
    /// The core does not accept it.
    #[error("{origin} cannot be used")]
    #[diagnostic(help("{}", advice(cause)))]
    Refused {
        origin: String,
        #[source]
        cause: DiscoveryError,
    },
}

const fn of_status(status: u16) -> &'static str {
    match status {
        300..=399 => "it leads elsewhere, and the filter does not follow: use the issuer that the other place names",
        408 | 429 | 500.. => "the provider is not there now: try again later",
        _ => "is it the issuer? Its document is at ISSUER/.well-known/openid-configuration",
    }
}

const fn advice(error: &DiscoveryError) -> &'static str {
    match error {
        DiscoveryError::Unavailable { status } | DiscoveryError::UnexpectedStatus { status } => of_status(*status),
        DiscoveryError::Malformed(JsonError::DuplicateMember) => {
            "a member stands twice in it, and which of them counts is open: the filter refuses it, too"
        }
        DiscoveryError::Malformed(JsonError::TooLarge) => "no provider has so much to say: is it the issuer?",
        DiscoveryError::Malformed(_) => "is it the issuer? What came is no JSON object",
        DiscoveryError::Metadata(_) => "the filter could not work with it either",
    }
}

/// A document that nobody has judged yet.
pub struct Document {
    status: u16,
    /// Where a redirect leads.
    location: Option<String>,
    body: Vec<u8>,
    origin: String,
}

impl Document {
    /// Takes it from where it is.
    pub fn load(provider: &Provider, source: &Source<'_>) -> Result<Self, DiscoveryFailure> {
        match source {
            Source::File(path) => {
                let unreadable = |cause| DiscoveryFailure::Unreadable { path: path.to_path_buf(), cause };
                let body = fs::read(path).map_err(unreadable)?;
                Ok(Self { status: 200, location: None, body, origin: path.display().to_string() })
            }
            Source::Provider => {
                let url = provider.discovery_url.as_ref().ok_or(DiscoveryFailure::None)?.as_str();
                if let Some(document) = url.strip_suffix(WELL_KNOWN).filter(|issuer| issuer.ends_with(WELL_KNOWN)) {
                    return Err(DiscoveryFailure::NoIssuer { url: document.to_owned() });
                }
                ask(url, LONGEST)
            }
        }
    }

    /// The issuer that it names.
    pub fn issuer(&self) -> Option<String> {
        let members: Map<String, Value> = serde_json::from_slice(&self.body).ok()?;
        members.get("issuer").and_then(Value::as_str).map(str::to_owned)
    }

    /// What the core makes of it, for this provider.
    pub fn judge(&self, provider: &Provider) -> Result<Discovered, DiscoveryFailure> {
        let members: Map<String, Value> = serde_json::from_slice(&self.body).unwrap_or_default();
        let origin = self.origin.clone();
        match process_discovery_response(provider, self.status, &self.body) {
            Ok(metadata) => Ok(Discovered { metadata, members }),
            Err(DiscoveryError::Metadata(MetadataError::IssuerMismatch)) => {
                let found = members.get("issuer").map_or_else(|| "it names none".to_owned(), Value::to_string);
                Err(DiscoveryFailure::AnotherIssuer { origin, found })
            }
            Err(DiscoveryError::UnexpectedStatus { status } | DiscoveryError::Unavailable { status }) => {
                Err(DiscoveryFailure::Status { origin, status, location: self.location.clone() })
            }
            Err(cause) => Err(DiscoveryFailure::Refused { origin, cause }),
        }
    }
}

/// Status and body of what is at `url`, if it is no longer than `limit`. Redirects are not followed: the filter does not, either.
pub fn fetch_up_to(url: &str, limit: u64) -> Result<(u16, Vec<u8>), DiscoveryFailure> {
    ask(url, limit).map(|Document { status, body, .. }| (status, body))
}

fn ask(url: &str, limit: u64) -> Result<Document, DiscoveryFailure> {
    let failed = |cause| match cause {
        ureq::Error::Timeout(_) => DiscoveryFailure::TimedOut { url: url.to_owned() },
        cause => DiscoveryFailure::Unreachable { url: url.to_owned(), cause: Box::new(cause) },
    };
    // Fails only when one is installed already.
    drop(rustls::crypto::ring::default_provider().install_default());
    let agent = ureq::Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .user_agent(concat!("latchkey/", env!("CARGO_PKG_VERSION")))
        .tls_config(TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build())
        .build()
        .new_agent();
    let mut answer = agent.get(url).header("accept", "application/json").call().map_err(failed)?;
    let body = answer.body_mut().with_config().limit(limit).read_to_vec().map_err(failed)?;
    let location = answer.headers().get("location").and_then(|location| location.to_str().ok());
    // Parameters are no place, and may be secrets.
    let location = location.and_then(|location| location.split(['?', '#']).next()).map(str::to_owned);
    Ok(Document { status: answer.status().as_u16(), location, body, origin: url.to_owned() })
}
