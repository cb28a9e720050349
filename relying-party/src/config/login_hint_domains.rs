//! `providers[].login_hint_domains`: whose e-mail addresses belong to which provider (home realm discovery).

use super::address;
use super::cursor::{Cursor, Mapping};
use super::problem::quoted;
use super::provider::Provider;

const EXPECTED: &str = "a list of e-mail domains such as `[example.org]`";

/// Reads the domains of one provider.
pub(super) fn read(cursor: &Cursor<'_>) -> Option<Vec<String>> {
    cursor.texts(EXPECTED)?;
    let items = cursor.list(EXPECTED)?;
    if items.is_empty() {
        cursor.refuse("an empty list", "at least one domain");
        return None;
    }
    let mut domains: Vec<String> = Vec::new();
    let mut complete = true;
    for item in items {
        let domain = item.text(EXPECTED)?;
        if is_domain(domain) {
            domains.push(domain.to_owned());
        } else {
            let lower = domain.to_ascii_lowercase();
            let without_at = lower.trim_start_matches(['@', '*', '.']);
            let hint = (without_at != domain && is_domain(without_at)).then_some(without_at);
            item.report(
                format!("found {}, expected a domain such as `example.org`, in lower case", quoted(domain)),
                hint,
            );
            complete = false;
        }
    }
    complete.then_some(domains)
}

/// A name with a dot: addresses of one's own machine belong to nobody.
fn is_domain(domain: &str) -> bool {
    let is_name = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    domain.contains('.') && domain.split('.').all(is_name) && address::is_host(domain)
}

/// Reports domains that belong to another provider already.
pub(super) fn report_shared(members: &Mapping<'_>, provider: &Provider, others: &[Provider]) {
    let Some(cursor) = members.member("login_hint_domains") else { return };
    let of = |provider: &Provider| provider.client.as_ref().map(|client| client.login_hint_domains.clone());
    for domain in of(provider).unwrap_or_default() {
        let owner = others.iter().find(|other| of(other).is_some_and(|domains| domains.contains(&domain)));
        if let Some(owner) = owner {
            cursor.refuse(
                format_args!("the domain {} of `{}` again", quoted(&domain), owner.name),
                "each domain at one provider",
            );
        }
    }
}
