//! Configurations of other programs, carried over: what it becomes, and a list of what changes.

mod envoy;
mod oauth2_proxy;
mod path_pattern;
mod unreached;
mod yaml_of_envoy;

use std::path::Path;

use latchkey_explain::document::{Document, Tree};
use miette::Diagnostic;

use crate::file::{self, FileError};
use crate::init::draft::Draft;
use crate::init::fresh::literal;
use crate::report;

/// What was said beside the file.
pub struct Given<'g> {
    /// The issuer, for files that do not name it.
    pub issuer: Option<&'g str>,
    /// What the provider is to be called.
    pub name: Option<&'g str>,
    /// Where browsers find the application.
    pub public_url: Option<&'g str>,
    /// Tenants of Entra ID, for files that do not name them.
    pub tenants: &'g [String],
    /// The session key: the old one is not taken along, it seals something else.
    pub session_key: Tree,
}

/// What becomes of a configuration.
pub struct Migration {
    /// The new one.
    pub draft: Draft,
    /// The issuer of its first provider.
    pub issuer: Option<String>,
    /// Its tenants, where that stands for several.
    pub tenants: Vec<String>,
    /// What changes, a line each.
    pub changes: Vec<String>,
    /// What must not be overlooked.
    pub warnings: Vec<String>,
    /// The variables that need the old secrets.
    pub secrets: Vec<String>,
}

/// Why a configuration cannot be carried over.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum MigrationError {
    /// oauth2-proxy's files are TOML.
    #[error("{name} is no configuration of oauth2-proxy: {message}")]
    #[diagnostic(help("its files are TOML: client_id = \"portal\". The alpha configuration (YAML) is not read"))]
    NotToml { name: String, message: String },
    /// A provider without OpenID Connect.
    #[error("the provider `{provider}` of oauth2-proxy does not speak OpenID Connect")]
    #[diagnostic(help(
        "put an OpenID provider in front of it, such as Dex or Keycloak, and name its issuer: latchkey init ISSUER --from FILE"
    ))]
    NoOpenIdConnect { provider: String },
    /// Nothing says who the provider is.
    #[error("{name} does not say who the issuer is")]
    #[diagnostic(help("say it: latchkey init ISSUER with the option that you gave"))]
    NoIssuer { name: String },
    /// Nothing says as whom people sign in.
    #[error("{name} has no `client_id`")]
    #[diagnostic(help(
        "is it the whole configuration? What arguments or variables of oauth2-proxy said belongs into the file, too"
    ))]
    NoClient { name: String },
    /// An issuer for all tenants of Entra ID.
    #[error("the issuer of {name} stands for every tenant of Entra ID")]
    #[diagnostic(help(
        "say whose people may come: --tenant ID, once for each, or entra_id_allowed_tenants in the file"
    ))]
    NoTenants { name: String },
    /// Nobody verifies anything any more.
    #[error("none of the providers in {name} can be carried over")]
    #[diagnostic(help("each needs an issuer that is a URL: {}", lost.join("; ")))]
    NoProvider { name: String, lost: Vec<String> },
    /// It is not certain which of them stand in one chain.
    #[error("{name} has several filters {filter} that differ")]
    #[diagnostic(help("carry them over one by one: each from a file with one of its listeners"))]
    SeveralFilters { name: String, filter: &'static str },
    /// Routes that say themselves what they require.
    #[error("routes in {name} have requirements of their own (typed_per_filter_config with requirement_name)")]
    #[diagnostic(help("write them as `rules` of the filter, with the routes' `match`, and carry that over"))]
    RequirementsOfRoutes { name: String },
    /// Neither filter is there.
    #[error("{name} has neither the filter envoy.filters.http.oauth2 nor envoy.filters.http.jwt_authn")]
    #[diagnostic(help("it needs the whole configuration, or the part with the filters, with their \"@type\""))]
    NoFilter { name: String },
}

/// Carries over a configuration file of oauth2-proxy.
pub fn from_oauth2_proxy(path: &Path, given: &Given<'_>) -> miette::Result<Migration> {
    let text = file::text(path).map_err(report::file)?;
    let name = file::name(path);
    let options: toml::Table = text.parse().map_err(|error: toml::de::Error| MigrationError::NotToml {
        name: name.clone(),
        message: error.message().to_owned(),
    })?;
    Ok(oauth2_proxy::migrate(&name, &options, given)?)
}

/// Carries over the filters of an Envoy configuration.
pub fn from_envoy(path: &Path, given: &Given<'_>) -> miette::Result<Migration> {
    let text = yaml_of_envoy::plain(&file::text(path).map_err(report::file)?);
    let document = Document::parse(file::name(path), text).map_err(FileError::from).map_err(report::file)?;
    Ok(envoy::migrate(&document.name, &document.tree, given)?)
}

/// How a line of the list begins when something is lost: these stand first in it.
pub const NOTHING: &str = "NOT CARRIED OVER";

/// A condition that nobody meets.
const DENY: &str = "false";

/// A line of the list: what it was, and what becomes of it.
fn change(what: &str, becomes: impl AsRef<str>) -> String {
    format!("{what:<28} {}", becomes.as_ref())
}

/// A name of a provider, made of something.
fn provider_name(text: &str) -> String {
    let plain = |character: char| if character.is_ascii_alphanumeric() { character.to_ascii_lowercase() } else { '-' };
    let name: String = text.chars().map(plain).take(64).collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "idp".to_owned() } else { name.to_owned() }
}

/// A claim by its name, which may have dots between the names of members.
fn selected(claim: &str) -> String {
    let is_plain = |part: &str| {
        part.bytes().next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    if claim.split('.').all(is_plain) { format!("claims.{claim}") } else { format!("claims[{}]", literal(claim)) }
}
