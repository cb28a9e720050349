//! HTTP messages as every ring sees them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The origin under which the protected application is reached. It is the same in all rings: the Envoy ring sends it as `Host`.
pub const ORIGIN: &str = "https://portal.example.org";
/// Host of [`ORIGIN`].
pub const AUTHORITY: &str = "portal.example.org";

/// A request: pseudo-headers (`:method`, `:path`, `:authority`, `:scheme`) and fields, values as bytes, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Pseudo-headers and header fields; names as the sender spelt them.
    pub fields: Vec<(String, Vec<u8>)>,
    /// The body; empty for none.
    pub body: Vec<u8>,
    /// SHA-256 of the certificate that the client shows when it connects, where that can be chosen
    /// ([`Need::ClientCertificate`](crate::world::Need::ClientCertificate)).
    pub certificate: Option<[u8; 32]>,
}

impl Request {
    /// A request to the protected application, with nothing but its pseudo-headers.
    pub fn new(method: &str, path: &str) -> Self {
        Self::default()
            .with(":method", method)
            .with(":path", path)
            .with(":authority", AUTHORITY)
            .with(":scheme", "https")
    }

    /// A plain GET, as a script without a browser sends it.
    pub fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    /// What a browser sends when a person opens `path`.
    pub fn navigation(path: &str) -> Self {
        Self::get(path)
            .with("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
            .with("sec-fetch-mode", "navigate")
            .with("sec-fetch-dest", "document")
            .with("sec-fetch-site", "none")
            .with("sec-fetch-user", "?1")
    }

    /// What a browser sends when a page of the application calls `fetch(path)`.
    pub fn fetch(path: &str) -> Self {
        Self::get(path)
            .with("accept", "application/json")
            .with("sec-fetch-mode", "cors")
            .with("sec-fetch-dest", "empty")
            .with("sec-fetch-site", "same-origin")
    }

    /// A form that a page of `site` (a value of `Sec-Fetch-Site`) posts.
    pub fn form(path: &str, fields: &[(&str, &str)], site: &str) -> Self {
        let mut request = Self::navigation(path)
            .set(":method", "POST")
            .set("sec-fetch-site", site)
            .with("content-type", "application/x-www-form-urlencoded");
        request.body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish().into_bytes();
        let length = request.body.len().to_string();
        request.with("content-length", length)
    }

    /// Appends a field.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.fields.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Replaces a field, or appends it.
    #[must_use]
    pub fn set(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.without(name).with(name, value)
    }

    /// Removes a field.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(field, _)| !field.eq_ignore_ascii_case(name));
        self
    }

    /// Sends `value` as the body.
    #[must_use]
    pub fn with_body(mut self, value: impl AsRef<[u8]>) -> Self {
        self.body = value.as_ref().to_vec();
        self
    }

    /// Comes over a connection whose client has shown the certificate with this digest.
    #[must_use]
    pub const fn with_certificate(mut self, sha256: [u8; 32]) -> Self {
        self.certificate = Some(sha256);
        self
    }

    /// The first value of `name`, when it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        first(&self.fields, name)
    }

    /// Every value of `name`, in order.
    pub fn all(&self, name: &str) -> Vec<&[u8]> {
        self.fields.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| &**value).collect()
    }

    /// The names of all fields, in lower case.
    pub fn names(&self) -> Vec<String> {
        self.fields.iter().map(|(name, _)| name.to_ascii_lowercase()).collect()
    }

    /// `:method`, or the empty string.
    pub fn method(&self) -> &str {
        self.header(":method").unwrap_or_default()
    }

    /// `:path` with its query, or the empty string.
    pub fn target(&self) -> &str {
        self.header(":path").unwrap_or_default()
    }

    /// `:path` without its query.
    pub fn path(&self) -> &str {
        self.target().split('?').next().unwrap_or_default()
    }

    /// The parameter `name` of the query.
    pub fn query(&self, name: &str) -> Option<String> {
        parameter(self.target().split_once('?')?.1.as_bytes(), name)
    }

    /// The parameter `name` of a form body.
    pub fn posted(&self, name: &str) -> Option<String> {
        parameter(&self.body, name)
    }
}

/// A response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// HTTP status code.
    pub status: u16,
    /// Header fields in order, without pseudo-headers.
    pub fields: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// A response with a body.
    pub fn new(status: u16, content_type: &str, body: impl AsRef<[u8]>) -> Self {
        Self { status, fields: Vec::new(), body: body.as_ref().to_vec() }.with("content-type", content_type)
    }

    /// A JSON document.
    pub fn json(status: u16, document: &Value) -> Self {
        Self::new(status, "application/json", document.to_string())
    }

    /// A redirect with 302.
    pub fn redirect(location: &str) -> Self {
        Self { status: 302, ..Self::default() }.with("location", location)
    }

    /// Appends a field.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.fields.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// The first value of `name`, when it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        first(&self.fields, name)
    }

    /// `Location`, or the empty string.
    pub fn location(&self) -> &str {
        self.header("location").unwrap_or_default()
    }

    /// The `Set-Cookie` lines.
    pub fn set_cookies(&self) -> Vec<&str> {
        self.fields
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"))
            .map(|(_, value)| std::str::from_utf8(value).expect("Set-Cookie is text"))
            .collect()
    }

    /// Whether the page runs nothing but what its policy allows by its hash.
    pub fn runs_nothing_else(&self) -> bool {
        let policy = self.header("content-security-policy").unwrap_or_default();
        let text = self.text();
        let mut scripts = text.split("<script").skip(1).map(|rest| rest.split("</script>").next().unwrap_or_default());
        scripts.all(|script| {
            let hash = script.strip_prefix('>').map(|script| STANDARD.encode(Sha256::digest(script)));
            hash.is_some_and(|hash| policy.contains(&format!("script-src 'sha256-{hash}'")))
        })
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; `null` when it is none.
    pub fn document(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// The parameter `name` of a query or form, decoded.
pub fn parameter(encoded: &[u8], name: &str) -> Option<String> {
    form_urlencoded::parse(encoded).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

fn first<'a>(fields: &'a [(String, Vec<u8>)], name: &str) -> Option<&'a str> {
    let (_, value) = fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name))?;
    std::str::from_utf8(value).ok()
}
