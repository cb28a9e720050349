//! A request as people write it down, and the fields of it that a proxy hands over.

use url::Url;

/// Who sends a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// A person who opens a page, unless the header fields say otherwise.
    Browser,
    /// A script or a program.
    Program,
}

/// Why something is no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Nothing can be read in it.
    #[error("the address is no URL")]
    Address,
    /// It is not of the web.
    #[error("the address begins with neither https:// nor http://")]
    Scheme,
    /// It names nobody.
    #[error("the address has no host")]
    Host,
    /// It is not a token of letters.
    #[error("the method is no word")]
    Method,
    /// It is not `name: value`.
    #[error("a line is no header field")]
    Header,
}

/// The fields, pseudo-headers included, of a request such as `GET https://portal.example.org/`; without a method it is GET.
/// `headers` are lines such as `accept: text/html`.
pub fn fields<'h>(
    request: &str,
    headers: impl IntoIterator<Item = &'h str>,
    sender: Sender,
) -> Result<Vec<(String, Vec<u8>)>, RequestError> {
    let text = request.trim();
    let (method, address) = text.split_once(char::is_whitespace).unwrap_or(("GET", text));
    let url = Url::parse(address.trim()).map_err(|_| RequestError::Address)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(RequestError::Scheme);
    }
    if method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-') {
        return Err(RequestError::Method);
    }
    let host = url.host_str().ok_or(RequestError::Host)?;
    let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let given = headers.into_iter().map(header).collect::<Result<Vec<_>, _>>()?;
    let mut fields = vec![
        (":method", method.to_ascii_uppercase()),
        (":scheme", url.scheme().to_owned()),
        (":authority", authority),
        (":path", target(address.trim())),
    ];
    let says = |name: &str| given.iter().any(|(given, _)| given == name);
    if sender == Sender::Browser && !["accept", "sec-fetch-mode", "x-requested-with"].into_iter().any(says) {
        fields.extend([("accept", "text/html".to_owned()), ("sec-fetch-mode", "navigate".to_owned())]);
        fields.extend([("sec-fetch-dest", "document".to_owned()), ("sec-fetch-site", "none".to_owned())]);
    }
    let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value));
    Ok(fields.chain(given).map(|(name, value)| (name, value.into_bytes())).collect())
}

fn header(line: &str) -> Result<(String, String), RequestError> {
    let (name, value) = line.split_once(':').ok_or(RequestError::Header)?;
    let name = name.trim().to_ascii_lowercase();
    let is_field =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic()) && !value.chars().any(char::is_control);
    is_field.then(|| (name, value.trim().to_owned())).ok_or(RequestError::Header)
}

/// Path and query as they are written: an ambiguous path must not be made plain on the way.
fn target(address: &str) -> String {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let rest = rest.split('#').next().unwrap_or_default();
    match rest.find(['/', '?', '\\']) {
        Some(start) => {
            let target = rest.get(start..).unwrap_or_default();
            if target.starts_with('?') { format!("/{target}") } else { target.to_owned() }
        }
        None => "/".to_owned(),
    }
}
