//! How a request goes on to the backend.

use std::borrow::Cow;
use std::fmt;
use std::rc::Rc;

use crate::admission::{Assertion, ExchangedToken, Passage};
use crate::config::Config;
use crate::http::RequestHead;
use crate::http::cookies::{self, WithoutOwn};
use crate::policy::managed_headers::ManagedHeaders;
use crate::policy::request_view::RequestView;
use crate::time::UnixTime;

const COOKIE: &str = "cookie";
const AUTHORIZATION: &str = "authorization";
/// Where an access token and the proof of its key stand (RFC 6750 §2.1, RFC 9449 §4).
const CREDENTIALS: [&str; 2] = [AUTHORIZATION, "dpop"];

/// The changes to an admitted request. Making one deletes the managed headers first; there is no other way to change headers.
#[derive(Clone, PartialEq, Eq)]
pub struct Forward {
    removed: Vec<Cow<'static, str>>,
    cookies: Vec<Vec<u8>>,
    identity: Rc<[(String, String)]>,
    /// The same, signed.
    assertion: Option<Rc<Assertion>>,
    /// The token for the backend, unless the configuration says itself how it is passed on.
    exchanged: Option<Rc<ExchangedToken>>,
    response_cookies: Vec<String>,
    /// For the host: the rule's name, and what the configuration wants of the identity.
    rule: Option<String>,
    properties: Option<Rc<[(String, String)]>>,
}

/// Names only: values are claims and tokens.
impl fmt::Debug for Forward {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let added: Vec<_> = self.added().map(|(name, _)| name).collect();
        formatter.debug_struct("Forward").field("removed", &self.removed).field("added", &added).finish_non_exhaustive()
    }
}

impl Forward {
    /// Needs a [`Passage`]: somebody verified something, and did all that the rule demands.
    pub fn new(
        passage: &Passage,
        head: &RequestHead,
        request: Option<&RequestView<'_>>,
        managed: &ManagedHeaders,
        config: &Config,
        response_cookies: Vec<String>,
        now: UnixTime,
    ) -> Self {
        let identity = passage.headers(&config.headers, request);
        let is_configured = |_: &&Rc<ExchangedToken>| config.headers.iter().any(|header| header.name == AUTHORIZATION);
        let assertion = config.assertion.as_ref().and_then(|policy| passage.assertion(policy, now));
        let exchanged = passage.exchanged().filter(|token| !is_configured(token)).map(Rc::clone);
        let (rule, properties) = (None, passage.properties(&config.properties, request));
        let (removed, cookies) = (Vec::new(), Vec::new());
        let mut forward = Self { removed, cookies, identity, assertion, exchanged, response_cookies, rule, properties };
        if passage.withholds_credentials() {
            let presented = CREDENTIALS.into_iter().filter(|name| head.headers().first(name).is_some());
            forward.removed.extend(presented.map(Cow::Borrowed));
        }
        // A managed name is ASCII, so this misses none: no other is as long in bytes and the same byte for byte.
        let managed = head.headers().raw_names().filter(|name| managed.is_managed(name));
        managed.filter_map(|name| std::str::from_utf8(name).ok()).for_each(|name| forward.remove(name));
        forward.withhold_own_cookies(head, config);
        forward
    }

    /// Names of header fields to delete, every occurrence.
    pub fn removed(&self) -> impl Iterator<Item = &str> {
        self.removed.iter().map(Cow::as_ref)
    }

    /// Header fields to add after that.
    pub fn added(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let cookies = self.cookies.iter().map(|line| (COOKIE, line.as_slice()));
        let token = self.exchanged.iter().map(|token| (AUTHORIZATION, token.authorization().expose().as_bytes()));
        let assertion = self.assertion.iter().map(|assertion| (assertion.header(), assertion.jwt().as_bytes()));
        cookies
            .chain(token)
            .chain(assertion)
            .chain(self.identity.iter().map(|(name, value)| (name.as_str(), value.as_bytes())))
    }

    /// The same under a rule of this name, which the host is told as well.
    #[must_use]
    pub fn under(self, rule: Option<String>) -> Self {
        Self { rule, ..self }
    }

    /// What the host is told, by name.
    pub fn properties(&self) -> impl Iterator<Item = (&str, &str)> {
        let of_identity = self.properties.iter().flat_map(|properties| properties.iter());
        let of_identity = of_identity.map(|(name, value)| (name.as_str(), value.as_str()));
        self.rule.iter().map(|rule| ("rule", rule.as_str())).chain(of_identity)
    }

    /// `Set-Cookie` lines to add to the backend's response.
    pub fn response_cookies(&self) -> &[String] {
        &self.response_cookies
    }

