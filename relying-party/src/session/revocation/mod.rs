//! Sessions that were ended before their time: by their owner, or by the provider (OIDC Back-Channel Logout 1.0 §2.7).
//!
//! A session lives in cookies, and a cookie can be copied; so what was ended is remembered until it would have ended anyway. All
//! VMs of a process share a [ring] of such entries in the host's shared data, and each keeps [what it has read](known) of it.
//!
//! Only who proves something may add an entry: by a live session, or by a logout token of the provider. Otherwise the ring could
//! be flooded.

mod known;
mod ring;
#[cfg(test)]
mod tests;

use std::cell::{Cell, OnceCell};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::Session;
use crate::time::UnixTime;

pub use self::known::Revocations;

/// Names what was ended, and is the same in every instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RevocationKey([u8; Self::SIZE]);

/// What can be ended.
#[derive(Clone, Copy)]
pub enum Mark<'a> {
    /// One session, by its [id](Session::id).
    Session(&'a str),
    /// What came of one session at the provider, by its `sid`.
    ProviderSession(At<'a>, &'a str),
    /// All sessions of one person, by `sub`.
    Person(At<'a>, &'a str),
    /// Those of them that have no `sid`.
    Unnamed(At<'a>, &'a str),
}

/// Whose names `sid` and `sub` are: another client's sessions are not meant (OIDC Back-Channel Logout 1.0 §2.4).
#[derive(Clone, Copy)]
pub struct At<'a> {
    /// `iss`
    pub issuer: &'a str,
    /// `client_id`
    pub client_id: &'a str,
}

impl RevocationKey {
    const SIZE: usize = 16;

    /// The key of `mark`.
    pub fn of(mark: Mark<'_>) -> Self {
        let parts = match mark {
            Mark::Session(id) => ["session", "", "", id],
            Mark::ProviderSession(At { issuer, client_id }, sid) => ["sid", issuer, client_id, sid],
            Mark::Person(At { issuer, client_id }, sub) => ["sub", issuer, client_id, sub],
            Mark::Unnamed(At { issuer, client_id }, sub) => ["sub without sid", issuer, client_id, sub],
        };
        let mut digest = Sha256::new();
        for part in parts {
            digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            digest.update(part);
        }
        let mut key = [0; Self::SIZE];
        key.iter_mut().zip(digest.finalize()).for_each(|(to, from)| *to = from);
        Self(key)
    }
}

/// That something was ended: sessions with this key that were begun before count no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// What was ended.
    pub key: RevocationKey,
    /// When. A login after that works.
    pub revoked_at: UnixTime,
    /// When nothing is left that this could be about.
    pub until: UnixTime,
}

impl Revocation {
    /// How many bytes one takes.
    pub const SIZE: usize = RevocationKey::SIZE + 16;

    /// The key, then both times in milliseconds.
    pub fn to_bytes(self) -> Vec<u8> {
        let times = [self.revoked_at, self.until].map(|time| time.as_millis().to_be_bytes()).concat();
        [&self.key.0[..], &times].concat()
    }

    /// Reads what [`Self::to_bytes`] wrote; `None` for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (key, times) = bytes.split_first_chunk()?;
        let (revoked_at, times) = times.split_first_chunk()?;
        let time = |bytes: &[u8; 8]| UnixTime::from_millis(u64::from_be_bytes(*bytes));
        Some(Self { key: RevocationKey(*key), revoked_at: time(revoked_at), until: time(times.try_into().ok()?) })
    }
}

/// A session that could have been ended, and as of when it is known that it was not. Asking again costs one comparison as long
/// as nothing was ended anywhere.
#[derive(Default)]
pub struct Clearance {
    as_of: Cell<Option<u64>>,
    keys: OnceCell<Vec<RevocationKey>>,
}

impl Clearance {
    /// Whether `session`, of the client that `client_id` finds, was ended. It must be the same session every time.
    pub fn is_revoked<'c>(
        &self,
        session: &Session,
        client_id: impl FnOnce() -> Option<&'c str>,
        revocations: &Revocations,
    ) -> bool {
        if self.as_of.get() == Some(revocations.version()) {
            return false;
        }
        let keys = self.keys.get_or_init(|| keys(session, client_id()));
        let is_revoked = revocations.covers(keys, session.authenticated_at);
        if !is_revoked {
            self.as_of.set(Some(revocations.version()));
        }
        is_revoked
    }
}

/// Everything that `session` can be ended by.
fn keys(session: &Session, client_id: Option<&str>) -> Vec<RevocationKey> {
    let claim = |name| session.claims.get(name).and_then(Value::as_str);
    let at = claim("iss").zip(client_id).map(|(issuer, client_id)| At { issuer, client_id });
    let person = at.zip(claim("sub"));
    let of_provider = match session.sid.as_deref() {
        Some(sid) => at.map(|at| Mark::ProviderSession(at, sid)),
        None => person.map(|(at, sub)| Mark::Unnamed(at, sub)),
    };
    let of_person = person.map(|(at, sub)| Mark::Person(at, sub));
    [Some(Mark::Session(&session.id)), of_provider, of_person].into_iter().flatten().map(RevocationKey::of).collect()
}
