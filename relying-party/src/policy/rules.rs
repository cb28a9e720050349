//! The rules, and which of them decides over a request.

use super::demand::Demand;
use super::matcher::{Matcher, host_of};
use super::path::{RequestPath, is_at_or_below};

/// One rule: what it matches and what a request needs then.
#[derive(Debug)]
pub struct Rule {
    /// For the log; defaults to `rules[N]`.
    pub name: String,
    /// Which requests.
    pub matcher: Matcher,
    /// What they need.
    pub authentication: Authentication,
}

/// What a request needs to be admitted.
#[derive(Debug)]
pub enum Authentication {
    /// A live session.
    Session(Demand),
    /// An access token (RFC 6750).
    Bearer(Demand),
    /// Either; an access token goes before a session.
    Any(Demand),
    /// Nothing; the identity of an access token or a live session is passed on, and must then meet the demand.
    Optional(Demand),
    /// Nothing; no identity is passed on.
    Public,
}

impl Authentication {
    /// What an identity must be.
    pub const fn demand(&self) -> Option<&Demand> {
        match self {
            Self::Session(demand) | Self::Bearer(demand) | Self::Any(demand) | Self::Optional(demand) => Some(demand),
            Self::Public => None,
        }
    }

    /// What an access token must be; `None` where none is looked at.
    pub const fn token_demand(&self) -> Option<&Demand> {
        match self {
            Self::Bearer(demand) | Self::Any(demand) | Self::Optional(demand) => Some(demand),
            Self::Session(_) | Self::Public => None,
        }
    }

    /// Whether access tokens are looked at.
    pub const fn takes_tokens(&self) -> bool {
        matches!(self, Self::Bearer(_) | Self::Any(_) | Self::Optional(_))
    }

    /// Whether sessions are looked at.
    pub const fn takes_sessions(&self) -> bool {
        matches!(self, Self::Session(_) | Self::Any(_) | Self::Optional(_))
    }
}

/// Where a protected resource describes itself (RFC 9728 §3).
pub const RESOURCE_METADATA: &str = "/.well-known/oauth-protected-resource";

/// The paths that are answered here, whatever the rules.
#[derive(Clone, Copy, Debug)]
pub struct OwnPaths<'a> {
    /// Where the filter's own endpoints are.
    pub base_path: &'a str,
    /// Whether there are documents at and below [`RESOURCE_METADATA`].
    pub resource_metadata: bool,
}

/// What a request's path leads to.
#[derive(Clone, Copy, Debug)]
pub enum Selection<'a> {
    /// One of the filter's own endpoints, or an unknown path below `base_path`.
    Endpoint,
    /// A document about a protected resource.
    ResourceMetadata,
    /// The first rule that matches, and its place in the configuration.
    Rule(usize, &'a Rule),
    /// No rule: a session is needed.
    Default,
    /// The readings of the path lead to different places, or a rule that admits more than a session would is reached by an
    /// ambiguous path. The answer is 400.
    Ambiguous,
}

/// Selects what decides over a request. All readings of the path must agree.
pub fn select<'a>(
    rules: &'a [Rule],
    own_paths: &OwnPaths<'_>,
    method: &str,
    authority: &str,
    path: &RequestPath,
) -> Selection<'a> {
    let host = host_of(authority);
    let target = |reading: &str| target(rules, own_paths, method, &host, reading);
    let selected = target(path.literal());
    if path.has_one_reading() && !path.is_ambiguous() {
        return selected.into();
    }
    let agreed = path.other_readings().all(|reading| target(reading).same_as(&selected));
    if agreed && !path.is_contradictory() && selected.tolerates(path) { selected.into() } else { Selection::Ambiguous }
}

enum Target<'a> {
    Endpoint,
    ResourceMetadata,
    Rule(usize, &'a Rule),
    Default,
}

fn target<'a>(rules: &'a [Rule], own_paths: &OwnPaths<'_>, method: &str, host: &str, reading: &str) -> Target<'a> {
    if is_at_or_below(reading, own_paths.base_path) {
        return Target::Endpoint;
    }
    if own_paths.resource_metadata && is_at_or_below(reading, RESOURCE_METADATA) {
        return Target::ResourceMetadata;
    }
    rules
        .iter()
        .enumerate()
        .find(|(_, rule)| rule.matcher.matches(method, host, reading))
        .map_or(Target::Default, |(index, rule)| Target::Rule(index, rule))
}

