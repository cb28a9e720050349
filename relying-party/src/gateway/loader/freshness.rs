//! How long a provider's keys are fresh (RFC 9111 §4.2.1), within limits of our own.

use std::time::Duration;

use crate::http::Headers;

/// When the answer does not say: no, no readable, or no permitted lifetime.
const DEFAULT: Duration = Duration::from_secs(3600);
/// A provider that forbids caching is still not asked with every request.
const SHORTEST: Duration = Duration::from_secs(5 * 60);
/// A withdrawn key is noticed within a day, whatever the provider promises.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// How long the answer with these fields is fresh from now on: `max-age` less `age`.
pub(super) fn lifetime(fields: &Headers) -> Duration {
    bounded(max_age(fields).map_or(DEFAULT, |max_age| max_age.saturating_sub(age(fields))))
}

/// The nearest permitted lifetime.
pub(super) fn bounded(lifetime: Duration) -> Duration {
    lifetime.clamp(SHORTEST, LONGEST)
}

/// §5.2.2.1; `None` when absent, or when the answer must not be kept (§5.2.2.4, §5.2.2.5).
fn max_age(fields: &Headers) -> Option<Duration> {
    let mut found = None;
    let lines = fields.all("cache-control").filter_map(|value| std::str::from_utf8(value).ok());
    for directive in lines.flat_map(|line| line.split(',')) {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            "no-store" | "no-cache" => return None,
            "max-age" if found.is_none() => found = seconds(value.trim().trim_matches('"')),
            _ => {}
        }
    }
    found
}

/// §5.1
fn age(fields: &Headers) -> Duration {
    fields.first_str("age").and_then(|value| seconds(value.trim())).unwrap_or_default()
}

/// §1.2.2: what is too large to be counted is as good as for ever.
fn seconds(text: &str) -> Option<Duration> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| Duration::from_secs(text.parse().unwrap_or(u64::from(u32::MAX))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(fields: &[(&str, &str)]) -> u64 {
        let field = |(name, value): &(&str, &str)| ((*name).to_owned(), value.as_bytes().to_vec());
        lifetime(&Headers::new(fields.iter().map(field).collect())).as_secs()
    }

    #[test]
    fn cache_control_decides_within_limits() {
        for (value, expected) in [
            ("max-age=1800", 1800),
            ("public, Max-Age = 7200, must-revalidate", 7200),
            ("max-age=\"900\"", 900),
            ("max-age=10", 300),
            ("max-age=0", 300),
            ("max-age=604800", 86_400),
            ("max-age=99999999999999999999999", 86_400),
            ("max-age=1800, max-age=7200", 1800),
            ("no-store", 3600),
            ("no-cache, max-age=7200", 3600),
            ("max-age=7200, no-store", 3600),
            ("max-age=-1", 3600),
            ("max-age=soon", 3600),
            ("max-age", 3600),
            ("s-maxage=60", 3600),
            ("", 3600),
        ] {
            assert_eq!(of(&[("cache-control", value)]), expected, "{value}");
        }
        assert_eq!(of(&[]), 3600);
        assert_eq!(of(&[("cache-control", "public"), ("cache-control", "max-age=600")]), 600);
    }

    #[test]
    fn time_spent_in_other_caches_counts() {
        assert_eq!(of(&[("cache-control", "max-age=7200"), ("age", "3600")]), 3600);
        assert_eq!(of(&[("cache-control", "max-age=600"), ("age", "9000")]), 300);
        assert_eq!(of(&[("cache-control", "max-age=600"), ("age", "x")]), 600);
        assert_eq!(of(&[("age", "60")]), 3600);
    }
}
