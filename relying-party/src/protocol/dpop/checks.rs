//! The checks of one claim each.

pub(super) mod typ {
    use super::super::DpopError;

    /// RFC 9449 §4.2
    pub(in super::super) fn check(typ: Option<&str>) -> Result<(), DpopError> {
        let typ = typ.unwrap_or_default().to_ascii_lowercase();
        let is_proof = typ.strip_prefix("application/").unwrap_or(&typ) == "dpop+jwt";
        if is_proof { Ok(()) } else { Err(DpopError::WrongType) }
    }
}

pub(super) mod claim {
    use serde_json::{Map, Value};

    use super::super::DpopError;

    /// Longer ones are refused (bytes).
    const MAX_JTI: usize = 256;

    pub(in super::super) fn text<'c>(claims: &'c Map<String, Value>, name: &str) -> Option<&'c str> {
        claims.get(name).and_then(Value::as_str)
    }

    /// RFC 9449 §4.2
    pub(in super::super) fn jti(claims: &Map<String, Value>) -> Result<&str, DpopError> {
        text(claims, "jti").filter(|jti| (1..=MAX_JTI).contains(&jti.len())).ok_or(DpopError::IdentifierMalformed)
    }
}

pub(super) mod time {
    use std::time::Duration;

    use serde_json::{Map, Value};

    use super::super::DpopError;
    use crate::protocol::numeric_date::numeric_date;
    use crate::time::UnixTime;

    /// RFC 9449 §4.3 (11), §11.1: made at most `window` ago or ahead.
    pub(in super::super) fn check(
        claims: &Map<String, Value>,
        window: Duration,
        now: UnixTime,
    ) -> Result<UnixTime, DpopError> {
        let issued_at = numeric_date(claims, "iat").ok().flatten().ok_or(DpopError::IssuedAtMalformed)?;
        match issued_at {
            issued_at if now.since(issued_at) > window => Err(DpopError::TooOld),
            issued_at if issued_at.since(now) > window => Err(DpopError::IssuedInTheFuture),
            issued_at => Ok(issued_at),
        }
    }
}

pub(super) mod same_token {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use sha2::{Digest as _, Sha256};

    use super::super::DpopError;

    /// `ath` is the hash of the token (RFC 9449 §4.2).
    pub(in super::super) fn check(ath: Option<&str>, access_token: &[u8]) -> Result<(), DpopError> {
        let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(access_token));
        if ath == Some(hash.as_str()) { Ok(()) } else { Err(DpopError::TokenMismatch) }
    }
}

pub(super) mod url {
    use super::super::DpopError;

    /// `htu` is the URL of the request, without query and fragment, after the normalisations of RFC 3986 §6.2.2 and §6.2.3 (RFC 9449
    /// §4.3 (9)). No path with dot segments comes as far as this.
    pub(in super::super) fn check(htu: Option<&str>, origin: &str, path: &str) -> Result<(), DpopError> {
        let is_same = htu.and_then(normalised) == Some(format!("{origin}{}", unescaped(path)));
        if is_same { Ok(()) } else { Err(DpopError::UrlMismatch) }
    }

    fn normalised(url: &str) -> Option<String> {
        let url = url.split(['?', '#']).next()?;
        let (scheme, rest) = url.split_once("://")?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (scheme, authority) = (scheme.to_ascii_lowercase(), authority.to_ascii_lowercase());
        let default_port = if scheme == "https" { ":443" } else { ":80" };
        let authority =
            authority.strip_suffix(default_port).or_else(|| authority.strip_suffix(':')).unwrap_or(&authority);
        Some(format!("{scheme}://{authority}{}", unescaped(if path.is_empty() { "/" } else { path })))
    }

    /// Escapes of unreserved characters decoded, the others in upper case.
    fn unescaped(path: &str) -> String {
        let mut parts = path.split('%');
        let mut normal = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            match part.split_at_checked(2).and_then(|(hex, rest)| Some((u8::from_str_radix(hex, 16).ok()?, hex, rest)))
            {
                Some((byte, _, rest)) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                    normal.push(char::from(byte));
                    normal.push_str(rest);
                }
                Some((_, hex, rest)) => {
                    normal.push('%');
                    normal.push_str(&hex.to_ascii_uppercase());
                    normal.push_str(rest);
                }
                None => {
                    normal.push('%');
                    normal.push_str(part);
                }
            }
        }
        normal
    }
}
