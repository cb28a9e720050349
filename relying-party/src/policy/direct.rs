//! Expressions that need no interpreter: claims, texts, and simple compositions of them, which is what most headers are.
//!
//! Making an identity's values for the interpreter takes longer than everything else that a token's first request needs.

use std::borrow::Cow;

use cel::common::ast::{CallExpr, Expr, LiteralValue, operators};
use serde_json::{Number, Value};

use super::functions::MAX_TEXT;
use super::identity::Identity;

/// An expression that is evaluated directly. Its value is the interpreter's, or [`Outcome::Unknown`].
#[derive(Clone, Debug)]
pub(super) enum Direct {
    /// A literal.
    Literal(String),
    /// `claims.a.b`, `claims["a"]`
    Claim(Vec<String>),
    Provider,
    Credential,
    AccessToken,
    /// `claims.a.join(",")`
    JoinedClaim(Vec<String>, String),
    /// `scopes.join(",")`
    JoinedScopes(String),
    /// `a + b`
    Sum(Box<[Self; 2]>),
}

/// What came out.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome<'a> {
    /// A string.
    Text(Cow<'a, str>),
    /// Another scalar, as text.
    Scalar(String),
    /// The interpreter would fail, or find what is no scalar.
    Nothing,
    /// Only the interpreter can say.
    Unknown,
}

impl Direct {
    /// Classifies a syntax tree. Names mean what they mean outside of comprehensions: these have no direct form.
    pub(super) fn of(expression: &Expr) -> Option<Self> {
        match expression {
            Expr::Literal(LiteralValue::String(text)) => Some(Self::Literal(text.inner().to_owned())),
            Expr::Ident(name) => match name.as_str() {
                "provider" => Some(Self::Provider),
                "credential" => Some(Self::Credential),
                "access_token" => Some(Self::AccessToken),
                _ => None,
            },
            Expr::Call(call) if call.func_name == operators::ADD => match call.args.as_slice() {
                [left, right] => Some(Self::Sum(Box::new([Self::of(&left.expr)?, Self::of(&right.expr)?]))),
                _ => None,
            },
            Expr::Call(call) if call.func_name == "join" => Self::join(call),
            other => claim_path(other).filter(|path| !path.is_empty()).map(Self::Claim),
        }
    }

    fn join(call: &CallExpr) -> Option<Self> {
        let separator = match call.args.as_slice() {
            [] => String::new(),
            [separator] => match &separator.expr {
                Expr::Literal(LiteralValue::String(separator)) => separator.inner().to_owned(),
                _ => return None,
            },
            _ => return None,
        };
        match &call.target.as_ref()?.expr {
            Expr::Ident(name) if name == "scopes" => Some(Self::JoinedScopes(separator)),
            target => {
                let path = claim_path(target).filter(|path| !path.is_empty())?;
                Some(Self::JoinedClaim(path, separator))
            }
        }
    }

    /// The value for `identity`.
    pub(super) fn evaluate<'a>(&'a self, identity: &'a Identity) -> Outcome<'a> {
        let text = |text: &'a str| Outcome::Text(Cow::Borrowed(text));
        match self {
            Self::Literal(literal) => text(literal),
            Self::Claim(path) => claim(identity, path).map_or(Outcome::Nothing, scalar),
            Self::Provider => text(&identity.provider),
            Self::Credential => text(identity.credential.name()),
            Self::AccessToken => identity.access_token.as_ref().map_or(Outcome::Nothing, |token| text(token.expose())),
            Self::JoinedClaim(path, separator) => match claim(identity, path) {
                Some(Value::Array(items)) => join(items.iter().map(Value::as_str), separator),
                Some(_) => Outcome::Unknown,
                None => Outcome::Nothing,
            },
            Self::JoinedScopes(separator) => join(identity.scopes.iter().map(|scope| Some(scope.as_str())), separator),
            Self::Sum(terms) => {
                let [left, right] = terms.as_ref();
                match (left.evaluate(identity), right.evaluate(identity)) {
                    (Outcome::Text(left), Outcome::Text(right)) => Outcome::Text(Cow::Owned([left, right].concat())),
                    // Numbers add up, lists append.
                    _ => Outcome::Unknown,
                }
            }
        }
    }
}

/// The names after `claims`.
fn claim_path(expression: &Expr) -> Option<Vec<String>> {
    let (operand, member) = match expression {
        Expr::Ident(name) => return (name == "claims").then(Vec::new),
        Expr::Select(select) if !select.test => (&select.operand.expr, select.field.as_str()),
        Expr::Call(call) if call.func_name == operators::INDEX => match call.args.as_slice() {
            [operand, member] => match &member.expr {
                Expr::Literal(LiteralValue::String(member)) => (&operand.expr, member.inner()),
                _ => return None,
            },
            _ => return None,
        },
        _ => return None,
    };
    let mut path = claim_path(operand)?;
    path.push(member.to_owned());
    Some(path)
}

