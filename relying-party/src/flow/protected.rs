//! A request to the application: the rule's demand, the credential, the verdict.

use std::rc::Rc;
use std::time::Duration;

use crate::admission::{Admission, LiveSession, NotAdmitted, Onward, Passage};
use crate::config::{Authentication, Rule};
use crate::denial::Denial;
use crate::forward::Forward;
use crate::http::credentials::PresentedToken;
use crate::http::navigation::Initiator;
use crate::peer::Peer;
use crate::policy::demand::Demand;
use crate::policy::path::RequestPath;
use crate::policy::request_view::RequestView;
use crate::protocol::token_exchange::TokenExchangeError;
use crate::time::UnixTime;

use super::decision::{About, Decision};
use super::exchange::Outgoing;
use super::login::Occasion;
use super::posted_form::Lacking;
use super::session_cookie::{Reading, Use};
use super::visit::Visit;
use super::{Scene, Step, Verdict, bearer, exchange, fragment, login, logout, posted_form, session_cookie, step_up};

/// A session whose access token is useless so soon after the login would not be better after another one.
const SHORTEST_USE: Duration = Duration::from_secs(10);

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
            Reading::Live(session) => admit(visit, path, session, Some((index, demand)), scene),
            Reading::Pending(pending) => pending.wait(visit),
            Reading::Refused(unusable) => unusable.refuse(&visit, scene),
            Reading::Absent if visit.initiator() == Initiator::Navigation => demand_login(visit, Some(demand), scene),
            Reading::Absent => visit.refuse(Denial::LoginOrTokenRequired, scene),
        },
        Authentication::Optional(demand) => match read_session(&visit, Some(demand), scene) {
            Reading::Live(session) => admit(visit, path, session, Some((index, demand)), scene),
            Reading::Pending(pending) => pending.wait(visit),
            Reading::Refused(unusable) => unusable.refuse(&visit, scene),
            Reading::Absent => pass_anonymous(&visit, rule, scene),
        },
        Authentication::Public => pass_anonymous(&visit, rule, scene),
    }
}

fn by_session(visit: Visit, path: &RequestPath, rule: Option<(usize, &Demand)>, scene: &mut Scene<'_>) -> Step {
    match read_session(&visit, rule.map(|(_, demand)| demand), scene) {
        Reading::Live(session) => admit(visit, path, session, rule, scene),
        Reading::Absent => demand_login(visit, rule.map(|(_, demand)| demand), scene),
        Reading::Pending(pending) => pending.wait(visit),
        Reading::Refused(unusable) => unusable.refuse(&visit, scene),
    }
}

/// The live session of a provider that the rule admits.
fn read_session(visit: &Visit, demand: Option<&Demand>, scene: &mut Scene<'_>) -> Reading {
    match session_cookie::read(visit, Use::Admission, scene) {
        Reading::Live(live) if demand.is_some_and(|demand| !demand.admits_provider(&live.session().provider)) => {
            Reading::Absent
        }
        reading => reading,
    }
}

fn admit(
    mut visit: Visit,
    path: &RequestPath,
    session: Rc<LiveSession>,
    rule: Option<(usize, &Demand)>,
    scene: &mut Scene<'_>,
) -> Step {
    let renewal = session_cookie::renew(&visit, &session, scene);
    let (signed_in_at, live) = (session.session().authenticated_at, Rc::clone(&session));
    let onward = {
        let request = view(&visit, path, rule.map(|(_, demand)| demand), scene);
        match Admission::by_session(session, rule, request.as_ref(), scene.now).map(Admission::onward) {
            Ok(Onward::Open(passage)) => return forward(&visit, &passage, request.as_ref(), renewal, scene),
            Ok(onward) => onward,
            Err(refused) => {
                visit.parting_cookies.extend(renewal);
                return match refused {
                    NotAdmitted::Authentication(demand) => {
                        let provider = Some(live.session().provider.as_str());
                        let reason = Occasion::StepUpRequired.reason();
                        let about = About { provider, reason, visit: Some(&visit), ..About::default() };
                        scene.tell(Decision::StepUp, about.whom(&live.session().claims));
                        let preserve_form = rule.is_some_and(|(_, demand)| demand.preserve_form);
                        step_up::begin(visit, live.session().provider.clone(), (demand, preserve_form), scene)
                    }
                    refused => {
                        let session = live.session();
                        visit.refuse_known(refused, (&session.provider, &session.claims), scene)
                    }
                };
            }
        }
    };
    match (onward, rule) {
        (Onward::Exchange(pending), Some((rule, _))) => {
            let outgoing = Outgoing { visit, path: path.clone(), rule, pending, response_cookies: renewal };
            exchange::begin(outgoing, scene)
        }
        _ => {
            visit.parting_cookies.extend(renewal);
            without_token(visit, rule, signed_in_at, scene)
        }
    }
}

