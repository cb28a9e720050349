//! From the configuration file of oauth2-proxy.

use latchkey_explain::document::Tree;
use toml::{Table, Value};
use url::Url;

mod options;
mod rules;
mod skipped;

use super::{Given, Migration, MigrationError, NOTHING, change, provider_name, selected, unreached};
use crate::init::draft::{Draft, Line, texts, variable};
use crate::init::fresh::{intro, secret_variable};
use crate::init::provider;
use options::{Fate, fate, nearest};

const GOOGLE: &str = "https://accounts.google.com";

/// What the file is about, with what changes.
struct Carrying<'f> {
    options: &'f Table,
    changes: Vec<String>,
    warnings: Vec<String>,
    /// The tenants that were allowed have no place in the new configuration.
    tenants_are_lost: bool,
}

/// The file as a configuration of Latchkey.
pub fn migrate(file: &str, options: &Table, given: &Given<'_>) -> Result<Migration, MigrationError> {
    let mut carrying = Carrying { options, changes: Vec::new(), warnings: Vec::new(), tenants_are_lost: false };
    if carrying.text("client_id").is_none() {
        return Err(MigrationError::NoClient { name: file.to_owned() });
    }
    let provider = carrying.text("provider").unwrap_or("google").to_owned();
    let tenants = carrying.tenants(given);
    let issuer = carrying.issuer(&provider, file, given)?;
    let issuer = if tenants.is_empty() { issuer } else { provider::template(issuer) };
    if provider::template(issuer.clone()).contains(provider::TENANT) && tenants.is_empty() {
        return Err(MigrationError::NoTenants { name: file.to_owned() });
    }
    carrying.tenants_are_lost = carrying.is_set("entra_id_allowed_tenants")
        && !issuer.contains(provider::TENANT)
        && !tenants.iter().any(|tenant| issuer.split('/').any(|part| part.eq_ignore_ascii_case(tenant)));
    let name = given.name.map_or_else(|| provider_name(&provider), str::to_owned);
    let secret = secret_variable(&name);
    let mut draft = Draft { intro: intro(&format!("what {file} of oauth2-proxy did")), ..Draft::default() };
    draft.providers.push(carrying.provider(&provider, &issuer, &name, &secret, &tenants));
    draft.providers.extend(carrying.further_issuers());
    carrying.addresses(given, &mut draft);
    draft.session = carrying.session(given);
    draft.rules = carrying.rules(&provider);
    draft.headers = carrying.headers();
    carrying.say_the_rest();
    if issuer == GOOGLE && carrying.list("email_domains").iter().any(|domain| domain == "*") {
        carrying
            .warnings
            .push("everybody with a Google account can sign in, as before (email_domains = [\"*\"])".to_owned());
    }
    unreached::drop_rules(&mut draft, &mut carrying.changes);
    let Carrying { changes, warnings, .. } = carrying;
    Ok(Migration { draft, issuer: Some(issuer), tenants, changes, warnings, secrets: vec![secret] })
}

