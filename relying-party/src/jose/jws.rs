//! Compact JWS (RFC 7515 §7.1), read strictly.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::JwsAlgorithm;
use super::json::{self, JsonError};
use crate::reason::Reason;

/// The longest token that is read, in bytes.
const MAX_LENGTH: usize = 64 * 1024;
/// The longest `kid` that is looked up, in bytes.
pub(super) const MAX_KEY_ID: usize = 1024;

/// A JWS that has been read but not verified: its header is known, its payload cannot be had. Tokens are read as
/// [`UnverifiedJwt`](super::UnverifiedJwt), which gives it out after verification.
///
/// Keys that a token brings along or points to (`jwk`, `jku`, `x5c`, `x5u`) verify nothing.
pub struct CompactJws<'a> {
    algorithm: JwsAlgorithm,
    kid: Option<String>,
    typ: Option<String>,
    embedded_key: Option<Value>,
    signing_input: Cow<'a, str>,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl<'a> CompactJws<'a> {
    /// Reads `token`: three parts in canonical base64url, and a header that asks for nothing this crate does not do.
    pub fn parse(token: &'a str) -> Result<Self, JwsError> {
        if token.len() > MAX_LENGTH {
            return Err(JwsError::TooLarge);
        }
        let (signing_input, signature) = token.rsplit_once('.').ok_or(JwsError::NotThreeParts)?;
        let (header, payload) = signing_input.split_once('.').ok_or(JwsError::NotThreeParts)?;
        if payload.contains('.') {
            return Err(JwsError::NotThreeParts);
        }
        let mut header = json::parse_object(&decode(header)?, MAX_LENGTH).map_err(JwsError::Header)?;
        // RFC 7515 §4.1.11: no extension is understood here, and an empty list is not allowed either.
        if header.contains_key("crit") {
            return Err(JwsError::CriticalExtension);
        }
        // RFC 7797 §3: an unencoded payload would change what is signed.
        if header.contains_key("b64") {
            return Err(JwsError::CriticalExtension);
        }
        let algorithm = string(&header, "alg")?.ok_or(JwsError::MissingAlgorithm)?;
        let algorithm = JwsAlgorithm::from_name(algorithm).ok_or(JwsError::UnsupportedAlgorithm)?;
        let kid = string(&header, "kid")?.map(str::to_owned);
        if kid.as_ref().is_some_and(|kid| kid.len() > MAX_KEY_ID) {
            return Err(JwsError::KeyIdTooLong);
        }
        let typ = string(&header, "typ")?.map(str::to_owned);
        let embedded_key = header.remove("jwk");
        let (payload, signature) = (decode(payload)?, decode(signature)?);
        Ok(Self { algorithm, kid, typ, embedded_key, signing_input: signing_input.into(), payload, signature })
    }

    /// The same, without the text that it was read from.
    pub fn into_owned(self) -> CompactJws<'static> {
        CompactJws { signing_input: Cow::Owned(self.signing_input.into_owned()), ..self }
    }

    /// `alg` (RFC 7515 §4.1.1)
    pub const fn algorithm(&self) -> JwsAlgorithm {
        self.algorithm
    }

    /// `kid` (RFC 7515 §4.1.4)
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// `typ` (RFC 7515 §4.1.9), as it was written.
    pub fn typ(&self) -> Option<&str> {
        self.typ.as_deref()
    }

    /// `jwk` (RFC 7515 §4.1.3): a key that whoever made the token chose. It proves the possession of that key (RFC 9449 §4.2),
    /// and nothing about who has it.
    pub const fn embedded_key(&self) -> Option<&Value> {
        self.embedded_key.as_ref()
    }

    /// What the signature covers (RFC 7515 §5.2 step 8).
    pub(super) fn signing_input(&self) -> &[u8] {
        self.signing_input.as_bytes()
    }

    pub(super) fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// Only for [`UnverifiedJwt`](super::UnverifiedJwt), which keeps it until the signature was found good.
    pub(super) fn payload(&self) -> &[u8] {
        &self.payload
    }
}

impl std::fmt::Debug for CompactJws<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("CompactJws").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

fn decode(part: &str) -> Result<Vec<u8>, JwsError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| JwsError::NotBase64Url)
}

fn string<'h>(header: &'h Map<String, Value>, name: &str) -> Result<Option<&'h str>, JwsError> {
    match header.get(name) {
        None => Ok(None),
        Some(Value::String(value)) => Ok(Some(value)),
        Some(_) => Err(JwsError::HeaderMember),
    }
}

