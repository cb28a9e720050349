//! CEL expressions over an identity (cel.dev).

use std::collections::BTreeSet;
use std::sync::Arc;

use cel::Value;
use cel::common::ast::IdedExpr;
use cel::common::types::{CelBool, CelDouble, CelInt, CelString, CelUInt};
use cel::common::value::Val;

use super::analysis;
use super::budget::{self, Budget};
use super::claim_selection::ClaimSelection;
use super::direct::{Direct, Outcome};
pub use super::expression_error::{EvaluationError, ExpressionError};
use super::functions::environment;
use super::identity::Subject;
use super::request_view::RequestView;

/// Longer sources are refused (bytes).
const MAX_SOURCE: usize = 4 * 1024;

/// Each of `a + b + c` is a level for the parser, which would exhaust a small stack before [`analysis::check`] sees the tree.
const MAX_OPERATORS: usize = 250;

/// How deep the parser follows parentheses, arguments and brackets.
const MAX_NESTING: u16 = 24;

/// A compiled expression. Copies share what was compiled.
#[derive(Clone, Debug)]
pub struct Expression {
    tree: Arc<IdedExpr>,
    references: References,
    direct: Option<Arc<Direct>>,
}

/// What an expression looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct References {
    /// The claims, by their top-level names.
    pub claims: ClaimSelection,
    /// The scopes that it asks for by name, as in `"orders.write" in scopes`.
    pub scopes: BTreeSet<String>,
    /// Whether it uses `access_token`.
    pub access_token: bool,
    /// Whether it uses `request` at all; its value then differs from request to request.
    pub request: bool,
    /// Whether it may use `request.path`.
    pub request_path: bool,
    /// Whether it may use `request.headers`.
    pub request_headers: bool,
    /// Whether it has comprehensions, whose iterations are counted.
    pub(super) comprehensions: bool,
}

impl Expression {
    /// Compiles `source`; what can be known to be wrong before there is an identity is an error here.
    pub fn compile(source: &str) -> Result<Self, ExpressionError> {
        if source.len() > MAX_SOURCE {
            return Err(ExpressionError::TooLong);
        }
        if analysis::operators(source) > MAX_OPERATORS {
            return Err(ExpressionError::TooDeep);
        }
        let mut tree = environment()
            .parser()
            .max_recursion_depth(MAX_NESTING)
            .parse(source)
            .map_err(|errors| ExpressionError::syntax(&errors))?;
        let references = analysis::check(&mut tree)?;
        let direct = Direct::of(&tree.expr).map(Arc::new);
        Ok(Self { tree: Arc::new(tree), references, direct })
    }

    /// What this looks at.
    pub const fn references(&self) -> &References {
        &self.references
    }

    /// Whether this is true. Whoever asks denies on an error.
    pub fn holds(&self, subject: &Subject<'_>, request: Option<&RequestView<'_>>) -> Result<bool, EvaluationError> {
        self.evaluate(subject, request, |value| {
            value.downcast_ref::<CelBool>().map(|bool| *bool.inner()).ok_or(EvaluationError::NotBoolean)
        })?
    }

    /// The value as a header's text: `None` when there is none, it is no scalar, or it has control characters.
    pub fn text(&self, subject: &Subject<'_>, request: Option<&RequestView<'_>>) -> Option<String> {
        let direct = self.direct.as_ref().map_or(Outcome::Unknown, |direct| direct.evaluate(subject.identity));
        let text = match direct {
            Outcome::Text(text) => text.into_owned(),
            Outcome::Scalar(text) => text,
            Outcome::Nothing => return None,
            Outcome::Unknown => return self.interpreted_text(subject, request),
        };
        is_printable(&text).then_some(text)
    }

    pub(super) fn interpreted_text(&self, subject: &Subject<'_>, request: Option<&RequestView<'_>>) -> Option<String> {
        let text = self.evaluate(subject, request, scalar_text).ok()??;
        is_printable(&text).then_some(text)
    }

