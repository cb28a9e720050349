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
    /// How a client proves itself.
    pub authentication: ClientAuthentication,
}

/// How a client proves who it is at the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuthentication {
    /// `client_secret_basic`
    Basic,
    /// `client_secret_post`
    Post,
    /// `private_key_jwt`
    Key,
    /// `tls_client_auth`
    Certificate,
    /// Not at all: a public client.
    Public,
}

impl ClientAuthentication {
    /// Its name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Basic => "client_secret_basic",
            Self::Post => "client_secret_post",
            Self::Key => "private_key_jwt",
            Self::Certificate => "tls_client_auth",
            Self::Public => "none",
        }
    }
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
    /// No way for a client to prove itself that exists here.
    #[error("clients prove themselves to this provider only by {offered}")]
    #[diagnostic(help(
        "latchkey can by client_secret_basic, client_secret_post, private_key_jwt, tls_client_auth or not at all: see what the provider has to offer"
    ))]
    NoAuthentication { offered: String },
    /// No signature that can be verified.
    #[error("this provider signs ID tokens only by {offered}")]
    #[diagnostic(help(
        "let it sign with a key pair, such as RS256 or ES256: everybody who knows a shared key could make tokens"
    ))]
    NoAlgorithm { offered: String },
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
    if signs_in {
        algorithms(&members)?;
    }

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
        authentication: if signs_in { authentication(&members, kind)? } else { ClientAuthentication::Public },
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

/// The first of our ways that the provider offers. `client_secret_basic` where it does not say (OpenID Connect Discovery 1.0 §3).
fn authentication(metadata: &Map<String, Value>, kind: &Kind) -> Result<ClientAuthentication, ProviderError> {
    use ClientAuthentication::{Basic, Certificate, Key, Post, Public};
    let usual = if kind.registers_post { Post } else { Basic };
    let Some(offered) = names(metadata, "token_endpoint_auth_methods_supported") else { return Ok(usual) };
    let mut ways = [usual, Basic, Post, Key, Certificate, Public].into_iter();
    ways.find(|way| offered.contains(&way.name()))
        .ok_or_else(|| ProviderError::NoAuthentication { offered: offered.join(", ") })
}

/// ID tokens must have a signature that can be verified without knowing how to make it.
fn algorithms(metadata: &Map<String, Value>) -> Result<(), ProviderError> {
    let Some(offered) = names(metadata, "id_token_signing_alg_values_supported") else { return Ok(()) };
    const VERIFIED: [&str; 10] =
        ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"];
    if offered.iter().any(|name| VERIFIED.contains(name)) {
        Ok(())
    } else {
        Err(ProviderError::NoAlgorithm { offered: offered.join(", ") })
    }
}

/// The names in a list of the metadata that is not empty.
fn names<'m>(metadata: &'m Map<String, Value>, member: &str) -> Option<Vec<&'m str>> {
    let names: Vec<&str> = metadata.get(member)?.as_array()?.iter().filter_map(Value::as_str).collect();
    (!names.is_empty()).then_some(names)
}
