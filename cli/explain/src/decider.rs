//! What decides over a request: a rule, or what stands in for one.

use relying_party::config::Config;
use relying_party::http::RequestHead;
use relying_party::policy::path::RequestPath;
use relying_party::policy::rules::{self, Rule, Selection};

/// What decides over a request.
#[derive(Default)]
pub struct Decider {
    /// The rule's name.
    pub rule: Option<String>,
    /// What decides when no rule does.
    pub instead_of_rule: Option<&'static str>,
    /// Which of the rules it is.
    pub index: Option<usize>,
    /// Whether it looks for a session.
    pub takes_sessions: bool,
    /// Whether the application is told who is there.
    pub tells_who: bool,
    /// Whether the filter answers by itself.
    pub is_endpoint: bool,
    /// Whom an access token must be for, when the rule itself says it.
    pub audience: Option<String>,
    /// Whose identities the rule admits; `None`: all.
    providers: Option<Vec<String>>,
}

impl Decider {
    /// Selects as the filter does.
    pub fn of(config: &Config, head: &RequestHead) -> Self {
        let Some(Ok(path)) = head.path_and_query().map(RequestPath::parse) else {
            return Self::instead("no rule: the path is refused");
        };
        match rules::select(&config.rules, &config.own_paths(), head.method(), head.authority(), &path) {
            Selection::Rule(index, rule) => Self::rule(index, rule),
            Selection::Default => {
                Self { takes_sessions: true, tells_who: true, ..Self::instead("no rule matches: a session is needed") }
            }
            Selection::Endpoint => {
                Self { takes_sessions: true, is_endpoint: true, ..Self::instead("an endpoint of the filter") }
            }
            Selection::ResourceMetadata => {
                Self { is_endpoint: true, ..Self::instead("the filter's resource metadata") }
            }
            Selection::Ambiguous => Self::instead("no rule: the path can be read in two ways"),
        }
    }

    fn rule(index: usize, rule: &Rule) -> Self {
        let token = rule.authentication.token_demand();
        Self {
            rule: Some(rule.name.clone()),
            index: Some(index),
            takes_sessions: rule.authentication.takes_sessions(),
            tells_who: rule.authentication.demand().is_some(),
            audience: token.and_then(|demand| demand.audience.as_ref()?.first().cloned()),
            providers: rule.authentication.demand().and_then(|demand| demand.providers.clone()),
            ..Self::default()
        }
    }

    fn instead(of_a_rule: &'static str) -> Self {
        Self { instead_of_rule: Some(of_a_rule), ..Self::default() }
    }

    /// The providers to choose from when somebody has to sign in.
    pub fn sign_in_choice(&self, config: &Config) -> Vec<String> {
        let clients = config.providers.iter().filter(|provider| provider.client.is_some());
        let names = clients.map(|provider| provider.name.clone());
        names.filter(|name| self.providers.as_ref().is_none_or(|admitted| admitted.contains(name))).collect()
    }
}
