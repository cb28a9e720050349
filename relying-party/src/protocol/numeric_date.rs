//! NumericDate (RFC 7519 §2): seconds since the epoch, possibly with a fraction.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::time::UnixTime;

/// 9999-12-31T23:59:59Z in seconds; a later date is nonsense.
const LAST_SECOND: f64 = 253_402_300_799.0;

/// A member that should be a NumericDate and is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotADate;

/// The date called `name`. Absent and null are the same.
pub(super) fn numeric_date(claims: &Map<String, Value>, name: &str) -> Result<Option<UnixTime>, NotADate> {
    match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value
            .as_f64()
            .filter(|seconds| (0.0..=LAST_SECOND).contains(seconds))
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .map(|since_epoch| Some(UnixTime::from_secs(0) + since_epoch))
            .ok_or(NotADate),
    }
}
