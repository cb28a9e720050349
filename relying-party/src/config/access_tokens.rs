//! What a provider is as an issuer of access tokens: `audience`, `access_token`, `token_type`.

use super::cursor::{Cursor, Mapping};
use super::problem::quoted;

/// Which access tokens of a provider are accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessTokenPolicy {
    /// Who this deployment is to the issuer; a token must be for one of these, unless a rule names its own.
    pub audience: Vec<String>,
    /// What the tokens look like.
    pub format: TokenFormat,
    /// `token_type: at+jwt`: JWTs must say that they are access tokens (RFC 9068 §2.1).
    pub must_be_typed: bool,
}

/// What access tokens look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenFormat {
    /// JWTs, verified here.
    Jwt,
    /// Anything; the issuer is asked (RFC 7662).
    Opaque,
    /// JWTs of this issuer are verified here, for anything else it is asked.
    Any,
}

impl TokenFormat {
    /// Whether JWTs are verified here.
    pub const fn verifies_jwts(self) -> bool {
        matches!(self, Self::Jwt | Self::Any)
    }

    /// Whether the issuer is asked.
    pub const fn introspects(self) -> bool {
        matches!(self, Self::Opaque | Self::Any)
    }
}

/// Reads the issuer's part of a provider; `Some(None)` when no access token of it is accepted.
pub(super) fn read(provider: &Mapping<'_>) -> Option<Option<AccessTokenPolicy>> {
    let audience = provider.optional("audience", None, |cursor| read_audience(&cursor).map(Some));
    let format = provider.optional("access_token", TokenFormat::Jwt, |cursor| {
        let formats = [("jwt", TokenFormat::Jwt), ("opaque", TokenFormat::Opaque), ("any", TokenFormat::Any)];
        cursor.choice(&formats)
    });
    let must_be_typed =
        provider.optional("token_type", false, |cursor| cursor.choice(&[("any", false), ("at+jwt", true)]));
    let (audience, format, must_be_typed) = (audience?, format?, must_be_typed?);
    let Some(audience) = audience else {
        for name in ["access_token", "token_type"] {
            if let Some(member) = provider.member(name) {
                member.refuse("a setting without effect", "`audience` as well: without it no bearer token is accepted");
            }
        }
        return Some(None);
    };
    if format == TokenFormat::Opaque && must_be_typed {
        provider.place("token_type").refuse("a setting without effect", "none with `access_token: opaque`");
    }
    if format.introspects() && provider.member("client_id").is_none() {
        let expected = "the client that asks about tokens (RFC 7662 §2.1), for `access_token: opaque` and `any`";
        provider.place("client_id").refuse("nothing", expected);
    }
    Some(Some(AccessTokenPolicy { audience, format, must_be_typed }))
}

/// Reads a list of audiences.
pub(super) fn read_audience(cursor: &Cursor<'_>) -> Option<Vec<String>> {
    let audience = cursor.texts("a list of audiences such as `[https://api.example.org]`")?;
    if audience.is_empty() {
        cursor.refuse("an empty list", "at least one audience");
        return None;
    }
    if let Some(unfit) =
        audience.iter().find(|audience| audience.len() > 1024 || audience.chars().any(char::is_control))
    {
        cursor.refuse(quoted(unfit), "audiences in one line, of at most 1024 bytes");
        return None;
    }
    Some(audience.into_iter().map(str::to_owned).collect())
}
