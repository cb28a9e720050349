//! The end of a login: where it was to lead, for who is signed in now.

use crate::config::{SameSite, SessionPolicy};
use crate::http::Response;
use crate::login::posted_form::{self, PostedForm};
use crate::login::return_to::ReturnTarget;
use crate::page;
use crate::session::seal::Purpose;

use super::Scene;
use super::visit::Visit;

/// To `target`, with what the browser keeps for it. After a redirect from another site browsers withhold `SameSite=Strict` cookies,
/// so then a page of ours leads on.
pub(super) fn arrive(visit: &Visit, target: &ReturnTarget, policy: &SessionPolicy, scene: &Scene<'_>) -> Response {
    if target.form.is_some() {
        return send_form(visit, target, policy, scene);
    }
    match policy.cookie.same_site {
        SameSite::Strict => page::continue_to(&target.location(), visit.framing(scene)),
        SameSite::Lax | SameSite::None => Response::redirect(&target.location()),
    }
}

/// Once: the cookies go, whatever was in them.
fn send_form(visit: &Visit, target: &ReturnTarget, policy: &SessionPolicy, scene: &Scene<'_>) -> Response {
    let binding = |tag| visit.binding_by_tag(Purpose::Form, tag, scene);
    let headers = visit.head.headers();
    let response = match PostedForm::of_request(headers, policy, binding, (target, &visit.origin), scene.now) {
        Some(form) => page::send_form(target.as_str(), &form.fields().collect::<Vec<_>>(), visit.framing(scene)),
        None => page::form_lost("/", visit.framing(scene)),
    };
    response.with_cookies(posted_form::clear_cookies(headers, &policy.cookie))
}
