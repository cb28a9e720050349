//! The session in the browser: read it, write it, renew it.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use crate::admission::{LiveSession, Upkeep};
use crate::config::{Client, Provider, SessionPolicy};
use crate::denial::Denial;
use crate::http::CalloutRequest;
use crate::login::browser::{ResponseMode, clear_cookie};
use crate::login::past::Past;
use crate::login::posted_form;
use crate::peer::KnownPeer;
use crate::session::Session;
use crate::session::cookie::{self, OpenedSession, SessionCookies, SessionTooLarge, Writing};
use crate::session::reference::SessionReference;
use crate::session::seal::Purpose;
use crate::time::UnixTime;

use super::refresh::{self, Presented, Refresh, Standing};
use super::stored_session::{self, Fetch, Fetched};
use super::task::{AwaitTask, SharedKey, TaskEnd, TaskStep};
use super::visit::{Visit, provider_by_tag};
use super::{Scene, Step, Wait, revocation};

/// Answers of applications that take longer are rare.
const REFRESH_IS_NEAR: Duration = Duration::from_secs(60);

/// What became of looking for a session.
pub(super) enum Reading {
    /// There is one, and it is live.
    Live(Rc<LiveSession>),
    /// There is none. Whatever is wrong with a cookie, the answer is the same.
    Absent,
    /// There is one, but something has to be done before it can be used.
    Pending(Pending),
    /// There may be one, but it cannot be used now: the cookies are to be kept.
    Refused(Unusable),
}

/// Why a session cannot be used now.
pub(super) struct Unusable {
    denial: Denial,
    /// The session, where it could be read.
    session: Option<Box<Session>>,
}

impl Unusable {
    /// Why one cannot be used that could not even be read.
    pub(super) const fn unread(denial: Denial) -> Self {
        Self { denial, session: None }
    }

    /// Refuses the request; whose it is, is said where it is known.
    pub(super) fn refuse(self, visit: &Visit, scene: &mut Scene<'_>) -> Step {
        match self.session {
            Some(session) => visit.refuse_known(self.denial, (&session.provider, &session.claims), scene),
            None => visit.refuse(self.denial, scene),
        }
    }
}

impl Reading {
    /// The session, if it has been read.
    fn session(&self) -> Option<&Session> {
        match self {
            Self::Live(live) => Some(live.session()),
            Self::Pending(Pending::Refresh(refresh)) => Some(refresh.session()),
            Self::Pending(Pending::Fetch(_)) | Self::Absent | Self::Refused(_) => None,
        }
    }
}

/// What a session is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// To let a request through: its tokens are to be good.
    Admission,
    /// To say what it is: it is taken as it stands.
    Inspection,
    /// To end it, whatever hinders its use.
    Ending,
}

/// What has to be done before a session can be used: a task that others may wait for too.
pub(super) enum Pending {
    /// It is to be fetched from the store.
    Fetch(Rc<Fetch>),
    /// It is to be refreshed.
    Refresh(Rc<Refresh>),
}

impl Pending {
    /// Which task.
    fn key(&self) -> SharedKey {
        match self {
            Self::Fetch(fetch) => fetch.key(),
            Self::Refresh(refresh) => refresh.key(),
        }
    }

    /// How far a visit has come that has waited for it.
    const fn patience(&self) -> Patience {
        match self {
            Self::Fetch(_) => Patience::Fetched,
            Self::Refresh(_) => Patience::Refreshed,
        }
    }

    /// The request waits, and is then decided once more from the top.
    pub(super) fn wait(self, visit: Visit) -> Step {
        let key = self.key();
        Step::Wait(Wait::Task { key, flow: AwaitTask::Session(ReadAgain { visit, pending: self }) })
    }
}

/// What a request has waited for already, in the order in which it is waited for. A visit that has come so far does not wait
/// for the same or an earlier thing again, so it cannot wait for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Patience {
    /// For nothing.
    #[default]
    Fresh,
    /// For a session that had to be fetched.
    Fetched,
    /// For a session that had to be refreshed.
    Refreshed,
}

