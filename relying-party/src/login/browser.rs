//! The one short-lived cookie that ties logins to a browser, so that nobody can be made to complete another's login
//! (RFC 9700 §4.7). All tabs share it. It holds a random value and, between logins, what happened lately ([`Past`]).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::LOGIN_LIFETIME;
use super::past::{self, Past};
use crate::config::{Client, CookiePolicy, SameSite};
use crate::entropy::Entropy;
use crate::http::{Headers, cookies};
use crate::session::cookie::attributes;

/// How many cookies of the name are tried: other hosts of the domain can plant some.
const CANDIDATE_LIMIT: usize = 4;

/// A browser, as its cookie names it: 256 random bits in 43 characters of base64url.
#[derive(Clone, PartialEq, Eq)]
pub struct BrowserId(String);

/// How the provider's answer comes back, which decides what the cookie must survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseMode {
    /// A redirect: a top-level GET from another site.
    Query,
    /// `form_post` (OAuth 2.0 Form Post Response Mode): a POST from another site, which only `SameSite=None` cookies follow.
    FormPost,
}

impl ResponseMode {
    /// `SameSite` of what the callback must carry. Not the session's: the callback always comes from another site; and inside another
    /// site's frame browsers keep no other cookies than those of `None`.
    pub(super) const fn same_site(self, policy: &CookiePolicy) -> SameSite {
        match (self, policy.same_site) {
            (_, SameSite::None) => SameSite::None,
            (Self::FormPost, _) if policy.secure => SameSite::None,
            (Self::FormPost | Self::Query, _) => SameSite::Lax,
        }
    }

    /// What this client asks for in its `authorization_parameters`.
    pub fn of(client: &Client) -> Self {
        let is_form_post = |(name, value): &(String, String)| name == "response_mode" && value == "form_post";
        if client.authorization_parameters.iter().any(is_form_post) { Self::FormPost } else { Self::Query }
    }
}

impl BrowserId {
    /// A browser that is seen for the first time.
    pub fn random(entropy: &mut dyn Entropy) -> Self {
        Self(entropy.token())
    }

    /// The browser of a request that begins a login. An identifier that it has already is kept: logins in other tabs go on.
    pub fn of_login(headers: &Headers, policy: &CookiePolicy, entropy: &mut dyn Entropy) -> Self {
        Self::of_request(headers, policy).into_iter().next().unwrap_or_else(|| Self::random(entropy))
    }

    /// The well-formed identifiers that the request carries, at most four; one, unless somebody planted more.
    pub fn of_request(headers: &Headers, policy: &CookiePolicy) -> Vec<Self> {
        values(headers, policy).filter_map(|value| Self::parse(past::split(value)?.1)).collect()
    }

    fn parse(value: &[u8]) -> Option<Self> {
        let mut bytes = [0; 32];
        let well_formed = value.len() == 43 && URL_SAFE_NO_PAD.decode_slice(value, &mut bytes) == Ok(32);
        well_formed.then(|| String::from_utf8(value.to_vec()).ok().map(Self)).flatten()
    }

    /// What a login remembers of its browser: a `state` that leaks does not give the cookie away.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::new().chain_update(b"latchkey browser").chain_update(&self.0).finalize().into()
    }

    pub(super) fn has_hash(&self, hash: &[u8; 32]) -> bool {
        self.hash().ct_eq(hash).into()
    }

    /// The `Set-Cookie` line. It is sent with every login, so that the cookie lasts as long as the latest one; what is known of the
    /// browser's `past` stays known.
    pub fn set_cookie(&self, policy: &CookiePolicy, response_mode: ResponseMode, past: Past) -> String {
        line(policy, &format!("{}{}", past.before_identifier(), self.0), response_mode, LOGIN_LIFETIME)
    }
}

/// The `Set-Cookie` line that deletes the cookie.
pub fn clear_cookie(policy: &CookiePolicy, response_mode: ResponseMode) -> String {
    line(policy, "", response_mode, Duration::ZERO)
}

