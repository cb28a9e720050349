//! Where a person returns to after a login or a logout, and with what: a place on this deployment's own origin, or nowhere.

use percent_encoding::percent_decode_str;

use super::fragment::Fragment;
use super::posted_form::FormId;
use crate::config::PublicUrl;
use crate::policy::path::{RequestPath, is_at_or_below};

/// The longest target (bytes).
const LENGTH_LIMIT: usize = 2048;

/// A path and query on this deployment's own origin, byte for byte as they came, and what belongs to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnTarget {
    /// Always begins with a single slash.
    path_and_query: String,
    /// What the server is never asked for.
    pub fragment: Option<Fragment>,
    /// The form that the browser keeps for this place: it is posted there.
    pub form: Option<FormId>,
}

impl ReturnTarget {
    /// The root of the deployment.
    pub fn root() -> Self {
        Self::new("/")
    }

    fn new(path_and_query: &str) -> Self {
        Self { path_and_query: path_and_query.to_owned(), fragment: None, form: None }
    }

    /// Reads a target: a path with or without query, or a URL of exactly the origin `public`. `None` for what a browser, or
    /// anything between it and the application, could take for another origin, and for the filter's own endpoints.
    pub fn parse(input: &str, public: &PublicUrl, base_path: &str) -> Option<Self> {
        let target = match input.strip_prefix(public.origin.as_str()) {
            Some("") => return Some(Self::root()),
            Some(rest) => rest,
            None => input,
        };
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let is_inert = path.bytes().all(is_inert_in_path) && query.bytes().all(is_inert);
        let accepted = input.len() <= LENGTH_LIMIT && is_inert && stays_here(path, base_path);
        accepted.then(|| Self::new(target))
    }

    /// The same place with a fragment, or with a form to post there.
    #[must_use]
    pub fn with(self, fragment: Option<Fragment>, form: Option<FormId>) -> Self {
        Self { fragment, form, ..self }
    }

    /// A target that [`Self::parse`] accepted before it was sealed.
    pub(super) const fn from_sealed(path_and_query: String) -> Self {
        Self { path_and_query, fragment: None, form: None }
    }

    /// Path and query.
    pub fn as_str(&self) -> &str {
        &self.path_and_query
    }

    /// Path, query and fragment: what a `Location` says. Without a fragment of its own, a browser keeps the one that it has.
    pub fn location(&self) -> String {
        match &self.fragment {
            Some(fragment) => format!("{}#{}", self.path_and_query, fragment.as_str()),
            None => self.path_and_query.clone(),
        }
    }

    /// The parameters that tell the login endpoint to come here.
    pub fn parameters(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let fragment = self.fragment.as_ref().map(|fragment| ("fragment", fragment.as_str()));
        let form = self.form.as_ref().map(|form| ("form", form.as_str()));
        std::iter::once(("return_to", self.as_str())).chain(fragment).chain(form)
    }

    /// Path and query as a URL on `public`.
    pub fn url(&self, public: &PublicUrl) -> String {
        format!("{}{}", public.origin, self.path_and_query)
    }
}

impl Default for ReturnTarget {
    fn default() -> Self {
        Self::root()
    }
}

/// Printable ASCII: browsers drop tabs and line breaks from URLs, and map further dots and slashes of Unicode to those of
/// ASCII. A fragment is no part of what the server is asked for.
fn is_inert(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'#'
}

/// Before the query browsers read `\` as `/`.
fn is_inert_in_path(byte: u8) -> bool {
    is_inert(byte) && byte != b'\\'
}

/// Whether every reading of the path, decoded twice included, stays below one slash and outside the filter's own endpoints.
fn stays_here(path: &str, base_path: &str) -> bool {
    let Ok(path) = RequestPath::parse(path) else { return false };
    let decoded_twice = percent_decode_str(path.decoded()).decode_utf8_lossy();
    let mut readings = [path.literal(), &decoded_twice].into_iter().chain(path.other_readings());
    !path.is_contradictory() && readings.all(|reading| is_plain(reading) && !is_at_or_below(reading, base_path))
}

fn is_plain(path: &str) -> bool {
    !path.starts_with("//")
        && !path.contains(|character: char| character == '\\' || character.is_control())
        && !path.split('/').any(|segment| matches!(segment, "." | ".."))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use url::Url;

    use super::*;

    fn public() -> PublicUrl {
        PublicUrl { origin: "https://portal.example.org".to_owned(), authority: "portal.example.org".to_owned() }
    }

    fn parse(input: &str) -> Option<ReturnTarget> {
        ReturnTarget::parse(input, &public(), "/oauth2")
    }

    /// What a browser makes of a `Location` with this target, when it was at `page`.
    fn stays_on_the_origin(target: &ReturnTarget, page: &str) -> bool {
        let origin = Url::parse(&public().origin).unwrap().origin();
        let followed = Url::parse(page).unwrap().join(target.as_str()).unwrap();
        followed.origin() == origin && followed.username().is_empty() && followed.password().is_none()
    }

    const PAGES: [&str; 2] = ["https://portal.example.org/", "https://portal.example.org/oauth2/callback?state=x"];

    #[test]
    fn the_corpus_of_open_redirects_is_refused_and_honest_targets_are_kept() {
        let mut cases = 0;
        for line in
            include_str!("return_to_corpus.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            let (verdict, input) = line.split_once(' ').unwrap();
            let input: String = serde_json::from_str(input).unwrap();
            match (verdict, parse(&input)) {
                ("refuse", result) => assert_eq!(result, None, "{line}"),
                ("accept", result) => {
                    let target = result.unwrap_or_else(|| panic!("{line}"));
                    assert_eq!(target.as_str(), input.strip_prefix("https://portal.example.org").unwrap_or(&input));
                    assert!(PAGES.iter().all(|page| stays_on_the_origin(&target, page)), "{line}");
                }
                _ => panic!("{line}"),
            }
            cases += 1;
        }
        assert!(cases > 90, "{cases} cases");
    }

    #[test]
    fn the_origin_itself_is_its_root() {
        assert_eq!(parse("https://portal.example.org"), Some(ReturnTarget::root()));
        assert_eq!(ReturnTarget::root().url(&public()), "https://portal.example.org/");
    }

    #[test]
    fn a_target_is_at_most_2048_bytes_long() {
        assert!(parse(&format!("/{}", "a".repeat(2047))).is_some());
        assert!(parse(&format!("/{}", "a".repeat(2048))).is_none());
    }

    proptest! {
        #[test]
        fn whatever_is_accepted_stays_on_the_origin(
            input in prop_oneof![
                ".{0,40}",
                "/[/\\\\.%a-fA-F0-9@:?#;&=\t\r\n ]{0,20}(evil\\.example)?",
                "(https?:)?/{0,3}(portal\\.example\\.org)?[.:@/\\\\%?#]{0,4}(evil\\.example)?[/\\\\]{0,2}",
            ],
        ) {
            if let Some(target) = parse(&input) {
                prop_assert!(input.ends_with(target.as_str()) || target == ReturnTarget::root());
                for page in PAGES {
                    prop_assert!(stays_on_the_origin(&target, page));
                }
                let url = Url::parse(&target.url(&public())).unwrap();
                prop_assert_eq!(url.host_str(), Some("portal.example.org"));
                prop_assert!(!url.path().starts_with("/oauth2/"));
            }
        }
    }
}
