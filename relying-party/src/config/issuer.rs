//! `issuer` and `tenants`: who issues tokens, and where its discovery document is.

use serde_json::Value;
use url::Url;

use super::address;
use super::cursor::{Cursor, Mapping};
use super::problem::quoted;

/// The place of a tenant in an issuer that is a template, as Entra ID's metadata writes it.
const TENANT: &str = "{tenantid}";
/// What Entra ID calls the metadata of all tenants together.
const ALL_TENANTS: &str = "common";
const MOST_TENANTS: usize = 1000;

const EXPECTED: &str = "an issuer such as `https://login.example.org/realms/corp` (no query, no fragment)";
const EXPECTED_TENANTS: &str = "the list of tenants whose tokens are accepted";
const EXPECTED_TRUST_DOMAIN: &str = "a SPIFFE trust domain such as `spiffe://example.org`";

/// An issuer identifier (OIDC Discovery 1.0 §3), compared byte for byte; or a template and the tenants that may stand in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    text: String,
    tenants: Vec<Tenant>,
}

/// A tenant and the issuer that it makes of the template.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Tenant {
    id: String,
    issuer: String,
}

impl Issuer {
    /// One issuer.
    pub const fn exact(text: String) -> Self {
        Self { text, tenants: Vec::new() }
    }

    /// A template with `{tenantid}`, and the tenants.
    fn template(text: String, tenants: &[&str]) -> Self {
        let tenant = |id: &&str| Tenant { id: (*id).to_owned(), issuer: text.replace(TENANT, id) };
        Self { tenants: tenants.iter().map(tenant).collect(), text }
    }

    /// As configured.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Every issuer that this stands for.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        let exact = self.tenants.is_empty().then_some(self.text.as_str());
        exact.into_iter().chain(self.tenants.iter().map(|tenant| tenant.issuer.as_str()))
    }

    /// Whether a token's `iss` is this issuer.
    pub fn accepts(&self, iss: &str) -> bool {
        if self.tenants.is_empty() { iss == self.text } else { self.tenants.iter().any(|tenant| tenant.issuer == iss) }
    }

    /// Whether a token may come from either: the same issuer twice, or one that is a tenant of the other.
    pub fn overlaps(&self, other: &Self) -> bool {
        let accepted = |iss: &str| other.accepts(iss);
        if self.tenants.is_empty() {
            accepted(&self.text)
        } else {
            self.tenants.iter().any(|tenant| accepted(&tenant.issuer))
        }
    }

    /// Whether this issuer's metadata may call itself `issuer`: that of a template has the placeholder in it.
    pub fn publishes_as(&self, issuer: &str) -> bool {
        issuer == self.text || self.accepts(issuer)
    }

    /// The tenant of `iss`, when this is a template.
    pub fn tenant(&self, iss: &str) -> Option<&str> {
        self.tenants.iter().find(|tenant| tenant.issuer == iss).map(|tenant| tenant.id.as_str())
    }

    /// Whether all that names a tenant beside `iss` names the same: the claim `tid`, and the member `issuer` of the key that signed,
    /// which Entra ID adds so that no tenant's keys sign for another.
    pub fn agrees(&self, iss: &str, tid: Option<&Value>, key_issuer: Option<&str>) -> bool {
        let of_tenant = |issuer: &str| issuer == iss || issuer == self.text;
        self.tenant(iss).is_none_or(|tenant| tid.is_none_or(|tid| tid == tenant) && key_issuer.is_none_or(of_tenant))
    }

    /// Whether this is a SPIFFE trust domain: its tokens name it in `sub` (SPIFFE JWT-SVID §3).
    pub fn is_trust_domain(&self) -> bool {
        self.text.starts_with("spiffe://")
    }
}

/// Reads the issuer, and where its discovery document is; a trust domain has none.
pub(super) fn read(provider: &Mapping<'_>) -> Option<(Issuer, Option<Url>)> {
    let tenants = provider.optional("tenants", None, |cursor| tenants(&cursor).map(Some));
    let cursor = provider.required("issuer", EXPECTED)?;
    let text = cursor.text(EXPECTED)?;
    let is_template = text.contains(TENANT);
    match (tenants?, is_template) {
        (Some(_), false) => {
            let expected = format!("no `tenants`, or an issuer with `{TENANT}` in it");
            provider.place("tenants").refuse("tenants without effect", expected);
            None
        }
        (None, true) => {
            provider.place("tenants").refuse("nothing", EXPECTED_TENANTS);
            None
        }
        (Some(tenants), true) => {
            let discovery_url = discovery_url(&cursor, &text.replace(TENANT, ALL_TENANTS))?;
            Some((Issuer::template(text.to_owned(), &tenants), Some(discovery_url)))
        }
        (None, false) if text.starts_with("spiffe://") => trust_domain(provider, &cursor, text),
        (None, false) => {
            let discovery_url = discovery_url(&cursor, text)?;
            Some((Issuer::exact(text.to_owned()), Some(discovery_url)))
        }
    }
}

