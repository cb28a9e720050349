//! Stable reason codes: what a refusal is called in pages, problem documents, the log and the access log.

/// An error with a stable code, such as `id_token.issuer_mismatch`. Codes are part of the public interface: they are added, never changed.
pub trait Reason {
    /// The code: lower case, `area.cause`.
    fn code(&self) -> &'static str;
}
