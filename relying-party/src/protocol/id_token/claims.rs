//! The checks of one claim each.

use std::time::Duration;

use serde_json::{Map, Value};

use super::IdTokenError;
use crate::protocol::numeric_date::numeric_date;
use crate::time::UnixTime;

/// Step 10 leaves the limit to the client. A token is verified seconds after it was made; a day allows for providers that
/// repeat the token of an earlier login, and `nonce` already binds it to this one.
const MAX_AGE: Duration = Duration::from_secs(86_400);
/// OIDC Core §2
const MAX_SUBJECT: usize = 255;

/// The claims of a token with a good signature, still to be checked.
pub(super) struct Claims(pub(super) Map<String, Value>);

impl Claims {
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// A date. Absent and null are the same.
    pub(super) fn date(&self, name: &str, malformed: IdTokenError) -> Result<Option<UnixTime>, IdTokenError> {
        numeric_date(&self.0, name).map_err(|_| malformed)
    }
}

pub(super) fn ensure(condition: bool, otherwise: IdTokenError) -> Result<(), IdTokenError> {
    if condition { Ok(()) } else { Err(otherwise) }
}

pub(super) mod typ {
    use super::{IdTokenError, ensure};

    /// Absent or `JWT` (RFC 7519 §5.1), with or without `application/`: never a logout token or an access token.
    pub(in crate::protocol::id_token) fn check(typ: Option<&str>) -> Result<(), IdTokenError> {
        let is_jwt =
            typ.is_none_or(|typ| typ.eq_ignore_ascii_case("JWT") || typ.eq_ignore_ascii_case("application/jwt"));
        ensure(is_jwt, IdTokenError::WrongType)
    }
}

pub(super) mod audience {
    use serde_json::Value;

    use super::{Claims, IdTokenError, ensure};

    /// Steps 3 to 5. Several audiences need an `azp`; an `azp` that is not this client is refused always.
    pub(in crate::protocol::id_token) fn check(claims: &Claims, client_id: &str) -> Result<(), IdTokenError> {
        let several = match claims.0.get("aud") {
            Some(Value::String(audience)) => {
                ensure(audience == client_id, IdTokenError::AudienceMismatch)?;
                false
            }
            Some(Value::Array(audiences)) => {
                ensure(audiences.iter().all(Value::is_string), IdTokenError::AudienceMalformed)?;
                ensure(audiences.iter().any(|audience| audience == client_id), IdTokenError::AudienceMismatch)?;
                audiences.len() > 1
            }
            Some(_) => return Err(IdTokenError::AudienceMalformed),
            None => return Err(IdTokenError::AudienceMissing),
        };
        match claims.0.get("azp") {
            Some(azp) => ensure(azp == client_id, IdTokenError::AuthorizedPartyMismatch),
            None => ensure(!several, IdTokenError::AuthorizedPartyMissing),
        }
    }
}

pub(super) mod time {
    use std::time::Duration;

    use super::{Claims, IdTokenError, MAX_AGE, ensure};
    use crate::time::UnixTime;

    /// Step 9
    pub(in crate::protocol::id_token) fn not_expired(
        claims: &Claims,
        now: UnixTime,
        skew: Duration,
    ) -> Result<UnixTime, IdTokenError> {
        let exp = claims.date("exp", IdTokenError::ExpiryMalformed)?.ok_or(IdTokenError::ExpiryMissing)?;
        ensure(now < exp + skew, IdTokenError::Expired)?;
        Ok(exp)
    }

    /// Step 10
    pub(in crate::protocol::id_token) fn issued_recently(
        claims: &Claims,
        now: UnixTime,
        skew: Duration,
    ) -> Result<UnixTime, IdTokenError> {
        let iat = claims.date("iat", IdTokenError::IssuedAtMalformed)?.ok_or(IdTokenError::IssuedAtMissing)?;
        ensure(iat <= now + skew, IdTokenError::IssuedInTheFuture)?;
        ensure(now <= iat + MAX_AGE + skew, IdTokenError::IssuedTooLongAgo)?;
        Ok(iat)
    }

    /// RFC 7519 §4.1.5
    pub(in crate::protocol::id_token) fn already_valid(
        claims: &Claims,
        now: UnixTime,
        skew: Duration,
    ) -> Result<(), IdTokenError> {
        let nbf = claims.date("nbf", IdTokenError::NotBeforeMalformed)?;
        ensure(nbf.is_none_or(|nbf| nbf <= now + skew), IdTokenError::NotYetValid)
    }
}

pub(super) mod nonce {
    use subtle::ConstantTimeEq as _;

    use super::super::ExpectedNonce;
    use super::{Claims, IdTokenError, ensure};

    /// Step 11
    pub(in crate::protocol::id_token) fn check(
        claims: &Claims,
        expected: ExpectedNonce<'_>,
    ) -> Result<(), IdTokenError> {
        let (nonce, expected) = match (claims.0.get("nonce"), expected) {
            (None, ExpectedNonce::SameOrNone(_)) => return Ok(()),
            (None, ExpectedNonce::Same(_)) => return Err(IdTokenError::NonceMissing),
            (Some(nonce), ExpectedNonce::Same(expected) | ExpectedNonce::SameOrNone(expected)) => (nonce, expected),
        };
        let nonce = nonce.as_str().ok_or(IdTokenError::NonceMismatch)?;
        ensure(nonce.as_bytes().ct_eq(expected.as_bytes()).into(), IdTokenError::NonceMismatch)
    }
}

pub(super) mod access_token {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use subtle::ConstantTimeEq as _;

    use super::{Claims, IdTokenError, ensure};
    use crate::jose::JwsAlgorithm;
    use crate::secret::Secret;

    /// §3.1.3.8: when there is an `at_hash`, it is the left half of the access token's hash.
    pub(in crate::protocol::id_token) fn check(
        claims: &Claims,
        algorithm: JwsAlgorithm,
        token: &Secret<String>,
    ) -> Result<(), IdTokenError> {
        let Some(at_hash) = claims.0.get("at_hash") else { return Ok(()) };
        let at_hash = at_hash.as_str().ok_or(IdTokenError::AccessTokenHashMismatch)?;
        let expected = URL_SAFE_NO_PAD.encode(algorithm.left_half_of_hash(token.expose().as_bytes()));
        ensure(at_hash.as_bytes().ct_eq(expected.as_bytes()).into(), IdTokenError::AccessTokenHashMismatch)
    }
}

pub(super) mod subject {
    use super::{Claims, IdTokenError, MAX_SUBJECT, ensure};

    /// §2: a string, not empty, at most 255 characters.
    pub(in crate::protocol::id_token) fn check(claims: &Claims) -> Result<String, IdTokenError> {
        let subject = claims.0.get("sub").ok_or(IdTokenError::SubjectMissing)?;
        let subject = subject.as_str().ok_or(IdTokenError::SubjectMalformed)?;
        ensure((1..=MAX_SUBJECT).contains(&subject.len()), IdTokenError::SubjectMalformed)?;
        Ok(subject.to_owned())
    }
}
