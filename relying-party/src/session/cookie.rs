//! The session cookie: a sealed value as base64url, cut into parts where it is larger than browsers store.
//!
//! The first part is named like the cookie and begins with the number of parts (`2.` …), the others are named `NAME-1`,
//! `NAME-2` …. Each `Set-Cookie` line stays within 4096 bytes, attributes included, which every browser stores
//! (RFC 6265 §6.1). `Max-Age` is the absolute end, so that browsers forget what could not be used anyway; the idle timeout is
//! inside the sealed value.

use std::borrow::Cow;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Session;
use super::reference::SessionReference;
use super::seal::{Binding, KeyRing};
use crate::config::{CookiePolicy, SameSite};
use crate::entropy::Entropy;
use crate::http::{Headers, cookies};
use crate::reason::Reason;
use crate::time::UnixTime;

/// The longest `Set-Cookie` line, and the longest cookie that is read (bytes).
const LINE_LIMIT: usize = 4096;

/// Parts beyond this number are neither written nor noticed, whatever the configuration says.
const PART_LIMIT: usize = 64;

/// How many cookies of the session's name are tried: other hosts of the domain and other paths can plant some.
const CANDIDATE_LIMIT: usize = 4;

/// The session does not fit into the cookies it may take: the page names its largest claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the session is larger than its cookies may be")]
pub struct SessionTooLarge;

impl Reason for SessionTooLarge {
    fn code(&self) -> &'static str {
        "session.too_large"
    }
}

/// Which parts of a session cookie the browser has: those that a new cookie does not replace must be deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PresentParts(u64);

impl PresentParts {
    fn insert(&mut self, part: usize) {
        self.0 |= Self::bit(part);
    }

    fn contains(self, part: usize) -> bool {
        self.0 & Self::bit(part) != 0
    }

    fn bit(part: usize) -> u64 {
        u32::try_from(part).ok().and_then(|part| 1_u64.checked_shl(part)).unwrap_or(0)
    }

    fn from(self, first: usize) -> impl Iterator<Item = usize> {
        (first..PART_LIMIT).filter(move |part| self.contains(*part))
    }
}

/// The cookies of ours in a request. Borrows from its headers and copies nothing.
#[derive(Debug, Default)]
pub struct SessionCookies<'a> {
    first_parts: [Option<&'a [u8]>; CANDIDATE_LIMIT],
    further_parts: Vec<(usize, &'a [u8])>,
    present: PresentParts,
    max_cookies: usize,
}

/// Reads the session cookies out of all `cookie` fields.
pub fn collect<'a>(headers: &'a Headers, policy: &CookiePolicy, max_cookies: usize) -> SessionCookies<'a> {
    let mut found = SessionCookies { max_cookies: max_cookies.min(PART_LIMIT), ..SessionCookies::default() };
    for (name, value) in headers.all("cookie").flat_map(cookies::parse) {
        if let Some(part) = part_of(name, &policy.name) {
            found.add(part, value);
        }
    }
    found
}

/// The part that a cookie's name stands for; numbers as we write them, `01` is none.
fn part_of(name: &[u8], session_cookie: &str) -> Option<usize> {
    match name.strip_prefix(session_cookie.as_bytes())? {
        [] => Some(0),
        [b'-', number @ ..] if !number.starts_with(b"0") => short_number(number),
        _ => None,
    }
}

fn short_number(digits: &[u8]) -> Option<usize> {
    let short = (1..=2).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    short.then(|| std::str::from_utf8(digits).ok()?.parse().ok()).flatten()
}

impl<'a> SessionCookies<'a> {
    fn add(&mut self, part: usize, value: &'a [u8]) {
        let seen = self.present.contains(part);
        self.present.insert(part);
        if value.is_empty() || value.len() > LINE_LIMIT {
            return;
        }
        if part == 0 {
            if let Some(free) = self.first_parts.iter_mut().find(|slot| slot.is_none()) {
                *free = Some(value);
            }
        } else if !seen && part < self.max_cookies {
            self.further_parts.push((part, value));
        }
    }

    /// The parts that the browser sent, to pass to [`set_cookies`] or [`clear_cookies`].
    pub fn present(&self) -> PresentParts {
        self.present
    }

    /// The cookies that could be a session, each joined from its parts, at most four. Equal values open to equal sessions, so
    /// this is the key for a cache (with the host, which is bound as well).
    pub fn candidates(&self) -> impl Iterator<Item = Cow<'a, [u8]>> {
        self.first_parts.iter().flatten().filter_map(|first| self.join(first))
    }

    fn join(&self, first: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        let count = part_count(first)?.0;
        if count == 1 {
            return Some(Cow::Borrowed(first));
        }
        let mut joined = first.to_vec();
        for part in 1..count {
            let (_, value) = self.further_parts.iter().find(|(number, _)| *number == part)?;
            joined.extend_from_slice(value);
        }
        Some(Cow::Owned(joined))
    }
}

/// The number of parts, and what comes after it.
fn part_count(first: &[u8]) -> Option<(usize, &[u8])> {
    let dot = first.iter().take(3).position(|byte| *byte == b'.')?;
    let (digits, rest) = first.split_at_checked(dot)?;
    let count = short_number(digits).filter(|_| !digits.starts_with(b"0"))?;
    Some((count, rest.strip_prefix(b".")?))
}