/// A request whose session cannot be read yet.
pub struct ReadAgain {
    visit: Visit,
    pending: Pending,
}

impl ReadAgain {
    /// The task's first step.
    pub(super) fn begin(&self, scene: &mut Scene<'_>) -> Result<TaskStep, Denial> {
        match &self.pending {
            Pending::Fetch(fetch) => fetch.begin(scene),
            Pending::Refresh(refresh) => Ok(refresh::begin(refresh, scene)),
        }
    }

    /// Decides the request again. Nobody asks for the connection: what looks at it does not wait for sessions.
    pub(super) fn resume(self, end: &TaskEnd, scene: &mut Scene<'_>) -> Step {
        let fetched = match &self.pending {
            Pending::Fetch(fetch) => Some(fetch.take(end.answer(), scene)),
            Pending::Refresh(_) => None,
        };
        self.go_on(fetched, scene)
    }

    fn go_on(self, fetched: Option<Fetched>, scene: &mut Scene<'_>) -> Step {
        let Self { mut visit, pending } = self;
        visit.patience = visit.patience.max(pending.patience());
        visit.fetched.extend(fetched);
        match &pending {
            Pending::Fetch(_) => {}
            Pending::Refresh(refresh) if refresh.is_over(scene) => visit.parting_cookies = clear(&visit, scene),
            Pending::Refresh(_) => {}
        }
        super::decide(visit, &KnownPeer::default(), scene)
    }

    /// Does without the task: what is here is as good as it gets.
    pub(super) fn refuse(self, _: Denial, scene: &mut Scene<'_>) -> Step {
        let fetched = match &self.pending {
            Pending::Fetch(fetch) => Some(fetch.missed()),
            Pending::Refresh(_) => None,
        };
        self.go_on(fetched, scene)
    }
}

/// Looks for the live session that the request carries.
pub(super) fn read(visit: &Visit, purpose: Use, scene: &mut Scene<'_>) -> Reading {
    let Some(policy) = &scene.config.session else { return Reading::Absent };
    let host = visit.cookie_host(policy);
    for candidate in collect(visit, policy).candidates() {
        let now = scene.now;
        let reading = match scene.sessions.find(&candidate, |live| live.is_valid(host, now)) {
            Some(live) => Reading::Live(live),
            None => open(&candidate, visit, policy, purpose, scene),
        };
        match &reading {
            Reading::Live(live) if revocation::is_over(live, policy, scene) => {}
            Reading::Absent => {}
            // It may have been ended elsewhere.
            Reading::Live(_) | Reading::Pending(_) if purpose != Use::Ending && !scene.admits_sessions() => {
                let session = reading.session().cloned().map(Box::new);
                return Reading::Refused(Unusable { denial: Denial::StoreUnavailable, session });
            }
            _ => return reading,
        }
    }
    Reading::Absent
}

/// The live session that the request carries, as far as is known here and now: nothing is waited for.
pub(super) fn glance(visit: &Visit, scene: &mut Scene<'_>) -> Option<Rc<LiveSession>> {
    match read(visit, Use::Ending, scene) {
        Reading::Live(live) => Some(live),
        Reading::Absent | Reading::Pending(_) | Reading::Refused(_) => None,
    }
}

