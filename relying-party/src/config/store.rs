//! `session.store`: what several instances share.

use super::cursor::{Cursor, Keys};

/// The store that several instances share: Redis or Valkey behind Webdis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorePolicy {
    /// The host's cluster that leads to Webdis.
    pub cluster: String,
    /// Whether sessions lie there, and only a sealed name of theirs in the cookie.
    pub keeps_sessions: bool,
    /// What becomes of requests while it cannot be reached.
    pub on_failure: OnStoreFailure,
}

/// What becomes of requests while the store cannot be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnStoreFailure {
    /// Nobody is admitted by a session that may have been revoked elsewhere.
    Deny,
    /// What this instance knows decides.
    Local,
}

pub(super) const KEYS: Keys = Keys { known: &["cluster", "kind", "sessions", "on_failure"] };

/// Reads `store`.
pub(super) fn read(cursor: &Cursor<'_>) -> Option<StorePolicy> {
    let store = cursor.mapping_of(&KEYS)?;
    let cluster = store
        .required("cluster", EXPECTED_CLUSTER)
        .and_then(|cursor| cursor.label(EXPECTED_CLUSTER).map(str::to_owned));
    let kind = store.required("kind", "`webdis`").and_then(|cursor| cursor.choice(&[("webdis", ())]));
    let keeps_sessions = store.optional("sessions", false, |cursor| cursor.boolean());
    let on_failure = store.optional("on_failure", OnStoreFailure::Deny, |cursor| {
        cursor.choice(&[("deny", OnStoreFailure::Deny), ("local", OnStoreFailure::Local)])
    });
    kind?;
    Some(StorePolicy { cluster: cluster?, keeps_sessions: keeps_sessions?, on_failure: on_failure? })
}

const EXPECTED_CLUSTER: &str = "the name of the Envoy cluster that leads to Webdis";
