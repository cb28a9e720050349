//! The checks of one claim each.

use super::AccessTokenError;

pub(super) fn ensure(condition: bool, otherwise: AccessTokenError) -> Result<(), AccessTokenError> {
    if condition { Ok(()) } else { Err(otherwise) }
}

pub(super) mod typ {
    use super::super::ExpectedAccessToken;
    use super::AccessTokenError;

    /// Whether the token says that it is an access token (RFC 9068 §2.1). A type of its own that is another is refused, so that no
    /// logout token, DPoP proof or assertion passes for one (RFC 8725 §3.11).
    pub(in super::super) fn check(
        typ: Option<&str>,
        expected: &ExpectedAccessToken<'_>,
    ) -> Result<bool, AccessTokenError> {
        let typ = typ.map(|typ| typ.to_ascii_lowercase());
        match typ.as_deref().map(|typ| typ.strip_prefix("application/").unwrap_or(typ)) {
            Some("at+jwt") => Ok(true),
            None | Some("jwt") if expected.must_be_typed => Err(AccessTokenError::NotTyped),
            None | Some("jwt") => Ok(false),
            // SPIFFE JWT-SVID §2.3
            Some("jose") if expected.issuer.is_trust_domain() && !expected.must_be_typed => Ok(false),
            Some(_) => Err(AccessTokenError::WrongType),
        }
    }
}

pub(super) mod issuer {
    use serde_json::{Map, Value};

    use super::{AccessTokenError, ensure};
    use crate::config::Issuer;

    /// RFC 9068 §4: exactly the configured issuer, and one tenant of it.
    pub(in super::super) fn check(
        claimed: Option<&str>,
        expected: &Issuer,
        key_issuer: Option<&str>,
        claims: &Map<String, Value>,
    ) -> Result<(), AccessTokenError> {
        let claimed = claimed.ok_or(AccessTokenError::IssuerMissing)?;
        ensure(expected.accepts(claimed), AccessTokenError::IssuerMismatch)?;
        ensure(expected.agrees(claimed, claims.get("tid"), key_issuer), AccessTokenError::TenantMismatch)
    }
}

pub(super) mod time {
    use std::time::Duration;

    use serde_json::{Map, Value};

    use super::super::numeric_date;
    use super::{AccessTokenError, ensure};
    use crate::time::UnixTime;

    /// RFC 7519 §4.1.4; RFC 9068 §2.2 requires `exp`.
    pub(in super::super) fn not_expired(
        claims: &Map<String, Value>,
        now: UnixTime,
        skew: Duration,
    ) -> Result<UnixTime, AccessTokenError> {
        let exp = numeric_date(claims, "exp").map_err(|_| AccessTokenError::ExpiryMalformed)?;
        let exp = exp.ok_or(AccessTokenError::ExpiryMissing)?;
        ensure(now < exp + skew, AccessTokenError::Expired)?;
        Ok(exp)
    }

    /// RFC 7519 §4.1.5 and §4.1.6: a token from the future has not been issued yet.
    pub(in super::super) fn already_valid(
        claims: &Map<String, Value>,
        now: UnixTime,
        skew: Duration,
    ) -> Result<(), AccessTokenError> {
        let nbf = numeric_date(claims, "nbf").map_err(|_| AccessTokenError::NotBeforeMalformed)?;
        ensure(nbf.is_none_or(|nbf| nbf <= now + skew), AccessTokenError::NotYetValid)?;
        let iat = numeric_date(claims, "iat").map_err(|_| AccessTokenError::IssuedAtMalformed)?;
        ensure(iat.is_none_or(|iat| iat <= now + skew), AccessTokenError::IssuedInTheFuture)
    }
}

pub(super) mod kind {
    use serde_json::{Map, Value};

    use super::{AccessTokenError, audience, ensure};

    /// What only ID tokens have (OIDC Core 1.0 §3.1.3.6, §3.3.2.11).
    const HASHES: [&str; 3] = ["at_hash", "c_hash", "s_hash"];
    /// What ID tokens do not have. The last two are Entra ID's: how the client proved itself.
    const OF_ACCESS_TOKENS: [&str; 5] = ["scope", "scp", "client_id", "azpacr", "appidacr"];

    /// A token without a type of its own could be an ID token: that says who signed in somewhere, not what somebody may do here
    /// (RFC 9068 §5). It is one by its hashes, by a nonce, by the type that Keycloak writes into the payload, and when it is for a
    /// client of ours and has nothing of an access token.
    pub(in super::super) fn check(
        claims: &Map<String, Value>,
        is_typed: bool,
        client_ids: &[&str],
    ) -> Result<(), AccessTokenError> {
        if is_typed {
            return Ok(());
        }
        let says_bearer = match claims.get("typ") {
            None => false,
            Some(Value::String(typ)) if typ.eq_ignore_ascii_case("bearer") => true,
            Some(Value::String(typ)) if typ.eq_ignore_ascii_case("id") => return Err(AccessTokenError::IdToken),
            Some(_) => return Err(AccessTokenError::WrongType),
        };
        let has_any = |names: &[&str]| names.iter().any(|name| claims.contains_key(*name));
        ensure(!has_any(&HASHES), AccessTokenError::IdToken)?;
        // Keycloak repeated the nonce in access tokens until its version 24.
        ensure(says_bearer || !claims.contains_key("nonce"), AccessTokenError::IdToken)?;
        let audience = audience::read(claims)?;
        let is_for_client = audience.iter().any(|audience| client_ids.contains(&audience.as_str()));
        ensure(!is_for_client || says_bearer || has_any(&OF_ACCESS_TOKENS), AccessTokenError::IdToken)
    }
}

pub(super) mod audience {
    use serde_json::{Map, Value};

    use super::AccessTokenError;

    /// `aud` (RFC 7519 §4.1.3): a string or a list of strings; empty when it is absent.
    pub(in super::super) fn read(claims: &Map<String, Value>) -> Result<Vec<String>, AccessTokenError> {
        match claims.get("aud") {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::String(audience)) => Ok(vec![audience.clone()]),
            Some(Value::Array(audiences)) => {
                let texts = audiences.iter().map(|audience| audience.as_str().map(str::to_owned));
                texts.collect::<Option<_>>().ok_or(AccessTokenError::AudienceMalformed)
            }
            Some(_) => Err(AccessTokenError::AudienceMalformed),
        }
    }
}

pub(super) mod scopes {
    use serde_json::{Map, Value};

    use super::AccessTokenError;

    /// `scope` (RFC 8693 §4.2), or `scp` as Entra ID and Okta call it: separated by spaces, or a list.
    pub(in super::super) fn read(claims: &Map<String, Value>) -> Result<Vec<String>, AccessTokenError> {
        match claims.get("scope").or_else(|| claims.get("scp")) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::String(scopes)) => Ok(scopes.split_ascii_whitespace().map(str::to_owned).collect()),
            Some(Value::Array(scopes)) => {
                let texts = scopes.iter().map(|scope| scope.as_str().map(str::to_owned));
                texts.collect::<Option<_>>().ok_or(AccessTokenError::ScopeMalformed)
            }
            Some(_) => Err(AccessTokenError::ScopeMalformed),
        }
    }
}
