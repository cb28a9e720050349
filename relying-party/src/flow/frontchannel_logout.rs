//! The provider ends a session through the browser (OpenID Connect Front-Channel Logout 1.0): it shows a page of ours in a frame.
//!
//! That ends only what the browser sends along: in another site's frame, cookies with `SameSite=None` at most. And whoever makes
//! a browser come here is not known to be the provider. So the session ends when the request knows its `sid`, which other sites do not;
//! a session without one ends in any frame that names its issuer. The answer is the same in any case.

use std::collections::BTreeSet;

use url::Url;

use crate::admission::LiveSession;
use crate::http::Response;

use super::session_cookie::{Reading, Use};
use super::visit::Visit;
use super::{Scene, Step, logout, revocation, session_cookie};

/// Answers a logout request (§2), which says `iss` and `sid` when the provider is asked for it (§3,
/// `frontchannel_logout_session_required`).
pub(super) fn answer(visit: Visit, scene: &mut Scene<'_>) -> Step {
    let live = match session_cookie::read(&visit, Use::Ending, scene) {
        Reading::Live(live) => Some(live),
        Reading::Pending(pending) => return pending.wait(visit),
        Reading::Absent | Reading::Refused(_) => None,
    };
    let cookies = match live {
        Some(live) if Meant::by(&visit).is(&live, &visit) => {
            revocation::end(&live, scene);
            logout::tell("logout.frontchannel", &visit, Some(&live), scene);
            session_cookie::sign_out(&visit, scene)
        }
        Some(_) | None => Vec::new(),
    };
    empty_page(scene).with_cookies(cookies).into()
}

/// Which session a request means.
struct Meant {
    issuer: Option<String>,
    sid: Option<String>,
}

impl Meant {
    fn by(visit: &Visit) -> Self {
        let parameter = |wanted: &str| {
            let mut values = form_urlencoded::parse(visit.head.query().unwrap_or_default().as_bytes())
                .filter(|(name, _)| name == wanted)
                .map(|(_, value)| value.into_owned());
            values.next().filter(|_| values.next().is_none())
        };
        Self { issuer: parameter("iss"), sid: parameter("sid") }
    }

    fn is(&self, live: &LiveSession, visit: &Visit) -> bool {
        let session = live.session();
        let issuer = session.claims.get("iss").and_then(serde_json::Value::as_str);
        let same_session = match (&self.sid, &session.sid) {
            (Some(meant), Some(sid)) => meant == sid,
            (None, None) => is_framed(visit),
            (Some(_), None) | (None, Some(_)) => false,
        };
        same_session && issuer.is_some() && self.issuer.as_deref() == issuer
    }
}

/// Whether the page is shown in a frame, as far as the browser says: nobody can be sent here by a link.
fn is_framed(visit: &Visit) -> bool {
    visit.head.headers().all("sec-fetch-dest").all(|destination| matches!(destination, b"iframe" | b"frame"))
}

/// A page that the providers may show in a frame, and nobody else.
fn empty_page(scene: &Scene<'_>) -> Response {
    let origins: Vec<_> = origins(scene).into_iter().collect();
    let ancestors = if origins.is_empty() { "'none'".to_owned() } else { origins.join(" ") };
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let headers = vec![
        header("content-type", "text/html; charset=utf-8"),
        header("cache-control", "no-store"),
        header("content-security-policy", &format!("default-src 'none'; base-uri 'none'; frame-ancestors {ancestors}")),
        header("x-content-type-options", "nosniff"),
        header("referrer-policy", "no-referrer"),
    ];
    Response { status: 200, headers, body: b"<!doctype html><title></title>".to_vec() }
}

/// Where people sign in and out: the origins of the issuers, and of the endpoints that browsers go to.
fn origins(scene: &Scene<'_>) -> BTreeSet<String> {
    let with_client = scene.providers.iter().filter(|slot| slot.config.client.is_some());
    with_client
        .flat_map(|slot| {
            let metadata = slot.loaded.as_ref().map(|loaded| &loaded.metadata);
            let authorization = metadata
                .and_then(|metadata| metadata.client_endpoints.as_ref())
                .map(|endpoints| endpoints.authorization.url().clone());
            let end_session = metadata
                .and_then(|metadata| metadata.end_session_endpoint.as_ref())
                .map(|endpoint| endpoint.url().clone());
            [Url::parse(slot.config.issuer.as_str()).ok(), authorization, end_session]
        })
        .flatten()
        .filter(|url| url.has_host())
        .map(|url| url.origin().ascii_serialization())
        .collect()
}