    #[cfg(test)]
    pub(super) const fn is_direct(&self) -> bool {
        self.direct.is_some()
    }

    fn evaluate<T>(
        &self,
        subject: &Subject<'_>,
        request: Option<&RequestView<'_>>,
        read: impl FnOnce(&dyn Val) -> T,
    ) -> Result<T, EvaluationError> {
        if !self.references.request && !self.references.comprehensions {
            return Value::resolve_val(&self.tree, subject.context()).map(|value| read(value.as_ref())).map_err(failed);
        }
        let mut scope = subject.context().new_inner_scope();
        if let Some(request) = request.filter(|_| self.references.request) {
            scope.add_variable_as_val("request", request.to_cel(self.references.request_headers));
        }
        if self.references.comprehensions {
            scope.add_variable_as_val(budget::VARIABLE, Box::new(Budget::new()));
        }
        Value::resolve_val(&self.tree, &scope).map(|value| read(value.as_ref())).map_err(failed)
    }
}

/// The interpreter's errors quote values, so none leaves this module.
fn failed(_: cel::ExecutionError) -> EvaluationError {
    EvaluationError::Failed
}

fn is_printable(text: &str) -> bool {
    !text.contains(char::is_control)
}

fn scalar_text(value: &dyn Val) -> Option<String> {
    if let Some(string) = value.downcast_ref::<CelString<'_>>() {
        return Some(string.inner().to_owned());
    }
    let scalar = [
        value.downcast_ref::<CelBool>().map(|bool| bool.inner().to_string()),
        value.downcast_ref::<CelInt>().map(|int| int.inner().to_string()),
        value.downcast_ref::<CelUInt>().map(|uint| uint.inner().to_string()),
        value
            .downcast_ref::<CelDouble>()
            .filter(|double| double.inner().is_finite())
            .map(|double| double.inner().to_string()),
    ];
    scalar.into_iter().flatten().next()
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::policy::identity::tests::alice;

    /// What `source` gives for alice.
    pub(in crate::policy) fn text(source: &str) -> Option<String> {
        Expression::compile(source)
            .unwrap_or_else(|error| panic!("{source}: {error}"))
            .text(&Subject::new(&alice()), None)
    }

    fn holds(source: &str) -> Result<bool, EvaluationError> {
        Expression::compile(source)
            .unwrap_or_else(|error| panic!("{source}: {error}"))
            .holds(&Subject::new(&alice()), None)
    }

    #[test]
    fn a_header_is_the_plain_text_of_a_scalar() {
        for (source, expected) in [
            ("claims.sub", Some("alice")),
            ("claims.level", Some("4")),
            ("claims.big", Some("18446744073709551615")),
            ("claims.ratio", Some("1.5")),
            ("claims.email_verified", Some("true")),
            ("claims.empty", Some("")),
            ("claims.address.country", Some("SE")),
            (r#"claims["urn:example:tenant"]"#, Some("t 1")),
            (r#"claims.groups.join(",")"#, Some("staff,finance-approver")),
            (r#""Bearer " + access_token"#, Some("Bearer token-1")),
            (r#"provider + "/" + credential"#, Some("corp/session")),
            (r#"has(claims.nickname) ? claims.nickname : claims.sub"#, Some("alice")),
            ("claims.groups.filter(g, g.startsWith('f')).map(g, g.substring(0, 7)).join()", Some("finance")),
            // No text in them.
            ("claims.groups", None),
            ("claims.address", None),
            ("claims.nothing", None),
            ("claims.missing", None),
            ("claims.sub.missing", None),
            ("claims.level.join()", None),
            ("0.0 / 0.0", None),
            ("claims.evil", None),
            ("claims.del", None),
            (r#""a\u0000b""#, None),
        ] {
            assert_eq!(text(source).as_deref(), expected, "{source}");
        }
    }

    #[test]
    fn a_requirement_is_true_or_false_or_cannot_be_evaluated() {
        for (source, expected) in [
            (r#""finance-approver" in claims.groups"#, Ok(true)),
            (r#""orders.write" in scopes && credential == "session""#, Ok(true)),
            ("claims.level > 3 && claims.level < 4.5 && claims.ratio > 1", Ok(true)),
            ("claims.level == 4.0", Ok(true)),
            ("has(claims.acr)", Ok(false)),
            (r#""acr" in claims"#, Ok(false)),
            ("type(claims.groups) == list", Ok(true)),
            ("claims.groups.exists(g, g.matches('^finance-')) && claims.groups.all(g, g != 'x')", Ok(true)),
            ("claims.missing == 'x' || claims.sub == 'alice'", Ok(true)),
            ("claims.missing == 'x'", Err(EvaluationError::Failed)),
            ("claims.missing != 'x'", Err(EvaluationError::Failed)),
            ("!claims.missing", Err(EvaluationError::Failed)),
            ("claims.sub > 3", Err(EvaluationError::Failed)),
            ("claims.sub", Err(EvaluationError::NotBoolean)),
            ("claims.nothing", Err(EvaluationError::NotBoolean)),
            ("request.method == 'GET'", Err(EvaluationError::Failed)),
            ("1 / 0 == 1", Err(EvaluationError::Failed)),
        ] {
            assert_eq!(holds(source), expected, "{source}");
        }
    }

    #[test]
    fn deep_sources_are_refused_within_a_small_stack() {
        let nested = |open: &str, middle: &str, close: &str| {
            let levels = (MAX_SOURCE - middle.len()) / (open.len() + close.len());
            [open.repeat(levels), middle.to_owned(), close.repeat(levels)].concat()
        };
        let sources = [
            nested("(", "1", ")"),
            nested("[", "1", "]"),
            nested("{1:", "1", "}"),
            nested("size(", "1", ")"),
            nested("", "1", "+1"),
            nested("", "claims", ".a"),
            nested("", "claims", "[0]"),
            nested("", "''", ".trim()"),
            nested("true?1:", "1", ""),
            nested("true?", "1", ":1"),
            nested("!", "true", ""),
            nested("-", "1", ""),
            nested("1-", "1", ""),
            nested("1==", "1", ""),
            nested("", "true", "||true"),
            nested("!(", "true", ")"),
            nested("a.", "b", ""),
            nested("", "a", " in a"),
            [&"(".repeat(20), "1", &"+1".repeat(225), &")+1".repeat(20)].concat(),
            [&"[".repeat(20), "claims", &".a".repeat(225), &"]".repeat(20)].concat(),
            nested("((", "1", ")+1)"),
            nested("(", "", ""),
            nested("{", "", ""),
        ];
        let evaluate = move || {
            let identity = alice();
            for source in &sources {
                if let Ok(expression) = Expression::compile(source) {
                    let _ = expression.holds(&Subject::new(&identity), None);
                }
            }
        };
        std::thread::Builder::new().stack_size(768 * 1024).spawn(evaluate).unwrap().join().unwrap();
    }

    proptest! {
        #[test]
        fn no_source_panics(source in prop_oneof![
            any::<String>(),
            "[a-z.()\\[\\]{}'\",0-9?:&|!<>=+ -]{0,60}",
            prop::collection::vec(prop::sample::select(vec![
                "claims", "scopes", "request", ".", "groups", "[", "]", "(", ")", "'a'", "\"", ",", "exists", "map", "join", "x",
                "&&", "||", "!", "==", "in", "has", "1", "-", "?", ":", "{", "}", "null", "split", "json", "@result", " ",
            ]), 0..24).prop_map(|words| words.concat()),
        ]) {
            if let Ok(expression) = Expression::compile(&source) {
                let identity = alice();
                let subject = Subject::new(&identity);
                let _ = expression.holds(&subject, None);
                prop_assert!(expression.text(&subject, None).is_none_or(|text| !text.contains(char::is_control)));
            }
        }
    }
}