/// Why a text is no acceptable compact JWS. Whoever made it is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// Longer than 64 KiB.
    #[error("the token is too large")]
    TooLarge,
    /// Not exactly two dots: also a JWE.
    #[error("the token does not have three parts")]
    NotThreeParts,
    /// A part is not base64url, or padded, or its last character has stray bits.
    #[error("a part of the token is not base64url")]
    NotBase64Url,
    /// The header is no acceptable JSON object.
    #[error("the token's header is malformed")]
    Header(#[source] JsonError),
    /// A header member is not a string where one is required.
    #[error("a member of the token's header has the wrong type")]
    HeaderMember,
    /// The header has no `alg`.
    #[error("the token's header names no algorithm")]
    MissingAlgorithm,
    /// `none`, HS*, or an algorithm that does not exist.
    #[error("the token's algorithm is not supported")]
    UnsupportedAlgorithm,
    /// `crit` or `b64` is present.
    #[error("the token's header asks for an extension that is not understood")]
    CriticalExtension,
    /// `kid` is longer than 1 KiB.
    #[error("the token's key id is too long")]
    KeyIdTooLong,
    /// The payload is no acceptable JSON object.
    #[error("the token's payload is malformed")]
    Payload(#[source] JsonError),
}

impl Reason for JwsError {
    fn code(&self) -> &'static str {
        match self {
            Self::TooLarge => "jws.too_large",
            Self::NotThreeParts => "jws.not_three_parts",
            Self::NotBase64Url => "jws.not_base64url",
            Self::Header(_) => "jws.header_malformed",
            Self::HeaderMember => "jws.header_member_malformed",
            Self::MissingAlgorithm => "jws.algorithm_missing",
            Self::UnsupportedAlgorithm => "jws.algorithm_unsupported",
            Self::CriticalExtension => "jws.critical_extension",
            Self::KeyIdTooLong => "jws.kid_too_long",
            Self::Payload(_) => "jws.payload_malformed",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn with_header(header: &str) -> Result<(), JwsError> {
        CompactJws::parse(&format!("{}.e30.AAAA", URL_SAFE_NO_PAD.encode(header))).map(|_| ())
    }

    #[test]
    fn the_header_is_known_before_verification() {
        let header = r#"{"alg":"RS256","kid":"k","typ":"JWT","jku":"https://evil.example","x5t":1}"#;
        let token = format!("{}.e30.AAAA", URL_SAFE_NO_PAD.encode(header));
        let jws = CompactJws::parse(&token).unwrap();
        assert_eq!((jws.algorithm(), jws.kid(), jws.typ()), (JwsAlgorithm::Rs256, Some("k"), Some("JWT")));
        assert_eq!(jws.signing_input(), token.strip_suffix(".AAAA").unwrap().as_bytes());
        assert_eq!(format!("{jws:?}"), "CompactJws { algorithm: Rs256, .. }");
    }

    #[test]
    fn none_and_symmetric_and_unknown_algorithms_are_refused() {
        for name in
            ["none", "None", "NONE", "nOnE", "", "HS256", "HS384", "HS512", "rs256", "RS256 ", "RS1", "dir", "ES256K"]
        {
            assert_eq!(with_header(&format!(r#"{{"alg":"{name}"}}"#)), Err(JwsError::UnsupportedAlgorithm), "{name}");
        }
        assert_eq!(with_header("{}"), Err(JwsError::MissingAlgorithm));
    }

    #[test]
    fn extensions_are_refused_even_when_the_list_is_empty() {
        for extension in [r#""crit":[]"#, r#""crit":["exp"]"#, r#""crit":null"#, r#""b64":false"#, r#""b64":true"#] {
            assert_eq!(with_header(&format!(r#"{{"alg":"RS256",{extension}}}"#)), Err(JwsError::CriticalExtension));
        }
    }

    #[test]
    fn header_members_of_the_wrong_type_are_refused() {
        for member in [r#""kid":1"#, r#""kid":null"#, r#""kid":{}"#, r#""typ":["JWT"]"#] {
            assert_eq!(with_header(&format!(r#"{{"alg":"RS256",{member}}}"#)), Err(JwsError::HeaderMember));
        }
        assert_eq!(with_header(r#"{"alg":["RS256"]}"#), Err(JwsError::HeaderMember));
        let long = "k".repeat(MAX_KEY_ID + 1);
        assert_eq!(with_header(&format!(r#"{{"alg":"RS256","kid":"{long}"}}"#)), Err(JwsError::KeyIdTooLong));
        assert_eq!(with_header(r#"{"alg":"RS256","alg":"none"}"#), Err(JwsError::Header(JsonError::DuplicateMember)));
        assert_eq!(with_header("[]"), Err(JwsError::Header(JsonError::NotAnObject)));
    }

    #[test]
    fn base64url_is_read_strictly() {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256"}"#);
        // The last three: standard alphabet, white space, stray bits in the last character.
        for tail in ["e30=.AAAA", "e30.AAAA=", "e30.AA==", "e30.+/AA", "e30.AA AA", "e30.AAAA\n", "e30.AB", "e31.AAAA"]
        {
            let refused = CompactJws::parse(&format!("{header}.{tail}")).map(|_| ());
            assert_eq!(refused, Err(JwsError::NotBase64Url), "{tail:?}");
        }
    }

    #[test]
    fn anything_but_three_parts_is_refused() {
        for token in ["", ".", "a.b", "a.b.c.d", "a.b.c.d.e"] {
            assert_eq!(CompactJws::parse(token).map(|_| ()), Err(JwsError::NotThreeParts), "{token}");
        }
        assert_eq!(CompactJws::parse(&"a".repeat(MAX_LENGTH + 1)).map(|_| ()), Err(JwsError::TooLarge));
    }

    proptest! {
        #[test]
        fn arbitrary_text_does_not_panic(token in ".{0,200}", header in ".{0,80}") {
            let _ = CompactJws::parse(&token);
            let _ = with_header(&header);
        }
    }
}