fn open(candidate: &[u8], visit: &Visit, policy: &SessionPolicy, purpose: Use, scene: &mut Scene<'_>) -> Reading {
    let of_cookie = Cell::new(None);
    let binding = |tag| {
        of_cookie.set(provider_by_tag(tag, scene).map(|(_, provider, _)| provider));
        visit.binding_by_tag(Purpose::Session, tag, scene)
    };
    let (opened, stored) = match reference(candidate, visit, policy, scene) {
        Some((reference, provider, resealing_due)) => {
            of_cookie.set(scene.providers.get(provider).map(|slot| &*slot.config));
            match stored_session::find(reference, provider, visit, policy, scene) {
                Ok((session, place)) => (Some(OpenedSession { session, resealing_due }), Some(place)),
                Err(reading) => return reading,
            }
        }
        None => (cookie::open(candidate, &policy.keys, binding), None),
    };
    let opened = opened.filter(|opened| opened.session.is_live(scene.now));
    let Some((OpenedSession { mut session, resealing_due }, provider)) = opened.zip(of_cookie.get()) else {
        return Reading::Absent;
    };
    session.provider.clone_from(&provider.name);
    let (host, may_wait) = (visit.cookie_host(policy), visit.patience < Patience::Refreshed);
    match refresh::standing(Presented { session, host, purpose, may_wait, stored: stored.clone() }, scene) {
        Standing::Good { session, until, upkeep } => {
            // Whoever refreshed a session has put it into the store as well.
            let upkeep = match upkeep {
                Upkeep::Usual if resealing_due => Upkeep::WritingDue,
                Upkeep::WritingDue if stored.is_some() && !resealing_due => Upkeep::Usual,
                upkeep => upkeep,
            };
            let live = LiveSession::new(*session, host.to_owned(), upkeep, until, scene.now);
            let live = Rc::new(live.stored_at(stored));
            if live.is_valid(host, scene.now) {
                scene.sessions.insert(candidate, Rc::clone(&live), scene.entropy);
            }
            Reading::Live(live)
        }
        Standing::Awaits(refresh) if revocation::is_ended(refresh.session(), policy, scene) => Reading::Absent,
        Standing::Over => Reading::Absent,
        Standing::Awaits(refresh) => Reading::Pending(Pending::Refresh(refresh)),
        Standing::Hindered { setback, session } => {
            Reading::Refused(Unusable { denial: Denial::Refresh(setback), session: Some(session) })
        }
    }
}

/// The session in the store that a cookie refers to, its provider's index, and whether the cookie is to be sealed again.
fn reference(
    candidate: &[u8],
    visit: &Visit,
    policy: &SessionPolicy,
    scene: &Scene<'_>,
) -> Option<(SessionReference, usize, bool)> {
    policy.store.as_ref().filter(|store| store.keeps_sessions)?;
    let of_cookie = Cell::new(None);
    let binding = |tag| {
        of_cookie.set(provider_by_tag(tag, scene).map(|(index, ..)| index));
        visit.binding_by_tag(Purpose::Session, tag, scene)
    };
    let (reference, resealing_due) = cookie::open_reference(candidate, &policy.keys, binding)?;
    Some((reference, of_cookie.get()?, resealing_due))
}

/// Ends the sessions in the store that could not be read, because it does not answer.
pub(super) fn end_unread(visit: &Visit, scene: &mut Scene<'_>) {
    let Some(policy) = &scene.config.session else { return };
    for candidate in collect(visit, policy).candidates() {
        if let Some((reference, ..)) = reference(&candidate, visit, policy, scene) {
            stored_session::end_unread(&reference, scene);
        }
    }
}

/// The `Set-Cookie` lines for a new session, after the request that puts it into the store, if sessions lie there.
pub(super) fn begin(
    visit: &Visit,
    (provider, client): (&Provider, &Client),
    session: &Session,
    policy: &SessionPolicy,
    scene: &mut Scene<'_>,
) -> Result<(Option<CalloutRequest>, Vec<String>), SessionTooLarge> {
    if policy.store.as_ref().is_some_and(|store| store.keeps_sessions) {
        let binding = visit.binding(Purpose::Session, provider, client, policy);
        let present = collect(visit, policy).present();
        let (request, lines) = stored_session::begin((provider, client), session, (policy, &binding), present, scene)?;
        return Ok((Some(request), lines));
    }
    Ok((None, write(visit, (provider, client), session, policy, scene)?))
}

