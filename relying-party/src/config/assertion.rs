//! `assertion`: a signed identity for backends that do not trust the network.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};

use super::cursor::{Cursor, Keys, Mapping};
use super::expressions::Expressions;
use super::headers::{self, IdentityHeader};
use super::problem::quoted;
use super::{PublicUrl, duration, secret};
use crate::jose::{PublishedKey, SigningKey};
use crate::policy::claim_selection::ClaimSelection;

/// What is asserted about an identity, and how.
#[derive(Debug)]
pub struct AssertionPolicy {
    /// The header's name, in lower case.
    pub header: Rc<str>,
    /// What signs.
    pub key: PublishedKey,
    /// Published besides: the next one before it signs, the last one after.
    pub other_keys: Vec<PublishedKey>,
    /// `iss`: this deployment.
    pub issuer: String,
    /// `aud`: the backends.
    pub audience: String,
    /// How long an assertion is good for, at most.
    pub lifetime: Duration,
    /// Which claims of the identity are in it.
    pub claims: ClaimSelection,
    /// Whether a `sub` alone says who somebody is: it is unique for its provider only (OIDC Core 1.0 §2).
    pub sole_provider: bool,
}

/// Claims that are about the assertion, or that it makes of the identity: none of the identity's own takes their place.
pub const OWN_CLAIMS: [&str; 12] =
    ["aud", "cnf", "credential", "exp", "iat", "iss", "jti", "nbf", "provider", "scope", "sub", "sub_id"];

pub(super) const KEYS: Keys =
    Keys { known: &["header", "key", "other_keys", "issuer", "audience", "lifetime", "claims"] };

const DEFAULT_HEADER: &str = "x-latchkey-assertion";
const DEFAULT_ISSUER: &str = "latchkey";
const DEFAULT_LIFETIME: Duration = Duration::from_secs(5 * 60);
/// `exp` is in whole seconds.
const SHORTEST_LIFETIME: Duration = Duration::from_secs(1);
/// An assertion outlives a sign-out: whoever wants it longer wants another thing.
const LONGEST_LIFETIME: Duration = Duration::from_secs(60 * 60);
const EXPECTED_KEY: &str = "a private P-256 key as PEM (PKCS#8) or JWK";
const EXPECTED_AUDIENCE: &str = "whom assertions are for, such as `https://portal.example.org`";

/// What the rest of the document says.
pub(super) struct Surroundings<'a> {
    /// `None` when they could not be read.
    pub(super) public_urls: Option<&'a [Rc<PublicUrl>]>,
    pub(super) headers: &'a [IdentityHeader],
    pub(super) sole_provider: bool,
    pub(super) for_tokens: bool,
}

/// Reads `assertion`.
pub(super) fn read<'a>(
    cursor: &Cursor<'a>,
    surroundings: &Surroundings<'_>,
    expressions: &mut Expressions<'a>,
) -> Option<AssertionPolicy> {
    let members = cursor.mapping_of(&KEYS)?;
    let header = read_header(&members, surroundings.headers);
    let key = members.required("key", EXPECTED_KEY).and_then(|cursor| read_key(&cursor));
    let other_keys = members.optional("other_keys", Vec::new(), |cursor| read_other_keys(&cursor, key.as_ref()));
    let home = match surroundings.public_urls {
        Some(urls) => urls.first().map(|url| url.origin.as_str()),
        None => Some(""),
    };
    let issuer = members.optional("issuer", home.unwrap_or(DEFAULT_ISSUER).to_owned(), |cursor| {
        cursor.label("a name of this deployment, such as `https://portal.example.org`").map(str::to_owned)
    });
    let audience = match (members.member("audience"), home) {
        (None, Some(home)) => Some(home.to_owned()),
        _ => members
            .required("audience", EXPECTED_AUDIENCE)
            .and_then(|cursor| cursor.label(EXPECTED_AUDIENCE).map(str::to_owned)),
    };
    let lifetime = members
        .optional("lifetime", DEFAULT_LIFETIME, |cursor| duration::read(&cursor, SHORTEST_LIFETIME..=LONGEST_LIFETIME));
    let of_headers = ClaimSelection::union(surroundings.headers.iter().map(|header| &header.value.references().claims));
    let claims =
        members.optional("claims", of_headers, |cursor| read_claims(&cursor, surroundings.for_tokens, expressions));
    Some(AssertionPolicy {
        header: header?,
        key: key?,
        other_keys: other_keys?,
        issuer: issuer?,
        audience: audience?,
        lifetime: lifetime?,
        claims: claims?,
        sole_provider: surroundings.sole_provider,
    })
}

