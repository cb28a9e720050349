//! The headers that only this filter may send to a backend.

/// The names under which an identity travels to the backend, to be deleted from every incoming request in all their aliases.
///
/// A backend behind CGI, WSGI or PHP cannot tell `x-auth-email` from `X_Auth.Email`, so neither does this.
#[derive(Clone, Debug, Default)]
pub struct ManagedHeaders {
    /// Folded names.
    names: Vec<Box<[u8]>>,
    /// Bit `n` is set when a name has `n` bytes (63: or more): most headers of a request are dismissed by it.
    lengths: u64,
}

impl ManagedHeaders {
    /// Takes the names of the configuration, in any spelling.
    pub fn new<Name: AsRef<str>>(names: impl IntoIterator<Item = Name>) -> Self {
        let names: Vec<Box<[u8]>> =
            names.into_iter().map(|name| name.as_ref().bytes().map(fold).collect::<Box<[u8]>>()).collect();
        let lengths = names.iter().fold(0, |lengths, name| lengths | length_bit(name));
        Self { names, lengths }
    }

    /// Whether `name` is one of the managed names in any case, with `_` or `.` for `-`.
    pub fn is_managed(&self, name: impl AsRef<[u8]>) -> bool {
        let name = name.as_ref();
        self.lengths & length_bit(name) != 0
            && self.names.iter().any(|managed| {
                managed.len() == name.len() && managed.iter().zip(name).all(|(managed, byte)| *managed == fold(*byte))
            })
    }
}

const fn fold(byte: u8) -> u8 {
    match byte {
        b'_' | b'.' => b'-',
        other => other.to_ascii_lowercase(),
    }
}

fn length_bit(name: &[u8]) -> u64 {
    1 << name.len().min(63)
}

#[cfg(test)]
mod tests {
    use super::ManagedHeaders;

    #[test]
    fn every_alias_of_a_managed_name_is_managed() {
        let managed = ManagedHeaders::new(["x-auth-email", "Remote_User", &"x-long".repeat(20)]);
        for alias in ["x-auth-email", "X-Auth-Email", "x_auth_email", "x.auth.email", "X_AUTH-eMail", "remote-user"] {
            assert!(managed.is_managed(alias), "{alias}");
        }
        assert!(managed.is_managed("X_LONG".repeat(20)));
    }

    #[test]
    fn other_names_are_left_alone() {
        let managed = ManagedHeaders::new(["x-auth-email"]);
        for other in ["x-auth-emai", "x-auth-emaill", "x-auth+email", "y-auth-email", "", "x-auth-emaiß"] {
            assert!(!managed.is_managed(other), "{other}");
        }
        assert!(!ManagedHeaders::default().is_managed(""));
    }
}
