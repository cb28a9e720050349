//! The login in progress, sealed into the `state` parameter (RFC 6749 §10.12, RFC 9700 §4.7): nothing of it is kept here, so
//! that any number of tabs can log in at once and an abandoned one leaves nothing behind.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::LOGIN_LIFETIME;
use super::browser::BrowserId;
use super::fragment::Fragment;
use super::posted_form::FormId;
use super::return_to::ReturnTarget;
use crate::entropy::Entropy;
use crate::policy::demand::AuthenticationDemand;
use crate::reason::Reason;
use crate::secret::Secret;
use crate::session::seal::{Binding, KeyRing, sealed_provider_tag};
use crate::time::UnixTime;

/// The longest `state` that is looked at (bytes); ours stay below, whatever the return target.
const STATE_LIMIT: usize = 12 * 1024;

/// A login in progress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginAttempt {
    /// The provider's `name`.
    pub provider: String,
    /// Where the person wanted to go.
    pub return_to: ReturnTarget,
    /// `nonce` (OIDC Core 1.0 §3.1.2.1)
    pub nonce: String,
    /// `code_verifier` (RFC 7636 §4.1)
    pub code_verifier: Secret<String>,
    /// `redirect_uri`, which the token request repeats (RFC 6749 §4.1.3).
    pub redirect_uri: String,
    /// When the person was sent to the provider.
    pub started_at: UnixTime,
    /// The hash of the browser's identifier.
    pub browser: [u8; 32],
    /// How it was begun.
    pub beginning: Beginning,
    /// Whether it was begun over plain http: browsers drop `Secure` cookies there.
    pub over_plain_http: bool,
    /// How the person is to authenticate; what comes back is checked against it.
    pub demand: AuthenticationDemand,
}

/// How a login was begun, which decides what follows when it fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Beginning {
    /// For a person, who then sees why.
    #[default]
    #[serde(rename = "i")]
    Interactive,
    /// As that, but by itself, after another one was overtaken. It is not repeated a second time.
    #[serde(rename = "r")]
    Repeated,
    /// Without the person (`prompt=none`): when the provider cannot do without, an interactive one follows.
    #[serde(rename = "s")]
    Silent,
}

impl Beginning {
    fn is_interactive(&self) -> bool {
        *self == Self::Interactive
    }
}

/// Why a `state` was refused. The browser is at fault. What could be read of the attempt is there still, so that the answer
/// can lead to its target; it must not be completed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoginAttemptError {
    /// It is not one of ours, or not for this client and host.
    #[error("the state is not one of ours")]
    Unreadable,
    /// It began more than an hour ago.
    #[error("the login began too long ago")]
    Expired(Box<LoginAttempt>),
    /// It began in a browser without this one's cookie.
    #[error("the login began in another browser")]
    AnotherBrowser(Box<LoginAttempt>),
}

impl LoginAttemptError {
    /// The attempt, if it could be read: for its return target.
    pub fn attempt(&self) -> Option<&LoginAttempt> {
        match self {
            Self::Unreadable => None,
            Self::Expired(attempt) | Self::AnotherBrowser(attempt) => Some(attempt),
        }
    }
}

impl Reason for LoginAttemptError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unreadable => "login.state_invalid",
            Self::Expired(_) => "login.expired",
            Self::AnotherBrowser(_) => "login.another_browser",
        }
    }
}

impl LoginAttempt {
    /// A login that begins now, with a fresh `nonce` and `code_verifier`.
    pub fn begin(
        provider: &str,
        return_to: ReturnTarget,
        redirect_uri: String,
        browser: &BrowserId,
        now: UnixTime,
        entropy: &mut dyn Entropy,
    ) -> Self {
        Self {
            provider: provider.to_owned(),
            return_to,
            nonce: entropy.token(),
            code_verifier: Secret::new(entropy.token()),
            redirect_uri,
            started_at: now,
            browser: browser.hash(),
            beginning: Beginning::default(),
            over_plain_http: false,
            demand: AuthenticationDemand::default(),
        }
    }

