//! Sessions that end before their time.

use crate::admission::LiveSession;
use crate::config::SessionPolicy;
use crate::session::Session;
use crate::session::revocation::{Clearance, Mark, Revocation, RevocationKey};

use super::Scene;

/// Whether somebody has ended this session. One that is older than sessions may get by now is over as well: what ended it may
/// have been forgotten.
pub(super) fn is_over(live: &LiveSession, policy: &SessionPolicy, scene: &Scene<'_>) -> bool {
    is_over_by(live.session(), live.clearance(), policy, scene)
}

/// The same for a session that is not in use yet.
pub(super) fn is_ended(session: &Session, policy: &SessionPolicy, scene: &Scene<'_>) -> bool {
    is_over_by(session, &Clearance::default(), policy, scene)
}

fn is_over_by(session: &Session, clearance: &Clearance, policy: &SessionPolicy, scene: &Scene<'_>) -> bool {
    let client_id = || {
        let slot = scene.providers.iter().find(|slot| slot.config.name == session.provider)?;
        Some(slot.config.client.as_ref()?.client_id.as_str())
    };
    scene.now >= session.authenticated_at + policy.absolute_timeout
        || clearance.is_revoked(session, client_id, scene.revocations)
}

/// Ends a session everywhere: its cookies may have been copied.
pub(super) fn end(live: &LiveSession, scene: &mut Scene<'_>) {
    let session = live.session();
    let key = RevocationKey::of(Mark::Session(&session.id));
    add(&[Revocation { key, revoked_at: scene.now.max(session.authenticated_at), until: session.expires_at }], scene);
}

/// Remembers what was ended.
pub(super) fn add(revocations: &[Revocation], scene: &mut Scene<'_>) {
    scene.revocations.revoke(revocations, scene.shared.shared, scene.now);
}
