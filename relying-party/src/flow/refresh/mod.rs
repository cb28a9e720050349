//! Refreshing sessions (RFC 6749 §6, OIDC Core 1.0 §12): whether one is due, and what became of it.
//!
//! A session is refreshed once, whoever asks: the first request that comes when it is due takes a lease and waits, the others go
//! on with the old access token as long as it is good. For a while requests that still carry the old cookie get the refreshed
//! session; after that, an old cookie whose refresh token is spent is a session that has ended.

mod among_instances;
mod conclusion;
mod record;
mod task;

use std::rc::Rc;
use std::time::Duration;

use crate::admission::Upkeep;
use crate::config::{Client, Provider, SessionPolicy};
use crate::entropy::Entropy;
use crate::protocol::refresh::Setback;
use crate::session::Session;
use crate::session::seal::{Binding, Purpose};
use crate::time::UnixTime;

use self::record::{Found, GRACE, Place};
use super::session_cookie::Use;
use super::{Scene, SharedKey, StoredPlace};

pub use self::among_instances::{AwaitClaim, AwaitInstance};
pub use self::conclusion::AwaitRefreshedUserinfo;
pub(super) use self::task::begin;
pub use self::task::{AskProvider, AwaitOther, AwaitRefreshResponse, VerifyRefreshed};

/// How many refreshes an old cookie may be behind. As many as fit into the grace period at the highest rate.
const MOST_SUCCESSORS: usize = 64;
/// How soon is looked again for what hinders a refresh, while the old access token is good.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// This VM among those that refresh.
#[derive(Default)]
pub struct Refreshes {
    /// A random number; 0 until it is drawn.
    vm: u64,
}

impl Refreshes {
    fn vm(&mut self, entropy: &mut dyn Entropy) -> u64 {
        if self.vm == 0 {
            self.vm = u64::from_le_bytes(entropy.bytes()).max(1);
        }
        self.vm
    }
}

/// A session out of a request's cookie.
pub(super) struct Presented<'a> {
    pub(super) session: Session,
    /// The host that the cookie is bound to.
    pub(super) host: &'a str,
    /// What it is read for.
    pub(super) purpose: Use,
    /// Whether the request may still wait for a refresh.
    pub(super) may_wait: bool,
    /// Where it lies in the store, if it does.
    pub(super) stored: Option<Rc<StoredPlace>>,
}

/// Where a session stands.
pub(super) enum Standing {
    /// This is the session, until then.
    Good {
        session: Box<Session>,
        until: UnixTime,
        /// What is to be done about what the browser has of it.
        upkeep: Upkeep,
    },
    /// It has ended.
    Over,
    /// It has to be refreshed first.
    Awaits(Rc<Refresh>),
    /// It would have to be refreshed first, and cannot be at the moment.
    Hindered {
        /// What hinders it.
        setback: Setback,
        /// The session as it was.
        session: Box<Session>,
    },
}

/// Follows a session through the refreshes that it has had, and says whether it needs another.
pub(super) fn standing(presented: Presented<'_>, scene: &mut Scene<'_>) -> Standing {
    let Presented { mut session, host, purpose, may_wait, stored } = presented;
    let Some(policy) = &scene.config.session else { return Standing::Over };
    let mut until = UnixTime::from_millis(u64::MAX);
    let mut upkeep = Upkeep::Usual;
    for _ in 0..MOST_SUCCESSORS {
        let due = session.tokens.refresh_due(policy.refresh_before());
        match due {
            Some(due) if scene.now >= due => {}
            Some(_) | None => {
                let until = due.map_or(until, |due| until.min(due));
                return Standing::Good { session: Box::new(session), until, upkeep };
            }
        }
        let Some(refresh) = Refresh::of(session, host, stored.clone(), scene) else { return Standing::Over };
        match refresh.look(scene) {
            Found::Refreshed { sealed, at } => match refresh.open(&sealed, policy, scene) {
                Some(next) if next.is_live(scene.now) => {
                    session = next;
                    until = until.min(at + GRACE);
                    upkeep = Upkeep::WritingDue;
                }
                Some(_) | None => return Standing::Over,
            },
            Found::Spent => return Standing::Over,
            found => return unrefreshed(refresh, found, purpose, may_wait, upkeep, scene.now),
        }
    }
    Standing::Over
}

