//! Lines for the host's log. They never hold a token, a secret or a claim's value.

/// How urgent a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// What an operator looks at when asked: an ordinary refusal.
    Info,
    /// Something an operator should look into: a provider misbehaves, a setting is at fault.
    Warn,
}

/// A line for the host's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// How urgent.
    pub level: Level,
    /// What happened, to whom, and what helps.
    pub message: String,
}

impl LogLine {
    /// An informational line.
    pub const fn info(message: String) -> Self {
        Self { level: Level::Info, message }
    }

    /// A warning.
    pub const fn warn(message: String) -> Self {
        Self { level: Level::Warn, message }
    }
}
