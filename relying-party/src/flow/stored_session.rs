//! Sessions that lie in the store (`session.store.sessions`): the cookie holds a reference, and the session is fetched when this VM
//! does not have it. Its lifetime there is its idle timeout.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use crate::admission::LiveSession;
use crate::config::{Client, Provider, SessionPolicy};
use crate::denial::Denial;
use crate::http::{CalloutOutcome, CalloutRequest};
use crate::session::Session;
use crate::session::cookie::{PresentParts, SessionTooLarge, set_cookies};
use crate::session::reference::SessionReference;
use crate::session::revocation::{Mark, Revocation, RevocationKey};
use crate::session::seal::{Binding, Purpose};
use crate::store::{Errand, StoreError, StoreNames, sessions};
use crate::time::UnixTime;

use super::session_cookie::{Pending, Reading, Unusable};
use super::task::{SharedKey, TaskCallout, TaskStep, TaskWait};
use super::visit::Visit;
use super::{Scene, revocation};

/// So long before its refresh a session is not sealed again: longer than a command is on its way.
const BEFORE_REFRESH: Duration = Duration::from_secs(5);

/// Where a session lies.
pub struct StoredPlace {
    key: String,
    reference: SessionReference,
    /// When its lifetime was prolonged.
    prolonged_at: Cell<UnixTime>,
    /// It was sealed with an older key.
    resealing_due: bool,
}

impl StoredPlace {
    pub(super) fn key(&self) -> &str {
        &self.key
    }
}

/// What was fetched for a request.
pub struct Fetched {
    key: String,
    found: Result<Option<(Session, bool)>, StoreError>,
}

/// A session that is to be fetched.
pub struct Fetch {
    key: String,
    reference: SessionReference,
    /// The provider's index.
    provider: usize,
}

impl Fetch {
    pub(super) fn key(&self) -> SharedKey {
        SharedKey::new("stored session", [self.key.as_bytes()])
    }

    pub(super) fn begin(&self, scene: &Scene<'_>) -> Result<TaskStep, Denial> {
        let store = scene.config.session.as_ref().and_then(|policy| policy.store.as_ref());
        let store = store.ok_or(Denial::StoreUnavailable)?;
        let request = Box::new(sessions::load(&self.key).request(&store.cluster));
        Ok(TaskStep::Wait(TaskWait::Callout { request, task: TaskCallout::Answer }))
    }

    /// What has come. It has to be the session that the cookie means.
    pub(super) fn take(&self, outcome: CalloutOutcome, scene: &Scene<'_>) -> Fetched {
        let found = sessions::process_load(outcome).and_then(|stored| match stored {
            Some(sessions::Stored { sealed, lifetime }) => self.open(&sealed, lifetime, scene).map(Some),
            None => Ok(None),
        });
        Fetched { key: self.key.clone(), found }
    }

    /// Nothing has come.
    pub(super) fn missed(&self) -> Fetched {
        Fetched { key: self.key.clone(), found: Err(StoreError::Unreachable) }
    }

    fn open(&self, sealed: &str, lifetime: Duration, scene: &Scene<'_>) -> Result<(Session, bool), StoreError> {
        let policy = scene.config.session.as_ref().ok_or(StoreError::Unsealed)?;
        let (provider, client) = scene.registered(self.provider).ok_or(StoreError::Unsealed)?;
        let place = (Purpose::StoredSession, self.key.as_str());
        let opened = names(provider, client, policy).open(place, sealed, &policy.keys)?;
        let mut session = Session::decode(&opened.plaintext)
            .filter(|session| session.id == self.reference.session_id)
            .ok_or(StoreError::Unsealed)?;
        session.idle_expires_at = session.expires_at.min(scene.now + lifetime.min(policy.idle_timeout));
        session.sealed_at = (session.idle_expires_at - policy.idle_timeout).min(scene.now);
        Ok((session, opened.resealing_due))
    }
}

/// The session that `reference` means, if it was fetched for this request; otherwise what is to be done.
pub(super) fn find(
    reference: SessionReference,
    provider: usize,
    visit: &Visit,
    policy: &SessionPolicy,
    scene: &Scene<'_>,
) -> Result<(Session, Rc<StoredPlace>), Reading> {
    let Some((config, client)) = scene.registered(provider) else { return Err(Reading::Absent) };
    if scene.now >= reference.expires_at {
        return Err(Reading::Absent);
    }
    let key = names(config, client, policy).key_for("session", &reference.place);
    let fetched = visit.fetched.iter().find(|fetched| fetched.key == key);
    match fetched.map(|fetched| &fetched.found) {
        Some(Ok(Some((session, resealing_due)))) => {
            let (prolonged_at, resealing_due) = (Cell::new(session.sealed_at), *resealing_due);
            Ok((session.clone(), Rc::new(StoredPlace { key, reference, prolonged_at, resealing_due })))
        }
        Some(Ok(None)) => Err(Reading::Absent),
        Some(Err(_)) => Err(Reading::Refused(Unusable::unread(Denial::StoreUnavailable))),
        // Nobody waits for a store that does not answer.
        None if !scene.store.is_some_and(|store| store.is_reached(scene.now)) => {
            Err(Reading::Refused(Unusable::unread(Denial::StoreUnavailable)))
        }
        None => Err(Reading::Pending(Pending::Fetch(Rc::new(Fetch { key, reference, provider })))),
    }
}

