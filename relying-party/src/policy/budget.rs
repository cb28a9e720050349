//! Bounds how long an expression may run: nested comprehensions over large claims multiply.

use std::any::Any;
use std::sync::atomic::{AtomicU32, Ordering};

use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, IdedExpr, operators};
use cel::common::types::{DYN_TYPE, Type};
use cel::common::value::{CowVal, StaticVal, Val};
use cel::{DeclarationError, Env, ExecutionError};

/// Iterations of all comprehensions of one evaluation together; beyond it the evaluation fails. A list claim of 200 groups
/// may be compared with another of 100.
const ITERATIONS: u32 = 20_000;

/// The name of the variable that holds the [`Budget`]; no source can spell it.
pub(super) const VARIABLE: &str = "@budget";
const FUNCTION: &str = "@spend";

static TYPE: Type = Type::new_unspecified_type("budget");

/// What is left of an evaluation's iterations.
#[derive(Debug)]
pub(super) struct Budget(AtomicU32);

impl Budget {
    /// A full budget, for one evaluation.
    pub(super) const fn new() -> Self {
        Self(AtomicU32::new(ITERATIONS))
    }

    fn spend(&self) -> Option<()> {
        let left = self.0.load(Ordering::Relaxed).checked_sub(1)?;
        self.0.store(left, Ordering::Relaxed);
        Some(())
    }
}

impl Val for Budget {
    fn get_type(&self) -> &Type {
        &TYPE
    }

    fn cel_type() -> &'static Type {
        &TYPE
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(Self(AtomicU32::new(self.0.load(Ordering::Relaxed))))
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl StaticVal for Budget {}

/// Declares the function that [`meter`] puts into comprehensions.
pub(super) fn declare(env: &mut Env) -> Result<(), DeclarationError> {
    env.add_overload(FUNCTION, FUNCTION, vec![DYN_TYPE, DYN_TYPE], spend)
}

fn spend<'b, 'v>(mut args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let value = args.pop().ok_or_else(ExecutionError::missing_argument_or_target)?;
    args.first()
        .and_then(|budget| budget.downcast_ref::<Budget>())
        .and_then(Budget::spend)
        .map(|()| value)
        .ok_or_else(|| ExecutionError::function_error(FUNCTION, "too many iterations"))
}

/// Makes each iteration of `comprehension` spend one.
///
/// What is wrapped is evaluated once an iteration and outside of what `exists` and `all` forgive; the shapes that the interpreter
/// appends in place for (`map`, `filter`) stay recognisable to it.
pub(super) fn meter(comprehension: &mut ComprehensionExpr) {
    if !matches!(comprehension.loop_cond.expr, Expr::Literal(_)) {
        return wrap(&mut comprehension.loop_cond);
    }
    if let Expr::Call(step) = &mut comprehension.loop_step.expr {
        match (step.func_name.as_str(), step.args.as_mut_slice()) {
            (operators::CONDITIONAL, [guard, ..]) => return wrap(guard),
            (operators::ADD, [_, IdedExpr { expr: Expr::List(items), .. }]) => {
                if let Some(item) = items.elements.first_mut() {
                    return wrap(item);
                }
            }
            _ => {}
        }
    }
    wrap(&mut comprehension.loop_step);
}

fn wrap(expression: &mut IdedExpr) {
    let inner = std::mem::take(expression);
    let budget = IdedExpr { id: inner.id, expr: Expr::Ident(VARIABLE.to_owned()) };
    expression.id = inner.id;
    expression.expr = Expr::Call(CallExpr { func_name: FUNCTION.to_owned(), target: None, args: vec![budget, inner] });
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::policy::expression::{EvaluationError, Expression};
    use crate::policy::identity::tests::alice;
    use crate::policy::identity::{Identity, Subject};

    /// A list of this many groups is far more than a session carries.
    fn many_groups() -> Identity {
        let groups: Vec<_> = (0..5_000).map(|index| format!("group-{index}")).collect();
        Identity {
            claims: std::rc::Rc::new(json!({"groups": groups, "long": "a".repeat(8_000)}).as_object().unwrap().clone()),
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
}
