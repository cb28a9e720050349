//! A browser's cookies (RFC 6265bis), as far as a relying party can notice.

use std::time::Duration;

use relying_party::time::UnixTime;

/// The largest name and value that browsers keep (RFC 6265bis §5.6).
const LARGEST: usize = 4096;

/// The cookies of one browser.
#[derive(Clone, Debug, Default)]
pub struct Jar {
    cookies: Vec<Cookie>,
    /// `Set-Cookie` lines that a browser would not have kept.
    pub rejected: Vec<String>,
}

/// One cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookie {
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
    /// The host, or the domain with all its hosts.
    pub domain: String,
    /// Without `Domain`: sent to exactly this host.
    pub host_only: bool,
    /// `Path`
    pub path: String,
    /// `Secure`
    pub secure: bool,
    /// `HttpOnly`
    pub http_only: bool,
    /// `SameSite` as a browser applies it: `lax` when it is not given.
    pub same_site: String,
    /// When it ends; `None`: with the browser.
    pub expires: Option<UnixTime>,
}

/// How a request came about, as far as `SameSite` is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Initiator {
    /// The application itself, or a person who typed the address.
    SameSite,
    /// Another site, by a link or a redirect: a top-level GET.
    CrossSiteNavigation,
    /// Another site, in any other way.
    CrossSite,
}

impl Jar {
    /// Takes a `Set-Cookie` line of an answer from `host` over https.
    pub fn take(&mut self, line: &str, host: &str, now: UnixTime) {
        let Some(cookie) = parse(line, host, now) else {
            self.rejected.push(line.to_owned());
            return;
        };
        let same =
            |other: &Cookie| (&other.name, &other.domain, &other.path) == (&cookie.name, &cookie.domain, &cookie.path);
        let place = self.cookies.iter().position(same);
        let alive = cookie.expires.is_none_or(|end| end > now);
        match (place, alive) {
            (Some(place), true) => self.cookies[place] = cookie,
            (Some(place), false) => drop(self.cookies.remove(place)),
            (None, true) => self.cookies.push(cookie),
            (None, false) => (),
        }
    }

    /// The `Cookie` header for a request to `host` and `path` over https; `None` when there is nothing to send.
    pub fn header(&self, host: &str, path: &str, initiator: Initiator, now: UnixTime) -> Option<String> {
        let mut fitting: Vec<&Cookie> = self
            .cookies
            .iter()
            .filter(|cookie| cookie.expires.is_none_or(|end| end > now))
            .filter(|cookie| cookie.goes_to(host, path) && cookie.goes_with(initiator))
            .collect();
        fitting.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let pairs: Vec<String> = fitting.iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// The cookies that are alive.
    pub fn alive(&self, now: UnixTime) -> Vec<&Cookie> {
        self.cookies.iter().filter(|cookie| cookie.expires.is_none_or(|end| end > now)).collect()
    }

    /// All cookies, to be tampered with.
    pub const fn cookies_mut(&mut self) -> &mut Vec<Cookie> {
        &mut self.cookies
    }

    /// Closes the browser: what had no end, ends.
    pub fn close(&mut self) {
        self.cookies.retain(|cookie| cookie.expires.is_some());
    }
}

impl Cookie {
    fn goes_to(&self, host: &str, path: &str) -> bool {
        let domain = host == self.domain || (!self.host_only && host.ends_with(&format!(".{}", self.domain)));
        let prefix = path.strip_prefix(self.path.as_str());
        domain && prefix.is_some_and(|rest| rest.is_empty() || self.path.ends_with('/') || rest.starts_with('/'))
    }

