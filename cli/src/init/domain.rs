//! The domain of `--domain`: what addresses end in behind their `@`.

use miette::Diagnostic;

/// Why it is none.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("--domain: found {found:?}, expected a domain such as example.org")]
#[diagnostic(help(
    "one domain, without those below it; several, or others, are a rule: require: 'claims.email.endsWith(\"@example.org\")'"
))]
pub struct NoDomain {
    found: String,
}

/// The domain in lower case, as addresses are compared with it.
pub fn parse(text: &str) -> Result<String, NoDomain> {
    let domain = text.strip_prefix('@').unwrap_or(text).to_ascii_lowercase();
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let is_domain = domain.len() <= 253 && domain.contains('.') && domain.split('.').all(is_label);
    if is_domain { Ok(domain) } else { Err(NoDomain { found: text.to_owned() }) }
}
