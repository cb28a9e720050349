//! Which requests a rule is about.

use std::borrow::Cow;

use super::path::is_at_or_below;
use super::pattern::{self, PatternError, Regex};
use super::rule_path::{RulePathError, rule_path};

/// What a rule's `match` says, as written.
#[derive(Clone, Debug, Default)]
pub struct MatcherSpec {
    /// The whole path.
    pub path: Option<String>,
    /// The path by whole segments: `/a` is for `/a` and `/a/b`.
    pub path_prefix: Option<String>,
    /// A regular expression for the whole path.
    pub path_regex: Option<String>,
    /// A host, or `*.` and a domain.
    pub host: Option<String>,
    /// HTTP methods.
    pub methods: Option<Vec<String>>,
}

/// What a rule's `match` says; all that are given must match.
#[derive(Clone, Debug)]
pub struct Matcher {
    path: Option<String>,
    path_prefix: Option<String>,
    path_regex: Option<PathRegex>,
    host: Option<HostPattern>,
    methods: Option<Vec<String>>,
}

impl Matcher {
    /// Checks and compiles what was written.
    pub fn compile(spec: MatcherSpec) -> Result<Self, MatcherError> {
        let MatcherSpec { path, path_prefix, path_regex, host, methods } = spec;
        if path.is_none() && path_prefix.is_none() && path_regex.is_none() && host.is_none() && methods.is_none() {
            return Err(MatcherError::Empty);
        }
        Ok(Self {
            path: path.map(|path| rule_path(&path).map_err(MatcherError::Path)).transpose()?,
            path_prefix: path_prefix.map(|prefix| rule_path(&prefix).map_err(MatcherError::PathPrefix)).transpose()?,
            path_regex: path_regex.map(PathRegex::compile).transpose()?,
            host: host.map(|host| HostPattern::parse(&host)).transpose()?,
            methods: methods.map(check_methods).transpose()?,
        })
    }

    /// Whether a request is meant. `host` comes from [`host_of`]; `path` is one reading of the path.
    pub fn matches(&self, method: &str, host: &str, path: &str) -> bool {
        self.path.as_ref().is_none_or(|exact| exact == path)
            && self.path_prefix.as_ref().is_none_or(|prefix| is_at_or_below(path, prefix))
            && self.methods.as_ref().is_none_or(|methods| methods.iter().any(|known| known == method))
            && self.host.as_ref().is_none_or(|pattern| pattern.matches(host))
            && self.path_regex.as_ref().is_none_or(|regex| regex.compiled.is_match(path))
    }

    /// Whether every request that `other` matches is matched by this too, as far as that is certain: a rule with `other`
    /// after a rule with this is never reached.
    pub fn covers(&self, other: &Self) -> bool {
        self.covers_path(other) && self.covers_host(other) && self.covers_methods(other)
    }

    fn covers_path(&self, other: &Self) -> bool {
        let path = other.path.as_deref();
        let exact = self.path.as_deref().is_none_or(|exact| path == Some(exact));
        let prefix = self.path_prefix.as_deref().is_none_or(|prefix| {
            prefix == "/"
                || [path, other.path_prefix.as_deref()].into_iter().flatten().any(|other| is_at_or_below(other, prefix))
        });
        let regex = self.path_regex.as_ref().is_none_or(|regex| {
            path.is_some_and(|path| regex.compiled.is_match(path))
                || other.path_regex.as_ref().is_some_and(|other| other.source == regex.source)
        });
        exact && prefix && regex
    }

    fn covers_host(&self, other: &Self) -> bool {
        match (&self.host, &other.host) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(pattern), Some(HostPattern::Exact(host))) => pattern.matches(host),
            (Some(HostPattern::Exact(_)), Some(HostPattern::Below(_))) => false,
            (Some(HostPattern::Below(suffix)), Some(HostPattern::Below(other))) => other.ends_with(suffix.as_str()),
        }
    }

    fn covers_methods(&self, other: &Self) -> bool {
        self.methods.as_ref().is_none_or(|methods| {
            other.methods.as_ref().is_some_and(|others| others.iter().all(|method| methods.contains(method)))
        })
    }
}

/// The host of an `:authority`, as rules compare it: lower case, without port and without the root's dot.
pub fn host_of(authority: &str) -> Cow<'_, str> {
    let host = match authority.rsplit_once(':') {
        // The colons within an IPv6 literal are no port's.
        Some((host, port)) if !port.ends_with(']') => host,
        _ => authority,
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(host.to_ascii_lowercase())
    } else {
        Cow::Borrowed(host)
    }
}

#[derive(Clone, Debug)]
struct PathRegex {
    source: String,
    compiled: Regex,
}

impl PathRegex {
    fn compile(source: String) -> Result<Self, MatcherError> {
        let compiled = pattern::compile_anchored(&source).map_err(|error| MatcherError::PathRegex(Box::new(error)))?;
        Ok(Self { source, compiled })
    }
}

