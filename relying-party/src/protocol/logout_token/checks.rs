//! The checks of one claim each.

pub(super) mod typ {
    use super::super::LogoutTokenError;

    /// `logout+jwt` (§2.4); or, as older providers have it, `JWT` or none. Never another type of its own (RFC 8725 §3.11).
    pub(in super::super) fn check(typ: Option<&str>) -> Result<(), LogoutTokenError> {
        let typ = typ.map(str::to_ascii_lowercase);
        match typ.as_deref().map(|typ| typ.strip_prefix("application/").unwrap_or(typ)) {
            None | Some("logout+jwt" | "jwt") => Ok(()),
            Some(_) => Err(LogoutTokenError::WrongType),
        }
    }
}

pub(super) mod claim {
    use serde_json::{Map, Value};

    use super::super::LogoutTokenError;

    /// Longer names are refused (bytes).
    const MAX_NAME: usize = 1024;

    pub(in super::super) fn text<'c>(claims: &'c Map<String, Value>, name: &str) -> Option<&'c str> {
        claims.get(name).and_then(Value::as_str)
    }

    /// A string that names something, if there is one: empty it would name nothing.
    pub(in super::super) fn name<'c>(
        claims: &'c Map<String, Value>,
        name: &str,
        malformed: LogoutTokenError,
    ) -> Result<Option<&'c str>, LogoutTokenError> {
        let Some(value) = claims.get(name) else { return Ok(None) };
        value.as_str().filter(|text| (1..=MAX_NAME).contains(&text.len())).map(Some).ok_or(malformed)
    }

    pub(in super::super) fn absent(
        claims: &Map<String, Value>,
        name: &str,
        present: LogoutTokenError,
    ) -> Result<(), LogoutTokenError> {
        if claims.contains_key(name) { Err(present) } else { Ok(()) }
    }
}

pub(super) mod audience {
    use serde_json::{Map, Value};

    use super::super::LogoutTokenError;

    /// As in ID tokens (OIDC Core 1.0 §3.1.3.7, 3): this client is among the audiences. Others may be: one token can go to several
    /// clients. An `azp` that is another is refused always.
    pub(in super::super) fn check(claims: &Map<String, Value>, client_id: &str) -> Result<(), LogoutTokenError> {
        let is_ours = |value: &Value| value == client_id;
        let is_for_us = match claims.get("aud") {
            Some(Value::String(audience)) => audience == client_id,
            Some(Value::Array(audiences)) => audiences.iter().all(Value::is_string) && audiences.iter().any(is_ours),
            Some(_) | None => false,
        };
        if is_for_us && claims.get("azp").is_none_or(is_ours) {
            Ok(())
        } else {
            Err(LogoutTokenError::AudienceMismatch)
        }
    }
}

pub(super) mod time {
    use std::time::Duration;

    use serde_json::{Map, Value};

    use super::super::LogoutTokenError;
    use crate::protocol::numeric_date::numeric_date;
    use crate::time::UnixTime;

    /// As in ID tokens (OIDC Core 1.0 §3.1.3.7, 10).
    pub(in super::super) fn issued_recently(
        claims: &Map<String, Value>,
        now: UnixTime,
        longest_life: Duration,
        skew: Duration,
    ) -> Result<UnixTime, LogoutTokenError> {
        match numeric_date(claims, "iat").ok().flatten().ok_or(LogoutTokenError::IssuedAtMalformed)? {
            issued_at if issued_at > now + skew => Err(LogoutTokenError::IssuedInTheFuture),
            issued_at if now > issued_at + longest_life + skew => Err(LogoutTokenError::Expired),
            issued_at => Ok(issued_at),
        }
    }

    /// As in ID tokens (OIDC Core 1.0 §3.1.3.7, 9).
    pub(in super::super) fn not_expired(
        claims: &Map<String, Value>,
        now: UnixTime,
        skew: Duration,
    ) -> Result<(), LogoutTokenError> {
        match numeric_date(claims, "exp").map_err(|_| LogoutTokenError::ExpiryMalformed)? {
            None => Err(LogoutTokenError::ExpiryMissing),
            Some(exp) if now >= exp + skew => Err(LogoutTokenError::Expired),
            Some(_) => Ok(()),
        }
    }
}

pub(super) mod events {
    use serde_json::{Map, Value};

    use super::super::LogoutTokenError;

    const LOGOUT: &str = "http://schemas.openid.net/event/backchannel-logout";

    /// §2.4: an object with this member, which is an object itself. What is in it means nothing.
    pub(in super::super) fn check(claims: &Map<String, Value>) -> Result<(), LogoutTokenError> {
        let event = claims.get("events").and_then(|events| events.as_object()?.get(LOGOUT));
        if event.is_some_and(Value::is_object) { Ok(()) } else { Err(LogoutTokenError::NoLogoutEvent) }
    }
}
