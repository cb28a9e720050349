//! How a request goes on to the backend.

use std::fmt;

use crate::admission::Admission;
use crate::config::Config;
use crate::http::RequestHead;
use crate::http::cookies::{self, WithoutOwn};
use crate::policy::managed_headers::ManagedHeaders;
use crate::policy::request_view::RequestView;

/// The changes to an admitted request. Making one deletes the managed headers first; there is no other way to change headers.
#[derive(Clone, PartialEq, Eq)]
pub struct Forward {
    removed: Vec<String>,
    added: Vec<(String, Vec<u8>)>,
    response_cookies: Vec<String>,
}

/// Names only: values are claims and tokens.
impl fmt::Debug for Forward {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let added: Vec<_> = self.added.iter().map(|(name, _)| name).collect();
        formatter.debug_struct("Forward").field("removed", &self.removed).field("added", &added).finish_non_exhaustive()
    }
}

impl Forward {
    /// Needs an [`Admission`]: somebody verified something.
    pub fn new(
        admission: &Admission,
        head: &RequestHead,
        request: Option<&RequestView<'_>>,
        managed: &ManagedHeaders,
        config: &Config,
        response_cookies: Vec<String>,
    ) -> Self {
        let mut forward = Self { removed: Vec::new(), added: Vec::new(), response_cookies };
        for (name, _) in head.headers().iter() {
            if managed.is_managed(name) {
                forward.remove(name);
            }
        }
        forward.withhold_own_cookies(head, config);
        if let Some(session) = admission.session() {
            let headers = session.identity_headers(&config.headers, request);
            forward.added.extend(headers.into_iter().map(|(name, value)| (name, value.into_bytes())));
        }
        forward
    }

    /// Names of header fields to delete, every occurrence.
    pub fn removed(&self) -> &[String] {
        &self.removed
    }

    /// Header fields to add after that.
    pub fn added(&self) -> &[(String, Vec<u8>)] {
        &self.added
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
            self.removed.push(name.to_owned());
        }
    }

    /// Cookies of others stay as they are, byte for byte.
    fn withhold_own_cookies(&mut self, head: &RequestHead, config: &Config) {
        let is_own = |name: &[u8]| cookies::is_own(name, &config.session.cookie.name);
        let lines = || head.headers().all("cookie").map(|line| (line, cookies::without_own(line, is_own)));
        if lines().any(|(_, remaining)| remaining != WithoutOwn::Unchanged) {
            self.remove("cookie");
            for (line, remaining) in lines() {
                match remaining {
                    WithoutOwn::Unchanged => self.added.push(("cookie".to_owned(), line.to_vec())),
                    WithoutOwn::Changed(rest) => self.added.push(("cookie".to_owned(), rest)),
                    WithoutOwn::Empty => {}
                }
            }
        }
    }
}