fn read_header(members: &Mapping<'_>, others: &[IdentityHeader]) -> Option<Rc<str>> {
    let place = members.place("header");
    let name = members.optional("header", DEFAULT_HEADER, |cursor| cursor.text(headers::EXPECTED_NAME))?;
    if !headers::name_fits(name, &place) {
        return None;
    }
    if has_another_meaning(&headers::folded(name)) {
        place.refuse(format_args!("{}, which has another meaning", quoted(name)), "a header of its own");
        return None;
    }
    if let Some(other) = others.iter().find(|other| headers::folded(&other.name) == headers::folded(name)) {
        place.refuse(format_args!("the same header as `{}` of `headers`", other.name), "a header of its own");
        return None;
    }
    Some(name.to_ascii_lowercase().into())
}

/// Whether hosts, backends or this filter read something else in a header (in lower case, with `-` for its aliases). What comes in
/// there would be lost: the header is deleted from every request first.
fn has_another_meaning(name: &str) -> bool {
    const NAMES: [&str; 27] = [
        // What comes in there is somebody's credential.
        "authorization",
        "dpop",
        // The content, and which one is wanted (RFC 9110 §8, §12, §13, §14).
        "accept",
        "accept-charset",
        "accept-encoding",
        "accept-language",
        "cache-control",
        "date",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "pragma",
        "range",
        // Who asks, from where.
        "forwarded",
        "from",
        "origin",
        "referer",
        "user-agent",
        "via",
        "x-real-ip",
        "x-requested-with",
        // Where a request belongs, across services.
        "baggage",
        "traceparent",
        "tracestate",
        "x-request-id",
    ];
    const BEGINNINGS: [&str; 5] = ["access-control-", "content-", "sec-", "x-b3-", "x-envoy-"];
    const OF_PROXIES: [&str; 7] = ["client-cert", "for", "host", "path", "port", "prefix", "proto"];
    let of_proxy = |name: &str| OF_PROXIES.contains(&name);
    NAMES.contains(&name)
        || BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
        || name.strip_prefix("x-forwarded-").is_some_and(of_proxy)
}

fn read_key(cursor: &Cursor<'_>) -> Option<PublishedKey> {
    let text = secret::read(cursor)?;
    match SigningKey::parse(text.expose()) {
        Ok(key) => {
            let key = PublishedKey::new(key);
            if key.is_none() {
                cursor.refuse("a key of another type", EXPECTED_KEY);
            }
            key
        }
        Err(error) => {
            cursor.refuse(error, EXPECTED_KEY);
            None
        }
    }
}

fn read_other_keys(cursor: &Cursor<'_>, key: Option<&PublishedKey>) -> Option<Vec<PublishedKey>> {
    let mut others: Vec<PublishedKey> = Vec::new();
    let mut complete = true;
    for item in cursor.list("a list of P-256 keys such as `[{env: NAME}]`")? {
        match read_key(&item) {
            Some(other) if key.into_iter().chain(&others).any(|known| known.kid() == other.kid()) => {
                item.refuse("a key again", "each once");
            }
            Some(other) => {
                others.push(other);
                continue;
            }
            None => {}
        }
        complete = false;
    }
    complete.then_some(others)
}

fn read_claims<'a>(cursor: &Cursor<'a>, for_tokens: bool, expressions: &mut Expressions<'a>) -> Option<ClaimSelection> {
    let names = cursor.texts("a list of claims such as `[email, groups]`")?;
    if let Some(own) = names.iter().find(|name| OWN_CLAIMS.contains(name)) {
        cursor.refuse(quoted(own), "claims that an assertion does not have anyway");
        return None;
    }
    let claims = ClaimSelection::Named(names.into_iter().map(str::to_owned).collect::<BTreeSet<_>>());
    expressions.keep(cursor, claims.clone(), for_tokens);
    Some(claims)
}

impl AssertionPolicy {
    /// What backends verify assertions with (RFC 7517 §5).
    pub fn key_set(&self) -> Value {
        let keys = [&self.key].into_iter().chain(&self.other_keys).map(|key| key.jwk().clone());
        json!({"keys": keys.collect::<Value>()})
    }

    /// The same for sessions that end when nobody uses them for `idle_timeout`: an assertion is not good for longer.
    pub(super) fn within(self, idle_timeout: Duration) -> Self {
        Self { lifetime: self.lifetime.min(idle_timeout), ..self }
    }
}
