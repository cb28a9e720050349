//! What an access token is bound to (`cnf`, RFC 7800 §3.1), and the proof that its presenter has that.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::dpop::{AcceptedProof, DpopError};
use crate::http::credentials::TokenScheme;
use crate::peer::Peer;
use crate::reason::Reason;

/// What a token is bound to; to nothing when both are absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Confirmation {
    /// `x5t#S256`: SHA-256 of the client's certificate (RFC 8705 §3.1).
    pub certificate: Option<[u8; 32]>,
    /// `jkt`: the thumbprint of the key that signs DPoP proofs (RFC 9449 §6.1), in base64url.
    pub key: Option<String>,
}

impl Confirmation {
    /// Reads `cnf`. A member that is not understood could be the one that matters: refused.
    pub fn of(claims: &Map<String, Value>) -> Result<Self, ConfirmationError> {
        let mut confirmation = Self::default();
        let members = match claims.get("cnf") {
            None | Some(Value::Null) => return Ok(confirmation),
            Some(Value::Object(members)) => members,
            Some(_) => return Err(ConfirmationError::Malformed),
        };
        for (name, value) in members {
            let text = value.as_str().ok_or(ConfirmationError::Unsupported)?;
            let digest = || <[u8; 32]>::try_from(URL_SAFE_NO_PAD.decode(text).ok()?).ok();
            match name.as_str() {
                "x5t#S256" => confirmation.certificate = Some(digest().ok_or(ConfirmationError::Malformed)?),
                "jkt" => {
                    confirmation.key = digest().map(|_| Some(text.to_owned())).ok_or(ConfirmationError::Malformed)?
                }
                _ => return Err(ConfirmationError::Unsupported),
            }
        }
        if confirmation == Self::default() { Err(ConfirmationError::Unsupported) } else { Ok(confirmation) }
    }
}

/// The proof that whoever presents a token may use it.
pub struct Possession(());

impl Possession {
    /// Of a token that is presented by `scheme`, over a connection to `peer`, with the DPoP proof that `accept_proof` accepts for
    /// the key with the thumbprint that it is given. What the token is bound to must all be shown (RFC 8705 §3, RFC 9449 §7);
    /// of a token that is bound to nothing, having it is enough.
    pub fn shown(
        confirmation: &Confirmation,
        scheme: TokenScheme,
        peer: &dyn Peer,
        accept_proof: impl FnOnce(&str) -> Result<AcceptedProof, DpopError>,
    ) -> Result<Self, PossessionError> {
        let thumbprint = match (scheme, &confirmation.key) {
            (TokenScheme::Bearer, None) => None,
            (TokenScheme::Dpop, Some(thumbprint)) => Some(thumbprint),
            (TokenScheme::Bearer, Some(_)) => return Err(PossessionError::Bound),
            (TokenScheme::Dpop, None) => return Err(PossessionError::NotBound),
        };
        if let Some(certificate) = confirmation.certificate {
            match peer.certificate_sha256() {
                Some(shown) if shown == certificate => {}
                Some(_) => return Err(PossessionError::CertificateMismatch),
                None => return Err(PossessionError::CertificateMissing),
            }
        }
        // Last, because a proof is used up by being accepted.
        thumbprint.map(|thumbprint| accept_proof(thumbprint)).transpose()?;
        Ok(Self(()))
    }
}

/// Why `cnf` cannot be honoured. The issuer's choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfirmationError {
    /// Not an object, or a digest of the wrong form.
    #[error("the confirmation is malformed")]
    Malformed,
    /// A method that is not known here, or none.
    #[error("the confirmation's method is not supported")]
    Unsupported,
}

impl Reason for ConfirmationError {
    fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "access_token.confirmation_malformed",
            Self::Unsupported => "access_token.confirmation_unsupported",
        }
    }
}

/// Why the presenter may not use the token. The client is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PossessionError {
    /// A token that is bound to a key, presented as a bearer token.
    #[error("the access token is bound to a key that was not shown")]
    Bound,
    /// `DPoP` with a token that is not bound to a key.
    #[error("the access token is not bound to a key")]
    NotBound,
    /// The token is bound to a certificate, and the client has shown none.
    #[error("the access token is bound to a certificate that was not shown")]
    CertificateMissing,
    /// The client has shown another certificate.
    #[error("the access token is bound to another certificate")]
    CertificateMismatch,
    /// The proof of the key.
    #[error(transparent)]
    Proof(#[from] DpopError),
}

