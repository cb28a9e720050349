//! One Redis command over Webdis: a request, and what is made of its answer.
//!
//! What Webdis 0.1.9 does, found by trying it (Redis 7.0); envoy/tests/store.rs holds it to that:
//!
//! - `POST /` takes `COMMAND/argument/…` in its body, up to 128 MB; a path is refused from 100 KB on, and is logged.
//! - Arguments are percent-decoded, and `+` is a space. `/` separates, and `.` begins a format such as `.raw`: both escaped
//!   are themselves.
//! - The answer is an object with the command's name as its only member: a string, an integer, `null`, a list, or
//!   `[true, "OK"]` for a status and `[false, "ERR …"]` for an error of Redis, both with status 200.
//! - A list inside a list is `null`: `XRANGE` needs a script that makes one list of it. `.raw` does not help, it ends there.
//! - A value that is not UTF-8 is no member at all, `{}`: values are base64url here.
//! - 403 without a body when its ACL does not admit the command, 503 without a body while it has no connection to Redis; it
//!   connects again by itself, the first request after Redis is back may still be answered 503. While Redis hangs, so does
//!   Webdis: the timeout is ours.

use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use serde_json::Value;

use crate::http::{CalloutOutcome, CalloutRequest};
use crate::jose::json::{self, JsonError};
use crate::protocol::MAX_RESPONSE;
use crate::reason::Reason;

/// How long one command may take. A request may wait for two of them: nobody waits longer than a second.
pub const COMMAND_TIMEOUT: Duration = Duration::from_millis(500);

/// What stands for itself in an argument.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'~');

/// A Redis command.
#[derive(Clone, PartialEq, Eq)]
pub struct Command {
    name: &'static str,
    body: String,
}

impl Command {
    /// The command called `name`, without arguments yet.
    pub fn new(name: &'static str) -> Self {
        Self { name, body: name.to_owned() }
    }

    /// The same with one more argument.
    #[must_use]
    pub fn with(mut self, argument: impl AsRef<[u8]>) -> Self {
        self.body.push('/');
        self.body.extend(percent_encode(argument.as_ref(), ESCAPED));
        self
    }

    /// The same with a number as one more argument.
    #[must_use]
    pub fn with_number(self, number: u64) -> Self {
        self.with(number.to_string())
    }

    /// The same with a duration in milliseconds, one at least, as one more argument.
    #[must_use]
    pub fn with_duration(self, duration: Duration) -> Self {
        self.with_number(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).max(1))
    }

    /// The request to the Webdis behind `cluster`.
    pub fn request(&self, cluster: &str) -> CalloutRequest {
        CalloutRequest {
            call: "store",
            cluster: cluster.to_owned(),
            method: "POST",
            authority: cluster.to_owned(),
            scheme: "http".to_owned(),
            path: "/".to_owned(),
            headers: vec![("content-type".to_owned(), "text/plain".to_owned())],
            body: self.body.clone().into_bytes(),
            timeout: COMMAND_TIMEOUT,
        }
    }

    /// What Redis replied.
    pub fn process(name: &str, outcome: CalloutOutcome) -> Result<Reply, StoreError> {
        let (status, body) = match outcome {
            CalloutOutcome::Answered { status, body, .. } => (status, body),
            CalloutOutcome::TooLarge => return Err(StoreError::TooLarge),
            CalloutOutcome::Refused | CalloutOutcome::Failed => return Err(StoreError::Unreachable),
        };
        match status {
            200 => {}
            401 | 403 => return Err(StoreError::CommandNotAllowed),
            _ => return Err(StoreError::NotConnected),
        }
        let mut answer = json::parse_object(&body, MAX_RESPONSE).map_err(|error| match error {
            JsonError::TooLarge => StoreError::TooLarge,
            _ => StoreError::Malformed,
        })?;
        let reply = answer.remove(name).filter(|_| answer.is_empty()).ok_or(StoreError::Malformed)?;
        Reply::read(reply)
    }
}

