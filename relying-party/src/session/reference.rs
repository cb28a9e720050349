//! What a cookie holds of a session that lies in the store: a secret name, and what ending it takes.

use crate::time::UnixTime;

/// The format byte; those below are sessions.
const REFERENCE: u8 = 3;
const PLACE: usize = 32;
/// How many bytes an id may have.
const LONGEST_ID: usize = 64;

/// A session that lies in the store.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionReference {
    /// 256 random bits: who knows them finds the session.
    pub place: [u8; PLACE],
    /// The session's [id](super::Session::id).
    pub session_id: String,
    /// When the person logged in here.
    pub authenticated_at: UnixTime,
    /// The end, whatever happens.
    pub expires_at: UnixTime,
}

impl SessionReference {
    /// The reference as bytes to seal.
    pub fn encode(&self) -> Vec<u8> {
        let times = [self.authenticated_at, self.expires_at].map(|time| time.as_millis().to_be_bytes()).concat();
        [&[REFERENCE][..], &self.place, &times, self.session_id.as_bytes()].concat()
    }

    /// Reads what [`Self::encode`] wrote; `None` for anything else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(&[REFERENCE])?;
        let (place, rest) = rest.split_first_chunk()?;
        let (authenticated_at, rest) = rest.split_first_chunk()?;
        let (expires_at, id) = rest.split_first_chunk()?;
        let time = |bytes: &[u8; 8]| UnixTime::from_millis(u64::from_be_bytes(*bytes));
        let session_id = std::str::from_utf8(id).ok().filter(|id| (1..=LONGEST_ID).contains(&id.len()))?;
        Some(Self {
            place: *place,
            session_id: session_id.to_owned(),
            authenticated_at: time(authenticated_at),
            expires_at: time(expires_at),
        })
    }
}

/// Without the place, which is a secret.
impl std::fmt::Debug for SessionReference {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SessionReference").field("session_id", &self.session_id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Session;
    use crate::session::testing::session;

    #[test]
    fn a_reference_is_no_session_and_a_session_no_reference() {
        let now = UnixTime::from_secs(1_900_000_000);
        let session = session(now);
        let reference = SessionReference {
            place: [7; PLACE],
            session_id: session.id.clone(),
            authenticated_at: session.authenticated_at,
            expires_at: session.expires_at,
        };
        let bytes = reference.encode();
        assert_eq!(SessionReference::decode(&bytes), Some(reference));
        assert_eq!(Session::decode(&bytes), None);
        assert_eq!(SessionReference::decode(&session.encode().unwrap()), None);
        assert!((0..50).all(|length| SessionReference::decode(&bytes[..length.min(49)]).is_none()));
    }
}
