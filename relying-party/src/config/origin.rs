//! `public_url` and `base_path`: under which addresses browsers reach this deployment.

use std::rc::Rc;

use super::address;
use super::cursor::Cursor;
use super::json::Node;
use super::problem::quoted;

/// An origin (`https://portal.example.org`), without path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    /// The origin as it appears in URLs: scheme, host in lower case, port unless it is the scheme's default; no slash at the end.
    pub origin: String,
    /// `host` or `host:port` as in `origin`, to compare with `:authority`.
    pub authority: String,
}

pub(super) const DEFAULT_BASE_PATH: &str = "/oauth2";

const EXPECTED_URL: &str = "an origin such as `https://portal.example.org` (no path, no query)";

const EXPECTED_BASE_PATH: &str =
    "a path such as `/oauth2`: segments of `A-Z a-z 0-9 - . _ ~`, with a slash in front and none at the end";

impl PublicUrl {
    /// Whether browsers come here over TLS.
    pub fn is_https(&self) -> bool {
        self.origin.starts_with("https:")
    }

    /// The host in lower case, without port.
    pub fn host(&self) -> &str {
        match self.authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => &self.authority,
        }
    }
}

/// Reads one origin or a list of them.
pub(super) fn read_public_urls(cursor: &Cursor<'_>) -> Option<Vec<Rc<PublicUrl>>> {
    if matches!(cursor.node(), Node::String(_)) {
        return read_public_url(cursor).map(|url| vec![url]);
    }
    let items = cursor.list("an origin such as `https://portal.example.org`, or a list of them")?;
    if items.is_empty() {
        cursor.refuse("an empty list", "at least one origin (or no `public_url`)");
        return None;
    }
    let mut urls = Vec::new();
    let mut complete = true;
    for item in items {
        match read_public_url(&item) {
            Some(url) if urls.contains(&url) => item.refuse(format_args!("`{}` again", url.origin), "each origin once"),
            Some(url) => {
                urls.push(url);
                continue;
            }
            None => {}
        }
        complete = false;
    }
    complete.then_some(urls)
}

fn read_public_url(cursor: &Cursor<'_>) -> Option<Rc<PublicUrl>> {
    let (text, url) = address::read(cursor, EXPECTED_URL)?;
    if url.path() != "/" || text.contains('?') {
        cursor.refuse(address::shown(text), EXPECTED_URL);
        return None;
    }
    if url.host_str().is_some_and(|host| host.contains('*')) {
        cursor.refuse(
            address::shown(text),
            "each origin by itself: a `*` stands for nothing here, and no browser has such a host",
        );
        return None;
    }
    let origin = url.origin().ascii_serialization();
    let authority = origin.split_once("://").map(|(_, authority)| authority.to_owned())?;
    Some(Rc::new(PublicUrl { origin, authority }))
}

/// Reads `base_path`. Only characters that no router rewrites: the path is compared as it is.
pub(super) fn read_base_path(cursor: &Cursor<'_>) -> Option<String> {
    let path = cursor.text(EXPECTED_BASE_PATH)?;
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let is_segment =
        |segment: &str| !matches!(segment, "" | "." | "..") && segment.len() <= 64 && segment.bytes().all(unreserved);
    let normalised = path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(is_segment));
    if !normalised || path.len() > 256 {
        cursor.refuse(quoted(path), EXPECTED_BASE_PATH);
        return None;
    }
    Some(path.to_owned())
}