    /// The `state` parameter. `binding` is one for [`crate::session::seal::Purpose::Login`].
    pub fn seal(&self, keys: &KeyRing, binding: &Binding<'_>, entropy: &mut dyn Entropy) -> String {
        let sealed = Sealed {
            provider: self.provider.clone(),
            return_to: self.return_to.as_str().to_owned(),
            fragment: self.return_to.fragment.as_ref().map(|fragment| fragment.as_str().to_owned()),
            form: self.return_to.form.as_ref().map(|form| form.as_str().to_owned()),
            nonce: self.nonce.clone(),
            code_verifier: self.code_verifier.expose().clone(),
            redirect_uri: self.redirect_uri.clone(),
            started_at: self.started_at.as_millis(),
            browser: URL_SAFE_NO_PAD.encode(self.browser),
            beginning: self.beginning,
            over_plain_http: self.over_plain_http,
            max_age: self.demand.max_age.map(|max_age| max_age.as_secs()),
            acr_values: self.demand.acr_values.clone(),
        };
        // Serialising strings and an integer into memory does not fail; and what is empty then opens as nothing.
        let plaintext = serde_json::to_vec(&sealed).unwrap_or_default();
        URL_SAFE_NO_PAD.encode(keys.seal(binding, &plaintext, entropy))
    }

    /// Opens a `state` for a callback that arrives `now` with the identifiers of `browsers`. `binding` finds what a value for
    /// the provider with this tag must be bound to.
    pub fn open<'b>(
        state: &str,
        keys: &KeyRing,
        binding: impl FnOnce([u8; 4]) -> Option<Binding<'b>>,
        browsers: &[BrowserId],
        now: UnixTime,
    ) -> Result<Self, LoginAttemptError> {
        let attempt = unseal(state, keys, binding).ok_or(LoginAttemptError::Unreadable)?;
        // First: the browser's cookie is gone by then too, and "too late" is what helps the person.
        if now.since(attempt.started_at) > LOGIN_LIFETIME {
            return Err(LoginAttemptError::Expired(Box::new(attempt)));
        }
        if !browsers.iter().any(|browser| browser.has_hash(&attempt.browser)) {
            return Err(LoginAttemptError::AnotherBrowser(Box::new(attempt)));
        }
        Ok(attempt)
    }
}

/// Short names, because the `state` is part of a URL.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    #[serde(rename = "p")]
    provider: String,
    #[serde(rename = "r")]
    return_to: String,
    #[serde(rename = "n")]
    nonce: String,
    #[serde(rename = "v")]
    code_verifier: String,
    #[serde(rename = "u")]
    redirect_uri: String,
    #[serde(rename = "t")]
    started_at: u64,
    #[serde(rename = "b")]
    browser: String,
    #[serde(rename = "k", default, skip_serializing_if = "Beginning::is_interactive")]
    beginning: Beginning,
    #[serde(rename = "h", default, skip_serializing_if = "std::ops::Not::not")]
    over_plain_http: bool,
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    fragment: Option<String>,
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    form: Option<String>,
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    max_age: Option<u64>,
    #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
    acr_values: Vec<String>,
}

