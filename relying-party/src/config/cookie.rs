//! The cookie's part of `session`: name, prefix and attributes (RFC 6265bis §4.1).

use super::cursor::{Cursor, Mapping};
use super::problem::quoted;

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

const DEFAULT_NAME: &str = "latchkey";
const HOST_PREFIX: &str = "__Host-";
const SECURE_PREFIX: &str = "__Secure-";

const EXPECTED_NAME: &str = "a cookie name of letters, digits and `` !#$%&'*+-.^_`|~ `` (RFC 6265 §4.1.1)";
const EXPECTED_DOMAIN: &str = "a domain such as `example.org`, in lower case, without a dot in front, or `null`";

/// Reads the cookie's attributes.
pub(super) fn read(session: &Mapping<'_>) -> Option<CookiePolicy> {
    let name = session.optional("cookie", DEFAULT_NAME.to_owned(), |cursor| name(&cursor));
    let domain = session
        .optional("domain", None, |cursor| if cursor.is_null() { Some(None) } else { domain(&cursor).map(Some) });
    let same_site = session.optional("same_site", SameSite::Lax, |cursor| {
        cursor.choice(&[("lax", SameSite::Lax), ("strict", SameSite::Strict), ("none", SameSite::None)])
    });
    let secure = session.optional("secure", true, |cursor| cursor.boolean());
    let partitioned = session.optional("partitioned", false, |cursor| cursor.boolean());

    // Browsers drop both without `Secure`: nobody could ever sign in.
    if secure == Some(false) && same_site == Some(SameSite::None) {
        session.place("same_site").refuse("`none` with `secure: false`", "`secure: true`");
    }
    if secure == Some(false) && partitioned == Some(true) {
        session.place("partitioned").refuse("`true` with `secure: false`", "`secure: true`");
    }
    let (domain, secure) = (domain?, secure?);
    Some(CookiePolicy {
        name: prefixed(&name?, domain.is_some(), secure),
        domain,
        same_site: same_site?,
        secure,
        partitioned: partitioned?,
    })
}

/// The given name without any prefix: which one it gets follows from the attributes.
fn name(cursor: &Cursor<'_>) -> Option<String> {
    let given = cursor.text(EXPECTED_NAME)?;
    let mut name = given;
    while let Some(rest) = without_prefix(name, HOST_PREFIX).or_else(|| without_prefix(name, SECURE_PREFIX)) {
        name = rest;
    }
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || name.len() > 64 || !name.bytes().all(is_token) {
        cursor.refuse(quoted(given), EXPECTED_NAME);
        return None;
    }
    Some(name.to_owned())
}

/// Browsers know the prefixes in any case (RFC 6265bis §5.4).
fn without_prefix<'a>(name: &'a str, prefix: &str) -> Option<&'a str> {
    let (front, rest) = name.split_at_checked(prefix.len())?;
    front.eq_ignore_ascii_case(prefix).then_some(rest)
}

fn prefixed(name: &str, has_domain: bool, secure: bool) -> String {
    let prefix = match (secure, has_domain) {
        (false, _) => "",
        (true, true) => SECURE_PREFIX,
        (true, false) => HOST_PREFIX,
    };
    format!("{prefix}{name}")
}

fn domain(cursor: &Cursor<'_>) -> Option<String> {
    let domain = cursor.text(EXPECTED_DOMAIN)?;
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    // A name whose last label is a number is an address (WHATWG URL), and those have no subdomains.
    let last = domain.rsplit('.').next().unwrap_or_default();
    let is_domain = domain.contains('.')
        && domain.len() <= 253
        && domain.split('.').all(is_label)
        && !last.bytes().all(|byte| byte.is_ascii_digit());
    if !is_domain {
        cursor.refuse(quoted(domain), EXPECTED_DOMAIN);
        return None;
    }
    Some(domain.to_owned())
}
