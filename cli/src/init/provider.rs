//! The provider that a configuration is written for: its issuer, what it says about itself, and which kind it is.

use std::path::Path;

use miette::Diagnostic;
use relying_party::config::{Config, ConfigErrors};
use serde_json::{Map, Value, json};
use url::Url;

use super::kinds::{self, Kind};
use crate::discovery::{DiscoveryFailure, Document, Source};
use crate::endpoints::{self, Address};

/// What the metadata of all tenants of Entra ID has in place of a tenant.
pub const TENANT: &str = "{tenantid}";

/// A provider that was found.
pub struct Found {
    /// As the configuration names it.
    pub issuer: String,
    /// Whose tokens are accepted, where the issuer is a template.
    pub tenants: Vec<String>,
    /// Which one it is.
    pub kind: &'static Kind,
    /// Whether people can sign in.
    pub signs_in: bool,
    /// The hosts of endpoints that are not the issuer's.
    pub other_hosts: Vec<Address>,
    /// How a client with a secret proves itself, unless it is `client_secret_basic`.
    pub authentication: Option<&'static str>,
}

/// Why a provider cannot be used.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum ProviderError {
    /// Nothing says which one.
    #[error("which provider?")]
    #[diagnostic(help("name its issuer: latchkey init https://login.example.org/realms/corp"))]
    NotNamed,
    /// What was named is no issuer; the core says why.
    #[error("{problem}")]
    Issuer { problem: String },
    /// The discovery document says nothing of an issuer.
    #[error("{name} names no issuer")]
    #[diagnostic(help(
        "is it a discovery document? It is what a provider shows at ISSUER/.well-known/openid-configuration"
    ))]
    NoIssuer { name: String },
    /// An issuer for all tenants.
    #[error("this issuer stands for every tenant of Entra ID")]
    #[diagnostic(help("say whose people may come: --tenant ID, once for each"))]
    NoTenant,
    /// It cannot be known.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Discovery(#[from] DiscoveryFailure),
}

/// Finds out about the provider with this issuer, or that of the document in a file.
pub fn find(issuer: Option<&str>, discovery: Option<&Path>, tenants: &[String]) -> Result<Found, ProviderError> {
    let source = discovery.map_or(Source::Provider, Source::File);
    let issuer = match (issuer, discovery) {
        (Some(issuer), _) => issuer.to_owned(),
        (None, Some(file)) => {
            let anybody = parse("https://any.example", &[], false)?;
            let provider = anybody.providers.first().ok_or(ProviderError::NotNamed)?;
            let named = Document::load(provider, &source)?.issuer();
            named.ok_or_else(|| ProviderError::NoIssuer { name: file.display().to_string() })?
        }
        (None, None) => return Err(ProviderError::NotNamed),
    };
    let issuer = template(issuer);
    if issuer.contains(TENANT) && tenants.is_empty() {
        return Err(ProviderError::NoTenant);
    }
    let tenants = if issuer.contains(TENANT) { tenants } else { &[] };

    let verifier = parse(&issuer, tenants, false)?;
    let provider = verifier.providers.first().ok_or(ProviderError::NotNamed)?;
    let document = Document::load(provider, &source)?;
    let members = document.judge(provider)?.members;
    let url = Url::parse(&issuer.replace(TENANT, "common")).map_err(|_| ProviderError::NotNamed)?;
    let kind = kinds::of(&url, &members);
    let signs_in = kind.signs_in && offers_code(&members);

    let own = Address::of(&url);
    let config = if signs_in { parse(&issuer, tenants, true)? } else { verifier };
    let provider = config.providers.first().ok_or(ProviderError::NotNamed)?;
    let metadata = document.judge(provider)?.metadata;
    let addresses = endpoints::addresses(endpoints::called(provider, Some(&metadata)));
    let other_hosts =
        addresses.into_iter().filter(|address| own.as_ref().is_none_or(|own| own.host != address.host)).collect();
    Ok(Found {
        issuer,
        tenants: tenants.to_vec(),
        kind,
        signs_in,
        other_hosts,
        authentication: authentication(&members),
    })
}

/// The issuer of all tenants of Entra ID, however it was written.
pub fn template(issuer: String) -> String {
    let rest = issuer.strip_prefix("https://login.microsoftonline.com/");
    match rest.and_then(|rest| rest.split_once('/')) {
        Some(("common" | "organizations" | "consumers", rest)) => {
            format!("https://login.microsoftonline.com/{TENANT}/{rest}")
        }
        _ => issuer,
    }
}

/// The smallest configuration with this provider: the core says whether its issuer is one.
fn parse(issuer: &str, tenants: &[String], is_client: bool) -> Result<Config, ProviderError> {
    let mut provider = json!({"name": "provider", "issuer": issuer, "cluster": "provider"});
    let mut document = json!({});
    if let Some(members) = provider.as_object_mut() {
        if !tenants.is_empty() {
            members.insert("tenants".to_owned(), json!(tenants));
        }
        if is_client {
            members.insert("client_id".to_owned(), "client".into());
            members.insert("token_endpoint_auth_method".to_owned(), "none".into());
            // Any key will do: nothing is sealed with it.
            document = json!({"session": {"keys": ["q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQDx4tPEtaaXg="]}});
        } else {
            members.insert("audience".to_owned(), json!(["audience"]));
        }
    }
    if let Some(members) = document.as_object_mut() {
        members.insert("providers".to_owned(), json!([provider]));
    }
    let refused = |errors: ConfigErrors| {
        let problem = errors.problems().first().map(|problem| problem.message.clone()).unwrap_or_default();
        ProviderError::Issuer { problem: format!("the issuer cannot be used: {problem}") }
    };
    Config::parse(document.to_string().as_bytes(), &|_| None).map_err(refused)
}

fn offers_code(metadata: &Map<String, Value>) -> bool {
    let types = metadata.get("response_types_supported").and_then(Value::as_array);
    metadata.contains_key("authorization_endpoint") && types.is_none_or(|types| types.iter().any(|kind| kind == "code"))
}

/// `client_secret_basic` is what every provider must offer (OpenID Connect Discovery 1.0 §3); some do not.
fn authentication(metadata: &Map<String, Value>) -> Option<&'static str> {
    let methods = metadata.get("token_endpoint_auth_methods_supported").and_then(Value::as_array)?;
    let offers = |method: &str| methods.iter().any(|offered| offered == method);
    (!offers("client_secret_basic") && offers("client_secret_post")).then_some("client_secret_post")
}
