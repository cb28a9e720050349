//! What keeps a login from ending in a session, as far as that can be told: better a page that says so than a loop.

use crate::config::{CookiePolicy, PublicUrl, SameSite, SessionPolicy};
use crate::denial::{Denial, LostSession};
use crate::http::cookies;
use crate::login::attempt::LoginAttempt;
use crate::login::browser::{ResponseMode, clear_cookie};
use crate::login::past::Past;
use crate::login::return_to::ReturnTarget;
use crate::session::cookie;
use crate::session::seal::Purpose;

use super::visit::Visit;
use super::{Scene, Step, session_cookie};

/// Refuses a login to `target` that would end in nothing.
pub(super) fn before(visit: &Visit, target: &ReturnTarget, scene: &mut Scene<'_>) -> Option<Step> {
    let policy = &scene.config.session.as_ref()?.cookie;
    let comes_from_elsewhere = visit.head.headers().first("sec-fetch-site") == Some(b"cross-site");
    if comes_from_elsewhere && withholds_cookies_in_frames(policy, visit) && !brings_cookies(policy, visit) {
        return Some(visit.refuse_login(Denial::LoginEmbedded, None, target, scene));
    }
    let past = Past::of_request(visit.head.headers(), policy);
    if past.goes_round_in_circles() && session_cookie::glance(visit, scene).is_none() {
        let denial = Denial::LoginLoop(lost_session(visit, scene));
        // Who tries again begins anew.
        let cookies = vec![clear_cookie(policy, ResponseMode::Query)];
        return Some(visit.refuse_login(denial, None, target, scene).with_cookies(cookies));
    }
    None
}

/// Why a callback that belongs to `attempt` comes without the login's cookie, if it is not simply another browser.
pub(super) fn after(visit: &Visit, attempt: &LoginAttempt, policy: &CookiePolicy) -> Option<Denial> {
    if !keeps_secure_cookies(policy, &visit.origin) {
        return Some(Denial::InsecureScheme);
    }
    // Where both are http, something in front ends TLS and does not say so.
    if policy.secure && attempt.over_plain_http && visit.head.scheme() == "https" {
        return Some(Denial::InsecureScheme);
    }
    withholds_cookies_in_frames(policy, visit).then_some(Denial::LoginEmbedded)
}

/// Browsers take `Secure` cookies over TLS alone, and from this very machine.
fn keeps_secure_cookies(policy: &CookiePolicy, origin: &PublicUrl) -> bool {
    let host = origin.host();
    let is_loopback =
        host == "localhost" || host.ends_with(".localhost") || host.starts_with("127.") || host == "[::1]";
    !policy.secure || origin.is_https() || is_loopback
}

/// Whether the page is to be shown inside another, where cookies of this policy are withheld if that is another site's.
fn withholds_cookies_in_frames(policy: &CookiePolicy, visit: &Visit) -> bool {
    let destination = visit.head.headers().first("sec-fetch-dest").unwrap_or_default();
    policy.same_site != SameSite::None
        && matches!(destination, b"iframe" | b"frame" | b"embed" | b"object" | b"fencedframe")
}

fn brings_cookies(policy: &CookiePolicy, visit: &Visit) -> bool {
    let mut cookies = visit.head.headers().all("cookie").flat_map(cookies::parse);
    cookies.any(|(name, _)| cookies::is_own(name, &policy.name))
}

/// For the log alone: people are told the same whatever it is.
fn lost_session(visit: &Visit, scene: &Scene<'_>) -> LostSession {
    let Some(SessionPolicy { keys, cookie: policy, max_cookies, .. }) = &scene.config.session else {
        return LostSession::Absent;
    };
    let cookies = cookie::collect(visit.head.headers(), policy, *max_cookies);
    if cookies.present() == cookie::PresentParts::default() {
        return LostSession::Absent;
    }
    let binding = |tag| visit.binding_by_tag(Purpose::Session, tag, scene);
    let mut candidates = cookies.candidates().peekable();
    if candidates.peek().is_none() {
        return LostSession::Incomplete;
    }
    match candidates.any(|candidate| cookie::open(&candidate, keys, binding).is_some()) {
        true => LostSession::Ended,
        false => LostSession::Unreadable,
    }
}
