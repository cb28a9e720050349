//! Who is admitted: of everybody whom the provider knows, those whom oauth2-proxy admitted, or fewer.

use super::Carrying;
use crate::init::draft::{Line, texts};
use crate::init::fresh::literal;
use crate::migrate::{DENY, NOTHING, selected};

/// Restrictions by what only an interface of the provider tells.
const RESTRICTIONS_BY_INTERFACE: [&str; 9] = [
    "google_groups",
    "gitlab_groups",
    "gitlab_projects",
    "github_org",
    "github_team",
    "github_repo",
    "github_users",
    "bitbucket_team",
    "bitbucket_repository",
];

/// Lists that restrict who is admitted.
const LISTS: [&str; 5] =
    ["email_domains", "allowed_groups", "keycloak_groups", "allowed_roles", "entra_id_allowed_tenants"];

impl Carrying<'_> {
    /// The rules, the special ones first.
    pub(super) fn rules(&mut self, provider: &str) -> Vec<Vec<Line>> {
        let mut rules = self.without_sign_in();
        let refusal = self.refusal();
        let bearer = self.is_true("skip_jwt_bearer_tokens", false);
        let mut rule = vec![Line::member("authentication", if bearer { "any" } else { "session" })];
        if let Some(values) = self.text("acr_values") {
            rule.push(Line::member("acr_values", texts(values.split_whitespace())));
        }
        match refusal {
            Some(why) => {
                self.warnings.push(format!("nobody is admitted until you say who: {why}"));
                rule.push(Line::explained("require", DENY, format!("nobody, until you say who: {why}")));
            }
            None => {
                let conditions = self.conditions(provider, bearer);
                rule.push(Line::member("require", conditions.join(" && ").as_str()));
            }
        }
        rules.push(rule);
        rules
    }

    /// Why nobody can be admitted: something restricted people that cannot be carried over.
    fn refusal(&mut self) -> Option<String> {
        let set = |options: &[&'static str]| options.iter().copied().find(|option| self.is_set(option));
        if let Some(option) = LISTS.into_iter().find(|option| self.is_set(option) && !self.is_list_of_texts(option)) {
            self.change(option, format!("{NOTHING}: it is no list of texts"));
            return Some(format!("`{option}` is no list of texts"));
        }
        if let Some(option) = set(&RESTRICTIONS_BY_INTERFACE) {
            return Some(format!("`{option}` restricted them, which no claim tells"));
        }
        if self.tenants_are_lost {
            return Some("`entra_id_allowed_tenants` does not name the issuer's tenant".to_owned());
        }
        let domains = self.list("email_domains");
        if domains.iter().any(|domain| domain == "*" || is_domain(domain)) {
            return None;
        }
        if domains.is_empty() {
            return Some(match set(&["authenticated_emails_file", "htpasswd_file"]) {
                Some(option) => format!("`{option}` listed them"),
                None => {
                    self.change("email_domains", "nobody was admitted without it, and nobody is");
                    "there is no `email_domains`".to_owned()
                }
            });
        }
        Some("no address ends in any of `email_domains`".to_owned())
    }

    /// Who of those that the provider knows is admitted.
    fn conditions(&mut self, provider: &str, bearer: bool) -> Vec<String> {
        let mut conditions = Vec::new();
        let claim = self.text("oidc_email_claim").unwrap_or("email");
        let is_verifiable = claim == "email" && !self.is_true("insecure_oidc_allow_unverified_email", false);
        let email = selected(claim);
        let domains = self.list("email_domains");
        if domains.iter().any(|domain| domain == "*") {
            // Who had no address was refused at the sign-in; of a token none was asked.
            conditions.push(if bearer {
                format!("(credential == \"bearer\" || {email} != \"\")")
            } else {
                format!("{email} != \"\"")
            });
        } else {
            for domain in domains.iter().filter(|domain| !is_domain(domain)) {
                self.change("email_domains", format!("NOT CARRIED OVER: no address ends in {domain}"));
            }
            conditions
                .push(any_of(domains.iter().filter(|domain| is_domain(domain)).map(|domain| ends_in(&email, domain))));
            // An address with two of them may belong to the first domain (oauth2-proxy 7.15.2 refuses it).
            conditions.push(format!("size({email}.split(\"@\")) == 2"));
        }
        if is_verifiable {
            conditions.push("(!has(claims.email_verified) || claims.email_verified == true)".to_owned());
        }
        conditions.extend(self.groups_and_roles(provider));
        conditions
    }

    /// oauth2-proxy puts groups and roles into one set: one of either is enough.
    fn groups_and_roles(&mut self, provider: &str) -> Option<String> {
        let claim = selected(self.text("oidc_groups_claim").unwrap_or("groups"));
        let of_group = |group: &String| format!("{} in {claim}", literal(group));
        let mut any: Vec<String> = self.list("allowed_groups").iter().map(of_group).collect();
        let roles = self.list("allowed_roles");
        if !roles.is_empty() {
            self.change(
                "allowed_roles",
                "are looked for in the ID token (oauth2-proxy: in the access token): let the provider add them to it",
            );
        }
        let of_role = |role: &String| match role.split_once(':').filter(|_| provider == "keycloak-oidc") {
            Some((client, role)) => format!("{} in claims.resource_access[{}].roles", literal(role), literal(client)),
            None => format!("{} in claims.realm_access.roles", literal(role)),
        };
        any.extend(roles.iter().map(of_role));
        let of_keycloak = self.list("keycloak_groups");
        // An option of another provider, which added nobody.
        if any.is_empty() {
            any.extend(of_keycloak.iter().map(of_group));
        } else if !of_keycloak.is_empty() {
            self.change("keycloak_groups", "NOT CARRIED OVER: allowed_groups and allowed_roles say who is admitted");
        }
        (!any.is_empty()).then(|| any_of(any))
    }
}

/// What an address can end in: a domain, or all below one.
fn is_domain(domain: &str) -> bool {
    let domain = domain.strip_prefix("*.").or_else(|| domain.strip_prefix('.')).unwrap_or(domain);
    !domain.is_empty() && !domain.contains(['@', '*']) && !domain.contains(char::is_whitespace)
}

/// `example.org` is the domain itself; `.example.org` and `*.example.org` are those below it, and not itself. All in lower case.
fn ends_in(email: &str, domain: &str) -> String {
    let domain = domain.to_lowercase();
    let end = match domain.strip_prefix('*').unwrap_or(&domain) {
        below if below.starts_with('.') => below.to_owned(),
        domain => format!("@{domain}"),
    };
    format!("{email}.lowerAscii().endsWith({})", literal(&end))
}

/// One of these conditions.
fn any_of(conditions: impl IntoIterator<Item = String>) -> String {
    let conditions: Vec<String> = conditions.into_iter().collect();
    let any = conditions.join(" || ");
    if conditions.len() > 1 { format!("({any})") } else { any }
}
