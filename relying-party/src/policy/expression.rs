//! CEL expressions over an identity (cel.dev).

use std::sync::Arc;

use cel::Value;
use cel::common::ast::IdedExpr;
use cel::common::types::{CelBool, CelDouble, CelInt, CelString, CelUInt};
use cel::common::value::Val;

use super::analysis;
use super::budget::{self, Budget};
use super::functions::environment;
use super::identity::Subject;
use super::request_view::RequestView;
use crate::config::ClaimSelection;
use crate::reason::Reason;

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
}

/// What an expression looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct References {
    /// The claims, by their top-level names.
    pub claims: ClaimSelection,
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
        Ok(Self { tree: Arc::new(tree), references })
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
        let text = self.evaluate(subject, request, scalar_text).ok()??;
        (!text.contains(char::is_control)).then_some(text)
    }

    fn evaluate<T>(
        &self,
        subject: &Subject<'_>,
        request: Option<&RequestView<'_>>,
        read: impl FnOnce(&dyn Val) -> T,
    ) -> Result<T, EvaluationError> {
        if !self.references.request && !self.references.comprehensions {
            return Value::resolve_val(&self.tree, &subject.context).map(|value| read(value.as_ref())).map_err(failed);
        }
        let mut scope = subject.context.new_inner_scope();
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

/// Why an expression has no answer for an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvaluationError {
    /// A claim is missing or has another type, a function refused its argument, or it took too long.
    #[error("the expression cannot be evaluated for this identity")]
    Failed,
    /// A requirement must be true or false.
    #[error("the expression is neither true nor false")]
    NotBoolean,
}

impl Reason for EvaluationError {
    fn code(&self) -> &'static str {
        match self {
            Self::Failed => "require.not_evaluable",
            Self::NotBoolean => "require.not_boolean",
        }
    }
}

/// Why an expression was refused. The configuration is at fault; its text may be quoted to whoever wrote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    /// Over 4 KiB.
    #[error("is longer than 4096 bytes")]
    TooLong,
    /// Too many levels.
    #[error("has too many operators or is nested too deeply")]
    TooDeep,
    /// The parser's complaint; line and column count from 1.
    #[error("line {line}, column {column}: {message}")]
    Syntax {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// One line.
        message: String,
    },
    /// No such variable.
    #[error("unknown variable `{name}`{}", hint(.nearest))]
    UnknownVariable {
        /// As written.
        name: String,
        /// What was probably meant.
        nearest: Option<&'static str>,
    },
    /// No such function.
    #[error("unknown function `{name}`{}", hint(.nearest))]
    UnknownFunction {
        /// As written.
        name: String,
        /// What was probably meant.
        nearest: Option<&'static str>,
    },
    /// `request` has no such member.
    #[error("unknown `request.{name}`{}", hint(.nearest))]
    UnknownRequestMember {
        /// As written.
        name: String,
        /// What was probably meant.
        nearest: Option<&'static str>,
    },
    /// The function exists, but not called so.
    #[error("`{name}` is called with wrong arguments")]
    WrongArguments {
        /// The function.
        name: &'static str,
    },
    /// A pattern from a claim would be compiled on every evaluation.
    #[error("`matches` needs a valid pattern, written as a literal")]
    Pattern,
    /// A comprehension's variable hides another.
    #[error("`{name}` is a variable already")]
    Shadowed {
        /// The variable.
        name: String,
    },
    /// Comprehensions within comprehensions within comprehensions.
    #[error("comprehensions are nested more than twice")]
    NestedComprehensions,
    /// A part is missing that the parser did not miss.
    #[error("is incomplete")]
    Incomplete,
    /// Part of CEL, but not here.
    #[error("messages (`Type{{…}}`) are not supported")]
    Message,
}

fn hint(nearest: &Option<&'static str>) -> String {
    nearest.map_or_else(String::new, |nearest| format!(", did you mean `{nearest}`?"))
}

