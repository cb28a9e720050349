//! HTTP as plain data: what comes in from the browser, what goes out to it, and calls to providers.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

pub mod cookies;
pub mod credentials;
pub mod navigation;
pub mod origin;
pub mod uri;

/// Header fields in order, all in one buffer. Names are lower case (as Envoy delivers them); values are bytes, because a client
/// may send any.
#[derive(Clone, Default)]
pub struct Headers {
    buffer: Vec<u8>,
    fields: Vec<Field>,
}

/// Where a field stands in the buffer.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its name.
    pub name: Range<usize>,
    /// Its value.
    pub value: Range<usize>,
}

impl Headers {
    /// Takes fields one by one.
    pub fn new(fields: Vec<(String, Vec<u8>)>) -> Self {
        let mut headers = Self::default();
        for (name, value) in fields {
            let (name, value) = (headers.append(name.as_bytes()), headers.append(&value));
            headers.fields.push(Field { name, value });
        }
        headers
    }

    /// Takes the fields as the host delivered them: where they stand in its buffer. What lies outside is empty.
    pub const fn in_buffer(buffer: Vec<u8>, fields: Vec<Field>) -> Self {
        Self { buffer, fields }
    }

    /// The first value of `name` (lower case).
    pub fn first(&self, name: &str) -> Option<&[u8]> {
        self.fields.iter().find(|field| self.is_named(field, name)).map(|field| self.slice(&field.value))
    }

    /// The first value of `name`, if it is UTF-8.
    pub fn first_str(&self, name: &str) -> Option<&str> {
        self.first(name).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// Every value of `name` (lower case), in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.fields.iter().filter(move |field| self.is_named(field, name)).map(|field| self.slice(&field.value))
    }

    /// Every field, in order. No host delivers a name that is not UTF-8; if one did, it would be empty here.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.names().zip(&self.fields).map(|(name, field)| (name, self.slice(&field.value)))
    }

    /// Every field's name, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|field| std::str::from_utf8(self.slice(&field.name)).unwrap_or_default())
    }

    /// Every field's name as it came, in order.
    pub fn raw_names(&self) -> impl Iterator<Item = &[u8]> {
        self.fields.iter().map(|field| self.slice(&field.name))
    }

    fn is_named(&self, field: &Field, name: &str) -> bool {
        field.name.len() == name.len() && self.slice(&field.name) == name.as_bytes()
    }

    fn slice(&self, range: &Range<usize>) -> &[u8] {
        self.buffer.get(range.start..range.end).unwrap_or_default()
    }

    fn append(&mut self, text: &[u8]) -> Range<usize> {
        let start = self.buffer.len();
        self.buffer.extend_from_slice(text);
        start..self.buffer.len()
    }
}

impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Headers {}

/// Names only: values carry cookies, codes and tokens.
impl fmt::Debug for Headers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.names()).finish()
    }
}

/// The head of a request: its header fields, pseudo-headers (`:method`, `:path`, `:authority`, `:scheme`) included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHead {
    headers: Headers,
}

impl RequestHead {
    /// Takes the fields as the host delivered them, pseudo-headers included.
    pub const fn new(headers: Headers) -> Self {
        Self { headers }
    }

    /// All header fields.
    pub const fn headers(&self) -> &Headers {
        &self.headers
    }

    /// `:method`, or the empty string.
    pub fn method(&self) -> &str {
        self.headers.first_str(":method").unwrap_or_default()
    }

    /// `:path` with its query; `None` when it is missing (CONNECT) or not UTF-8.
    pub fn path_and_query(&self) -> Option<&str> {
        self.headers.first_str(":path")
    }

    /// `:path` up to the query.
    pub fn path(&self) -> Option<&str> {
        self.path_and_query().map(|path| path.split_once('?').map_or(path, |(path, _)| path))
    }

    /// The query, without its question mark.
    pub fn query(&self) -> Option<&str> {
        self.path_and_query().and_then(|path| path.split_once('?')).map(|(_, query)| query)
    }

