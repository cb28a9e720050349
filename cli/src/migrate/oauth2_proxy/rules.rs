//! Who is admitted, and where nobody has to sign in.

use latchkey_explain::document::Tree;

use super::{Carrying, selected};
use crate::init::draft::{Line, texts};
use crate::init::fresh::literal;
use crate::yaml;

impl Carrying<'_> {
    /// The rules, the special ones first.
    pub(super) fn rules(&mut self, provider: &str) -> Vec<Vec<Line>> {
        let mut rules = Vec::new();
        if self.is_true("skip_auth_preflight", false) {
            let methods = Tree::Mapping(vec![("methods".to_owned(), texts(["OPTIONS"]))]);
            rules.push(vec![Line::member("match", methods), Line::member("authentication", "none")]);
        }
        for (option, routes) in
            [("skip_auth_regex", self.list("skip_auth_regex")), ("skip_auth_routes", self.list("skip_auth_routes"))]
        {
            for route in routes {
                rules.extend(self.route_without_sign_in(option, &route));
            }
        }
        let conditions = self.conditions(provider);
        let bearer = self.is_true("skip_jwt_bearer_tokens", false);
        let acr_values =
            self.text("acr_values").map(|values| values.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        if !conditions.is_empty() || bearer || acr_values.is_some() {
            let mut rule = vec![Line::member("authentication", if bearer { "any" } else { "session" })];
            if let Some(values) = acr_values {
                rule.push(Line::member("acr_values", texts(values.iter().map(String::as_str))));
            }
            if !conditions.is_empty() {
                rule.push(Line::member("require", conditions.join(" && ").as_str()));
            }
            rules.push(rule);
        }
        rules
    }

    /// `METHOD=regex`, `METHOD!=regex`, `!=regex` or `regex`; oauth2-proxy finds it anywhere in the path.
    fn route_without_sign_in(&mut self, option: &str, route: &str) -> Option<Vec<Line>> {
        let (method, regex) = match route.split_once('=').filter(|(front, _)| {
            option == "skip_auth_routes" && front.trim_end_matches('!').bytes().all(|byte| byte.is_ascii_uppercase())
        }) {
            Some((front, _)) if front.ends_with('!') => {
                self.change(
                    option,
                    format!("not carried over: {}: say which paths are public, not which are not", yaml::scalar(route)),
                );
                return None;
            }
            Some((method, regex)) => (Some(method), regex),
            None => (None, route),
        };
        let body = regex.strip_prefix('^').unwrap_or(regex);
        let start = if regex.starts_with('^') { "" } else { "/.*" };
        let (body, end) = match body.strip_suffix('$').filter(|body| !body.ends_with('\\')) {
            Some(body) => (body, ""),
            None => (body, ".*"),
        };
        let body = if start.is_empty() { body } else { body.strip_prefix('/').unwrap_or(body) };
        let is_literal =
            body.starts_with('/') && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-_".contains(&byte));
        let (key, value) = if is_literal && start.is_empty() && end.is_empty() {
            ("path", body.to_owned())
        } else {
            ("path_regex", format!("{start}{body}{end}"))
        };
        if key == "path_regex" && !(start.is_empty() && end.is_empty()) {
            self.change(
                option,
                format!(
                    "{} matched anywhere; here it is {}: is that meant?",
                    yaml::scalar(regex),
                    yaml::scalar(&value)
                ),
            );
        }
        let mut members = vec![(key.to_owned(), value.as_str().into())];
        members
            .extend(method.filter(|method| !method.is_empty()).map(|method| ("methods".to_owned(), texts([method]))));
        Some(vec![Line::member("match", Tree::Mapping(members)), Line::member("authentication", "none")])
    }

    /// Who of those that the provider knows is admitted.
    fn conditions(&mut self, provider: &str) -> Vec<String> {
        let mut conditions = Vec::new();
        let email = selected(self.text("oidc_email_claim").unwrap_or("email"));
        let domains: Vec<String> = self.list("email_domains").into_iter().filter(|domain| domain != "*").collect();
        if !domains.is_empty() {
            let ends = |domain: &String| {
                format!("{email}.endsWith({})", literal(&format!("@{}", domain.trim_start_matches(['@', '.', '*']))))
            };
            let any = domains.iter().map(ends).collect::<Vec<_>>().join(" || ");
            conditions.push(if domains.len() > 1 { format!("({any})") } else { any });
            if !self.is_true("insecure_oidc_allow_unverified_email", false) {
                conditions.push("(!has(claims.email_verified) || claims.email_verified == true)".to_owned());
            }
        }
        let groups: Vec<String> = self.list("allowed_groups").into_iter().chain(self.list("keycloak_groups")).collect();
        if !groups.is_empty() {
            let claim = selected(self.text("oidc_groups_claim").unwrap_or("groups"));
            conditions.push(one_of(&claim, &groups));
        }
        let roles = self.list("allowed_roles");
        if !roles.is_empty() {
            let of = |role: &String| match role.split_once(':').filter(|_| provider == "keycloak-oidc") {
                Some((client, role)) => {
                    format!("{} in claims.resource_access[{}].roles", literal(role), literal(client))
                }
                None => format!("{} in claims.realm_access.roles", literal(role)),
            };
            let any = roles.iter().map(of).collect::<Vec<_>>().join(" || ");
            conditions.push(if roles.len() > 1 { format!("({any})") } else { any });
        }
        conditions
    }
}

fn one_of(list: &str, wanted: &[String]) -> String {
    let any = wanted.iter().map(|wanted| format!("{} in {list}", literal(wanted))).collect::<Vec<_>>().join(" || ");
    if wanted.len() > 1 { format!("({any})") } else { any }
}
