//! What a rule demands of an identity: `require`, `providers`, `audience`, `max_age`, `acr_values`, `exchange`.

use std::rc::Rc;
use std::time::Duration;

use super::cursor::{Cursor, Mapping};
use super::expressions::Expressions;
use super::json::Node;
use super::problem::quoted;
use super::provider::{Provider, may_be_called};
use super::{access_tokens, duration, exchange};
use crate::policy::demand::{AuthenticationDemand, Demand};
use crate::policy::rules::Authentication;
use crate::spelling::nearest;

/// The kinds of `authentication`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Session,
    Bearer,
    Any,
    Optional,
    None,
}

impl Kind {
    const fn takes_tokens(self) -> bool {
        matches!(self, Self::Bearer | Self::Any | Self::Optional)
    }

    const fn takes_sessions(self) -> bool {
        matches!(self, Self::Session | Self::Any | Self::Optional)
    }
}

/// Reads what a rule needs. `providers` are those of the document, if they could be read.
pub(super) fn read<'a>(
    rule: &Mapping<'a>,
    providers: Option<&[Rc<Provider>]>,
    expressions: &mut Expressions<'a>,
) -> Option<Authentication> {
    let kind = rule.optional("authentication", Kind::Session, |cursor| {
        let kinds = [
            ("session", Kind::Session),
            ("bearer", Kind::Bearer),
            ("any", Kind::Any),
            ("optional", Kind::Optional),
            ("none", Kind::None),
        ];
        cursor.choice(&kinds)
    });
    let kind = kind?;
    if kind == Kind::None {
        report_without_effect(rule);
        return Some(Authentication::Public);
    }
    let require =
        rule.optional("require", None, |cursor| expressions.read_condition(&cursor, kind.takes_sessions()).map(Some));
    let names = rule.optional("providers", None, |cursor| names(&cursor, providers).map(Some));
    let audience = audience(rule, kind);
    let authentication = authentication_demand(rule, kind);
    let exchange = exchange::read(rule, providers);
    let preserve_form = preserve_form(rule, kind);
    let demand = Demand {
        require: require?,
        providers: names?,
        audience: audience?,
        authentication: authentication?,
        exchange: exchange?,
        preserve_form: preserve_form?,
    };
    if let Some(providers) = providers {
        check_providers(rule, kind, &demand, providers);
    }
    Some(match kind {
        Kind::Session => Authentication::Session(demand),
        Kind::Bearer => Authentication::Bearer(demand),
        Kind::Any => Authentication::Any(demand),
        Kind::Optional => Authentication::Optional(demand),
        Kind::None => Authentication::Public,
    })
}

fn report_without_effect(rule: &Mapping<'_>) {
    for name in ["require", "providers", "audience", "max_age", "acr_values", "exchange", "preserve_form"] {
        if let Some(member) = rule.member(name) {
            let what = if name == "require" { "a condition without effect" } else { "a setting without effect" };
            member.refuse(what, format_args!("no `{name}` with `authentication: none`"));
        }
    }
}

/// Only where a session is the way in there is a login that a form could be kept over.
fn preserve_form(rule: &Mapping<'_>, kind: Kind) -> Option<bool> {
    let preserves = rule.optional("preserve_form", false, |cursor| cursor.boolean())?;
    let takes_posts = methods(rule).is_none_or(|methods| {
        methods.iter().any(|method| matches!(method, Node::String(name) if name.eq_ignore_ascii_case("POST")))
    });
    match (preserves, kind) {
        (true, Kind::Bearer | Kind::Any | Kind::Optional | Kind::None) => {
            rule.place("preserve_form").refuse("`true`", "a rule with `authentication: session`");
        }
        (true, Kind::Session) if !takes_posts => {
            rule.place("preserve_form").refuse("`true` in a rule without `POST`", "`POST` among its `methods`");
        }
        (true, Kind::Session) | (false, _) => {}
    }
    Some(preserves)
}