impl Target<'_> {
    fn same_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Endpoint, Self::Endpoint)
            | (Self::ResourceMetadata, Self::ResourceMetadata)
            | (Self::Default, Self::Default) => true,
            (Self::Rule(index, _), Self::Rule(other, _)) => index == other,
            _ => false,
        }
    }

    /// Whether this may be reached by a path that not everybody reads alike.
    fn tolerates(&self, path: &RequestPath) -> bool {
        match self {
            Self::Default => true,
            Self::Endpoint | Self::ResourceMetadata => !path.is_ambiguous(),
            Self::Rule(_, rule) => match &rule.authentication {
                Authentication::Session(demand) => demand.require.as_ref().is_none_or(|expression| {
                    let references = expression.references();
                    !(references.request_path || path.is_ambiguous() && references.request)
                }),
                // The expression sees one reading; the backend may see another.
                Authentication::Bearer(demand) | Authentication::Any(demand) | Authentication::Optional(demand) => {
                    !path.is_ambiguous()
                        && demand.require.as_ref().is_none_or(|expression| !expression.references().request_path)
                }
                Authentication::Public => !path.is_ambiguous(),
            },
        }
    }
}

impl<'a> From<Target<'a>> for Selection<'a> {
    fn from(target: Target<'a>) -> Self {
        match target {
            Target::Endpoint => Self::Endpoint,
            Target::ResourceMetadata => Self::ResourceMetadata,
            Target::Rule(index, rule) => Self::Rule(index, rule),
            Target::Default => Self::Default,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::policy::expression::Expression;
    use crate::policy::matcher::{Matcher, MatcherSpec};
    use crate::policy::path::tests::special_path;

    fn rule(name: &str, spec: MatcherSpec, authentication: Authentication) -> Rule {
        Rule { name: name.to_owned(), matcher: Matcher::compile(spec).unwrap(), authentication }
    }

    fn session(require: &str) -> Authentication {
        Authentication::Session(Demand { require: Some(Expression::compile(require).unwrap()), ..Demand::default() })
    }

    fn below(prefix: &str) -> MatcherSpec {
        MatcherSpec { path_prefix: Some(prefix.to_owned()), ..MatcherSpec::default() }
    }

    fn rules() -> Vec<Rule> {
        let exact = MatcherSpec { path: Some("/admin".to_owned()), ..MatcherSpec::default() };
        let api = MatcherSpec {
            host: Some("api.example.org".to_owned()),
            methods: Some(vec!["GET".to_owned()]),
            ..below("/v1")
        };
        vec![
            rule("public", below("/public"), Authentication::Public),
            rule("optional", below("/shop"), Authentication::Optional(Demand::default())),
            rule("admin", exact, session(r#""admin" in claims.groups"#)),
            rule("by path", below("/by-path"), session(r#"request.path.startsWith("/by-path/a")"#)),
            rule("by method", below("/by-method"), session(r#"request.method == "GET""#)),
            rule("plain", below("/plain"), Authentication::Session(Demand::default())),
            rule("api", api, Authentication::Public),
        ]
    }

    const OWN_PATHS: OwnPaths<'_> = OwnPaths { base_path: "/oauth2", resource_metadata: true };

    fn select_name(rules: &[Rule], method: &str, authority: &str, path: &str) -> String {
        let Ok(path) = RequestPath::parse(path) else { return "400".to_owned() };
        match select(rules, &OWN_PATHS, method, authority, &path) {
            Selection::Endpoint => "endpoint".to_owned(),
            Selection::ResourceMetadata => "metadata".to_owned(),
            Selection::Rule(index, rule) => {
                assert_eq!(rules[index].name, rule.name);
                rule.name.clone()
            }
            Selection::Default => "default".to_owned(),
            Selection::Ambiguous => "ambiguous".to_owned(),
        }
    }

    #[test]
    fn no_spelling_of_a_path_reaches_a_rule_that_another_reading_would_not() {
        let rules = rules();
        for (path, expected) in [
            ("/", "default"),
            ("/public/x", "public"),
            ("/publicx", "default"),
            ("/admin", "admin"),
            ("/oauth2", "endpoint"),
            ("/oauth2/callback?code=1", "endpoint"),
            ("/oauth2x", "default"),
            ("/.well-known/oauth-protected-resource", "metadata"),
            ("/.well-known/oauth-protected-resource/public?x=1", "metadata"),
            ("/.well-known/oauth-protected-resources", "default"),
            ("/.well-known/oauth-protected-resource/../public", "ambiguous"),
            ("/public/..;/.well-known/oauth-protected-resource", "ambiguous"),
            ("/.well-known/oauth-protected-resource%2fa", "ambiguous"),
            ("/public/caf%C3%A9", "public"),
            ("/public/%61;v=1", "public"),
            // Attacks.
            ("/public/../admin", "ambiguous"),
            ("/public/%2e%2e/admin", "ambiguous"),
            ("/public%2f..%2fadmin", "ambiguous"),
            ("/public;/../admin", "ambiguous"),
            ("/public/..;/admin", "ambiguous"),
            ("/public/..%00/admin", "ambiguous"),
            ("/public/%252e%252e/admin", "ambiguous"),
            ("//admin", "ambiguous"),
            ("/\\admin", "ambiguous"),
            ("/%61dmin", "ambiguous"),
            ("/admin;x=1", "ambiguous"),
            ("/admin%00", "ambiguous"),
            ("/admin%3f", "ambiguous"),
            ("/admin%23/public", "ambiguous"),
            ("/admin%", "400"),
            ("/admin#/public", "400"),
            ("/x?/public", "default"),
            ("/private?x=/public", "default"),
            ("/private%3fx=/public", "default"),
            ("/oauth2/../public", "ambiguous"),
            ("/public/../oauth2/callback", "ambiguous"),
            ("/oauth2/./callback", "ambiguous"),
            ("/oauth2%2fcallback", "ambiguous"),
            ("/%6fauth2/callback", "ambiguous"),
            // A rule that admits more than a session would has no ambiguous path, even when all readings agree.
            ("/public/./x", "ambiguous"),
            ("/public//x", "ambiguous"),
            ("/public/a%2fb", "ambiguous"),
            ("/shop/a%5cb", "ambiguous"),
            // A session rule may have one, unless its expression looks at the request.
            ("/plain//x", "plain"),
            ("/plain/a%2fb", "plain"),
            ("/plain/a/../b", "plain"),
            ("/x/a%2fb", "default"),
            ("/plain/a%2fb/../c", "ambiguous"),
            ("/by-path/a", "by path"),
            ("/by-path/%61", "ambiguous"),
            ("/by-path/b%2Fa", "ambiguous"),
            ("/by-method/%61", "by method"),
            ("/by-method//a", "ambiguous"),
        ] {
            assert_eq!(select_name(&rules, "GET", "portal.example.org", path), expected, "{path}");
        }
    }

    #[test]
    fn host_and_method_select_too() {
        let rules = rules();
        for (method, authority, expected) in [
            ("GET", "api.example.org", "api"),
            ("GET", "API.example.org.:8443", "api"),
            ("POST", "api.example.org", "default"),
            ("GET", "api.example.org.evil.example", "default"),
            ("GET", "", "default"),
        ] {
            assert_eq!(select_name(&rules, method, authority, "/v1/x"), expected, "{method} {authority}");
        }
    }

    proptest! {
        #[test]
        fn every_reading_of_a_selected_path_selects_the_same(written in special_path()) {
            let rules = rules();
            let selected = select_name(&rules, "GET", "h", &written);
            prop_assume!(selected != "ambiguous" && selected != "400");
            let path = RequestPath::parse(&written).unwrap();
            for reading in path.other_readings().chain([path.literal()]) {
                let name = match target(&rules, &OWN_PATHS, "GET", "h", reading) {
                    Target::Endpoint => "endpoint",
                    Target::ResourceMetadata => "metadata",
                    Target::Rule(_, rule) => &rule.name,
                    Target::Default => "default",
                };
                prop_assert_eq!(name, &selected);
            }
            prop_assert!(!path.is_ambiguous() || !["endpoint", "public", "optional"].contains(&selected.as_str()));
        }
    }
}
