//! How this deployment is a client of a provider: identifier, secret, and what it asks for.

use super::cursor::{Cursor, Mapping};
use super::problem::quoted;
use super::{address, client_key, login_hint_domains, secret};
use crate::http::uri;
use crate::jose::SigningKey;
use crate::secret::Secret;

/// A registration at a provider.
#[derive(Debug)]
pub struct Client {
    /// `client_id` (RFC 6749 §2.2).
    pub client_id: String,
    /// How the client proves itself at the token endpoint.
    pub authentication: ClientAuthentication,
    /// Scope values separated by spaces; contains `openid`.
    pub scope: String,
    /// `resource` of authorization and token requests: absolute URIs without fragment (RFC 8707 §2).
    pub resource: Vec<String>,
    /// Further parameters of the authorization request; none that the protocol itself sets.
    pub authorization_parameters: Vec<(String, String)>,
    /// Whether the UserInfo claims are merged at login and refresh (OIDC Core 1.0 §5.3).
    pub userinfo: bool,
    /// Whether sessions keep the ID token, to show it to the provider when they end (RP-Initiated Logout 1.0 §2).
    pub id_token_hint: bool,
    /// The domains whose e-mail addresses belong to this provider, in lower case.
    pub login_hint_domains: Vec<String>,
    /// Whether authorization requests are pushed.
    pub pushed_authorization_requests: PushedAuthorizationRequests,
}

/// Client authentication at the token endpoint (OIDC Core 1.0 §9).
#[derive(Debug)]
pub enum ClientAuthentication {
    /// `client_secret_basic`
    SecretBasic(Secret<String>),
    /// `client_secret_post`
    SecretPost(Secret<String>),
    /// `private_key_jwt`
    PrivateKeyJwt(SigningKey),
    /// `tls_client_auth` (RFC 8705 §2.1): the certificate is the host's, in the cluster that leads to the provider.
    TlsClientAuth,
    /// `none`: a public client, protected by PKCE alone.
    None,
}

impl Client {
    /// Stands for a registration that could not be read.
    pub(super) const fn stand_in() -> Self {
        Self {
            client_id: String::new(),
            authentication: ClientAuthentication::None,
            scope: String::new(),
            resource: Vec::new(),
            authorization_parameters: Vec::new(),
            userinfo: false,
            id_token_hint: false,
            login_hint_domains: Vec::new(),
            pushed_authorization_requests: PushedAuthorizationRequests::Auto,
        }
    }
}

impl ClientAuthentication {
    /// The method's registered name (OIDC Core 1.0 §9, RFC 8705 §2.1).
    pub const fn name(&self) -> &'static str {
        let method = match self {
            Self::SecretBasic(_) => Method::Basic,
            Self::SecretPost(_) => Method::Post,
            Self::PrivateKeyJwt(_) => Method::PrivateKeyJwt,
            Self::TlsClientAuth => Method::TlsClientAuth,
            Self::None => Method::None,
        };
        method.name()
    }
}

/// When authorization requests are pushed to the provider (RFC 9126).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushedAuthorizationRequests {
    /// When the provider requires it.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

const DEFAULT_SCOPE: &str = "openid profile email";

const EXPECTED_SCOPE: &str = "scope values separated by single spaces, `openid` among them";

/// Parameters of the authorization request that the login sets itself; more of them would break or weaken it.
const OWN_PARAMETERS: [&str; 11] = [
    "response_type",
    "client_id",
    "client_secret",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "request",
    "request_uri",
];

/// Settings that only a client has.
const CLIENT_KEYS: [&str; 10] = [
    "client_secret",
    "client_key",
    "token_endpoint_auth_method",
    "scope",
    "resource",
    "authorization_parameters",
    "pushed_authorization_requests",
    "userinfo",
    "id_token_hint",
    "login_hint_domains",
];

/// Reads the client's part of a provider; `Some(None)` when this deployment is no client of it.
pub(super) fn read(provider: &Mapping<'_>) -> Option<Option<Client>> {
    let Some(client_id) = provider.member("client_id") else {
        for name in CLIENT_KEYS {
            if let Some(member) = provider.member(name) {
                member.refuse("a setting without effect", "`client_id` as well");
            }
        }
        return Some(None);
    };
    let client_id = read_client_id(&client_id);
    let authentication = authentication(provider);
    let scope = provider.optional("scope", DEFAULT_SCOPE.to_owned(), |cursor| scope(&cursor));
    let resource = provider.optional("resource", Vec::new(), |cursor| resource(&cursor));
    let pushed = provider.optional("pushed_authorization_requests", PushedAuthorizationRequests::Auto, |cursor| {
        use PushedAuthorizationRequests::{Always, Auto, Never};
        cursor.choice(&[("auto", Auto), ("always", Always), ("never", Never)])
    });
    let userinfo = provider.optional("userinfo", false, |cursor| cursor.boolean());
    let id_token_hint = provider.optional("id_token_hint", false, |cursor| cursor.boolean());
    let domains = provider.optional("login_hint_domains", Vec::new(), |cursor| login_hint_domains::read(&cursor));
    let parameters = provider.optional("authorization_parameters", Vec::new(), |cursor| parameters(&cursor));
    Some(Some(Client {
        client_id: client_id?,
        authentication: authentication?,
        scope: scope?,
        resource: resource?,
        authorization_parameters: parameters?,
        userinfo: userinfo?,
        id_token_hint: id_token_hint?,
        login_hint_domains: domains?,
        pushed_authorization_requests: pushed?,
    }))
}

