//! A form that was posted without a session (`preserve_form`): the browser keeps it, sealed, over the login.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::browser::ResponseMode;
use super::return_to::ReturnTarget;
use crate::config::{CookiePolicy, PublicUrl, SessionPolicy};
use crate::entropy::Entropy;
use crate::http::Headers;
use crate::session::cookie::{self, SessionTooLarge};
use crate::session::seal::{Binding, sealed_provider_tag};
use crate::time::UnixTime;

/// The largest form that is kept (bytes).
pub const LARGEST_FORM: usize = 8 * 1024;
/// How long it is kept: long enough for a second factor, and no request carries it for ever after an abandoned login.
const LIFETIME: Duration = Duration::from_secs(15 * 60);
/// How many cookies it may take.
const MOST_COOKIES: usize = 5;

/// 128 random bits that tie a form to the login that it waits for, as 22 characters of base64url.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormId(String);

impl FormId {
    fn random(entropy: &mut dyn Entropy) -> Self {
        Self(URL_SAFE_NO_PAD.encode(entropy.bytes::<16>()))
    }

    /// Reads one.
    pub fn parse(input: &str) -> Option<Self> {
        let mut bytes = [0; 16];
        let well_formed = input.len() == 22 && URL_SAFE_NO_PAD.decode_slice(input, &mut bytes) == Ok(16);
        well_formed.then(|| Self(input.to_owned()))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A form, where it was to go, and when.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostedForm {
    #[serde(rename = "i")]
    id: String,
    #[serde(rename = "o")]
    origin: String,
    #[serde(rename = "a")]
    action: String,
    #[serde(rename = "b")]
    body: String,
    #[serde(rename = "t")]
    kept_at: u64,
}

/// What people enter is nobody's business.
impl fmt::Debug for PostedForm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PostedForm").field("id", &self.id).finish_non_exhaustive()
    }
}

impl PostedForm {
    /// Takes the body of a form (`application/x-www-form-urlencoded`) that was posted to `target` on `public`; `None` when a page
    /// could not send it again as it was.
    pub fn take(
        body: Vec<u8>,
        target: &ReturnTarget,
        public: &PublicUrl,
        now: UnixTime,
        entropy: &mut dyn Entropy,
    ) -> Option<Self> {
        let body = String::from_utf8(body).ok().filter(|body| body.len() <= LARGEST_FORM)?;
        let form = Self {
            id: FormId::random(entropy).0,
            origin: public.origin.clone(),
            action: target.as_str().to_owned(),
            body,
            kept_at: now.as_millis(),
        };
        let is_faithful = form.fields().all(|(name, value)| can_be_sent_again(&name, &value));
        is_faithful.then_some(form)
    }

    /// What its login must name.
    pub fn id(&self) -> FormId {
        FormId(self.id.clone())
    }

    /// Names and values, in order.
    pub fn fields(&self) -> impl Iterator<Item = (String, String)> {
        form_urlencoded::parse(self.body.as_bytes()).into_owned()
    }

    /// The `Set-Cookie` lines that let the browser of a request with these `headers` keep it. `binding` is one for [`crate::session::seal::Purpose::Form`].
    pub fn set_cookies(
        &self,
        headers: &Headers,
        session: &SessionPolicy,
        (binding, response_mode): (&Binding<'_>, ResponseMode),
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<String>, SessionTooLarge> {
        let plaintext = serde_json::to_vec(self).map_err(|_| SessionTooLarge)?;
        let sealed = session.keys.seal(binding, &plaintext, entropy);
        let policy = cookie_policy(&session.cookie, response_mode);
        let earlier = cookie::collect(headers, &policy, MOST_COOKIES).present();
        cookie::set_cookies(&policy, MOST_COOKIES, &sealed, LIFETIME, earlier)
    }

    /// The form that the browser keeps for `target` on `public`. `binding` finds what a value for the provider with this tag must
    /// be bound to. Whatever is wrong with a cookie, the answer is the same: none.
    pub fn of_request<'b>(
        headers: &Headers,
        session: &SessionPolicy,
        binding: impl Fn([u8; 4]) -> Option<Binding<'b>>,
        (target, public): (&ReturnTarget, &PublicUrl),
        now: UnixTime,
    ) -> Option<Self> {
        let id = target.form.as_ref()?;
        let policy = cookie_policy(&session.cookie, ResponseMode::Query);
        let belongs = |form: &Self| {
            form.id == id.0
                && form.origin == public.origin
                && form.action == target.as_str()
                && now.since(UnixTime::from_millis(form.kept_at)) <= LIFETIME
        };
        let cookies = cookie::collect(headers, &policy, MOST_COOKIES);
        cookies.candidates().find_map(|candidate| {
            let sealed = cookie::sealed(&candidate)?;
            let opened = session.keys.open(&binding(sealed_provider_tag(&sealed)?)?, &sealed)?;
            serde_json::from_slice(&opened.plaintext).ok().filter(belongs)
        })
    }
}

/// The `Set-Cookie` lines that delete whatever form the browser keeps.
pub fn clear_cookies(headers: &Headers, policy: &CookiePolicy) -> Vec<String> {
    let policy = cookie_policy(policy, ResponseMode::Query);
    let present = cookie::collect(headers, &policy, MOST_COOKIES).present();
    if present == cookie::PresentParts::default() { Vec::new() } else { cookie::clear_cookies(&policy, present) }
}

/// `NAME-form`, `NAME-form-1` …, which reach the callback.
fn cookie_policy(policy: &CookiePolicy, response_mode: ResponseMode) -> CookiePolicy {
    CookiePolicy { name: format!("{}-form", policy.name), same_site: response_mode.same_site(policy), ..policy.clone() }
}

/// Whether a hidden field of a page in UTF-8 is sent as what it was. HTML has no NUL and no other controls but those of lines; browsers
/// put the page's encoding into `_charset_`; and what was not UTF-8 has become a replacement character.
fn can_be_sent_again(name: &str, value: &str) -> bool {
    let is_plain = |text: &str| {
        text.chars().all(|character| {
            matches!(character, '\r' | '\n' | '\t')
                || (!character.is_control() && character != char::REPLACEMENT_CHARACTER)
        })
    };
    !name.is_empty()
        && is_plain(name)
        && is_plain(value)
        && (!name.eq_ignore_ascii_case("_charset_") || value == "UTF-8")
}

#[cfg(test)]
#[path = "posted_form_tests.rs"]
mod tests;
