//! The session in the browser: read it, write it, renew it.

use std::rc::Rc;

use crate::admission::LiveSession;
use crate::config::{Client, Provider, SessionPolicy};
use crate::session::Session;
use crate::session::cookie::{self, OpenedSession, SessionCookies, SessionTooLarge, Writing};
use crate::session::seal::Purpose;

use super::Scene;
use super::visit::Visit;

/// The live session that the request carries. Whatever is wrong with a cookie, the answer is the same: none.
pub(super) fn read(visit: &Visit, scene: &mut Scene<'_>) -> Option<Rc<LiveSession>> {
    let policy = scene.config.session.as_ref()?;
    let host = visit.cookie_host(policy);
    collect(visit, policy).candidates().find_map(|candidate| {
        let now = scene.now;
        scene.sessions.find(&candidate, |live| live.is_valid(host, now)).or_else(|| {
            let live = Rc::new(open(&candidate, visit, policy, scene)?);
            scene.sessions.insert(candidate.as_ref().into(), Rc::clone(&live));
            Some(live)
        })
    })
}

fn open(candidate: &[u8], visit: &Visit, policy: &SessionPolicy, scene: &Scene<'_>) -> Option<LiveSession> {
    let binding = |tag| visit.binding_by_tag(Purpose::Session, tag, scene);
    let OpenedSession { session, resealing_due } = cookie::open(candidate, &policy.keys, binding)?;
    let host = visit.cookie_host(policy).to_owned();
    session.is_live(scene.now).then(|| LiveSession::new(session, host, resealing_due, scene.now))
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
    if !session.renewal_due(scene.now, idle_timeout) && !live.resealing_due() {
        return Vec::new();
    }
    let slot = scene.providers.iter().find(|slot| slot.config.name == session.provider);
    let Some((provider, client)) = slot.and_then(|slot| Some((&*slot.config, slot.config.client.as_ref()?))) else {
        return Vec::new();
    };
    // It fitted when it was written, so it fits again; if not, the old cookie lives on until it ends.
    let renewed = session.renewed(scene.now, idle_timeout);
    write(visit, (provider, client), &renewed, policy, scene).unwrap_or_default()
}

/// The `Set-Cookie` lines that remove whatever session cookies the request carries.
pub(super) fn clear(visit: &Visit, scene: &Scene<'_>) -> Vec<String> {
    let Some(policy) = &scene.config.session else { return Vec::new() };
    cookie::clear_cookies(&policy.cookie, collect(visit, policy).present())
}

fn collect<'a>(visit: &'a Visit, policy: &SessionPolicy) -> SessionCookies<'a> {
    cookie::collect(visit.head.headers(), &policy.cookie, policy.max_cookies)
}
