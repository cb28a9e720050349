//! From Envoy's own filters: `oauth2`, which signs people in, and `jwt_authn`, which verifies tokens.

mod jwt_authn;
mod oauth2;
mod pattern;
mod requirement;
mod rules;

use latchkey_explain::document::Tree;

use super::{Given, Migration, MigrationError, NOTHING, change, provider_name, unreached};
use crate::init::draft::{Draft, Line, texts};
use crate::init::fresh::{intro, secret_variable, session};
use jwt_authn::Verified;
use rules::{SignIn, Surroundings};

const OAUTH2: &str = "envoy.extensions.filters.http.oauth2.v3.OAuth2";
const JWT: &str = "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication";
const JWT_OF_ROUTES: &str = "envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig";

/// The filters as a configuration of Latchkey.
pub fn migrate(file: &str, tree: &Tree, given: &Given<'_>) -> Result<Migration, MigrationError> {
    let signs_in = only(file, tree, OAUTH2, "oauth2")?.and_then(|filter| filter.member("config"));
    let verifies = only(file, tree, JWT, "jwt_authn")?;
    if signs_in.is_none() && verifies.is_none() {
        return Err(MigrationError::NoFilter { name: file.to_owned() });
    }
    let mut changes = Vec::new();
    let mut warnings = Vec::new();
    let of_routes = typed(tree, JWT_OF_ROUTES);
    if of_routes.iter().any(|config| field(config, "requirement_name").is_some()) {
        return Err(MigrationError::RequirementsOfRoutes { name: file.to_owned() });
    }
    if !of_routes.is_empty() {
        changes.push(change(
            "typed_per_filter_config",
            format!("{NOTHING}: routes without jwt_authn: here the rules hold for them, too"),
        ));
    }
    let mut draft = Draft { intro: intro(&format!("what Envoy's own filters in {file} did")), ..Draft::default() };
    let jwt = verifies
        .map(|filter| {
            jwt_authn::read(filter, signs_in.map(|config| oauth2::cluster(config).unwrap_or_default()), &mut changes)
        })
        .unwrap_or_default();
    let verified_rules = verifies.map(rules::read).unwrap_or_default();
    let mut secrets = Vec::new();
    let mut issuer = None;
    let mut name = String::new();
    let mut passed = Vec::new();
    if let Some(config) = signs_in {
        let of_sessions = given.issuer.map(str::to_owned).or_else(|| jwt.issuer_of_sessions.clone());
        let of_sessions = of_sessions.ok_or_else(|| MigrationError::NoIssuer { name: file.to_owned() })?;
        if oauth2::client_id(config).is_none() {
            return Err(MigrationError::NoClient { name: file.to_owned() });
        }
        name = given.name.map_or_else(|| provider_name(oauth2::cluster(config).unwrap_or("idp")), str::to_owned);
        let secret = secret_variable(&name);
        draft.providers.push(oauth2::provider(config, &of_sessions, &name, &secret, &mut changes));
        oauth2::addresses(config, given, &mut draft, &mut changes);
        draft.session = session(given.session_key.clone());
        passed = oauth2::passed(config, &mut changes);
        for pattern in &passed {
            draft.rules.extend(oauth2::pass(pattern, &verified_rules, &mut changes));
        }
        if boolean(config, "forward_bearer_token") {
            draft.headers.push(Line::member("authorization", "\"Bearer \" + access_token"));
            changes
                .push(change("forward_bearer_token", "headers.authorization: the access token, and no cookie with it"));
        }
        oauth2::say_the_rest(config, &mut changes);
        changes.push(change("cookies of oauth2", "one sealed cookie; everybody signs in once more"));
        issuer = Some(of_sessions);
        secrets.push(secret);
    } else if let Some(url) = given.public_url {
        draft.top.push(Line::member("public_url", url));
    }
    let Verified { providers, known, headers, .. } = jwt;
    draft.providers.extend(providers);
    if draft.providers.is_empty() {
        return Err(MigrationError::NoProvider { name: file.to_owned(), lost: changes });
    }
    let around = Surroundings {
        known: &known,
        oauth2: signs_in.map(|config| SignIn {
            provider: &name,
            client_id: oauth2::client_id(config).unwrap_or_default(),
            passed: &passed,
            passes_tokens: oauth2::passes_tokens(config),
        }),
    };
    // A preflight request has no credentials, and whoever likes can send one: its headers need no looking at.
    if verifies.is_some_and(|filter| boolean(filter, "bypass_cors_preflight")) && signs_in.is_none() {
        let preflight = Tree::Mapping(vec![("methods".to_owned(), texts(["OPTIONS"]))]);
        draft.rules.insert(0, vec![Line::member("match", preflight), Line::member("authentication", "none")]);
    }
    for rule in &verified_rules {
        draft.rules.extend(rules::carry_over(rule, &around, &mut changes, &mut warnings));
    }
    unreached::drop_rules(&mut draft, &mut changes);
    for header in headers {
        let is_known =
            |line: &Line| matches!((line, &header), (Line::Member(known, ..), Line::Member(name, ..)) if known == name);
        if !draft.headers.iter().any(is_known) {
            draft.headers.push(header);
        }
    }
    Ok(Migration { draft, issuer, tenants: Vec::new(), changes, warnings, secrets })
}

