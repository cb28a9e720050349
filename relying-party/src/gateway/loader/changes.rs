//! What the log says about a provider's keys. Key ids are the provider's text: shown shortened and without odd characters.

use crate::config::Provider;
use crate::jose::{Jwk, JwkSet};
use crate::log::LogLine;
use crate::protocol::{ProviderMetadata, Registration};

/// How many keys a line names.
const NAMED: usize = 8;
/// How much of a key id is shown, in characters.
const SHOWN: usize = 64;

/// A line when keys came or went, and one when others than before are passed over.
pub(super) fn describe(provider: &str, old: Option<&JwkSet>, new: &JwkSet) -> Vec<LogLine> {
    let mut lines = Vec::new();
    if let Some(old) = old {
        let added: Vec<_> = new.keys().iter().filter(|key| !old.keys().contains(key)).map(shown).collect();
        let withdrawn: Vec<_> = old.keys().iter().filter(|key| !new.keys().contains(key)).map(shown).collect();
        let parts: Vec<String> = [("added", added), ("withdrawn", withdrawn)]
            .into_iter()
            .filter(|(_, keys)| !keys.is_empty())
            .map(|(what, keys)| format!("{what} {}", list(&keys)))
            .collect();
        if !parts.is_empty() {
            lines.push(LogLine::info(format!("provider {provider}: the keys have changed: {}", parts.join("; "))));
        }
    }
    if !new.skipped().is_empty() && old.is_none_or(|old| old.skipped() != new.skipped()) {
        let skipped: Vec<_> = new.skipped().iter().map(ToString::to_string).collect();
        lines.push(LogLine::info(format!("provider {provider}: keys passed over: {}", list(&skipped))));
    }
    lines
}

/// A line when the metadata says that the provider may not take the client as it is configured.
pub(super) fn unlisted(provider: &Provider, metadata: &ProviderMetadata) -> Option<LogLine> {
    let Registration { client, endpoints, .. } = Registration::of(provider, metadata)?;
    let (name, list, method) = (&provider.name, endpoints.unlisted?, client.authentication.name());
    Some(LogLine::warn(format!("provider {name}: {list} of its metadata does not list what `{method}` does here")))
}

fn list(items: &[String]) -> String {
    let named: Vec<&str> = items.iter().take(NAMED).map(String::as_str).collect();
    match items.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

fn shown(key: &Jwk) -> String {
    let Some(kid) = &key.kid else { return "(without an id)".to_owned() };
    let plain = |character: char| character.is_ascii_alphanumeric() || "-._~+/=:".contains(character);
    kid.chars().take(SHOWN).map(|character| if plain(character) { character } else { '?' }).collect()
}