fn read_client_id(cursor: &Cursor<'_>) -> Option<String> {
    let client_id = cursor.text("the client identifier that the provider gave out")?;
    if client_id.is_empty() || !is_visible(client_id) {
        cursor.refuse(quoted(client_id), "a client identifier of printable ASCII (RFC 6749 appendix A.1)");
        return None;
    }
    Some(client_id.to_owned())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    Basic,
    Post,
    PrivateKeyJwt,
    TlsClientAuth,
    None,
}

impl Method {
    const ALL: [Self; 5] = [Self::Basic, Self::Post, Self::PrivateKeyJwt, Self::TlsClientAuth, Self::None];

    const fn name(self) -> &'static str {
        match self {
            Self::Basic => "client_secret_basic",
            Self::Post => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::TlsClientAuth => "tls_client_auth",
            Self::None => "none",
        }
    }
}

fn authentication(provider: &Mapping<'_>) -> Option<ClientAuthentication> {
    let methods = Method::ALL.map(|method| (method.name(), method));
    let method = provider.optional("token_endpoint_auth_method", Method::Basic, |cursor| cursor.choice(&methods));
    // Also when the method is wrong: a variable that is not set is reported all the same.
    let secret = provider.member("client_secret").as_ref().map(client_secret);
    let key = provider.member("client_key").as_ref().map(client_key::read);
    let method = method?;
    let (wants_secret, wants_key) =
        (matches!(method, Method::Basic | Method::Post), matches!(method, Method::PrivateKeyJwt));
    let mut fits = true;
    for (member, given, wanted) in
        [("client_secret", secret.is_some(), wants_secret), ("client_key", key.is_some(), wants_key)]
    {
        let place = provider.place(member);
        match (given, wanted) {
            (true, false) => {
                place.refuse(
                    "a secret without effect",
                    format_args!("none with `token_endpoint_auth_method: {}`", method.name()),
                );
                fits = false;
            }
            (false, true) if wants_key => place.refuse("nothing", client_key::EXPECTED),
            (false, true) => {
                place.refuse("nothing", "a secret (for a public client: `token_endpoint_auth_method: none`)");
            }
            _ => {}
        }
    }
    let authentication = match method {
        Method::Basic => ClientAuthentication::SecretBasic(secret??),
        Method::Post => ClientAuthentication::SecretPost(secret??),
        Method::PrivateKeyJwt => ClientAuthentication::PrivateKeyJwt(key??),
        Method::TlsClientAuth => ClientAuthentication::TlsClientAuth,
        Method::None => ClientAuthentication::None,
    };
    fits.then_some(authentication)
}

fn client_secret(cursor: &Cursor<'_>) -> Option<Secret<String>> {
    let secret = secret::read(cursor)?;
    if !is_visible(secret.expose()) {
        cursor.refuse(
            "characters other than printable ASCII (is there a line break at its end?)",
            "a secret as RFC 6749 appendix A.2 has it",
        );
        return None;
    }
    Some(secret)
}

/// `*VSCHAR` (RFC 6749 appendix A)
fn is_visible(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

fn scope(cursor: &Cursor<'_>) -> Option<String> {
    let scope = cursor.text(EXPECTED_SCOPE)?;
    // scope-token (RFC 6749 §3.3)
    let is_token = |value: &str| {
        !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
    };
    let mut values: Vec<&str> = scope.split(' ').collect();
    let well_formed = values.iter().all(|value| is_token(value)) && values.contains(&"openid");
    values.sort_unstable();
    if !well_formed {
        cursor.refuse(quoted(scope), EXPECTED_SCOPE);
        return None;
    }
    if values.windows(2).any(|pair| pair.first() == pair.last()) {
        cursor.refuse(quoted(scope), "each scope value once");
        return None;
    }
    Some(scope.to_owned())
}

/// RFC 8707 §2
fn resource(cursor: &Cursor<'_>) -> Option<Vec<String>> {
    let mut complete = true;
    let mut resources = Vec::new();
    for (index, text) in cursor.texts("a list of resources, each an absolute URI")?.into_iter().enumerate() {
        if uri::is_absolute(text) && !text.contains('#') {
            resources.push(text.to_owned());
        } else if let Some(item) = cursor.list("").and_then(|items| items.into_iter().nth(index)) {
            item.refuse(address::shown(text), "an absolute URI without fragment, such as `https://api.example.org`");
            complete = false;
        }
    }
    complete.then_some(resources)
}

fn parameters(cursor: &Cursor<'_>) -> Option<Vec<(String, String)>> {
    let mapping = cursor.mapping("a mapping of parameter names to strings")?;
    let mut parameters = Vec::new();
    let mut complete = true;
    for (name, member) in mapping.members() {
        match parameter(name, &member) {
            Some(value) => parameters.push((name.to_owned(), value.to_owned())),
            None => complete = false,
        }
    }
    complete.then_some(parameters)
}

fn parameter<'a>(name: &str, member: &Cursor<'a>) -> Option<&'a str> {
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
        member.refuse("a key that is no parameter name", "a name of printable ASCII without spaces");
        return None;
    }
    if OWN_PARAMETERS.contains(&name) {
        member.report(format!("found `{name}`, which every login sets itself, expected other parameters"), None);
        return None;
    }
    let value = member.text("a string")?;
    let expected = match name {
        "response_mode" if !matches!(value, "query" | "form_post") => "`query` or `form_post`",
        // What is asked for must be checked when it comes back (OIDC Core §3.1.3.7, steps 12 and 13); rules do.
        "max_age" | "acr_values" => {
            member
                .refuse(format_args!("`{name}` for every login"), format_args!("`{name}` in the `rules` that need it"));
            return None;
        }
        _ => return Some(value),
    };
    member.refuse("another value", expected);
    None
}