/// A session that lives on when its access token has ended: signing in again brings another one, unless that ends at once as well.
fn without_token(visit: Visit, rule: Option<(usize, &Demand)>, signed_in_at: UnixTime, scene: &mut Scene<'_>) -> Step {
    let rule = rule.and_then(|(index, demand)| Some((scene.config.rules.get(index)?, demand)));
    let may_help = scene.now.since(signed_in_at) >= SHORTEST_USE;
    match rule {
        Some((rule, _)) if matches!(rule.authentication, Authentication::Optional(_)) => {
            pass_anonymous(&visit, rule, scene)
        }
        Some((_, demand)) if may_help && visit.initiator() == Initiator::Navigation => {
            demand_login(visit, Some(demand), scene)
        }
        Some(_) | None => visit.refuse(TokenExchangeError::SubjectTokenMissing, scene),
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
    let looks_at_request = require.is_some_and(|require| require.references().request) || scene.config.looks_at_request;
    looks_at_request.then(|| RequestView::new(&visit.head, path, scene.managed_headers))
}

/// Whether there is an access token, where one could be accepted.
fn presents_token(visit: &Visit, demand: &Demand, scene: &Scene<'_>) -> bool {
    !matches!(PresentedToken::of(visit.head.headers()), Ok(None)) && scene.config.accepts_tokens(demand)
}

fn pass_anonymous(visit: &Visit, rule: &Rule, scene: &mut Scene<'_>) -> Step {
    match Admission::anonymous(rule).map(Admission::onward) {
        Some(Onward::Open(passage)) => forward(visit, &passage, None, visit.parting_cookies.clone(), scene),
        Some(Onward::Exchange(_) | Onward::TokenMissing) | None => visit.refuse(Denial::LoginRequired, scene),
    }
}

pub(super) fn forward(
    visit: &Visit,
    passage: &Passage,
    request: Option<&RequestView<'_>>,
    response_cookies: Vec<String>,
    scene: &Scene<'_>,
) -> Step {
    let (managed, config) = (scene.managed_headers, scene.config);
    let forward = Forward::new(passage, &visit.head, request, managed, config, response_cookies, scene.now);
    let rule = (!config.properties.is_empty()).then(|| visit.rule_name(config)).flatten();
    Step::Done(Verdict::Forward(forward.under(rule.map(str::to_owned))))
}

/// Only a navigation starts a login: a script would follow the redirect to another origin and learn nothing.
fn demand_login(visit: Visit, demand: Option<&Demand>, scene: &mut Scene<'_>) -> Step {
    match (visit.initiator(), demand) {
        (Initiator::Navigation, demand) => {
            if let Some(page) = logout::landing(&visit, scene) {
                return visit.reply(page, Occasion::SessionRequired.reason(), scene);
            }
            let target = visit.target(scene.config);
            let admitted = demand.and_then(|demand| demand.providers.clone());
            let demand = demand.map(|demand| demand.authentication.clone()).unwrap_or_default();
            let (beginning, occasion) = (login::first_try(&visit, scene), Occasion::SessionRequired);
            fragment::begin_login(
                visit,
                target,
                login::Choice { admitted, beginning, demand, occasion, ..login::Choice::default() },
                scene,
            )
        }
        (Initiator::Form, Some(demand)) if demand.preserve_form => {
            let lacking = Lacking::Session { admitted: demand.providers.clone() };
            posted_form::keep(visit, lacking, demand.authentication.clone(), scene)
        }
        (Initiator::Form | Initiator::Program, demand) => {
            let sole = demand.and_then(|demand| demand.providers.as_deref()).and_then(|names| match names {
                [sole] => Some(sole.as_str()),
                _ => None,
            });
            let authentication = demand.map(|demand| demand.authentication.clone()).unwrap_or_default();
            let target = visit.target(scene.config);
            visit.refuse_demanding(Denial::LoginRequired, (sole, &authentication), &target, scene)
        }
    }
}