    fn goes_with(&self, initiator: Initiator) -> bool {
        match initiator {
            Initiator::SameSite => true,
            Initiator::CrossSiteNavigation => self.same_site != "strict",
            Initiator::CrossSite => self.same_site == "none",
        }
    }
}

fn parse(line: &str, host: &str, now: UnixTime) -> Option<Cookie> {
    let mut parts = line.split(';').map(str::trim);
    let (name, value) = parts.next()?.split_once('=')?;
    let mut cookie = Cookie {
        name: name.to_owned(),
        value: value.to_owned(),
        domain: host.to_owned(),
        host_only: true,
        path: "/".to_owned(),
        secure: false,
        http_only: false,
        same_site: "lax".to_owned(),
        expires: None,
    };
    for attribute in parts {
        let (key, value) = attribute.split_once('=').unwrap_or((attribute, ""));
        match key.to_ascii_lowercase().as_str() {
            "domain" => {
                cookie.domain = value.trim_start_matches('.').to_ascii_lowercase();
                cookie.host_only = false;
            }
            "path" => cookie.path = value.to_owned(),
            "secure" => cookie.secure = true,
            "httponly" => cookie.http_only = true,
            "samesite" => cookie.same_site = value.to_ascii_lowercase(),
            "max-age" => {
                let seconds: i64 = value.parse().ok()?;
                let lasting = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
                cookie.expires = Some(now + lasting);
            }
            // `Max-Age` wins (RFC 6265bis §5.7); the only date that anybody sends to us is the one that deletes.
            "expires" if value.contains("1970") => cookie.expires = cookie.expires.or(Some(UnixTime::from_secs(0))),
            _ => (),
        }
    }
    let foreign = !cookie.host_only && host != cookie.domain && !host.ends_with(&format!(".{}", cookie.domain));
    let host_prefix = name.starts_with("__Host-") && (!cookie.secure || !cookie.host_only || cookie.path != "/");
    let secure_prefix = name.starts_with("__Secure-") && !cookie.secure;
    let lawless = cookie.same_site == "none" && !cookie.secure;
    let kept = !foreign && !host_prefix && !secure_prefix && !lawless && name.len() + value.len() <= LARGEST;
    kept.then_some(cookie)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_000);

    fn jar(lines: &[&str]) -> Jar {
        let mut jar = Jar::default();
        for line in lines {
            jar.take(line, "portal.example.org", NOW);
        }
        jar
    }

    fn sent(jar: &Jar, host: &str, path: &str, initiator: Initiator) -> String {
        jar.header(host, path, initiator, NOW).unwrap_or_default()
    }

    #[test]
    fn what_a_browser_does_not_keep_is_rejected() {
        let long = format!("a={}", "x".repeat(4096));
        for line in [
            "__Host-a=1; Path=/",
            "__Host-a=1; Secure; Path=/; Domain=example.org",
            "__Host-a=1; Secure; Path=/x",
            "__Secure-a=1; Path=/",
            "a=1; Domain=elsewhere.org",
            "a=1; SameSite=None",
            &long,
        ] {
            assert_eq!(jar(&[line]).rejected.len(), 1, "{line}");
        }
    }

    #[test]
    fn same_site_decides_what_another_site_can_cause() {
        let jar = jar(&["s=1; SameSite=Strict", "l=1; SameSite=Lax", "d=1", "n=1; SameSite=None; Secure"]);
        let sent = |initiator| sent(&jar, "portal.example.org", "/", initiator);
        assert_eq!(sent(Initiator::SameSite), "s=1; l=1; d=1; n=1");
        assert_eq!(sent(Initiator::CrossSiteNavigation), "l=1; d=1; n=1");
        assert_eq!(sent(Initiator::CrossSite), "n=1");
    }

    #[test]
    fn a_cookie_goes_where_it_belongs() {
        let jar = jar(&["a=1; Path=/x", "b=1; Domain=example.org; Path=/", "c=1; Path=/"]);
        let sent = |host, path| sent(&jar, host, path, Initiator::SameSite);
        assert_eq!(sent("portal.example.org", "/x/y"), "a=1; b=1; c=1");
        assert_eq!(sent("portal.example.org", "/xy"), "b=1; c=1");
        assert_eq!(sent("reports.example.org", "/x"), "b=1");
        assert_eq!(sent("badexample.org", "/x"), "");
    }

    #[test]
    fn a_cookie_ends_when_it_is_told_to() {
        let mut jar = jar(&["a=1; Max-Age=60", "b=1; Max-Age=60", "c=1"]);
        jar.take("b=; Max-Age=0", "portal.example.org", NOW);
        assert_eq!(sent(&jar, "portal.example.org", "/", Initiator::SameSite), "a=1; c=1");
        let later = NOW + Duration::from_secs(61);
        assert_eq!(jar.header("portal.example.org", "/", Initiator::SameSite, later), Some("c=1".to_owned()));
    }
}
