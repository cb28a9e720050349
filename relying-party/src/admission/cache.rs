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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::testing::session;

    const HOST: &str = "portal.example.org";
    const START: UnixTime = UnixTime::from_secs(1_700_000_000);

    fn cookie(number: usize) -> Box<[u8]> {
        format!("1.{number}").into_bytes().into()
    }

    fn filled(cache: &mut SessionCache, numbers: impl Iterator<Item = usize>) {
        let live = Rc::new(LiveSession::new(session(START), HOST.to_owned(), false, START));
        numbers.for_each(|number| cache.insert(cookie(number), Rc::clone(&live)));
    }

    #[test]
    fn a_session_is_found_for_its_host_until_it_ends() {
        let mut cache = SessionCache::default();
        filled(&mut cache, 0..1);
        assert!(cache.find(&cookie(0), HOST, START).is_some());
        assert!(cache.find(&cookie(0), "other.example.org", START).is_none());
        assert!(cache.find(&cookie(1), HOST, START).is_none());
        assert!(cache.find(&cookie(0), HOST, session(START).idle_expires_at).is_none());
    }

    #[test]
    fn what_is_in_use_outlives_its_generation_and_what_is_not_makes_room() {
        let mut cache = SessionCache::default();
        filled(&mut cache, 0..SESSIONS_PER_GENERATION + 1);
        assert!(cache.find(&cookie(0), HOST, START).is_some());
        filled(&mut cache, SESSIONS_PER_GENERATION + 1..2 * SESSIONS_PER_GENERATION + 1);
        assert!(cache.find(&cookie(0), HOST, START).is_some());
        assert!(cache.find(&cookie(1), HOST, START).is_none());
        assert!(cache.young.sessions.len() + cache.old.sessions.len() <= 2 * SESSIONS_PER_GENERATION + 1);
    }
}