/// The values of the login cookie, at most four.
pub(super) fn values<'a>(headers: &'a Headers, policy: &'a CookiePolicy) -> impl Iterator<Item = &'a [u8]> {
    let ours = |name: &[u8]| name.strip_prefix(policy.name.as_bytes()) == Some(b"-login");
    let pairs = headers.all("cookie").flat_map(cookies::parse);
    pairs.filter(move |(name, _)| ours(name)).take(CANDIDATE_LIMIT).map(|(_, value)| value)
}

pub(super) fn line(policy: &CookiePolicy, value: &str, response_mode: ResponseMode, max_age: Duration) -> String {
    format!("{}-login={value}{}", policy.name, attributes(policy, response_mode.same_site(policy), max_age))
}

impl std::fmt::Debug for BrowserId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("BrowserId([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::testing::{TestEntropy, cookie_policy};

    fn of_cookies(value: &[u8]) -> Vec<BrowserId> {
        BrowserId::of_request(&Headers::new(vec![("cookie".to_owned(), value.to_vec())]), &cookie_policy())
    }

    #[test]
    fn a_browser_is_recognised_by_its_cookie() {
        let browser = BrowserId::random(&mut TestEntropy::default());
        let line = browser.set_cookie(&cookie_policy(), ResponseMode::Query, Past::Unknown);
        let (pair, attributes) = line.split_once("; ").unwrap();
        assert_eq!(attributes, "Path=/; Max-Age=3600; HttpOnly; SameSite=Lax; Secure");
        let found = of_cookies(format!("a=1; {pair}; __Host-latchkey=1.x").as_bytes());
        assert_eq!(found, std::slice::from_ref(&browser));
        assert!(found[0].has_hash(&browser.hash()));
    }

    #[test]
    fn a_second_tab_keeps_the_browsers_identifier_and_a_malformed_one_is_replaced() {
        let begin = |cookie: String| {
            let headers = Headers::new(vec![("cookie".to_owned(), cookie.into_bytes())]);
            BrowserId::of_login(&headers, &cookie_policy(), &mut TestEntropy::default())
        };
        let kept = "A".repeat(43);
        assert_eq!(begin(format!("__Host-latchkey-login={kept}")).0, kept);
        assert_eq!(begin("__Host-latchkey-login=planted".to_owned()), BrowserId::random(&mut TestEntropy::default()));
    }

    #[test]
    fn malformed_values_are_no_browser_and_many_are_not_all_read() {
        let good = "A".repeat(43);
        for value in ["", "A", &"A".repeat(42), &"A".repeat(44), &format!("{}B", "A".repeat(42)), &"=".repeat(43)] {
            assert!(of_cookies(format!("__Host-latchkey-login={value}").as_bytes()).is_empty(), "{value}");
        }
        assert!(of_cookies(&[b"__Host-latchkey-login=".as_slice(), &[0xff; 43]].concat()).is_empty());
        assert_eq!(of_cookies(format!("__Host-latchkey-login={good}; ").repeat(100).as_bytes()).len(), 4);
    }

    #[test]
    fn a_form_post_callback_needs_a_cookie_for_cross_site_posts() {
        let mut policy = CookiePolicy { same_site: SameSite::Strict, ..cookie_policy() };
        let browser = BrowserId::random(&mut TestEntropy::default());
        assert!(browser.set_cookie(&policy, ResponseMode::FormPost, Past::Unknown).contains("SameSite=None; Secure"));
        assert!(browser.set_cookie(&policy, ResponseMode::Query, Past::Unknown).contains("SameSite=Lax; Secure"));
        policy.secure = false;
        assert!(browser.set_cookie(&policy, ResponseMode::FormPost, Past::Unknown).ends_with("SameSite=Lax"));
    }

    #[test]
    fn the_cookie_is_deleted_with_the_attributes_it_was_set_with() {
        assert_eq!(
            clear_cookie(&cookie_policy(), ResponseMode::Query),
            "__Host-latchkey-login=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure"
        );
    }
}
