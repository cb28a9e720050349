//! The fragment of an address (`session.preserve_fragment`): the browser is asked for it before the login begins.

use crate::login::attempt::Beginning;
use crate::login::return_to::ReturnTarget;
use crate::page;

use super::visit::Visit;
use super::{Scene, Step, login, obstacles, step_up};

/// Begins a login for a navigation to `target`: by a page of ours, whose script knows the fragment and passes it on to the login
/// endpoint. Without that page browsers keep the fragment over redirects, but lose it where the provider shows a page of its own.
pub(super) fn begin_login(visit: Visit, target: ReturnTarget, choice: login::Choice, scene: &mut Scene<'_>) -> Step {
    if let Some(refusal) = obstacles::before(&visit, &target, scene) {
        return refusal;
    }
    let asks = scene.config.session.as_ref().is_some_and(|policy| policy.preserve_fragment);
    let candidates = choice.candidates(scene);
    let provider = match candidates.as_slice() {
        [provider] if asks && visit.head.method() == "GET" => scene.providers.get(*provider),
        _ => None,
    };
    let Some(provider) = provider else { return login::begin(visit, target, choice, scene) };
    let demanded = step_up::parameters(&choice.demand);
    let mut parameters: Vec<_> = target.parameters().collect();
    parameters.extend(demanded.iter().map(|(name, value)| (*name, value.as_str())));
    parameters.push(("provider", &provider.config.name));
    if choice.beginning == Beginning::Silent {
        parameters.push(("silent", "1"));
    }
    let page = page::begin_login(&Visit::login_path(scene.config, &parameters), visit.framing(scene));
    visit.reply(page.with_cookies(visit.parting_cookies.clone()), choice.occasion.reason(), scene)
}
