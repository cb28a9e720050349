//! The configuration: parsed once into validated types. Nothing validates later.

use std::time::Duration;

use serde_json::{Map, Value};
use url::Url;

use crate::jose::JwsAlgorithm;
use crate::policy::expression::Expression;
use crate::policy::matcher::Matcher;
use crate::secret::Secret;
use crate::session::seal::KeyRing;

/// A validated configuration. See the interface document, §1, for the keys and their defaults.
#[derive(Debug)]
pub struct Config {
    /// The issuers this deployment trusts, in the order of the document; at least one.
    pub providers: Vec<Provider>,
    /// The origins under which browsers reach this deployment; empty: the request's own scheme and authority.
    pub public_urls: Vec<PublicUrl>,
    /// Where the filter's own endpoints live, such as `/oauth2`: begins with a slash, does not end with one.
    pub base_path: String,
    /// How sessions are kept.
    pub session: SessionPolicy,
    /// The rules, first match wins; what none matches needs a session.
    pub rules: Vec<Rule>,
    /// Headers to the backend, in the order of the document: lower-case name and the expression for its value.
    pub headers: Vec<IdentityHeader>,
}

/// An origin (`https://portal.example.org`), without path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    /// The origin as it appears in URLs: scheme, host in lower case, port unless it is the scheme's default; no slash at the end.
    pub origin: String,
    /// `host` or `host:port` as in `origin`, to compare with `:authority`.
    pub authority: String,
}

/// A provider and how to be its client.
#[derive(Debug)]
pub struct Provider {
    /// `[a-z0-9-]+`, unique.
    pub name: String,
    /// For people; defaults to `name`.
    pub display_name: String,
    /// The exact issuer identifier (OIDC Discovery 1.0 §3), compared byte for byte.
    pub issuer: String,
    /// Where the discovery document is: issuer + `/.well-known/openid-configuration` (§4.1).
    pub discovery_url: Url,
    /// The host's cluster for requests to any host that `clusters` does not name.
    pub cluster: String,
    /// Endpoint host (lower case) → the host's cluster.
    pub clusters: Vec<(String, String)>,
    /// Members that override or replace those of the discovery document.
    pub metadata: Map<String, Value>,
    /// Signature algorithms accepted from this provider.
    pub algorithms: Vec<JwsAlgorithm>,
    /// Tolerated difference between this clock and the provider's.
    pub clock_skew: Duration,
    /// As a client of it.
    pub client: Client,
}

/// A registration at a provider.
#[derive(Debug)]
pub struct Client {
    /// `client_id` (RFC 6749 §2.2).
    pub client_id: String,
    /// How the client proves itself at the token endpoint.
    pub authentication: ClientAuthentication,
    /// Scope values separated by spaces; contains `openid`.
    pub scope: String,
    /// Further parameters of the authorization request; none that the protocol itself sets.
    pub authorization_parameters: Vec<(String, String)>,
}

/// Client authentication at the token endpoint (OIDC Core 1.0 §9).
#[derive(Debug)]
pub enum ClientAuthentication {
    /// `client_secret_basic`
    SecretBasic(Secret<String>),
    /// `client_secret_post`
    SecretPost(Secret<String>),
    /// `none`: a public client, protected by PKCE alone.
    None,
}

/// How sessions are kept.
#[derive(Debug)]
pub struct SessionPolicy {
    /// The first seals, all of them open.
    pub keys: KeyRing,
    /// The session cookie.
    pub cookie: CookiePolicy,
    /// Without a request for this long a session ends.
    pub idle_timeout: Duration,
    /// This long after the login a session ends, whatever happens.
    pub absolute_timeout: Duration,
    /// Which claims a session keeps.
    pub claims: ClaimSelection,
    /// How many cookies of 4 KiB one session may take.
    pub max_cookies: usize,
}

/// The attributes that all cookies of this deployment share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookiePolicy {
    /// Full name of the session cookie, prefix included (`__Host-latchkey`).
    pub name: String,
    /// `Domain`; `None` for host-only cookies.
    pub domain: Option<String>,
    /// `SameSite`
    pub same_site: SameSite,
    /// `Secure`
    pub secure: bool,
    /// `Partitioned` (CHIPS)
    pub partitioned: bool,
}

/// `SameSite` (RFC 6265bis §4.1.2.7)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// Sent with top-level navigations from other sites.
    Lax,
    /// Never sent with requests from other sites.
    Strict,
    /// Always sent.
    None,
}

/// A set of claims, by their top-level names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimSelection {
    /// Every claim: an expression uses `claims` as a whole.
    All,
    /// These, and always `iss` and `sub`.
    Named(std::collections::BTreeSet<String>),
}

/// One rule: what it matches and what a request needs then.
#[derive(Debug)]
pub struct Rule {
    /// For the log; defaults to `rules[N]`.
    pub name: String,
    /// Which requests.
    pub matcher: Matcher,
    /// What they need.
    pub authentication: Authentication,
}

/// What a request needs to be admitted.
#[derive(Debug)]
pub enum Authentication {
    /// A live session that meets the requirement.
    Session {
        /// `require`
        require: Option<Expression>,
    },
    /// Nothing; a live session's identity is passed on.
    Optional {
        /// `require`, evaluated only when there is a session.
        require: Option<Expression>,
    },
    /// Nothing; no identity is passed on.
    Public,
}

/// A header to the backend.
#[derive(Debug)]
pub struct IdentityHeader {
    /// Lower-case name.
    pub name: String,
    /// Its value.
    pub value: Expression,
}
