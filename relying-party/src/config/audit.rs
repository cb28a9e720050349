//! `audit`: what is written down of decisions about security.

use super::cursor::{Cursor, Keys};
use crate::audit::AuditPolicy;

pub(super) const KEYS: Keys = Keys { known: &["subject"] };

/// Reads `audit`. Hashes are made with a session key.
pub(super) fn read(cursor: &Cursor<'_>, has_session_keys: bool) -> Option<AuditPolicy> {
    let audit = cursor.mapping_of(&KEYS)?;
    let policy = audit.optional("subject", AuditPolicy::Hashed, |cursor| {
        cursor.choice(&[("hashed", AuditPolicy::Hashed), ("plain", AuditPolicy::Plain)])
    })?;
    if policy == AuditPolicy::Hashed && !has_session_keys {
        audit.place("subject").refuse("hashes without a key to make them with", "`session.keys`, or `plain`");
        return None;
    }
    Some(policy)
}
