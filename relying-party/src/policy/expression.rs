//! CEL expressions over an identity (cel.dev).

/// A compiled expression.
#[derive(Debug)]
pub struct Expression {}

impl Expression {
    /// Compiles `source`.
    pub fn compile(_source: &str) -> Result<Self, ExpressionError> {
        Err(ExpressionError::Stub)
    }
}

/// Why an expression was refused.
#[derive(Debug, thiserror::Error)]
pub enum ExpressionError {
    /// To be replaced.
    #[error("stub")]
    Stub,
}
