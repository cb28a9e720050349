//! What an expression looks at, and what about it is wrong before any identity is known.

use std::collections::BTreeSet;

use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators};

use super::budget;
use super::claim_selection::ClaimSelection;
use super::expression::{ExpressionError, References};
use super::functions::SIGNATURES;
use super::pattern;
use crate::spelling::nearest;

const VARIABLES: [&str; 6] = ["claims", "scopes", "provider", "credential", "access_token", "request"];
const REQUEST_MEMBERS: [&str; 4] = ["method", "path", "host", "headers"];
/// The names that `type(x)` is compared with.
const TYPES: [&str; 10] = ["bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint"];
const OPERATORS: [&str; 18] = [
    operators::CONDITIONAL,
    operators::LOGICAL_AND,
    operators::LOGICAL_OR,
    operators::LOGICAL_NOT,
    operators::SUBSTRACT,
    operators::ADD,
    operators::MULTIPLY,
    operators::DIVIDE,
    operators::MODULO,
    operators::EQUALS,
    operators::NOT_EQUALS,
    operators::GREATER_EQUALS,
    operators::LESS_EQUALS,
    operators::GREATER,
    operators::LESS,
    operators::NEGATE,
    operators::INDEX,
    operators::IN,
];

/// Levels of the syntax tree; the interpreter recurses once a level.
const MAX_DEPTH: usize = 64;
/// Comprehensions within each other; their iterations multiply.
const MAX_COMPREHENSIONS: usize = 2;

/// Checks `tree`, counts iterations in its comprehensions, and says what it looks at.
pub(super) fn check(tree: &mut IdedExpr) -> Result<References, ExpressionError> {
    let mut analysis = Analysis::default();
    analysis.visit(tree, Place::default())?;
    Ok(References {
        scopes: analysis.scopes,
        claims: if analysis.all_claims { ClaimSelection::All } else { ClaimSelection::Named(analysis.claims) },
        access_token: analysis.access_token,
        request: analysis.request,
        request_path: analysis.request_path,
        request_headers: analysis.request_headers,
        comprehensions: analysis.comprehensions,
    })
}

/// A rough count, never too low, of the operators in `source`.
pub(super) fn operators(source: &str) -> usize {
    let signs = source.bytes().filter(|byte| b"+-*/%.[!=<>?".contains(byte)).count();
    signs.saturating_add(source.matches("in").count())
}

#[derive(Clone, Copy, Default)]
struct Place {
    depth: usize,
    comprehensions: usize,
}

#[derive(Default)]
struct Analysis {
    claims: BTreeSet<String>,
    all_claims: bool,
    scopes: BTreeSet<String>,
    access_token: bool,
    request: bool,
    request_path: bool,
    request_headers: bool,
    comprehensions: bool,
    /// Variables of the comprehensions around.
    locals: Vec<String>,
}

impl Analysis {
    fn visit(&mut self, node: &mut IdedExpr, place: Place) -> Result<(), ExpressionError> {
        if place.depth > MAX_DEPTH {
            return Err(ExpressionError::TooDeep);
        }
        let below = Place { depth: place.depth.saturating_add(1), ..place };
        if self.visit_member(&node.expr)? {
            return Ok(());
        }
        match &mut node.expr {
            Expr::Unspecified => Err(ExpressionError::Incomplete),
            Expr::Literal(_) => Ok(()),
            Expr::Ident(name) => self.visit_variable(name),
            Expr::Select(select) => self.visit(&mut select.operand, below),
            Expr::Call(call) => {
                check_call(call)?;
                call.target.iter_mut().try_for_each(|target| self.visit(target, below))?;
                call.args.iter_mut().try_for_each(|arg| self.visit(arg, below))
            }
            Expr::List(list) => list.elements.iter_mut().try_for_each(|element| self.visit(element, below)),
            Expr::Map(map) => map.entries.iter_mut().try_for_each(|entry| match &mut entry.expr {
                EntryExpr::MapEntry(entry) => {
                    self.visit(&mut entry.key, below)?;
                    self.visit(&mut entry.value, below)
                }
                EntryExpr::StructField(_) => Err(ExpressionError::Message),
            }),
            Expr::Struct(_) => Err(ExpressionError::Message),
            Expr::Comprehension(comprehension) => self.visit_comprehension(comprehension, below),
        }
    }