fn unseal<'b>(
    state: &str,
    keys: &KeyRing,
    binding: impl FnOnce([u8; 4]) -> Option<Binding<'b>>,
) -> Option<LoginAttempt> {
    if state.len() > STATE_LIMIT {
        return None;
    }
    let sealed = URL_SAFE_NO_PAD.decode(state).ok()?;
    let opened = keys.open(&binding(sealed_provider_tag(&sealed)?)?, &sealed)?;
    let sealed: Sealed = serde_json::from_slice(&opened.plaintext).ok()?;
    Some(LoginAttempt {
        provider: sealed.provider,
        return_to: ReturnTarget::from_sealed(sealed.return_to)
            .with(sealed.fragment.as_deref().and_then(Fragment::parse), sealed.form.as_deref().and_then(FormId::parse)),
        nonce: sealed.nonce,
        code_verifier: Secret::new(sealed.code_verifier),
        redirect_uri: sealed.redirect_uri,
        started_at: UnixTime::from_millis(sealed.started_at),
        browser: URL_SAFE_NO_PAD.decode(sealed.browser).ok()?.try_into().ok()?,
        beginning: sealed.beginning,
        over_plain_http: sealed.over_plain_http,
        demand: AuthenticationDemand {
            max_age: sealed.max_age.map(Duration::from_secs),
            acr_values: sealed.acr_values,
        },
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::session::seal::Purpose;
    use crate::session::testing::{TestEntropy, policy};

    const START: UnixTime = UnixTime::from_secs(1_700_000_000);
    const BINDING: Binding<'static> = Binding {
        purpose: Purpose::Login,
        issuer: "https://login.example.org/realms/corp",
        client_id: "portal",
        cookie_name: "__Host-latchkey",
        host: "portal.example.org",
    };

    struct Case {
        entropy: TestEntropy,
        keys: KeyRing,
        browser: BrowserId,
        attempt: LoginAttempt,
        state: String,
    }

    fn case() -> Case {
        let mut entropy = TestEntropy::default();
        let browser = BrowserId::random(&mut entropy);
        let target = ReturnTarget::from_sealed("/approvals/2024?view=open&sort=date".to_owned());
        let callback = "https://portal.example.org/oauth2/callback".to_owned();
        let attempt = LoginAttempt::begin("corp", target, callback, &browser, START, &mut entropy);
        let keys = policy().keys;
        let state = attempt.seal(&keys, &BINDING, &mut entropy);
        Case { entropy, keys, browser, attempt, state }
    }

    impl Case {
        fn open(&self, browsers: &[BrowserId], now: UnixTime) -> Result<LoginAttempt, LoginAttemptError> {
            LoginAttempt::open(&self.state, &self.keys, |_| Some(BINDING), browsers, now)
        }
    }

    #[test]
    fn a_callback_in_the_same_browser_continues_the_login() {
        let mut case = case();
        let others = [BrowserId::random(&mut case.entropy), case.browser.clone()];
        assert_eq!(case.open(&others, START + LOGIN_LIFETIME), Ok(case.attempt.clone()));
        assert!(case.state.len() < 600, "{}", case.state.len());
        assert_ne!(case.attempt.nonce, *case.attempt.code_verifier.expose());
    }

    #[test]
    fn a_callback_from_another_browser_is_refused_and_still_knows_its_target() {
        let mut case = case();
        for browsers in [vec![], vec![BrowserId::random(&mut case.entropy)]] {
            let error = case.open(&browsers, START).unwrap_err();
            assert_eq!(error.code(), "login.another_browser");
            assert_eq!(error.attempt().unwrap().return_to, case.attempt.return_to);
        }
    }

    #[test]
    fn a_callback_after_an_hour_is_too_late_and_still_knows_its_target() {
        let case = case();
        let error = case.open(&[], START + LOGIN_LIFETIME + Duration::from_millis(1)).unwrap_err();
        assert_eq!(error.code(), "login.expired");
        assert_eq!(error.attempt().unwrap().return_to.as_str(), "/approvals/2024?view=open&sort=date");
    }

    #[test]
    fn a_state_for_another_provider_host_or_purpose_is_unreadable() {
        let case = case();
        let open = |binding| {
            LoginAttempt::open(&case.state, &case.keys, |_| binding, std::slice::from_ref(&case.browser), START)
                .unwrap_err()
                .code()
        };
        assert_eq!(open(None), "login.state_invalid");
        assert_eq!(open(Some(Binding { client_id: "other", ..BINDING })), "login.state_invalid");
        assert_eq!(open(Some(Binding { host: "other.example.org", ..BINDING })), "login.state_invalid");
        assert_eq!(open(Some(Binding { purpose: Purpose::Session, ..BINDING })), "login.state_invalid");
    }

    #[test]
    fn the_longest_return_target_fits_into_a_state_that_is_read() {
        let mut case = case();
        let path = format!("/{}", "\"".repeat(2047));
        case.attempt.return_to = ReturnTarget::from_sealed(path)
            .with(Fragment::parse(&"\\".repeat(1024)), FormId::parse("AAAAAAAAAAAAAAAAAAAAAA"));
        case.attempt.beginning = Beginning::Silent;
        case.state = case.attempt.seal(&case.keys, &BINDING, &mut case.entropy);
        assert_eq!(case.open(std::slice::from_ref(&case.browser), START), Ok(case.attempt.clone()));
    }

    #[test]
    fn debug_output_shows_no_code_verifier() {
        let case = case();
        assert!(!format!("{:?}", case.attempt).contains(case.attempt.code_verifier.expose()));
    }

    proptest! {
        #[test]
        fn an_altered_or_invented_state_is_unreadable(at in any::<prop::sample::Index>(), invented in ".{0,100}") {
            let case = case();
            let mut altered = case.state.clone().into_bytes();
            let at = at.index(altered.len());
            altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
            for state in [String::from_utf8(altered).unwrap(), invented, case.state.chars().take(at).collect()] {
                let result = LoginAttempt::open(
                    &state, &case.keys, |_| Some(BINDING), std::slice::from_ref(&case.browser), START);
                prop_assert_eq!(result, Err(LoginAttemptError::Unreadable));
            }
        }
    }
}