/// The filter of this type. Several that differ may be of several chains, of which each admits others.
fn only<'t>(file: &str, tree: &'t Tree, kind: &str, filter: &'static str) -> Result<Option<&'t Tree>, MigrationError> {
    let all = typed(tree, kind);
    let first = all.first().copied();
    if all.iter().any(|other| Some(*other) != first) {
        return Err(MigrationError::SeveralFilters { name: file.to_owned(), filter });
    }
    Ok(first)
}

/// Every `typed_config` of this type, wherever it stands.
fn typed<'t>(tree: &'t Tree, kind: &str) -> Vec<&'t Tree> {
    if tree.member("@type").and_then(Tree::text).is_some_and(|text| text.ends_with(kind)) {
        return vec![tree];
    }
    let members = tree.members().iter().map(|(_, value)| value);
    members.chain(tree.items()).flat_map(|inner| typed(inner, kind)).collect()
}

/// What to say of a cluster.
fn as_before(was_named: bool) -> &'static str {
    if was_named { "as before" } else { "the Envoy cluster that leads to the provider; `render` writes it" }
}

/// A member, in the spelling of the prototype or of JSON.
pub fn field<'t>(tree: &'t Tree, name: &str) -> Option<&'t Tree> {
    tree.member(name).or_else(|| {
        let mut words = name.split('_');
        let first = words.next().unwrap_or_default().to_owned();
        let capital =
            |word: &str| word.get(..1).unwrap_or_default().to_ascii_uppercase() + word.get(1..).unwrap_or_default();
        tree.member(&words.fold(first, |name, word| name + &capital(word)))
    })
}

/// The text of a member.
pub fn text<'t>(tree: &'t Tree, name: &str) -> Option<&'t str> {
    field(tree, name).and_then(Tree::text).filter(|text| !text.is_empty())
}

/// Whether a member is true, also in a wrapper.
pub fn boolean(tree: &Tree, name: &str) -> bool {
    field(tree, name) == Some(&Tree::Boolean(true))
}

fn list<'t>(tree: &'t Tree, name: &str) -> Vec<&'t str> {
    field(tree, name).map(Tree::items).unwrap_or_default().iter().filter_map(Tree::text).collect()
}

/// Whether two spellings are of one field.
pub fn same(known: &str, name: &str) -> bool {
    known
        .bytes()
        .filter(|byte| *byte != b'_')
        .map(|byte| byte.to_ascii_lowercase())
        .eq(name.bytes().filter(|byte| *byte != b'_').map(|byte| byte.to_ascii_lowercase()))
}