/// What Redis replied.
#[derive(Clone, PartialEq, Eq)]
pub enum Reply {
    /// A status such as `OK`.
    Done,
    /// Nothing: no such key, or a condition that did not hold.
    Nothing,
    /// A number.
    Integer(i64),
    /// A text.
    Text(String),
    /// Texts.
    Texts(Vec<String>),
}

impl Reply {
    fn read(value: Value) -> Result<Self, StoreError> {
        match value {
            Value::Null => Ok(Self::Nothing),
            Value::String(text) => Ok(Self::Text(text)),
            Value::Number(number) => number.as_i64().map(Self::Integer).ok_or(StoreError::Malformed),
            Value::Array(items) => match items.as_slice() {
                [Value::Bool(true), Value::String(_)] => Ok(Self::Done),
                [Value::Bool(false), Value::String(error)] => Err(StoreError::of_redis(error)),
                _ => {
                    let texts = items.into_iter().map(|item| match item {
                        Value::String(text) => Some(text),
                        _ => None,
                    });
                    texts.collect::<Option<Vec<_>>>().map(Self::Texts).ok_or(StoreError::Malformed)
                }
            },
            Value::Bool(_) | Value::Object(_) => Err(StoreError::Malformed),
        }
    }
}

/// Why the store did not do what it was asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Not sent, not answered, or too late.
    #[error("the store could not be reached")]
    Unreachable,
    /// Webdis answers, but not with what Redis says: 503 while it has no connection.
    #[error("Webdis has no connection to Redis")]
    NotConnected,
    /// Webdis' ACL does not admit the command.
    #[error("Webdis does not allow this command")]
    CommandNotAllowed,
    /// Larger than what is read.
    #[error("the store's answer is too large")]
    TooLarge,
    /// Not what Webdis answers to this command.
    #[error("the store's answer is not what Webdis answers")]
    Malformed,
    /// What lies there was not sealed by an instance like this one.
    #[error("what lies in the store was not sealed for this")]
    Unsealed,
    /// Redis is starting, or busy with a script.
    #[error("Redis is busy")]
    Busy,
    /// Redis does not let Webdis in, or not do this: NOAUTH, WRONGPASS, NOPERM.
    #[error("Redis does not permit this")]
    NotPermitted,
    /// Redis takes no writes: a replica, out of memory, or unable to persist.
    #[error("Redis takes no writes")]
    NotWritable,
    /// Redis reports another error.
    #[error("Redis reports an error")]
    Rejected,
}

impl StoreError {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Unreachable,
        Self::NotConnected,
        Self::CommandNotAllowed,
        Self::TooLarge,
        Self::Malformed,
        Self::Unsealed,
        Self::Busy,
        Self::NotPermitted,
        Self::NotWritable,
        Self::Rejected,
    ];

    /// The first word of an error says what kind it is; nothing of the rest is kept.
    fn of_redis(error: &str) -> Self {
        match error.split_ascii_whitespace().next().unwrap_or_default() {
            "LOADING" | "BUSY" | "TRYAGAIN" | "CLUSTERDOWN" => Self::Busy,
            "NOAUTH" | "WRONGPASS" | "NOPERM" => Self::NotPermitted,
            "READONLY" | "OOM" | "MISCONF" | "MASTERDOWN" | "NOREPLICAS" => Self::NotWritable,
            _ => Self::Rejected,
        }
    }
}

