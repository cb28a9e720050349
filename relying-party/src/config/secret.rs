//! Secrets: a literal string, or `{env: NAME}` from the VM's environment. None of this is ever printed.

use super::cursor::Cursor;
use crate::secret::Secret;

const EXPECTED: &str = "a secret: a string, or `{env: NAME}`";

/// Reads a secret. Names that are no names of variables are not shown either: a secret may have slipped there.
pub(super) fn read(cursor: &Cursor<'_>) -> Option<Secret<String>> {
    let secret = match cursor.node() {
        super::json::Node::String(literal) => literal.clone(),
        super::json::Node::Mapping(_) => from_environment(cursor)?,
        _ => {
            cursor.refuse_kind(EXPECTED);
            return None;
        }
    };
    if secret.is_empty() {
        cursor.refuse("an empty string", EXPECTED);
        return None;
    }
    Some(Secret::new(secret))
}

fn from_environment(cursor: &Cursor<'_>) -> Option<String> {
    let mapping = cursor.mapping(EXPECTED)?;
    if mapping.members().any(|(name, _)| name != "env") {
        cursor.refuse("a mapping with another key than `env`", EXPECTED);
        return None;
    }
    let variable = mapping.required("env", "the name of an environment variable")?;
    let name = variable.text("the name of an environment variable")?;
    if !is_variable_name(name) {
        variable.refuse("something else", "the name of an environment variable (letters, digits and `_`)");
        return None;
    }
    match variable.environment(name) {
        Some(value) if !value.is_empty() => Some(value),
        Some(_) => {
            variable.refuse(format_args!("the environment variable `{name}` empty"), "it to hold the secret");
            None
        }
        None => {
            variable.refuse(
                format_args!("no environment variable `{name}`"),
                "the VM's environment to hold it (Envoy: `vm_config.environment_variables`)",
            );
            None
        }
    }
}

fn is_variable_name(name: &str) -> bool {
    name.len() <= 128
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}