impl ExpressionError {
    fn syntax(errors: &cel::ParseErrors) -> Self {
        let (position, message) = errors.errors.first().map_or(((1, 1), ""), |error| (error.pos, error.msg.as_str()));
        let place = |coordinate: isize| usize::try_from(coordinate).unwrap_or(1).max(1);
        Self::Syntax {
            line: place(position.0),
            column: place(position.1),
            message: message.lines().next().unwrap_or_default().to_owned(),
        }
    }
}

impl Reason for ExpressionError {
    fn code(&self) -> &'static str {
        match self {
            Self::TooLong => "expression.too_long",
            Self::TooDeep => "expression.too_deep",
            Self::Syntax { .. } => "expression.syntax",
            Self::UnknownVariable { .. } => "expression.unknown_variable",
            Self::UnknownFunction { .. } => "expression.unknown_function",
            Self::UnknownRequestMember { .. } => "expression.unknown_request_member",
            Self::WrongArguments { .. } => "expression.wrong_arguments",
            Self::Pattern => "expression.pattern",
            Self::Shadowed { .. } => "expression.shadowed",
            Self::NestedComprehensions => "expression.nested_comprehensions",
            Self::Incomplete => "expression.incomplete",
            Self::Message => "expression.message",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::http::{Headers, RequestHead};
    use crate::policy::identity::{Credential, Identity};
    use crate::policy::managed_headers::ManagedHeaders;
    use crate::policy::path::RequestPath;
    use crate::secret::Secret;

    fn alice() -> Identity {
        let claims = json!({
            "sub": "alice", "level": 4, "ratio": 1.5, "big": u64::MAX, "email_verified": true, "nothing": null, "empty": "",
            "groups": ["staff", "finance-approver"], "address": {"country": "SE", "lines": ["a", "b"]},
            "urn:example:tenant": "t 1", "evil": "a\r\nx-admin: yes", "del": "\u{7f}", "name": "Åsa Öst",
        });
        Identity {
            provider: "corp".to_owned(),
            credential: Credential::Session,
            claims: claims.as_object().unwrap().clone(),
            scopes: vec!["openid".to_owned(), "orders.write".to_owned()],
            access_token: Some(Secret::new("token-1".to_owned())),
        }
    }

    fn text(source: &str) -> Option<String> {
        Expression::compile(source)
            .unwrap_or_else(|error| panic!("{source}: {error}"))
            .text(&Subject::new(&alice()), None)
    }

    fn holds(source: &str) -> Result<bool, EvaluationError> {
        Expression::compile(source)
            .unwrap_or_else(|error| panic!("{source}: {error}"))
            .holds(&Subject::new(&alice()), None)
    }

    fn refusal(source: &str) -> String {
        Expression::compile(source).map(|_| ()).expect_err(source).to_string()
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
    fn every_function_works() {
        for (source, expected) in [
            ("['a', 'b'].join()", "ab"),
            ("'a,b,,c'.split(',').join('|')", "a|b||c"),
            ("'a,b,c'.split(',', 2).join('|')", "a|b,c"),
            ("string('a,b'.split(',', 0).size())", "0"),
            ("'a,b,c'.split(',', -1).join('|')", "a|b|c"),
            ("'åbc'.split('').join('|')", "å|b|c"),
            ("'åbc'.split('', 2).join('|')", "å|bc"),
            ("string(''.split('').size())", "0"),
            ("string(''.split(',').size())", "1"),
            ("'Å-ABc'.lowerAscii()", "Å-abc"),
            ("'å-abC'.upperAscii()", "å-ABC"),
            ("'aaa'.replace('a', 'b')", "bbb"),
            ("'aaa'.replace('a', 'b', 2)", "bba"),
            ("'aaa'.replace('a', 'b', -1)", "bbb"),
            ("'aaa'.replace('a', 'b', 0)", "aaa"),
            ("'ab'.replace('', '-')", "-a-b-"),
            ("'åbcd'.substring(1)", "bcd"),
            ("'åbcd'.substring(1, 3)", "bc"),
            ("'åbcd'.substring(4)", ""),
            ("'  a b '.trim()", "a b"),
            ("base64url('a?>')", "YT8-"),
            ("b'\\xff'.base64url()", "_w"),
            ("percentEncode('a b/å~')", "a%20b%2F%C3%A5~"),
            ("claims.name.percentEncode()", "%C3%85sa%20%C3%96st"),
            ("json(claims.address)", r#"{"country":"SE","lines":["a","b"]}"#),
            (
                "[1, 2u, 1.5, true, null, b'a', {1: 'x', true: 2}].json()",
                r#"[1,2,1.5,true,null,"YQ==",{"1":"x","true":2}]"#,
            ),
            ("string(size(claims.groups)) + string('abc'.matches('^a.c$'))", "2true"),
        ] {
            assert_eq!(text(source).as_deref(), Some(expected), "{source}");
        }
        for fails in [
            "'abc'.substring(2, 1)",
            "'abc'.substring(4)",
            "'abc'.substring(-1)",
            "'abc'.substring(0, 4)",
            "[1].join(',')",
        ] {
            assert_eq!(text(fails), None, "{fails}");
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
    fn what_is_wrong_without_any_identity_is_refused_when_compiled() {
        for (source, expected) in [
            ("claim.sub", "unknown variable `claim`, did you mean `claims`?"),
            (".claims.sub", "unknown variable `.claims`, did you mean `claims`?"),
            ("claims.groups.joi(',')", "unknown function `joi`, did you mean `join`?"),
            ("claims.sub.lower()", "unknown function `lower`, did you mean `lowerAscii`?"),
            ("'%s'.format([1])", "unknown function `format`"),
            ("optional.of(1)", "unknown function `of`"),
            ("lowerAscii(claims.sub)", "`lowerAscii` is called with wrong arguments"),
            ("claims.groups.exists(g)", "`exists` is called with wrong arguments"),
            ("request.url", "unknown `request.url`"),
            ("request['Method']", "unknown `request.Method`, did you mean `method`?"),
            ("'url' in request", "unknown `request.url`"),
            ("scopes.exists(claims, claims == 'x')", "`claims` is a variable already"),
            ("scopes.all(a, scopes.all(b, scopes.all(c, a == c)))", "comprehensions are nested more than twice"),
            ("claims.sub.matches(claims.pattern)", "`matches` needs a valid pattern, written as a literal"),
            ("claims.sub.matches('a)(')", "`matches` needs a valid pattern, written as a literal"),
            ("Foo{a: 1}", "messages (`Type{…}`) are not supported"),
        ] {
            assert_eq!(refusal(source), expected.to_owned(), "{source}");
        }
        for source in [
            "",
            " ",
            "claims.",
            "claims.sub ==",
            "1 +* 2",
            "claims.?sub",
            "a b",
            "'",
            "(",
            "\u{0}",
            "claims.`a`",
            "has(claims)",
        ] {
            let message = refusal(source);
            assert!(message.starts_with("line ") && !message.contains('\n'), "{source}: {message}");
        }
        assert!(refusal("claims.sub &&\n  == 1").starts_with("line 2, column 3: "));
        assert_eq!(refusal(&format!("'{}'", "a".repeat(MAX_SOURCE))), "is longer than 4096 bytes");
    }

    #[test]
    fn references_name_the_claims_in_use() {
        let references = |source: &str| Expression::compile(source).unwrap().references().clone();
        let named = |names: &[&str]| ClaimSelection::Named(names.iter().map(|name| (*name).to_owned()).collect());
        for (source, expected) in [
            ("claims.a.b.c == claims['d'] && has(claims.e.f) && 'g' in claims", named(&["a", "d", "e", "g"])),
            ("claims.groups.exists(x, x == claims.wanted)", named(&["groups", "wanted"])),
            ("provider", named(&[])),
            ("json(claims)", ClaimSelection::All),
            ("claims[provider] == 'x'", ClaimSelection::All),
            ("provider in claims", ClaimSelection::All),
            ("claims.all(name, name != 'x')", ClaimSelection::All),
            ("size(claims) > 1 || claims.a", ClaimSelection::All),
        ] {
            assert_eq!(references(source).claims, expected, "{source}");
        }
        let uses = |source: &str| {
            let References { access_token, request, request_path, request_headers, .. } = references(source);
            [access_token, request, request_path, request_headers]
        };
        assert_eq!(uses("claims.access_token == 'request'"), [false; 4]);
        assert_eq!(uses("access_token"), [true, false, false, false]);
        assert_eq!(uses("request.method == 'GET'"), [false, true, false, false]);
        assert_eq!(uses("request['path'] == '/'"), [false, true, true, false]);
        assert_eq!(uses("has(request.headers.accept)"), [false, true, false, true]);
        assert_eq!(uses("json(request)"), [false, true, true, true]);
    }

    #[test]
    fn a_request_shows_neither_credentials_nor_headers_that_are_ours_to_set() {
        let field = |name: &str, value: &[u8]| (name.to_owned(), value.to_vec());
        let head = RequestHead::new(Headers::new(vec![
            field(":method", b"POST"),
            field(":authority", b"API.example.org.:8443"),
            field(":path", b"/caf%C3%A9?x=1"),
            field("cookie", b"session=1"),
            field("authorization", b"Bearer x"),
            field("x-auth-sub", b"root"),
            field("x_auth.sub", b"root"),
            field("accept", b"text/html"),
            field("accept", b"*/*"),
            field("x-bytes", b"good"),
            field("x-bytes", b"\xff"),
            field("x-bytes", b"good"),
        ]));
        let path = RequestPath::parse(head.path_and_query().unwrap()).unwrap();
        let managed = ManagedHeaders::new(["x-auth-sub"]);
        let view = RequestView::new(&head, &path, &managed);
        let identity = alice();
        let text = |source: &str| Expression::compile(source).unwrap().text(&Subject::new(&identity), Some(&view));
        assert_eq!(
            text("json(request)").as_deref(),
            Some(r#"{"headers":{"accept":"text/html,*/*"},"host":"api.example.org","method":"POST","path":"/café"}"#)
        );
        assert_eq!(text("request.headers['accept'] + request.method").as_deref(), Some("text/html,*/*POST"));
    }

    /// A list of this many groups is far more than a session carries.
    fn many_groups() -> Identity {
        let groups: Vec<_> = (0..5_000).map(|index| format!("group-{index}")).collect();
        Identity {
            claims: json!({"groups": groups, "long": "a".repeat(8_000)}).as_object().unwrap().clone(),
            ..alice()
        }
    }

    #[test]
    fn evaluation_is_bounded_however_large_the_claims_are() {
        let identity = many_groups();
        let subject = Subject::new(&identity);
        for source in [
            "claims.groups.all(a, claims.groups.all(b, a != '' && b != ''))",
            "claims.groups.exists(a, claims.groups.exists(b, a == 'x'))",
            "claims.groups.map(a, claims.groups.map(b, a + b)).size() == 1",
            "claims.groups.map(a, a != '', claims.groups.filter(b, a == b)).size() == 1",
            "claims.groups.exists_one(a, claims.groups.exists_one(b, a == b))",
            "claims.long.replace('a', claims.long) != ''",
            "claims.long.split('').join(claims.long) != ''",
        ] {
            assert_eq!(
                Expression::compile(source).unwrap().holds(&subject, None),
                Err(EvaluationError::Failed),
                "{source}"
            );
        }
        let once = Expression::compile("claims.groups.map(a, a.upperAscii()).exists(a, a == 'GROUP-4999')").unwrap();
        assert_eq!(once.holds(&subject, None), Ok(true));
        assert_eq!(once.holds(&subject, None), Ok(true), "each evaluation has its own budget");
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