    /// As [`Self::response_cookies`], when the request's part is done.
    pub fn into_response_cookies(self) -> Vec<String> {
        self.response_cookies
    }

    fn remove(&mut self, name: &str) {
        if !self.removed.iter().any(|removed| removed == name) {
            self.removed.push(Cow::Owned(name.to_owned()));
        }
    }

    /// Cookies of others stay as they are, byte for byte.
    fn withhold_own_cookies(&mut self, head: &RequestHead, config: &Config) {
        let Some(session) = &config.session else { return };
        let is_own = |name: &[u8]| cookies::is_own(name, &session.cookie.name);
        let lines: Vec<_> = head.headers().all(COOKIE).map(|line| (line, cookies::without_own(line, is_own))).collect();
        if lines.iter().all(|(_, remaining)| *remaining == WithoutOwn::Unchanged) {
            return;
        }
        self.removed.push(Cow::Borrowed(COOKIE));
        self.cookies.extend(lines.into_iter().filter_map(|(line, remaining)| match remaining {
            WithoutOwn::Unchanged => Some(line.to_vec()),
            WithoutOwn::Changed(rest) => Some(rest),
            WithoutOwn::Empty => None,
        }));
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use serde_json::json;

    use super::*;
    use crate::admission::{Admission, LiveSession, Onward};
    use crate::http::Headers;
    use crate::session::testing::session;

    const START: UnixTime = UnixTime::from_secs(1_700_000_000);

    fn config() -> Config {
        let document = json!({
            "providers": [{
                "name": "corp", "issuer": "https://login.example.org", "cluster": "idp",
                "client_id": "portal", "client_secret": "s3cret",
            }],
            "session": { "keys": ["q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQDx4tPEtaaXg="] },
            "rules": [{ "match": { "path_prefix": "/public" }, "authentication": "none" }],
            "headers": { "x-auth-subject": "claims.sub", "x-auth-email": "claims.email" },
        });
        Config::parse(document.to_string().as_bytes(), &|_| None).unwrap()
    }

    fn forward(by_session: bool, headers: &[(&str, &str)]) -> Forward {
        let config = config();
        let live = Rc::new(LiveSession::new(
            session(START),
            "portal.example.org".to_owned(),
            crate::admission::Upkeep::Usual,
            UnixTime::from_millis(u64::MAX),
            START,
        ));
        let admission = match by_session {
            true => Admission::by_session(live, None, None, UnixTime::from_secs(0)).ok(),
            false => Admission::anonymous(&config.rules[0]),
        };
        let fields = headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()));
        let head = RequestHead::new(Headers::new(fields.collect()));
        let managed = ManagedHeaders::new(config.managed_headers());
        let Onward::Open(passage) = admission.unwrap().onward() else { panic!("no rule exchanges") };
        Forward::new(&passage, &head, None, &managed, &config, Vec::new(), START)
    }

    #[test]
    fn the_backend_sees_our_value_once_or_nothing_whatever_alias_was_forged() {
        let forged = ["x-auth-subject", "X-Auth-Subject", "x_auth_subject", "x.auth.email", "X-AUTH_EMAIL"];
        let headers: Vec<_> =
            forged.iter().chain(&forged).map(|name| (*name, "admin")).chain([("x-other", "1")]).collect();
        let with_session = forward(true, &headers);
        assert_eq!(with_session.removed().collect::<Vec<_>>(), forged);
        assert_eq!(added(&with_session), [("x-auth-subject", "alice")], "the e-mail claim is missing");
        let anonymous = forward(false, &headers);
        assert_eq!((anonymous.removed().collect(), added(&anonymous)), (forged.to_vec(), Vec::new()));
    }

    fn added(forward: &Forward) -> Vec<(&str, &str)> {
        forward.added().map(|(name, value)| (name, std::str::from_utf8(value).unwrap())).collect()
    }

    #[test]
    fn own_cookies_stay_here_and_foreign_ones_are_untouched() {
        let mixed = forward(
            false,
            &[("cookie", "a=\"1 ;b= 2; __Host-latchkey=1.x; c"), ("cookie", "__Host-latchkey-1=y"), ("cookie", "d=4")],
        );
        assert_eq!(mixed.removed().collect::<Vec<_>>(), ["cookie"]);
        assert_eq!(added(&mixed), [("cookie", "a=\"1 ;b= 2; c"), ("cookie", "d=4")]);
        let foreign = forward(false, &[("cookie", "a=1;;b")]);
        assert_eq!((foreign.removed().count(), foreign.added().count()), (0, 0));
    }
}
