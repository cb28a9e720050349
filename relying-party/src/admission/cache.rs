//! Opened sessions, by the cookie that carries them: a live session costs one look-up, no decryption, no JSON, no CEL.

use std::collections::HashMap;
use std::rc::Rc;

use foldhash::fast::RandomState;

use crate::time::UnixTime;

use super::LiveSession;

/// When the young generation holds this many sessions, it becomes the old one.
const SESSIONS_PER_GENERATION: usize = 8192;
/// When the young generation's cookies add up to this many bytes, likewise.
const BYTES_PER_GENERATION: usize = 8 * 1024 * 1024;

/// Sessions used lately. Two generations: what is found in the old one moves to the young one, and when that is full the
/// old one is dropped. So memory is bounded, and what is in use stays.
///
/// Only cookies that opened are remembered, so nobody can choose the keys, and the whole cookie is compared.
#[derive(Default)]
pub struct SessionCache {
    young: Generation,
    old: Generation,
}

#[derive(Default)]
struct Generation {
    sessions: HashMap<Box<[u8]>, Rc<LiveSession>, RandomState>,
    bytes: usize,
}

impl SessionCache {
    /// The session that `cookie` carries, if it was opened before for `host` and has not ended.
    pub fn find(&mut self, cookie: &[u8], host: &str, now: UnixTime) -> Option<Rc<LiveSession>> {
        if let Some(session) = self.young.sessions.get(cookie) {
            return session.is_valid(host, now).then(|| Rc::clone(session));
        }
        let (cookie, session) = self.old.sessions.remove_entry(cookie)?;
        session.is_valid(host, now).then(|| {
            self.insert(cookie, Rc::clone(&session));
            session
        })
    }

    /// Remembers the session that `cookie` carries.
    pub fn insert(&mut self, cookie: Box<[u8]>, session: Rc<LiveSession>) {
        if self.young.sessions.len() >= SESSIONS_PER_GENERATION || self.young.bytes >= BYTES_PER_GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.bytes = self.young.bytes.saturating_add(cookie.len());
        self.young.sessions.insert(cookie, session);
    }
}
