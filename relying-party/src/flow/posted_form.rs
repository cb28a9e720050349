//! A form that is posted without a session, or without one that is good enough (`preserve_form`): kept by the browser over the
//! login, then sent again.

use crate::config::SessionPolicy;
use crate::denial::Denial;
use crate::http::navigation::comes_from_this_origin;
use crate::login::browser::ResponseMode;
use crate::login::posted_form::{LARGEST_FORM, PostedForm};
use crate::login::return_to::ReturnTarget;
use crate::policy::demand::AuthenticationDemand;
use crate::session::seal::Purpose;

use super::login::Occasion;
use super::visit::Visit;
use super::{AwaitForm, Scene, Step, Wait, login, step_up};

/// What the person who posts a form has not.
pub(super) enum Lacking {
    /// A session, of one of these providers if the rule names some.
    Session {
        /// The providers' names.
        admitted: Option<Vec<String>>,
    },
    /// An authentication that is recent or strong enough, at the provider of the session.
    Authentication(String),
}

/// Keeps the form of a request that may not be answered yet, if it can be kept.
///
/// Only a form of this very origin: another site's would be sent again by us, with a session, in spite of `SameSite`.
pub(super) fn keep(visit: Visit, lacking: Lacking, demand: AuthenticationDemand, scene: &mut Scene<'_>) -> Step {
    let target = visit.head.path_and_query().and_then(|path| visit.target_at(path, scene.config));
    match target {
        Some(target) if is_small_form(&visit) && comes_from_this_origin(&visit.head, &visit.origin) => {
            let flow = KeepForm { visit, target, lacking, demand };
            Step::Wait(Wait::Body { limit: LARGEST_FORM, flow: AwaitForm::Kept(flow) })
        }
        Some(_) | None => lacking.refuse(visit, demand, scene),
    }
}

impl Lacking {
    fn refuse(self, visit: Visit, demand: AuthenticationDemand, scene: &mut Scene<'_>) -> Step {
        match self {
            Self::Session { .. } => visit.refuse(Denial::LoginRequired, scene),
            Self::Authentication(provider) => step_up::refuse(visit, &provider, demand, scene),
        }
    }
}

/// A login that begins as soon as the form is here.
pub struct KeepForm {
    visit: Visit,
    target: ReturnTarget,
    lacking: Lacking,
    demand: AuthenticationDemand,
}

impl KeepForm {
    pub(super) fn resume(self, body: Option<Vec<u8>>, scene: &mut Scene<'_>) -> Step {
        let Self { mut visit, target, lacking, demand } = self;
        let form = body.and_then(|body| PostedForm::take(body, &target, &visit.origin, scene.now, scene.entropy));
        let kept = form.and_then(|form| Some((seal(&form, &visit, scene)?, form.id())));
        let Some((cookies, id)) = kept else { return lacking.refuse(visit, demand, scene) };
        visit.parting_cookies.extend(cookies);
        let choice = match lacking {
            Lacking::Session { admitted } => {
                let beginning = login::first_try(&visit, scene);
                let occasion = Occasion::SessionRequired;
                login::Choice { admitted, beginning, demand, occasion, ..login::Choice::default() }
            }
            Lacking::Authentication(provider) => {
                let occasion = Occasion::StepUpRequired;
                login::Choice { provider: Some(provider), demand, occasion, ..login::Choice::default() }
            }
        };
        login::begin(visit, target.with(None, Some(id)), choice, scene)
    }
}

/// The `Set-Cookie` lines that let the browser keep it. Which provider it will be is open yet: it is bound to the first.
fn seal(form: &PostedForm, visit: &Visit, scene: &mut Scene<'_>) -> Option<Vec<String>> {
    let session: &SessionPolicy = scene.config.session.as_ref()?;
    let (provider, client) =
        scene.providers.iter().find_map(|slot| Some((&*slot.config, slot.config.client.as_ref()?)))?;
    let clients = scene.providers.iter().filter_map(|slot| slot.config.client.as_ref());
    let by_form_post = clients.into_iter().any(|client| ResponseMode::of(client) == ResponseMode::FormPost);
    let response_mode = if by_form_post { ResponseMode::FormPost } else { ResponseMode::Query };
    let binding = visit.binding(Purpose::Form, provider, client, session);
    form.set_cookies(visit.head.headers(), session, (&binding, response_mode), scene.entropy).ok()
}

/// Whether the body is a form, as far as the head says, and no larger than what is kept.
fn is_small_form(visit: &Visit) -> bool {
    let headers = visit.head.headers();
    let media_type = headers.first("content-type").and_then(|value| value.split(|byte| *byte == b';').next());
    let length = headers.first_str("content-length").map(str::parse::<usize>);
    visit.head.method() == "POST"
        && media_type.is_some_and(|kind| kind.trim_ascii().eq_ignore_ascii_case(b"application/x-www-form-urlencoded"))
        && length.is_none_or(|length| length.is_ok_and(|length| length <= LARGEST_FORM))
}
