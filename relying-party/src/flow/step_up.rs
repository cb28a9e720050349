//! A session whose owner did not authenticate recently or strongly enough for a rule: once more, at the same provider, which is
//! told what is wanted (RFC 9470, OIDC Core 1.0 §3.1.2.1). `max_age` says all there is to say, so there is no `prompt=login`.
//!
//! The session stays until another one takes its place. What comes back is checked in the callback, where a provider that did not
//! do as it was asked ends in a page, so that nobody goes round in circles.

use std::time::Duration;

use crate::denial::Denial;
use crate::http::navigation::Initiator;
use crate::policy::demand::AuthenticationDemand;

use super::login::Occasion;
use super::posted_form::{self, Lacking};
use super::visit::Visit;
use super::{Scene, Step, login};

/// How many values of `acr_values` the login endpoint takes, and how long each may be (bytes).
const MOST_VALUES: usize = 16;
const LONGEST_VALUE: usize = 256;

/// Asks for what the session lacks. A form is kept over the way there and back, where the rule says so.
pub(super) fn begin(
    visit: Visit,
    provider: String,
    (demand, preserve_form): (AuthenticationDemand, bool),
    scene: &mut Scene<'_>,
) -> Step {
    match visit.initiator() {
        Initiator::Navigation => {
            let target = visit.target(scene.config);
            let occasion = Occasion::StepUpRequired;
            let choice = login::Choice { provider: Some(provider), demand, occasion, ..login::Choice::default() };
            login::begin(visit, target, choice, scene)
        }
        Initiator::Form if preserve_form => posted_form::keep(visit, Lacking::Authentication(provider), demand, scene),
        Initiator::Form | Initiator::Program => refuse(visit, &provider, demand, scene),
    }
}

/// Says what the session lacks.
pub(super) fn refuse(visit: Visit, provider: &str, demand: AuthenticationDemand, scene: &mut Scene<'_>) -> Step {
    let target = visit.target(scene.config);
    let denial = Denial::StepUpRequired(demand.clone());
    visit.refuse_demanding(denial, (Some(provider), &demand), &target, scene)
}

/// The demand as parameters of the login endpoint.
pub(super) fn parameters(demand: &AuthenticationDemand) -> Vec<(&'static str, String)> {
    let max_age = demand.max_age.map(|max_age| ("max_age", max_age.as_secs().to_string()));
    let acr_values = (!demand.acr_values.is_empty()).then(|| ("acr_values", demand.acr_values.join(" ")));
    max_age.into_iter().chain(acr_values).collect()
}

/// Takes a parameter of the login endpoint; what is malformed asks for nothing. Whoever writes the link can only make the
/// login harder.
pub(super) fn take_parameter(demand: &mut AuthenticationDemand, name: &str, value: &str) {
    let is_plain = |value: &&str| {
        (1..=LONGEST_VALUE).contains(&value.len())
            && value.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
    };
    match name {
        "max_age" => {
            let digits = value.bytes().all(|byte| byte.is_ascii_digit()).then(|| value.parse::<u32>().ok()).flatten();
            demand.max_age = digits.map(|seconds| Duration::from_secs(seconds.into()));
        }
        "acr_values" => {
            demand.acr_values = value.split(' ').filter(is_plain).take(MOST_VALUES).map(str::to_owned).collect();
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(parameters: &[(&str, &str)]) -> AuthenticationDemand {
        let mut demand = AuthenticationDemand::default();
        parameters.iter().for_each(|(name, value)| take_parameter(&mut demand, name, value));
        demand
    }

    #[test]
    fn a_demand_survives_the_login_endpoint() {
        let demand = AuthenticationDemand {
            max_age: Some(Duration::from_secs(900)),
            acr_values: vec!["urn:a".to_owned(), "urn:b".to_owned()],
        };
        let written = parameters(&demand);
        assert_eq!(written, [("max_age", "900".to_owned()), ("acr_values", "urn:a urn:b".to_owned())]);
        let written: Vec<_> = written.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(read(&written), demand);
        assert_eq!(parameters(&AuthenticationDemand::default()), []);
    }

    #[test]
    fn what_is_malformed_asks_for_nothing() {
        for value in ["", "-1", "+1", "1.5", "99999999999", "1s", " 1"] {
            assert_eq!(read(&[("max_age", value)]).max_age, None, "{value}");
        }
        assert_eq!(read(&[("acr_values", "  a\"b \u{e4} \n ")]), AuthenticationDemand::default());
        assert_eq!(read(&[("acr_values", &"a ".repeat(100))]).acr_values.len(), MOST_VALUES);
    }
}
