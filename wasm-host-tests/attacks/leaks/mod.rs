//! What is secret, where each secret belongs, and the search for it everywhere else.

pub mod places;
mod secrets;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use crate::provider::Endpoint;
pub use secrets::Secrets;

/// What is secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `client_secret`, `client_key`, and the session keys.
    Configured,
    /// A client's assertion (RFC 7523).
    Assertion,
    /// An authorization code.
    Code,
    /// PKCE's `code_verifier`.
    Verifier,
    /// `nonce`
    Nonce,
    /// `state`
    State,
    /// `request_uri` (RFC 9126)
    PushedRequest,
    /// An access token, of a session, of a client, or exchanged.
    AccessToken,
    /// A refresh token.
    RefreshToken,
    /// An ID token or a logout token.
    IdToken,
    /// A proof of possession (RFC 9449).
    Proof,
    /// The value of one of our cookies.
    Cookie,
    /// The value of a claim.
    Claim,
    /// The value of a form's field that was posted to the application.
    Field,
    /// Words of the provider: descriptions of errors.
    Words,
}

/// Where text comes up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A line of the log.
    Log,
    /// A page or a problem document.
    Page,
    /// The page that sends a kept form again.
    FormPage,
    /// `/oauth2/session`
    SessionEndpoint,
    /// A `Set-Cookie` line of ours.
    SetCookie,
    /// A `Location` at the provider's authorization endpoint.
    ToAuthorization,
    /// A `Location` at the provider's end-session endpoint.
    ToLogout,
    /// Any other field of an answer.
    Answer(String),
    /// A field of the request that the application gets, and whether configuration puts a token there.
    Upstream { name: String, is_managed: bool, holds_token: bool },
    /// The target of a request to the provider.
    Target(Endpoint),
    /// Fields and body of a request to the provider.
    Call(Endpoint),
}

/// The one list of what may stand where.
fn belongs(kind: Kind, place: &Place) -> bool {
    use Kind::{
        AccessToken, Assertion, Claim, Code, Configured, Cookie, Field, IdToken, Nonce, PushedRequest, RefreshToken,
    };
    use Kind::{State, Verifier};
    match place {
        Place::Log | Place::Page | Place::Answer(_) | Place::Target(_) => false,
        Place::FormPage => kind == Field,
        Place::SessionEndpoint => kind == Claim,
        Place::SetCookie => kind == Cookie,
        Place::ToAuthorization => [State, Nonce, PushedRequest].contains(&kind),
        Place::ToLogout => kind == IdToken,
        Place::Upstream { is_managed, holds_token, .. } => match kind {
            Claim => *is_managed,
            AccessToken => *holds_token,
            _ => false,
        },
        Place::Call(Endpoint::Token) => {
            [Configured, Assertion, Code, Verifier, RefreshToken, AccessToken].contains(&kind)
        }
        Place::Call(Endpoint::PushedAuthorization) => [Configured, Assertion, State, Nonce].contains(&kind),
        Place::Call(Endpoint::Introspection) => [Configured, Assertion, AccessToken].contains(&kind),
        Place::Call(Endpoint::Userinfo) => kind == AccessToken,
        Place::Call(_) => false,
    }
}

/// Every secret in a place where it does not belong, in words that say which and where.
pub fn leaks(secrets: &Secrets, places: impl Iterator<Item = (Place, String)>) -> Vec<String> {
    let mut found = BTreeSet::new();
    let mut searched: BTreeSet<String> = BTreeSet::new();
    for (place, text) in places {
        if !searched.insert(format!("{place:?} {text}")) {
            continue;
        }
        // What belongs here may contain what does not: a token the code that it was given for.
        let decoded = percent_encoding::percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
        for text in [text, decoded] {
            let rest = secrets.longest_first().filter(|(kind, _)| belongs(*kind, &place));
            let rest = rest.fold(text.clone(), |rest, (_, secret)| rest.replace(secret, "…"));
            for (kind, secret) in secrets.longest_first().filter(|(kind, _)| !belongs(*kind, &place)) {
                if disguises(secret).iter().any(|disguise| rest.contains(disguise.as_str())) {
                    let text: String = text.chars().take(300).collect();
                    found.insert(format!("{kind:?} {secret:?} in {place:?}: {text}"));
                }
            }
        }
    }
    found.into_iter().collect()
}

/// A secret is one in other letters as well.
fn disguises(secret: &str) -> [String; 3] {
    [secret.to_owned(), STANDARD_NO_PAD.encode(secret), URL_SAFE_NO_PAD.encode(secret)]
}
