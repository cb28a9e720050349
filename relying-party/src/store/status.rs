//! Whether the store can be reached, as far as this VM knows.

use std::time::Duration;

use super::webdis::StoreError;
use crate::config::OnStoreFailure;
use crate::time::UnixTime;

/// How long the store may not have been reached before it counts as away.
pub const OUTAGE_AFTER: Duration = Duration::from_secs(5);

/// What is known of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreStatus {
    /// When everything that others had told was known here; `None`: never.
    pub reached_at: Option<UnixTime>,
    /// Why it cannot be reached since.
    pub failure: Option<StoreError>,
    /// What becomes of requests then.
    pub on_failure: OnStoreFailure,
}

impl StoreStatus {
    /// Of a store that has not been asked yet.
    pub const fn unknown(on_failure: OnStoreFailure) -> Self {
        Self { reached_at: None, failure: None, on_failure }
    }

    /// Whether what others have ended is known here.
    pub fn is_reached(&self, now: UnixTime) -> bool {
        self.reached_at.is_some_and(|reached_at| now.since(reached_at) < OUTAGE_AFTER)
    }

    /// Whether a session may be used whose end elsewhere would be known here.
    pub fn admits_sessions(&self, now: UnixTime) -> bool {
        self.on_failure == OnStoreFailure::Local || self.is_reached(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_was_not_reached_for_five_seconds_admits_no_session_unless_told_so() {
        let now = UnixTime::from_secs(1_900_000_000);
        let status = |reached_at, on_failure| StoreStatus { reached_at, failure: None, on_failure };
        let deny = OnStoreFailure::Deny;
        assert!(!status(None, deny).admits_sessions(now));
        assert!(status(Some(now - Duration::from_millis(4_999)), deny).admits_sessions(now));
        assert!(!status(Some(now - OUTAGE_AFTER), deny).admits_sessions(now));
        assert!(status(Some(now - OUTAGE_AFTER), OnStoreFailure::Local).admits_sessions(now));
        assert!(!status(Some(now - OUTAGE_AFTER), OnStoreFailure::Local).is_reached(now));
    }
}