/// The `methods` that a rule names, right or wrong.
fn methods<'a>(rule: &Mapping<'a>) -> Option<&'a [Node]> {
    let Node::Mapping(members) = rule.member("match")?.node() else { return None };
    members.iter().find_map(|(name, value)| match value {
        Node::List(methods) if name == "methods" => Some(methods.as_slice()),
        _ => None,
    })
}

fn names(cursor: &Cursor<'_>, providers: Option<&[Rc<Provider>]>) -> Option<Vec<String>> {
    let names = cursor.texts("a list of providers' names")?;
    if names.is_empty() {
        cursor.refuse("an empty list", "at least one provider");
        return None;
    }
    let known = || providers.unwrap_or_default().iter().map(|provider| provider.name.as_str());
    let mut complete = true;
    for item in cursor.list("").unwrap_or_default() {
        let name = item.text("").unwrap_or_default();
        let may_be_known = |providers: &[Rc<Provider>]| providers.iter().any(|known| may_be_called(known, name));
        if providers.is_some_and(|providers| !may_be_known(providers)) {
            item.report(format!("found {}, expected the name of a provider", quoted(name)), nearest(name, known()));
            complete = false;
        }
    }
    complete.then(|| names.into_iter().map(str::to_owned).collect())
}

fn audience(rule: &Mapping<'_>, kind: Kind) -> Option<Option<Vec<String>>> {
    rule.optional("audience", None, |cursor| {
        if !kind.takes_tokens() {
            cursor.refuse("a setting without effect", "`audience` in rules that take bearer tokens only");
        }
        access_tokens::read_audience(&cursor).map(Some)
    })
}

fn authentication_demand(rule: &Mapping<'_>, kind: Kind) -> Option<AuthenticationDemand> {
    // A session is always older than the moment of the login.
    let shortest = if kind.takes_sessions() { Duration::from_secs(1) } else { Duration::ZERO };
    let max_age =
        rule.optional("max_age", None, |cursor| duration::read(&cursor, shortest..=duration::MAX_DURATION).map(Some));
    let acr_values = rule.optional("acr_values", Vec::new(), |cursor| acr_values(&cursor));
    Some(AuthenticationDemand { max_age: max_age?, acr_values: acr_values? })
}

/// Values without spaces: requests and challenges separate them by spaces (OIDC Core 1.0 §3.1.2.1, RFC 9470 §3).
fn acr_values(cursor: &Cursor<'_>) -> Option<Vec<String>> {
    const EXPECTED: &str = "a list of authentication context classes such as `[urn:example:mfa]`";
    let values = cursor.texts(EXPECTED)?;
    let plain = |value: &str| value.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\');
    if values.is_empty() || !values.iter().all(|value| plain(value)) {
        cursor.refuse("an empty list, or a value with spaces or quotes", EXPECTED);
        return None;
    }
    Some(values.into_iter().map(str::to_owned).collect())
}

/// Somebody must be able to meet the demand.
fn check_providers(rule: &Mapping<'_>, kind: Kind, demand: &Demand, providers: &[Rc<Provider>]) {
    let names = demand.providers.as_deref();
    let admits =
        |provider: &&Rc<Provider>| names.is_none_or(|names| names.iter().any(|name| may_be_called(provider, name)));
    let admitted = || providers.iter().filter(admits);
    let place = rule.place("authentication");
    if kind.takes_tokens() && kind != Kind::Optional && !admitted().any(|provider| provider.access_tokens.is_some()) {
        place.refuse("a rule that takes bearer tokens", "a provider with `audience`: without it none is accepted");
    }
    if kind.takes_sessions() && kind != Kind::Optional && !admitted().any(|provider| provider.client.is_some()) {
        place.refuse("a rule that takes sessions", "a provider with `client_id`: without it nobody can sign in");
    }
    let introspects =
        |provider: &&Rc<Provider>| provider.access_tokens.as_ref().is_some_and(|policy| policy.format.introspects());
    if kind.takes_tokens() && admitted().filter(introspects).count() > 1 {
        rule.place("providers").refuse(
            "several providers with `access_token: opaque` or `any`",
            "one of them in a rule: an opaque token does not say whose it is, and must not be shown to others",
        );
    }
}
