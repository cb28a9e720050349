//! What has to be deployed, whatever the target: the configuration with the target's names in it, and what it leads to.

use latchkey_explain::document::Tree;
use miette::Diagnostic;
use relying_party::config::{Config, Provider};
use relying_party::protocol::ProviderMetadata;

use super::module::Module;
use crate::endpoints::{self, Address};

/// What has to be deployed.
pub struct Plan {
    /// The configuration file's name.
    pub file: String,
    /// The configuration, with clusters as the target calls them.
    pub configuration: Tree,
    /// What the filter calls.
    pub upstreams: Vec<Upstream>,
    /// The variables that the filter reads.
    pub variables: Vec<String>,
    /// Whether secrets stand in the configuration itself.
    pub holds_secrets: bool,
    /// Whether something depends on forms that reach the filter.
    pub takes_forms: bool,
    /// The module.
    pub module: Module,
}

/// Something that the filter calls.
pub struct Upstream {
    /// The cluster's name in Envoy.
    pub cluster: String,
    /// Where it leads.
    pub address: Address,
    /// What it is for, for people.
    pub purpose: String,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum PlanError {
    /// `clusters` tells hosts apart, not ports.
    #[error("the provider {provider} has endpoints at two ports of {host}")]
    #[diagnostic(help("one cluster cannot lead to both: override one of the endpoints in `metadata`"))]
    TwoPorts { provider: String, host: String },
    /// Nobody knows where the store is.
    #[error("the configuration has a store, and nobody says where it is")]
    #[diagnostic(help("say where Webdis listens: --store webdis.example.org:7379"))]
    NoStore,
    /// Some verify names only.
    #[error("Envoy Gateway cannot verify the certificate of {host}, which is a number and no name")]
    #[diagnostic(help("override the endpoint in `metadata` with one that has a name"))]
    NoName { host: String },
    /// Envoy Gateway has no files of its own.
    #[error("Envoy Gateway takes no file with authorities")]
    #[diagnostic(help(
        "leave out --ca-file, and name a ConfigMap in each BackendTLSPolicy: validation.caCertificateRefs"
    ))]
    NoFile,
    /// It would have no effect.
    #[error("--store is given, and the configuration has no store")]
    #[diagnostic(help("the configuration says so in session.store"))]
    StoreWithoutEffect,
    /// The store's address is none.
    #[error("--store is no HOST:PORT")]
    StoreAddress,
}

/// How a target calls the cluster that leads to an address; the configured name is what the document calls it.
pub type Naming<'n> = dyn Fn(&Address, &str) -> String + 'n;

/// Providers with what is known of them.
pub type Known<'k> = (&'k Provider, Option<ProviderMetadata>);

/// Names every cluster, and puts the names into the configuration.
pub fn clusters(
    configuration: &mut Tree,
    config: &Config,
    known: &[Known<'_>],
    store: Option<&str>,
    naming: &Naming<'_>,
) -> Result<Vec<Upstream>, PlanError> {
    let mut upstreams: Vec<Upstream> = Vec::new();
    for (index, (provider, metadata)) in known.iter().enumerate() {
        let mut named: Vec<(String, String)> = Vec::new();
        for url in endpoints::called(provider, metadata.as_ref()) {
            let Some(address) = Address::of(url) else { continue };
            let earlier = upstreams.iter().find(|upstream| {
                upstream.address.host == address.host && named.iter().any(|(host, _)| *host == address.host)
            });
            if earlier.is_some_and(|earlier| earlier.address != address) {
                return Err(PlanError::TwoPorts { provider: provider.name.clone(), host: address.host });
            }
            let configured = provider.callout("discovery", url).cluster;
            let cluster = match upstreams.iter().find(|upstream| upstream.address == address) {
                Some(upstream) => upstream.cluster.clone(),
                None => {
                    let is_taken = |name: &str| upstreams.iter().any(|upstream| upstream.cluster == name);
                    let name = naming(&address, &configured);
                    let cluster = if is_taken(&name) {
                        naming(&address, &format!("{configured}-{}", address.label()))
                    } else {
                        name
                    };
                    let purpose = format!("the provider {}", provider.name);
                    upstreams.push(Upstream { cluster: cluster.clone(), address: address.clone(), purpose });
                    cluster
                }
            };
            if !named.iter().any(|(host, _)| *host == address.host) {
                named.push((address.host, cluster));
            }
        }
        let tree = configuration.member_mut("providers").and_then(|providers| providers.items_mut().get_mut(index));
        if let Some(tree) = tree {
            write_names(tree, named);
        }
    }
    if let Some(policy) = config.session.as_ref().and_then(|session| session.store.as_ref()) {
        let address = store_address(store.ok_or(PlanError::NoStore)?)?;
        let cluster = naming(&address, &policy.cluster);
        let tree = configuration.member_mut("session").and_then(|session| session.member_mut("store"));
        if let Some(tree) = tree {
            tree.set("cluster", "kind", cluster.as_str().into());
        }
        upstreams.push(Upstream { cluster, address, purpose: "the store (Webdis)".to_owned() });
    } else if store.is_some() {
        return Err(PlanError::StoreWithoutEffect);
    }
    Ok(upstreams)
}

fn write_names(provider: &mut Tree, named: Vec<(String, String)>) {
    let mut named = named.into_iter();
    let Some((_, first)) = named.next() else { return };
    provider.set("cluster", "issuer", first.as_str().into());
    let others: Vec<_> =
        named.filter(|(_, cluster)| *cluster != first).map(|(host, cluster)| (host, cluster.as_str().into())).collect();
    if others.is_empty() {
        provider.remove("clusters");
    } else {
        provider.set("clusters", "cluster", Tree::Mapping(others));
    }
}

fn store_address(text: &str) -> Result<Address, PlanError> {
    let (host, port) = text.rsplit_once(':').ok_or(PlanError::StoreAddress)?;
    let port = port.parse().map_err(|_| PlanError::StoreAddress)?;
    let is_host =
        !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte));
    is_host.then(|| Address { host: host.to_owned(), port, tls: false }).ok_or(PlanError::StoreAddress)
}

/// Whether a secret stands in the document itself, under the names that the core keeps out of messages.
pub fn holds_secrets(tree: &Tree) -> bool {
    let is_literal = |tree: &Tree| tree.text().is_some() || tree.items().iter().any(|item| item.text().is_some());
    let of_member = |(name, value): &(String, Tree)| match name.as_str() {
        "client_secret" | "client_key" | "keys" | "key" => is_literal(value),
        _ => holds_secrets(value),
    };
    tree.members().iter().any(of_member) || tree.items().iter().any(holds_secrets)
}

/// Whether forms must reach the filter for something that the document asks for.
pub fn takes_forms(tree: &Tree) -> bool {
    let keeps = |rule: &Tree| rule.member("preserve_form") == Some(&Tree::Boolean(true));
    let posts = |provider: &Tree| {
        let mode =
            provider.member("authorization_parameters").and_then(|parameters| parameters.member("response_mode"));
        mode.and_then(Tree::text) == Some("form_post")
    };
    let items = |name: &str| tree.member(name).map(Tree::items).unwrap_or_default();
    items("rules").iter().any(keeps) || items("providers").iter().any(posts)
}