/// A session out of a cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenedSession {
    /// The session; whether it is live is for the caller to ask.
    pub session: Session,
    /// It was sealed with a key that no longer seals: write it again.
    pub resealing_due: bool,
}

/// Opens one of [`SessionCookies::candidates`]. `binding` finds what a value for the provider with this tag must be bound to
/// ([`super::seal::provider_tag`]); `None` when there is no such provider. Every failure looks the same.
pub fn open<'b>(
    candidate: &[u8],
    keys: &KeyRing,
    binding: impl FnOnce([u8; 4]) -> Option<Binding<'b>>,
) -> Option<OpenedSession> {
    let sealed = sealed(candidate)?;
    let binding = binding(super::seal::sealed_provider_tag(&sealed)?)?;
    let opened = keys.open(&binding, &sealed)?;
    Some(OpenedSession { session: Session::decode(&opened.plaintext)?, resealing_due: opened.resealing_due })
}

/// The same for a candidate that refers to a session in the store; and whether it was sealed with a key that no longer seals.
pub fn open_reference<'b>(
    candidate: &[u8],
    keys: &KeyRing,
    binding: impl FnOnce([u8; 4]) -> Option<Binding<'b>>,
) -> Option<(SessionReference, bool)> {
    let sealed = sealed(candidate)?;
    let binding = binding(super::seal::sealed_provider_tag(&sealed)?)?;
    let opened = keys.open(&binding, &sealed)?;
    Some((SessionReference::decode(&opened.plaintext)?, opened.resealing_due))
}

/// The sealed value in a candidate, whatever it was sealed for.
pub(crate) fn sealed(candidate: &[u8]) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part_count(candidate)?.1).ok()
}

/// Where a session is written: how it is sealed, and in which cookies.
#[derive(Clone, Copy, Debug)]
pub struct Writing<'a> {
    /// `session.keys`
    pub keys: &'a KeyRing,
    /// What the session is bound to.
    pub binding: Binding<'a>,
    /// The cookies' name and attributes.
    pub policy: &'a CookiePolicy,
    /// `session.max_cookies`
    pub max_cookies: usize,
}

impl Writing<'_> {
    /// The `Set-Cookie` lines that store `session` in the browser and delete the `present` parts that it does not need.
    pub fn write(
        &self,
        session: &Session,
        present: PresentParts,
        now: UnixTime,
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<String>, SessionTooLarge> {
        let sealed = self.keys.seal(&self.binding, &session.encode()?, entropy);
        set_cookies(self.policy, self.max_cookies, &sealed, session.expires_at.since(now), present)
    }
}

/// The `Set-Cookie` lines for a sealed value, and deletions for the `present` parts that are no longer needed.
pub fn set_cookies(
    policy: &CookiePolicy,
    max_cookies: usize,
    sealed: &[u8],
    max_age: Duration,
    present: PresentParts,
) -> Result<Vec<String>, SessionTooLarge> {
    let attributes = attributes(policy, policy.same_site, max_age);
    // "-63", "=" and "64."
    let overhead = policy.name.len().saturating_add(attributes.len()).saturating_add(7);
    let room = LINE_LIMIT.checked_sub(overhead).filter(|room| *room > 0).ok_or(SessionTooLarge)?;

    let text = URL_SAFE_NO_PAD.encode(sealed);
    let count = text.len().div_ceil(room).max(1);
    if count > max_cookies.min(PART_LIMIT) {
        return Err(SessionTooLarge);
    }
    let chunks = text.as_bytes().chunks(room).map(String::from_utf8_lossy);
    let mut lines: Vec<_> = chunks
        .enumerate()
        .map(|(part, chunk)| match part {
            0 => format!("{}={count}.{chunk}{attributes}", policy.name),
            _ => format!("{}-{part}={chunk}{attributes}", policy.name),
        })
        .collect();
    lines.extend(present.from(count).map(|part| deletion(policy, part)));
    Ok(lines)
}

/// The `Set-Cookie` lines that delete the session: its first part always, and all `present` ones.
pub fn clear_cookies(policy: &CookiePolicy, mut present: PresentParts) -> Vec<String> {
    present.insert(0);
    present.from(0).map(|part| deletion(policy, part)).collect()
}

fn deletion(policy: &CookiePolicy, part: usize) -> String {
    let attributes = attributes(policy, policy.same_site, Duration::ZERO);
    match part {
        0 => format!("{}={attributes}", policy.name),
        _ => format!("{}-{part}={attributes}", policy.name),
    }
}

/// The attributes of every cookie of ours, from the first semicolon on. A deletion needs the same ones (RFC 6265bis §5.7).
pub(crate) fn attributes(policy: &CookiePolicy, same_site: SameSite, max_age: Duration) -> String {
    let same_site = match same_site {
        SameSite::Lax => "Lax",
        SameSite::Strict => "Strict",
        SameSite::None => "None",
    };
    let mut attributes = format!("; Path=/; Max-Age={}; HttpOnly; SameSite={same_site}", max_age.as_secs());
    if policy.secure {
        attributes.push_str("; Secure");
    }
    if let Some(domain) = &policy.domain {
        attributes.push_str("; Domain=");
        attributes.push_str(domain);
    }
    if policy.partitioned {
        attributes.push_str("; Partitioned");
    }
    attributes
}

#[cfg(test)]
#[path = "cookie_tests.rs"]
mod tests;
