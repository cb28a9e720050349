//! The `authorization` header, as far as it carries an access token (RFC 6750 §2.1, RFC 9449 §7.1).

use super::Headers;
use crate::reason::Reason;

/// Longer tokens are refused (bytes).
const MAX_LENGTH: usize = 64 * 1024;

/// How a token is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenScheme {
    /// `Bearer`: whoever has it may use it.
    Bearer,
    /// `DPoP`: together with a proof of its key.
    Dpop,
}

/// An access token as it stands in a request.
#[derive(Clone, Copy)]
pub struct PresentedToken<'a> {
    /// How it is presented.
    pub scheme: TokenScheme,
    bytes: &'a [u8],
}

impl<'a> PresentedToken<'a> {
    /// The access token that a request presents; `None` when it presents none, or credentials of another kind. Only the header
    /// counts: tokens in queries and forms end up in logs.
    pub fn of(headers: &'a Headers) -> Result<Option<Self>, CredentialsError> {
        let mut presented = headers.all("authorization").map(Self::in_value);
        let first = presented.next();
        if presented.next().is_some() {
            return Err(CredentialsError::Repeated);
        }
        first.unwrap_or(Ok(None))
    }

    fn in_value(value: &'a [u8]) -> Result<Option<Self>, CredentialsError> {
        let (scheme, rest) = value.split_at(value.iter().position(|byte| *byte == b' ').unwrap_or(value.len()));
        let scheme = match scheme {
            scheme if scheme.eq_ignore_ascii_case(b"bearer") => TokenScheme::Bearer,
            scheme if scheme.eq_ignore_ascii_case(b"dpop") => TokenScheme::Dpop,
            _ => return Ok(None),
        };
        Ok(Some(Self { scheme, bytes: rest.trim_ascii() }))
    }

    /// The token as it was sent; it may be anything.
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The token, if it is a `b64token` (RFC 6750 §2.1).
    pub fn text(&self) -> Result<&'a str, CredentialsError> {
        let end = self.bytes.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last.saturating_add(1));
        let (body, _) = self.bytes.split_at(end);
        let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(byte);
        if body.is_empty() || self.bytes.len() > MAX_LENGTH || !body.iter().all(allowed) {
            return Err(CredentialsError::Malformed);
        }
        std::str::from_utf8(self.bytes).map_err(|_| CredentialsError::Malformed)
    }
}

/// Why a request's credentials cannot be read. The client is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// More than one `authorization` header: two readers could disagree about which one counts.
    #[error("the request has more than one authorization header")]
    Repeated,
    /// Nothing, or something that no token looks like.
    #[error("the access token is malformed")]
    Malformed,
}

impl Reason for CredentialsError {
    fn code(&self) -> &'static str {
        match self {
            Self::Repeated => "credentials.repeated",
            Self::Malformed => "credentials.malformed",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(values: &[&[u8]]) -> Result<Option<(TokenScheme, String)>, CredentialsError> {
        let fields = values.iter().map(|value| ("authorization".to_owned(), value.to_vec())).collect();
        let headers = Headers::new(fields);
        let Some(presented) = PresentedToken::of(&headers)? else { return Ok(None) };
        Ok(Some((presented.scheme, presented.text()?.to_owned())))
    }

    #[test]
    fn a_token_is_read_in_either_scheme() {
        for value in ["Bearer a.b-c_d~e+f/g==", "bearer a.b-c_d~e+f/g==", "BEARER   a.b-c_d~e+f/g== "] {
            assert_eq!(read(&[value.as_bytes()]), Ok(Some((TokenScheme::Bearer, "a.b-c_d~e+f/g==".to_owned()))));
        }
        assert_eq!(read(&[b"DPoP abc"]), Ok(Some((TokenScheme::Dpop, "abc".to_owned()))));
    }

    #[test]
    fn other_credentials_are_not_ours() {
        for value in ["Basic YTpi", "", "Bearerx abc", "Negotiate abc"] {
            assert_eq!(read(&[value.as_bytes()]), Ok(None), "{value}");
        }
        assert_eq!(read(&[]), Ok(None));
    }

    #[test]
    fn what_no_token_looks_like_is_refused() {
        for value in [
            "Bearer",
            "Bearer ",
            "Bearer a b",
            "Bearer a,Bearer b",
            "Bearer \"a\"",
            "Bearer a=b",
            "Bearer ===",
            "Bearer é",
        ] {
            assert_eq!(read(&[value.as_bytes()]), Err(CredentialsError::Malformed), "{value}");
        }
        assert_eq!(read(&[b"Bearer \xff"]), Err(CredentialsError::Malformed));
        assert_eq!(
            read(&[format!("Bearer {}", "a".repeat(MAX_LENGTH + 1)).as_bytes()]),
            Err(CredentialsError::Malformed)
        );
        assert_eq!(read(&[b"Bearer a", b"Bearer a"]), Err(CredentialsError::Repeated));
        assert_eq!(read(&[b"Basic YTpi", b"Bearer a"]), Err(CredentialsError::Repeated));
    }

    proptest! {
        #[test]
        fn arbitrary_headers_do_not_panic(value in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = read(&[&value]);
            let _ = read(&[&[b"Bearer ".as_slice(), &value].concat()]);
        }
    }
}