impl Reason for PossessionError {
    fn code(&self) -> &'static str {
        match self {
            Self::Bound => "access_token.bound",
            Self::NotBound => "access_token.not_bound",
            Self::CertificateMissing => "access_token.certificate_missing",
            Self::CertificateMismatch => "access_token.certificate_mismatch",
            Self::Proof(error) => error.code(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::peer::KnownPeer;

    const DIGEST: [u8; 32] = [7; 32];

    fn read(cnf: Value) -> Result<Confirmation, ConfirmationError> {
        Confirmation::of(json!({ "cnf": cnf }).as_object().unwrap())
    }

    fn shown(cnf: Value, scheme: TokenScheme, certificate: Option<[u8; 32]>) -> Result<(), &'static str> {
        let peer = certificate.map(KnownPeer::with_certificate).unwrap_or_default();
        let refused = |_: &str| Err(DpopError::Missing);
        let shown = Possession::shown(&read(cnf).unwrap(), scheme, &peer, refused);
        shown.map(drop).map_err(|error| error.code())
    }

    #[test]
    fn only_methods_that_are_known_are_read() {
        let digest = URL_SAFE_NO_PAD.encode(DIGEST);
        let (certificate, key) = (Some(DIGEST), Some(digest.clone()));
        assert_eq!(read(Value::Null), Ok(Confirmation::default()));
        assert_eq!(read(json!({"x5t#S256": digest})), Ok(Confirmation { certificate, key: None }));
        assert_eq!(read(json!({"jkt": digest})), Ok(Confirmation { certificate: None, key: key.clone() }));
        assert_eq!(read(json!({"jkt": digest, "x5t#S256": digest})), Ok(Confirmation { certificate, key }));
        for (cnf, error) in [
            (json!("jkt"), ConfirmationError::Malformed),
            (json!({"jkt": "short"}), ConfirmationError::Malformed),
            (json!({"x5t#S256": "a".repeat(64)}), ConfirmationError::Malformed),
            (json!({"jkt": 1}), ConfirmationError::Unsupported),
            (json!({}), ConfirmationError::Unsupported),
            (json!({"jkt": digest, "kid": "x"}), ConfirmationError::Unsupported),
            (json!({"jwk": {"kty": "EC"}}), ConfirmationError::Unsupported),
        ] {
            assert_eq!(read(cnf.clone()), Err(error), "{cnf}");
        }
    }

    #[test]
    fn everything_that_a_token_is_bound_to_must_be_shown() {
        use TokenScheme::{Bearer, Dpop};
        let digest = URL_SAFE_NO_PAD.encode(DIGEST);
        let (none, certificate, key) = (Value::Null, json!({"x5t#S256": digest}), json!({"jkt": digest}));
        let both = json!({"x5t#S256": digest, "jkt": digest});
        let (right, wrong) = (Some(DIGEST), Some([8; 32]));
        for (cnf, scheme, shows, expected) in [
            (&none, Bearer, None, Ok(())),
            (&none, Bearer, wrong, Ok(())),
            (&none, Dpop, right, Err("access_token.not_bound")),
            (&certificate, Bearer, right, Ok(())),
            (&certificate, Bearer, wrong, Err("access_token.certificate_mismatch")),
            (&certificate, Bearer, None, Err("access_token.certificate_missing")),
            (&certificate, Dpop, right, Err("access_token.not_bound")),
            (&key, Bearer, right, Err("access_token.bound")),
            (&key, Dpop, None, Err("dpop.missing")),
            (&both, Bearer, right, Err("access_token.bound")),
            (&both, Dpop, None, Err("access_token.certificate_missing")),
            (&both, Dpop, wrong, Err("access_token.certificate_mismatch")),
            (&both, Dpop, right, Err("dpop.missing")),
        ] {
            assert_eq!(shown(cnf.clone(), scheme, shows), expected, "{cnf} {scheme:?} {shows:?}");
        }
    }

    #[test]
    fn a_token_that_is_bound_to_nothing_asks_nothing_of_the_host() {
        struct Unasked;
        impl Peer for Unasked {
            fn certificate_sha256(&self) -> Option<[u8; 32]> {
                panic!("the host was asked")
            }
        }
        let refused = |_: &str| Err(DpopError::Missing);
        assert!(Possession::shown(&Confirmation::default(), TokenScheme::Bearer, &Unasked, refused).is_ok());
    }
}