/// The `Set-Cookie` lines that store `session`, and delete what is left of an earlier, larger one.
pub(super) fn write(
    visit: &Visit,
    (provider, client): (&Provider, &Client),
    session: &Session,
    policy: &SessionPolicy,
    scene: &mut Scene<'_>,
) -> Result<Vec<String>, SessionTooLarge> {
    let SessionPolicy { keys, cookie, max_cookies, .. } = policy;
    let binding = visit.binding(Purpose::Session, provider, client, policy);
    let present = collect(visit, policy).present();
    Writing { keys, binding, policy: cookie, max_cookies: *max_cookies }.write(
        session,
        present,
        scene.now,
        scene.entropy,
    )
}

/// The `Set-Cookie` lines that prolong a session that is being used; none as long as that is not due.
pub(super) fn renew(visit: &Visit, live: &LiveSession, scene: &mut Scene<'_>) -> Vec<String> {
    let session = live.session();
    let Some(policy) = &scene.config.session else { return Vec::new() };
    let idle_timeout = policy.idle_timeout;
    let writing_due = match live.upkeep() {
        Upkeep::Suspended => return Vec::new(),
        Upkeep::WritingDue => true,
        Upkeep::Usual => false,
    };
    if let Some(place) = live.stored() {
        stored_session::prolong(live, place, policy, scene);
        if !writing_due {
            return Vec::new();
        }
    }
    let renewal_due = session.renewal_due(scene.now, idle_timeout) && !is_soon_refreshed(session, policy, scene.now);
    if !writing_due && !renewal_due {
        return Vec::new();
    }
    let slot = scene.providers.iter().find(|slot| slot.config.name == session.provider);
    let Some((provider, client)) = slot.and_then(|slot| Some((&*slot.config, slot.config.client.as_ref()?))) else {
        return Vec::new();
    };
    if let Some(place) = live.stored() {
        let binding = visit.binding(Purpose::Session, provider, client, policy);
        let present = collect(visit, policy).present();
        return stored_session::refer_again(place, (policy, &binding), present, scene);
    }
    // It fitted when it was written, so it fits again; if not, the old cookie lives on until it ends.
    let renewed = session.renewed(scene.now, idle_timeout);
    write(visit, (provider, client), &renewed, policy, scene).unwrap_or_default()
}

/// Whether the refresh that is near will move the idle timeout in time. Then nothing is written now: with a slow answer it
/// could reach the browser after what is newer.
fn is_soon_refreshed(session: &Session, policy: &SessionPolicy, now: UnixTime) -> bool {
    let is_near = session.tokens.refresh_due(policy.refresh_before()).is_some_and(|due| now + REFRESH_IS_NEAR >= due);
    is_near && now.since(session.sealed_at).saturating_mul(2) < policy.idle_timeout
}

/// The `Set-Cookie` lines that remove whatever session cookies the request carries.
pub(super) fn clear(visit: &Visit, scene: &Scene<'_>) -> Vec<String> {
    let Some(policy) = &scene.config.session else { return Vec::new() };
    cookie::clear_cookies(&policy.cookie, collect(visit, policy).present())
}

/// The `Set-Cookie` lines for a person who has signed out: nothing of the session is left, nor of what belonged to it.
pub(super) fn sign_out(visit: &Visit, scene: &Scene<'_>) -> Vec<String> {
    let Some(policy) = &scene.config.session else { return Vec::new() };
    let headers = visit.head.headers();
    let mut lines = clear(visit, scene);
    lines.extend(posted_form::clear_cookies(headers, &policy.cookie));
    // A login in another tab does not go on either: its person has signed out.
    lines.push(if policy.silent {
        Past::after_logout(policy.absolute_timeout, &policy.cookie)
    } else {
        clear_cookie(&policy.cookie, ResponseMode::Query)
    });
    lines
}

fn collect<'a>(visit: &'a Visit, policy: &SessionPolicy) -> SessionCookies<'a> {
    cookie::collect(visit.head.headers(), &policy.cookie, policy.max_cookies)
}