/// The request that puts a new session into the store, and the `Set-Cookie` lines that refer to it.
pub(super) fn begin(
    (provider, client): (&Provider, &Client),
    session: &Session,
    (policy, binding): (&SessionPolicy, &Binding<'_>),
    present: PresentParts,
    scene: &mut Scene<'_>,
) -> Result<(CalloutRequest, Vec<String>), SessionTooLarge> {
    let store = policy.store.as_ref().ok_or(SessionTooLarge)?;
    let reference = SessionReference {
        place: scene.entropy.bytes(),
        session_id: session.id.clone(),
        authenticated_at: session.authenticated_at,
        expires_at: session.expires_at,
    };
    let names = names(provider, client, policy);
    let key = names.key_for("session", &reference.place);
    let place = (Purpose::StoredSession, key.as_str());
    let sealed = names.seal(place, &session.encode()?, &policy.keys, scene.entropy)?;
    let request = sessions::save(&key, &sealed, session.idle_expires_at.since(scene.now)).request(&store.cluster);
    Ok((request, refer(&reference, (policy, binding), present, scene)?))
}

/// The `Set-Cookie` lines that refer to a session in the store.
fn refer(
    reference: &SessionReference,
    (policy, binding): (&SessionPolicy, &Binding<'_>),
    present: PresentParts,
    scene: &mut Scene<'_>,
) -> Result<Vec<String>, SessionTooLarge> {
    let sealed = policy.keys.seal(binding, &reference.encode(), scene.entropy);
    set_cookies(&policy.cookie, 1, &sealed, reference.expires_at.since(scene.now), present)
}

/// Prolongs a session that is being used. What nobody waits for must not fail loudly: the next request tries again.
pub(super) fn prolong(live: &LiveSession, place: &StoredPlace, policy: &SessionPolicy, scene: &mut Scene<'_>) {
    let Some(store) = &policy.store else { return };
    let session = live.session();
    if scene.now.since(place.prolonged_at.get()).saturating_mul(10) < policy.idle_timeout {
        return;
    }
    place.prolonged_at.set(scene.now);
    let lifetime = policy.idle_timeout.min(session.expires_at.since(scene.now));
    // Around a refresh another instance may have put a newer session there.
    let refresh_due = session.tokens.refresh_due(policy.refresh_before());
    let may_replace = refresh_due.is_none_or(|due| scene.now + BEFORE_REFRESH < due);
    let resealed = if place.resealing_due && may_replace { seal(session, place.key(), policy, scene) } else { None };
    let command = match resealed {
        Some(sealed) => sessions::save(&place.key, &sealed, lifetime),
        None => sessions::prolong(&place.key, lifetime),
    };
    scene.errands.push(Errand::once(command.request(&store.cluster)));
}

/// The same reference, sealed with the newest key.
pub(super) fn refer_again(
    place: &StoredPlace,
    (policy, binding): (&SessionPolicy, &Binding<'_>),
    present: PresentParts,
    scene: &mut Scene<'_>,
) -> Vec<String> {
    refer(&place.reference, (policy, binding), present, scene).unwrap_or_default()
}

/// `session` as it lies under `key`.
pub(super) fn seal(session: &Session, key: &str, policy: &SessionPolicy, scene: &mut Scene<'_>) -> Option<String> {
    let provider = scene.providers.iter().position(|slot| slot.config.name == session.provider)?;
    let (provider, client) = scene.registered(provider)?;
    let place = (Purpose::StoredSession, key);
    names(provider, client, policy).seal(place, &session.encode().ok()?, &policy.keys, scene.entropy).ok()
}

/// Removes a session that has ended.
pub(super) fn remove(place: &StoredPlace, scene: &mut Scene<'_>) {
    let store = scene.config.session.as_ref().and_then(|policy| policy.store.as_ref());
    scene.errands.extend(store.map(|store| Errand::once(sessions::remove(&place.key).request(&store.cluster))));
}

/// Ends a session that could not be read: its reference says enough.
pub(super) fn end_unread(reference: &SessionReference, scene: &mut Scene<'_>) {
    let key = RevocationKey::of(Mark::Session(&reference.session_id));
    let revoked_at = scene.now.max(reference.authenticated_at);
    revocation::add(&[Revocation { key, revoked_at, until: reference.expires_at }], scene);
}

fn names<'a>(provider: &'a Provider, client: &'a Client, policy: &'a SessionPolicy) -> StoreNames<'a> {
    StoreNames::new(provider.issuer.as_str(), &client.client_id, &policy.cookie)
}