    /// `:authority`, or the empty string.
    pub fn authority(&self) -> &str {
        self.headers.first_str(":authority").unwrap_or_default()
    }

    /// `:scheme`, or `http`.
    pub fn scheme(&self) -> &str {
        self.headers.first_str(":scheme").unwrap_or("http")
    }
}

/// An answer that the filter gives itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// HTTP status code.
    pub status: u16,
    /// Header fields, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body; may be empty.
    pub body: Vec<u8>,
}

/// The status only: locations carry `state`, and cookies are sealed sessions.
impl fmt::Debug for Response {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Response").field("status", &self.status).finish_non_exhaustive()
    }
}

impl Response {
    /// A redirect (302, which browsers follow with GET) that is never cached. `location` is a URL or a path that was built or
    /// validated here.
    pub fn redirect(location: &str) -> Self {
        let headers = vec![field("location", location), field("cache-control", "no-store")];
        Self { status: 302, headers, body: Vec::new() }
    }

    /// The same after a POST: browsers go on with GET (303, RFC 9110 §15.4.4).
    pub fn see_other(location: &str) -> Self {
        Self { status: 303, ..Self::redirect(location) }
    }

    /// A JSON document that is never cached.
    pub fn json(status: u16, document: &serde_json::Value) -> Self {
        Self::document(status, "application/json", "no-store", document)
    }

    /// Keys that everybody may know (RFC 7517 §8.5.2).
    pub fn key_set(document: &serde_json::Value) -> Self {
        Self::document(200, "application/jwk-set+json", "public, max-age=300", document)
    }

    fn document(status: u16, media_type: &str, cache_control: &str, document: &serde_json::Value) -> Self {
        let headers = vec![
            field("content-type", media_type),
            field("cache-control", cache_control),
            field("x-content-type-options", "nosniff"),
        ];
        Self { status, headers, body: document.to_string().into_bytes() }
    }

    /// The same with these `Set-Cookie` lines.
    pub fn with_cookies(mut self, lines: Vec<String>) -> Self {
        self.headers.extend(lines.into_iter().map(|line| ("set-cookie".to_owned(), line)));
        self
    }
}

fn field(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

/// A request to a provider, carried by one of the host's clusters.
#[derive(Clone, PartialEq, Eq)]
pub struct CalloutRequest {
    /// What it asks for, in metrics.
    pub call: &'static str,
    /// The host's name for where the request goes (an Envoy cluster).
    pub cluster: String,
    /// `GET` or `POST`.
    pub method: &'static str,
    /// The endpoint's host and port, for `:authority`.
    pub authority: String,
    /// The endpoint's scheme, for `:scheme`.
    pub scheme: String,
    /// The endpoint's path and query.
    pub path: String,
    /// Further header fields, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body; empty for `GET`.
    pub body: Vec<u8>,
    /// How long the host may wait for the answer.
    pub timeout: Duration,
}

/// Where it goes only: its headers and body carry secrets.
impl fmt::Debug for CalloutRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cluster, method, authority, path, .. } = self;
        write!(formatter, "CalloutRequest({method} {authority}{path} by {cluster})")
    }
}

/// How a call to a provider ended.
#[derive(Clone, PartialEq, Eq)]
pub enum CalloutOutcome {
    /// The provider answered.
    Answered {
        /// HTTP status code.
        status: u16,
        /// Header fields of the answer.
        headers: Headers,
        /// The body, complete.
        body: Vec<u8>,
    },
    /// The answer was larger than the shell reads.
    TooLarge,
    /// The host would not send the request: no such cluster, or not yet.
    Refused,
    /// No answer: unreachable, reset, or timed out.
    Failed,
}

/// Without headers and body: they carry tokens.
impl fmt::Debug for CalloutOutcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered { status, .. } => write!(formatter, "Answered({status})"),
            Self::TooLarge => formatter.write_str("TooLarge"),
            Self::Refused => formatter.write_str("Refused"),
            Self::Failed => formatter.write_str("Failed"),
        }
    }
}
