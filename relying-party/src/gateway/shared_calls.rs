//! Calls under way on behalf of all who wait for the same thing. Bounded, because clients choose what is asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::flow::SharedKey;
use crate::time::UnixTime;

use super::{CalloutId, StreamId};

/// How many of them may be under way.
pub(super) const MOST_CALLS: usize = 1024;
/// How many streams may wait for all of them together.
pub(super) const MOST_WAITING: usize = 8192;
/// How much later than the call's own timeout an answer is given up for lost.
const GRACE: Duration = Duration::from_secs(5);

#[derive(Default)]
pub(super) struct SharedCalls {
    calls: BTreeMap<SharedKey, SharedCall>,
    waiting: usize,
}

struct SharedCall {
    callout: CalloutId,
    lost_at: UnixTime,
    waiting: BTreeSet<StreamId>,
}

/// What becomes of somebody who wants to wait.
pub(super) enum Admittance {
    /// The call is under way already.
    Joined,
    /// The call is to be begun.
    First,
    /// Too many wait, or too many calls are under way.
    Full,
}

impl SharedCalls {
    /// Lets `stream` wait for the call that is under way; if there is none, it may [begin](Self::begin) one.
    pub(super) fn join(&mut self, key: SharedKey, stream: StreamId) -> Admittance {
        let may_begin = self.calls.len() < MOST_CALLS;
        match self.calls.get_mut(&key) {
            _ if self.waiting >= MOST_WAITING => Admittance::Full,
            Some(call) => {
                call.waiting.insert(stream);
                self.waiting = self.waiting.saturating_add(1);
                Admittance::Joined
            }
            None if may_begin => Admittance::First,
            None => Admittance::Full,
        }
    }

    /// A call that takes at most `timeout` has begun, and `stream` is the first to wait for it.
    pub(super) fn begin(
        &mut self,
        key: SharedKey,
        callout: CalloutId,
        stream: StreamId,
        now: UnixTime,
        timeout: Duration,
    ) {
        let call = SharedCall { callout, lost_at: now + timeout + GRACE, waiting: BTreeSet::from([stream]) };
        self.waiting = self.waiting.saturating_add(1);
        self.calls.insert(key, call);
    }

    /// `stream` does not wait any more. The call goes on: others may still want to know.
    pub(super) fn leave(&mut self, key: SharedKey, stream: StreamId) {
        if self.calls.get_mut(&key).is_some_and(|call| call.waiting.remove(&stream)) {
            self.waiting = self.waiting.saturating_sub(1);
        }
    }

    /// The call has ended: who waited for it, in no order that matters.
    pub(super) fn end(&mut self, key: SharedKey) -> BTreeSet<StreamId> {
        let waiting = self.calls.remove(&key).map(|call| call.waiting).unwrap_or_default();
        self.waiting = self.waiting.saturating_sub(waiting.len());
        waiting
    }

    /// Calls whose answer should have come long ago.
    pub(super) fn lost(&self, now: UnixTime) -> Vec<(SharedKey, CalloutId)> {
        let lost = self.calls.iter().filter(|(_, call)| now >= call.lost_at);
        lost.map(|(key, call)| (*key, call.callout)).collect()
    }

    /// When the first of them is to be given up.
    pub(super) fn next_lost(&self) -> Option<UnixTime> {
        self.calls.values().map(|call| call.lost_at).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: UnixTime = UnixTime::from_secs(1_700_000_000);

    fn key(number: usize) -> SharedKey {
        SharedKey::new("test", [number.to_be_bytes().as_slice()])
    }

    fn wait(calls: &mut SharedCalls, number: usize, stream: u32) -> bool {
        let key = key(number);
        let callout = CalloutId(u64::try_from(number).unwrap());
        match calls.join(key, StreamId(stream)) {
            Admittance::Joined => true,
            Admittance::First => {
                calls.begin(key, callout, StreamId(stream), START, Duration::from_secs(5));
                true
            }
            Admittance::Full => false,
        }
    }

    #[test]
    fn calls_and_those_who_wait_are_bounded() {
        let mut calls = SharedCalls::default();
        assert!((0..MOST_CALLS).all(|number| wait(&mut calls, number, u32::try_from(number).unwrap())));
        assert!(!wait(&mut calls, MOST_CALLS, 1_000_000), "no more calls");
        assert!((MOST_CALLS..MOST_WAITING).all(|stream| wait(&mut calls, 7, u32::try_from(stream).unwrap())));
        assert!(!wait(&mut calls, 7, 1_000_000), "nobody else may wait");
        calls.leave(key(7), StreamId(7));
        calls.leave(key(7), StreamId(7));
        assert!(wait(&mut calls, 7, 1_000_000));
        assert!(!wait(&mut calls, 7, 1_000_001));
        assert_eq!(calls.end(key(7)).len(), MOST_WAITING - MOST_CALLS + 1);
        assert!(wait(&mut calls, MOST_CALLS, 1_000_001));
    }

    #[test]
    fn a_call_that_nobody_waits_for_is_still_under_way() {
        let mut calls = SharedCalls::default();
        assert!(wait(&mut calls, 1, 1));
        calls.leave(key(1), StreamId(1));
        assert!(matches!(calls.join(key(1), StreamId(2)), Admittance::Joined));
        assert_eq!(calls.end(key(1)), BTreeSet::from([StreamId(2)]));
        assert_eq!(calls.next_lost(), None);
    }

    #[test]
    fn an_answer_that_does_not_come_is_given_up() {
        let mut calls = SharedCalls::default();
        assert!(wait(&mut calls, 1, 1));
        let lost_at = calls.next_lost().unwrap();
        assert_eq!(lost_at, START + Duration::from_secs(10));
        assert!(calls.lost(lost_at - Duration::from_millis(1)).is_empty());
        assert_eq!(calls.lost(lost_at), [(key(1), CalloutId(1))]);
    }
}