#[derive(Clone, Debug)]
enum HostPattern {
    Exact(String),
    /// With its leading dot.
    Below(String),
}

impl HostPattern {
    fn parse(written: &str) -> Result<Self, MatcherError> {
        let lower = written.to_ascii_lowercase();
        let lower = lower.strip_suffix('.').unwrap_or(&lower);
        let (domain, pattern) = match lower.strip_prefix('*') {
            Some(suffix) => (suffix.strip_prefix('.').unwrap_or_default(), Self::Below(suffix.to_owned())),
            None => (lower, Self::Exact(lower.to_owned())),
        };
        let is_name = |domain: &str| {
            domain.split('.').all(|label| {
                !label.is_empty()
                    && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            })
        };
        let is_ipv6 = domain
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .is_some_and(|address| matches!(pattern, Self::Exact(_)) && address.parse::<std::net::Ipv6Addr>().is_ok());
        if is_name(domain) || is_ipv6 { Ok(pattern) } else { Err(MatcherError::Host) }
    }

    fn matches(&self, host: &str) -> bool {
        match self {
            Self::Exact(name) => name == host,
            Self::Below(suffix) => host.len() > suffix.len() && host.ends_with(suffix.as_str()),
        }
    }
}

/// A method is a token (RFC 9110 §9.1), case-sensitive; those in use are upper case, so anything else is a slip.
fn check_methods(methods: Vec<String>) -> Result<Vec<String>, MatcherError> {
    let is_method = |method: &String| {
        !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase() || matches!(byte, b'-' | b'_'))
    };
    if !methods.is_empty() && methods.iter().all(is_method) { Ok(methods) } else { Err(MatcherError::Methods) }
}

