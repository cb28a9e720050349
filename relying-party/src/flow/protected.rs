//! A request to the application: the rule's demand, the credential, the verdict.

use std::rc::Rc;

use crate::admission::{Admission, LiveSession};
use crate::config::{Authentication, Rule};
use crate::denial::Denial;
use crate::forward::Forward;
use crate::http::credentials::PresentedToken;
use crate::http::navigation::Initiator;
use crate::peer::Peer;
use crate::policy::demand::Demand;
use crate::policy::path::RequestPath;
use crate::policy::request_view::RequestView;

use super::visit::Visit;
use super::{Scene, Step, Verdict, bearer, login, session_cookie};

/// Decides a request under `rule` (its index and itself), or under the default: a session is needed.
pub(super) fn decide(
    visit: Visit,
    path: &RequestPath,
    rule: Option<(usize, &Rule)>,
    peer: &dyn Peer,
    scene: &mut Scene<'_>,
) -> Step {
    let Some((index, rule)) = rule else { return by_session(visit, path, None, scene) };
    match &rule.authentication {
        Authentication::Session(demand) => by_session(visit, path, Some((index, demand)), scene),
        Authentication::Bearer(demand) => bearer::decide(visit, path, (index, demand), peer, scene),
        // Whoever presents a token wants to be judged by it.
        Authentication::Any(demand) | Authentication::Optional(demand) if presents_token(&visit, demand, scene) => {
            bearer::decide(visit, path, (index, demand), peer, scene)
        }
        Authentication::Any(demand) => match read_session(&visit, Some(demand), scene) {
            Some(session) => admit(&visit, path, session, Some((index, demand)), scene),
            None if visit.initiator() == Initiator::Navigation => demand_login(visit, Some(demand), scene),
            None => visit.refuse(Denial::LoginOrTokenRequired, scene),
        },
        Authentication::Optional(demand) => match read_session(&visit, Some(demand), scene) {
            Some(session) => admit(&visit, path, session, Some((index, demand)), scene),
            None => pass_anonymous(&visit, rule, scene),
        },
        Authentication::Public => pass_anonymous(&visit, rule, scene),
    }
}

fn by_session(visit: Visit, path: &RequestPath, rule: Option<(usize, &Demand)>, scene: &mut Scene<'_>) -> Step {
    match read_session(&visit, rule.map(|(_, demand)| demand), scene) {
        Some(session) => admit(&visit, path, session, rule, scene),
        None => demand_login(visit, rule.map(|(_, demand)| demand), scene),
    }
}

/// The live session of a provider that the rule admits.
fn read_session(visit: &Visit, demand: Option<&Demand>, scene: &mut Scene<'_>) -> Option<Rc<LiveSession>> {
    session_cookie::read(visit, scene)
        .filter(|live| demand.is_none_or(|demand| demand.admits_provider(&live.session().provider)))
}

fn admit(
    visit: &Visit,
    path: &RequestPath,
    session: Rc<LiveSession>,
    rule: Option<(usize, &Demand)>,
    scene: &mut Scene<'_>,
) -> Step {
    let request = view(visit, path, rule.map(|(_, demand)| demand), scene);
    let renewal = session_cookie::renew(visit, &session, scene);
    match Admission::by_session(session, rule, request.as_ref()) {
        Ok(admission) => forward(visit, &admission, request.as_ref(), renewal, scene),
        Err(not_met) => visit.refuse(not_met, scene),
    }
}

/// The request as expressions see it, if one of them looks at it.
pub(super) fn view<'a, 's: 'a>(
    visit: &'a Visit,
    path: &'a RequestPath,
    demand: Option<&Demand>,
    scene: &Scene<'s>,
) -> Option<RequestView<'a>> {
    let require = demand.and_then(|demand| demand.require.as_ref());
    let looks_at_request = require.is_some_and(|require| require.references().request)
        || scene.config.headers.iter().any(|header| header.value.references().request);
    looks_at_request.then(|| RequestView::new(&visit.head, path, scene.managed_headers))
}

/// Whether there is an access token, where one could be accepted.
fn presents_token(visit: &Visit, demand: &Demand, scene: &Scene<'_>) -> bool {
    !matches!(PresentedToken::of(visit.head.headers()), Ok(None)) && scene.config.accepts_tokens(demand)
}

fn pass_anonymous(visit: &Visit, rule: &Rule, scene: &mut Scene<'_>) -> Step {
    match Admission::anonymous(rule) {
        Some(admission) => forward(visit, &admission, None, Vec::new(), scene),
        None => visit.refuse(Denial::LoginRequired, scene),
    }
}

pub(super) fn forward(
    visit: &Visit,
    admission: &Admission,
    request: Option<&RequestView<'_>>,
    response_cookies: Vec<String>,
    scene: &Scene<'_>,
) -> Step {
    Step::Done(Verdict::Forward(Forward::new(
        admission,
        &visit.head,
        request,
        scene.managed_headers,
        scene.config,
        response_cookies,
    )))
}

/// Only a navigation starts a login: a script would follow the redirect to another origin and learn nothing.
fn demand_login(visit: Visit, demand: Option<&Demand>, scene: &mut Scene<'_>) -> Step {
    if visit.initiator() == Initiator::Navigation {
        let target = visit.target(scene.config);
        let admitted = demand.and_then(|demand| demand.providers.clone());
        login::begin(visit, target, login::Choice { admitted, ..login::Choice::default() }, scene)
    } else {
        visit.refuse(Denial::LoginRequired, scene)
    }
}