impl Carrying<'_> {
    fn text(&self, option: &str) -> Option<&str> {
        self.options.get(option).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    fn is_true(&self, option: &str, default: bool) -> bool {
        self.options.get(option).and_then(Value::as_bool).unwrap_or(default)
    }

    /// Whether the option says something: also what cannot be read.
    fn is_set(&self, option: &str) -> bool {
        match self.options.get(option) {
            Some(Value::String(text)) => !text.is_empty(),
            Some(Value::Array(items)) => !items.is_empty(),
            Some(Value::Boolean(is_on)) => *is_on,
            Some(_) => true,
            None => false,
        }
    }

    fn is_list_of_texts(&self, option: &str) -> bool {
        match self.options.get(option) {
            Some(Value::Array(items)) => items.iter().all(Value::is_str),
            Some(Value::String(_)) | None => true,
            Some(_) => false,
        }
    }

    /// A list, or one text with commas.
    fn list(&self, option: &str) -> Vec<String> {
        match self.options.get(option) {
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            Some(Value::String(text)) => {
                text.split(',').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
            }
            _ => Vec::new(),
        }
    }

    fn change(&mut self, what: &str, becomes: impl AsRef<str>) {
        self.changes.push(change(what, becomes));
    }

    /// The tenants of Entra ID whose people may come.
    fn tenants(&self, given: &Given<'_>) -> Vec<String> {
        let allowed = self.list("entra_id_allowed_tenants");
        if allowed.is_empty() { given.tenants.to_vec() } else { allowed }
    }

    fn issuer(&mut self, provider: &str, file: &str, given: &Given<'_>) -> Result<String, MigrationError> {
        if let Some(issuer) = given.issuer.or(self.text("oidc_issuer_url")) {
            return Ok(issuer.to_owned());
        }
        match provider {
            "google" => Ok(GOOGLE.to_owned()),
            "gitlab" => Ok("https://gitlab.com".to_owned()),
            "login.gov" => Ok("https://secure.login.gov/".to_owned()),
            "azure" | "entra-id" => {
                let tenant = self.text("azure_tenant").unwrap_or("common");
                Ok(format!("https://login.microsoftonline.com/{tenant}/v2.0"))
            }
            "oidc" | "keycloak-oidc" | "adfs" | "cidaas" | "gitea" => {
                Err(MigrationError::NoIssuer { name: file.to_owned() })
            }
            other => Err(MigrationError::NoOpenIdConnect { provider: other.to_owned() }),
        }
    }

    fn provider(&mut self, kind: &str, issuer: &str, name: &str, secret: &str, tenants: &[String]) -> Vec<Line> {
        let mut lines = vec![Line::member("name", name)];
        if let Some(display) = self.text("provider_display_name") {
            lines.push(Line::member("display_name", display));
        }
        lines.push(Line::explained("issuer", issuer, "exactly as the provider writes it"));
        if issuer.contains(provider::TENANT) {
            lines.push(Line::explained(
                "tenants",
                texts(tenants.iter().map(String::as_str)),
                "whose tokens are accepted",
            ));
        }
        lines.push(Line::explained(
            "cluster",
            format!("{name}-idp").as_str(),
            "the Envoy cluster that leads to the provider; `render` writes it",
        ));
        let client_id = self.text("client_id").unwrap_or_default().to_owned();
        lines.push(Line::member("client_id", client_id.as_str()));
        lines.push(Line::explained("client_secret", variable(secret), "read from the environment"));
        for option in ["client_secret", "client_secret_file"] {
            if self.text(option).is_some() {
                self.change(option, format!("is read from the variable {secret}: put its value there"));
            }
        }
        lines.push(Line::member("scope", self.scope(kind).as_str()));
        if let Some(prompt) = self.text("prompt") {
            lines.push(Line::member(
                "authorization_parameters",
                Tree::Mapping(vec![("prompt".to_owned(), prompt.into())]),
            ));
        }
        if let Some(resource) = self.text("resource") {
            lines.push(Line::member("resource", texts([resource])));
        }
        if self.is_true("skip_jwt_bearer_tokens", false) {
            let further = self.list("oidc_extra_audiences");
            let audience = [client_id.as_str()].into_iter().chain(further.iter().map(String::as_str));
            lines.push(Line::explained("audience", texts(audience), "access tokens must be for one of these"));
            self.change(
                "skip_jwt_bearer_tokens",
                "access tokens are verified and admitted; an ID token is not taken for one",
            );
        }
        lines.extend(self.metadata());
        lines
    }

    fn scope(&mut self, kind: &str) -> String {
        let written = self.text("scope").map(str::to_owned);
        let default = if self.list("allowed_groups").is_empty() || kind == "google" {
            "openid email profile"
        } else {
            "openid email profile groups"
        };
        let scope = written.unwrap_or_else(|| default.to_owned());
        let values: Vec<&str> = scope.split_whitespace().collect();
        if values.contains(&"openid") {
            return values.join(" ");
        }
        self.change("scope", "openid is added: without it there is no ID token");
        format!("openid {}", values.join(" ")).trim().to_owned()
    }

    fn metadata(&mut self) -> Option<Line> {
        let members =
            [("login_url", "authorization_endpoint"), ("redeem_url", "token_endpoint"), ("oidc_jwks_url", "jwks_uri")];
        let members = members.into_iter().chain([("profile_url", "userinfo_endpoint")]);
        let given: Vec<_> =
            members.filter_map(|(option, member)| Some((option, member, self.text(option)?.to_owned()))).collect();
        for (option, member, _) in &given {
            self.changes.push(change(option, format!("metadata.{member}")));
        }
        if self.is_true("skip_oidc_discovery", false) {
            self.change("skip_oidc_discovery", "follows from `metadata` when it has all that is needed");
        }
        let members: Vec<_> =
            given.into_iter().map(|(_, member, url)| (member.to_owned(), url.as_str().into())).collect();
        (!members.is_empty())
            .then(|| Line::explained("metadata", Tree::Mapping(members), "instead of what the discovery document says"))
    }

    /// `extra_jwt_issuers`: `issuer=audience`
    fn further_issuers(&mut self) -> Vec<Vec<Line>> {
        let mut providers = Vec::new();
        for (index, pair) in self.list("extra_jwt_issuers").iter().enumerate() {
            let Some((issuer, audience)) = pair.rsplit_once('=') else { continue };
            let name = format!("issuer-{}", index.saturating_add(1));
            self.change("extra_jwt_issuers", format!("the provider {name}, which verifies access tokens only"));
            providers.push(vec![
                Line::member("name", name.as_str()),
                Line::member("issuer", issuer),
                Line::member("cluster", format!("{name}-idp").as_str()),
                Line::member("audience", texts([audience])),
            ]);
        }
        providers
    }

    /// `public_url` and `base_path`
    fn addresses(&mut self, given: &Given<'_>, draft: &mut Draft) {
        let redirect = self.text("redirect_url").and_then(|url| Url::parse(url).ok()).filter(Url::has_host);
        let origin = redirect.as_ref().map(|url| url.origin().ascii_serialization());
        if let Some(url) = given.public_url.map(str::to_owned).or(origin) {
            draft.top.push(Line::explained("public_url", url.as_str(), "where browsers find the application"));
        }
        let prefix = self.text("proxy_prefix").unwrap_or("/oauth2").trim_end_matches('/').to_owned();
        let expected = format!("{prefix}/callback");
        let callback =
            redirect.as_ref().map(|url| url.path().to_owned()).filter(|path| *path != expected && path != "/");
        let of_callback =
            callback.as_deref().and_then(|path| path.strip_suffix("/callback")).filter(|base| !base.is_empty());
        let base = of_callback.map_or(prefix.clone(), str::to_owned);
        if let (Some(path), None) = (&callback, of_callback) {
            self.change("redirect_url", format!("the path {path} becomes {expected}: register it at the provider"));
        }
        if base != "/oauth2" && !base.is_empty() {
            draft.top.push(Line::member("base_path", base.as_str()));
        }
        let base = if base.is_empty() { "/oauth2" } else { &base };
        self.change("/sign_in, /start", format!("{base}/login?return_to=…"));
        self.change("/sign_out", format!("{base}/logout?return_to=…"));
        self.change("/userinfo", format!("{base}/session"));
        self.change("/auth (nginx, Traefik)", "none: the filter is in the request's own way, nobody asks it");
    }

    fn session(&mut self, given: &Given<'_>) -> Vec<Line> {
        let mut lines = vec![Line::explained(
            "keys",
            Tree::List(vec![given.session_key.clone()]),
            "a new one: everybody signs in once more",
        )];
        if let Some(name) = self.text("cookie_name") {
            lines.push(Line::member("cookie", name));
            self.change("cookie_name", "gets the prefix __Host-, or __Secure- with a domain, when it is secure");
        }
        let domains = self.list("cookie_domains");
        if let [domain] = domains.as_slice() {
            lines.push(Line::member("domain", domain.trim_start_matches('.')));
        } else if !domains.is_empty() {
            self.change(
                "cookie_domains",
                "of several none is carried over: the cookie is for one host, or for one domain (session.domain)",
            );
        }
        if let Some(same_site) = self.text("cookie_samesite") {
            lines.push(Line::member("same_site", same_site));
        }
        if !self.is_true("cookie_secure", true) {
            lines.push(Line::explained("secure", Tree::Boolean(false), "only for tests over plain http"));
        }
        if let Some(lifetime) = self.text("cookie_expire").map(seconds) {
            match lifetime {
                Some(lifetime) if lifetime > 0 => {
                    let shown = duration(lifetime);
                    lines.push(Line::explained("idle_timeout", shown.as_str(), "as before: no end by idleness alone"));
                    lines.push(Line::explained("absolute_timeout", shown.as_str(), "counted from the login"));
                }
                _ => self.change(
                    "cookie_expire",
                    "sessions end after 8h (session.absolute_timeout), the cookie with the browser",
                ),
            }
        } else {
            self.change(
                "cookie_expire (168h)",
                "sessions end after 30m without a request and 8h in any case: session.idle_timeout, absolute_timeout",
            );
        }
        if self.options.contains_key("cookie_refresh") {
            lines.push(Line::explained("refresh_before", "60s", "sessions follow the provider's"));
            self.change(
                "cookie_refresh",
                "tokens are renewed ahead of their end, not after a time of ours (session.refresh_before)",
            );
        }
        if self.text("session_store_type") == Some("redis") {
            self.change(
                "session_store_type",
                "sessions are in the cookie; with Webdis in front of Redis: session.store",
            );
        }
        lines
    }

    fn headers(&mut self) -> Vec<Line> {
        let email = selected(self.text("oidc_email_claim").unwrap_or("email"));
        let groups = format!("{}.join(\",\")", selected(self.text("oidc_groups_claim").unwrap_or("groups")));
        let user = if self.is_true("prefer_email_to_user", false) { email.clone() } else { "claims.sub".to_owned() };
        let of = |prefix: &str| {
            let names = [("user", user.clone()), ("email", email.clone()), ("groups", groups.clone())];
            let names = names.into_iter().chain([("preferred-username", "claims.preferred_username".to_owned())]);
            names.map(|(name, value)| Line::member(&format!("{prefix}-{name}"), value.as_str())).collect::<Vec<_>>()
        };
        let mut headers = Vec::new();
        if self.is_true("pass_user_headers", true) || self.is_true("pass_basic_auth", true) {
            headers.extend(of("x-forwarded"));
        }
        if self.is_true("set_xauthrequest", false) {
            headers.extend(of("x-auth-request"));
            self.change("set_xauthrequest", "the application gets the headers itself, not nginx");
        }
        if self.is_true("pass_access_token", false) {
            headers.push(Line::member("x-forwarded-access-token", "access_token"));
        }
        if self.is_true("pass_authorization_header", false) {
            self.change(
                "pass_authorization_header",
                "no ID token is passed on; the access token can be: authorization: '\"Bearer \" + access_token'",
            );
        }
        if self.is_true("pass_basic_auth", true) {
            self.change("pass_basic_auth", "the headers x-forwarded-… yes, Authorization: Basic no");
        }
        headers
    }

    /// What was not carried over, and what nobody knows.
    fn say_the_rest(&mut self) {
        for (option, value) in self.options {
            let said = match fate(option) {
                Some(Fate::Carried) => continue,
                _ if *value == Value::Boolean(false) => continue,
                Some(Fate::Needless(why)) => format!("not needed: {why}"),
                Some(Fate::Elsewhere(place)) => format!("elsewhere: {place}"),
                Some(Fate::Missing(why)) => format!("{NOTHING}: {why}"),
                None => match nearest(option) {
                    Some(near) => format!("{NOTHING}: oauth2-proxy has no such option: did you mean `{near}`?"),
                    None => format!("{NOTHING}: oauth2-proxy's documentation does not have this option"),
                },
            };
            self.changes.push(change(option, said));
        }
    }
}

/// A duration of Go, such as `168h0m0s`, in seconds.
fn seconds(text: &str) -> Option<u64> {
    if text == "0" {
        return Some(0);
    }
    let mut total = 0_u64;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|character: char| !character.is_ascii_digit())?;
        let (number, behind) = rest.split_at_checked(digits)?;
        let factor = match behind.chars().next()? {
            'h' => 3600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(factor)?)?;
        rest = behind.get(1..)?;
    }
    Some(total)
}

/// The same as this configuration has it.
fn duration(seconds: u64) -> String {
    const UNITS: [(u64, char); 3] = [(86_400, 'd'), (3600, 'h'), (60, 'm')];
    match UNITS.into_iter().find(|(length, _)| seconds.is_multiple_of(*length)) {
        Some((length, unit)) => format!("{}{unit}", seconds.checked_div(length).unwrap_or_default()),
        None => format!("{seconds}s"),
    }
}