/// What is wrong with a rule's `match`. The configuration is at fault.
#[derive(Debug, thiserror::Error)]
pub enum MatcherError {
    /// It has no key at all.
    #[error("names nothing to match; for all requests write `path_prefix: /`")]
    Empty,
    /// `path`
    #[error("{0}")]
    Path(RulePathError),
    /// `path_prefix`
    #[error("{0}")]
    PathPrefix(RulePathError),
    /// `path_regex`
    #[error("is no regular expression, or too large a one")]
    PathRegex(#[source] Box<PatternError>),
    /// `host`
    #[error("must be a host name without port, or `*.` and a domain")]
    Host,
    /// `methods`
    #[error("must be a list of HTTP methods in upper case")]
    Methods,
}

impl MatcherError {
    /// The key within `match` that is wrong; `None` for `match` itself.
    pub const fn key(&self) -> Option<&'static str> {
        match self {
            Self::Empty => None,
            Self::Path(_) => Some("path"),
            Self::PathPrefix(_) => Some("path_prefix"),
            Self::PathRegex(_) => Some("path_regex"),
            Self::Host => Some("host"),
            Self::Methods => Some("methods"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `path=…`, `path_prefix=…`, `path_regex=…`, `host=…` or `methods=A,B`, separated by blanks.
    fn spec(written: &str) -> MatcherSpec {
        let mut spec = MatcherSpec::default();
        for (key, value) in written.split(' ').filter_map(|part| part.split_once('=')) {
            match key {
                "path" => spec.path = Some(value.to_owned()),
                "path_prefix" => spec.path_prefix = Some(value.to_owned()),
                "path_regex" => spec.path_regex = Some(value.to_owned()),
                "host" => spec.host = Some(value.to_owned()),
                "methods" => spec.methods = Some(value.split_terminator(',').map(str::to_owned).collect()),
                other => panic!("{other}"),
            }
        }
        spec
    }

    fn matcher(written: &str) -> Matcher {
        Matcher::compile(spec(written)).unwrap_or_else(|error| panic!("{written}: {error}"))
    }

    #[test]
    fn all_that_is_given_must_match() {
        for (written, request, expected) in [
            ("path=/a", "GET h /a", true),
            ("path=/a", "GET h /a/", false),
            ("path=/caf%C3%A9", "GET h /café", true),
            ("path_prefix=/a", "GET h /a", true),
            ("path_prefix=/a", "GET h /a/b", true),
            ("path_prefix=/a", "GET h /ab", false),
            ("path_prefix=/a/", "GET h /a", false),
            ("path_prefix=/a/", "GET h /a/", true),
            ("path_prefix=/a/", "GET h /a/b", true),
            ("path_prefix=/", "GET h /x", true),
            ("path_regex=/a|/b", "GET h /b", true),
            ("path_regex=/a|/b", "GET h /bc", false),
            ("path_regex=/a|/b", "GET h x/b", false),
            ("path_regex=/(?m)a$", "GET h /a\nb", false),
            ("host=Example.org", "GET example.org /", true),
            ("host=example.org.", "GET example.org /", true),
            ("host=example.org", "GET www.example.org /", false),
            ("host=*.example.org", "GET a.b.example.org /", true),
            ("host=*.example.org", "GET example.org /", false),
            ("host=*.example.org", "GET .example.org /", false),
            ("host=*.example.org", "GET badexample.org /", false),
            ("host=[::1]", "GET [::1] /", true),
            ("methods=GET,HEAD", "HEAD h /", true),
            ("methods=GET", "get h /", false),
            ("path_prefix=/a host=h methods=GET", "GET h /a/b", true),
            ("path_prefix=/a host=h methods=GET", "POST h /a/b", false),
            ("path_prefix=/a path_regex=.*[.]css", "GET h /a/b.css", true),
            ("path_prefix=/a path_regex=.*[.]css", "GET h /b.css", false),
        ] {
            let [method, host, path] = request.splitn(3, ' ').collect::<Vec<_>>().try_into().unwrap();
            assert_eq!(matcher(written).matches(method, host, path), expected, "{written}: {request}");
        }
    }

    #[test]
    fn an_error_names_its_key() {
        for (written, expected) in [
            ("", None),
            ("path=a", Some("path")),
            ("path=/a?b", Some("path")),
            ("path_prefix=/a/../b", Some("path_prefix")),
            ("path_prefix=", Some("path_prefix")),
            ("path_regex=(", Some("path_regex")),
            ("path_regex=a)|(?:b", Some("path_regex")),
            ("path_regex=(?x)/a#", Some("path_regex")),
            (r"path_regex=\w{1000}{1000}", Some("path_regex")),
            ("host=", Some("host")),
            ("host=a:80", Some("host")),
            ("host=https://a", Some("host")),
            ("host=*", Some("host")),
            ("host=*a.org", Some("host")),
            ("host=a.*.org", Some("host")),
            ("host=a..b", Some("host")),
            ("host=*.[::1]", Some("host")),
            ("methods=", Some("methods")),
            ("methods=GET,post", Some("methods")),
        ] {
            let error = Matcher::compile(spec(written)).map(drop).expect_err(written);
            assert_eq!(error.key(), expected, "{written}: {error}");
        }
    }

    #[test]
    fn a_host_is_compared_without_port_case_and_root() {
        for (authority, expected) in [
            ("example.org", "example.org"),
            ("EXAMPLE.org.:8443", "example.org"),
            ("example.org:", "example.org"),
            ("[::1]:8080", "[::1]"),
            ("[::1]", "[::1]"),
            ("", ""),
        ] {
            assert_eq!(host_of(authority), expected);
        }
        assert!(matches!(host_of("example.org:80"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_wider_matcher_covers_a_narrower_one() {
        for (wide, narrow, expected) in [
            ("path_prefix=/", "methods=GET", true),
            ("path_prefix=/", "path=/a host=h", true),
            ("path_prefix=/a", "path_prefix=/a/b", true),
            ("path_prefix=/a", "path=/a", true),
            ("path_prefix=/a", "path_prefix=/ab", false),
            ("path_prefix=/a", "path_prefix=/", false),
            ("path_prefix=/a/", "path=/a", false),
            ("path_prefix=/a", "path_regex=/a/.*", false),
            ("path=/a", "path=/a methods=GET", true),
            ("path=/a", "path_prefix=/a", false),
            ("path_regex=/[a-c]", "path=/b", true),
            ("path_regex=/[a-c]", "path_regex=/[a-c] host=h", true),
            ("path_regex=/[a-c]", "path_regex=/a", false),
            ("host=h", "path=/a", false),
            ("host=*.b.c", "host=a.b.c", true),
            ("host=*.c", "host=*.b.c", true),
            ("host=*.b.c", "host=*.c", false),
            ("host=*.b.c", "host=b.c", false),
            ("host=b.c", "host=*.b.c", false),
            ("methods=GET,POST", "methods=POST path=/a", true),
            ("methods=GET", "methods=GET,POST", false),
            ("methods=GET", "path=/a", false),
        ] {
            assert_eq!(matcher(wide).covers(&matcher(narrow)), expected, "{wide} | {narrow}");
        }
    }

    proptest! {
        #[test]
        fn what_is_covered_is_matched(
            wide in 0..24_usize, narrow in 0..24_usize, method in 0..3_usize, host in 0..4_usize, path in 0..6_usize,
        ) {
            let paths = ["", "path=/a", "path_prefix=/a", "path_prefix=/a/", "path_regex=/a.*", "path_prefix=/"];
            let rest = ["path_prefix=/", "host=*.h", "methods=GET", "host=b.h methods=GET,POST"];
            let build = |choice: usize| matcher(&format!("{} {}", rest[choice / 6], paths[choice % 6]));
            let request = (["GET", "POST", "PUT"][method], ["h", "b.h", "c.b.h", "x"][host], ["/", "/a", "/a/", "/a/b", "/ab", "/b"][path]);
            let (wide, narrow) = (build(wide), build(narrow));
            if wide.covers(&narrow) && narrow.matches(request.0, request.1, request.2) {
                prop_assert!(wide.matches(request.0, request.1, request.2));
            }
        }
    }
}
