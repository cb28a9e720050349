//! Which of several providers somebody signs in at: by name, by the rule, by the domain of the e-mail address, or by choice.

use crate::config::{Client, Config};
use crate::http::Response;
use crate::login::return_to::ReturnTarget;
use crate::page::{self, EmailForm, SignIn};

use super::login::Choice;
use super::visit::Visit;
use super::{Scene, step_up};

/// The one of `candidates` to which the domain of a `login_hint` belongs.
pub(super) fn by_login_hint(candidates: &[usize], hint: &str, scene: &Scene<'_>) -> Option<usize> {
    let domain = domain(hint)?;
    candidates.iter().copied().find(|index| domains(*index, scene).iter().any(|own| own.eq_ignore_ascii_case(domain)))
}

/// The part behind the `@`. Of an address with several nobody can say which domain it is in: `a@evil.example@corp.example` is
/// `a@evil.example` to one reader and somebody of `corp.example` to the next.
fn domain(address: &str) -> Option<&str> {
    let (local, domain) = address.split_once('@')?;
    (!local.is_empty() && !domain.is_empty() && !domain.contains('@')).then_some(domain)
}

fn domains<'a>(provider: usize, scene: &Scene<'a>) -> &'a [String] {
    let client: Option<&Client> = scene.providers.get(provider).and_then(|slot| slot.config.client.as_ref());
    client.map_or(&[], |client| &client.login_hint_domains)
}

/// The page on which a person chooses.
pub(super) fn offer(
    visit: &Visit,
    candidates: &[usize],
    target: &ReturnTarget,
    choice: &Choice,
    scene: &Scene<'_>,
) -> Response {
    let demanded = step_up::parameters(&choice.demand);
    let kept: Vec<_> =
        target.parameters().chain(demanded.iter().map(|(name, value)| (*name, value.as_str()))).collect();
    let choices: Vec<_> = candidates
        .iter()
        .filter_map(|index| scene.providers.get(*index))
        .map(|slot| {
            let mut parameters = vec![("provider", slot.config.name.as_str())];
            parameters.extend(kept.iter().copied());
            parameters.extend(choice.login_hint.as_deref().map(|hint| ("login_hint", hint)));
            (slot.config.display_name.as_str(), Visit::login_path(scene.config, &parameters))
        })
        .collect();
    let config: &Config = scene.config;
    let action = Visit::login_path(config, &[]);
    let knows_domains = candidates.iter().any(|index| !domains(*index, scene).is_empty());
    page::sign_in(&SignIn {
        providers: &choices.iter().map(|(name, href)| (*name, href.as_str())).collect::<Vec<_>>(),
        email: knows_domains.then_some(EmailForm {
            action: &action,
            kept: &kept,
            is_unknown: choice.login_hint.is_some(),
        }),
        framing: visit.framing(scene),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_with_one_at_sign_has_a_domain() {
        assert_eq!(domain("ada@example.org"), Some("example.org"));
        for address in ["", "ada", "@example.org", "ada@", "a@evil@corp.com", "a@@corp.com", "@a@corp.com"] {
            assert_eq!(domain(address), None, "{address}");
        }
    }
}