    /// `claims.x`, `claims["x"]`, `"x" in claims` and the like for `request`: a member is used, not the whole.
    fn visit_member(&mut self, expression: &Expr) -> Result<bool, ExpressionError> {
        let (variable, member) = match expression {
            Expr::Select(select) => (&select.operand.expr, select.field.as_str()),
            Expr::Call(call) => match (call.func_name.as_str(), call.args.as_slice()) {
                (operators::INDEX, [of, member]) | (operators::IN, [member, of]) => match &member.expr {
                    Expr::Literal(LiteralValue::String(member)) => (&of.expr, member.inner()),
                    _ => return Ok(false),
                },
                _ => return Ok(false),
            },
            _ => return Ok(false),
        };
        match variable {
            Expr::Ident(name) if name == "claims" => {
                self.claims.insert(member.to_owned());
                Ok(true)
            }
            Expr::Ident(name)
                if name == "scopes" && matches!(expression, Expr::Call(call) if call.func_name == operators::IN) =>
            {
                self.scopes.insert(member.to_owned());
                Ok(true)
            }
            Expr::Ident(name) if name == "request" => {
                self.request = true;
                match member {
                    "path" => self.request_path = true,
                    "headers" => self.request_headers = true,
                    other if !REQUEST_MEMBERS.contains(&other) => {
                        let nearest = nearest(other, REQUEST_MEMBERS);
                        return Err(ExpressionError::UnknownRequestMember { name: other.to_owned(), nearest });
                    }
                    _ => {}
                }
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn visit_variable(&mut self, name: &str) -> Result<(), ExpressionError> {
        match name {
            "claims" => self.all_claims = true,
            "access_token" => self.access_token = true,
            "request" => {
                self.request = true;
                self.request_path = true;
                self.request_headers = true;
            }
            name if VARIABLES.contains(&name)
                || TYPES.contains(&name)
                || self.locals.iter().any(|local| local == name) => {}
            name => {
                let nearest = nearest(name, VARIABLES);
                return Err(ExpressionError::UnknownVariable { name: name.to_owned(), nearest });
            }
        }
        Ok(())
    }

    fn visit_comprehension(
        &mut self,
        comprehension: &mut ComprehensionExpr,
        place: Place,
    ) -> Result<(), ExpressionError> {
        self.comprehensions = true;
        self.visit(&mut comprehension.iter_range, place)?;
        let within = Place { comprehensions: place.comprehensions.saturating_add(1), ..place };
        if within.comprehensions > MAX_COMPREHENSIONS {
            return Err(ExpressionError::NestedComprehensions);
        }
        let around = self.locals.len();
        for local in [&comprehension.iter_var, &comprehension.accu_var].into_iter().chain(&comprehension.iter_var2) {
            if VARIABLES.contains(&local.as_str()) || TYPES.contains(&local.as_str()) {
                return Err(ExpressionError::Shadowed { name: local.clone() });
            }
            self.locals.push(local.clone());
        }
        self.visit(&mut comprehension.accu_init, within)?;
        self.visit(&mut comprehension.loop_cond, within)?;
        self.visit(&mut comprehension.loop_step, within)?;
        self.visit(&mut comprehension.result, within)?;
        self.locals.truncate(around);
        budget::meter(comprehension);
        Ok(())
    }
}

fn check_call(call: &CallExpr) -> Result<(), ExpressionError> {
    let name = call.func_name.as_str();
    if OPERATORS.contains(&name) || name == operators::NOT_STRICTLY_FALSE {
        return Ok(());
    }
    let Some(signature) = SIGNATURES.iter().find(|signature| signature.name == name) else {
        let nearest = nearest(name, SIGNATURES.iter().map(|signature| signature.name));
        return Err(ExpressionError::UnknownFunction { name: name.to_owned(), nearest });
    };
    let arities = if call.target.is_some() { signature.as_method } else { signature.as_function };
    if !arities.contains(&call.args.len()) {
        return Err(ExpressionError::WrongArguments { name: signature.name });
    }
    if name == "matches" { check_pattern(call.args.last()) } else { Ok(()) }
}

fn check_pattern(argument: Option<&IdedExpr>) -> Result<(), ExpressionError> {
    match argument.map(|argument| &argument.expr) {
        Some(Expr::Literal(LiteralValue::String(literal))) => {
            pattern::compile(literal.inner()).map(drop).map_err(|_| ExpressionError::Pattern)
        }
        _ => Err(ExpressionError::Pattern),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::expression::Expression;

    fn refusal(source: &str) -> String {
        Expression::compile(source).map(|_| ()).expect_err(source).to_string()
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
        assert_eq!(refusal(&format!("'{}'", "a".repeat(4096))), "is longer than 4096 bytes");
    }

    #[test]
    fn a_slip_in_the_syntax_is_reported_in_one_line_with_its_place() {
        for (source, expected) in [
            ("", "line 1, column 1: unexpected end"),
            ("claims.sub ==", "line 1, column 14: unexpected end"),
            ("claims.sub = 'x'", "line 1, column 12: unexpected '= '"),
            ("claims.sub\n  and true", "line 2, column 3: unexpected 'and'"),
            ("claims.sub == 'x", "line 1, column 15: unexpected ''x'"),
            ("\0", "line 1, column 1: unexpected '\u{fffd}'"),
            ("claims.?sub", "line 1, column 7: unsupported syntax '.?'"),
            ("has(claims)", "line 1, column 5: invalid argument to has() macro"),
            ("{'a' 1}", "line 1, column 6: missing ':' at '1'"),
            ("99999999999999999999", "line 1, column 1: invalid int literal"),
        ] {
            assert_eq!(refusal(source), expected, "{source}");
        }
    }

    #[test]
    fn many_alternatives_are_fine_and_many_levels_are_not() {
        let alternatives = vec!["'group-1' in claims.groups"; 75].join(" || ");
        assert!(Expression::compile(&alternatives).is_ok());
        for deep in [&"(".repeat(100), &vec!["claims.sub"; 70].join("+"), &vec!["1"; 300].join("+")] {
            assert_eq!(refusal(deep), "has too many operators or is nested too deeply");
        }
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
        let scopes = |source: &str| references(source).scopes.into_iter().collect::<Vec<_>>();
        assert_eq!(scopes("'b' in scopes && ('a' in scopes || request.method == 'GET')"), ["a", "b"]);
        assert_eq!(scopes("scopes.exists(scope, scope == 'a') && 'x' in claims.scopes"), [""; 0]);
        assert_eq!(uses("claims.access_token == 'request'"), [false; 4]);
        assert_eq!(uses("access_token"), [true, false, false, false]);
        assert_eq!(uses("request.method == 'GET'"), [false, true, false, false]);
        assert_eq!(uses("request['path'] == '/'"), [false, true, true, false]);
        assert_eq!(uses("has(request.headers.accept)"), [false, true, false, true]);
        assert_eq!(uses("json(request)"), [false, true, true, true]);
    }
}
