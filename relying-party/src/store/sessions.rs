//! Sessions that lie in the store. Their lifetime there is their idle timeout: who uses one prolongs it, and what has ended is gone.

use std::time::Duration;

use super::webdis::{Command, Reply, StoreError};
use crate::http::CalloutOutcome;

/// What lies there, and for how many milliseconds more.
pub const LOAD: &str = "return {redis.call('GET',KEYS[1]) or '',tostring(redis.call('PTTL',KEYS[1]))}";

/// A sealed session as it lies there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The sealed session.
    pub sealed: String,
    /// How long it lives unless it is used.
    pub lifetime: Duration,
}

/// Puts a session there.
pub fn save(key: &str, sealed: &str, lifetime: Duration) -> Command {
    Command::new("SET").with(key).with(sealed).with("PX").with_duration(lifetime)
}

/// Whether it lies there now.
pub fn process_save(outcome: CalloutOutcome) -> Result<(), StoreError> {
    match Command::process("SET", outcome)? {
        Reply::Done => Ok(()),
        _ => Err(StoreError::Malformed),
    }
}

/// Asks for a session.
pub fn load(key: &str) -> Command {
    Command::new("EVAL").with(LOAD).with_number(1).with(key)
}

/// The session; `None` when there is none.
pub fn process_load(outcome: CalloutOutcome) -> Result<Option<Stored>, StoreError> {
    let Reply::Texts(texts) = Command::process("EVAL", outcome)? else { return Err(StoreError::Malformed) };
    let [sealed, lifetime] = texts.as_slice() else { return Err(StoreError::Malformed) };
    let lifetime: i64 = lifetime.parse().map_err(|_| StoreError::Malformed)?;
    if sealed.is_empty() {
        return Ok(None);
    }
    // A key without an end was not written by us.
    let lifetime = u64::try_from(lifetime).map_err(|_| StoreError::Malformed)?;
    Ok(Some(Stored { sealed: sealed.clone(), lifetime: Duration::from_millis(lifetime) }))
}

/// Prolongs a session that is being used.
pub fn prolong(key: &str, lifetime: Duration) -> Command {
    Command::new("PEXPIRE").with(key).with_duration(lifetime)
}

/// Removes a session.
pub fn remove(key: &str) -> Command {
    Command::new("DEL").with(key)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::http::Headers;

    #[test]
    fn what_lies_there_is_read_with_its_lifetime() {
        let load = |reply: Value| {
            let body = json!({"EVAL": reply}).to_string().into_bytes();
            process_load(CalloutOutcome::Answered { status: 200, headers: Headers::default(), body })
        };
        let stored = Stored { sealed: "abc".to_owned(), lifetime: Duration::from_millis(1500) };
        assert_eq!(load(json!(["abc", "1500"])), Ok(Some(stored)));
        assert_eq!(load(json!(["", "-2"])), Ok(None));
        for reply in [json!(["abc", "-1"]), json!(["abc", "soon"]), json!(["abc"]), json!("abc"), json!(null)] {
            assert_eq!(load(reply), Err(StoreError::Malformed));
        }
    }
}
