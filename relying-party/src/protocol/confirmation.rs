//! What an access token is bound to (`cnf`, RFC 7800 §3.1), and the proof that its presenter has that.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::http::credentials::TokenScheme;
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
    /// For a token that is bound to nothing: having it is enough.
    pub fn of_bearer(confirmation: &Confirmation, scheme: TokenScheme) -> Result<Self, PossessionError> {
        match scheme {
            TokenScheme::Bearer if *confirmation == Confirmation::default() => Ok(Self(())),
            TokenScheme::Bearer => Err(PossessionError::Bound),
            TokenScheme::Dpop => Err(PossessionError::NotBound),
        }
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
    /// A bound token, presented as a bearer token.
    #[error("the access token is bound to a key or certificate that was not shown")]
    Bound,
    /// `DPoP` with a token that is not bound to a key.
    #[error("the access token is not bound to a key")]
    NotBound,
}

impl Reason for PossessionError {
    fn code(&self) -> &'static str {
        match self {
            Self::Bound => "access_token.bound",
            Self::NotBound => "access_token.not_bound",
        }
    }
}