impl Reason for StoreError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unreachable => "store.unreachable",
            Self::NotConnected => "store.not_connected",
            Self::CommandNotAllowed => "store.command_not_allowed",
            Self::TooLarge => "store.too_large",
            Self::Malformed => "store.malformed",
            Self::Unsealed => "store.unsealed",
            Self::Busy => "store.busy",
            Self::NotPermitted => "store.not_permitted",
            Self::NotWritable => "store.not_writable",
            Self::Rejected => "store.rejected",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Headers;

    fn answered(status: u16, body: &str) -> CalloutOutcome {
        CalloutOutcome::Answered { status, headers: Headers::default(), body: body.as_bytes().to_vec() }
    }

    fn reply(name: &str, body: &str) -> Result<Reply, StoreError> {
        Command::process(name, answered(200, body))
    }

    #[test]
    fn arguments_cannot_become_commands_formats_or_other_arguments() {
        let command = Command::new("SET").with("a/b.raw?c=1+2 %").with([0xff, 0]).with("plain-_~9").with_number(7);
        let request = command.request("webdis");
        let body = String::from_utf8(request.body).unwrap();
        assert_eq!(body, "SET/a%2Fb%2Eraw%3Fc%3D1%2B2%20%25/%FF%00/plain-_~9/7");
        assert_eq!((request.method, request.path.as_str(), request.cluster.as_str()), ("POST", "/", "webdis"));
    }

    #[test]
    fn replies_are_read_as_webdis_writes_them() {
        assert!(reply("SET", r#"{"SET":[true,"OK"]}"#) == Ok(Reply::Done));
        assert!(reply("SET", r#"{"SET":null}"#) == Ok(Reply::Nothing));
        assert!(reply("GET", r#"{"GET":"c/d.e f"}"#) == Ok(Reply::Text("c/d.e f".to_owned())));
        assert!(reply("DEL", r#"{"DEL":1}"#) == Ok(Reply::Integer(1)));
        assert!(reply("EVAL", r#"{"EVAL":["a","b"]}"#) == Ok(Reply::Texts(vec!["a".to_owned(), "b".to_owned()])));
        assert!(reply("EVAL", r#"{"EVAL":[]}"#) == Ok(Reply::Texts(Vec::new())));
    }

    #[test]
    fn errors_of_redis_are_told_apart_by_their_first_word() {
        let error = |text: &str| reply("SET", &format!(r#"{{"SET":[false,"{text}"]}}"#)).err().unwrap();
        assert_eq!(error("LOADING Redis is loading the dataset in memory"), StoreError::Busy);
        assert_eq!(error("NOAUTH Authentication required."), StoreError::NotPermitted);
        assert_eq!(error("OOM command not allowed when used memory > 'maxmemory'."), StoreError::NotWritable);
        assert_eq!(error("READONLY You can't write against a read only replica."), StoreError::NotWritable);
        assert_eq!(error("ERR syntax error"), StoreError::Rejected);
        assert_eq!(error(""), StoreError::Rejected);
    }

    #[test]
    fn whatever_else_comes_back_is_no_reply() {
        for body in [
            "",
            "{}",
            "[]",
            "null",
            "<html></html>",
            r#"{"GET":"a"}"#,
            r#"{"SET":"a","GET":"b"}"#,
            r#"{"SET":true}"#,
            r#"{"SET":{}}"#,
            r#"{"SET":[null,null]}"#,
            r#"{"SET":[true]}"#,
            r#"{"SET":1.5}"#,
            r#"{"SET":["a",1]}"#,
            r#"{"SET":"a","SET":"b"}"#,
            r#"{"SET":"a"}x"#,
        ] {
            assert!(reply("SET", body) == Err(StoreError::Malformed), "{body}");
        }
        let too_large = format!(r#"{{"SET":"{}"}}"#, "a".repeat(MAX_RESPONSE));
        assert!(reply("SET", &too_large) == Err(StoreError::TooLarge));
        assert!(Command::process("SET", answered(503, "")) == Err(StoreError::NotConnected));
        assert!(Command::process("SET", answered(403, "")) == Err(StoreError::CommandNotAllowed));
        assert!(Command::process("SET", answered(302, "")) == Err(StoreError::NotConnected));
        assert!(Command::process("SET", CalloutOutcome::Failed) == Err(StoreError::Unreachable));
        assert!(Command::process("SET", CalloutOutcome::TooLarge) == Err(StoreError::TooLarge));
    }
}
