//! One refresh for all instances: who refreshes holds the key of the refresh token, and leaves there what came of it.

use std::time::Duration;

use super::webdis::{Command, Reply, StoreError};
use crate::http::CalloutOutcome;

/// Takes the key, unless somebody holds it or has left something there.
pub const CLAIM: &str = "local v=redis.call('GET',KEYS[1]) if v then return v end \
redis.call('SET',KEYS[1],ARGV[1],'PX',ARGV[2]) return ''";

/// Leaves a refreshed session for the others, and replaces the stored one if there is one still.
pub const LEAVE: &str = "redis.call('SET',KEYS[1],ARGV[1],'PX',ARGV[2]) \
if KEYS[2] then redis.call('SET',KEYS[2],ARGV[3],'XX','PX',ARGV[4]) end return 1";

/// In front of what names a holder.
const HELD: char = 'h';
/// In front of a sealed session.
const REFRESHED: char = 'r';
/// The token is of no use any more.
const SPENT: &str = "x";
/// The token could not be used, and is to be left alone for a moment.
const FAILING: &str = "f";

/// What became of taking the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It is ours for a while.
    Ours,
    /// Another instance refreshes.
    Elsewhere,
    /// Another instance has refreshed: the sealed session.
    Refreshed(String),
    /// The token is of no use any more.
    Spent,
    /// Another instance has failed a moment ago.
    Failing,
}

/// What is left when no session came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// The token is of no use any more.
    Spent,
    /// The token could not be used.
    Failing,
}

/// Takes `key` for `lease`, in the name of `holder`.
pub fn claim(key: &str, holder: &str, lease: Duration) -> Command {
    Command::new("EVAL").with(CLAIM).with_number(1).with(key).with(format!("{HELD}{holder}")).with_duration(lease)
}

/// What became of it. Who asked before and got no answer in time may hold it already.
pub fn process_claim(outcome: CalloutOutcome, holder: &str) -> Result<Claim, StoreError> {
    let Reply::Text(value) = Command::process("EVAL", outcome)? else { return Err(StoreError::Malformed) };
    match value.as_str() {
        "" => return Ok(Claim::Ours),
        SPENT => return Ok(Claim::Spent),
        FAILING => return Ok(Claim::Failing),
        _ => {}
    }
    match (value.strip_prefix(HELD), value.strip_prefix(REFRESHED)) {
        (Some(by), _) => Ok(if by == holder { Claim::Ours } else { Claim::Elsewhere }),
        (_, Some(sealed)) => Ok(Claim::Refreshed(sealed.to_owned())),
        (None, None) => Err(StoreError::Malformed),
    }
}

/// Leaves what came of the refresh under `key` for a while; `stored`, if sessions lie in the store, is its key, the sealed session
/// and how long it lives.
pub fn leave((key, sealed): (&str, &str), grace: Duration, stored: Option<(&str, &str, Duration)>) -> Command {
    let value = format!("{REFRESHED}{sealed}");
    match stored {
        None => Command::new("EVAL").with(LEAVE).with_number(1).with(key).with(value).with_duration(grace),
        Some((stored_key, session, lifetime)) => Command::new("EVAL")
            .with(LEAVE)
            .with_number(2)
            .with(key)
            .with(stored_key)
            .with(value)
            .with_duration(grace)
            .with(session)
            .with_duration(lifetime),
    }
}

/// Leaves under `key`, for a while, that no session came of it.
pub fn mark(key: &str, mark: Mark, lifetime: Duration) -> Command {
    let value = match mark {
        Mark::Spent => SPENT,
        Mark::Failing => FAILING,
    };
    Command::new("EVAL").with(LEAVE).with_number(1).with(key).with(value).with_duration(lifetime)
}

/// Whether it was left.
pub fn process_leave(outcome: CalloutOutcome) -> Result<(), StoreError> {
    match Command::process("EVAL", outcome)? {
        Reply::Integer(_) => Ok(()),
        _ => Err(StoreError::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::http::Headers;

    fn answered(reply: &Value) -> CalloutOutcome {
        let body = json!({"EVAL": reply}).to_string().into_bytes();
        CalloutOutcome::Answered { status: 200, headers: Headers::default(), body }
    }

    #[test]
    fn a_claim_is_ours_another_s_or_settled() {
        let claim = |reply: Value| process_claim(answered(&reply), "me");
        assert_eq!(claim(json!("")), Ok(Claim::Ours));
        assert_eq!(claim(json!("hme")), Ok(Claim::Ours), "the first answer was lost");
        assert_eq!(claim(json!("hother")), Ok(Claim::Elsewhere));
        assert_eq!(claim(json!("rsealed")), Ok(Claim::Refreshed("sealed".to_owned())));
        assert_eq!((claim(json!("x")), claim(json!("f"))), (Ok(Claim::Spent), Ok(Claim::Failing)));
        for reply in [json!("y"), json!(1), json!(null), json!(["a"])] {
            assert_eq!(claim(reply), Err(StoreError::Malformed));
        }
    }
}
