//! The audit log: one line of JSON for each decision about security. Never a token, and no subject but as configured.

use std::fmt::{self, Write as _};

use crate::config::SessionPolicy;
use crate::time::UnixTime;

/// What the audit log says (`audit`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditPolicy {
    /// Subjects by a keyed hash: the same person has the same one, and nobody without the session key knows whose it is.
    Hashed,
    /// Subjects by their `sub`.
    Plain,
}

/// Whom a decision is about. A `sub` is unique at its issuer.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// `iss`
    pub issuer: &'a str,
    /// `sub`
    pub subject: &'a str,
}

impl AuditPolicy {
    /// What the log calls `subject`. Without session keys, which the configuration demands for hashes, nothing.
    pub fn name(self, subject: Subject<'_>, session: Option<&SessionPolicy>) -> String {
        let Subject { issuer, subject } = subject;
        match self {
            Self::Plain => subject.to_owned(),
            Self::Hashed => session.map(|session| session.keys.pseudonym(&[issuer, subject])).unwrap_or_default(),
        }
    }
}

/// A line, to be displayed.
#[derive(Clone, Copy, Debug)]
pub struct AuditLine<'a> {
    /// When.
    pub time: UnixTime,
    /// What happened.
    pub event: &'static str,
    /// The reason code.
    pub reason: Option<&'static str>,
    /// The provider's name in the configuration.
    pub provider: Option<&'a str>,
    /// The rule's name.
    pub rule: Option<&'a str>,
    /// The request's id, as it is shown to people.
    pub request_id: Option<&'a str>,
    /// Whom it is about.
    pub subject: Option<&'a str>,
}

/// `latchkey-audit {"time":"2026-11-23T02:41:26.123Z","event":"login",…}`
impl fmt::Display for AuditLine<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, r#"latchkey-audit {{"time":"{}","event":"{}""#, self.time, self.event)?;
        let Self { reason, provider, rule, request_id, subject, .. } = *self;
        for (name, value) in [
            ("reason", reason),
            ("provider", provider),
            ("rule", rule),
            ("request_id", request_id),
            ("subject", subject),
        ] {
            if let Some(value) = value {
                write!(formatter, r#","{name}":"{}""#, Escaped(value))?;
            }
        }
        formatter.write_char('}')
    }
}

/// A string's content in JSON (RFC 8259 §7), in printable ASCII: neither a line's end nor a terminal's command can be in it.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            if matches!(character, ' '..='~') && !matches!(character, '"' | '\\') {
                formatter.write_char(character)?;
            } else {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(formatter, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::session::testing::policy;

    const LINE: AuditLine<'static> = AuditLine {
        time: UnixTime::from_millis(1_795_401_686_123),
        event: "login",
        reason: None,
        provider: Some("corp"),
        rule: None,
        request_id: Some("r-1"),
        subject: Some("alice"),
    };

    #[test]
    fn a_line_is_json_behind_a_mark() {
        assert_eq!(
            LINE.to_string(),
            r#"latchkey-audit {"time":"2026-11-23T02:41:26.123Z","event":"login","provider":"corp","request_id":"r-1","subject":"alice"}"#
        );
    }

    #[test]
    fn nothing_from_outside_ends_a_line_or_a_string() {
        for subject in ["\"},{\"", "a\nb\r\u{85}\u{2028}", "\u{1b}[31m\u{9b}2J\u{7f}", "\\\\\"", "Zoë \u{1f511}", ""] {
            let line = AuditLine { subject: Some(subject), rule: Some(subject), ..LINE }.to_string();
            assert!(line.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{line}");
            let document: Value = serde_json::from_str(line.strip_prefix("latchkey-audit ").unwrap()).unwrap();
            assert_eq!((&document["subject"], &document["rule"]), (&json!(subject), &json!(subject)));
        }
    }

    #[test]
    fn a_hash_stands_for_one_subject_of_one_issuer_and_does_not_say_whose_it_is() {
        let session = policy();
        let name = |audit: AuditPolicy, issuer, subject| audit.name(Subject { issuer, subject }, Some(&session));
        let hash = |issuer, subject| name(AuditPolicy::Hashed, issuer, subject);
        assert_eq!(hash("https://a", "alice"), hash("https://a", "alice"));
        assert_eq!(hash("https://a", "alice").len(), 22, "128 bits");
        for (issuer, subject) in [("https://a", "bob"), ("https://b", "alice"), ("https://aa", "lice")] {
            assert_ne!(hash("https://a", "alice"), hash(issuer, subject));
        }
        assert_eq!(name(AuditPolicy::Plain, "https://a", "alice"), "alice");
        assert_eq!(AuditPolicy::Hashed.name(Subject { issuer: "https://a", subject: "alice" }, None), "");
    }
}