fn claim<'a>(identity: &'a Identity, path: &[String]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(identity.claims.by_name().get(first)?, |value, name| value.as_object()?.get(name))
}

fn scalar(value: &Value) -> Outcome<'_> {
    match value {
        Value::String(text) => Outcome::Text(Cow::Borrowed(text)),
        Value::Bool(bool) => Outcome::Scalar(bool.to_string()),
        Value::Number(number) => number_text(number).map_or(Outcome::Nothing, Outcome::Scalar),
        Value::Null | Value::Array(_) | Value::Object(_) => Outcome::Nothing,
    }
}

fn number_text(number: &Number) -> Option<String> {
    let whole = number.as_i64().map(|int| int.to_string()).or_else(|| number.as_u64().map(|uint| uint.to_string()));
    whole.or_else(|| number.as_f64().filter(|double| double.is_finite()).map(|double| double.to_string()))
}

fn join<'a>(items: impl Iterator<Item = Option<&'a str>>, separator: &str) -> Outcome<'a> {
    let mut joined = String::new();
    for (index, item) in items.enumerate() {
        let Some(item) = item else { return Outcome::Nothing };
        if index > 0 {
            joined.push_str(separator);
        }
        joined.push_str(item);
        if joined.len() > MAX_TEXT {
            return Outcome::Nothing;
        }
    }
    Outcome::Text(Cow::Owned(joined))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use crate::policy::expression::Expression;
    use crate::policy::identity::tests::alice;
    use crate::policy::identity::{Identity, Subject};

    const NAMES: [&str; 4] = ["a", "b", "c", "groups"];

    fn value() -> impl Strategy<Value = serde_json::Value> {
        let text = || prop::sample::select(vec!["", "x", "Å", "a\nb", "\u{7f}", "\u{85}"]);
        let leaf = prop_oneof![
            Just(json!(null)),
            any::<bool>().prop_map(|bool| json!(bool)),
            prop::sample::select(vec![
                json!(0),
                json!(-1),
                json!(i64::MIN),
                json!(u64::MAX),
                json!(1.5),
                json!(1e300),
                json!(-0.0)
            ]),
            any::<f64>().prop_map(|double| json!(double)),
            text().prop_map(|text| json!(text)),
            prop::collection::vec(text(), 0..4).prop_map(|texts| json!(texts)),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(|items| json!(items)),
                prop::collection::hash_map(prop::sample::select(NAMES.to_vec()), inner, 0..4)
                    .prop_map(|members| json!(members)),
            ]
        })
    }

    fn source() -> impl Strategy<Value = String> {
        let name = || prop::sample::select(NAMES.to_vec());
        let claim = prop::collection::vec((name(), any::<bool>()), 1..3).prop_map(|path| {
            let member =
                |(name, dotted): (&str, bool)| if dotted { format!(".{name}") } else { format!("[\"{name}\"]") };
            format!("claims{}", path.into_iter().map(member).collect::<String>())
        });
        let leaf = prop_oneof![
            4 => claim.clone(),
            1 => prop::sample::select(vec!["'t'", "\"\"", "provider", "credential", "access_token", "scopes.join()", "scopes.join(' ')"])
                .prop_map(str::to_owned),
            2 => (claim, prop::sample::select(vec!["", "','", "'\\n'"])).prop_map(|(claim, by)| format!("{claim}.join({by})")),
        ];
        prop::collection::vec(leaf, 1..4).prop_map(|terms| terms.join(" + "))
    }

    #[test]
    fn what_headers_usually_are_needs_no_interpreter() {
        for source in [
            "claims.sub",
            "claims.address.country",
            r#"claims["urn:example:tenant"]"#,
            r#"claims.groups.join(",")"#,
            r#""Bearer " + access_token"#,
            r#"provider + "/" + credential + "/" + claims.sub"#,
            r#"scopes.join(" ")"#,
            "claims.level",
            "claims.missing",
        ] {
            let (expression, identity) = (Expression::compile(source).unwrap(), alice());
            let subject = Subject::new(&identity);
            let text = expression.text(&subject, None);
            assert!(!subject.is_converted(), "{source}");
            assert_eq!(text, expression.interpreted_text(&subject, None), "{source}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn the_direct_value_is_the_interpreters(
            source in source(),
            claims in prop::collection::hash_map(prop::sample::select(NAMES.to_vec()), value(), 0..5),
            with_token in any::<bool>(),
        ) {
            let mut identity = Identity { claims: std::rc::Rc::new(json!(claims).as_object().unwrap().clone()), ..alice() };
            identity.access_token = identity.access_token.filter(|_| with_token);
            let expression = Expression::compile(&source).unwrap();
            prop_assert!(expression.is_direct());
            let subject = Subject::new(&identity);
            prop_assert_eq!(expression.text(&subject, None), expression.interpreted_text(&subject, None), "{}", source);
        }
    }
}