/// Issuer + `/.well-known/openid-configuration`: a slash at the end is left out there (OIDC Discovery 1.0 §4.1).
fn discovery_url(cursor: &Cursor<'_>, issuer: &str) -> Option<Url> {
    let mut url = address::parsed(cursor, issuer, EXPECTED)?;
    if issuer.contains(['?', '{', '}']) {
        cursor.refuse(address::shown(issuer), EXPECTED);
        return None;
    }
    let path = format!("{}/.well-known/openid-configuration", url.path().strip_suffix('/').unwrap_or(url.path()));
    url.set_path(&path);
    Some(url)
}

/// A trust domain has no metadata of its own: where its keys are must be said.
fn trust_domain(provider: &Mapping<'_>, cursor: &Cursor<'_>, text: &str) -> Option<(Issuer, Option<Url>)> {
    let name = text.strip_prefix("spiffe://").unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._".contains(&byte);
    if name.is_empty() || name.len() > 255 || !name.bytes().all(plain) {
        cursor.refuse(quoted(text), EXPECTED_TRUST_DOMAIN);
        return None;
    }
    if provider.member("client_id").is_some() {
        provider.place("client_id").refuse("a client of a trust domain", "none: workloads do not sign in");
        return None;
    }
    let keys = provider.member("metadata").and_then(|metadata| metadata.mapping("a mapping")?.member("jwks_uri"));
    if keys.is_none() {
        provider.place("metadata").refuse("no `jwks_uri`", "the URL of the trust domain's keys: it has no discovery");
        return None;
    }
    Some((Issuer::exact(text.to_owned()), None))
}

fn tenants<'a>(cursor: &Cursor<'a>) -> Option<Vec<&'a str>> {
    let tenants = cursor.texts(EXPECTED_TENANTS)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let is_tenant = |tenant: &str| tenant.bytes().all(plain) && tenant.bytes().any(|byte| byte.is_ascii_alphanumeric());
    if tenants.is_empty() || tenants.len() > MOST_TENANTS {
        cursor.refuse(format_args!("{} tenants", tenants.len()), format_args!("1 to {MOST_TENANTS}"));
        return None;
    }
    if let Some(tenant) = tenants.iter().find(|tenant| !is_tenant(tenant) || **tenant == ALL_TENANTS) {
        cursor.refuse(quoted(tenant), "tenant identifiers of letters, digits and `-._`");
        return None;
    }
    Some(tenants)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_stands_for_its_tenants_and_nobody_else() {
        let issuer = Issuer::template("https://login.example/{tenantid}/v2.0".to_owned(), &["contoso", "fabrikam"]);
        assert!(issuer.accepts("https://login.example/contoso/v2.0"));
        assert_eq!(issuer.tenant("https://login.example/fabrikam/v2.0"), Some("fabrikam"));
        let (contoso, fabrikam) = ("https://login.example/contoso/v2.0", "https://login.example/fabrikam/v2.0");
        let agrees = |tid: Option<&str>, key: Option<&str>| issuer.agrees(contoso, tid.map(Value::from).as_ref(), key);
        assert!(agrees(None, None) && agrees(Some("contoso"), Some(contoso)) && agrees(None, Some(issuer.as_str())));
        assert!(!agrees(Some("fabrikam"), None) && !agrees(None, Some(fabrikam)) && !agrees(Some(""), None));
        assert!(Issuer::exact(contoso.to_owned()).agrees(contoso, Some(&Value::from("x")), Some("y")), "no tenants");
        for foreign in ["https://login.example/{tenantid}/v2.0", "https://login.example/evil/v2.0", "contoso", ""] {
            assert!(!issuer.accepts(foreign), "{foreign}");
        }
        for (other, overlaps) in [
            (issuer.clone(), true),
            (Issuer::exact("https://login.example/fabrikam/v2.0".to_owned()), true),
            (Issuer::template("https://login.example/{tenantid}/v2.0".to_owned(), &["fabrikam"]), true),
            (Issuer::template("https://login.example/{tenantid}/v2.0".to_owned(), &["other"]), false),
            (Issuer::exact("https://login.example/{tenantid}/v2.0".to_owned()), false),
        ] {
            assert_eq!((issuer.overlaps(&other), other.overlaps(&issuer)), (overlaps, overlaps), "{other:?}");
        }
        assert!(issuer.publishes_as("https://login.example/{tenantid}/v2.0"));
        assert!(!issuer.publishes_as("https://login.example/evil/v2.0"));
    }
}
