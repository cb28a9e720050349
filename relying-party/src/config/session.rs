//! `session`: how sessions are kept.

use std::collections::BTreeSet;
use std::time::Duration;

use super::cursor::{Cursor, Keys, Mapping};
use super::store::StorePolicy;
use super::{cookie, duration, session_key, store};
use crate::policy::claim_selection::ClaimSelection;
use crate::session::seal::KeyRing;

pub use super::cookie::{CookiePolicy, SameSite};

/// How sessions are kept.
#[derive(Debug)]
pub struct SessionPolicy {
    /// The first seals, all of them open.
    pub keys: KeyRing,
    /// The session cookie.
    pub cookie: CookiePolicy,
    /// Without a request for this long a session ends.
    pub idle_timeout: Duration,
    /// This long after the login a session ends, whatever happens.
    pub absolute_timeout: Duration,
    /// Which claims a session keeps.
    pub claims: ClaimSelection,
    /// How many cookies of 4 KiB one session may take.
    pub max_cookies: usize,
    /// How long before an access token ends it is refreshed, if that is written; otherwise see [`Self::refresh_before`].
    pub written_refresh_before: Option<Duration>,
    /// Whether a provider is first asked without the person (`prompt=none`).
    pub silent: bool,
    /// Whether a page of ours asks the browser for the fragment of an address before the login.
    pub preserve_fragment: bool,
    /// What several instances share.
    pub store: Option<StorePolicy>,
}

impl SessionPolicy {
    /// How long before an access token ends it is refreshed.
    pub fn refresh_before(&self) -> Duration {
        self.written_refresh_before.unwrap_or(DEFAULT_REFRESH_BEFORE)
    }

    /// Whether sessions are refreshed although nothing uses their access tokens: they end when the provider ends them.
    pub const fn follows_provider(&self) -> bool {
        self.written_refresh_before.is_some()
    }
}

/// `session` as written: which claims are kept may still depend on the expressions.
pub(super) struct SessionDocument {
    keys: KeyRing,
    cookie: CookiePolicy,
    idle_timeout: Duration,
    absolute_timeout: Duration,
    max_cookies: usize,
    refresh_before: Option<Duration>,
    silent: bool,
    preserve_fragment: bool,
    store: Option<StorePolicy>,
}

pub(super) const KEYS: Keys = Keys {
    known: &[
        "keys",
        "cookie",
        "domain",
        "same_site",
        "secure",
        "partitioned",
        "idle_timeout",
        "absolute_timeout",
        "claims",
        "max_cookies",
        "refresh_before",
        "silent",
        "preserve_fragment",
        "store",
    ],
};

const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(30 * 60);
const DEFAULT_ABSOLUTE_TIMEOUT: Duration = Duration::from_secs(8 * 60 * 60);
const DEFAULT_REFRESH_BEFORE: Duration = Duration::from_secs(60);
const DEFAULT_MAX_COOKIES: usize = 4;
const MOST_COOKIES: u64 = 16;

/// Reads everything but `claims`.
pub(super) fn read(session: &Mapping<'_>) -> Option<SessionDocument> {
    let keys = session
        .required("keys", "a list of session keys such as `[{env: LATCHKEY_SESSION_KEY}]`")
        .and_then(|cursor| session_key::read_all(&cursor));
    let cookie = cookie::read(session);
    let (idle_timeout, absolute_timeout) = timeouts(session);
    let max_cookies = session.optional("max_cookies", DEFAULT_MAX_COOKIES, |cursor| max_cookies(&cursor));
    let refresh_before = session.optional("refresh_before", None, |cursor| {
        duration::read(&cursor, Duration::ZERO..=duration::MAX_DURATION).map(Some)
    });
    let silent = session.optional("silent", false, |cursor| cursor.boolean());
    let preserve_fragment = session.optional("preserve_fragment", false, |cursor| cursor.boolean());
    let store = session.optional("store", None, |cursor| store::read(&cursor).map(Some));
    Some(SessionDocument {
        keys: keys?,
        cookie: cookie?,
        idle_timeout: idle_timeout?,
        absolute_timeout: absolute_timeout?,
        max_cookies: max_cookies?,
        refresh_before: refresh_before?,
        silent: silent?,
        preserve_fragment: preserve_fragment?,
        store: store?,
    })
}

impl SessionDocument {
    pub(super) const fn cookie(&self) -> &CookiePolicy {
        &self.cookie
    }

    pub(super) const fn is_silent(&self) -> bool {
        self.silent
    }

    pub(super) fn with_claims(self, claims: ClaimSelection) -> SessionPolicy {
        let Self {
            keys,
            cookie,
            idle_timeout,
            absolute_timeout,
            max_cookies,
            refresh_before,
            silent,
            preserve_fragment,
            store,
        } = self;
        SessionPolicy {
            keys,
            cookie,
            idle_timeout,
            absolute_timeout,
            claims,
            max_cookies,
            written_refresh_before: refresh_before,
            silent,
            preserve_fragment,
            store,
        }
    }
}

/// `claims`: `Some(None)` when the expressions decide.
pub(super) fn read_claims(session: &Mapping<'_>) -> Option<Option<BTreeSet<String>>> {
    session.optional("claims", None, |cursor| {
        if cursor.is_null() {
            return Some(None);
        }
        let claims = cursor.texts("a list of claims such as `[sub, email]`, or `null`")?;
        Some(Some(claims.into_iter().map(str::to_owned).collect()))
    })
}

fn timeouts(session: &Mapping<'_>) -> (Option<Duration>, Option<Duration>) {
    let positive = Duration::from_secs(1)..=duration::MAX_DURATION;
    let absolute = session
        .optional("absolute_timeout", DEFAULT_ABSOLUTE_TIMEOUT, |cursor| duration::read(&cursor, positive.clone()));
    // A short `absolute_timeout` alone is no mistake: idleness can then not end a session earlier.
    let default = absolute.map_or(DEFAULT_IDLE_TIMEOUT, |absolute| absolute.min(DEFAULT_IDLE_TIMEOUT));
    let idle = session.optional("idle_timeout", default, |cursor| {
        let idle = duration::read(&cursor, positive)?;
        if let Some(absolute) = absolute.filter(|absolute| idle > *absolute) {
            cursor.refuse(
                format_args!("`{}`", duration::shown(idle)),
                format_args!("at most the `absolute_timeout` (`{}`)", duration::shown(absolute)),
            );
            return None;
        }
        Some(idle)
    });
    (idle, absolute)
}

fn max_cookies(cursor: &Cursor<'_>) -> Option<usize> {
    let expected = format!("a whole number from 1 to {MOST_COOKIES}");
    let count = cursor.integer(&expected)?;
    if !(1..=MOST_COOKIES).contains(&count) {
        cursor.refuse(count, expected);
        return None;
    }
    usize::try_from(count).ok()
}
