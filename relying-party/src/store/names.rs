//! How keys in the store are named, and values sealed for them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::webdis::StoreError;
use crate::config::CookiePolicy;
use crate::entropy::Entropy;
use crate::protocol::MAX_RESPONSE;
use crate::session::cookie::SessionTooLarge;
use crate::session::seal::{Binding, KeyRing, Opened, Purpose};

/// The largest value (base64url): with what Webdis puts around it, still an answer that is read.
const LARGEST_VALUE: usize = MAX_RESPONSE - 1024;

/// The keys of those who serve the same client under the same cookie: whose sessions they open, they share. Session keys take no
/// part in it, so that they can be changed instance by instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreNames<'a> {
    issuer: &'a str,
    client_id: &'a str,
    cookie_name: &'a str,
    prefix: String,
}

impl<'a> StoreNames<'a> {
    /// Names for the client `client_id` of `issuer`.
    pub fn new(issuer: &'a str, client_id: &'a str, cookie: &'a CookiePolicy) -> Self {
        let domain = cookie.domain.as_deref().unwrap_or_default();
        let digest = digest(&[issuer, client_id, &cookie.name, domain].map(str::as_bytes));
        // The number is that of the values' format. In a cluster of Redis the braces keep a client's keys together.
        let prefix = format!("latchkey.1:{{{}}}:", digest.get(..22).unwrap_or_default());
        Self { issuer, client_id, cookie_name: &cookie.name, prefix }
    }

    /// Names for all clients that use this cookie.
    pub fn of_deployment(cookie: &'a CookiePolicy) -> Self {
        Self::new("", "", cookie)
    }

    /// The key of `purpose` that there is once.
    pub fn key(&self, purpose: &str) -> String {
        format!("{}{purpose}", self.prefix)
    }

    /// The key of `purpose` for what is known by `secret`, which the name does not tell.
    pub fn key_for(&self, purpose: &str, secret: &[u8]) -> String {
        format!("{}{purpose}:{}", self.prefix, digest(&[purpose.as_bytes(), secret]))
    }

    /// A value to lie under `key` and nowhere else.
    pub fn seal(
        &self,
        (purpose, key): (Purpose, &str),
        plaintext: &[u8],
        keys: &KeyRing,
        entropy: &mut dyn Entropy,
    ) -> Result<String, SessionTooLarge> {
        let value = URL_SAFE_NO_PAD.encode(keys.seal(&self.binding(purpose, key), plaintext, entropy));
        if value.len() <= LARGEST_VALUE { Ok(value) } else { Err(SessionTooLarge) }
    }

    /// Opens what lies under `key`.
    pub fn open(&self, (purpose, key): (Purpose, &str), value: &str, keys: &KeyRing) -> Result<Opened, StoreError> {
        let sealed = URL_SAFE_NO_PAD.decode(value).map_err(|_| StoreError::Unsealed)?;
        keys.open(&self.binding(purpose, key), &sealed).ok_or(StoreError::Unsealed)
    }

    fn binding<'b>(&'b self, purpose: Purpose, key: &'b str) -> Binding<'b> {
        let Self { issuer, client_id, cookie_name, .. } = self;
        Binding { purpose, issuer, client_id, cookie_name, host: key }
    }
}

fn digest(parts: &[&[u8]]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        digest.update(part);
    }
    URL_SAFE_NO_PAD.encode(digest.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::testing::{TestEntropy, cookie_policy, policy};

    #[test]
    fn who_serves_another_client_or_cookie_uses_other_keys() {
        let cookie = cookie_policy();
        let key = |issuer: &str, client: &str, cookie: &CookiePolicy| StoreNames::new(issuer, client, cookie).key("x");
        let own = key("https://a", "b", &cookie);
        assert_eq!(own, key("https://a", "b", &cookie));
        assert!(own.starts_with("latchkey.1:{") && own.ends_with("}:x"), "{own}");
        let named = CookiePolicy { name: "__Host-other".to_owned(), ..cookie.clone() };
        let wide = CookiePolicy { domain: Some("example.org".to_owned()), ..cookie.clone() };
        for other in [
            key("https://ab", "", &cookie),
            key("https://a", "c", &cookie),
            key("https://a", "b", &named),
            key("https://a", "b", &wide),
        ] {
            assert_ne!(own, other);
        }
    }

    #[test]
    fn a_name_does_not_tell_what_it_stands_for() {
        let cookie = cookie_policy();
        let names = StoreNames::new("https://a", "b", &cookie);
        let key = names.key_for("refresh", b"a-refresh-token");
        assert!(!key.contains("a-refresh-token") && !key.contains(&URL_SAFE_NO_PAD.encode("a-refresh-token")));
        assert_ne!(key, names.key_for("refresh", b"another"));
        assert_ne!(key.rsplit(':').next(), names.key_for("session", b"a-refresh-token").rsplit(':').next());
    }

    #[test]
    fn a_value_opens_under_its_own_key_and_purpose_only() {
        let (cookie, policy, mut entropy) = (cookie_policy(), policy(), TestEntropy::default());
        let names = StoreNames::new("https://a", "b", &cookie);
        let place = (Purpose::StoredSession, "k1");
        let value = names.seal(place, b"claims", &policy.keys, &mut entropy).unwrap();
        assert!(!value.contains("claims"));
        assert_eq!(names.open(place, &value, &policy.keys).map(|opened| opened.plaintext), Ok(b"claims".to_vec()));
        let other = StoreNames::new("https://a", "c", &cookie);
        for (names, place, value) in [
            (&names, (Purpose::StoredSession, "k2"), value.as_str()),
            (&names, (Purpose::StoredRevocation, "k1"), value.as_str()),
            (&names, (Purpose::Session, "k1"), value.as_str()),
            (&other, place, value.as_str()),
            (&names, place, "not sealed"),
            (&names, place, ""),
        ] {
            assert!(matches!(names.open(place, value, &policy.keys), Err(StoreError::Unsealed)));
        }
    }

    #[test]
    fn what_could_not_be_read_again_is_not_written() {
        let (cookie, policy, mut entropy) = (cookie_policy(), policy(), TestEntropy::default());
        let names = StoreNames::new("https://a", "b", &cookie);
        let place = (Purpose::StoredSession, "k1");
        let mut fits = |size: usize| names.seal(place, &vec![0; size], &policy.keys, &mut entropy).is_ok();
        assert!(fits(190 * 1024) && !fits(200 * 1024));
    }
}