/// A session whose refresh is due and has not been done.
fn unrefreshed(
    refresh: Refresh,
    found: Found,
    purpose: Use,
    may_wait: bool,
    upkeep: Upkeep,
    now: UnixTime,
) -> Standing {
    let is_good = !refresh.session.tokens.has_expired(now);
    let expires_at = refresh.session.tokens.expires_at;
    let go_on = |upkeep: Upkeep, until: UnixTime| Standing::Good {
        until: expires_at.map_or(until, |expires_at| until.min(expires_at)),
        session: Box::new(refresh.session.clone()),
        upkeep,
    };
    match found {
        _ if purpose != Use::Admission => go_on(upkeep, now),
        Found::Failing { until, .. } if is_good => go_on(upkeep, until),
        Found::Failing { setback, .. } => hindered(setback, refresh),
        // Whoever began it is to bring the new cookie: nothing of the old session is kept in mind meanwhile.
        Found::UnderWay if is_good => go_on(Upkeep::Suspended, now),
        Found::Unused | Found::UnderWay if may_wait => Standing::Awaits(Rc::new(refresh)),
        _ if is_good => go_on(upkeep, now + LOOK_AGAIN),
        _ => hindered(Setback::NoAnswer, refresh),
    }
}

fn hindered(setback: Setback, refresh: Refresh) -> Standing {
    Standing::Hindered { setback, session: Box::new(refresh.session) }
}

/// A session that is to be refreshed, and all that its refresh needs when the request that began it has gone.
pub struct Refresh {
    session: Session,
    /// The host that its cookie is bound to.
    host: String,
    /// Where the session lies in the store, if it does.
    stored: Option<Rc<StoredPlace>>,
    /// The provider's index.
    provider: usize,
    /// The refresh token, at its client's provider.
    key: SharedKey,
}

impl Refresh {
    fn of(session: Session, host: &str, stored: Option<Rc<StoredPlace>>, scene: &Scene<'_>) -> Option<Self> {
        let provider = scene.providers.iter().position(|slot| slot.config.name == session.provider)?;
        let (config, client) = registered(provider, scene)?;
        let token = session.tokens.refresh.as_ref()?.value.expose();
        let parts = [config.issuer.as_str(), client.client_id.as_str(), token];
        let key = SharedKey::new("refresh", parts.map(str::as_bytes));
        Some(Self { session, host: host.to_owned(), stored, provider, key })
    }

    pub(super) const fn key(&self) -> SharedKey {
        self.key
    }

    pub(super) const fn session(&self) -> &Session {
        &self.session
    }

    /// Whether it turned out that the session has ended.
    pub(super) fn is_over(&self, scene: &mut Scene<'_>) -> bool {
        self.look(scene) == Found::Spent
    }

    fn look(&self, scene: &mut Scene<'_>) -> Found {
        Place::of(&self.key).look(self.obtained_at(), scene.now, &mut scene.shared)
    }

    fn obtained_at(&self) -> UnixTime {
        self.session.tokens.refresh.as_ref().map_or(UnixTime::from_secs(0), |refresh| refresh.obtained_at)
    }

    /// What a refreshed session is sealed for, on its way to the other requests.
    fn binding<'a>(&'a self, policy: &'a SessionPolicy, (provider, client): (&'a Provider, &'a Client)) -> Binding<'a> {
        Binding {
            purpose: Purpose::Refreshed,
            issuer: provider.issuer.as_str(),
            client_id: &client.client_id,
            cookie_name: &policy.cookie.name,
            host: &self.host,
        }
    }

    /// Seals what came of the refresh, for those who have this session.
    fn seal(&self, next: &Session, policy: &SessionPolicy, scene: &mut Scene<'_>) -> Option<Vec<u8>> {
        let registered = registered(self.provider, scene)?;
        let mut plaintext = Place::of(&self.key).digest.to_vec();
        plaintext.append(&mut next.encode().ok()?);
        Some(policy.keys.seal(&self.binding(policy, registered), &plaintext, scene.entropy))
    }

    /// Opens what was sealed for those who have this session, and for nobody else.
    fn open(&self, sealed: &[u8], policy: &SessionPolicy, scene: &Scene<'_>) -> Option<Session> {
        let binding = self.binding(policy, registered(self.provider, scene)?);
        let opened = policy.keys.open(&binding, sealed)?;
        Session::decode(opened.plaintext.strip_prefix(&Place::of(&self.key).digest)?)
    }
}

fn registered<'s>(provider: usize, scene: &Scene<'s>) -> Option<(&'s Provider, &'s Client)> {
    let config: &Provider = &scene.providers.get(provider)?.config;
    Some((config, config.client.as_ref()?))
}
